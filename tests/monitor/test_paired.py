"""The monitor of pairs: how far generated items are from their real ones, on training and held-out items."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from poise.core import Batch, DiscriminatorOutput
from poise.monitor.measures import auc
from poise.monitor.paired import PairedMonitor
from poise.monitor.signals import MonitorInputs
from poise.recipes.speech.outputs import _distance
from tests.speech_pieces import both, log_mel, mel_critic, speaker


class Copies(nn.Module):
    """Gives back its condition, halved."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.layer.weight, 0.5)

    def forward(self, z, cond):
        return self.layer(cond.unsqueeze(2))[..., 0]


class Sums(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.layer.weight, 1.0)

    def forward(self, x, cond):
        return DiscriminatorOutput((self.layer(x.sum(1, keepdim=True))[:, 0],))


def numbers(seed, frames):
    def draw(number):
        rng = torch.Generator().manual_seed(1000 * seed + number)
        x = torch.rand(6, frames, generator=rng) + 1 + seed
        return Batch(x, x)

    return draw


def monitor(streams, generator=None, discriminator=None):
    g, d = generator or Copies(), discriminator or Sums()
    watched = MonitorInputs(
        g, d, g, lambda n, seed: torch.zeros(n, 1), streams, {}, contextlib.nullcontext,
        learning_rates={"generator": lambda: 0.5, "discriminator": lambda: 0.25},
    )  # fmt: skip
    return PairedMonitor(watched, lambda batch, made: (batch.real - made).abs().mean(1))


BOTH = {"training": numbers(0, 4), "heldout": numbers(1, 7)}


def test_distances_by_hand():
    """A generator that halves is half as far as the items are large; other lengths of the two kinds do not matter."""
    found = monitor(BOTH)(3)
    train, held = (stream(3).real.mean().item() / 2 for stream in BOTH.values())
    assert found["generator/distance_training"] == pytest.approx(train)
    assert found["generator/distance_heldout"] == pytest.approx(held)
    assert found["generator/distance_gap"] == pytest.approx(held - train)
    assert not {"generator/diversity", "generator/nearest", "data/split_z"} & set(monitor(BOTH)(0))


def test_what_d_says_of_generated_items_is_of_heldout_ones():
    found = monitor(BOTH)(0)
    made = BOTH["heldout"](0).real.sum(1) / 2
    assert found["discriminator/on_generated"] == pytest.approx(made.mean().item(), rel=1e-5)
    assert found["discriminator/auc_training"] == auc(BOTH["training"](0).real.sum(1), made)
    only = monitor({"training": BOTH["training"]})(0)
    assert only["discriminator/on_generated"] == pytest.approx(BOTH["training"](0).real.sum(1).mean().item() / 2)
    assert "generator/distance_gap" not in only and "discriminator/auc_gap" not in only


@pytest.mark.slow
def test_it_is_a_function_of_the_probe_and_the_weights_and_leaves_no_trace():
    net = speaker()
    critic = mel_critic()
    streams = {name: (lambda number, s=s: Batch(log_mel(both(), number + s), both())) for s, name in enumerate(BOTH)}
    watched = MonitorInputs(
        net, critic, net, lambda n, seed: torch.full((n, 3), float(seed)), streams, {}, contextlib.nullcontext
    )
    first = PairedMonitor(watched, _distance)
    state = torch.random.get_rng_state()
    net.train(), critic.eval()
    assert first(2) == PairedMonitor(watched, _distance)(2) != first(3)
    assert torch.equal(torch.random.get_rng_state(), state) and net.training and not critic.training


def test_the_distance_of_log_mels_is_of_what_is_inside():
    """However much lies behind the end of an item, and however long the batch is."""
    batch = Batch(log_mel(both()), both())
    made = batch.real + 1
    made[0, :, 7:] += 100
    assert _distance(batch, made).tolist() == pytest.approx([1, 1])


def test_learning_rates_are_those_of_the_roles():
    """A network behind a normalisation has an effective learning rate, by the rate of the one who plays it."""
    found = monitor(BOTH, generator=Scaled())(0)
    assert found["generator/effective_lr.layer.weight"] == pytest.approx(0.5 / 4)


class Scaled(nn.Module):
    """Its weight's size does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 4, bias=False)
        nn.init.ones_(self.layer.weight)

    def forward(self, z, cond):
        return nn.functional.normalize(self.layer(cond[:, :1]), dim=1).mean(1, keepdim=True) * cond
