"""`poise compare`: what several runs were asked to do otherwise, what came out, and their curves in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poise.disk import expanded
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report.figures.letters import lettered, untold
from poise.report.figures.looks import check_figure, save_figure
from poise.report.figures.panels import Panel, PlottedCurve, panels_figure
from poise.results.curves import SCORES, RunCurves, texts_of
from poise.runs.differences import called, differences, lines_of

MOST = 6  # runs


def compare(runs: Sequence[RunFolder], out: str | None) -> list[str]:
    """A table of what differs, what came out and what was found, and with `out` (.png or .svg) the curves; returns the
    lines to tell.

    Errors: PoiseError for fewer than two runs or more than six, for one that is named twice, for a damaged one, and
    with `out` for one without a record.
    """
    if not 2 <= len(runs) <= MOST:
        raise PoiseError(f"poise compare takes 2 to {MOST} runs, not {len(runs)}: name others, or make a study of them")
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise PoiseError("poise compare: one run is named twice; name each once")
    lines = lines_of(runs, differences(runs, unfinished=True))
    if out is None:
        return lines
    target = expanded(out)
    check_figure(target)
    curves = [RunCurves.of(run) for run in runs]
    panels = panels_of(curves, called(runs))
    with lettered(texts_of(panels, [], *called(runs))) as missing:
        try:
            figure = panels_figure(f"{len(runs)} runs", panels, legend=False)
        except ValueError:
            raise PoiseError(
                "poise compare: the records of these runs are the same, so there is nothing to draw"
            ) from None
    save_figure(figure, target)
    return [*lines, "", *([said] if (said := untold(missing)) else []), f"written to {target}"]


def panels_of(runs: Sequence[RunCurves], names: Sequence[str]) -> list[Panel]:
    """A panel for each number, with a curve of each run that has it, scores first. Left out are numbers that are the
    same in all runs, and where runs share some, those that only one has. Run i has look i everywhere."""
    found: dict[str, Panel] = {}
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        for panel in [*map(run.score, run.scores[:SCORES]), *run.training()]:
            for curve in panel.curves:
                title = panel.title if curve.name == "generated" else f"{panel.title}: {curve.name}"
                mine = replace(curve, name=name, look=i)
                known = found.setdefault(title, Panel(title, panel.unit, []))
                found[title] = replace(known, curves=[*known.curves, mine])
    shared = [panel for panel in found.values() if len(panel.curves) > 1]
    return [panel for panel in shared or found.values() if not _same(panel.curves, len(runs))]


def _same(curves: Sequence[PlottedCurve], runs: int) -> bool:
    """Whether all runs have it, and the same."""
    first = curves[0]
    return len(curves) == runs and all((list(one.x), list(one.y)) == (list(first.x), list(first.y)) for one in curves)
