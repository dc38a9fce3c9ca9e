"""The modern pair: variances at the beginning, in closed form and by drawing; blocks that begin as the identity."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from poise.models.images.modern import (
    GAIN,
    PICTURE,
    Enlarge,
    ModernBlock,
    ModernDiscriminator,
    ModernGenerator,
    Reduce,
    enlargements,
    interpolation,
)
from poise.models.shared.layers import sides

LARGE = [pytest.param(size, marks=pytest.mark.slow) for size in (64, 96, 128, 256)]
SIZES = [16, 28, 32, 50, *LARGE]


def recorded(modules, run, *arguments):
    """What each of the modules put out while `run(*arguments)` ran, gradients kept."""
    seen = []

    def keep(module, given, out):
        out.retain_grad()
        seen.append(out)

    hooks = [module.register_forward_hook(keep) for module in modules]
    run(*arguments)
    for hook in hooks:
        hook.remove()
    return seen


def pull(net, x, weigh):
    """The gradient of ⟨net(x), weigh⟩, or of D's logits."""
    out = net(x)
    (getattr(out, "logits", [out])[0] * weigh).sum().backward()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 2, 7, 16])
def test_a_block_begins_as_the_identity_and_learns_at_once(width):
    torch.manual_seed(0)
    block = ModernBlock(width)
    x = torch.randn(2, width, 6, 6)
    torch.testing.assert_close(block(x), x, rtol=0, atol=0)
    block(x).square().sum().backward()
    assert block.widen.weight.grad.abs().sum() > 0


def test_a_block_keeps_the_length_of_gradients_and_adds_a_known_variance():
    """With C₂ ~ N(0, s²/fan-in) instead of 0, x + C₂a(C₁x) has the variance 1 + s²: GAIN makes E[a(C₁x)²] = E[x²]."""
    torch.manual_seed(0)
    block = ModernBlock(64)
    torch.nn.init.normal_(block.widen.weight, 0.0, 0.5 * (9 * 32) ** -0.5)
    x = torch.randn(16, 64, 16, 16)
    inside = (block(x) - x)[:, :, 2:-2, 2:-2]  # away from the padding
    assert inside.var().item() == pytest.approx(0.25, rel=0.1)
    assert pytest.approx(2 / 1.04) == GAIN**2


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(4, 8), (7, 14), (6, 12), (12, 25), (2, 4)])
def test_enlarging_is_a_weighted_mean_of_neighbours(before, after):
    m = interpolation(before, after)
    torch.testing.assert_close(m.sum(1), torch.ones(after, dtype=torch.float64))
    x = torch.randn(1, 3, before, before, dtype=torch.float64)
    torch.testing.assert_close(Enlarge(after, 2.0)(x), 2 * m @ x @ m.T)
    if after == 2 * before:
        assert sorted(set(m[2].tolist())) == ([0, 0.25, 0.75] if before > 2 else [0.25, 0.75])


def test_the_gain_of_an_enlargement_by_hand():
    """From 2 to 4: the rows are (1, 0), (3/4, 1/4), (1/4, 3/4), (0, 1), so the mean ‖row‖² is 13/16."""
    (layer,) = enlargements([2, 4])
    assert layer.gain == pytest.approx(16 / 13)


def gradients_lengths(size):
    """E‖∂ℓ/∂h‖² at each stage h of a generator for ℓ = ⟨x, g⟩ with independent g ~ N(0, 1), over that at the picture.

    A 1×1 convolution from 2c to c channels with weights of variance 1/2c keeps it, a block is the identity, and behind
    the stage lie the interpolations P, with their gains: Π gain² · (‖P‖²)², the norm being Frobenius'.
    """
    larger, found = enlargements(sides(size)[::-1]), []
    product, gain = torch.eye(size, dtype=torch.float64), 1.0
    for layer, ((before, _), (after, _)) in zip(larger[::-1], pairwise(sides(size)), strict=True):
        found.append(gain**2 * product.square().sum().item() ** 2)
        product, gain = product @ interpolation(after, before), gain * layer.gain
    found.append(gain**2 * product.square().sum().item() ** 2)
    return torch.tensor(found[::-1]) / size**2


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_every_stage_of_the_generator_begins_with_variance_one(size):
    """And gradients have the length that the interpolations give them: within 20 % from 16 to 256 pixels."""
    squares, lengths, batch = [], [], 16 if size <= 64 else 2
    for seed in range(16):
        torch.manual_seed(seed)
        net = ModernGenerator(size, 3, width=32, depth=1, noise=64)
        blocks = [layer for layer in net.stages if isinstance(layer, ModernBlock)]
        weigh = torch.randn(batch, 3, size, size)
        stages = recorded([*blocks, net.last], pull, net, net.noise(batch), weigh)
        squares.append(torch.stack([stage.square().mean() for stage in stages]))
        lengths.append(torch.stack([stage.grad.square().sum() for stage in stages[:-1]]) / (batch * 3 * PICTURE**2))
    found = torch.stack(squares).mean(0).tolist()
    assert found == pytest.approx([1.0] * (len(found) - 1) + [PICTURE**2], rel=0.2)
    expected = gradients_lengths(size) * size**2
    assert (torch.stack(lengths).mean(0) / expected).tolist() == pytest.approx([1.0] * len(expected), rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_every_stage_of_the_discriminator_begins_with_the_variance_of_its_picture(size):
    """Of pictures without detail, which a mean over neighbours does not change.

    A mean over four pixels gives each a fourth of the gradient, so four of them have a fourth of its square.
    """
    squares, lengths = [], []
    for seed in range(32):
        torch.manual_seed(seed)
        net = ModernDiscriminator(size, 3, width=16 if size <= 64 else 8, depth=1)
        x = torch.randn(8 if size <= 64 else 2, 3, 1, 1)
        x = (x / x.square().mean().sqrt()).expand(-1, -1, size, size)
        blocks = [layer for stage in net.stages for layer in stage if isinstance(layer, ModernBlock)]
        stages = recorded([*blocks, net.logit], pull, net, x, 1.0)
        squares.append(torch.stack([stage.square().mean() for stage in stages]))
        lengths.append(torch.stack([stage.grad.square().sum() for stage in stages[:-1]]))
    found = torch.stack(squares).mean(0).tolist()
    assert found[:-1] == pytest.approx([1.0] * len(blocks), rel=0.2)
    pixels = torch.tensor([height * width for height, width in sides(size)])
    relative = torch.stack(lengths).mean(0) * pixels
    assert (relative / relative[-1]).tolist() == pytest.approx([1.0] * len(pixels), rel=0.2)


@pytest.mark.parametrize("side", [4, 7, 12])
def test_reducing_is_the_mean_over_pixels(side):
    x = torch.randn(2, 3, 2 * side, 2 * side)
    expected = x.unflatten(2, (side, 2)).unflatten(4, (side, 2)).mean((3, 5))
    torch.testing.assert_close(Reduce(side)(x), expected)
    assert Reduce(side)(torch.randn(1, 1, 2 * side + 1, 2 * side + 1)).shape == (1, 1, side, side)
