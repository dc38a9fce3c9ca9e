"""Networks of any size from 16 to 256: shapes, mirrored structure, labels, spectral norm."""

from __future__ import annotations

import pytest
import torch

from poise.errors import PoiseError
from poise.models.shared.layers import sides
from poise.registry import find, names

NETWORKS = names("network")


def pair(name, size=16, channels=1, classes=0, width=4, depth=1, **more):
    built = find("network", name)
    g = built.generator(size=size, channels=channels, width=width, depth=depth, noise=6, classes=classes, norm="batch")
    d = built.discriminator(
        size=size, channels=channels, width=width, depth=depth, classes=classes, norm="none", **more
    )
    return g, d


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [16, 17, 20, 28, 31, 37, 50, 64, 100, 127, 128, 255, 256])
def test_every_size_is_reached_exactly(name, size):
    g, d = pair(name, size, 3, width=2)
    x = g(g.noise(2), None)
    assert x.shape == (2, 3, size, size)
    assert x.abs().max() <= 1 or name == "modern"  # which leaves the cutting off to whoever draws
    verdict = d(x, None)
    assert verdict.logits[0].shape == (2,)
    at_the_end = [] if name == "short_dcgan" else [d.sides[-1]]
    assert [f.shape[-2:] for f in verdict.features[0]] == d.sides[1:] + at_the_end


def test_sides_halve_down_to_at_most_seven():
    for found in ([28, 14, 7], [64, 32, 16, 8, 4], [100, 50, 25, 12, 6]):
        assert sides(found[0]) == [(side, side) for side in found]
    for size in range(16, 257):
        assert 4 <= sides(size)[-1][0] <= 7
    for size in (0, 15, 257):
        with pytest.raises(PoiseError, match=f"--size {size} is out of reach"):
            sides(size)


@pytest.mark.parametrize("name", NETWORKS)
def test_depth_and_width_make_networks_larger(name):
    def size(**k):
        return [sum(p.numel() for p in net.parameters()) for net in pair(name, **k)]

    base, wide, deep = size(), size(width=8), size(depth=2)
    assert all(w > b and d > b for b, w, d in zip(base, wide, deep, strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_labels_reach_both_networks(name):
    torch.manual_seed(0)
    g, d = pair(name, classes=3)
    g.eval()
    z, y = g.noise(1).expand(3, -1), torch.arange(3)
    x = g(z, y)
    assert not torch.allclose(x[0], x[1])
    logits = d(x[:1].expand(3, -1, -1, -1), y).logits[0]
    assert len(set(logits.tolist())) == 3
    for net, argument in ((g, z), (d, x)):
        with pytest.raises(PoiseError, match="class ids"):
            net(argument, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_spectral_norm_bounds_every_layer(name):
    _, d = pair(name, spectral=True)
    for _ in range(60):
        d(torch.randn(2, 1, 16, 16), None)
    layers = [m for m in d.modules() if isinstance(m, torch.nn.Linear | torch.nn.modules.conv._ConvNd)]
    assert len(layers) >= 3
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("name", NETWORKS)
def test_discriminators_judge_each_sample_by_itself(name):
    """No normalisation over the batch by default: a picture's logit does not depend on its neighbours."""
    _, d = pair(name)
    x = torch.randn(5, 1, 16, 16)
    assert torch.allclose(d(x, None).logits[0][:1], d(x[:1], None).logits[0], atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_every_parameter_and_can_be_differentiated_twice(name):
    g, d = pair(name, classes=2)
    y = torch.tensor([0, 1, 1, 0])
    x = g(g.noise(4), y)
    x.retain_grad()
    (gradient,) = torch.autograd.grad(d(x, y).logits[0].sum(), x, create_graph=True)
    (gradient.square().sum() + d(x, y).logits[0].sum()).backward()
    for net in (g, d):
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("size", [28, 37])
@pytest.mark.parametrize("name", NETWORKS)
def test_pictures_stay_in_the_layout_that_is_fast(name, size):
    """Each layer hands on what it was given in the order of its weights, channels last, with no copy in between."""
    forms = {}

    def note(layer, _, found):
        if found.dim() == 4 and min(found.shape[1:]) > 1:
            forms[layer] = found.is_contiguous(memory_format=torch.channels_last)

    players = [net.to(memory_format=torch.channels_last) for net in pair(name, size, channels=3, width=8)]
    for net in players:
        for layer in net.modules():
            if isinstance(layer, torch.nn.modules.conv._ConvNd):
                layer.register_forward_hook(note)
    g, d = players
    d(g(g.noise(2)))
    assert forms and all(forms.values())
