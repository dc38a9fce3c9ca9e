"""Curves over the steps of a run in one figure: small panels above each other, and what happened meanwhile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from poise.report.figures.letters import drawable
from poise.report.figures.looks import COLOURS, DASHES, REFERENCE, bare

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["stage", "critical", "warning", "note"]
OF_KIND: Mapping[Kind, str] = {"stage": "#777777", "critical": "#D55E00", "warning": "#E69F00", "note": "#56B4E9"}
COLUMNS = 2
# Inches: of a figure; beside the axes; of axes; of a bar of what happened; above everything; above axes, for the title
# and for each line of the legend; below them.
WIDE, LEFT, RIGHT, HIGH, STRIP, TOP, HEAD, LINE, FOOT = 10.0, 0.8, 0.2, 1.7, 0.24, 0.4, 0.3, 0.18, 0.3
ACROSS = (WIDE - RIGHT - COLUMNS * LEFT) / COLUMNS
ROOM = 58  # letters of a legend beside each other
LONGEST = 44  # letters of a name
MARKED = 40  # points up to which each is marked
LOGARITHMIC = 100.0  # largest over smallest value from which on an axis is logarithmic


@dataclass(frozen=True)
class PlottedCurve:
    """A named line through (x, y), with an interval from low to high at each point where there is one; `look`, which
    colour and dashes it has, counted from 0 (None: the next ones of its panel)."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    look: int | None = None


@dataclass(frozen=True)
class Panel:
    """Curves of one unit; `levels`, name -> a height to compare them with."""

    title: str
    unit: str
    curves: Sequence[PlottedCurve]
    levels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Happening:
    """What was so from one step to another: a stage, or something that was found."""

    name: str
    kind: Kind
    start: float
    end: float


def panels_figure(
    title: str, panels: Sequence[Panel], happenings: Sequence[Happening] = (), legend: bool = True
) -> Figure:
    """One figure 10 inches wide: title, a bar for each happening, panels in two columns over the same steps.

    A panel without any finite number is left out. `legend=False`: one legend for all panels, of the curves of all.
    Errors: ValueError where nothing is left to draw.
    """
    from matplotlib.figure import Figure

    panels = [panel for panel in panels if any(math.isfinite(y) for curve in panel.curves for y in curve.y)]
    if not panels:
        raise ValueError("there is nothing to draw")
    rows = [panels[i : i + COLUMNS] for i in range(0, len(panels), COLUMNS)]
    heads = [HEAD + LINE * max(_legend_lines(panel) for panel in row) * legend for row in rows]
    strip = HEAD + STRIP * len(happenings) + FOOT if happenings else 0.0
    once = 0.0 if legend else LINE * (2 + max(len(panel.curves) for panel in panels) // 2)
    above = TOP if title else 0.05
    high = above + strip + sum(heads) + len(rows) * (HIGH + FOOT) + 0.2 + once
    figure = Figure(figsize=(WIDE, high))
    figure.text(LEFT / 2 / WIDE, 1 - 0.1 / high, shortened(title, 90), fontsize=13, va="top", parse_math=False)
    ends = _ends(panels, happenings)
    if happenings:
        place = (LEFT, above + HEAD, WIDE - LEFT - RIGHT, STRIP * len(happenings))
        _strip(_placed(figure, *place), happenings, ends)
    top, last = above + strip, len(panels) - COLUMNS
    for i, (row, head) in enumerate(zip(rows, heads, strict=True)):
        for j, panel in enumerate(row):
            axes = _placed(figure, LEFT + j * (ACROSS + LEFT), top + head, ACROSS, HIGH)
            _draw(axes, panel, happenings, ends, legend)
            if COLUMNS * i + j >= last:
                axes.set_xlabel("steps", fontsize=9)
        top += head + HIGH + FOOT
    if not legend:
        known = {
            name: line for place in figure.axes for line, name in zip(*place.get_legend_handles_labels(), strict=True)
        }
        _plain(figure.legend(known.values(), known, loc="lower left", ncols=2, frameon=False, fontsize=9))
    return figure


def _placed(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the upper left corner."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def _ends(panels: Sequence[Panel], happenings: Sequence[Happening]) -> tuple[float, float]:
    """The first and the last step of everything, with a little room."""
    steps = [x for panel in panels for curve in panel.curves for x in (min(curve.x), max(curve.x)) if curve.x]
    steps += [x for one in happenings for x in (one.start, one.end)]
    room = 0.02 * (max(steps) - min(steps)) or 1.0
    return min(steps) - room, max(steps) + room


def _strip(axes: Axes, happenings: Sequence[Happening], ends: tuple[float, float]) -> None:
    """A bar for each happening, with its name at its left or right where there is more room."""
    for i, one in enumerate(happenings):
        place = len(happenings) - 1 - i
        least = (ends[1] - ends[0]) / 150
        axes.barh(place, max(one.end - one.start, least), left=one.start, height=0.62, color=OF_KIND[one.kind])
        before, after = one.start - ends[0], ends[1] - max(one.end, one.start + least)
        at = (max(one.end, one.start + least), 4, "left") if after >= before else (one.start, -4, "right")
        if max(before, after) < 0.3 * (ends[1] - ends[0]):
            at = (one.start, 4, "left")  # over the bar itself
        name = one.name if one.kind == "stage" else f"{one.name} ({one.kind})"
        axes.annotate(
            shortened(name, LONGEST + 12), (at[0], place), xytext=(at[1], 0), textcoords="offset points", ha=at[2],
            va="center_baseline", fontsize=8.5, parse_math=False,
        )  # fmt: skip
    axes.set_xlim(*ends)
    axes.set_ylim(-0.6, len(happenings) - 0.4)
    axes.set_yticks([])
    _steps(axes)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title("What happened", loc="left", fontsize=10, fontweight="bold")


def _draw(axes: Axes, panel: Panel, happenings: Sequence[Happening], ends: tuple[float, float], legend: bool) -> None:
    for i, curve in enumerate(panel.curves):
        look = i if curve.look is None else curve.look
        colour, dash = COLOURS[look % len(COLOURS)], DASHES[look // len(COLOURS) % len(DASHES)]
        marker = "o" if len(curve.x) <= MARKED else ""
        name = shortened(curve.name, LONGEST)
        name = f"\u200b{name}" if name.startswith("_") else name  # which has a legend too
        wide = 3.5 if _covered(curve, panel.curves[i + 1 :]) else 1.5
        axes.plot(
            curve.x, curve.y, color=colour, linestyle=dash, linewidth=wide, marker=marker, markersize=3, label=name
        )
        if curve.low:
            axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
    for i, (name, level) in enumerate(panel.levels.items()):
        if math.isfinite(level):
            axes.axhline(
                level,
                color=REFERENCE,
                linestyle=("dashed", "dotted")[i % 2],
                linewidth=1,
                label=shortened(name, LONGEST),
            )
    for one in happenings:
        axes.axvline(
            one.start,
            color=OF_KIND[one.kind],
            linewidth=1,
            linestyle="dotted" if one.kind == "stage" else "solid",
            zorder=1,
        )
    if _spread(panel) > LOGARITHMIC:
        axes.set_yscale("log")
    else:
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(*ends)
    axes.set_ylabel(shortened(panel.unit, 34), fontsize=9, parse_math=False)
    _steps(axes)
    bare(axes)
    _headed(axes, panel.title, legend)


def _steps(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(labelsize=8.5)


def _covered(curve: PlottedCurve, later: Sequence[PlottedCurve]) -> bool:
    """Whether a curve that is drawn later lies on it."""
    points = set(zip(curve.x, curve.y, strict=True))
    return any(2 * len(points.intersection(zip(one.x, one.y, strict=True))) > len(one.x) for one in later)


def _side_by_side(names: Sequence[str]) -> int:
    """How many names of a legend stand in a line."""
    return max(1, ROOM // (max(map(len, names), default=0) + 6))


def _legend_lines(panel: Panel) -> int:
    names = [shortened(name, LONGEST) for name in (*(curve.name for curve in panel.curves), *panel.levels)]
    return -(-len(names) // _side_by_side(names))


def _headed(axes: Axes, title: str, legend: bool) -> None:
    """Title, and below it the legend, both above the curves."""
    handles, names = axes.get_legend_handles_labels()
    lines = 0
    if legend:
        lines = -(-len(names) // _side_by_side(names))
        _plain(
            axes.legend(
                handles, names, loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=_side_by_side(names),
                frameon=False, fontsize=8.5, borderpad=0.1, borderaxespad=0.1, labelspacing=0.2, columnspacing=1.2,
                handlelength=1.6,
            )
        )  # fmt: skip
    axes.set_title(
        shortened(title, 52), loc="left", fontsize=10, fontweight="bold", pad=5 + 13 * lines, parse_math=False
    )


def _plain(legend: object) -> None:
    """No formulas in names of anybody's."""
    for text in legend.get_texts():  # type: ignore[attr-defined]
        text.set_parse_math(False)


def _spread(panel: Panel) -> float:
    """The largest over the smallest number of a panel; 0 where one is not above 0."""
    numbers = [y for curve in panel.curves for y in (*curve.y, *curve.low) if math.isfinite(y)]
    numbers += [level for level in panel.levels.values() if math.isfinite(level)]
    return max(numbers) / min(numbers) if min(numbers) > 0 else 0.0


def shortened(text: str, most: int) -> str:
    """The text in letters that can be drawn, `most` of them, its beginning and its end."""
    line = drawable(text)
    end = (most - 1) // 2
    return line if len(line) <= most else f"{line[: most - 1 - end]}…{line[len(line) - end :]}"
