"""All plots of a study in one figure: the changes of every endpoint with their intervals, then the curves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from poise.report.figures.letters import drawable, lettered
from poise.studies.comparison.outcome import StudyOutcome
from poise.studies.report.plots import WIDE, changes, curves, high_of, rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

Drawing = Callable[["SubFigure"], object]


def texts_of(outcome: StudyOutcome) -> list[str]:
    """Names that stand in the plots."""
    found = [outcome.plan.name]
    for part in outcome.parts:
        found += [part.name, *(arm.name for arm in part.arms), *(endpoint.name for endpoint in part.endpoints)]
        found += [score for arm in part.arms for score in arm.curves]
    return found


def study_figure(outcome: StudyOutcome) -> tuple[Figure, list[str]]:
    """The figure, 9 inches wide, and the letters in it that have no font here. Errors: ValueError where no run has come
    to its end, so that there is nothing to draw."""
    from matplotlib.figure import Figure

    with lettered(texts_of(outcome)) as missing:
        drawings = _drawings(outcome)
        if not drawings:
            raise ValueError("there is nothing to draw")
        heights = [high for high, _ in drawings]
        figure = Figure(figsize=(WIDE, sum(heights) + 0.5), layout="constrained")
        figure.suptitle(drawable(outcome.plan.name)[:85], fontsize=14, parse_math=False)
        places = figure.subfigures(len(drawings), 1, height_ratios=heights, squeeze=False)
        for place, (_, draw) in zip(places[:, 0], drawings, strict=True):
            draw(place)
    return figure, missing


def _drawings(outcome: StudyOutcome) -> list[tuple[float, Drawing]]:
    """(height in inches, what draws it) of each plot."""
    found: list[tuple[float, Drawing]] = []
    for part in outcome.parts:
        for endpoint in part.endpoints:
            if rows := rows_of(outcome, part.name, endpoint.name):
                title = f"{part.name}: {endpoint.name}, change with 95 % interval"
                found.append((high_of(rows), partial(changes, part, rows, title)))
    for part in outcome.parts:
        for score in sorted({score for arm in part.arms for score in arm.curves}):
            title = f"{part.name}: {score}, mean of the seeds with 95 % interval"
            found.append((4.4, partial(curves, part, score, title)))
    return found
