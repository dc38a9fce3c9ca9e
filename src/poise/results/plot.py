"""`poise plot`: the curves of a run, or the plots of a study, in one figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from poise.disk import expanded
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report.figures.letters import lettered, untold
from poise.report.figures.looks import check_figure, save_figure
from poise.report.figures.panels import panels_figure
from poise.results.curves import RunCurves, texts_of
from poise.studies.kept import outcome_of
from poise.studies.report.whole import study_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUN_FILE, STUDY_FILE = "curves.png", "study.png"


def plot(what: RunFolder | Path, out: str | None) -> list[str]:
    """Draw it into `out`, .png or .svg (None: curves.png in the run's folder, study.png in the study's); returns what
    to tell. Errors: PoiseError for another ending, a run without a record, a study without a run that is over."""
    default = what.path / RUN_FILE if isinstance(what, RunFolder) else what / STUDY_FILE
    target = expanded(out) if out else default
    check_figure(target)
    figure, said = _of_run(what) if isinstance(what, RunFolder) else _of_study(what)
    save_figure(figure, target)
    return [*(line for line in said if line), f"written to {target}"]


def _of_run(folder: RunFolder) -> tuple[Figure, list[str]]:
    curves = RunCurves.of(folder)
    panels = curves.panels()
    with lettered(texts_of(panels, curves.happenings, curves.name)) as missing:
        try:
            figure = panels_figure(f"{curves.name}: {folder.state()}", panels, curves.happenings)
        except ValueError:
            raise PoiseError(f"{folder.path}: its record has no number to draw; see poise record") from None
    return figure, [curves.left_out(), untold(missing)]


def _of_study(folder: Path) -> tuple[Figure, list[str]]:
    try:
        figure, missing = study_figure(outcome_of(folder))
    except ValueError:
        raise PoiseError(f"{folder}: no run of this study has come to its end, so there is nothing to draw") from None
    return figure, [untold(missing)]
