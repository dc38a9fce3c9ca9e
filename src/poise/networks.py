"""Networks of one's own for pictures: a class with options of its own, named on the command line. No torch in here.

# mynets.py
@dataclass
class Mine(ImageNetworks):
    \"\"\"Two small networks.

    Args:
        hidden: units of the hidden layer.
    \"\"\"

    hidden: int = 64

    def generator(self, size, channels, noise, classes):
        side = nn.Sequential(nn.Linear(noise, self.hidden), nn.ReLU(), nn.Linear(self.hidden, channels * size**2))
        return nn.Sequential(side, nn.Tanh(), nn.Unflatten(1, (channels, size, size)))

    def discriminator(self, size, channels, classes):
        ...

poise train images photos --network mynets.Mine --network.hidden 128
poise train images --network.help mynets.Mine
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


class ImageNetworks(ABC):
    """A generator and a discriminator of pictures [B,C,S,S] in [-1, 1]; its fields are its options.

    The same options, data and seed must give the same networks: weights are drawn from torch's generator, which has
    been seeded, and buffers that are part of the state are registered.
    """

    @abstractmethod
    def generator(self, size: int, channels: int, noise: int, classes: int) -> nn.Module:
        """A network with fresh weights: z [B,noise] -> x [B,channels,size,size]; called as net(z, y), y being class ids
        [B], where classes > 0."""

    @abstractmethod
    def discriminator(self, size: int, channels: int, classes: int) -> nn.Module:
        """A network with fresh weights: x -> logits [B] or [B, positions]; called as net(x, y) where classes > 0."""
