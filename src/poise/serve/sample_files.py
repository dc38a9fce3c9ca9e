"""Files of samples of a run: by the form of their names, and nothing else of its folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from poise import disk
from poise.disk.reading import DOCUMENT
from poise.errors import PoiseError
from poise.record import RunFolder

SAMPLE = re.compile(r"(\d{8})(-[a-z]+)?\.(png|txt)|real\.(png|txt)")
CLIPS = re.compile(r"\d{8}")
SOUND = re.compile(r"[\w .-]{1,120}\.wav")
TYPES = {".png": "image/png", ".txt": "text/plain; charset=utf-8", ".wav": "audio/wav"}
WORDS, LINES, ACROSS = 2_000, 4, 120  # bytes, lines and letters of sentences in a list


def file_of_samples(folder: RunFolder, file: str) -> tuple[bytes, str]:
    """The content of a file of samples, and its type. Errors: PoiseError where there is none."""
    first, slash, second = file.partition("/")
    wanted = SOUND.fullmatch(second) and CLIPS.fullmatch(first) if slash else SAMPLE.fullmatch(file)
    if not wanted:
        raise PoiseError(f"{folder.name} has no file of samples {file[:80]!r}")
    try:
        return disk.read_bytes(folder.samples / file, DOCUMENT), TYPES[Path(file).suffix]
    except OSError:
        raise PoiseError(f"{folder.name} has no file of samples {file[:80]!r}") from None


def samples_of(folder: RunFolder) -> list[str]:
    """Files of samples by step, oldest first: pictures, sentences, sounds as STEP/NAME.wav."""
    found = []
    with_sounds = []
    try:
        for path in sorted(folder.samples.iterdir()):
            if SAMPLE.fullmatch(path.name) and path.is_file() and not path.name.startswith("real"):
                found.append(path.name)
            elif CLIPS.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                with_sounds += [
                    f"{path.name}/{one.name}" for one in sorted(path.iterdir()) if SOUND.fullmatch(one.name)
                ]
    except OSError:
        return []
    return found + with_sounds


def words_of(folder: RunFolder, texts: Sequence[str]) -> str:
    """The first lines of the newest sentences."""
    try:
        content = disk.read_bytes(folder.samples / texts[-1], DOCUMENT)
    except (OSError, PoiseError):
        return ""
    lines = content[:WORDS].decode(errors="replace").split("\n")[:LINES]
    return "\n".join(line[:ACROSS] for line in lines)
