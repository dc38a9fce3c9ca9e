"""One contrast: an arm and another one, paired by seed."""

from __future__ import annotations

import math

import numpy as np

from poise.direction import WORST
from poise.studies.comparison.outcome import Contrast, PairedChange, ShownChange
from poise.studies.comparison.readout import Readout, differs
from poise.studies.comparison.statistics import equivalence, finite, least_p, paired_t, sign_flip
from poise.studies.plans.plan import Endpoint


def compared(readout: Readout, endpoint: Endpoint, arm: str, against: str, alpha: float) -> Contrast:
    """One contrast without its adjusted p."""
    worst = WORST[endpoint.better]
    mine, other = readout.values(arm, endpoint, worst), readout.values(against, endpoint, worst)
    both = mine.keys() & other.keys()
    seeds = [seed for seed in readout.part.seeds if seed in both]
    worst_runs = readout.worst(endpoint)
    change, reason = None, readout.no_ratio(endpoint)
    if seeds and not reason:
        a = np.array([mine[seed] for seed in seeds], np.float64)
        b = np.array([other[seed] for seed in seeds], np.float64)
        change = paired_change(endpoint, seeds, a, b, alpha)
    return Contrast(
        part=readout.part.name,
        endpoint=endpoint.name,
        arm=arm,
        against=against,
        differs=differs(readout.part, arm, against),
        better=endpoint.better,
        scale=endpoint.scale,
        n=len(seeds),
        planned=len(readout.part.seeds),
        worst_seeds=[str(seed) for seed in seeds if {(arm, seed), (against, seed)} & worst_runs],
        stated_margin=endpoint.margin,
        relative=endpoint.relative,
        change=change,
        reason=reason,
    )


def paired_change(endpoint: Endpoint, seeds: list[int], a: np.ndarray, b: np.ndarray, alpha: float) -> PairedChange:
    """Differences a − b [n] by seed, of logarithms on the scale "ratio", and what is computed from them."""
    if endpoint.scale == "ratio":
        d = np.log(a) - np.log(b)
    else:
        d = a - b
    estimate, low, high = paired_t(d)
    margin = margin_of(endpoint, b)
    same = None
    if margin is not None:
        same = equivalence(d, margin, alpha)
    return PairedChange(
        estimate=estimate,
        low=finite(low),
        high=finite(high),
        mean=float(a.mean()),
        mean_against=float(b.mean()),
        shown=shown_as(endpoint, (estimate, low, high), b),
        p=sign_flip(d),
        least_p=least_p(len(d)),
        adjusted_p=None,
        margin=margin,
        equivalence=same,
        differences=dict(zip(map(str, seeds), d.tolist(), strict=True)),
    )


def margin_of(endpoint: Endpoint, against: np.ndarray) -> float | None:
    """In the unit of the differences; None where nobody has said, or a part of a mean that is 0."""
    if endpoint.margin is None:
        return None
    if endpoint.scale == "ratio":
        return math.log1p(endpoint.margin)
    if not endpoint.relative:
        return float(endpoint.margin) or None
    return endpoint.margin * abs(float(against.mean())) or None


def shown_as(endpoint: Endpoint, ends: tuple[float, float, float], against: np.ndarray) -> ShownChange:
    """Estimate, low and high as they are told.

    Per cent of the other arm's mean where that is well away from 0 (all seeds on one side of it, the mean at least two
    standard deviations away) and the margin, if there is one, is a part of it too; on the scale "ratio" per cent up to
    a factor of 2 and a factor beyond; else the number's own unit.
    """
    unit, (estimate, low, high) = _in_unit(endpoint, ends, against)
    if all(map(math.isfinite, (ends[1], estimate, low, high))):
        return ShownChange(unit, estimate, low, high)
    return ShownChange(unit, estimate, None, None)


def _in_unit(endpoint: Endpoint, ends: tuple[float, float, float], against: np.ndarray) -> tuple[str, list[float]]:
    """The unit in which a change is told, and estimate, low and high in it."""
    if endpoint.scale == "ratio":
        factors = [math.exp(min(end, 700)) for end in ends]
        if 0.5 <= factors[0] <= 2:
            return "%", [100 * (factor - 1) for factor in factors]
        return "factor", factors
    margin_in_own_unit = endpoint.margin is not None and not endpoint.relative
    if margin_in_own_unit or not _away_from_0(against):
        return "", list(ends)
    length = abs(float(against.mean()))
    return "%", [100 * end / length for end in ends]


def _away_from_0(values: np.ndarray) -> bool:
    one_side = (values > 0).all() or (values < 0).all()
    return bool(len(values) > 1 and one_side and abs(values.mean()) >= 2 * values.std(ddof=1))
