"""Sound files for people to listen to. What goes with them is entered here too: spectrograms and pages."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import wave
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.disk import check_parent, temporary_folder, write_atomically
from poise.errors import PoiseError
from poise.report.page import INDEX, TEXTS, PageRow, page, page_of_steps, save_page
from poise.report.spectrogram import save_spectrograms

__all__ = [
    "check_wav", "joined", "page_of_steps", "save_clips", "save_page", "save_spectrograms", "save_wav", "wav_of"
]  # fmt: skip

FULL = 1 - 2**-15  # the largest sample of 16 bits
PEAK = 0.99  # of a clip that was louder than that


def check_wav(path: Path) -> None:
    """PoiseError unless `path` is a name for a .wav file in a folder that exists; for checks before any work."""
    if path.suffix.lower() != ".wav" or path.is_dir():
        raise PoiseError(f"--out {path}: name a .wav file")
    check_parent(path)


def save_wav(samples: ArrayLike, rate: int, path: Path) -> None:
    """A WAV file of one channel in 16-bit PCM, written whole or not at all.

    A sample x becomes round(32768·x). Nothing is ever clipped: where some |x| exceeds 1 - 2^-15 the whole clip is
    scaled so that its peak is 0.99, and is then quieter than it was given.

    Args: samples [S], real numbers; rate, samples a second.
    Errors: PoiseError for another suffix, a folder that is not there, a full disk, and for no samples or samples that
    are not finite.
    """
    check_wav(path)
    write_atomically(path, wav_of(samples, rate, path))


def wav_of(samples: ArrayLike, rate: int, path: Path) -> bytes:
    """The content of the file that will be called `path`: see `save_wav`."""
    x = np.asarray(samples, np.float64)
    if x.ndim != 1:
        raise ValueError(f"a clip is samples [S], not of shape {x.shape}")
    if not x.size:
        raise PoiseError(f"{path} was not written: the clip is empty; try another text, recording or --step")
    if bad := int((~np.isfinite(x)).sum()):
        raise PoiseError(
            f"{path} was not written: {bad:,} of {x.size:,} samples are not finite; try an earlier --step of the run"
        )
    if not 0 < rate < 2**31:
        raise PoiseError(f"{path} was not written: {rate} samples a second is not a rate; give one such as 16000")
    if (peak := float(np.abs(x).max())) > FULL:
        x = x / peak * PEAK
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(x * 2**15).astype("<i2").tobytes())
    return buffer.getvalue()


def joined(parts: Sequence[ArrayLike], rate: int, fade: float = 0.02, gap: float = 0.0) -> NDArray[np.float32]:
    """Clips one after the other, each cross-faded into the next: float32 [sum of lengths - samples of the fades].

        y = a + w·(b - a),   w_k = (1 - cos(π·(k + 1/2)/n))/2 for the n samples of a fade

    The two gains add up to 1 (equal gain), so a constant stays itself. A fade takes at most half of either part. One
    part is itself; no parts are no samples.

    Args: parts, each [S]; rate, samples a second; fade, seconds that neighbours share; gap, seconds of silence between
    neighbours, which is faded into and out of like a part.
    Errors: ValueError for a negative fade or gap.
    """
    if fade < 0 or gap < 0:
        raise ValueError(f"a fade of {fade} s and a gap of {gap} s: neither may be negative")
    clips = [np.asarray(part, np.float32) for part in parts]
    if silence := round(gap * rate):
        clips = [clip for part in clips for clip in (part, np.zeros(silence, np.float32))][:-1]
    fades = [0] + [min(round(fade * rate), len(a) // 2, len(b) // 2) for a, b in pairwise(clips)]
    out = np.empty(sum(map(len, clips)) - sum(fades), np.float32)
    end = 0
    for n, clip in zip(fades, clips, strict=False):
        shared = out[end - n : end]
        shared += _rising(n) * (clip[:n] - shared)
        out[end : end + len(clip) - n] = clip[n:]
        end += len(clip) - n
    return out


def _rising(n: int) -> NDArray[np.float32]:
    """A raised cosine from 0 to 1 in n samples."""
    return ((1 - np.cos(np.pi * (np.arange(n) + 0.5) / max(n, 1))) / 2).astype(np.float32)


def save_clips(
    clips: Sequence[tuple[str, Mapping[str, ArrayLike]]],
    rate: int,
    folder: Path,
    texts: Sequence[str] | None = None,
) -> None:
    """Clips in a folder of their own, which is there whole or as it was before.

    Clip i of a version is `NNN-VERSION.wav` (see `save_wav`), NNN = i in three digits; `texts.json` lists what is said
    in each, and `index.html` is a page to listen to. A folder that is there is replaced if it holds nothing but files
    of these names.

    Args: clips, of (name, version -> samples [S]); rate, samples a second; texts, one for each clip (default: the
    names).
    Errors: PoiseError where `save_wav` has one, for a folder with other things in it, and one that cannot be made.
    ValueError for a version that is not a word, and another number of texts.
    """
    said = [name for name, _ in clips] if texts is None else list(texts)
    files: dict[str, bytes] = {}
    rows: list[PageRow] = []
    for i, ((_, versions), text) in enumerate(zip(clips, said, strict=True)):
        row: PageRow = {"text": text, "sounds": {}}
        for version, samples in versions.items():
            if not re.fullmatch(r"[\w-]+", version):
                raise ValueError(f"'{version}' cannot be part of a file name: a version is one word")
            row["sounds"][version] = name = f"{i:03d}-{version}.wav"
            files[name] = wav_of(samples, rate, folder / name)
        rows.append(row)
    files[TEXTS] = (json.dumps(said, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")
    files[INDEX] = page(folder.name, rows)
    _whole(folder, files)


def _whole(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder of these files, or leave everything as it was."""
    final = folder.resolve()
    if final in (Path.cwd(), *Path.cwd().parents):
        raise PoiseError(f"{folder} is where you are: name a folder of its own with --out")
    others = sorted(p.name for p in final.iterdir() if p.name not in files) if final.is_dir() else []
    if others:
        raise PoiseError(f"{folder} holds something else, {others[0]}: empty it or choose another --out")
    new, old = None, None
    try:
        new = temporary_folder(final)
        for name, content in files.items():
            with open(new / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if final.is_dir():
            old = temporary_folder(final)
            old.rmdir()  # only its name was wanted
            os.rename(final, old)
        os.rename(new, final)
    except OSError as error:
        raise PoiseError(f"cannot make the folder {folder}: {error.strerror}; choose another --out") from None
    finally:
        if old is not None and old.exists() and not final.exists():
            os.rename(old, final)
        for left in (new, old):
            if left is not None:
                shutil.rmtree(left, ignore_errors=True)
