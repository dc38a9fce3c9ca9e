"""What the doctor reads and says. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

Severity = Literal["note", "warning", "critical"]


class Record(NamedTuple):
    """What is known of a run: the rows of its record, and what it was asked to do."""

    rows: Sequence[Mapping[str, float]]  # {"step": 16, "discriminator/adversarial": 1.38, ...}
    spec: Mapping[str, Any] = {}  # "arguments" and "facts"; may be empty


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: how bad, since when, the numbers behind it, and what to do."""

    name: str
    severity: Severity
    since: int  # step
    sentence: str
    action: str
    numbers: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        return f"{self.severity}: {self.name} since step {self.since:,}: {self.sentence} {self.action}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
