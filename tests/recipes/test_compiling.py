"""A network that is not compiled although that was asked for is said to be."""

from __future__ import annotations

from poise.penalties import L2, R1, R2
from poise.recipes.images.build import uncompiled


def test_a_network_that_cannot_be_compiled_is_named():
    assert uncompiled({"discriminator": [L2(), R1(), R2()], "generator": [L2()]}) == [
        "--compile: the discriminator is not compiled, for the gradients of gradients of r1 and r2"
    ]
    assert uncompiled({"discriminator": [], "generator": [L2()]}) == []
