"""Numbers as people read them: p-values, intervals, per cent, the true minus sign."""

from __future__ import annotations

import math

from poise.report.table import number
from poise.studies.comparison.outcome import PairedChange

MINUS = "−"


def minus(text: str) -> str:
    return text.replace("-", MINUS)


def plain_number(value: float) -> str:
    """Three significant digits with a true minus."""
    return minus(number(value))


def percent(value: float) -> str:
    return f"{plain_number(value)} %"


def probability(p: float) -> str:
    """With its sign: "= .002", "< .001", "= .17", "= 1"."""
    if p < 0.0005:
        return "< .001"
    text = f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"
    return "= 1" if text.startswith("1") else f"= {text.removeprefix('0')}"


def bare(p: float | None) -> str:
    """Without its sign: ".002", "<.001", and "-" for none."""
    return "-" if p is None else probability(p).removeprefix("= ").replace("< ", "<")


def seeds(n: int) -> str:
    return "1 seed" if n == 1 else f"{n} seeds"


def level(alpha: float) -> str:
    """A limit for p: ".05"."""
    return f"{alpha:g}".removeprefix("0")


def with_p(change: PairedChange) -> str:
    """ "p = .002, adjusted .006": raw, and adjusted where that is another number."""
    text = f"p {probability(change.p)}"
    return text if change.adjusted_p is None else f"{text}, adjusted {bare(change.adjusted_p)}"


def interval(estimate: float, low: float | None, high: float | None, unit: str = "", sign: bool = True) -> str:
    """ "−12 % [−18, −5]": the interval's half width is given to one digit or two, the rest to the same place."""
    if low is None or high is None:
        return f"{_signed(plain_number(estimate), estimate, sign)}{unit} [one pair]"
    half = (high - low) / 2
    smallest = min(half, max(abs(low), abs(high))) or 0.0
    places = max(0, -math.floor(math.log10(smallest / 5))) if smallest > 0 else 8  # more than 7: as it is

    def text(value: float) -> str:
        if places > 7 or abs(value) >= 1e6:
            return plain_number(value)
        rounded = f"{value:.{places}f}"
        return minus(rounded if float(rounded) else rounded.removeprefix("-"))

    return f"{_signed(text(estimate), estimate, sign)}{unit} [{text(low)}, {text(high)}]"


def _signed(text: str, value: float, sign: bool) -> str:
    return f"+{text}" if sign and value > 0 else text


def change_text(change: PairedChange | None) -> str:
    """The change with its interval: per cent where the other arm's mean is well away from 0, a factor, or as it is."""
    if change is None:
        return "-"
    shown = change.shown
    if shown.unit == "factor":
        return f"×{interval(shown.estimate, shown.low, shown.high, sign=False)}"
    return interval(shown.estimate, shown.low, shown.high, unit=" %" if shown.unit else "")
