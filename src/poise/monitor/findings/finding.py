"""What the doctor reads and says. No torch in here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple

from poise.monitor.findings.windows import Series, series

Severity = Literal["note", "warning", "critical"]


RECENT = 64  # rows at the end in which a number that is still recorded occurs


class Stage(NamedTuple):
    """A stretch of a run: its name, the step at which it begins, and how many steps it has."""

    name: str
    first: int
    steps: int


def _named(key: str, names: Mapping[str, str]) -> str:
    """PLAYER/number under another name of the player."""
    player, slash, number = key.partition("/")
    return f"{names.get(player, player)}{slash}{number}"


class Record(NamedTuple):
    """What is known of a run: the rows of its record, and what it was asked to do."""

    rows: Sequence[Mapping[str, float]]  # {"step": 16, "discriminator/adversarial": 1.38, ...}, steps ascending
    spec: Mapping[str, Any] = {}  # "arguments" and "facts"; may be empty

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, float]], spec: Mapping[str, Any]) -> Record:
        """The record of a run's last stage that has begun: what an earlier one did says nothing about it."""
        whole = cls(rows, spec)
        first, roles = whole.stage.first, {player: role for role, player in whole.roles.items()}
        kept = [row for row in rows if row["step"] >= first] if first else rows
        return cls([{_named(key, roles): value for key, value in row.items()} for row in kept] if roles else kept, spec)

    @property
    def roles(self) -> Mapping[str, str]:
        """generator and discriminator -> the players who are that in this stage, where they have other names.

        Rows have the roles, the arguments and what is said to people have the players.
        """
        found: Mapping[str, str] = self.fact("roles", {}).get(self.stage.name, {})
        return found

    def told(self, finding: Finding) -> Finding:
        """A finding about the roles as one about their players, with the flags of those."""
        if not self.roles:
            return finding

        def said(text: str) -> str:
            for role, player in self.roles.items():
                flag, name = player.replace("_", "-"), player.replace("_", "'s ")
                text = re.sub(rf"--(l2-|){role}\b", rf"--\g<1>{flag}", text)
                text = re.sub(rf"\b([Tt]he) {role}\b", rf"\1 {name}", text)
            return text

        return replace(finding, sentence=said(finding.sentence), action=said(finding.action))

    @property
    def stage(self) -> Stage:
        """The stage that the last row belongs to; one without a name where the run knows of none."""
        step, first = (int(self.rows[-1]["step"]) if self.rows else 0), 0
        for name, steps in self.fact("stages", ()):
            if step < first + steps:
                return Stage(name, first, steps)
            first += steps
        return Stage("", first, int(self.spec.get("arguments", {}).get("steps") or 0))

    def part_done(self, step: int) -> float:
        """Which part of its stage was done at a step; 1 where nobody knows how long it is."""
        stage = self.stage
        return (step - stage.first) / stage.steps if stage.steps else 1.0

    def players(self, number: str = "grad_norm") -> list[str]:
        """The players of which this number is recorded."""
        recent = (key for row in self.rows[-RECENT:] for key in row if key.endswith(f"/{number}"))
        return list(dict.fromkeys(key.partition("/")[0] for key in recent))

    def series(self, key: str) -> Series:
        """One number over the steps."""
        return series(self.rows, key)

    def argument(self, name: str, otherwise: Any = None) -> Any:
        """What the run was asked for; "discriminator.lr" looks inside a group."""
        found: Any = self.spec.get("arguments", {})
        for part in self._own(name).split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return otherwise if found is None else found

    def _own(self, name: str) -> str:
        """discriminator.lr, l2_discriminator ... as the player calls it who is that in this stage."""
        for role, player in self.roles.items():
            name = re.sub(rf"^(l2_|){role}(?=\.|$)", rf"\g<1>{player}", name)
        return name

    def fact(self, name: str, otherwise: Any = None) -> Any:
        return self.spec.get("facts", {}).get(name, otherwise)

    def offers(self, flag: str) -> bool:
        """Whether the run's recipe has this option, such as --l2-generator or --discriminator.penalties+; True where
        the arguments are not known, because then no recipe is."""
        found: Any = self.spec.get("arguments") or None
        for part in self._own(flag.removeprefix("--").rstrip("+").replace("-", "_")).split("."):
            if found is None or isinstance(found, list):  # a list of penalties has options of its own
                return True
            if not isinstance(found, Mapping) or part not in found:
                return False
            found = found[part]
        return True

    def option(self, *flags: str) -> str:
        """The first of these that the run's recipe has; the first of all where it has none."""
        return next((flag for flag in flags if self.offers(flag)), flags[0])


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
