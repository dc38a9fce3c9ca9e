"""Sound for tests: tones between silence, and folders of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray


def tone(
    seconds: float = 0.2,
    rate: int = 16_000,
    hertz: float = 440.0,
    peak: float = 0.5,
    before: float = 0,
    after: float = 0,
) -> NDArray[np.float32]:
    """A sine of `seconds`, with seconds of silence around it."""
    x = peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.pad(x, (round(before * rate), round(after * rate))).astype(np.float32)


def folder_of(folder: Path, files: Mapping[str, NDArray[Any]], rate: int = 16_000) -> Path:
    """Write each file, in the format of its suffix."""
    for name, x in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, x, rate)
    return folder
