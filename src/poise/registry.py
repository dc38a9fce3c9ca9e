"""Name -> builder, one table per family. A new member is one function or class and one `register` line.

`HOMES` says where the members of a family are written; they are loaded when one is asked for, so that nobody has to
import a module for what it does by being imported. A family with a home for each name loads only the one that was asked
for. Whoever registers members elsewhere imports that module.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from poise.errors import PoiseError, nearest

T = TypeVar("T")
_TABLES: dict[str, dict[str, Any]] = {}
_LOADED: set[str] = set()

HOMES: dict[str, tuple[str, ...] | dict[str, str]] = {
    "autoencoder": ("poise.recipes.vae.objectives",),
    "autoencoder metric": ("poise.metrics.latent.members",),
    "critic": ("poise.models.text",),
    "estimator": ("poise.recipes.text.players",),
    "extractor": (
        "poise.metrics.features.features",
        "poise.metrics.features.classifier",
        "poise.metrics.features.inception",
        "poise.metrics.features.rotations",
        "poise.metrics.features.speech_features",
        "poise.metrics.features.text_features",
    ),
    "features metric": (
        "poise.metrics.distributions.c2st",
        "poise.metrics.distributions.copying",
        "poise.metrics.distributions.gaussians",
        "poise.metrics.distributions.kernels",
        "poise.metrics.distributions.likelihood",
        "poise.metrics.distributions.neighbours",
    ),
    "latents": ("poise.models.vae",),
    "likelihood": ("poise.models.likelihoods",),
    "loss": ("poise.losses.adversarial",),
    "mel critic": ("poise.models.speech",),
    "network": {
        "dcgan": "poise.models.images.dcgan",
        "short_dcgan": "poise.models.images.dcgan",
        "bilinear": "poise.models.images.bilinear",
        "nearest": "poise.models.images.nearest",
        "residual": "poise.models.images.residual",
        "modern": "poise.models.images.modern",
    },
    "pairs metric": (
        "poise.metrics.speech.members",
        "poise.metrics.speech.heard",
        "poise.metrics.speech.pitch_members",
    ),
    "penalty": (
        "poise.penalties.gradients",
        "poise.penalties.outputs",
        "poise.penalties.recurrent",
        "poise.penalties.towards",
        "poise.penalties.weights",
    ),
    "reading": ("poise.studies.plans.readings",),
    "recipe": {
        "images": "poise.recipes.images.signature",
        "text": "poise.recipes.text.signature",
        "language": "poise.recipes.language.signature",
        "vocoder": "poise.recipes.vocoder.signature",
        "speech": "poise.recipes.speech.signature",
        "vae": "poise.recipes.vae.signature",
    },
    "schedule": ("poise.training.schedules",),
    "sentences metric": ("poise.metrics.text.members", "poise.metrics.text.verse"),
    "sequence": ("poise.models.rnn",),
    "speech": ("poise.models.speech",),
    "speech units": ("poise.data.transcripts.utterances",),
    "symptom": (
        "poise.monitor.findings.appearance",
        "poise.monitor.findings.discriminator",
        "poise.monitor.findings.generator",
        "poise.monitor.findings.latent",
        "poise.monitor.findings.learning",
        "poise.monitor.findings.likelihood",
        "poise.monitor.findings.rates",
        "poise.monitor.findings.scores",
    ),
    "units": ("poise.data.tokenizers.alphabet", "poise.data.tokenizers.pieces", "poise.data.tokenizers.words"),
    "vocoder": ("poise.models.vocoders",),
    "wave critic": ("poise.models.heads",),
}


def register(family: str, name: str, again: bool = False) -> Callable[[T], T]:
    """Decorator: enter an object under `name` in `family`; a taken name is refused, unless `again` is true."""

    def enter(item: T) -> T:
        there = _TABLES.setdefault(family, {})
        if name in there and not again:
            raise ValueError(f"{family} '{name}' is registered twice")
        there[name] = item
        return item

    return enter


def names(family: str) -> list[str]:
    """The names of a family, in order of registration."""
    homes = HOMES.get(family, ())
    if isinstance(homes, dict):
        return list(dict.fromkeys([*homes, *_TABLES.get(family, {})]))
    _load(family)
    return list(_TABLES.get(family, {}))


def members(family: str) -> dict[str, T]:
    """The members of a family by name, in order of registration, its homes loaded."""
    _load(family)
    return dict(_TABLES.get(family, {}))


def find(family: str, name: Any) -> Any:
    """The member called `name`; an unknown name is an error that says which one may have been meant.

    What is no name, such as a loss that a user brought by its class path, is itself.
    """
    if not isinstance(name, str):
        return name
    _load(family, name)
    there = _TABLES.get(family, {})
    if name in there:
        return there[name]
    known = names(family)
    if "." in name:
        raise PoiseError(
            f"{name} is no {family} that can be loaded: give MODULE.CLASS of a file in the current folder, derived "
            f"from the class for it (docs/architecture.md), or one of {', '.join(known)}"
        )
    raise PoiseError(f"there is no {family} called '{name}'{nearest(name, known, '.')} Known: {', '.join(known)}.")


def _load(family: str, name: str = "") -> None:
    """Import the homes of a family, once; of a family with a home for each name, that of this name."""
    homes = HOMES.get(family, ())
    if isinstance(homes, dict):
        if name in homes and name not in _TABLES.get(family, {}):
            importlib.import_module(homes[name])
        return
    if family not in _LOADED:
        for module in homes:
            importlib.import_module(module)
        _LOADED.add(family)
