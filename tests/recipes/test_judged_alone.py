"""Whether a user's discriminator may see real and generated items in one pass."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from poise.models.own import OwnDiscriminator
from poise.recipes.common.own import judges_alone


class Spread(nn.Module):
    """The standard deviation over the batch, as many discriminators have it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x, y=None):
        return self.weight * x.flatten(1).mean(1) + x.std(0).mean()


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.LayerNorm(4), nn.Dropout(0.5), nn.Linear(4, 1))

    def forward(self, x, y=None):
        return self.layers(x).squeeze(1) + (0 if y is None else y.float())


class CentredWhileTraining(Plain):
    """As batch norm of one's own."""

    def forward(self, x, y=None):
        found = super().forward(x, y)
        return found - found.mean() if self.training else found


class Strict(Plain):
    """It takes pictures alone, and not what no picture has."""

    def forward(self, x, y=None):
        assert x.abs().max() <= 1
        return super().forward(x, y)


class Words(Plain):
    """It takes rows that are distributions."""

    def forward(self, x, y=None):
        assert torch.allclose(x.sum(-1), torch.ones(()))
        return super().forward(x.log(), y)


class Refuses(Plain):
    def forward(self, x, y=None):
        raise RuntimeError("not four at once")


class Centred(Plain):
    def forward(self, x, y=None):
        found = super().forward(x, y)
        return found - found.mean()


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("net", [Spread, Centred, CentredWhileTraining, Refuses, Plain, Strict])
def test_what_mixes_the_batch_is_found(net, classes):
    alone = net in (Plain, Strict)
    judge = OwnDiscriminator(net(), classes)
    before = torch.random.get_rng_state()
    labels = torch.zeros(2, dtype=torch.long) if classes else None
    assert judges_alone(judge, torch.zeros(2, 3, 2, 2), labels) is alone
    assert torch.equal(torch.random.get_rng_state(), before) and judge.training
    assert judges_alone(Spread(), torch.zeros(2, 3, 2, 2)), "one of ours is not tried"


def test_a_critic_of_words_is_given_distributions():
    assert judges_alone(OwnDiscriminator(Words()), torch.zeros(2, 3, 4), soft=True)
