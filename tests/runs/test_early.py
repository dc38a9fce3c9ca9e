"""Pictures soon: real ones and step 0 at once, then by the clock; and nothing of what is trained depends on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.report.live import Silent
from poise.runs import early
from poise.runs.run import run

ARGUMENTS = {
    "steps": 6, "batch": 8, "scores": 0, "threads": 1, "heldout": 0.25, "generator": {"width": 4},
    "discriminator": {"width": 4}, "augment": "none", "sample_every": 4,
}  # fmt: skip


class Watching(Silent):
    pictures = True

    def __init__(self):
        self.said, self.files = [], []

    def say(self, line):
        self.said.append(line)

    def shown(self, made, path, next_step, ahead):
        assert path.exists()
        self.files.append((made, path.name, next_step, ahead))


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("pictures.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8))
    return {"recipe": "images", "arguments": {**ARGUMENTS, "data": "pictures.npy"}}


def weights(folder):
    newest = max((folder / "checkpoints").iterdir())
    return {p.name: p.read_bytes() for p in newest.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_real_ones_and_step_0_at_once_and_it_says_when_the_next_come(spec, tmp_path):
    view = Watching()
    run(spec, tmp_path / "run", view)
    assert (
        any(line.startswith("real ones, to compare: ") for line in view.said)
        and (tmp_path / "run" / "samples" / "real.png").exists()
    )
    assert [(made, name, after) for made, name, after, _ in view.files] == [
        (0, "00000000.png", 4), (4, "00000004.png", 6), (6, "00000006.png", 6),
    ]  # fmt: skip
    assert 50 < view.files[0][3] <= 60, "a minute from the start"


@pytest.fixture
def slow(monkeypatch):
    """seconds of a step -> a view on whose clock each step takes so long."""
    now = [0.0]

    class Clock:
        @staticmethod
        def monotonic():
            return now[0]

    class Slow(Watching):
        def __init__(self, seconds):
            super().__init__()
            self.seconds = seconds

        def step(self, made, entry):
            now[0] += self.seconds

    monkeypatch.setattr(early, "time", Clock)
    return Slow


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "steps", "every", "made"),
    [(30.0, 24, 100, [0, 3, 5, 11, 21, 24]), (10.0, 9, 5, [0, 5, 9])],
    ids=["after one, two, five and ten minutes", "one that was just made stands for the one that is due"],
)
def test_samples_by_the_clock(spec, tmp_path, slow, seconds, steps, every, made):
    spec["arguments"] |= {"steps": steps, "sample_every": every}
    view = slow(seconds)
    run(spec, tmp_path / "run", view)
    assert [step for step, *_ in view.files] == made


@pytest.mark.slow
def test_whoever_watches_the_run_is_the_same(spec, tmp_path):
    run(spec, tmp_path / "watched", Watching())
    run(spec, tmp_path / "alone", Silent())
    one, other = tmp_path / "watched", tmp_path / "alone"
    assert (one / "record.jsonl").read_bytes() == (other / "record.jsonl").read_bytes()
    assert weights(one) == weights(other)
    assert not (other / "samples" / "00000000.png").exists() and not list((other / "samples").glob("real*"))
    assert torch.get_num_threads() >= 1


@pytest.mark.slow
def test_a_run_that_goes_on_makes_neither_again(spec, tmp_path):
    from poise.runs.ending import Interrupted, Stop

    stop = Stop()
    stop.asked = True
    with pytest.raises(Interrupted):
        run(spec, tmp_path / "run", Watching(), stop)
    real = tmp_path / "run" / "samples" / "real.png"
    before = real.stat().st_mtime_ns
    view = Watching()
    run(spec, tmp_path / "run", view)
    assert real.stat().st_mtime_ns == before and 0 not in [made for made, *_ in view.files]
    assert any("samples go on in" in line for line in view.said)
