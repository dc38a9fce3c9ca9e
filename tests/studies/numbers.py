"""A small study made of numbers: what is compared, without any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from poise.studies.comparison import comparison
from poise.studies.comparison.content import content_of
from poise.studies.plans import plan as asked
from poise.studies.plans.plan import Arm, Claim, Endpoint, Part, Plan, Result

SEEDS = tuple(range(10))
KID = Endpoint("KID", {"score": "KID", "at": "best"}, "lower", margin=0.1, relative=True)
GAP = Endpoint("gap", {"score": "gap"}, "lower", margin=0.05)
AUC = Endpoint("AUC", {"score": "AUC"}, "higher")
STEPS = Endpoint("steps", {"steps": 1}, "lower", scale="ratio", margin=0.2)
NONE, L2, BOTH = Arm("none", {}), Arm("l2", {"d.l2": 0.003}), Arm("both", {"d.l2": 0.01, "g.l2": 0.003})

BASE = np.random.default_rng(0).normal(0.1, 0.004, 10)
PLAIN = replace(GAP, margin=None)


def rests_on(endpoint: str, expect: str = "lower", arm: str = "l2", against: str = "none", **more: Any) -> asked.Test:
    return asked.Test(more.pop("part", "pictures"), endpoint, arm, against, expect, **more)  # type: ignore[arg-type]


def plan_of(
    *tests: asked.Test,
    arms: Sequence[Arm] = (NONE, L2),
    seeds: Sequence[int] = SEEDS,
    endpoints: Sequence[Endpoint] = (KID,),
    claims: Sequence[Claim] | None = None,
) -> Plan:
    """A study of one part; one claim of all tests, unless claims are given."""
    part = Part("pictures", "images", {"data": "shapes"}, arms, seeds, "none", endpoints)
    made = claims if claims is not None else [Claim("It helps.", tests, "so it is said")] if tests else []
    return Plan("small", "Does L2 help?", [part], made)


def spread(mean: float, width: float, n: int = 10) -> np.ndarray:
    """n numbers with that mean, evenly over ±width."""
    return mean + np.linspace(-width, width, n)


def runs(values: Mapping[str, Mapping[str, Sequence[float]]], **more: Any) -> list[Result]:
    """arm -> endpoint -> a value for each seed."""
    found = []
    for arm, endpoints in values.items():
        for i, row in enumerate(zip(*endpoints.values(), strict=True)):
            numbers = dict(zip(endpoints, map(float, row), strict=True))
            found.append(Result("pictures", arm, i, f"{arm}-{i}", "done", numbers, **more))
    return found


def diverged(
    results: Sequence[Result], arm: str, seed: int, values: Mapping[str, float | None] | None = None
) -> list[Result]:
    """The same results, one of them diverged."""
    return [
        replace(r, state="diverged", values=values or dict.fromkeys(r.values)) if (r.arm, r.seed) == (arm, seed) else r
        for r in results
    ]


def compare(plan, results):
    """The content of study.json."""
    return content_of(comparison.compare(plan, results))


def outcome_of(d, endpoint=GAP, expect="lower", base=BASE, **more):
    """The only test of a study in which arm l2 differs from none by d."""
    found = compare(
        plan_of(rests_on(endpoint.name, expect, **more), endpoints=[endpoint, AUC]), with_auc(d, endpoint, base)
    )
    return found["claims"][0], found["claims"][0]["tests"][0]


def with_auc(d, endpoint=GAP, base=BASE, auc=0.7):
    return runs({"none": {endpoint.name: base, "AUC": [0.6] * 10}, "l2": {endpoint.name: base + d, "AUC": [auc] * 10}})
