"""What the lines of `record.jsonl` and `events.jsonl` must look like."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poise.disk.reading import entries, loads, natural, read_lines
from poise.errors import PoiseError


class StepRow(dict[str, float]):
    """Numbers of one step, as a line of a record has them: {"step": 16, NAME: number, ...}."""

    @property
    def step(self) -> int:
        return int(self["step"])


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
    wrong = next((key for key, value in row.items() if type(value) not in (int, float)), None)
    return "" if wrong is None else f"{wrong[:60]!r} is no number"


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
    for key, fits in (("best", _best), ("floor", _numbers), ("scores", _scores), ("findings", _findings),
                      ("sentences", _texts), ("notes", _texts), ("rollbacks", _texts)):  # fmt: skip
        if key in report and not fits(report[key]):
            return f"'{key}' is not what a run writes"
    return ""


def _number(value: Any) -> bool:
    """NaN and infinity too; no whole number that no float can hold."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**300)


def _numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


def _best(value: Any) -> bool:
    whole = isinstance(value, dict) and natural(value.get("step")) is not None and _number(value.get("value"))
    return value == {} or (whole and isinstance(value.get("score"), str))


def _scores(value: Any) -> bool:
    return isinstance(value, list) and all(
        _numbers(entry) and natural(entry.get("step")) is not None for entry in value
    )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _findings(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and natural(entry.get("since")) is not None
        and all(isinstance(entry.get(key), str) for key in ("name", "severity", "sentence", "action"))
        for entry in value
    )
