"""What is kept of prepared recordings beside their samples: `meta.json` of their folder in the cache."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ExampleClip:
    """A file that is shown as an example, of so many `seconds` at a `rate` in Hz."""

    file: str
    form: str
    rate: int
    channels: int
    seconds: float


@dataclass(frozen=True)
class ClipsMeta:
    """`meta.json`. What caches of an earlier version lack has a default."""

    version: int
    files: Sequence[str]
    left_out: Sequence[tuple[str, str]]  # (file, reason)
    digest: str  # sha256 of all samples, in hex
    rates: Mapping[str, int]  # samples a second -> files of that rate
    clipped: Sequence[str]
    quiet: Sequence[str]
    cut: float  # seconds
    level: float  # dB, the mean
    limited: int  # clips
    first: ExampleClip | None = None

    @classmethod
    def of(cls, folder: Path) -> Self:
        content = json.loads((folder / "meta.json").read_text())
        first = content.pop("first", None)
        return cls(**content, first=None if first is None else ExampleClip(**first))


@dataclass(frozen=True)
class Prepared:
    samples: np.ndarray  # int16, memory-mapped
    starts: NDArray[np.int64]
    hashes: NDArray[np.uint8]
    meta: ClipsMeta
