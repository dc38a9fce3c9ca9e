"""All plots of a study: what there is to draw, as files, and in one figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from poise.disk import write_atomically
from poise.errors import PoiseError
from poise.report.figures.letters import drawable, lettered
from poise.report.figures.looks import as_png
from poise.studies.comparison.outcome import PartSummary, StudyOutcome
from poise.studies.report.heat import heat, heat_of, high_of_heat
from poise.studies.report.plots import WIDE, changes, curves, high_of, new_figure, rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

CURVES = 5.2  # inches


@dataclass(frozen=True)
class StudyPlot:
    """One plot: `kind` change, heat or curve, of `what`; `draw` puts it onto a figure that is `high` inches high."""

    kind: str
    part: str
    what: str
    title: str
    high: float
    draw: Callable[[Figure | SubFigure], object]

    def figure(self) -> Figure:
        """The plot in a figure of its own."""
        figure = new_figure(self.high)
        self.draw(figure)
        return figure


@dataclass(frozen=True)
class Plot:
    """A picture of the study; `file` relative to its folder."""

    file: str
    title: str


def texts_of(outcome: StudyOutcome) -> list[str]:
    """Names that stand in the plots."""
    found = [outcome.plan.name]
    for part in outcome.parts:
        found += [part.name, *(arm.name for arm in part.arms), *(endpoint.name for endpoint in part.endpoints)]
        found += [score for arm in part.arms for score in arm.curves]
    return found


def drawings_of(outcome: StudyOutcome) -> list[StudyPlot]:
    """For each part and endpoint the changes, and the map where its arms are a grid; for each part and score the
    curves. What has no numbers yet has no plot."""
    found: list[StudyPlot] = []
    for part in outcome.parts:
        found += _of_endpoints(outcome, part)
        for score in sorted({score for arm in part.arms for score in arm.curves}):
            title = f"{part.name}: {score}, mean of the seeds with 95 % interval"
            found.append(StudyPlot("curve", part.name, score, title, CURVES, partial(curves, part, score, title)))
    return found


def _of_endpoints(outcome: StudyOutcome, part: PartSummary) -> list[StudyPlot]:
    found: list[StudyPlot] = []
    for endpoint in part.endpoints:
        name, rows = endpoint.name, rows_of(outcome, part.name, endpoint.name)
        if not rows:
            continue
        title = f"{part.name}: {name}, change with 95 % interval"
        found.append(StudyPlot("change", part.name, name, title, high_of(rows), partial(changes, part, rows, title)))
        grid = heat_of(part, endpoint)
        if grid is not None:
            title = f"{part.name}: {name}, mean of the seeds; dark is better"
            found.append(StudyPlot("heat", part.name, name, title, high_of_heat(grid), partial(heat, grid, title)))
    return found


def draw(outcome: StudyOutcome, folder: Path) -> list[Plot]:
    """Write all plots of a study into `folder/plots` and name them; plots of an earlier time are taken away.

    Errors: PoiseError where they cannot be written.
    """
    place = folder / "plots"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoiseError(f"cannot make the folder {place}: {error.strerror}; choose another one") from None
    found: list[Plot] = []
    for drawing in drawings_of(outcome):
        name = _free(f"{_slug(drawing.part)}-{drawing.kind}-{_slug(drawing.what)}", found)
        write_atomically(folder / name, as_png(drawing.figure()))
        found.append(Plot(name, drawing.title))
    for old in place.glob("*.png"):
        if f"plots/{old.name}" not in [plot.file for plot in found]:
            old.unlink(missing_ok=True)
    return found


def _free(name: str, taken: Sequence[Plot]) -> str:
    while f"plots/{name}.png" in [plot.file for plot in taken]:
        name += "-x"
    return f"plots/{name}.png"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "x"


def study_figure(outcome: StudyOutcome) -> tuple[Figure, list[str]]:
    """The changes of every endpoint, then the curves, in a figure 9 inches wide; and the letters in it that have no
    font here. Errors: ValueError where no run has come to its end, so that there is nothing to draw."""
    from matplotlib.figure import Figure

    with lettered(texts_of(outcome)) as missing:
        drawings = sorted(drawings_of(outcome), key=lambda drawing: drawing.kind == "curve")
        if not drawings:
            raise ValueError("there is nothing to draw")
        heights = [drawing.high for drawing in drawings]
        figure = Figure(figsize=(WIDE, sum(heights) + 0.5), layout="constrained")
        figure.suptitle(drawable(outcome.plan.name)[:85], fontsize=14, parse_math=False)
        places = figure.subfigures(len(drawings), 1, height_ratios=heights, squeeze=False)
        for place, drawing in zip(places[:, 0], drawings, strict=True):
            drawing.draw(place)
    return figure, missing
