"""Plots of numbers, written whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from poise.disk import write_atomically

Point = tuple[float, float, str]  # x, y, what to write beside it


def curves(
    path: Path,
    lines: Mapping[str, Sequence[Point]],
    marks: Mapping[str, tuple[float, float]],
    labels: tuple[str, str],
    title: str,
) -> None:
    """A PNG with one connected line for each name, and single crosses such as that of real data."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for name, points in lines.items():
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], marker="o", label=name)
        for x, y, text in points:
            axes.annotate(text, (x, y), textcoords="offset points", xytext=(5, 5), fontsize=8)
    for name, (x, y) in marks.items():
        axes.plot([x], [y], "kx", markersize=10, label=name)
    axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomically(path, buffer.getvalue())
