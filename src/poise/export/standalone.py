"""What code that was handed over needs besides its network, with torch and the standard library alone."""

from __future__ import annotations

import json
import math
import struct
import wave
import zlib
from pathlib import Path

import torch
from torch import Tensor

TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file: eight bytes with the length of a JSON table, the table, the numbers."""
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    found = {}
    for name, entry in json.loads(content[8 : 8 + length]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            kind = TYPES[entry["dtype"]]
            part = content[8 + length + first : 8 + length + last]
            numbers = torch.frombuffer(part, dtype=kind) if part else torch.empty(0, dtype=kind)
            found[name] = numbers.reshape(entry["shape"])
    return found


def tiled(pixels: Tensor) -> Tensor:
    """Pictures uint8 [n,H,W,C] -> one picture [rows·H, columns·W, C], about as wide as high, in reading order."""
    n, height, width, channels = pixels.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    whole = pixels.new_full((rows * columns, height, width, channels), 255)
    whole[:n] = pixels
    whole = whole.view(rows, columns, height, width, channels).permute(0, 2, 1, 3, 4)
    return whole.reshape(rows * height, columns * width, channels)


def write_png(path: Path, pixels: Tensor) -> None:
    """A picture uint8 [H,W,C] of 1 (grey), 3 (colour) or 4 (colour and alpha) channels as a PNG file."""
    height, width, channels = pixels.shape
    kind = {1: 0, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + bytes(row.flatten().tolist()) for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    written = b"\x89PNG\r\n\x1a\n"
    for name, data in parts:
        written += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(written)


def read_wav(path: Path) -> tuple[Tensor, int]:
    """The mean of the channels of a WAV file in 16-bit PCM: float32 [S] in [−1, 1), and its samples a second."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            content = bytearray(file.readframes(file.getnframes()))
    except (OSError, EOFError, wave.Error) as error:
        raise SystemExit(f"{path} cannot be read as a WAV file: {error}") from None
    if width != 2 or not content:
        raise SystemExit(f"{path} must be in 16-bit PCM, and not empty")
    numbers = torch.frombuffer(content, dtype=torch.int16).reshape(-1, channels)
    return numbers.float().mean(1) / 32768, rate


def write_wav(path: Path, samples: Tensor, rate: int) -> None:
    """Samples [S] as a WAV file in 16-bit PCM; a clip that is too loud is made quieter as a whole."""
    peak = float(samples.abs().max())
    if peak > 1 - 2**-15:
        samples = samples * (0.99 / peak)
    numbers = (samples.double() * 32768).round().to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(numbers)}h", *numbers.tolist()))
