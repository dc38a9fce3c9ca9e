"""`diagnose(record) -> findings`: a pure function. What it can find is the family "symptom" of the registry."""

from __future__ import annotations

from poise.monitor.findings.finding import Finding, Record
from poise.registry import find, names

ORDER = ("critical", "warning", "note")


def diagnose(record: Record) -> list[Finding]:
    """Everything that is wrong with a run at the end of its record, worst first, and what began first before the rest.

    Args: record: the rows so far and the run's spec (which may be empty: then actions name flags without the values
    that are in force). The same record gives the same findings; a longer one may withdraw what no longer holds.

    Thresholds were set on runs made sick on purpose and on healthy ones; `docs/monitor.md` has the table.
    """
    found = [finding for name in names("symptom") if (finding := find("symptom", name)(record)) is not None]
    return sorted(found, key=lambda finding: (ORDER.index(finding.severity), finding.since))
