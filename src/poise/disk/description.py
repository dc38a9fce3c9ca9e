"""What a run was asked to do, as `spec.json` holds it. No torch in here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypedDict

from poise.disk.rows import natural

MOST = 10**12  # steps that are believed
Arguments = dict[str, object]  # of a recipe's signature, as JSON has them: groups are tables


class AskedRun(TypedDict):
    """What is to be trained; arguments that are not given take their defaults."""

    recipe: str
    arguments: Arguments


@dataclass(frozen=True)
class PerStep:
    """What a step reads, for the live view: `unit` of a speed, `size` of a step in words, and stage -> units in a step,
    "" for the other stages."""

    unit: str
    size: str
    amounts: dict[str, float]


@dataclass(frozen=True)
class Lengthening:
    """A run whose end after `start` steps became one after `end`, both counted over all stages. `minutes` and
    `milliseconds` of a step, as measured then, where it was asked for in minutes."""

    start: int
    end: int
    minutes: float | None = None
    milliseconds: float | None = None

    @classmethod
    def from_dict(cls, content: Any) -> Self | None:
        """None where this is no lengthening."""
        if not isinstance(content, dict):
            return None
        start, end = natural(content.get("start")), natural(content.get("end"))
        if start is None or end is None or not start < end:
            return None
        timed = [content.get(name) for name in ("minutes", "milliseconds")]
        minutes, milliseconds = (float(value) if isinstance(value, int | float) else None for value in timed)
        return cls(start, end, minutes, milliseconds)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what is not known is left out."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class RunSpec:
    """The description of a run.

    `arguments` of the recipe's signature; `facts`, what rebuilds the generator without the data, and what the data was;
    `versions` of what made the numbers; `data_path`, absolute, None for data that are no path; `sources`, dotted path
    of code that is not Poise's -> sha256 of its source; `lengthened`, how the run got longer than `arguments` say, in
    the order in which that was asked for.
    """

    recipe: str = ""
    arguments: Arguments = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    data_path: str | None = None
    sources: Mapping[str, str | None] = field(default_factory=dict)
    lengthened: tuple[Lengthening, ...] = ()

    @property
    def called(self) -> str | None:
        """What the file of the data was called when the run began; None for data that are no path."""
        data = self.arguments.get("data")
        return os.path.basename(data) if self.data_path is not None and isinstance(data, str) else None

    @property
    def end(self) -> int | None:
        """After how many steps of all stages a lengthened run ends; None where it is as long as its arguments say."""
        return self.lengthened[-1].end if self.lengthened else None

    @property
    def planned(self) -> int | None:
        """How many steps were asked for, of all stages together; None where that is not known of each."""
        if self.end is not None:
            return self.end
        stages = self.facts.get("stages")
        steps: list[object] = [entry[-1] for entry in stages if entry] if isinstance(stages, list) else []
        if not steps:
            steps = [value for name, value in self.arguments.items() if name == "steps" or name.endswith("_steps")]
        known = [value for value in steps if type(value) is int and 0 <= value < MOST]
        return sum(known) if steps and len(known) == len(steps) else None

    @classmethod
    def from_dict(cls, content: Any) -> RunSpec | None:
        """None where the content of a file does not describe a run."""
        if not isinstance(content, dict) or not isinstance(content.get("recipe"), str):
            return None
        arguments, facts, versions = (content.get(name) for name in ("arguments", "facts", "versions"))
        if not (isinstance(arguments, dict) and isinstance(facts, dict) and isinstance(versions, dict)):
            return None
        path, sources = content.get("data_path"), content.get("sources")
        path = path if isinstance(path, str) else None
        sources = sources if isinstance(sources, dict) else {}
        entries = content.get("lengthened", [])
        longer = [Lengthening.from_dict(entry) for entry in entries] if isinstance(entries, list) else [None]
        known = tuple(entry for entry in longer if entry is not None)
        if len(known) < len(longer):
            return None
        return cls(content["recipe"], arguments, facts, versions, path, sources, known)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what is not known is left out."""
        longer = [entry.to_dict() for entry in self.lengthened]
        found = {**vars(self), "sources": self.sources or None, "lengthened": longer or None}
        return {name: value for name, value in found.items() if value is not None}
