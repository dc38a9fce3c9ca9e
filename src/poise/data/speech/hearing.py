"""One sound file -> its samples, a block at a time: by libsndfile, or, what that does not know, by FFmpeg (PyAV).

What a header claims decides nothing and takes no memory: blocks are read until the file ends, or until there is more
than a clip may have.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.data.files.containers import claims_too_little, container_of, head_of, no_sound
from poise.data.speech import loudness as levels
from poise.errors import PoiseError
from poise.installing import install

LONGEST = 600  # seconds; a longer file would not fit beside its chunk
MOST = LONGEST * 192_000  # samples of a clip, whatever its rate
FASTEST = 768_000  # samples a second
PROBED = 16 << 20  # bytes
BLOCK = 1 << 20  # samples of all channels that are read at once
BLOCK_OF_MP3 = 1 << 25  # libsndfile goes to the place of each block anew, and of MP3 that changes the last bits
NO_SOUND = "the file holds no sound"
NO_MEMORY = "there is not enough memory to read it"
_FAILURES = (
    OSError, RuntimeError, ValueError, TypeError, LookupError, MemoryError, EOFError, ArithmeticError, AssertionError,
)  # fmt: skip

Block = NDArray[np.float32]  # [S,C]


class Sound(NamedTuple):
    """What a file holds.

    float32 [S], the mean of its channels; samples per second; how many channels; its format and encoding as `soundfile`
    (or FFmpeg) calls them; and whether one of the channels was recorded too loud (see `levels.is_clipped`).
    """

    samples: NDArray[np.float32]
    rate: int
    channels: int
    form: str
    subtype: str
    clipped: bool


class _Unheard(Exception):
    """Why there is no sound."""


def read_sound(file: Path) -> Sound | str:
    """The sound of a file, or the reason why there is none."""
    soundfile_module()
    kind, whole = container_of(head_of(file)), {}
    if kind is None and (what := no_sound(file)):
        return what
    if claims_too_little(file):
        whole, why = {"ignore_length": "1"}, "its header says that the sound ends where more of it follows"
    else:
        try:
            return _by_libsndfile(file)
        except _Unheard as reason:
            return str(reason)
        except _FAILURES as error:
            why = _reason(error, file)
    if kind is None:
        return why
    try:
        return _by_ffmpeg(file, kind.demuxer, whole)
    except ImportError:
        return f"{kind.name} needs PyAV: {install('speech', 'av')}"
    except _Unheard as reason:
        return str(reason)
    except MemoryError:
        return NO_MEMORY
    except Exception:  # PyAV has errors of its own, that are none of Python's; libsndfile says more of what it knows
        known = kind.demuxer in ("wav", "aiff", "au", "flac", "ogg", "caf", "mp3", "nistsphere", "voc")
        return why if known else f"{kind.name} that FFmpeg cannot read: it is damaged, or convert it to WAV or FLAC"


def _by_libsndfile(file: Path) -> Sound:
    path = os.fsencode(file) if os.name == "posix" else str(file)  # names that are no text can be opened as bytes
    with soundfile_module().SoundFile(path) as opened:
        rate, form, subtype = int(opened.samplerate), opened.format, opened.subtype
        return _gathered(_blocks(opened), rate, opened.channels, form, subtype)


def _blocks(opened: Any) -> Iterator[Block]:
    size = max(1, (BLOCK_OF_MP3 if opened.format == "MP3" else BLOCK) // opened.channels)
    while len(block := opened.read(size, dtype="float32", always_2d=True)):
        yield block


class _Probed(io.FileIO):
    """A file that ends for FFmpeg if it has read so much of it and does not know yet what is in it.

    Else it would go through a gigabyte of headers.
    """

    left: int | None = PROBED

    def read(self, size: int | None = -1, /) -> bytes:
        if self.left is not None and self.left <= 0:
            return b""
        data = super().read(-1 if size is None else size)
        self.left = None if self.left is None else self.left - len(data)
        return data


def _by_ffmpeg(file: Path, demuxer: str, options: dict[str, str]) -> Sound:
    import av

    with _Probed(file) as raw, av.open(raw, "r", format=demuxer, options=options, metadata_errors="replace") as opened:
        raw.left = None
        if not opened.streams.audio:
            raise _Unheard(NO_SOUND)
        stream = opened.streams.audio[0]
        rate, channels, codec = int(stream.rate), int(stream.codec_context.channels), stream.codec_context.name
        blocks = (_block(frame, rate, channels) for frame in opened.decode(stream))
        return _gathered(blocks, rate, channels, demuxer.upper(), codec.upper())


def _block(frame: Any, rate: int, channels: int) -> Block:
    """float32 [S,C] of a frame of FFmpeg."""
    x = frame.to_ndarray()
    if frame.rate != rate or frame.layout.nb_channels != channels:
        raise _Unheard("its rate or its channels change on the way: convert it to WAV or FLAC")
    x = x.T if frame.format.is_planar else x.reshape(-1, channels)
    if x.dtype == np.uint8:
        x = (x.astype(np.float32) - 128) / 128
    elif x.dtype.kind == "i":
        x = x / -float(np.iinfo(x.dtype).min)
    return np.ascontiguousarray(x, np.float32)


def _gathered(blocks: Iterator[Block], rate: int, channels: int, form: str, subtype: str) -> Sound:
    """The mean of the channels of all blocks."""
    if not 1 <= rate <= FASTEST:
        raise _Unheard(f"{rate:,} samples a second are no rate of sound (1 to {FASTEST:,}): convert it")
    mean = bytearray()
    clipped, tail = False, np.zeros((0, channels), np.float32)
    for block in blocks:
        if not np.isfinite(block).all():
            raise _Unheard("the samples are not finite")
        mean += block.mean(1).tobytes()
        if not clipped:
            joint = np.concatenate([tail, block[: levels.RUN - 1]])
            clipped = levels.is_clipped(block, subtype) or levels.is_clipped(joint, subtype)
            tail = np.concatenate([tail, block[-levels.RUN + 1 :]])[-levels.RUN + 1 :]
        if len(mean) // 4 > LONGEST * rate:
            raise _Unheard(f"longer than {LONGEST:g} s: cut it into clips")
        if len(mean) // 4 > MOST:
            raise _Unheard(f"more than {MOST:,} samples: cut it into clips, or give it a lower rate")
    if not mean:
        raise _Unheard(NO_SOUND)
    return Sound(np.frombuffer(mean, np.float32), rate, channels, form, subtype, clipped)


def _reason(error: BaseException, file: Path) -> str:
    """What an error says, without the name of the file."""
    if isinstance(error, MemoryError):
        return NO_MEMORY
    reason = " ".join(str(getattr(error, "error_string", "") or error).split())
    return reason.removeprefix(f"Error opening {str(file)!r}: ") or type(error).__name__


def soundfile_module() -> ModuleType:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package is there, and libsndfile is not
        raise PoiseError(f"reading sound needs soundfile: {install('speech', 'soundfile')}") from None
    module: ModuleType = soundfile
    return module
