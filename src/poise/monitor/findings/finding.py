"""What the doctor reads and says. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from poise.disk.description import RunSpec
from poise.monitor.findings import old_runs
from poise.monitor.findings.windows import Series, series

Severity = Literal["note", "warning", "critical"]


RECENT = 64  # rows at the end in which a number that is still recorded occurs


class StageSpan(NamedTuple):
    """A stretch of a run: its name, the step at which it begins, and how many steps it has."""

    name: str
    first: int
    steps: int


def _named(key: str, names: Mapping[str, str]) -> str:
    """PLAYER/number under another name of the player."""
    player, slash, number = key.partition("/")
    return f"{names.get(player, player)}{slash}{number}"


def _parts(option: str) -> tuple[str, str, str]:
    """An option as what stands before its player, the player and the rest: "l2-generator" -> "l2-", "generator", "";
    "generator.lr" -> "", "generator", ".lr"."""
    group, dot, rest = option.partition(".")
    before = group[:3] if group.startswith(("l2-", "l2_")) else ""
    return before, group[len(before) :], dot + rest


class Record(NamedTuple):
    """What is known of a run: the rows of its record, and what it was asked to do."""

    rows: Sequence[Mapping[str, float]]  # {"step": 16, "discriminator/adversarial": 1.38, ...}, steps ascending
    spec: RunSpec = RunSpec()

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, float]], spec: RunSpec) -> Record:
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

    @property
    def stage(self) -> StageSpan:
        """The stage that the last row belongs to; one without a name where the run knows of none."""
        step, first = (int(self.rows[-1]["step"]) if self.rows else 0), 0
        for name, steps in self.fact("stages", ()):
            if step < first + steps:
                return StageSpan(name, first, steps)
            first += steps
        asked: Any = self.spec.end or self.spec.arguments.get("steps")
        return StageSpan("", first, int(asked or 0))

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
        found: Any = self.spec.arguments
        for part in self._own(name).split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return otherwise if found is None else found

    def _own(self, name: str) -> str:
        """discriminator.lr, l2_discriminator ... as the player calls it who is that in this stage."""
        before, player, rest = _parts(name)
        return f"{before}{self.roles.get(player, player)}{rest}"

    def fact(self, name: str, otherwise: Any = None) -> Any:
        return self.spec.facts.get(name, otherwise)

    def advises(self, what: str) -> bool:
        """Whether the recipe has no reason against something that usually helps, such as R1 or dropout."""
        return what not in old_runs.not_advised(self.spec)

    def offers(self, option: str) -> bool:
        """Whether the run's recipe has this option, such as "l2-generator" or "discriminator.penalties"; True where the
        arguments are not known, because then no recipe is."""
        found: Any = self.spec.arguments or None
        for part in self._own(option.replace("-", "_")).split("."):
            if found is None or isinstance(found, list):  # a list of penalties has options of its own
                return True
            if not isinstance(found, Mapping) or part not in found:
                return False
            found = found[part]
        return True

    def option(self, *options: str) -> str:
        """The first of these that the run's recipe has; the first of all where it has none."""
        return next((option for option in options if self.offers(option)), options[0])

    def flag(self, option: str) -> str:
        """The flag of an option, with the name of the player who has the role: "discriminator.lr" ->
        "--vocoder-discriminator.lr"."""
        before, player, rest = _parts(option)
        named = self.roles[player].replace("_", "-") if player in self.roles else player
        return f"--{before}{named}{rest}"

    def called(self, player: str) -> str:
        """Who has a role, in words: "discriminator" -> "vocoder's discriminator"."""
        return self.roles[player].replace("_", "'s ") if player in self.roles else player


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
