"""The runs of a part as numbers, arm by arm: what each says, what is missing, and what a diverged run counts as."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from poise.direction import WORST
from poise.errors import PoiseError
from poise.intervals import clopper_pearson
from poise.studies.comparison.outcome import (
    ArmSummary,
    BandPoint,
    EndpointSummary,
    PartSummary,
    Proportion,
    ScoreCurves,
)
from poise.studies.comparison.statistics import finite, paired_t
from poise.studies.plans.plan import Arm, Endpoint, Part, Plan, Result


@dataclass(frozen=True)
class Readout:
    """All results of a part, by arm and seed."""

    part: Part
    results: Mapping[tuple[str, int], Result]

    def of(self, arm: str) -> list[Result]:
        """The results of an arm in the order of the plan's seeds."""
        return [self.results[arm, seed] for seed in self.part.seeds if (arm, seed) in self.results]

    @property
    def gone(self) -> set[tuple[str, int]]:
        """Arm and seed of the runs that diverged."""
        return {key for key, result in self.results.items() if result.state == "diverged"}

    def worst(self, endpoint: Endpoint) -> set[tuple[str, int]]:
        """Arm and seed of the runs that count as the worst: they diverged, or their number is not finite."""
        return {key for key, result in self.results.items() if self._own(result, endpoint) is None} | self.gone

    def diverged(self, arm: str) -> int:
        return sum(name == arm for name, _ in self.gone)

    def values(self, arm: str, endpoint: Endpoint, worst: Callable[[Iterable[float]], float]) -> dict[int, float]:
        """seed -> value; a run of `worst` has the worst finite value of any run of the part, if there is one."""
        known = [self._own(result, endpoint) for result in self.results.values()]
        numbers = [value for value in known if value is not None]
        found = {}
        for result in self.of(arm):
            value = None
            if result.state == "done":
                value = self._own(result, endpoint)
            if value is not None:
                found[result.seed] = value
            elif numbers:
                found[result.seed] = worst(numbers)
        return found

    def _own(self, result: Result, endpoint: Endpoint) -> float | None:
        """What a run itself says; None where that is not finite."""
        value = result.values.get(endpoint.name)
        if value is None and result.state == "done":
            raise PoiseError(f"run {result.run} is done but has no '{endpoint.name}': look at what the endpoint reads")
        if value is None or not math.isfinite(value):
            return None
        return float(value)

    def no_ratio(self, endpoint: Endpoint) -> str:
        """Why there are no ratios of an endpoint on that scale: a run with 0 or less; nothing where there are."""
        for result in self.results.values() if endpoint.scale == "ratio" else ():
            value = self._own(result, endpoint)
            if value is not None and value <= 0:
                return (
                    f"run {result.run}: '{endpoint.name}' is {value:g}, and a ratio needs numbers above 0; the scale "
                    f"'difference' compares it"
                )
        return ""


def readouts(plan: Plan, results: Sequence[Result]) -> dict[str, Readout]:
    """part -> its results. Errors: PoiseError for a run that is not in the plan, or two of one arm and seed."""
    found: dict[str, dict[tuple[str, int], Result]] = {part.name: {} for part in plan.parts}
    for result in results:
        part = plan.part(result.part)
        key = part.arm(result.arm).name, result.seed
        if result.seed not in part.seeds:
            raise PoiseError(f"run {result.run} has the seed {result.seed}, which part '{part.name}' does not have")
        if key in found[part.name]:
            other = found[part.name][key].run
            raise PoiseError(
                f"runs {other} and {result.run} are both arm '{result.arm}', seed {result.seed} of part '{part.name}': "
                f"take one of them away"
            )
        found[part.name][key] = result
    return {part.name: Readout(part, found[part.name]) for part in plan.parts}


def part_summary(readout: Readout) -> PartSummary:
    """A part as study.json has it."""
    part = readout.part
    arms = [_arm_summary(readout, arm) for arm in part.arms]
    return PartSummary(part.name, part.recipe, part.arguments, part.against, part.seeds, part.endpoints, arms)


def _arm_summary(readout: Readout, arm: Arm) -> ArmSummary:
    results = readout.of(arm.name)
    seeds, diverged = readout.part.seeds, readout.diverged(arm.name)
    findings: Counter[str] = Counter()
    scores: set[str] = set()
    for result in results:
        findings.update(set(result.findings))
        scores.update(result.curves)
    return ArmSummary(
        name=arm.name,
        arguments=arm.arguments,
        differs=differs(readout.part, arm.name, readout.part.against),
        planned=len(seeds),
        done=len(results) - diverged,
        diverged=diverged,
        missing=len(seeds) - len(results),
        alive=_alive(results),
        findings={name: share(findings[name], len(results)) for name in sorted(findings)},
        seconds=_mean_seconds(results),
        endpoints={e.name: summary(readout.values(arm.name, e, WORST[e.better])) for e in readout.part.endpoints},
        curves={name: _curves(name, results) for name in sorted(scores)},
    )


def _alive(results: Sequence[Result]) -> Proportion | None:
    """In how many runs that have a discriminator it was alive at the end."""
    known = [result.alive for result in results if result.alive is not None]
    if not known:
        return None
    return share(sum(known), len(known))


def _mean_seconds(results: Sequence[Result]) -> float | None:
    """Of the runs that were trained in one sitting."""
    known = [result.seconds for result in results if math.isfinite(result.seconds)]
    if not known:
        return None
    return float(np.mean(known))


def share(k: int, n: int) -> Proportion:
    return Proportion(k, n, *clopper_pearson(k, n))


def summary(values: Mapping[int, float]) -> EndpointSummary:
    numbers = np.array(list(values.values()))
    n = len(numbers)
    mean = median = sd = None
    if n:
        mean, median = float(numbers.mean()), float(np.median(numbers))
    if n > 1:
        sd = float(numbers.std(ddof=1))
    return EndpointSummary({str(seed): value for seed, value in values.items()}, n, mean, median, sd)


def differs(part: Part, arm: str, against: str) -> str:
    """What is set otherwise than in the other arm: "l2 0.003 instead of 0.01, without lr"."""
    mine, other = part.arm(arm).arguments, part.arm(against).arguments
    parts = []
    for name, value in mine.items():
        if name not in other:
            parts.append(f"{name} {plain(value)}")
        elif other[name] != value:
            parts.append(f"{name} {plain(value)} instead of {plain(other[name])}")
    for name, value in other.items():
        if name not in mine:
            parts.append(f"without {name} {plain(value)}")
    return ", ".join(parts)


def plain(value: Any) -> str:
    """A value as people write it: lists with spaces, no brackets; numbers short."""
    if isinstance(value, (list, tuple)):
        return " ".join(plain(item) for item in value)
    if isinstance(value, Mapping):
        return " ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _curves(score: str, results: Sequence[Result]) -> ScoreCurves:
    runs: dict[str, dict[int, float]] = {}
    for result in results:
        if score in result.curves:
            points = {int(step): float(value) for step, value in result.curves[score] if math.isfinite(value)}
            runs[str(result.seed)] = points
    by_step: defaultdict[int, list[float]] = defaultdict(list)
    for points in runs.values():
        for step, value in points.items():
            by_step[step].append(value)
    band = []
    for step, having in sorted(by_step.items()):
        if 2 * len(having) >= len(runs):
            mean, low, high = paired_t(having)
            band.append(BandPoint(step, mean, finite(low), finite(high), len(having)))
    return ScoreCurves(band, {seed: list(points.items()) for seed, points in runs.items()})


def runs_of(readout: Readout) -> list[Result]:
    """Every planned run of a part, one that is missing too."""
    part = readout.part
    planned = [(arm.name, seed) for arm in part.arms for seed in part.seeds]
    return [readout.results.get(key, Result(part.name, *key)) for key in planned]
