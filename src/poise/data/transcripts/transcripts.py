"""What is said in recordings, and by whom: from a pattern for the names of the files, a table, or .txt files.

    {"a/1.wav": Transcript("hello", "a")}

A table is metadata.csv, .tsv, .jsonl or .txt, validated.tsv (Common Voice), another list of the files in the folder
or right below it (filelists of VITS, NeMo's manifest.json, Kaldi's text), or a metadata file or *.trans.txt
(LibriSpeech) in each of its folders (see `transcript_tables`). Text files lie beside the recordings, or, as in VCTK, in
a folder txt/ with the same folders below it, one for each voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from poise.data.files.walking import walked
from poise.data.tables.encoding import lines_of
from poise.data.transcripts.sound_names import SoundNames, folder_of, last, stem, without_microphone
from poise.data.transcripts.transcript_rows import by_first_word, filled_lines, name_a_file, objects_name_files
from poise.data.transcripts.transcript_tables import Columns, Transcript, transcripts_in
from poise.errors import PoiseError, nearest
from poise.terminal import escaped

__all__ = ["METADATA", "Columns", "Transcript", "Transcripts", "read_transcripts", "stem", "transcripts"]
METADATA = "metadata.csv"
TABLES = (METADATA, "metadata.tsv", "metadata.jsonl", "metadata.psv", "metadata.txt", "validated.tsv")
SUFFIXES = (".csv", ".tsv", ".psv", ".jsonl", ".json", ".txt")
TRANS = (".trans.txt", ".trans.tsv")  # of a folder of LibriSpeech, of LibriTTS
KALDI = "text"
BESIDE = (".txt", ".normalized.txt", ".lab")
MOST_FOLDERS = 50  # right below, in which lists are looked for
SHOWN = 3  # tables of which each is told how it was read
FIELDS = ("text", "voice")
LOOKED_AT = 50  # lines of a file that may be a list of recordings


@dataclass
class Transcripts:
    """What is known of each file, and how it came to be known, a sentence each."""

    by_file: dict[str, Transcript] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def transcripts(
    folder: Path, files: Sequence[str], labels: str | None = None, columns: Columns | None = None
) -> dict[str, Transcript]:
    """What is known of each of `files`: see `read_transcripts`."""
    return read_transcripts(folder, files, labels, columns).by_file


def read_transcripts(
    folder: Path, files: Sequence[str], labels: str | None = None, columns: Columns | None = None
) -> Transcripts:
    """What is known of each of `files`, names relative to `folder`; none is there of which nothing is known.

    Args: labels, a pattern for the names without suffix, such as "{voice}/{text}": the fields text and voice, and {}
    for what does not matter, match anything but "/", the first ones as little as possible. With it, only what matches
    is there; else what a table says, where there is one; else the .txt beside each file. columns: which table and which
    of its columns.

    Errors: `PoiseError` for a pattern that cannot be or that nothing matches, a table or a column that is not there,
    and a table of which fewer than half of the lines name one sound file each, with the first of them.
    """
    if labels is not None:
        return Transcripts(_by_pattern(folder, files, labels))
    columns = columns or Columns()
    names, found = SoundNames(folder, files), Transcripts()
    tables = _tables(folder, files, names, columns)
    for place, table in enumerate(tables):
        told = transcripts_in(table, _names_for(table, folder, files, names), columns, found.by_file)
        if place >= SHOWN:
            del told[0]  # how it was read
        found.notes += told
    if len(tables) > SHOWN:
        found.notes.insert(SHOWN, f"{len(tables) - SHOWN:,} more tables like these, the last {tables[-1].name}")
    if found.notes or columns.named():
        return found
    return _by_text_files(folder, files)


def _names_for(table: Path, folder: Path, files: Sequence[str], names: SoundNames) -> SoundNames:
    """Names as a table writes them that may lie in a folder below; `names`, those of the whole folder, else or where
    it holds no files itself."""
    if table.parent == folder or not table.is_relative_to(folder):
        return names
    inside = table.parent.relative_to(folder).as_posix()
    mine = [name for name in files if name.startswith(f"{inside}/")]
    return SoundNames(folder, mine or files).under(inside)


def _tables(folder: Path, files: Sequence[str], names: SoundNames, columns: Columns) -> list[Path]:
    """The tables of what is said, in order."""
    if columns.metadata is not None:
        for asked in (Path(columns.metadata), folder / columns.metadata):
            if asked.is_file():
                return [asked]
        raise PoiseError(f"--metadata {columns.metadata}: there is no such file, nor one of that name in {folder}")
    for name in TABLES:
        if (folder / name).is_file():
            return [folder / name]
    found = []
    for above, inside in walked(folder):  # one in each folder, as of train and test
        found += [Path(above, name) for name in filter(_is_usual, inside)]
    if not found and sum(_beside(folder, name) is not None for name in files) * 2 < len(files):
        found = [path for path in _lists(folder, files) if _is_list(path, names)]
    if columns.named() and not found:
        raise PoiseError(f"{folder} has no table for --file-column, --text-column or --voice-column: give --metadata")
    return sorted(found)


def _is_usual(name: str) -> bool:
    return name in TABLES[:-1] or name.lower().endswith(TRANS)


def _lists(folder: Path, files: Sequence[str]) -> Iterator[Path]:
    """Files in the folder, or right below it, that may be tables, but for those that are the text of one recording."""
    stems = {last(stem(name)) for name in files}
    below = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    for place in (folder, *below[:MOST_FOLDERS]):
        for path in sorted(place.iterdir()):
            if _may_be_list(path) and path.stem not in stems:
                yield path


def _may_be_list(path: Path) -> bool:
    """Whether it is a file with a usual name of lists."""
    if path.name.startswith((".", "invalidated")):
        return False
    if path.name != KALDI and path.suffix.lower() not in SUFFIXES:
        return False
    return path.is_file()


def _is_list(path: Path, names: SoundNames) -> bool:
    """Whether at least half of the first lines name a recording in one of their fields."""
    if path.suffix.lower() in (".json", ".jsonl"):
        return objects_name_files(path, names)
    try:
        lines = filled_lines(path, LOOKED_AT)
    except PoiseError:
        return False
    rows = [re.split(r"[|\t,;\"]", line) for line in lines]
    hits = sum(name_a_file(row, names) for row in rows if len(row) > 1)
    return 2 * hits >= len(rows) > 0 or by_first_word(path, names)


def _beside(folder: Path, name: str) -> Path | None:
    """The file with the text of one recording: a.txt, a.normalized.txt (LibriTTS), a.lab or a.wav.trn (THCHS-30)."""
    plain = folder / stem(name)
    beside = (plain.with_name(plain.name + suffix) for suffix in BESIDE)
    return next((path for path in (*beside, folder / f"{name}.trn") if path.is_file()), None)


def _text_in(path: Path) -> str:
    """All of it in one line; of a .trn the first line, below which are syllables and phones; nothing of a .lab that
    holds times."""
    lines = lines_of(path)
    if path.suffix == ".trn":
        return " ".join(next(lines, "").split())
    text = _joined(lines)
    if path.suffix == ".lab" and re.match(r"\d+\s+\d+\s", text):
        return ""
    return text


def _by_text_files(folder: Path, files: Sequence[str]) -> Transcripts:
    """Texts beside the recordings, or in folders of the same names below txt/."""
    beside = {name: path for name in files if (path := _beside(folder, name)) is not None}
    if beside or not (folder / "txt").is_dir():
        by_file = {name: Transcript(_text_in(path)) for name, path in beside.items()}
        suffixes = " or ".join(sorted({path.suffix for path in beside.values()}))
        return _noted(by_file, f"texts from the {suffixes} beside each recording")
    by_file = {}
    for name in files:
        who = last(folder_of(name))
        path = folder / "txt" / who / f"{without_microphone(last(stem(name)))}.txt"
        if path.is_file():
            by_file[name] = Transcript(_joined(lines_of(path)), escaped(who))
    return _noted(by_file, "texts from txt/, voices from its folders")


def _noted(by_file: dict[str, Transcript], source: str) -> Transcripts:
    """With how it came to be known and an example, where anything is."""
    if not by_file:
        return Transcripts()
    return Transcripts(by_file, [source + _example(by_file)])


def _example(by_file: dict[str, Transcript]) -> str:
    file, first = next(iter(by_file.items()))
    return f': {file} -> "{first.text[:40]}"{first.voice_suffix()}'


def _joined(lines: Iterator[str]) -> str:
    return " ".join(" ".join(lines).split())


def _by_pattern(folder: Path, files: Sequence[str], labels: str) -> dict[str, Transcript]:
    parts = re.split(r"\{([^{}]*)\}", labels)
    literals, inside = parts[::2], parts[1::2]
    fields = list(filter(None, inside))
    for name in fields:
        if name not in FIELDS:
            raise PoiseError(
                f"--labels {labels}: there is no field '{name}'{nearest(name, FIELDS)}; give text and voice"
            )
    if not fields or len(set(fields)) < len(fields) or re.search("[{}]", "".join(literals)):
        raise PoiseError(f"--labels {labels}: give the fields text and voice once each, such as {{voice}}/{{text}}")
    pattern = re.escape(literals[0])
    for name, literal in zip(inside, literals[1:], strict=True):
        pattern += (f"(?P<{name}>[^/]+?)" if name else "[^/]+?") + re.escape(literal)
    compiled = re.compile(pattern)
    found = {}
    for file in files:
        if match := compiled.fullmatch(stem(file)):
            found[file] = Transcript(**{name: escaped(value) for name, value in match.groupdict().items()})
    if files and not found:
        raise PoiseError(f"--labels {labels} matches no file of {folder}, such as {files[0]}: correct the pattern")
    return found
