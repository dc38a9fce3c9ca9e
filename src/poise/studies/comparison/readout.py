"""The runs of a part as numbers, arm by arm: what each says, what is missing, and what a diverged run counts as."""

from __future__ import annotations

import math
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
            value = self._own(result, endpoint) if result.state == "done" else None
            if value is not None or numbers:
                found[result.seed] = worst(numbers) if value is None else value
        return found

    def _own(self, result: Result, endpoint: Endpoint) -> float | None:
        """What a run itself says; None where that is not finite."""
        value = result.values.get(endpoint.name)
        fits = value is not None and math.isfinite(value)
        if fits and endpoint.scale == "ratio" and value is not None and value <= 0:
            raise PoiseError(
                f"run {result.run}: '{endpoint.name}' is {value:g}, and a ratio needs numbers above 0; give the "
                f"endpoint the scale 'difference'"
            )
        if value is None and result.state == "done":
            raise PoiseError(f"run {result.run} is done but has no '{endpoint.name}': look at what the endpoint reads")
        return float(value) if fits and value is not None else None


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
    seconds = [result.seconds for result in results if math.isfinite(result.seconds)]
    alive = [result.alive for result in results if result.alive is not None]
    names = sorted({name for result in results for name in result.findings})
    return ArmSummary(
        name=arm.name,
        arguments=arm.arguments,
        differs=differs(readout.part, arm.name, readout.part.against),
        planned=len(seeds),
        done=len(results) - diverged,
        diverged=diverged,
        missing=len(seeds) - len(results),
        alive=share(sum(alive), len(alive)) if alive else None,
        findings={name: share(sum(name in result.findings for result in results), len(results)) for name in names},
        seconds=float(np.mean(seconds)) if seconds else None,
        endpoints={e.name: summary(readout.values(arm.name, e, WORST[e.better])) for e in readout.part.endpoints},
        curves={name: _curves(name, results) for name in sorted({name for r in results for name in r.curves})},
    )


def share(k: int, n: int) -> Proportion:
    return Proportion(k, n, *clopper_pearson(k, n))


def summary(values: Mapping[int, float]) -> EndpointSummary:
    numbers = np.array(list(values.values()))
    n = len(numbers)
    return EndpointSummary(
        values={str(seed): value for seed, value in values.items()},
        n=n,
        mean=float(numbers.mean()) if n else None,
        median=float(np.median(numbers)) if n else None,
        sd=float(numbers.std(ddof=1)) if n > 1 else None,
    )


def differs(part: Part, arm: str, against: str) -> str:
    """What is set otherwise than in the other arm: "l2 0.003 instead of 0.01, without lr"."""
    mine, other = part.arm(arm).arguments, part.arm(against).arguments
    parts = []
    for name, value in mine.items():
        if name not in other:
            parts.append(f"{name} {plain(value)}")
        elif other[name] != value:
            parts.append(f"{name} {plain(value)} instead of {plain(other[name])}")
    return ", ".join(parts + [f"without {name} {plain(value)}" for name, value in other.items() if name not in mine])


def plain(value: Any) -> str:
    """A value as people write it: lists with spaces, no brackets; numbers short."""
    if isinstance(value, (list, tuple)):
        return " ".join(plain(item) for item in value)
    if isinstance(value, Mapping):
        return " ".join(f"{key} {plain(item)}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _curves(score: str, results: Sequence[Result]) -> ScoreCurves:
    runs: dict[str, dict[int, float]] = {}
    for result in results:
        if score in result.curves:
            points = {int(step): float(value) for step, value in result.curves[score] if math.isfinite(value)}
            runs[str(result.seed)] = points
    band = []
    for step in sorted({step for points in runs.values() for step in points}):
        having = [points[step] for points in runs.values() if step in points]
        if 2 * len(having) >= len(runs):
            mean, low, high = paired_t(having)
            band.append(BandPoint(step, mean, finite(low), finite(high), len(having)))
    return ScoreCurves(band, {seed: list(points.items()) for seed, points in runs.items()})


def runs_of(readout: Readout) -> list[Result]:
    """Every planned run of a part, one that is missing too."""
    part = readout.part
    planned = [(arm.name, seed) for arm in part.arms for seed in part.seeds]
    return [readout.results.get(key, Result(part.name, *key)) for key in planned]
