"""A search of code of one's own, named by class path: its workers know whose it is, where the cache is closed too."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from poise.cli import main
from poise.runs.ending import Stop
from poise.specs.sources import is_trusted
from poise.studies.running import worker

CODE = '''
from dataclasses import dataclass

from torch import nn

from poise.losses import Loss
from poise.networks import ImageNetworks
from poise.penalties.base import OnRound


@dataclass
class Plain(ImageNetworks):
    """Two small networks.

    Args:
        hidden: units of the hidden layer.
    """

    hidden: int = 8

    def generator(self, size, channels, noise, classes):
        layers = [nn.Linear(noise, self.hidden), nn.ReLU(), nn.Linear(self.hidden, channels * size**2), nn.Tanh()]
        return nn.Sequential(*layers, nn.Unflatten(1, (channels, size, size)))

    def discriminator(self, size, channels, classes):
        inside = nn.Linear(channels * size**2, self.hidden)
        return nn.Sequential(nn.Flatten(), inside, nn.ReLU(), nn.Linear(self.hidden, 1))


@dataclass
class Margin(Loss):
    """A hinge.

    Args:
        by: the margin.
    """

    by: float = 1.0

    def discriminator(self, real, fake):
        return (self.by - real).relu() + (self.by + fake).relu()

    def generator(self, fake):
        return -fake


@dataclass(eq=False)
class Level(OnRound):
    """c/2 times E D(x)^2.

    Args:
        strength: c.
        name: in the record.
    """

    strength: float = 0.1
    name: str = "level"

    def value(self, round):
        return 0.5 * round.on_real.means() ** 2
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of one's own in the current folder; what is trusted cannot be kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "cache" / "trusted-sources.txt").mkdir(parents=True)
    (tmp_path / "minenets.py").write_text(CODE)
    np.save("discs.npy", np.random.default_rng(0).integers(0, 255, (120, 8, 8)).astype(np.uint8))


def test_a_worker_takes_the_code_of_its_parents_user(mine, monkeypatch):
    seen: list[bool] = []
    task = ("r", {"recipe": "images", "arguments": {"network": {"class_path": "minenets.Plain"}}}, "x")
    words, done = [task], threading.Event()

    class Pipe:
        def recv(self):
            return words.pop(0) if words else done.wait(60) and None

        def send(self, message):
            done.set()  # only then does its parent ask it to end

    connection = Pipe()
    assert not is_trusted("minenets.Plain")
    monkeypatch.setattr(worker, "run", lambda *rest: seen.append(is_trusted("minenets.Plain")))
    worker.serve(connection, None, Stop())
    assert seen == [True]


@pytest.mark.slow
def test_a_search_of_ones_own_penalty_loss_and_network_by_two_workers(mine, tmp_path):
    own = ["--network", "minenets.Plain", "--loss", "minenets.Margin", "--loss.by", "0.5"]
    tiny = ["--noise", "4", "--steps", "4", "--batch", "8", "--scores", "1", "--threads", "1", "--augment", "none"]
    off = [f"{name}=off" for name in ("generator.lr", "discriminator.lr", "l2_generator", "l2_discriminator")]
    space = ["discriminator.penalties.minenets.Level.strength=zero,log:0.01:1", *off]
    words = ["tune", "images", "discs.npy", *own, *tiny, *(word for one in space for word in ("--space", one))]
    how = ["--no-scan", "--trials", "4", "--each", "1", "--confirm", "6", "--workers", "2", "--quiet", "--out", "t"]
    assert main([*words, *how]) == 0
    trials = json.loads((tmp_path / "t" / "answer.json").read_text())["trials"]
    assert [one["state"] for one in trials] == ["done"] * 4
    assert any(one["values"]["discriminator.penalties.minenets.Level.strength"] > 0 for one in trials)
