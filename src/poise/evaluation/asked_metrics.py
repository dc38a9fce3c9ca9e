"""The names in `poise evaluate --metrics`: of which family each is, and whether it can be taken of what is there."""

from __future__ import annotations

from poise.data.files.items import NOUNS
from poise.errors import PoiseError, nearest
from poise.evaluation.sides import Sides
from poise.registry import names

# families that read the items themselves, and those that read an auto-encoder
OWN_METRICS = {"text metric": "text", "paired metric": "speech", "latent metric": "image"}


def known_metrics(metrics: list[str] | None) -> None:
    """An unknown name is an error that says which one of any family may have been meant."""
    known = [name for family in ("metric", *OWN_METRICS) for name in names(family)]
    for name in metrics or ():
        if name not in known:
            raise PoiseError(
                f"there is no metric called '{name}'{nearest(name, known, '.')} Known: {', '.join(known)}."
            )


def by_features(metrics: list[str] | None) -> list[str] | None:
    """Those of the named metrics that are computed of features."""
    return None if metrics is None else [name for name in metrics if name in names("metric")]


def of_latents(metrics: list[str] | None) -> list[str]:
    """Those of the named metrics that are told of an auto-encoder."""
    return [name for name in metrics or () if name in names("latent metric")]


def fitting_metrics(metrics: list[str] | None, sides: Sides) -> None:
    """The metrics of sentences want sentences, those of clips want clips, those of latents an auto-encoder."""
    items = sides.made.items
    for name in of_latents(metrics):
        if sides.autoencoder is None and items.modality == "image":
            raise PoiseError(f"{name} is for runs of auto-encoders and {items.name} is none: leave it out of --metrics")
    for family, modality in OWN_METRICS.items():
        for name in metrics or ():
            if name in names(family) and items.modality != modality:
                raise PoiseError(
                    f"{name} is for {NOUNS[modality]} and {items.name} holds {items.noun}: leave it out of --metrics"
                )
