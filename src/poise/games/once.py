"""One generated batch for a step: the discriminator's turn makes it, and the generator's turn learns from the same.

D's turn computes fake = G(z) with its graph and looks at it without; G's turn, for which G has not moved since, goes
back through that graph. So a step has one forward pass of G instead of two, and G meets the samples that D has just
learnt to tell, as in PyTorch's example of a DCGAN. The gradient of each turn has the same mean as with a batch of
its own.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Generated(NamedTuple):
    """A generated batch with its graph, what it was made of, and how often G had been changed by then."""

    z: Tensor | None
    cond: Tensor | None
    fake: Tensor
    version: int


class OnceAStep:
    """What D's turn has generated and G's turn has not taken yet; of several micro-batches one after another.

    What was made before G's weights changed (by a step, or by going back to a checkpoint) is never given out.

    Args: generator, whose weights that require a gradient now are those that learn.
    """

    def __init__(self, generator: nn.Module) -> None:
        self.generator = generator
        self.learns = [parameter for parameter in generator.parameters() if parameter.requires_grad]
        self.kept: deque[Generated] = deque()

    def version(self) -> int:
        """How often the weights of G that learn have been changed in their places, all together."""
        return sum(parameter._version for parameter in self.learns)

    def _drop_old(self) -> None:
        now = self.version()
        while self.kept and self.kept[0].version != now:
            self.kept.popleft()

    def make(self, z: Tensor | None, cond: Tensor | None) -> Tensor:
        """G(z) with a graph to G's weights, which the loop has frozen on D's turn; it is kept for G's turn."""
        self._drop_old()
        before = [parameter.requires_grad for parameter in self.learns]
        for parameter in self.learns:
            parameter.requires_grad_(True)
        try:
            with torch.enable_grad():
                fake: Tensor = self.generator(z, cond)
        finally:
            for parameter, required in zip(self.learns, before, strict=True):
                parameter.requires_grad_(required)
        self.kept.append(Generated(z, cond, fake, self.version()))
        return fake.detach()

    def take(self, n: int) -> Generated | None:
        """The next one that was made, for n items; None if there is none."""
        self._drop_old()
        if not self.kept or len(self.kept[0].fake) != n:
            self.kept.clear()
            return None
        return self.kept.popleft()
