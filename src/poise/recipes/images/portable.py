"""An image GAN handed over: its network as code, its pictures as a graph, what a page needs to know. Loads torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from poise.models.own import OwnGenerator
from poise.networks import ImageNetworks
from poise.pixels.transparency import levels
from poise.recipes.common.portable import Call, Graph, Portable, Value
from poise.recipes.common.recipe import Arguments
from poise.recipes.images.drawing import kinds_like, pictures_of
from poise.recipes.images.facts import ImageFacts
from poise.registry import find
from poise.training.loop import fold_seed

PROGRAM = '''
def main() -> None:
    """Write a grid of samples."""
    parser = argparse.ArgumentParser(description="Draws pictures.")
    parser.add_argument("-n", type=int, default=64, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the noise; the same seed gives the same pictures")
{label}    parser.add_argument("--truncation", type=float, help="noise cut off at plus and minus this")
    parser.add_argument("--out", default="samples.png", help="the file of the grid")
    options = parser.parse_args()
    if options.n < 1:
        parser.error(f"-n must be at least 1, not {options.n}")
    kinds = {kinds}
    pixels = pictures_of({generator}, options.n, options.seed, kinds, options.truncation)
    write_png(Path(options.out), tiled(pixels))


if __name__ == "__main__":
    main()
'''
LABEL = '    parser.add_argument("--label", choices={offered}, help="one class only")\n'


class ShownPictures(nn.Module):
    """Noise [B,Z] (and class ids [B]) -> pictures [B,C,H,W] from 0 to 1, with straight alpha: those that are shown,
    before they are rounded to 255 steps."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return levels(self.generator(noise, label)) / 255


def portable(arguments: Arguments, facts: ImageFacts, generator: nn.Module) -> Portable:
    """Of a run of `images`."""
    network = arguments["network"] if facts.network is None else facts.network
    options, noise = arguments["generator"], arguments["noise"]
    return handed_over(generator_call(network, noise, options, facts), facts, generator)


def generator_call(network: ImageNetworks | str, noise: int, options: Any, facts: ImageFacts) -> Call:
    """What makes the generator."""
    classes = len(facts.classes)
    if isinstance(network, ImageNetworks):
        shape = (facts.sides, facts.channels, noise, classes)
        own = Call("generator", shape, of=Call(type(network), options=vars(network)))
        return Call(OwnGenerator, (own, noise, classes, facts.shape))
    made: Callable[..., nn.Module] = find("network", network).generator
    given: Mapping[str, Any] = {
        "size": facts.sides,
        "channels": facts.channels,
        "width": options.width,
        "depth": options.depth,
        "noise": noise,
        "classes": classes,
        "norm": options.norm,
    }
    return Call(made, options=given)


def handed_over(network: Call, facts: ImageFacts, generator: Any, around: type[nn.Module] | None = None) -> Portable:
    """Pictures from noise, whichever recipe made the generator; `around`: what stands around the network to draw."""
    classes, size = list(facts.classes), int(generator.noise_size)
    channels, height, width = facts.shape
    inputs = [Value("noise", ("batch", size), "float32", "independent numbers from N(0, 1)")]
    if classes:
        inputs.append(Value("label", ("batch",), "int64", f"class: {', '.join(_numbered(facts))}"))
    alpha = ", with straight alpha" if channels == 4 else ""
    picture = Value("pictures", ("batch", channels, height, width), "float32", f"from 0 to 1{alpha}")

    def examples(n: int, seed: int) -> tuple[Tensor, ...]:
        rng = torch.Generator().manual_seed(fold_seed(seed, 0))
        z = torch.randn(n, size, generator=rng)
        return (z, torch.arange(n) % len(classes)) if classes else (z,)

    opened = "open_generator()" if around is None else f"{around.__name__}(open_generator())"
    kinds, label = "None", ""
    if classes:
        turns = f"kinds_like({list(facts.counts)}, options.n)"
        one = "torch.full((options.n,), classes.index(options.label))"
        kinds = f"{turns} if options.label is None else {one}"
        offered = "classes" if facts.learnt == classes else repr(facts.learnt)
        label = f"    classes = {classes!r}\n" + LABEL.replace("{offered}", offered)
    page = {
        "kind": "images",
        "noise": size,
        "classes": classes,
        "counts": facts.counts,
        "shape": [channels, height, width],
    }
    return Portable(
        network,
        (*([] if around is None else [around]), *([kinds_like] if classes else []), pictures_of),
        PROGRAM.replace("{label}", label).replace("{kinds}", kinds).replace("{generator}", opened),
        [Graph("generator", ShownPictures(generator).eval(), inputs, [picture], examples)],
        page,
        [
            f"`{opened}(z{', label' if classes else ''})`: z [B,{size}] from N(0, 1)"
            f"{', label [B] class ids' if classes else ''} -> pictures [B,{channels},{height},{width}], about −1 to 1",
        ],
    )


def _numbered(facts: ImageFacts) -> list[str]:
    """Ids and names of the classes that were learnt."""
    return [f"{number} {name}" for number, name in enumerate(facts.classes) if name in facts.learnt]
