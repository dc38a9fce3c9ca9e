"""The made-up language: exact probabilities, repeatable sequences, numbers as units."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from poise.data.text.toy import Numbers, Oracle
from poise.data.tokenizers.units import units_from


def small():
    return Oracle(vocabulary=3, length=3, size=4, seed=1)


def test_probabilities_of_all_sequences_add_up_to_one():
    """27 sequences: Σ exp(−T·NLL) = 1; so NLL is nats per unit."""
    oracle = small()
    sequences = torch.tensor(list(itertools.product(range(3), repeat=3)))
    p = (-3 * oracle.nll(sequences, chunk=5).double()).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    assert p.max() > 2 / 27, "weights from N(0, 1) make some sequences likelier than others"


def test_samples_have_these_probabilities():
    """χ² of 20,000 sequences, rare ones together; and the mean NLL of samples is the entropy."""
    oracle = small()
    sequences = torch.tensor(list(itertools.product(range(3), repeat=3)))
    nll = oracle.nll(sequences).double()
    p = (-3 * nll).exp()
    found = oracle.sample(20_000, seed=4)
    number = (found * torch.tensor([9, 3, 1])).sum(1)
    counts, expected = torch.bincount(number, minlength=27).double(), 20_000 * p / p.sum()
    often = expected >= 5
    counts = torch.cat([counts[often], counts[~often].sum().unsqueeze(0)])
    expected = torch.cat([expected[often], expected[~often].sum().unsqueeze(0)])
    cells = int(often.sum())
    assert cells >= 15
    assert ((counts - expected).square() / expected.clamp_min(1e-9)).sum() < cells + 3.1 * math.sqrt(2 * cells) + 4
    assert oracle.nll(found).mean().item() == pytest.approx(float((p * nll).sum()), abs=0.01)


def test_sequences_depend_on_the_seed_alone():
    oracle = Oracle()
    a = oracle.sample(20, seed=1)
    torch.manual_seed(5)
    assert torch.equal(a, Oracle().sample(20, seed=1))
    assert not torch.equal(a, oracle.sample(20, seed=2))
    assert not torch.equal(a, Oracle(seed=1).sample(20, seed=1))
    assert a.shape == (20, 20)
    assert a.min() >= 0 and a.max() < 500


def test_its_weights_are_standard_normal_and_frozen():
    weights = torch.cat([p.flatten() for p in Oracle().parameters()])
    assert weights.mean().abs() < 0.02 and abs(weights.std() - 1) < 0.02
    assert not any(p.requires_grad for p in Oracle().parameters())


def test_numbers_are_units():
    units = Numbers(500)
    assert len(units) == 500
    assert units.encode("3 0 499") == [3, 0, 499], "0 and 1 are units like any other"
    assert units.decode([3, 0, 499]) == "3 0 499", "nothing ends at 0"
    assert Numbers.from_dict(units.to_dict()).names == units.names


def test_numbers_are_no_kind_that_a_user_may_ask_for():
    with pytest.raises(Exception, match="number"):
        units_from(Numbers(3).to_dict())
