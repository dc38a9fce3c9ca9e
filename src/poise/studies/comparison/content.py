"""The outcome of a study as the content of study.json: tables, lists, text and numbers that are finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from poise.studies.comparison.outcome import Contrast, PairedChange, PartSummary, StudyOutcome
from poise.studies.plans.plan import Result

FORMAT = 1
OF_CLAIMS = ("expect", "worse", "provided", "p_claimed", "unlearnt", "verdict", "reason")
NO_CHANGE: Mapping[str, Any] = {**dict.fromkeys(one.name for one in fields(PairedChange)), "differences": {}}


def content_of(outcome: StudyOutcome) -> dict[str, object]:
    """The content of study.json; `about` is left out where there is none."""
    plan = outcome.plan
    found = {
        "format": FORMAT, "name": plan.name, "question": plan.question, "alpha": plan.alpha,
        "complete": outcome.complete, "runs": asdict(outcome.runs),
        "claims": [{**vars(claim), "tests": [_contrast(row) for row in claim.tests]} for claim in outcome.claims],
        "comparisons": [_contrast(row) for row in outcome.comparisons],
        "parts": [_part(part) for part in outcome.parts],
        "table_of_runs": [_run(result) for result in outcome.table_of_runs],
        "before": outcome.before, "notes": outcome.notes, "plan": plan.to_dict(), "about": outcome.about,
    }  # fmt: skip
    return {name: json_safe(value) for name, value in found.items() if name != "about" or value is not None}


def _contrast(row: Contrast) -> dict[str, object]:
    """Flat, the fields of the change among the others; `primary`, or what a claim's test has."""
    whole = asdict(row)
    of_claims = {name: whole.pop(name) for name in OF_CLAIMS}
    primary, change = whole.pop("primary"), whole.pop("change")
    if change is None:
        change = NO_CHANGE
    if row.expect:
        return {**whole, **change, **of_claims}
    return {**whole, **change, "primary": primary}


def _part(part: PartSummary) -> dict[str, object]:
    found = asdict(part)
    for endpoint in found["endpoints"]:
        del endpoint["reads"]
    for arm in found["arms"]:
        arm["findings"] = [{"name": name, **share} for name, share in arm["findings"].items()]
    return found


def _run(result: Result) -> dict[str, object]:
    """A row of the table of runs; of one that is missing nothing else is known."""
    known = ["part", "arm", "seed", "run", "state", "values"]
    if result.state != "missing":
        known += ["alive", "findings", "seconds"]
    return {name: getattr(result, name) for name in known} | {"run": result.run or None}


def json_safe(content: Any) -> Any:
    """Mappings, lists, strings, numbers and None only; a number that is not finite becomes None."""
    if isinstance(content, Mapping):
        return {str(key): json_safe(value) for key, value in content.items()}
    if isinstance(content, str | bool | None):
        return content
    if isinstance(content, (int, np.integer)):
        return int(content)
    if isinstance(content, (float, np.floating)):
        return float(content) if math.isfinite(content) else None
    if isinstance(content, Iterable):
        return [json_safe(item) for item in content]
    return str(content)
