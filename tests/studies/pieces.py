"""The outcome of a small study, written by hand: what its report reads, without any statistics."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from poise.studies.comparison.outcome import (
    ArmSummary,
    BandPoint,
    ClaimOutcome,
    Contrast,
    PairedChange,
    PartSummary,
    Proportion,
    RunCounts,
    ScoreCurves,
    ShownChange,
    StudyOutcome,
)
from poise.studies.plans.plan import Endpoint, Plan, Result

EVIL = "<b>&\"' $x^{ 你"
KID = Endpoint("KID", {"score": "KID"}, "lower")


def row(arm: str, against: str, shift: float, unit: str = "%", **more: Any) -> Contrast:
    """A contrast of three seeds; of `more`, fields of its change go there."""
    numbers = {"low": shift - 0.0248, "high": shift + 0.0248, "margin": 0.01, "p": 0.25}
    numbers |= {"differences": {"0": shift - 0.01, "1": shift, "2": shift + 0.01}}
    numbers |= {f.name: more.pop(f.name) for f in fields(PairedChange) if f.name in more}
    change = PairedChange(
        estimate=shift, mean=0.1 + shift, mean_against=0.1, shown=ShownChange(unit, 1000 * shift, None, None),
        least_p=0.25, adjusted_p=None, equivalence=None, **numbers,
    )  # fmt: skip
    known = {"part": "pictures", "endpoint": "KID", "better": "lower", "scale": "difference", "n": 3, "change": change}
    fixed = {"differs": "", "planned": 3, "worst_seeds": [], "stated_margin": 0.01, "relative": False}
    return Contrast(arm=arm, against=against, **{**known, **fixed, **more})


def arm(name: str, level: float = 1.0, seeds: int = 3, **more: Any) -> ArmSummary:
    runs = {str(s): [(10, level + 0.1 * s), (20, level / 2 + 0.1 * s)] for s in range(seeds)}
    band = [
        BandPoint(10, level + 0.1, level, level + 0.2, seeds),
        BandPoint(20, level / 2 + 0.1, level / 2, level / 2 + 0.2, seeds),
    ]
    known = {"alive": Proportion(1, 3, 0.0, 1.0), "curves": {"KID": ScoreCurves(band, runs)}, **more}
    counts = {"planned": seeds, "done": seeds, "diverged": 0, "missing": 0}
    return ArmSummary(name, {}, "", **counts, findings={}, seconds=None, endpoints={}, **known)


def part(*arms: ArmSummary, name: str = "pictures", seeds: tuple[int, ...] = (0, 1, 2)) -> PartSummary:
    return PartSummary(name, "images", {}, "none", seeds, [KID], arms)


def outcome(**more: Any) -> StudyOutcome:
    """Two arms beside the reference, one of them with a name full of marks."""
    found = {"alive": False, "findings": ["copying"], "seconds": 90.0}
    runs = [
        Result("pictures", "l2", 0, "l2 #0 <x>", "done", {"KID": -0.0123}, **found),
        Result("pictures", "l2", 1, "l2-1", "diverged", {"KID": None}, **{**found, "alive": None}),
        Result("pictures", "l2", 2),
    ]
    known = {
        "plan": Plan(f"study {EVIL}", f"Does it? {EVIL}", [], facts={"list": [1, 2]}),
        "runs": RunCounts(3, 2, 1, 0), "parts": [part(arm("none"), arm("l2", 0.8), arm(EVIL, 0.6))],
        "claims": [ClaimOutcome(f"It does {EVIL}", "a norm", "too small", f"So {EVIL}", 1.0, 1.0,
                                [row(EVIL, "l2", -0.01)])],
        "comparisons": [row("l2", "none", -0.03), row(EVIL, "none", -0.04)],
        "table_of_runs": runs, "before": [], "notes": [],
        "about": {"commit": "abc"},
    }  # fmt: skip
    return StudyOutcome(**{**known, **more})
