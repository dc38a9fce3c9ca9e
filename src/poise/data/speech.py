"""Clips of speech from a folder of sound files: one channel, any rate, read when they are needed."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.data.items import Hashed, Progress, Rows
from poise.data.sources import in_order, shown, walked
from poise.errors import PoiseError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
LONGEST = 600  # seconds; a longer file would not fit beside its chunk
ZEROS = 32  # zero crossings of the resampling filter on either side
ROLLOFF = 0.95  # of the lower Nyquist frequency: where the filter has fallen to one half
BETA = 10.0  # of its Kaiser window: stop band about -100 dB


class Wave(NamedTuple):
    """One clip: float32 [S], usually in [-1, 1], and samples per second."""

    samples: NDArray[np.float32]
    rate: int


class Channels(NamedTuple):
    """What a file holds: float32 [S,C], samples per second, and its format and encoding as `soundfile` calls them."""

    samples: NDArray[np.float32]
    rate: int
    form: str
    subtype: str


class Clips(Hashed):
    """Sound files that could be read, in the order of their names; `folder` is where they lie."""

    modality = "speech"
    chunk = 16

    def __init__(
        self, name: str, files: list[Path], hashes: NDArray[np.uint8], left_out: list[tuple[str, str]], folder: Path
    ) -> None:
        self.files, self.folder = files, folder
        super().__init__(name, hashes, left_out)

    def take(self, rows: Rows) -> list[Wave]:
        return [self._wave(self.files[row]) for row in np.asarray(rows).tolist()]

    def _wave(self, file: Path) -> Wave:
        found = _read(file)
        if isinstance(found, str):
            raise PoiseError(f"{file} changed while it was read ({found}): start again")
        return found


def open_speech(folder: Path, progress: Progress | None = None, name: str | None = None) -> Clips:
    """The .wav, .flac, .ogg and .mp3 files of a folder and everything below it, hidden ones left out.

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
            f"{folder}: none of {len(found):,} sound files (.wav, .flac, .ogg, .mp3) can be read{first}; "
            "give a folder with some that can"
        )
    table = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)
    return Clips(name or folder.name, kept, table, left_out, folder)


def resampled(wave: Wave, rate: int) -> NDArray[np.float32]:
    """The samples of `wave` at another rate: float32 [ceil(S * rate / wave.rate)].

        y[n] = sum_k x[k] h(n / rate - k / wave.rate)

    with h a sinc of cut-off 0.95 times the lower of the two Nyquist frequencies under a Kaiser window (beta 10) of 32
    zero crossings on either side, normalised so that a constant stays itself (Smith, "Digital audio resampling",
    polyphase form: one set of weights for each of the rate / gcd phases). Outside the clip is silence. Equal rates
    give the samples back.
    """
    x = wave.samples
    if rate == wave.rate or not len(x):
        return x
    common = math.gcd(rate, wave.rate)
    up, down = rate // common, wave.rate // common
    weights = _weights(up, down)
    padded = np.pad(x, weights.shape[1] // 2 + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[1])
    out = np.empty(-(-len(x) * up // down), np.float32)
    for phase in range(min(up, len(out))):
        places = np.arange(phase, len(out), up) * down  # in units of 1 / up source samples
        out[phase::up] = windows[places // up + 1] @ weights[phase]
    return out


@functools.lru_cache(8)
def _weights(up: int, down: int) -> NDArray[np.float32]:
    """The filter at each of the `up` phases between source samples: [up, 2·reach + 1]."""
    cut = ROLLOFF * min(1.0, up / down)  # in units of the source's Nyquist frequency
    reach = math.ceil(ZEROS / cut)
    phases = np.arange(up)[:, None] * down % up / up
    away = np.arange(-reach, reach + 1) - phases
    window = np.i0(BETA * np.sqrt(np.clip(1 - (away * cut / ZEROS) ** 2, 0, 1))) * (np.abs(away * cut) <= ZEROS)
    weights = np.sinc(cut * away) * window
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def sound_files(folder: Path) -> list[Path]:
    """The .wav, .flac, .ogg and .mp3 files of a folder and everything below it, hidden ones left out, in order."""
    return sorted(_files(folder))


def _files(folder: Path) -> Iterator[Path]:
    for above, names in walked(folder):
        for name in names:
            file = Path(above) / name
            if name.lower().endswith(SUFFIXES) and not name.startswith(".") and file.is_file():
                yield file


def _digest(file: Path) -> bytes | str:
    found = _read(file)
    return found if isinstance(found, str) else digest_of(found)


def digest_of(wave: Wave) -> bytes:
    """The sha256 that a clip is known by: of its rate and its samples to 16 bits."""
    total = hashlib.sha256(f"{wave.rate}:".encode())
    total.update(np.rint(wave.samples.astype(np.float64) * 32768).astype("<i4").tobytes())
    return total.digest()


def _read(file: Path) -> Wave | str:
    """The clip, or the reason why there is none."""
    found = read_channels(file)
    return found if isinstance(found, str) else Wave(found.samples.mean(1), found.rate)


def read_channels(file: Path) -> Channels | str:
    """The samples of each channel as they are in a file, or the reason why there are none."""
    soundfile = soundfile_module()
    try:
        with soundfile.SoundFile(file) as opened:
            if opened.frames > LONGEST * opened.samplerate:
                return f"longer than {LONGEST} s: cut it into clips"
            samples = opened.read(dtype="float32", always_2d=True)
            found = Channels(samples, int(opened.samplerate), opened.format, opened.subtype)
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        return " ".join(str(error).split()).removeprefix(f"Error opening {str(file)!r}: ") or type(error).__name__
    if not len(found.samples):
        return "the file holds no sound"
    return found if np.isfinite(found.samples).all() else "the samples are not finite"


def soundfile_module() -> ModuleType:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package is there, and libsndfile is not
        raise PoiseError('reading sound needs soundfile: pip install "poise[speech]"') from None
    module: ModuleType = soundfile
    return module
