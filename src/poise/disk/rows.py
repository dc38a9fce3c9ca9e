"""What the lines of `record.jsonl` and `events.jsonl` must look like."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poise.disk.reading import entries, loads, read_lines
from poise.errors import PoiseError

SCORES = "score/"  # how the names of scores begin


def natural(value: Any) -> int | None:
    """A whole number of at least 0 that a step may be; None for anything else, Infinity and 10^400 too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return None
    return int(value) if value == int(value) else None


class StepRow(dict[str, float]):
    """Numbers of one step, as a line of a record has them: {"step": 16, NAME: number, ...}."""

    @property
    def step(self) -> int:
        return int(self["step"])


class KeptRows(list[StepRow]):
    """The rows of a record in bounded memory, for who looks at its beginning, its end and its scores.

    All of up to `most` rows. When there are more, of those between the first and the last ones every second of each
    kind, that is with the same names, is forgotten, but none with scores; so what lies further back is known at fewer
    steps. What is kept follows from the rows in their order alone: a run that was stopped keeps the same.

    Args: rows, in order; most, first, last: how many rows.
    """

    def __init__(
        self, rows: Iterable[StepRow] = (), most: int = 50_000, first: int = 1_000, last: int = 10_000
    ) -> None:
        super().__init__()
        self._limit, self._first, self._last, self._step = most, first, last, max(1, most // 4)
        for row in rows:
            self.append(row)

    def append(self, row: StepRow) -> None:
        """The next row."""
        super().append(row)
        if len(self) > self._limit:
            end = len(self) - self._last
            self[self._first : end] = _every_second(self[self._first : end])
            self._limit = max(self._limit, len(self) + self._step)  # of many scores all are kept


def _every_second(rows: Sequence[StepRow]) -> list[StepRow]:
    """The first, third ... of each kind, and all with scores."""
    seen: Counter[frozenset[str]] = Counter()
    kept = []
    for row in rows:
        kind = frozenset(row)
        scored = any(name.startswith(SCORES) for name in row)
        if scored or seen[kind] % 2 == 0:
            kept.append(row)
        seen[kind] += 1
    return kept


@dataclass(frozen=True)
class LoggedEvent:
    """A line of `events.jsonl`: what happened, when, and what is told of it."""

    event: str
    time: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> LoggedEvent:
        more = {name: value for name, value in entry.items() if name not in ("event", "time")}
        return cls(entry["event"], str(entry.get("time", "")), more)


def events_in(path: Path) -> list[LoggedEvent]:
    """Oldest first; a last line that was cut off by a crash is left out. Errors: PoiseError for a damaged file."""
    with contextlib.suppress(FileNotFoundError):
        lines = entries(path, wrong_event, "put it back, or take that line out")
        return [LoggedEvent.from_dict(line) for line in lines]
    return []


def wrong_row(row: Mapping[str, object]) -> str:
    """What is the matter with a line of a record, {"step": 16, NAME: number, ...}; empty where nothing is."""
    if natural(row.get("step")) is None:
        return "it has no step"
    for name, value in row.items():
        if type(value) not in (int, float):
            return f"{name[:60]!r} is no number"
    return ""


def wrong_event(entry: Mapping[str, object]) -> str:
    """The same of a line of `events.jsonl`, {"time": ..., "event": name, ...}."""
    return "" if isinstance(entry.get("event"), str) else "it has no event"


def rows_before(path: Path, step: int) -> bytes:
    """The lines of a record of steps before `step`, as they stand there, up to the first that is damaged."""
    kept = []
    try:
        for _, line in read_lines(path):
            row = loads(line.decode())
            if not isinstance(row, dict) or wrong_row(row):
                break
            if row["step"] < step and line.endswith(b"\n"):
                kept.append(line)
    except (FileNotFoundError, ValueError, PoiseError):  # not there, or from here on damaged
        pass
    return b"".join(kept)


def wrong_report(report: Any) -> str:
    """What is the matter with the content of `report.json`, as far as others read it; empty where nothing is."""
    if not isinstance(report, dict):
        return "it is no object"
    if natural(report.get("steps")) is None:
        return "it has no steps"
    if not isinstance(report.get("recipe", ""), str):
        return "'recipe' is no name"
    for key, fits in (("best", _best), ("floor", _numbers)):
        if key in report and not fits(report[key]):
            return f"'{key}' is not what a run writes"
    for key, fits in (("scores", _score), ("findings", _finding), ("sentences", _text), ("notes", _text),
                      ("rollbacks", _text)):  # fmt: skip
        if key in report and not _all(fits, report[key]):
            return f"'{key}' is not what a run writes"
    return ""


def _number(value: Any) -> bool:
    """NaN and infinity too; no whole number that no float can hold."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) < 10**300
    return isinstance(value, float)


def _numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


def _best(value: Any) -> bool:
    """Empty where no score was taken."""
    if value == {}:
        return True
    return _step_in(value, "step") and _number(value.get("value")) and _texts_in(value, ("score",))


def _score(value: Any) -> bool:
    return _numbers(value) and _step_in(value, "step")


def _finding(value: Any) -> bool:
    return _step_in(value, "since") and _texts_in(value, ("name", "severity", "sentence", "action"))


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _step_in(value: Any, key: str) -> bool:
    """Whether it is an object with a step of that name."""
    return isinstance(value, dict) and natural(value.get(key)) is not None


def _texts_in(entry: Mapping[str, object], keys: Sequence[str]) -> bool:
    return all(isinstance(entry.get(key), str) for key in keys)


def _all(fits: Callable[[Any], bool], value: Any) -> bool:
    """Whether it is a list of such."""
    return isinstance(value, list) and all(map(fits, value))
