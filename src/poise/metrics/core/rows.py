"""What is reported of metrics: rows of estimates, and notes. Sentences are made of notes at the very end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from poise.direction import REAL, Direction, coded
from poise.metrics.core.statistics import Estimate

AGAINST_REAL = ("metric", "title", "better", "made", "perfect", "copied")  # keys of a row in JSON
Items = TypeVar("Items")
Difference = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True)
class StandIns(Generic[Items]):
    """What is compared: the real `reference` with what stands in the generator's place, which is what was `made`, a
    `perfect` generator (real items that are not in the reference), or training items that were `copied`, if there are
    any."""

    reference: Items
    made: Items
    perfect: Items
    copied: Items | None = None

    def by_name(self) -> dict[str, Items]:
        """What stands in the generator's place."""
        found = {"made": self.made, "perfect": self.perfect}
        return found if self.copied is None else {**found, "copied": self.copied}


@dataclass(frozen=True)
class Note:
    """A sentence beside numbers; where it tells why something is left out, the end of the sentence.

    `left_out`, what is left out for that reason; `of`, of what, where it is not left out altogether.

    Example:
        >>> str(Note("the training set was not given.", "FLD"))
        'FLD is left out: the training set was not given.'
    """

    reason: str
    left_out: str = ""
    of: str = ""

    def __str__(self) -> str:
        return _sentence([self.left_out], self) if self.left_out else self.reason


def _sentence(names: Sequence[str], note: Note) -> str:
    of = f" of {note.of}" if note.of else ""
    return f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} left out{of}: {note.reason}"


def gathered(notes: Iterable[Note]) -> list[str]:
    """Sentences, each once; what is left out altogether for one reason is told in one.

    Example:
        >>> gathered([Note("give more.", "FD"), Note("give more.", "KID"), Note("Few rows."), Note("Few rows.")])
        ['FD, KID are left out: give more.', 'Few rows.']
    """
    groups: dict[tuple[bool, str], list[Note]] = {}
    for note in notes:
        whole = bool(note.left_out) and not note.of
        group = groups.setdefault((whole, note.reason if whole else str(note)), [])
        if note not in group:
            group.append(note)
    return [
        _sentence([n.left_out for n in group], group[0]) if key[0] else str(group[0]) for key, group in groups.items()
    ]


@dataclass(frozen=True)
class ScoreRow:
    """One number: of the generator, and of what may stand beside it.

    `perfect`, of fresh real data in the generator's place, and `copied`, of training data, where they are compared with
    one reference; `beside`, name -> the same number of something else, and `difference`, name -> made less that, with
    its 95 % interval, where each item has a counterpart.

    Example:
        >>> row = ScoreRow("FD", "A distance.", "lower", Estimate(2.0, 1.5, 2.5, 9, 9), Estimate(0.2, 0.1, 0.3, 9, 9))
        >>> row.differs, row.to_dict(("metric", "better"))
        (True, {'metric': 'FD', 'better': 'low'})
    """

    metric: str
    title: str
    better: Direction
    made: Estimate
    perfect: Estimate | None = None
    copied: Estimate | None = None
    beside: Mapping[str, Estimate | None] = field(default_factory=dict)
    difference: Mapping[str, Difference] = field(default_factory=dict)
    target: str = REAL

    @property
    def differs(self) -> bool:
        """Whether the intervals of the generator and of a perfect one do not overlap."""
        assert self.perfect is not None, f"{self.metric} is not compared with a perfect generator"
        return max(self.made.low, self.perfect.low) > min(self.made.high, self.perfect.high)

    def to_dict(self, keys: Sequence[str] = AGAINST_REAL) -> dict[str, object]:
        """These keys of it, for JSON."""
        differences = {
            name: dict(zip(("value", "low", "high"), found, strict=True)) for name, found in self.difference.items()
        }
        special = {
            "better": coded(self.better, self.target),
            "beside": {name: _plain(estimate) for name, estimate in self.beside.items()},
            "difference": differences,
        }
        return {key: special[key] if key in special else _plain(getattr(self, key)) for key in keys}


def _plain(value: Any) -> Any:
    """Of an estimate a table, in which an end that is not there is None."""
    if not isinstance(value, Estimate):
        return value
    ends = {name: end if math.isfinite(end) else None for name, end in (("low", value.low), ("high", value.high))}
    return {**value._asdict(), **ends}
