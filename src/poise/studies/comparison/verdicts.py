"""What a test and a claim come to: supported, refuted, or neither, and the reason in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from poise.direction import SIGN
from poise.studies.comparison.statistics import seeds_needed
from poise.studies.comparison.text import bare, change, level, percent, plain_number, probability, seeds, with_p

AGAINST = ("refuted", "equivalent", "too small")  # verdicts of a test that speak against its claim


class Verdict(NamedTuple):
    """supported, too small, equivalent, refuted, inconclusive or unfinished; and why."""

    verdict: str
    reason: str


def verdict_of(row: Mapping[str, Any], alpha: float, claims: int = 1) -> Verdict:
    """The verdict on a compared test (a row of `comparison.compare`) whose runs are all there.

    With fewer seeds than a study of so many claims needs nothing could be supported, so nothing is refuted either; and
    where neither arm has learnt anything there is nothing to compare.
    """
    if row["p"] is None:
        return Verdict("inconclusive", "no seed has a number in both arms")
    if row["least_p"] >= alpha / claims and not (row["adjusted_p"] is not None and row["adjusted_p"] < alpha):
        among = f" of {claims} claims" if claims > 1 else ""
        few = f"{seeds(row['n'])} can show nothing{among} (p = {bare(row['least_p'])} at least)"
        return Verdict("inconclusive", f"{few}: use {seeds_needed(alpha, claims)} or more")
    if row.get("unlearnt"):
        return Verdict("inconclusive", f"nothing was learnt in most runs of both arms ({row['unlearnt']})")
    return EXPECTED[row["expect"]](row, alpha)


def _change(row: Mapping[str, Any], alpha: float) -> Verdict:
    """A claim that the arm's number is lower, or higher. Intervals are turned so that what is claimed is above 0."""
    sign = SIGN[row["expect"]]
    gain = sign * row["estimate"]
    high = None if row["low"] is None else max(sign * row["low"], sign * row["high"])
    margin = row["margin"]
    if row["adjusted_p"] < alpha:  # it is 1 where the change goes the other way
        if not _met(row):
            return Verdict("refuted", f"the difference is there ({with_p(row)}), but only with {_guard(row)}")
        if margin is not None and high is not None and high < margin:
            return Verdict(
                "too small", f"real ({with_p(row)}), but too small to matter: {change(row)}, less than {_margin(row)}"
            )
        return Verdict("supported", f"{row['expect']}: {change(row)} ({with_p(row)})")
    same = row["equivalence"]
    if same and same["within"]:
        why = f"no difference that matters: within ±{_margin(row)} (p {probability(same['p'])} for equivalence)"
        return Verdict("equivalent", why)
    if high is not None and high < (margin or 0.0):
        way = f"{row['expect']} by {_margin(row)}" if margin else f"{row['expect']} at all"
        return Verdict("refuted", f"the 95 % interval leaves no room for being {way}: {change(row)}")
    return _undecided(row, alpha, gain > 0)


def _no_worse(row: Mapping[str, Any], alpha: float) -> Verdict:
    """A claim of not being worse by the margin."""
    worse = [row["worse"] * end for end in (row["low"], row["high"]) if end is not None]
    if row["adjusted_p"] < alpha:
        if not _met(row):
            return Verdict("refuted", f"not worse ({with_p(row)}), but only with {_guard(row)}")
        return Verdict("supported", f"not worse by {_margin(row)} or more: {change(row)} ({with_p(row)})")
    if worse and min(worse) >= row["margin"]:
        return Verdict("refuted", f"the whole 95 % interval is worse by {_margin(row)} or more: {change(row)}")
    return _undecided(row, alpha, row["p"] < 1)


def _undecided(row: Mapping[str, Any], alpha: float, right_way: bool) -> Verdict:
    limit = level(alpha)
    if right_way and row["p"] < alpha <= row["adjusted_p"]:
        why = f"p {probability(row['p'])} alone, but {bare(row['adjusted_p'])} among the claims, not below {limit}"
    elif not right_way:
        why = f"the difference does not go the way that was expected, and the interval leaves both open: {change(row)}"
    else:
        why = f"p {probability(row['p'])}, not below {limit}, and the interval leaves both open: {change(row)}"
    return Verdict("inconclusive", why)


EXPECTED: Mapping[str, Callable[[Mapping[str, Any], float], Verdict]] = {
    "lower": _change,
    "higher": _change,
    "no worse": _no_worse,
}


def claim_verdict(tests: Sequence[Mapping[str, Any]], missing: int) -> Verdict:
    """Supported if all tests are, refuted if any speaks against it, else inconclusive; unfinished while runs miss."""
    if missing:
        runs = "1 run is" if missing == 1 else f"{missing:,} runs are"
        return Verdict("unfinished", f"{runs} still missing, and nothing is decided before all are there")
    against = [row for row in tests if row["verdict"] in AGAINST]
    undecided = [row for row in tests if row["verdict"] == "inconclusive"]
    chosen = against or undecided or list(tests)
    reason = "; ".join(f"{where(row)}: {row['reason']}" for row in chosen)
    return Verdict("refuted" if against else "inconclusive" if undecided else "supported", reason)


def where(row: Mapping[str, Any]) -> str:
    return f"{row['endpoint']}, {row['arm']} against {row['against']} ({row['part']})"


def _met(row: Mapping[str, Any]) -> bool:
    return row["provided"] is None or row["provided"]["met"]


def _guard(row: Mapping[str, Any]) -> str:
    guard = row["provided"]
    found = "unknown" if guard["mean"] is None else plain_number(guard["mean"])
    return f"'{guard['endpoint']}' at {found}, below the {guard['least']:g} that was asked for"


def _margin(row: Mapping[str, Any]) -> str:
    """The margin as it was stated, and in the number's unit where it was relative."""
    if row["scale"] == "ratio":
        return f"a factor of {1 + row['stated_margin']:g}"
    if row["relative"]:
        return f"{percent(100 * row['stated_margin'])} ({plain_number(row['margin'])})"
    return plain_number(row["margin"])
