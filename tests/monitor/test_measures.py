"""What signals are made of: closed forms, exact nulls by simulation, and brute force."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from poise.models.rnn import Dropouts, Recurrent
from poise.models.shared.layers import spectrally_normalised
from poise.models.text import TextGenerator
from poise.monitor.measures import auc, compact, nearest, scale_invariant, split_z, spread, spread_within
from poise.registry import find, names


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_auc_counts_pairs_and_halves_ties():
    a, b = torch.tensor([1.0, 2.0, 2.0, 5.0]), torch.tensor([0.0, 2.0, 3.0])
    pairs = [float(x > y) + 0.5 * float(x == y) for x in a for y in b]
    assert auc(a, b) == pytest.approx(sum(pairs) / len(pairs), abs=1e-15)
    assert auc(a, b) + auc(b, a) == pytest.approx(1, abs=1e-15)
    assert auc(a, a) == 0.5
    assert auc(torch.full((4,), 1e-29), torch.full((4,), -1e-29)) == 1.0, "ranks survive: hence the guard by the gap"


def test_auc_of_two_gaussians():
    """P(a > b) = Φ(δ/√2) for unit variances and means δ apart."""
    found = auc(draws(20_000) + 1, draws(20_000, seed=1))
    assert found == pytest.approx(0.5 * (1 + math.erf(0.5)), abs=4 * 0.0029)


def test_spread_within_is_that_of_each_class_alone():
    x, kinds = draws(40, 3), torch.randint(0, 4, (40,), generator=torch.Generator().manual_seed(0))
    kinds[kinds == 2], kinds[0] = 3, 2  # one row of class 2, and none of class 4
    found = spread_within(x, kinds, 5)
    for kind in (0, 1, 3):
        assert float(found[kind]) == pytest.approx(spread(x[kinds == kind]), rel=1e-5)
    assert found[[2, 4]].isnan().all()


def test_spread_is_the_mean_over_pairs():
    x = draws(7, 3)
    pairs = [float((x[i] - x[j]).norm()) for i in range(7) for j in range(7) if i != j]
    assert spread(x) == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)
    assert spread(x[:1]) == 0 == spread(torch.ones(4, 3))


def test_pictures_are_averaged_down():
    x = draws(2, 3, 64, 48)
    assert compact(x).shape == (2, 3 * 16 * 16)
    assert compact(draws(2, 1, 8, 8)).shape == (2, 64)
    assert torch.equal(compact(compact(x)), compact(x))
    assert float(compact(torch.full((1, 1, 100, 100), 0.5)).mean()) == pytest.approx(0.5)


@pytest.mark.parametrize(("training", "heldout"), [(40, 40), (90, 10)])
def test_a_generator_that_does_not_know_the_split_is_inside_with_exactly_the_null_share(training, heldout):
    """T/(T + H) by exchangeability, for any generator; and z has unit variance, so that 3 is rare."""
    shares, scores = [], []
    for seed in range(400):
        reference = draws(training + heldout, 5, seed=3 * seed)
        items = 0.3 * draws(60, 5, seed=3 * seed + 1) + 1.0  # a poor, narrow generator
        found = nearest(items, reference[:training], reference[training:])
        shares.append(found.inside), scores.append(found.z)
    null = training / (training + heldout)
    z = torch.tensor(scores)
    assert found.null == pytest.approx(null)
    assert sum(shares) / 400 == pytest.approx(null, abs=4 * float(torch.tensor(shares).std()) / 20)
    assert abs(float(z.mean())) < 0.2
    assert 0.85 < float(z.std()) < 1.15
    assert float((z > 3).float().mean()) < 0.02


def test_copies_of_training_items_are_seen():
    reference = draws(100, 5)
    copies = reference[:80] + 0.01 * draws(80, 5, seed=1)
    found = nearest(copies, reference[:80], reference[80:])
    assert found.inside == 1.0
    assert found.z > 4
    assert found.distance < 0.1
    assert nearest(copies, reference[:80], reference[:0]).z == 0


@pytest.mark.slow
def test_a_random_split_is_fair_and_a_split_by_kind_is_not():
    fair = [split_z(draws(60, 4, seed=2 * s), draws(60, 4, seed=2 * s + 1)) for s in range(60)]
    assert abs(sum(fair) / 60) < 0.5
    assert 0.7 < float(torch.tensor(fair).std()) < 1.3
    assert split_z(draws(60, 4), draws(60, 4, seed=1) + 2) > 6
    assert split_z(draws(60, 4), draws(60, 4, seed=1)) == split_z(draws(60, 4), draws(60, 4, seed=1))


def test_copies_on_one_side_do_not_make_a_split_unfair():
    """Data are split by content, so all copies of an item lie on one side."""
    training, heldout = draws(60, 4), draws(60, 4, seed=1)
    twice = split_z(training.repeat(2, 1), heldout.repeat(2, 1))
    assert twice == pytest.approx(split_z(training, heldout), abs=1e-9)
    assert abs(twice) < 4


def invariant(net: nn.Module, x: torch.Tensor) -> list[str]:
    return scale_invariant(net, lambda: net(x))


def test_scale_invariant_weights_are_those_before_normalisation():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(4 * 4 * 4, 8), nn.LayerNorm(8), nn.Linear(8, 1),
    )  # fmt: skip
    for parameter in net[6].parameters():
        nn.init.normal_(parameter)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    nn.init.zeros_(net[6].bias)
    before["6.bias"] = net[6].bias.detach().clone()
    assert invariant(net, draws(8, 1, 8, 8)) == ["0.weight", "6.weight"]
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items()), "weights and statistics are put back"


def test_scale_invariant_weights_under_spectral_norm_and_of_a_plain_net():
    plain = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    x = draws(16, 4)
    assert invariant(plain, x) == []
    assert invariant(spectrally_normalised(plain), x) == [
        "0.parametrizations.weight.original", "2.parametrizations.weight.original",
    ]  # fmt: skip


@pytest.mark.parametrize("network", names("network"))
def test_the_generators_with_batch_normalisation_have_such_weights_and_the_discriminators_none(network):
    pair = find("network", network)
    g, d = pair.generator(16, 1, width=4, noise=8), pair.discriminator(16, 1, width=4)
    normalises = any(isinstance(layer, nn.BatchNorm2d) for layer in g.modules())
    assert normalises == (network != "modern")
    assert bool(scale_invariant(g, lambda: g(draws(8, 8)))) == normalises
    assert scale_invariant(d, lambda: d(draws(8, 1, 16, 16)).logits[0]) == []


def test_a_weight_that_begins_as_nothing_hides_none_before_it():
    """In x + C₂(a(C₁x)) with C₂ = 0 neither has an effect yet; behind a normalisation C₁ has none for good."""

    def block(*between):
        torch.manual_seed(0)
        last = nn.Linear(8, 4, bias=False)
        nn.init.zeros_(last.weight)
        return nn.Sequential(nn.Linear(4, 8), *between, nn.ReLU(), last)

    plain, normalising = block(), block(nn.LayerNorm(8))
    nn.init.zeros_(normalising[0].bias)
    x = draws(8, 4)
    assert scale_invariant(plain, lambda: x + plain(x)) == []
    assert scale_invariant(normalising, lambda: x + normalising(x)) == ["0.weight"]
    assert not plain[-1].weight.any() and not normalising[-1].weight.any()


def test_scale_matters_whatever_the_dropout_and_however_weak_the_weight():
    """Both passes drop the same; a layer that hardly matters beside a bias is not one whose scale does nothing."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.LayerNorm(8), nn.Linear(8, 4), nn.Linear(4, 1))
    nn.init.zeros_(net[0].bias)
    nn.init.normal_(net[3].weight, 0.0, 1e-3)
    nn.init.constant_(net[3].bias, 1.0)
    for _ in range(5):  # the dropout of each is another one
        assert invariant(net, draws(64, 4)) == ["0.weight"]
        torch.rand(1)


def test_a_generator_of_text_has_no_weights_whose_scale_does_nothing():
    torch.manual_seed(0)
    g = TextGenerator(Recurrent(500, 32, 32, dropouts=Dropouts(input=0.2, output=0.2)), 20)
    z = g.noise(8)
    assert scale_invariant(g, lambda: g(z)) == []
