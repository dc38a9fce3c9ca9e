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


class Centred(Plain):
    def forward(self, x, y=None):
        found = super().forward(x, y)
        return found - found.mean()


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize(("net", "alone"), [(Spread, False), (Centred, False), (Plain, True)])
def test_what_mixes_the_batch_is_found(net, alone, classes):
    judge = OwnDiscriminator(net(), classes)
    before = torch.random.get_rng_state()
    labels = torch.zeros(2, dtype=torch.long) if classes else None
    assert judges_alone(judge, torch.zeros(2, 3, 2, 2), labels) is alone
    assert torch.equal(torch.random.get_rng_state(), before) and judge.training
    assert judges_alone(Spread(), torch.zeros(2, 3, 2, 2)), "one of ours is not tried"
