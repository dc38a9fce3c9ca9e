"""What the doctor reads and says. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from poise.monitor.windows import Series, series

Severity = Literal["note", "warning", "critical"]


class Record(NamedTuple):
    """What is known of a run: the rows of its record, and what it was asked to do."""

    rows: Sequence[Mapping[str, float]]  # {"step": 16, "discriminator/adversarial": 1.38, ...}, steps ascending
    spec: Mapping[str, Any] = {}  # "arguments" and "facts"; may be empty

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, float]], spec: Mapping[str, Any]) -> Record:
        """The record of a run's last stage that has begun: what an earlier one did says nothing about it."""
        first = 0
        if rows:
            for _, steps in spec.get("facts", {}).get("stages", ()):
                if first + steps > rows[-1]["step"]:
                    break
                first += steps
        return cls([row for row in rows if row["step"] >= first] if first else rows, spec)

    def series(self, key: str) -> Series:
        """One number over the steps."""
        return series(self.rows, key)

    def argument(self, name: str, otherwise: Any = None) -> Any:
        """What the run was asked for; "discriminator.lr" looks inside a group."""
        found: Any = self.spec.get("arguments", {})
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return otherwise if found is None else found

    def fact(self, name: str, otherwise: Any = None) -> Any:
        return self.spec.get("facts", {}).get(name, otherwise)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: how bad, since when, the numbers behind it, and what to do.

    critical: the run is lost unless something changes. warning: it goes on, worse than it could. note: worth knowing.
    """

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
