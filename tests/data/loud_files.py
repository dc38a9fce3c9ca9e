"""Sound files as strangers send them: many kinds, and headers that lie."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray


def encoded(path: Path, x: NDArray[np.float32], rate: int, codec: str, container: str) -> Path:
    """Write mono sound by FFmpeg."""
    with open(path, "wb") as raw, av.open(raw, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(x[None], np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size or None
        )
        for some in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(some))
        out.mux(stream.encode(None))
    return path


def wav(rate: int, channels: int, data: bytes, claimed: int | None = None) -> bytes:
    """A WAV of 16 bits whose header says what one likes."""
    size = len(data) if claimed is None else claimed
    block = 2 * channels & 0xFFFF
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * block & 0xFFFFFFFF, block, 16)
    whole = (
        b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size & 0xFFFFFFFF) + data
    )
    return b"RIFF" + struct.pack("<I", min(len(whole), 0xFFFFFFFF)) + whole


def flac_that_claims(path: Path, frames: int) -> None:
    """A second of noise in FLAC, whose header claims another number of samples (36 bits)."""
    soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    data[21] = data[21] & 0xF0 | frames >> 32 & 0x0F
    data[22:26] = (frames & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(data)


SECOND = np.zeros(16_000, np.int16).tobytes()
LIES: dict[str, Callable[[], bytes]] = {
    "a claim of 2^32 - 1 bytes": lambda: wav(16_000, 1, SECOND, 0xFFFFFFFF),
    "a claim of 2^31 bytes": lambda: wav(16_000, 1, SECOND, 1 << 31),
    "65,535 channels": lambda: wav(16_000, 65_535, SECOND),
    "1,024 channels": lambda: wav(16_000, 1_024, SECOND),
    "no channels": lambda: wav(16_000, 0, SECOND),
    "a rate of 15,485,863": lambda: wav(15_485_863, 1, SECOND * 20),
    "a rate of 2^31 - 1": lambda: wav((1 << 31) - 1, 1, SECOND),
    "a rate of 2^32 - 1": lambda: wav((1 << 32) - 1, 1, SECOND),
    "a rate of 0": lambda: wav(0, 1, SECOND),
    "a rate of 1": lambda: wav(1, 1, SECOND),
    "a prime rate": lambda: wav(767_957, 1, SECOND),
    "nothing behind the header": lambda: wav(16_000, 1, b"", 1 << 30),
    "half a header": lambda: wav(16_000, 1, SECOND)[:30],
}
