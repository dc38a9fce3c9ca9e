"""Strips, GIF, animated PNG and films are what was drawn, to and fro."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.errors import PoiseError
from poise.report import animation
from poise.report.animation import FORMS, check_form, save_ways, to_and_fro
from poise.report.picture import grid


def ways(rows=3, between=5, side=9, channels=3):
    """Smooth ways: each goes from one plain colour to another."""
    ends = np.random.default_rng(0).integers(0, 256, (2, rows, 1, 1, 1, channels))
    t = np.linspace(0, 1, between).reshape(1, -1, 1, 1, 1)
    made = (1 - t) * ends[0] + t * ends[1]
    return np.broadcast_to(made.round(), (rows, between, side, side, channels)).astype(np.uint8)


def frames_of(path: Path) -> list[np.ndarray]:
    if path.suffix == ".mp4":
        import av

        with av.open(path) as film:
            return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    with Image.open(path) as picture:
        found = []
        for i in range(picture.n_frames):
            picture.seek(i)
            found.append(np.asarray(picture.convert("RGB")))
        return found


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", [form for form in FORMS if form != ".png"])
def test_frames_are_those_that_were_drawn(form, channels, tmp_path):
    """Without loss as APNG; within a palette's, and a film's, error else. A side of 9 is odd before it is enlarged."""
    if form == ".mp4":
        pytest.importorskip("av")
    made, path = ways(channels=channels), tmp_path / f"ways{form}"
    assert save_ways(made, path, 12) == f"8 frames of 3 tiles, to and fro: {path}"
    wanted = [np.asarray(frame.convert("RGB")) for frame in to_and_fro(made)]
    found = frames_of(path)
    assert len(found) == len(wanted) == 8
    limit = {".apng": 0, ".gif": 8, ".mp4": 12}[form]
    for one, other in zip(found, wanted, strict=True):
        height, width = other.shape[:2]
        assert one.shape[0] - height in (0, 1) and one.shape[1] - width in (0, 1)
        assert np.abs(one[:height, :width].astype(int) - other).mean() <= limit


def test_a_strip_is_a_row(tmp_path):
    made = ways()
    save_ways(made, tmp_path / "ways.png", 12)
    with Image.open(tmp_path / "ways.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(grid(made.reshape(-1, 9, 9, 3), columns=5)))


def test_to_and_fro_has_no_jump():
    """Each end once: 2·between − 2 frames, whose neighbours are neighbours on the way, over the end as well."""
    frames = [np.asarray(frame).astype(int) for frame in to_and_fro(ways(between=6))]
    steps = [np.abs(a - b).max() for a, b in zip(frames, frames[1:] + frames[:1], strict=True)]
    assert len(frames) == 10 and min(steps) > 0 and max(steps) <= min(steps) + 2


@pytest.mark.parametrize(("name", "rate", "match"), [
    ("ways.webm", 12, r"ways\.webm: name a file that ends in \.png, \.gif, \.apng or \.mp4"),
    ("ways", 12, "name a file that ends in"),
    ("ways.gif", 0.5, "--fps must be from 1 to 60, not 0.5"),
    ("ways.gif", 61, "--fps must be from 1 to 60, not 61"),
    ("ways.gif", float("nan"), "--fps must be from 1 to 60, not nan"),
])  # fmt: skip
def test_what_cannot_be_written_is_refused_before_anything_is_drawn(name, rate, match, tmp_path):
    with pytest.raises(PoiseError, match=match):
        check_form(tmp_path / name, rate)


def test_a_film_without_pyav_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(PoiseError, match=r"\.mp4 needs PyAV: .*; \.gif and \.apng do not"):
        save_ways(ways(), tmp_path / "ways.mp4", 12)
    assert not list(tmp_path.iterdir())
    assert animation.save_ways(ways(), tmp_path / "ways.gif", 12)
