"""What a study comes to, as data; `content.py` makes the content of study.json of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from poise.direction import OneWay
from poise.studies.comparison.statistics import Equivalence
from poise.studies.plans.plan import Endpoint, Expect, Plan, Result, Scale, named


@dataclass(frozen=True)
class ShownChange:
    """A change as it is told: `unit` is "%", "factor", or "" for the number's own. No interval for one pair."""

    unit: str
    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairedChange:
    """What the pairs of a contrast say: mean difference with its 95 % t interval, and tests.

    `mean`, `mean_against`: of the arms. `least_p`: the smallest p that so many pairs can give. `adjusted_p`: Holm among
    the claims, Benjamini & Hochberg elsewhere, None where a claim tests the same. `margin`: in the unit of the
    differences. `differences`: seed -> arm − against, of logarithms on the scale "ratio".
    """

    estimate: float
    low: float | None
    high: float | None
    mean: float
    mean_against: float
    shown: ShownChange
    p: float
    least_p: float
    adjusted_p: float | None
    margin: float | None
    equivalence: Equivalence | None
    differences: Mapping[str, float]

    @property
    def adjusted(self) -> float:
        return 1.0 if self.adjusted_p is None else self.adjusted_p


@dataclass(frozen=True)
class GuardOutcome:
    """What a test is provided with: an endpoint's mean that has to be `least` or more."""

    endpoint: str
    least: float
    mean: float | None
    met: bool


@dataclass(frozen=True)
class Contrast:
    """An arm against another one, by an endpoint; `change` is None while no seed has a number in both, and where there
    are no ratios, for the `reason`.

    `primary`: a claim rests on the same. A test of a claim says what it expects, and has the fields from there on:
    `worse`, the sign of a change for the worse; `p_claimed`, 1 where the change goes the other way; `unlearnt`, such as
    "9 of 10 and 10 of 10", where most runs of both arms learnt nothing.
    """

    part: str
    endpoint: str
    arm: str
    against: str
    differs: str
    better: OneWay
    scale: Scale
    n: int
    planned: int
    worst_seeds: Sequence[str]
    stated_margin: float | None
    relative: bool
    change: PairedChange | None = None
    primary: bool = False
    expect: Expect | None = None
    worse: int = 0
    provided: GuardOutcome | None = None
    p_claimed: float = 1.0
    unlearnt: str = ""
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True)
class ClaimOutcome:
    """A claim, what came of it, its p and the p that Holm makes of that, and the tests it rests on."""

    says: str
    because: str
    verdict: str
    reason: str
    p: float
    adjusted_p: float
    tests: Sequence[Contrast]


@dataclass(frozen=True)
class Proportion:
    """k of n with the 95 % interval of Clopper and Pearson."""

    k: int
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class EndpointSummary:
    """seed -> value, with their mean, median and standard deviation (n − 1)."""

    values: Mapping[str, float]
    n: int
    mean: float | None
    median: float | None
    sd: float | None


class BandPoint(NamedTuple):
    """The mean of n runs at a step, with its 95 % t interval."""

    step: int
    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class ScoreCurves:
    """A score over the steps: the band at the steps that at least half the runs have, and the points of each seed."""

    band: Sequence[BandPoint]
    runs: Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class ArmSummary:
    """The runs of an arm. `findings`: name -> how many have it; `seconds`: mean of a whole run."""

    name: str
    arguments: Mapping[str, Any]
    differs: str
    planned: int
    done: int
    diverged: int
    missing: int
    alive: Proportion | None
    findings: Mapping[str, Proportion]
    seconds: float | None
    endpoints: Mapping[str, EndpointSummary]
    curves: Mapping[str, ScoreCurves]


@dataclass(frozen=True)
class PartSummary:
    """The runs of a part, arm by arm."""

    name: str
    recipe: str
    arguments: Mapping[str, Any]
    against: str
    seeds: Sequence[int]
    endpoints: Sequence[Endpoint]
    arms: Sequence[ArmSummary]

    def arm(self, name: str) -> ArmSummary:
        return named(self.arms, name, f"part '{self.name}' has no arm")


@dataclass(frozen=True)
class RunCounts:
    """How many runs there are."""

    planned: int
    done: int
    diverged: int
    missing: int


@dataclass(frozen=True)
class StudyOutcome:
    """Everything; `table_of_runs`: of all that were planned; `about`: what else is to be known, such as versions."""

    plan: Plan
    runs: RunCounts
    claims: Sequence[ClaimOutcome]
    comparisons: Sequence[Contrast]
    parts: Sequence[PartSummary]
    table_of_runs: Sequence[Result]
    before: Sequence[str]
    notes: Sequence[str]
    about: Mapping[str, object] | None = None

    @property
    def complete(self) -> bool:
        return not self.runs.missing

    def part(self, name: str) -> PartSummary:
        return named(self.parts, name, "there is no part")
