"""What a run keeps of itself beside its arguments: an object with named fields here, a table in spec.json. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from types import UnionType
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What rebuilds the generator of a run without its data, and what the data was.

    A recipe's own derive from it: their fields, in their order, are the keys of "facts" in spec.json; one with a
    default is left out where it has that value. Every recipe has `data`, what it was in a line, its `fingerprint`,
    and `device`, `precision` and number of `threads` of the run; some have `counts` of what became of the data's
    items, `stages` with their steps, by stage `learning_rates` (which option is the rate) and `roles` (generator and
    discriminator -> player), `per_step`, and what is `not_advised`: report and monitor read them in the table.
    `earlier`: keys that earlier versions did not write, and their values there.
    """

    earlier: ClassVar[Mapping[str, Any]] = {}

    def to_dict(self) -> dict[str, Any]:
        """The table."""
        table = asdict(self)
        return {entry.name: table[entry.name] for entry in fields(self) if table[entry.name] != entry.default}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Self:
        """Out of the table of a run, perhaps of an earlier version, whose other keys do not matter here.

        Errors: KeyError for a key that is missing and has no default, TypeError for a value of another type.
        """
        kinds, known, given = get_type_hints(cls), {**cls.earlier, **table}, {}
        for entry in fields(cls):
            if entry.name in known:
                given[entry.name] = _read(entry.name, kinds[entry.name], known[entry.name])
            elif entry.default is MISSING:
                raise KeyError(entry.name)
        return cls(**given)


@dataclass(frozen=True)
class OriginFacts:
    """Whose networks a run began with: `run`, as its folder was called then, `step` of the checkpoint, and `files`,
    name -> sha256."""

    run: str
    step: int
    files: dict[str, str]

    @property
    def described(self) -> str:
        """In words."""
        return f"{self.run}, step {self.step:,}"


def _read(name: str, kind: Any, value: Any) -> Any:
    """The value of a field of this type; what is inside lists and tables is not looked at."""
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    for one in kinds:
        plain: Any = get_origin(one) or one
        if isinstance(value, dict) and hasattr(plain, "__dataclass_fields__"):
            return plain(**value)
        if isinstance(value, (int, float) if plain is float else plain):
            return value
    raise TypeError(f"{name} is {value!r:.40}")
