"""`dcgan` (Radford et al. 2016) and `short_dcgan`, the same with a layer less in each player."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from torch import nn

from poise.models.images.base import ImageDiscriminator, ImageGenerator, NetworkPair, further, left_over
from poise.models.shared.layers import initialise, normalised
from poise.registry import register


class DcganGenerator(ImageGenerator):
    """Transposed 4×4 convolutions of stride 2, batch normalisation, ReLU (Radford et al. 2016), and a 3×3 convolution
    to the picture: a transposed one as the last layer leaves a grid in it (Odena et al. 2016)."""

    def build(self, depth: int, norm: str) -> None:
        relu = partial(nn.ReLU, inplace=True)
        layers: list[nn.Module] = [normalised(self.widths[0], norm), relu()]
        layers += further(self.widths[0], depth, norm, relu)
        for i, (before, after) in enumerate(pairwise(self.widths)):
            layers += self.enlarging(i, before, after, norm == "none")
            layers += [normalised(after, norm), relu(), *further(after, depth, norm, relu)]
        self.stages, self.last = nn.Sequential(*layers), nn.Conv2d(self.widths[-1], self.channels, 3, padding=1)
        initialise(self)

    def enlarging(self, i: int, before: int, after: int, bias: bool) -> list[nn.Module]:
        """What makes the i-th size into the next, and a width into the next."""
        odd = left_over(self.sides[i], self.sides[i + 1])
        return [nn.ConvTranspose2d(before, after, 4, 2, 1, output_padding=odd, bias=bias)]


class DcganDiscriminator(ImageDiscriminator):
    """4×4 convolutions of stride 2 and leaky ReLU of slope 0.2 (Radford et al. 2016), and a 3×3 convolution at the
    smallest size."""

    def build(self, channels: int, depth: int, norm: str) -> None:
        leaky = partial(nn.LeakyReLU, 0.2, inplace=True)
        stages = []
        for i, (before, after) in enumerate(pairwise([channels, *self.widths])):
            plain = norm == "none" or i == 0
            kernel, stride = (3, 1) if i == len(self.widths) - 1 else (4, 2)
            layers: list[nn.Module] = [nn.Conv2d(before, after, kernel, stride, 1, bias=plain)]
            layers += [] if plain else [normalised(after, norm)]
            stages.append(nn.Sequential(*layers, leaky(), *further(after, depth, norm, leaky)))
        self.stages = nn.ModuleList(stages)

    def finish(self) -> None:
        initialise(self)


class ShortDcganGenerator(ImageGenerator):
    """`DcganGenerator` without the stage at full size: the last transposed convolution makes the picture."""

    def build(self, depth: int, norm: str) -> None:
        relu = partial(nn.ReLU, inplace=True)
        layers: list[nn.Module] = [normalised(self.widths[0], norm), relu()]
        for i in range(len(self.sides) - 1):
            into = self.widths[i + 1]
            odd = left_over(self.sides[i], self.sides[i + 1])
            last = i == len(self.sides) - 2
            out, bias = self.channels if last else into, last or norm == "none"
            up = nn.ConvTranspose2d(self.widths[i], out, 4, 2, 1, output_padding=odd, bias=bias)
            layers += further(self.widths[i], depth, norm, relu)
            layers += [up] if last else [up, normalised(into, norm), relu()]
        self.stages, self.last = nn.Sequential(*layers), nn.Identity()
        initialise(self)


class ShortDcganDiscriminator(ImageDiscriminator):
    """`DcganDiscriminator` without the narrow first and the 3×3 last convolution."""

    def build(self, channels: int, depth: int, norm: str) -> None:
        leaky = partial(nn.LeakyReLU, 0.2, inplace=True)
        stages, before = [], channels
        self.widths = self.widths[1:]  # the first convolution already halves the picture
        for i, after in enumerate(self.widths):
            plain = norm == "none" or i == 0
            layers: list[nn.Module] = [nn.Conv2d(before, after, 4, 2, 1, bias=plain)]
            layers += [] if plain else [normalised(after, norm)]
            stages.append(nn.Sequential(*layers, leaky(), *further(after, depth, norm, leaky)))
            before = after
        self.stages = nn.ModuleList(stages)

    def finish(self) -> None:
        initialise(self)


register("network", "dcgan")(NetworkPair(DcganGenerator, DcganDiscriminator))
register("network", "short_dcgan")(NetworkPair(ShortDcganGenerator, ShortDcganDiscriminator))
