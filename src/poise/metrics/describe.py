"""Scores as lines of text, always with what is needed to read them: interval, floor, N and input size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from poise.metrics.features import Extractor

SUFFIXES = (".low", ".high", ".n", ".m")


def number(value: float) -> str:
    """Three significant digits; no exponent for what is easily read without."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def lines(scores: Mapping[str, float], floor: Mapping[str, float], extractors: Sequence[Extractor] = ()) -> list[str]:
    """One line per score: name, value [95 % interval], the real-against-real floor, N generated/real, input size.

    `scores` and `floor` are what `Judge.score` and `Judge.floor` return; `extractors` (`Judge.extractors`) give the
    input sizes. No scores, no lines.
    """
    sizes = dict(e.name.partition("@")[::2] for e in extractors)
    rows = []
    for name in (key for key in scores if not key.endswith(SUFFIXES)):
        short = name.partition("-")[2]
        facts = f"N {scores[f'{short}.n']:.0f}/{scores[f'{short}.m']:.0f}" if f"{short}.n" in scores else ""
        facts += f" at {sizes[short]} px" if short in sizes else ""
        beside = f"floor {_with_interval(name, floor)}" if name in floor else ""
        rows.append((name, _with_interval(name, scores), beside, facts))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _with_interval(name: str, values: Mapping[str, float]) -> str:
    text = number(values[name])
    if f"{name}.low" in values:
        text += f" [{number(values[f'{name}.low'])}, {number(values[f'{name}.high'])}]"
    return text
