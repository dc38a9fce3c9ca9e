"""Plots of a study, from its outcome: changes with their intervals, and curves with bands.

Everything is drawn for 900 pixels. Colours are those of Okabe & Ito, which most colour-blind people can tell apart; the
arm that others are compared with is black. The same content gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from poise.direction import SIGN
from poise.report.figures.letters import drawable
from poise.report.figures.looks import COLOURS, DASHES, REFERENCE
from poise.report.table import number
from poise.studies.comparison.outcome import Contrast, PairedChange, PartSummary, StudyOutcome
from poise.studies.comparison.text import probability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

OTHERS = COLOURS
FACTOR = " as a factor"
WIDE, DPI = 9.0, 100
CROWDED = 5  # arms beyond which the single seeds are left out of the curves
LOGARITHMIC = 5.0  # largest over smallest value beyond which a curve is drawn on a logarithmic axis


Row = tuple[Contrast, PairedChange]
Turn = Callable[[PairedChange, float], float]  # (change, difference as it was computed) -> place on the axis


def rows_of(outcome: StudyOutcome, part: str, endpoint: str) -> list[Row]:
    """Every contrast of an endpoint that has a number, each pair of arms once."""
    tests = [row for claim in outcome.claims for row in claim.tests]
    rows: dict[tuple[str, str], Row] = {}
    for row in [*outcome.comparisons, *tests]:
        if (row.part, row.endpoint) == (part, endpoint) and row.change is not None:
            rows.setdefault((row.arm, row.against), (row, row.change))
    return list(rows.values())


def high_of(rows: Sequence[Row]) -> float:
    """Inches of the plot of changes."""
    return 1.7 + 0.75 * len(rows)


def changes(part: PartSummary, rows: Sequence[Row], title: str, onto: Figure | SubFigure) -> None:
    """A row for each contrast: the seeds, their mean and its interval; shaded is what is too small to matter."""
    axes = onto.subplots()
    unit, turn = axis_of(rows)
    colours = _colours(part)
    labels = []
    for i, (row, change) in enumerate(rows):
        place = len(rows) - 1 - i
        _change(axes, place, colours[row.arm][0], row, change, turn)
        said = f"p {probability(change.p)}, {row.n} seeds" if row.n > 1 else "1 seed"
        _beside(axes, place, [said, _lived(part, row.arm)])
        labels.append(f"{_cut(row.arm, 26)}\n{_cut(f'against {row.against}', 26)}")
    if unit == FACTOR:
        _logarithmic(axes, "x")
    axes.axvline(turn(rows[0][1], 0.0), color="black", linewidth=1)
    axes.set_yticks(range(len(rows) - 1, -1, -1), labels, parse_math=False)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    way = "← better" if SIGN[rows[0][0].better] < 0 else "better →"
    shaded = "; shaded: too small to matter" if any(change.margin is not None for _, change in rows) else ""
    shaded += "; ×: a run counts as the worst" if any(row.worst_seeds for row, _ in rows) else ""
    _finish(axes, title, f"change{unit} ({way}{shaded})", "")
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)


def _change(axes: Axes, place: int, colour: str, row: Contrast, change: PairedChange, turn: Turn) -> None:
    """One row: dots of the seeds (crosses of those that count as the worst), interval, mean, margin."""
    seeds = [turn(change, d) for d in change.differences.values()]
    apart = 0.26 + 0.05 * (np.arange(len(seeds)) % 3 - 1)
    worst = np.array([seed in row.worst_seeds for seed in change.differences])
    for marks, chosen, look in (("o", ~worst, {"alpha": 0.45, "mew": 0}), ("x", worst, {"mew": 2})):
        at = [seed for seed, wanted in zip(seeds, chosen, strict=True) if wanted]
        axes.plot(at, place - apart[chosen], marks, color=colour, markersize=6, **look)
    if change.low is not None and change.high is not None:
        ends = [turn(change, change.low), turn(change, change.high)]
        axes.plot(ends, [place, place], color=colour, linewidth=3, solid_capstyle="butt")
    axes.plot([turn(change, change.estimate)], [place], "D", color=colour, markersize=9, markeredgecolor="white")
    if change.margin is not None:
        near = [turn(change, -change.margin), turn(change, change.margin)]
        axes.fill_between(near, place - 0.45, place + 0.45, color="#999999", alpha=0.2, linewidth=0)


def axis_of(rows: Sequence[Row]) -> tuple[str, Turn]:
    """How the axis is called, and where on it differences lie."""
    ratio = rows[0][0].scale == "ratio"
    if all(change.shown.unit == "%" for _, change in rows):
        if ratio:
            return " in %", lambda _, d: 100 * math.expm1(d)
        return " in % of the other arm's mean", lambda change, d: 100 * d / abs(change.mean_against)
    if ratio:
        return FACTOR, lambda _, d: math.exp(min(d, 700.0))
    return "", lambda _, d: d


def new_figure(high: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDE, high), dpi=DPI, layout="constrained")


def curves(part: PartSummary, score: str, title: str, onto: Figure | SubFigure) -> None:
    """For each arm the mean over the seeds, its 95 % t interval as a band, and with room a thin line for each seed."""
    from matplotlib.ticker import MaxNLocator

    axes = onto.subplots()
    drawn = [(arm.name, arm.curves[score]) for arm in part.arms if score in arm.curves]
    room = len(drawn) <= CROWDED
    colours = _colours(part)
    handles, labels = [], []
    for name, curve in drawn:
        colour, dash = colours[name]
        for points in curve.runs.values() if room else ():
            axes.plot(*zip(*points, strict=True), color=colour, alpha=0.22, linewidth=0.7)
        known = [point for point in curve.band if point.low is not None]
        steps, _, low, high, _ = zip(*known, strict=True) if known else ((),) * 5
        axes.fill_between(steps, low, high, color=colour, alpha=0.2 if room else 0.1, linewidth=0)
        if curve.band:
            means = [point.step for point in curve.band], [point.mean for point in curve.band]
            alone = "o" if len(curve.band) == 1 else ""
            handles += axes.plot(*means, color=colour, linestyle=dash, linewidth=2.2, marker=alone)
            labels.append(f" {_cut(name, 40)} (n = {len(curve.runs)})")
    values = [value for _, curve in drawn for points in curve.runs.values() for _, value in points]
    if values and min(values) > 0 and max(values) / min(values) > LOGARITHMIC:
        _logarithmic(axes, "y")
    _finish(axes, title, "steps", _cut(score, 50))
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    if handles:
        legend = axes.legend(handles, labels, fontsize=11, framealpha=0.9)
        for text in legend.get_texts():
            text.set_parse_math(False)


def _logarithmic(axes: Axes, which: str) -> None:
    """With 1, 2 and 5 times the powers of ten written out."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(LogLocator(subs=range(1, 10)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ""))


def _colours(part: PartSummary) -> dict[str, tuple[str, str]]:
    """arm -> colour and dashes, the same in all plots of a part."""
    others = [arm.name for arm in part.arms if arm.name != part.against]
    found = {name: (OTHERS[i % len(OTHERS)], DASHES[i // len(OTHERS) % len(DASHES)]) for i, name in enumerate(others)}
    return {part.against: (REFERENCE, DASHES[0]), **found}


def _lived(part: PartSummary, arm: str) -> str:
    """How many discriminators were alive at the end."""
    alive = part.arm(arm).alive
    return f"D alive {alive.k} of {alive.n}" if alive else ""


def _beside(axes: Axes, place: float, texts: Sequence[str]) -> None:
    """Small lines of text to the right of the axes."""
    text, where = "\n".join(text for text in texts if text), ("axes fraction", "data")
    axes.annotate(text, (1.01, place), xycoords=where, va="center", fontsize=10, annotation_clip=False)


def _finish(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set_title(_cut(title, 85), fontsize=13, parse_math=False)
    axes.set_xlabel(drawable(across), fontsize=11, parse_math=False)
    axes.set_ylabel(up, fontsize=11, parse_math=False)
    axes.tick_params(labelsize=10.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _cut(text: str, most: int) -> str:
    line = drawable(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
