"""Networks of one's own: classes with options of their own, named on the command line. No torch in here.

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

Each method below makes a network with fresh weights. The same options, data and seed must give the same networks:
weights are drawn from torch's generator, which has been seeded, and buffers that are part of the state are registered.
They are tried on a few items before a run begins. Where a `discriminator` is not defined or gives None, the recipe's
own is taken; its logits are [B] or [B, positions], or a `poise.core.DiscriminatorOutput`, which feature matching needs.

`size` is the side of square pictures, a number. For rectangles it is (height, width), of --size 96x64 (64, 96): a
network that can only do squares fails there, which is told in a sentence.

Shape letters: B batch, C channels, H height, W width, Z latents, T units of a sentence, V vocabulary, M mel bands,
F frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from poise.pixels.size import Sides

if TYPE_CHECKING:
    from torch import nn


class Networks:
    """What all of them are."""


class ImageNetworks(Networks, ABC):
    """A generator and a discriminator of pictures [B,C,H,W] in [-1, 1]; its fields are its options."""

    @abstractmethod
    def generator(self, size: Sides, channels: int, noise: int, classes: int) -> nn.Module:
        """z [B,noise] -> x [B,channels,H,W]; called as net(z, y), y being class ids [B], where classes > 0.

        Four channels are premultiplied colour and alpha, in [−1, 1] like the others (`poise.pixels.transparency`).
        """

    @abstractmethod
    def discriminator(self, size: Sides, channels: int, classes: int) -> nn.Module:
        """x -> logits; called as net(x, y) where classes > 0."""


class AutoencoderNetworks(Networks, ABC):
    """An encoder and a decoder of pictures [B,C,H,W] in [-1, 1], for `poise train vae`; its fields are its options."""

    @abstractmethod
    def encoder(self, size: Sides, channels: int, outputs: int) -> nn.Module:
        """x -> [B,outputs]: means of Z latents, then their log-variances; the latents themselves for rae."""

    @abstractmethod
    def decoder(self, size: Sides, channels: int, latents: int) -> nn.Module:
        """z [B,latents] -> raw [B,channels,H,W], before any squashing."""

    def discriminator(self, size: Sides, channels: int) -> nn.Module | None:
        """x -> logits, for vae_gan."""
        return None


class TextNetworks(Networks, ABC):
    """A network that reads sentences, for `poise train text` and `language`; its fields are its options."""

    @abstractmethod
    def generator(self, vocabulary: int) -> nn.Module:
        """With `begin(n)`, the state before the first unit: a tuple of tensors [n, ...]. Called as net(x, state), x
        being ids [B,T], or in a text GAN rows [B,T,V] that sum to one: logits [B,T,V] of the next units and the new
        state; a third result, the states [B,T,H] of the last layer, is what AR and TAR penalise. An `embedding`, an
        nn.Embedding, is what --l2-embedding penalises."""

    def discriminator(self, vocabulary: int, length: int) -> nn.Module | None:
        """Sentences as ids [B,length] or rows [B,length,V] -> logits."""
        return None


class VocoderNetworks(Networks, ABC):
    """A network that makes waves of log-mels, for `poise train vocoder` and `speech`; its fields are its options."""

    @abstractmethod
    def generator(self, bands: int, hop: int) -> nn.Module:
        """Log-mels [B,bands,F], as (log-mel + 5) / 3 -> waves [B,1,F·hop] in [-1, 1]."""

    def discriminator(self, hop: int) -> nn.Module | None:
        """Waves [B,1,F·hop] -> logits."""
        return None


class SpeechNetworks(Networks, ABC):
    """A network from what is said in each frame to log-mels, for `poise train speech`; its fields are its options.
    Units, their durations and alignment, voices and noise are the recipe's."""

    @abstractmethod
    def generator(self, width: int, bands: int) -> nn.Module:
        """Frames [B,width,F], 0 behind the end of an item -> log-mels [B,bands,F], as (log-mel + 5) / 3."""

    def discriminator(self, bands: int) -> nn.Module | None:
        """Log-mels [B,bands,F], as they are -> logits."""
        return None
