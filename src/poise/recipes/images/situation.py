"""What is chosen for a user who does not choose, out of what was measured (docs/log.md): from what the run is given
alone, so that one that goes on elsewhere chooses the same."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from poise.data.images.images import ImageSet
from poise.games.augment import FEW
from poise.networks import ImageNetworks
from poise.recipes.common.options import Options
from poise.recipes.images.facts import ImageFacts
from poise.recipes.images.steering import begins_at_zero
from poise.training.schedules import Scheduled

AUTO = "auto"
RATE = 2e-4  # of both players
FAST = 4e-4  # of both players where few pictures are augmented and the generator interpolates


class Settled(NamedTuple):
    """A network that has a name, options whose rates are numbers or schedules, and a line about what was chosen."""

    network: ImageNetworks | str
    options: Options
    facts: ImageFacts
    notes: list[str]


def settle(
    network: ImageNetworks | str,
    options: Options,
    pictures: ImageSet,
    facts: ImageFacts,
    probability: Scheduled = 1.0,
    begun_with: str | None = None,
) -> Settled:
    """What `auto` means here.

    network: that of the run that this one begins with, `begun_with`; else `bilinear` where D sees augmented pictures,
    `dcgan` where it does not: without augmentation the former collapses. Many pictures with a `probability` of
    augmentation that begins at 0 count as not augmented, as it may stay there. Learning rates: 4e-4 for `bilinear`
    under augmentation, else 2e-4.
    """
    named = facts.augment not in (None, "none")
    augmented = named and not (begins_at_zero(probability) and len(pictures.train) > FEW)
    chosen: list[str] = []
    if network == AUTO:
        network = begun_with or ("bilinear" if augmented else "dcgan")
        facts = replace(facts, network=network)
        chosen.append(f"--network {network}{', that of the run begun with' if begun_with else ''}")
    rate = FAST if augmented and network == "bilinear" else RATE
    settled = {}
    for name, own in options.items():
        if own.lr == AUTO:
            own = replace(own, lr=rate)
            chosen.append(f"--{name}.lr {rate:g}")
        settled[name] = own
    colours = {1: "grey", 3: "colour", 4: "transparent"}[pictures.channels]
    how = f"augmented by {facts.augment}" if named else "not augmented"
    how += f" with a probability of {probability}" if named and probability != 1.0 else ""
    why = f"{len(pictures.train):,} {colours} pictures, {how}"
    notes = [f"{why}: {', '.join(chosen)} (docs/networks.md)"] if chosen else []
    if network == "modern" and settled["discriminator"].norm != "none":
        notes.append("--discriminator.norm batch: of no use with modern, which has no normalisation")
    return Settled(network, settled, facts, notes)
