"""What the tests of `poise evaluate` share: features that take no time, pictures, and the command with its answer."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from poise.cli import main
from poise.registry import _TABLES, names


class Stub(ABC):
    """Random projections of what an item is made of; no weights from anywhere."""

    dim = 8
    name = "Stub"
    digest = "stub"
    seen = 0

    @classmethod
    def made(cls, material: object) -> Stub:
        return cls()

    @abstractmethod
    def rows(self, items: Any) -> NDArray[Any]:
        """Items as rows of numbers."""

    def __call__(self, items: Any) -> Tensor:
        type(self).seen += len(items)
        rows = torch.from_numpy(np.asarray(self.rows(items), np.float32))
        return torch.tanh(rows @ torch.randn(rows.shape[1], 8, generator=torch.Generator().manual_seed(0)))


class Pixels(Stub):
    modality = "image"

    def rows(self, items: Tensor) -> NDArray[Any]:
        return torch.nn.functional.adaptive_avg_pool2d(items.float().mean(1, keepdim=True) / 255, 4).flatten(1).numpy()


class Letters(Stub):
    modality = "text"

    def rows(self, items: list[str]) -> NDArray[Any]:
        return np.array([[sentence.count(c) / len(sentence) for c in "abcdefgh "] for sentence in items])


class Loudness(Stub):
    modality = "speech"
    columns = ("one", "two")
    most = 40

    def rows(self, items: list[Any]) -> NDArray[Any]:
        return np.array([[w.samples.std(), np.abs(np.diff(w.samples)).mean(), 1.0] for w in items])


@pytest.fixture(autouse=True)
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"EffLite0": Pixels, "USE": Letters, "Resemblyzer": Loudness, "DNSMOS": Loudness}
    assert names("extractor")
    monkeypatch.setitem(_TABLES, "extractor", {**_TABLES["extractor"], **table})
    for stub in (Pixels, Letters, Loudness):
        stub.seen = 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", "runs")
    monkeypatch.setenv("POISE_CACHE", str(tmp_path.with_name(tmp_path.name + "-cache")))
    return tmp_path


def blocks(n: int, seed: int, side: int = 16) -> NDArray[np.uint8]:
    """Grey pictures with one bright quarter."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 80, (n, side, side), dtype=np.uint8)
    for i, quarter in enumerate(rng.integers(0, 4, n)):
        a, b = divmod(int(quarter), 2)
        x[i, a * side // 2 : (a + 1) * side // 2, b * side // 2 : (b + 1) * side // 2] += 150
    return x


def folder(place: Path, name: str, pictures: NDArray[np.uint8]) -> str:
    (place / name).mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(place / name / f"{i:04}.png")
    return name


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    capsys.readouterr()
    assert main(["evaluate", *argv]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    capsys.readouterr()
    assert main(["evaluate", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("poise: ")
    assert captured.err.count("\n") == 1
    return captured.err


def values(path: str | Path = "report.json") -> dict[str, dict[str, Any]]:
    rows = json.loads(Path(path).read_text())["evaluations"][0]["rows"]
    return {row["metric"]: row for row in rows}
