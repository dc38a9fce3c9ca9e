"""Losses of the game with sentences, by position."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from poise.core import Batch, DiscriminatorOutput
from poise.games.adversarial import over_heads
from poise.registry import find, names
from poise.training.moves import move
from tests.games.sentences import SENTENCES, played

# Losses by position.


def weighted(rows, logits, weights):
    return DiscriminatorOutput(tuple(logits[i] for i in rows), (), tuple(weights[i] for i in rows))


@pytest.mark.parametrize("name", names("loss"))
@pytest.mark.parametrize("heads", [1, 2])
def test_losses_by_position_by_hand(name, heads, float64):
    """Sentence by sentence with loops: a(r) and b(f) averaged each over its own places that count; a paired loss of the
    averages; then over heads."""
    loss = find("loss", name)
    torch.manual_seed(0)
    b, t = 4, 5
    real, fake = torch.randn(heads, b, t), torch.randn(heads, b, t)
    on_real = (torch.arange(t) < torch.tensor([1, 2, 5, 3]).unsqueeze(1)).double().expand(heads, b, t)
    on_fake = (torch.arange(t) < torch.tensor([4, 1, 2, 5]).unsqueeze(1)).double().expand(heads, b, t)
    verdicts = [weighted(range(heads), x, w) for x, w in ((real, on_real), (fake, on_fake))]

    def mean(x, w):
        return sum(x[i] for i in range(t) if w[i]) / sum(1 for i in range(t) if w[i])

    zero = torch.zeros(())
    for_d, for_g = [], []
    for i in range(b):
        d = g = 0.0
        for h in range(heads):
            r, f, wr, wf = real[h, i], fake[h, i], on_real[h, i], on_fake[h, i]
            if loss.paired:
                d += loss.discriminator(mean(r, wr), mean(f, wf))
                g += loss.generator(mean(f, wf), mean(r, wr))
            else:
                d += mean(loss.discriminator(r, zero), wr) + mean(loss.discriminator(zero, f), wf)
                d -= loss.discriminator(zero, zero)
                g += mean(loss.generator(f), wf)
        for_d.append(d / heads)
        for_g.append(g / heads)
    found = over_heads(loss.discriminator, *verdicts, paired=loss.paired)
    assert (found - torch.stack(for_d)).abs().max() < 1e-14
    asked = [verdicts[1], *([verdicts[0]] if loss.paired else [])]
    assert (over_heads(loss.generator, *asked, paired=loss.paired) - torch.stack(for_g)).abs().max() < 1e-14


@pytest.mark.parametrize("name", names("loss"))
def test_equal_weights_and_none_are_the_same_where_the_loss_has_parts(name, float64):
    loss = find("loss", name)
    torch.manual_seed(0)
    real, fake = torch.randn(4, 5), torch.randn(4, 5)
    ones = torch.ones(4, 5)
    plain = over_heads(
        loss.discriminator, DiscriminatorOutput((real,)), DiscriminatorOutput((fake,)), paired=loss.paired
    )
    even = [DiscriminatorOutput((x,), (), (ones,)) for x in (real, fake)]
    if not loss.paired:
        assert (over_heads(loss.discriminator, *even) - plain).abs().max() < 1e-14
    assert (even[0].means() - DiscriminatorOutput((real,)).means()).abs().max() < 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("name", names("loss"))
@pytest.mark.parametrize("mover", [0, 1])
def test_a_discriminators_opinion_of_pads_moves_nobody(name, mover, float64):
    """Real sentences and generated ones of several lengths; D lies about everything after the end."""
    found = []
    for lie in (0.0, 7.0):
        game = played(name, length=6)
        honest = game.discriminator

        class Lying(nn.Module):
            def __init__(self, inner, by):
                super().__init__()
                self.inner, self.by = inner, by

            def forward(self, x, cond=None):
                verdict = self.inner(x, cond)
                return verdict._replace(logits=(verdict.logits[0] + self.by * (1 - verdict.weights[0]),))

        game.discriminator = Lying(honest, lie)
        torch.manual_seed(3)
        row = move(game, game.players[mover], Batch(SENTENCES), 0)
        weights = torch.cat([p.detach().flatten() for p in game.players[mover].module.parameters()])
        found.append((weights, float(row["adversarial"])))
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
