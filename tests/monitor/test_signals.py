"""The monitor: a pure function of the probe and the weights, that sees a dead D, a copying and a collapsed G."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from poise.core import Batch, DiscriminatorOutput
from poise.monitor.signals import AdversarialMonitor, MonitorInputs
from tests.conftest import TinyDiscriminator, TinyGenerator

TRAINING = torch.rand(200, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
HELDOUT = torch.rand(50, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1


def stream(data):
    def draw(number):
        rows = torch.randperm(len(data), generator=torch.Generator().manual_seed(number))[:32]
        return Batch(data[rows])

    return draw


def noise(n, seed):
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))


def watched(generator=None, discriminator=None, heldout=True, averaged=None):
    torch.manual_seed(0)
    g, d = generator or TinyGenerator(), discriminator or TinyDiscriminator()
    data = {"training": TRAINING} | ({"heldout": HELDOUT} if heldout else {})
    return MonitorInputs(
        g, d, averaged or g, noise, {name: stream(x) for name, x in data.items()}, data, contextlib.nullcontext,
        learning_rates={"generator": lambda: 0.5},
    )  # fmt: skip


class Replays(nn.Module):
    """Gives back training items."""

    def forward(self, z, cond=None):
        return TRAINING[(z.abs().sum(1) * 1000).long() % len(TRAINING)]


class Narrow(nn.Module):
    def forward(self, z, cond=None):
        return 0.01 * z.mean(1)[:, None, None, None].expand(-1, 1, 4, 4)


class ByHeart(nn.Module):
    """Knows the training items, and nothing else."""

    def forward(self, x, cond=None):
        known = torch.cdist(x.flatten(1), TRAINING.flatten(1)).min(1).values < 1e-3
        return DiscriminatorOutput((known.float() + 0.01 * x.flatten(1).mean(1),))


class Constant(nn.Module):
    def forward(self, x, cond=None):
        return DiscriminatorOutput((1e-29 * x.flatten(1).mean(1),))


def test_signals_are_a_function_of_the_probe_and_leave_no_trace():
    monitor = AdversarialMonitor(watched())
    nets = monitor.watched.generator, monitor.watched.discriminator
    weights = [p.clone() for net in nets for p in net.parameters()]
    state = torch.random.get_rng_state()
    nets[1].eval()
    first, again, other = monitor(3), monitor(3), monitor(4)
    assert first == again != other
    assert AdversarialMonitor(watched())(3) == first
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (nets[0].training, nets[1].training) == (True, False)
    assert all(torch.equal(a, b) for a, b in zip(weights, (p for net in nets for p in net.parameters()), strict=True))
    assert monitor.seconds > 0
    assert "data/split_z" in monitor(0) and "data/split_z" not in first


def test_a_discriminator_that_knows_its_training_items_by_heart():
    found = AdversarialMonitor(watched(discriminator=ByHeart()))(1)
    assert found["discriminator/auc_training"] == 1.0
    assert found["discriminator/auc_gap"] > 0.3
    assert found["discriminator/auc_seen"] == 1.0
    assert found["discriminator/auc_gap"] == found["discriminator/auc_training"] - found["discriminator/auc_heldout"]
    assert found["discriminator/alive"] == 1


def test_a_dead_discriminator_has_no_auc_though_its_ranks_survive():
    found = AdversarialMonitor(watched(discriminator=Constant()))(1)
    assert found["discriminator/alive"] == 0
    assert found["discriminator/auc_training"] == found["discriminator/auc_heldout"] == 0.5
    assert found["discriminator/auc_gap"] == 0


def test_a_generator_that_copies_and_one_that_is_narrow():
    copies, narrow = AdversarialMonitor(watched(Replays()))(1), AdversarialMonitor(watched(Narrow()))(1)
    assert copies["generator/inside"] == 1 and copies["generator/inside_null"] == pytest.approx(0.8)
    assert copies["generator/inside_z"] > 3
    assert copies["generator/nearest"] == pytest.approx(0, abs=1e-3)
    assert copies["generator/diversity"] == pytest.approx(1, abs=0.15)
    assert narrow["generator/diversity"] < 0.05
    assert abs(narrow["generator/inside_z"]) < 3


KINDS = torch.arange(200) % 4
BY_CLASS = TRAINING * 0.2 + torch.tensor([-0.6, -0.2, 0.2, 0.6])[KINDS, None, None, None]  # classes of their own grey


class OneOfEach(nn.Module):
    """A single item for each class, whatever the noise."""

    def forward(self, z, cond=None):
        return BY_CLASS[cond]


class Any(nn.Module):
    def forward(self, z, cond=None):
        return BY_CLASS[(cond + 4 * ((z.abs().sum(1) * 1000).long() % 50)) % 200]


def by_class(generator, kinds=lambda n, seed: torch.arange(n) % 4, classes=4):
    inputs = watched(generator)
    inputs.references["training"], inputs.kinds, inputs.classes = BY_CLASS, KINDS, classes
    inputs.conditions = kinds
    return AdversarialMonitor(inputs)(4)


def test_a_generator_of_one_item_a_class_is_seen_though_its_items_differ():
    alike, healthy = by_class(OneOfEach()), by_class(Any())
    for which in ("", "shown_"):
        assert alike[f"generator/{which}diversity"] > 0.8 and alike[f"generator/{which}diversity_within"] < 1e-3
        assert healthy[f"generator/{which}diversity_within"] == pytest.approx(1, abs=0.1)
    assert not [name for name in AdversarialMonitor(watched(Replays()))(4) if "within" in name], "without classes"


def test_a_class_of_one_picture_many_times_does_not_count():
    """Its items differ by a rounding; what is generated of it differs by far more."""
    near = BY_CLASS.clone()
    near[KINDS == 3] = BY_CLASS[3] + 1e-4 * TRAINING[KINDS == 3]
    for generator, share in ((OneOfEach(), 0.0), (Any(), 1.0)):
        inputs = watched(generator)
        inputs.references["training"], inputs.kinds, inputs.classes = near, KINDS, 4
        inputs.conditions = lambda n, seed: torch.arange(n) % 4
        found = AdversarialMonitor(inputs)(4)
        assert found["generator/diversity_within"] == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize(
    "kinds", [lambda n, seed: torch.arange(n) + 4 + 40 * seed, lambda n, seed: torch.full((n,), 40)]
)
def test_classes_that_are_generated_once_or_have_no_training_items_do_not_count(kinds):
    found = by_class(Any(), kinds, classes=300)
    assert "generator/diversity" in found and not [name for name in found if "within" in name]


def test_drift_is_the_distance_from_the_average():
    assert AdversarialMonitor(watched())(4)["generator/drift"] == 0
    assert AdversarialMonitor(watched(Replays(), averaged=TinyGenerator()))(4)["generator/drift"] > 0.5


def test_the_averaged_generator_is_watched_at_each_fourth_probe():
    """It is what a user is shown: a collapse of it is seen while the generator that plays is diverse."""
    monitor = AdversarialMonitor(watched(Replays(), averaged=Narrow()))
    found = monitor(4)
    assert found["generator/diversity"] > 0.8 and found["generator/shown_diversity"] < 0.05
    assert found["generator/inside"] == 1 and abs(found["generator/shown_inside_z"]) < 3
    same = AdversarialMonitor(watched())(4)
    assert all(same[f"generator/{key}"] == same[f"generator/shown_{key}"] for key in ("diversity", "nearest", "inside"))
    assert not [name for probe in (1, 2, 3) for name in monitor(probe) if "shown" in name or "drift" in name]


def test_without_held_out_items_there_is_nothing_of_them():
    found = AdversarialMonitor(watched(heldout=False))(0)
    assert not [name for name in found if "heldout" in name or "gap" in name or "inside" in name or "split" in name]
    assert found["discriminator/auc_training"] > 0


def test_training_items_that_are_all_alike_give_no_unit_of_distance():
    same = watched()
    same.references["training"] = TRAINING[:1].repeat(20, 1, 1, 1)
    found = AdversarialMonitor(same)(1)
    assert not [name for name in found if name.split("/")[1] in ("diversity", "drift", "nearest")]


def test_effective_learning_rate_of_scale_free_weights():
    class Normalised(TinyGenerator):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16))

    g = Normalised()
    found = AdversarialMonitor(watched(g))(1)
    effective = {name: value for name, value in found.items() if "effective" in name}
    assert effective == {
        "generator/effective_lr.net.0.weight": pytest.approx(
            0.5 / float(g.net[0].weight.detach().square().sum()), rel=1e-6
        )
    }
