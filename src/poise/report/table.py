"""Scores and runs as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as aligned lines."""
    table = [list(row) for row in rows]
    if not table:
        return []
    sizes = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return ["  ".join(c.ljust(size) for c, size in zip(row, sizes, strict=True)).rstrip() for row in table]


def score_lines(scores: dict[str, float], floor: dict[str, float]) -> list[str]:
    """One line for each score: value, 95 % interval, the same of real against real."""
    rows = []
    for name, value in scores.items():
        if "." in name:
            continue
        text = f"{value:.4f}"
        if f"{name}.low" in scores:
            text += f" [{scores[f'{name}.low']:.4f}, {scores[f'{name}.high']:.4f}]"
        rows.append((name, text, f"real against real {floor[name]:.4f}" if name in floor else ""))
    return columns(rows)


def run_lines(runs: Iterable[tuple[str, str, dict[str, Any]]]) -> list[str]:
    """name, state, report -> a table with the best score of each run."""
    rows = []
    for name, state, report in runs:
        found = report.get("best") or {}
        rows.append((name, state, f"{found['score']} {found['value']:.4f}" if found else ""))
    return columns(rows)
