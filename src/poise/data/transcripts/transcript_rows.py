"""Rows of a table of what is said in recordings: a table with a delimiter, JSON, or a name, a blank and a text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from poise import disk
from poise.data.tables.encoding import LeftOut, encoding_of, lines_in
from poise.data.tables.table import TableRow, json_lines, keys_of, read_table
from poise.data.tables.table_layout import plain
from poise.data.transcripts.sound_names import SoundNames
from poise.errors import PoiseError

FILE = (
    "file", "file_name", "filename", "path", "audio", "audio_file", "audio_path", "audio_filepath", "audiofile", "wav",
    "wav_file", "wav_path", "wave", "clip", "sound", "recording", "id", "utt_id", "utterance_id", "fileid", "file_id",
    "name",
)  # fmt: skip
TEXT = (
    "text", "sentence", "transcript", "transcription", "normalized_text", "normalised_text", "normalized_transcription",
    "raw_text", "raw_transcription", "utterance", "prompt", "caption", "words", "content",
)  # fmt: skip
VOICE = (
    "voice", "speaker", "speaker_id", "speaker_name", "spk", "spk_id", "client_id", "narrator", "reader", "actor",
    "user_id",
)  # fmt: skip
LOOKED_AT = 500  # rows
LARGEST_JSON = 64 << 20  # bytes of a JSON text that is read as one


def rows_in(
    path: Path, asked: Sequence[str], bad: LeftOut, names: SoundNames
) -> tuple[tuple[str, ...], list[TableRow], str]:
    """The names of the columns, the rows, and how the table is written; `asked`, columns that the user names."""
    if path.suffix.lower() in (".jsonl", ".json"):
        return _objects(path, bad)
    if not asked and by_first_word(path, names):
        return _spaced(path, bad)
    bars = _bars(path)
    table = read_table(path, (*FILE, *TEXT, *VOICE), delimiter=bars, asked=asked)
    if bars:  # quotes are part of a text between bars
        table = replace(table, layout=replace(table.layout, quoted=False))
    rows = [TableRow(row.line, [field.strip() for field in row.fields]) for row in table.rows(bad)]
    return table.layout.header, rows, str(table.layout)


def _bars(path: Path) -> str | None:
    """A "|" parts the fields wherever most lines have one, whatever else is in them."""
    some = filled_lines(path)
    if sum("|" in line for line in some) > 0.9 * len(some):
        return "|"
    return None


def filled_lines(path: Path, looked_at: int = 200) -> list[str]:
    """Those of the first lines that hold something."""
    lines = itertools.islice(lines_in(path, encoding_of(path), LeftOut("")), looked_at)
    return [line for _, line in lines if line.strip()]


def name_a_file(cells: Sequence[str], names: SoundNames) -> bool:
    """Whether one of the cells is the name of a recording."""
    return any(map(names.find, filter(None, map(str.strip, cells))))


def by_first_word(path: Path, names: SoundNames) -> bool:
    """Whether at least half of the first lines are the name of a recording, a blank and what is said.

    So it is in LibriSpeech and Kaldi, in a .txt or a file without suffix.
    """
    if path.suffix.lower() not in ("", ".txt"):
        return False
    lines = filled_lines(path)
    parted = [line for line in lines if re.search(r"[|\t]", line)]
    if 2 * len(parted) > len(lines):
        return False
    parts = [line.split(None, 1) for line in lines]
    hits = sum(bool(names.find(part[0])) for part in parts if len(part) == 2)
    return 2 * hits >= len(parts) > 0


def _spaced(path: Path, bad: LeftOut) -> tuple[tuple[str, ...], list[TableRow], str]:
    """Lines of a name, a blank and a text; of LibriSpeech (84-121123-0000) the voice is the first number."""
    rows = []
    for number, line in lines_in(path, encoding_of(path), bad):
        if line.strip():
            name, *text = line.split(None, 1)
            rows.append(TableRow(number, [name, "".join(text).strip()]))
    if all(re.fullmatch(r"\d+-\d+-\d+", row.fields[0]) for row in rows):
        rows = [TableRow(row.line, [*row.fields, row.fields[0].partition("-")[0]]) for row in rows]
        return (FILE[0], TEXT[0], VOICE[0]), rows, "a name (VOICE-CHAPTER-NUMBER), a blank and what is said"
    return (FILE[0], TEXT[0]), rows, "a name, a blank and what is said"


def objects_name_files(path: Path, names: SoundNames) -> bool:
    """Whether at least half of the first objects of a JSON file name a recording in one of their values."""
    try:
        _, rows, _ = _objects(path, LeftOut(""))
    except PoiseError:
        return False
    some = rows[:LOOKED_AT]
    hits = sum(name_a_file(row.fields, names) for row in some)
    return 2 * hits >= len(some) > 0


def _objects(path: Path, bad: LeftOut) -> tuple[tuple[str, ...], list[TableRow], str]:
    """Objects, one a line; or one JSON text: a list of objects, or an object from file to text."""
    objects: list[tuple[int, dict[str, object]]] = []
    whole = _as_one(path)
    if whole is not None:
        for number, row in enumerate(whole, 1):
            if isinstance(row, dict):
                objects.append((number, row))
            else:
                bad.add(f"entry {number}", "no object with columns")
        return _columns_of(objects)
    for number, row in json_lines(lines_in(path, encoding_of(path), bad), bad):
        if isinstance(row, dict):
            objects.append((number, row))
        else:
            bad.add(f"line {number}", "no object with columns")
    return _columns_of(objects)


def _as_one(path: Path) -> list[object] | None:
    """The entries of a file that is one JSON text over several lines, or on one; None where it is none."""
    if path.suffix.lower() != ".json" or path.stat().st_size > LARGEST_JSON:
        return None
    try:
        found = disk.loads("\n".join(line for _, line in lines_in(path, encoding_of(path), LeftOut(""))))
    except ValueError:
        return None
    if isinstance(found, list):
        return found
    if not isinstance(found, dict) or not found:
        return None
    if not all(isinstance(value, str) for value in found.values()):
        return None
    if {*FILE, *TEXT}.intersection(map(plain, found)):
        return [found]
    return [{FILE[0]: name, TEXT[0]: text} for name, text in found.items()]


def _columns_of(objects: list[tuple[int, dict[str, object]]]) -> tuple[tuple[str, ...], list[TableRow], str]:
    header = tuple(keys_of(row for _, row in objects[:LOOKED_AT]))
    rows = [TableRow(number, [_cell(row.get(key)) for key in header]) for number, row in objects]
    return header, rows, f"JSON with {', '.join(header[:8])}"


def _cell(value: object) -> str:
    """A value of JSON as text; the path of an {"audio": {"path": ...}}."""
    if isinstance(value, dict):
        value = value.get("path")
    if value is None or isinstance(value, (dict, list)):
        return ""
    return str(value).strip().encode(errors="replace").decode()
