"""What an auto-encoder of pictures is trained for: the registry family "autoencoder". Loads torch.

A member says which options mean something to it, with their defaults, and builds the game of its players. A new one is
one `Objective` and one `register` line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from poise.core import Schedule, Term
from poise.errors import PoiseError
from poise.games.vae import Vae, kl_term, latent_term, nll_term
from poise.games.vae_gan import VaeGan, vae_gan_terms
from poise.losses.reconstruction import feature_matching
from poise.models.vae import AutoEncoder
from poise.penalties import Penalty
from poise.recipes.common.options import Options
from poise.recipes.common.parts import player, weighed
from poise.registry import find, names, register
from poise.training.ema import Ema
from poise.training.schedules import number_or_schedule


@dataclass
class ObjectiveParts:
    """What a game is built of.

    `values`: the options of this objective, defaults filled in. `options` and `penalties` by player; `judging` makes a
    discriminator with fresh weights.
    """

    model: AutoEncoder
    average: Ema
    values: Mapping[str, Any]
    options: Options
    penalties: Mapping[str, list[Penalty]]
    judging: Callable[[], nn.Module]
    steps: int

    def schedule(self, name: str) -> float | Schedule:
        """A weight of a term, from its flag."""
        return number_or_schedule(self.values[name], f"--{name.replace('_', '-')}", self.steps)

    def kl(self) -> Term[Any]:
        return kl_term(self.schedule("beta"), float(self.values["free_bits"]))

    def autoencoder(self, first: Term[Any], *also: Term[Any]) -> Any:
        """The player who has the model."""
        name = "autoencoder"
        own = self.options[name]
        return player(name, self.model, own, first, self.penalties[name], (self.average,), also=also)


@dataclass(frozen=True)
class Objective:
    """An objective.

    Args:
        game: builds the game.
        options: flags that mean something here alone or among others -> their defaults.
        deterministic: the encoder gives z itself, without a distribution.
        sigma: that of the Gaussian likelihood unless told otherwise: a number or "learned".
        latents: where samples come from unless told otherwise: "prior" or "mixture".
        players: of the game, the one that judges first.
    """

    game: Callable[[ObjectiveParts], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    deterministic: bool = False
    sigma: float | str = "learned"
    latents: str = "prior"
    players: tuple[str, ...] = ("autoencoder",)


def _vae(pieces: ObjectiveParts) -> Vae:
    return Vae(pieces.model, (pieces.autoencoder(nll_term(), pieces.kl()),))


def _rae(pieces: ObjectiveParts) -> Vae:
    latent = latent_term(pieces.schedule("latent"))
    return Vae(pieces.model, (pieces.autoencoder(nll_term(), latent),))


def _vae_gan(pieces: ObjectiveParts) -> VaeGan:
    judging, making = vae_gan_terms(find("loss", pieces.values["loss"]))
    d = pieces.judging()
    game = VaeGan(pieces.model, discriminator=d)
    values: dict[str, Callable[[Any], Any]] = {
        "adversarial": making,
        "features": lambda round: feature_matching(round.on_real, round.on_reconstruction),
    }
    also = [term for name, value in values.items() for term in weighed(name, pieces.values[name], pieces.steps, value)]
    name = "discriminator"
    game.players = (
        player(name, d, pieces.options[name], judging, pieces.penalties[name]),
        pieces.autoencoder(nll_term(pieces.schedule("pixels")), pieces.kl(), *also),
    )
    return game


KL = {"beta": 1.0, "free_bits": 0.0}

register("autoencoder", "vae")(Objective(_vae, KL))
register("autoencoder", "rae")(Objective(_rae, {"latent": 0.02}, deterministic=True, sigma=1.0, latents="mixture"))
register("autoencoder", "vae_gan")(
    Objective(
        _vae_gan,
        {
            **KL,
            "pixels": 1.0,
            "features": 1000.0,
            "adversarial": 5.0,
            "loss": "nonsaturating",
            "l2_discriminator": 1e-4,
        },
        sigma=1.0,
        players=("discriminator", "autoencoder"),
    )
)


def chosen(name: str, given: Mapping[str, Any]) -> tuple[Objective, dict[str, Any]]:
    """The objective and its options: those that were given (not None) over its defaults.

    Raises PoiseError for one that was given and means nothing to it.
    """
    if name not in names("autoencoder"):
        raise PoiseError(f"--objective {name} is unknown; use {', '.join(names('autoencoder'))}")
    objective: Objective = find("autoencoder", name)
    for flag, value in given.items():
        if value is not None and flag not in objective.options:
            users = [n for n in names("autoencoder") if flag in find("autoencoder", n).options]
            raise PoiseError(
                f"--{flag.replace('_', '-')} {value} does nothing for --objective {name}: leave it out, or use "
                f"--objective {' or '.join(users)}"
            )
    return objective, {
        flag: given[flag] if given.get(flag) is not None else value for flag, value in objective.options.items()
    }
