"""What a test and a claim come to: supported, refuted, or neither, and the reason in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from poise.direction import SIGN
from poise.studies.comparison.outcome import Contrast, PairedChange
from poise.studies.comparison.statistics import seeds_needed
from poise.studies.comparison.text import bare, change_text, level, percent, plain_number, probability, seeds, with_p

AGAINST = ("refuted", "equivalent", "too small")  # verdicts of a test that speak against its claim


class Verdict(NamedTuple):
    """supported, too small, equivalent, refuted, inconclusive or unfinished; and why."""

    verdict: str
    reason: str


def verdict_of(row: Contrast, alpha: float, claims: int = 1) -> Verdict:
    """The verdict on a claim's test whose runs are all there.

    With fewer seeds than a study of so many claims needs nothing could be supported, so nothing is refuted either; and
    where neither arm has learnt anything there is nothing to compare.
    """
    change = row.change
    if change is None:
        return Verdict("inconclusive", row.reason or "no seed has a number in both arms")
    if change.least_p >= alpha / claims and change.adjusted >= alpha:
        among = f" of {claims} claims" if claims > 1 else ""
        few = f"{seeds(row.n)} can show nothing{among} (p = {bare(change.least_p)} at least)"
        return Verdict("inconclusive", f"{few}: use {seeds_needed(alpha, claims)} or more")
    if row.unlearnt:
        return Verdict("inconclusive", f"nothing was learnt in most runs of both arms ({row.unlearnt})")
    if row.expect == "no worse":
        return _no_worse(row, change, alpha)
    return _one_way(row, change, SIGN[str(row.expect)], alpha)


def _one_way(row: Contrast, change: PairedChange, sign: int, alpha: float) -> Verdict:
    """A claim that the arm's number is lower, or higher. Intervals are turned so that what is claimed is above 0."""
    said, p = change_text(change), with_p(change)
    high = max((sign * end for end in (change.low, change.high) if end is not None), default=math.inf)
    margin, least = change.margin, _margin(row, change)
    if change.adjusted < alpha:  # it is 1 where the change goes the other way
        lacking = _lacking(row)
        if lacking:
            return Verdict("refuted", f"the difference is there ({p}), but only with {lacking}")
        if margin is not None and high < margin:
            return Verdict("too small", f"real ({p}), but too small to matter: {said}, less than {least}")
        return Verdict("supported", f"{row.expect}: {said} ({p})")
    same = change.equivalence
    if same is not None and same.within:
        why = f"no difference that matters: within ±{least} (p {probability(same.p)} for equivalence)"
        return Verdict("equivalent", why)
    if high < (margin or 0.0):
        way = f"by {least}" if margin else "at all"
        return Verdict("refuted", f"the 95 % interval leaves no room for being {row.expect} {way}: {said}")
    low = min((sign * end for end in (change.low, change.high) if end is not None), default=-math.inf)
    return _undecided(change, alpha, sign * change.estimate > 0, clear=low > 0)


def _no_worse(row: Contrast, change: PairedChange, alpha: float) -> Verdict:
    """A claim of not being worse by the margin."""
    if change.margin is None:
        why = f"the margin is a part of the mean of arm '{row.against}', which is 0"
        return Verdict("inconclusive", f"{why}: one in the number's own unit would say something")
    said, p, least = change_text(change), with_p(change), _margin(row, change)
    low = min((row.worse * end for end in (change.low, change.high) if end is not None), default=-math.inf)
    if change.adjusted < alpha:
        lacking = _lacking(row)
        if lacking:
            return Verdict("refuted", f"not worse ({p}), but only with {lacking}")
        return Verdict("supported", f"not worse by {least} or more: {said} ({p})")
    if change.margin is not None and low >= change.margin:
        return Verdict("refuted", f"the whole 95 % interval is worse by {least} or more: {said}")
    return _undecided(change, alpha, change.p < 1)


def _undecided(change: PairedChange, alpha: float, right_way: bool, clear: bool = False) -> Verdict:
    """`clear`: whether the interval leaves no room for 0, and only the exact p, which asks more of few seeds, does."""
    limit, p, said = level(alpha), probability(change.p), change_text(change)
    if right_way and change.p < alpha <= change.adjusted:
        why = f"p {p} alone, but {bare(change.adjusted)} among the claims, not below {limit}"
    elif not right_way:
        why = f"the difference does not go the way that was expected, and the interval leaves both open: {said}"
    elif clear:
        why = f"p {p}, not below {limit}, although the interval is clear of 0: {said}; more seeds may decide it"
    else:
        why = f"p {p}, not below {limit}, and the interval leaves both open: {said}"
    return Verdict("inconclusive", why)


def claim_verdict(tests: Sequence[Contrast], missing: int) -> Verdict:
    """Supported if all tests are, refuted if any speaks against it, else inconclusive; unfinished while runs miss."""
    if missing:
        runs = "1 run is" if missing == 1 else f"{missing:,} runs are"
        return Verdict("unfinished", f"{runs} still missing, and nothing is decided before all are there")
    against = [row for row in tests if row.verdict in AGAINST]
    undecided = [row for row in tests if row.verdict == "inconclusive"]
    chosen = against or undecided or list(tests)
    reason = "; ".join(f"{where(row)}: {row.reason}" for row in chosen)
    return Verdict("refuted" if against else "inconclusive" if undecided else "supported", reason)


def where(row: Contrast) -> str:
    return f"{row.endpoint}, {row.arm} against {row.against} ({row.part})"


def _lacking(row: Contrast) -> str:
    """The guard that is not met; nothing where it is, or there is none."""
    guard = row.provided
    if guard is None or guard.met:
        return ""
    found = "unknown" if guard.mean is None else plain_number(guard.mean)
    return f"'{guard.endpoint}' at {found}, below the {guard.least:g} that was asked for"


def _margin(row: Contrast, change: PairedChange) -> str:
    """The margin as it was stated, and in the number's unit where it was relative; nothing where there is none."""
    if row.stated_margin is None or change.margin is None:
        return ""
    if row.scale == "ratio":
        return f"a factor of {1 + row.stated_margin:g}"
    if row.relative:
        return f"{percent(100 * row.stated_margin)} ({plain_number(change.margin)})"
    return plain_number(change.margin)
