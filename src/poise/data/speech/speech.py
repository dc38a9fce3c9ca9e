"""Clips of speech from a folder of sound files: one channel, any rate, read when they are needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.data.files.containers import SOUND, SUFFIXES, is_sound
from poise.data.files.items import Hashed, Progress, Rows, by_content
from poise.data.files.walking import in_order, shown, walked
from poise.data.speech.hearing import LONGEST, read_sound, soundfile_module
from poise.data.speech.resample import Wave, resampled
from poise.errors import PoiseError

__all__ = [
    "LONGEST", "SOUND", "SUFFIXES", "Clips", "Wave", "digest_of", "open_speech", "read_sound", "resampled",
    "sound_files", "soundfile_module",
]  # fmt: skip
PIECE = 1 << 20  # samples that are hashed at once


class Clips(Hashed):
    """Sound files that could be read, in the order of their names; `folder` is where they lie."""

    modality = "speech"
    chunk = 16

    def __init__(
        self, name: str, files: list[Path], hashes: NDArray[np.uint8], left_out: list[tuple[str, str]], folder: Path
    ) -> None:
        self.files, self.folder = files, folder
        super().__init__(name, hashes, left_out)

    def rows(self) -> Rows:
        return by_content(self.hashes)

    def take(self, rows: Rows) -> list[Wave]:
        return [self._wave(self.files[row]) for row in np.asarray(rows).tolist()]

    def _wave(self, file: Path) -> Wave:
        found = _read(file)
        if isinstance(found, str):
            raise PoiseError(f"{file} changed while it was read ({found}): start again")
        return found


def open_speech(folder: Path, progress: Progress | None = None, name: str | None = None) -> Clips:
    """The sound files of a folder and everything below it (see `sound_files`), hidden ones left out.

    Each is decoded once here, to find those that are empty, damaged, not finite or longer than 600 s: they are named in
    `.left_out`. An item is known by its rate and its samples to 16 bits, so the same clip in WAV and FLAC is the same.
    Channels are averaged. `name` is what to show (default: that of the folder).

    Errors: `PoiseError` without the package soundfile, and for a folder where not one file can be read.
    """
    soundfile_module()
    found = sound_files(folder)
    kept, hashes, left_out = [], [], []
    for done, (file, result) in enumerate(zip(found, in_order(_digest, found), strict=True), 1):
        if isinstance(result, str):
            left_out.append((shown(str(file.relative_to(folder))), result))
        else:
            kept.append(file)
            hashes.append(result)
        if progress:
            progress(done, len(found))
    if not kept:
        first = f", the first being {left_out[0][0]} ({left_out[0][1]})" if left_out else ""
        raise PoiseError(
            f"{folder}: none of {len(found):,} sound files can be read{first}; give a folder with some that can"
        )
    table = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)
    return Clips(name or folder.name, kept, table, left_out, folder)


def sound_files(folder: Path) -> list[Path]:
    """The sound files of a folder and everything below it, but hidden ones, in order: see `containers.is_sound`."""
    return sorted(_files(folder))


def _files(folder: Path) -> Iterator[Path]:
    for above, names in walked(folder):
        for name in names:
            file = Path(above) / name
            if not name.startswith(".") and file.is_file() and is_sound(file):
                yield file


def _digest(file: Path) -> bytes | str:
    found = _read(file)
    return found if isinstance(found, str) else digest_of(found)


def digest_of(wave: Wave) -> bytes:
    """The sha256 that a clip is known by: of its rate and its samples to 16 bits."""
    total = hashlib.sha256(f"{wave.rate}:".encode())
    for start in range(0, len(wave.samples), PIECE):
        piece = wave.samples[start : start + PIECE].astype(np.float64) * 32768
        total.update(np.rint(piece).astype("<i4").tobytes())
    return total.digest()


def _read(file: Path) -> Wave | str:
    """The clip, or the reason why there is none."""
    found = read_sound(file)
    return found if isinstance(found, str) else Wave(found.samples, found.rate)


def heard(recording: Wave | str | os.PathLike[str]) -> Wave:
    """A recording as it is, or the sound of its file, the mean of the channels. Errors: PoiseError for a file that is
    not there or cannot be read, and for what is neither."""
    if isinstance(recording, Wave):
        return recording
    if not isinstance(recording, str | os.PathLike):
        raise PoiseError(f"a recording is a Wave or the path of a file, not a {type(recording).__name__}")
    source = Path(recording)
    if not source.is_file():
        raise PoiseError(f"there is no file {source}: name a recording, such as a .wav or .flac file")
    found = _read(source)
    if isinstance(found, str):
        raise PoiseError(f"{source} cannot be read ({found}): give a sound file, such as a .wav or .flac")
    return found
