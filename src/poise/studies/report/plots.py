"""Plots of a study, from the content of its study.json: changes with their intervals, and curves with bands.

Everything is drawn for 900 pixels. Colours are those of Okabe & Ito, which most colour-blind people can tell apart; the
arm that others are compared with is black. The same content gives the same bytes.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from poise.disk import write_atomically
from poise.errors import PoiseError
from poise.report.spectrogram import drawable
from poise.report.table import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OTHERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6D1F")
REFERENCE = "#000000"
DASHES = ("solid", "dashed", "dotted", "dashdot")
FACTOR = " as a factor"
WIDE, DPI = 9.0, 100
CROWDED = 5  # arms beyond which the single seeds are left out of the curves
LOGARITHMIC = 5.0  # largest over smallest value beyond which a curve is drawn on a logarithmic axis
Picture = dict[str, str]  # file (relative to the folder), title


def draw(outcome: Mapping[str, Any], folder: Path) -> list[Picture]:
    """Write all plots of a study into `folder/plots` and name them; plots of an earlier time are taken away.

    For each part and endpoint the changes, for each part and score the curves; what has no numbers yet has no plot.
    Errors: PoiseError where they cannot be written.
    """
    place = folder / "plots"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoiseError(f"cannot make the folder {place}: {error.strerror}; choose another one") from None
    found: list[Picture] = []

    def keep(kind: str, part: str, what: str, figure: Figure, title: str) -> None:
        name = f"{_slug(part)}-{kind}-{_slug(what)}"
        while f"plots/{name}.png" in [picture["file"] for picture in found]:
            name += "-x"
        _save(figure, place / f"{name}.png")
        found.append({"file": f"plots/{name}.png", "title": title})

    for part in outcome["parts"]:
        for endpoint in part["endpoints"]:
            rows = _rows(outcome, part["name"], endpoint["name"])
            if rows:
                title = f"{part['name']}: {endpoint['name']}, change with 95 % interval"
                keep("change", part["name"], endpoint["name"], changes(part, endpoint, rows, title), title)
        for score in sorted({score for arm in part["arms"] for score in arm["curves"]}):
            title = f"{part['name']}: {score}, mean of the seeds with 95 % interval"
            keep("curve", part["name"], score, curves(part, score, title), title)
    for old in place.glob("*.png"):
        if f"plots/{old.name}" not in [picture["file"] for picture in found]:
            old.unlink(missing_ok=True)
    return found


def _rows(outcome: Mapping[str, Any], part: str, endpoint: str) -> list[Mapping[str, Any]]:
    """Every comparison of an endpoint that has a number, each pair of arms once."""
    tests = [row for claim in outcome["claims"] for row in claim["tests"]]
    rows: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in [*outcome["comparisons"], *tests]:
        if (row["part"], row["endpoint"]) == (part, endpoint) and row["estimate"] is not None:
            rows.setdefault((row["arm"], row["against"]), row)
    return list(rows.values())


def changes(
    part: Mapping[str, Any], endpoint: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], title: str
) -> Figure:
    """A row for each comparison: the seeds, their mean and its interval; shaded is what is too small to matter."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDE, 1.7 + 0.75 * len(rows)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    unit, turn = _unit(rows)
    names = _colours(part)
    lived = {arm["name"]: _lived(arm.get("alive")) for arm in part["arms"]}
    for i, row in enumerate(rows):
        place = len(rows) - 1 - i
        colour = names[row["arm"]][0]
        seeds = [turn(row, d) for d in row["differences"].values()]
        apart = 0.26 + 0.05 * (np.arange(len(seeds)) % 3 - 1)
        worst = np.array([seed in row["worst_seeds"] for seed in row["differences"]])
        for marks, chosen, look in (("o", ~worst, {"alpha": 0.45, "mew": 0}), ("x", worst, {"mew": 2})):
            at = [seed for seed, wanted in zip(seeds, chosen, strict=True) if wanted]
            axes.plot(at, place - apart[chosen], marks, color=colour, markersize=6, **look)
        if row["low"] is not None:
            ends = [turn(row, row["low"]), turn(row, row["high"])]
            axes.plot(ends, [place, place], color=colour, linewidth=3, solid_capstyle="butt")
        axes.plot([turn(row, row["estimate"])], [place], "D", color=colour, markersize=9, markeredgecolor="white")
        if row["margin"] is not None:
            near = [turn(row, -row["margin"]), turn(row, row["margin"])]
            axes.fill_between(near, place - 0.45, place + 0.45, color="#999999", alpha=0.2, linewidth=0)
        _beside(axes, place, [f"p {_p(row['p'])}, {row['n']} seeds" if row["n"] > 1 else "1 seed", lived[row["arm"]]])
    if unit == FACTOR:
        _logarithmic(axes, "x")
    axes.axvline(turn(rows[0], 0.0), color="black", linewidth=1)
    labels = [
        "\n".join(_cut(line, 26) for line in f"{row['arm']}\nagainst {row['against']}".split("\n")) for row in rows
    ]
    axes.set_yticks(range(len(rows) - 1, -1, -1), labels, parse_math=False)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    way = "← better" if endpoint["better"] == "lower" else "better →"
    shaded = "; shaded: too small to matter" if any(row["margin"] is not None for row in rows) else ""
    shaded += "; ×: a run counts as the worst" if any(row["worst_seeds"] for row in rows) else ""
    _finish(axes, title, f"change{unit} ({way}{shaded})", "")
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    return figure


def _unit(rows: Sequence[Mapping[str, Any]]) -> tuple[str, Any]:
    """How the axis is called, and (row, difference as it was computed) -> place on the axis."""
    units = {row["shown"]["unit"] for row in rows}
    ratio = rows[0]["scale"] == "ratio"
    if units == {"%"}:
        if ratio:
            return " in %", lambda row, d: 100 * math.expm1(d)
        return " in % of the other arm's mean", lambda row, d: 100 * d / abs(row["mean_against"])
    if ratio:
        return FACTOR, lambda row, d: math.exp(min(d, 700.0))
    return "", lambda row, d: d


def curves(part: Mapping[str, Any], score: str, title: str) -> Figure:
    """For each arm the mean over the seeds, its 95 % t interval as a band, and with room a thin line for each seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDE, 5.2), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    drawn = [arm for arm in part["arms"] if score in arm["curves"]]
    colours = _colours(part)
    handles, labels = [], []
    for arm in drawn:
        colour, dash = colours[arm["name"]]
        curve = arm["curves"][score]
        for points in curve["runs"].values() if len(drawn) <= CROWDED else ():
            axes.plot(
                [step for step, _ in points], [value for _, value in points], color=colour, alpha=0.22, linewidth=0.7
            )
        known = [point for point in curve["band"] if point[2] is not None]
        steps, _, low, high, _ = zip(*known, strict=True) if known else ((),) * 5
        axes.fill_between(steps, low, high, color=colour, alpha=0.2 if len(drawn) <= CROWDED else 0.1, linewidth=0)
        means = [(step, mean) for step, mean, *_ in curve["band"]]
        handles += axes.plot(*zip(*means, strict=True), color=colour, linestyle=dash, linewidth=2.2) if means else []
        labels += [f"{_cut(arm['name'], 40)} (n = {len(curve['runs'])})"] if means else []
    values = [v for arm in drawn for points in arm["curves"][score]["runs"].values() for _, v in points]
    if values and min(values) > 0 and max(values) / min(values) > LOGARITHMIC:
        _logarithmic(axes, "y")
    _finish(axes, title, "steps", _cut(score, 50))
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if handles:
        legend = axes.legend(handles, [f" {label}" for label in labels], fontsize=11, framealpha=0.9)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def _logarithmic(axes: Axes, which: str) -> None:
    """With 1, 2 and 5 times the powers of ten written out."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(LogLocator(subs=range(1, 10)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ""))


def _colours(part: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """arm -> colour and dashes, the same in all plots of a part."""
    others = [arm["name"] for arm in part["arms"] if arm["name"] != part["against"]]
    found = {name: (OTHERS[i % len(OTHERS)], DASHES[i // len(OTHERS) % len(DASHES)]) for i, name in enumerate(others)}
    return {part["against"]: (REFERENCE, DASHES[0]), **found}


def _lived(alive: Mapping[str, int] | None) -> str:
    """How many discriminators were alive at the end."""
    return f"D alive {alive['k']} of {alive['n']}" if alive else ""


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


def _p(p: float) -> str:
    """As the tables have it: three places below .1, two above."""
    text = f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"
    return "< .001" if p < 0.0005 else "= 1" if text.startswith("1") else f"= {text.removeprefix('0')}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "x"


def _save(figure: Figure, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_atomically(path, buffer.getvalue())
