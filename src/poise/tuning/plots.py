"""Plots of a search: which option matters, and what was tried of each. Colours as everywhere; the default is a line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from poise.disk import write_atomically
from poise.report.figures.looks import COLOURS, GRID, as_png
from poise.tuning.asked import Asked
from poise.tuning.space import Dimension, Value
from poise.tuning.trials import Tried

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE, HIGH = 9.0, 2.8
ACROSS = 3  # slices beside each other


def draw(folder: Path, asked: Asked, tried: Sequence[Tried], importance: Mapping[str, float]) -> list[str]:
    """plots/slices.png, and plots/importance.png where anything is known of it; returns their names."""
    (folder / "plots").mkdir(exist_ok=True)
    made = []
    if importance:
        write_atomically(folder / "plots/importance.png", _importance(importance))
        made.append("plots/importance.png")
    over = [one for one in tried if math.isfinite(one.mean)]
    if over:
        write_atomically(folder / "plots/slices.png", _slices(asked, over))
        made.append("plots/slices.png")
    return made


def _importance(importance: Mapping[str, float]) -> bytes:
    from matplotlib.figure import Figure

    names = sorted(importance, key=lambda name: importance[name])
    figure = Figure(figsize=(WIDE, 0.8 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, [100 * importance[name] for name in names], color=COLOURS[0])
    axes.set_xlabel("part of the differences between trials that it explains, %")
    axes.spines[["top", "right"]].set_visible(False)
    return as_png(figure)


def _slices(asked: Asked, over: Sequence[Tried]) -> bytes:
    """A panel for each option: every trial at its value and mean; given up ones are hollow."""
    from matplotlib.figure import Figure

    dimensions = list(asked.space.dimensions)
    rows = math.ceil(len(dimensions) / ACROSS)
    figure = Figure(figsize=(WIDE, 0.4 + HIGH * rows), layout="constrained")
    panels = figure.subplots(rows, ACROSS, sharey=True, squeeze=False)
    pick = min if asked.lower else max
    best = pick((one for one in over if one.state == "done"), key=lambda one: one.mean, default=None)
    for axes, one in zip(panels.flat, dimensions, strict=False):
        _slice(axes, one, over, best, asked.defaults[one.name])
    for axes in panels.flat[len(dimensions) :]:
        axes.set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel(asked.endpoint.name)
    return as_png(figure)


def _slice(axes: Axes, one: Dimension, over: Sequence[Tried], best: Tried | None, default: Value) -> None:
    for state, colour, inside in (("done", COLOURS[0], COLOURS[0]), ("given up", COLOURS[4], "none")):
        mine = [tried for tried in over if tried.state == state]
        places, means = [_place(one, tried.values[one.name]) for tried in mine], [tried.mean for tried in mine]
        axes.plot(places, means, "o", markersize=5, color=colour, markerfacecolor=inside)
    if best is not None:
        axes.plot(
            [_place(one, best.values[one.name])],
            [best.mean],
            "*",
            color=COLOURS[1],
            markersize=14,
            markeredgecolor="white",
        )
    if one.kind in ("log", "times"):
        axes.set_xscale("log")
        axes.tick_params(axis="x", which="minor", labelbottom=False)
    axes.axvline(_place(one, default), color="black", linewidth=1, linestyle="dashed")
    if one.kind == "one of":
        axes.set_xticks(range(len(one.choices)), [str(choice) for choice in one.choices])
    if one.kind == "times":
        axes.minorticks_off()
        ticks = [2.0**i for i in range(-10, 11) if one.low <= 2.0**i <= one.high]
        axes.set_xticks(ticks, [f"×{tick:g}" for tick in ticks])
    if one.zero:
        axes.axvspan(one.lowest, one.low, color="#999999", alpha=0.2, linewidth=0)
        axes.annotate("0", (one.lowest, 1), xycoords=("data", "axes fraction"), va="top", fontsize=9)
    axes.set_title(f"{one.name}, a factor" if one.kind == "times" else one.name, fontsize=9)
    axes.grid(color=GRID, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _place(one: Dimension, value: Value) -> float:
    """Where a value stands on the axis: 0 in the middle of what is drawn for it, choices in their order."""
    if one.kind == "one of" or isinstance(value, str):
        return float(one.choices.index(value))
    if one.zero and value == 0:
        return math.sqrt(one.lowest * one.low)
    return float(value)
