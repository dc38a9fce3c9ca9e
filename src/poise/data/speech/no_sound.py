"""Files of a folder of recordings that are no sound: nothing is passed over without a word."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from poise.data.files.walking import shown, walked
from poise.disk import seen_from

NAMED = 5
# What lies beside recordings: texts, tables of them, alignments, notes. They are counted and not named.
COMPANIONS = (".txt", ".lab", ".textgrid", ".csv", ".tsv", ".jsonl", ".json", ".srt", ".vtt", ".md", ".log", ".xml")


def other_files(folder: Path, sounds: Iterable[Path]) -> list[str]:
    """Names, relative to the folder, of what is neither hidden nor among `sounds`."""
    known = {str(path) for path in sounds}
    every = (os.path.join(above, name) for above, names in walked(folder) for name in names if not name.startswith("."))
    return sorted(seen_from(path, folder) for path in every if path not in known)


def describe_files(files: Sequence[str]) -> str:
    """How many there are, by suffix, and the names of the first five that are no companions; "" for none."""
    if not files:
        return ""
    suffixes = Counter(os.path.splitext(file)[1].lower() or "no suffix" for file in files)
    counts = [f"{shown(suffix)} ({n:,})" for suffix, n in suffixes.most_common(NAMED)]
    more = len(suffixes) - len(counts)
    odd = [file for file in files if not file.lower().endswith(COMPANIONS)]
    rest = len(odd) - NAMED
    names = f", among them {', '.join(map(shown, odd[:NAMED]))}" if odd else ""
    return (
        f"{len(files):,} file{'s' * (len(files) != 1)}, {', '.join(counts)}"
        + (f" and {more:,} other kinds" if more > 0 else "")
        + names
        + (f" and {rest:,} more" if rest > 0 else "")
    )
