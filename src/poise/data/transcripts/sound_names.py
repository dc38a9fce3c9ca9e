"""Which sound file a written name means: ./a.wav, backslashes, absolute paths, other Unicode forms, no suffix."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from poise.data.files.containers import SUFFIXES

_MICROPHONE = re.compile(r"_mic\d$")  # VCTK 0.92 has two recordings of each text


class SoundNames:
    """The sound files of a folder by every way in which they may be written.

    A name is first taken as it is, then without its suffix, then without its folder. Where a folder is written that is
    not there (DUMMY1/a.wav of a list made elsewhere), the file of that name in another folder is meant, as long as no
    line names that folder itself.
    """

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        self.folder = folder.absolute().as_posix().rstrip("/") + "/"
        self.known: dict[str, list[str]] = {}
        for way in _WAYS:
            mine: dict[str, list[str]] = {}
            for name in files:
                mine.setdefault(way(_plain(name)), []).append(name)
            self.known = mine | self.known

    def find(self, written: str, claimed: frozenset[str] = frozenset()) -> list[str]:
        """The files that a written name may mean. Args: claimed, folders that lines name themselves."""
        name = self._relative(written)
        for tried in dict.fromkeys((name, without_suffix(name))):
            if tried in self.known:
                return self.known[tried]
        if "/" not in name:
            return []
        parts = name.split("/")
        for first in range(1, len(parts)):
            tail = "/".join(parts[first:])
            for tried in dict.fromkeys((tail, without_suffix(tail))):
                if found := [file for file in self.known.get(tried, []) if folder_of(file) not in claimed]:
                    return found
        return []

    def folder_named(self, written: str) -> str | None:
        """The folder of the file that a written name means by itself."""
        name = self._relative(written)
        found = self.known.get(name) or self.known.get(without_suffix(name)) or []
        return folder_of(found[0]) if len(found) == 1 else None

    def under(self, inside: str) -> SoundNames:
        """The same for names that are written in a folder below: "a.wav" for "train/a.wav"."""
        mine = {key.removeprefix(f"{inside}/"): files for key, files in self.known.items() if key.startswith(inside)}
        self.known = self.known | mine
        return self

    def _relative(self, written: str) -> str:
        name = _plain(written.replace("\\", "/") if "\\" in written and written not in self.known else written)
        name = name.removeprefix(_plain(self.folder))
        return re.sub(r"^(\./)+", "", re.sub(r"/(\./|/)+", "/", name))


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def folder_of(name: str) -> str:
    return name.rpartition("/")[0]


def stem(name: str) -> str:
    """Without the suffix: "a/b" for "a/b.wav"."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + (last.rpartition(".")[0] or last)


def without_suffix(name: str) -> str:
    """Without a suffix of sound: "three.x" stays as it is."""
    return stem(name) if name.lower().endswith(SUFFIXES) else name


def last(name: str) -> str:
    return name.rpartition("/")[2]


def without_microphone(name: str) -> str:
    return _MICROPHONE.sub("", name)


_WAYS: tuple[Callable[[str], str], ...] = (
    str,
    stem,
    last,
    lambda name: last(stem(name)),
)
