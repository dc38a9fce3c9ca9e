from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, which does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("POISE_CACHE", str(folder))
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no test pulls the plug, and a busy disk takes seconds
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of `n` different colour pictures of `size`, named 000.png ..."""

    def make(n: int, size: tuple[int, int] = (8, 8), name: str = "photos", seed: int = 0) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(seed)
        for i in range(n):
            pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i:03}.png")
        return folder

    return make
