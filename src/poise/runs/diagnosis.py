"""`poise diagnose RUN`: what is wrong with a run, from its folder alone."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from poise.disk.rows import KeptRows, StepRow
from poise.errors import PoiseError
from poise.monitor import Finding, Record, diagnose
from poise.record import RunFolder
from poise.registry import names
from poise.runs.rollback import Rollback, Rollbacks


@dataclass(frozen=True)
class PastFinding:
    """What was seen at a step and has gone."""

    name: str
    severity: str
    since: int
    seen: int
    sentence: str


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a run."""

    run: str
    state: str
    last_recorded_step: int
    findings: Sequence[Finding]
    earlier: Sequence[PastFinding]
    rollbacks: Sequence[Rollback]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rollbacks": [rollback.to_dict() for rollback in self.rollbacks]}


def diagnosis(folder: RunFolder, rows: Sequence[StepRow] | None = None) -> Diagnosis:
    """Findings at the end of the record, those that were seen earlier and have gone, rollbacks, and the state. `rows`:
    the whole record; None: it is read. Of a long one only what a session keeps is looked at, so that all say the same.

    Errors: PoiseError for a run without a record, and for a folder that holds something else than a run writes.
    """
    try:
        return _diagnosis(folder, KeptRows(folder.each_row() if rows is None else rows))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if os.environ.get("POISE_TRACEBACK"):
            raise
        reason = (str(error).splitlines() or [""])[0][:100]
        raise PoiseError(
            f"{folder.path} does not hold what a run writes ({type(error).__name__}: {reason}): spec.json, "
            "events.jsonl or record.jsonl is damaged or another version's; put it back"
        ) from None


def _diagnosis(folder: RunFolder, rows: Sequence[StepRow]) -> Diagnosis:
    if not rows:
        raise PoiseError(f"{folder.path} has no record yet; train it with: poise resume {folder.quoted}")
    found = diagnose(Record.of(rows, folder.spec()))
    now = {finding.name for finding in found}
    told = [event.details for event in folder.events() if event.event == "finding"]
    gone = {details["name"]: details for details in told if details.get("name") not in now}
    names = [one.name for one in fields(PastFinding)]
    earlier = [PastFinding(*(details[name] for name in names)) for details in gone.values()]
    return Diagnosis(folder.name, folder.state(), rows[-1].step, found, earlier, Rollbacks(folder, most=1).made)


def lines(folder: RunFolder) -> list[str]:
    """The same for people."""
    found = diagnosis(folder)
    said = [f"{found.run}: {found.state}, recorded up to step {found.last_recorded_step:,}"]
    for finding in found.findings:
        said += [f"{finding.severity.upper()} {finding.name} (since step {finding.since:,})", f"  {finding.sentence}"]
        said += [f"  {finding.action}"]
        numbers = ", ".join(f"{name} {value:.3g}" for name, value in finding.numbers.items())
        said += [f"  Numbers: {numbers}"] if numbers else []
    if not found.findings:
        said.append(f"Nothing is wrong that could be seen ({len(names('symptom'))} symptoms were looked for).")
    for past in found.earlier:
        said.append(f"Earlier, seen at step {past.seen:,} and gone: {past.name}. {past.sentence}")
    lines = [rollback.line() for rollback in found.rollbacks]
    return said + [line[0].upper() + line[1:] for line in lines]


def as_json(folder: RunFolder) -> str:
    return json.dumps(diagnosis(folder).to_dict(), indent=2, ensure_ascii=False, allow_nan=False, default=str)
