"""`poise diagnose RUN`: what is wrong with a run, from its folder alone."""

from __future__ import annotations

import json
import os
from typing import Any

from poise.errors import PoiseError
from poise.monitor import Finding, Record, diagnose
from poise.record import RunFolder
from poise.registry import names
from poise.runs.rollback import Rollbacks


def diagnosis(folder: RunFolder) -> dict[str, Any]:
    """Findings at the end of the record, those that were seen earlier and have gone, rollbacks, and the state.

    Errors: PoiseError for a run without a record, and for a folder that holds something else than a run writes.
    """
    try:
        return _diagnosis(folder)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if os.environ.get("POISE_TRACEBACK"):
            raise
        reason = (str(error).splitlines() or [""])[0][:100]
        raise PoiseError(
            f"{folder.path} does not hold what a run writes ({type(error).__name__}: {reason}): spec.json, "
            "events.jsonl or record.jsonl is damaged or another version's; put it back"
        ) from None


def _diagnosis(folder: RunFolder) -> dict[str, Any]:
    rows = folder.rows()
    if not rows:
        raise PoiseError(f"{folder.path} has no record yet; train it with: poise resume {folder.quoted}")
    found = diagnose(Record.of(rows, folder.spec()))
    now = {finding.name for finding in found}
    events = folder.events()
    earlier = {e["name"]: e for e in events if e["event"] == "finding" and e.get("name") not in now}
    return {
        "run": folder.name,
        "state": folder.state(),
        "last_recorded_step": rows[-1]["step"],
        "findings": [finding.to_dict() for finding in found],
        "earlier": [{k: e[k] for k in ("name", "severity", "since", "seen", "sentence")} for e in earlier.values()],
        "rollbacks": [{**vars(remedy), "change": remedy.change} for remedy in Rollbacks(folder, most=1).made],
    }


def lines(folder: RunFolder) -> list[str]:
    """The same for people."""
    facts = diagnosis(folder)
    said = [f"{facts['run']}: {facts['state']}, recorded up to step {facts['last_recorded_step']:,}"]
    for entry in facts["findings"]:
        finding = Finding(**entry)
        said += [f"{finding.severity.upper()} {finding.name} (since step {finding.since:,})", f"  {finding.sentence}"]
        said += [f"  {finding.action}"]
        numbers = ", ".join(f"{name} {value:.3g}" for name, value in finding.numbers.items())
        said += [f"  Numbers: {numbers}"] if numbers else []
    if not facts["findings"]:
        said.append(f"Nothing is wrong that could be seen ({len(names('symptom'))} symptoms were looked for).")
    for entry in facts["earlier"]:
        said.append(f"Earlier, seen at step {entry['seen']:,} and gone: {entry['name']}. {entry['sentence']}")
    for entry in facts["rollbacks"]:
        said.append(
            f"Rolled back from step {entry['step']:,} to {entry['back_to']:,} ({entry['cause']}): {entry['change']}"
        )
    return said


def as_json(folder: RunFolder) -> str:
    return json.dumps(diagnosis(folder), indent=2, ensure_ascii=False, allow_nan=False, default=str)
