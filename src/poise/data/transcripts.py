"""What is said in recordings, and by whom: from a pattern for the names of the files, metadata.csv, or .txt files.

    {"a/1.wav": Said("hello", "a")}

A metadata.csv in the folder has "|" between its fields. Either its first line names them (file|text, perhaps voice and
more), or it is that of LJ Speech: id|text or id|text|normalised text, of which the last one is taken. A file may be
written with its folder or without, and with its suffix or without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from poise.data.text import lines_of
from poise.errors import PoiseError, nearest

METADATA = "metadata.csv"
FIELDS = ("text", "voice")


class Said(NamedTuple):
    """The text of one recording and the name of its voice, "" where they are not known."""

    text: str = ""
    voice: str = ""


def transcripts(folder: Path, files: Sequence[str], labels: str | None = None) -> dict[str, Said]:
    """What is known of each of `files`, names relative to `folder`; none is there of which nothing is known.

    Args: labels, a pattern for the names without suffix, such as "{voice}/{text}": the fields text and voice, and {}
    for what does not matter, match anything but "/", the first ones as little as possible. With it, only what matches
    is there; else what metadata.csv says, where there is one; else the .txt beside each file.

    Errors: `PoiseError` for a pattern that cannot be or that nothing matches, and for a metadata.csv with another
    number of fields, an unknown file, the same file twice or another encoding than UTF-8, with the line.
    """
    if labels is not None:
        return _by_pattern(folder, files, labels)
    if (folder / METADATA).is_file():
        return _by_table(folder / METADATA, files)
    beside = {name: (folder / name).with_suffix(".txt") for name in files}
    return {name: Said(_joined(lines_of(path))) for name, path in beside.items() if path.is_file()}


def _joined(lines: Iterator[str]) -> str:
    return " ".join(" ".join(lines).split())


def _by_pattern(folder: Path, files: Sequence[str], labels: str) -> dict[str, Said]:
    parts = re.split(r"\{([^{}]*)\}", labels)
    fields = [field for field in parts[1::2] if field]
    if bad := [field for field in fields if field not in FIELDS]:
        raise PoiseError(
            f"--labels {labels}: there is no field '{bad[0]}'{nearest(bad[0], FIELDS)}; give text and voice"
        )
    if not fields or len(set(fields)) < len(fields) or any("{" in part or "}" in part for part in parts[::2]):
        raise PoiseError(f"--labels {labels}: give the fields text and voice once each, such as {{voice}}/{{text}}")
    pattern = re.escape(parts[0])
    for field, literal in zip(parts[1::2], parts[2::2], strict=True):
        pattern += (f"(?P<{field}>[^/]+?)" if field else "[^/]+?") + re.escape(literal)
    compiled = re.compile(pattern)
    matches = {name: compiled.fullmatch(stem(name)) for name in files}
    found = {name: Said(**match.groupdict()) for name, match in matches.items() if match}
    if files and not found:
        raise PoiseError(f"--labels {labels} matches no file of {folder}, such as {files[0]}: correct the pattern")
    return found


def _by_table(path: Path, files: Sequence[str]) -> dict[str, Said]:
    known = _names(files)
    found: dict[str, Said] = {}
    for number, row, at in _rows(path):
        written = row[at["file"]]
        names = known.get(written, [])
        if len(names) != 1:
            what = "several sound files" if names else "no sound file"
            near = "" if names else nearest(written, known)
            raise PoiseError(f"{path}: line {number} names '{written}', which is {what}{near}: correct or remove it")
        if names[0] in found:
            raise PoiseError(f"{path}: line {number} names {names[0]} a second time: remove one of the two lines")
        found[names[0]] = Said(row[at["text"]], row[at["voice"]] if "voice" in at else "")
    return found


def _rows(path: Path) -> Iterator[tuple[int, list[str], dict[str, int]]]:
    """Number of the line, its fields, and the places of file, text and perhaps voice among them."""
    at: dict[str, int] = {}
    count = 0
    for number, line in enumerate(lines_of(path), 1):
        row = [field.strip() for field in line.split("|")]
        if not line.strip():
            continue
        if not at:
            count = len(row)
            at = {field: place for place, field in enumerate(row)}
            if {"file", "text"} <= set(at):
                continue
            at = {"file": 0, "text": count - 1}
            if count not in (2, 3):
                raise PoiseError(f"{path}: line {number} has {_fields(count)}: write file|text on each line")
        if len(row) != count:
            raise PoiseError(
                f"{path}: line {number} has {_fields(len(row))} and the first line has {count}: put '|' between the "
                "fields and nowhere else"
            )
        yield number, row, at


def _fields(count: int) -> str:
    return f"{count} field{'s' * (count != 1)}"


def _names(files: Sequence[str]) -> dict[str, list[str]]:
    """Every way in which a file may be written -> the files that it may mean, the longest way first."""
    found: dict[str, list[str]] = {}
    for way in (str, stem, lambda name: name.rpartition("/")[2], lambda name: stem(name).rpartition("/")[2]):
        mine: dict[str, list[str]] = {}
        for name in files:
            mine.setdefault(way(name), []).append(name)
        found = mine | found
    return found


def stem(name: str) -> str:
    """Without the suffix: "a/b" for "a/b.wav"."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.rpartition(".")[0]
