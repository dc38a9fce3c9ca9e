"""The two players of a text GAN, in each of its stages. Loads torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from poise.core import ScheduledValue, Term
from poise.errors import PoiseError
from poise.games.adversarial import adversarial_terms, joint_allowed
from poise.games.likelihood import SentenceGame, sentence_term
from poise.games.text import Reinforce, TextGame
from poise.losses import Loss
from poise.models.text import counted
from poise.penalties import L2Rows, Penalty
from poise.recipes.common.affordable import check_affordable
from poise.recipes.common.parts import l2, learning_rates, own_penalties, player
from poise.recipes.text.build import generator, vocabulary
from poise.registry import find, register
from poise.training.ema import Ema
from poise.training.precision import Execution
from poise.training.schedules import Scheduled, number_or_schedule


class Estimator(NamedTuple):
    """How the generator learns from D: its term, what happens after a move, and the D that fits."""

    term: Term[Any]
    after: tuple[Callable[[], Any], ...]
    critic: str


@register("estimator", "gumbel")
def gumbel(adversarial: Term[Any], units: float) -> Estimator:
    """Straight-through: the gradient of D's opinion reaches the generator through relaxed samples."""
    return Estimator(adversarial, (), "cnn")


@register("estimator", "reinforce")
def reinforce(adversarial: Term[Any], units: float) -> Estimator:
    """The score function with a reward for each unit; the loss moves D alone."""
    value = Reinforce(units=units)
    return Estimator(Term(adversarial.name, value), (value.commit,), "recurrent")


class TextPlayers:
    """The generator, in its two stages, and the discriminator.

    `sentences` is the game of the likelihood stage, `game` the adversarial one, both of one generator and one average;
    `alone` is `game` while only the discriminator moves.
    """

    def __init__(
        self,
        *,
        network: str,
        critic: str,
        estimator: str,
        loss: Loss | str,
        likelihood: Scheduled,
        options: dict[str, Any],
        l2: dict[str, Scheduled],
        ema: float,
        steps: dict[str, int],
        facts: dict[str, Any],
        how: Execution,
        seed: int,
        units: float = 1.0,
    ) -> None:
        self.options, self.steps, self.how = options, steps, how
        to_discriminate, to_generate = adversarial_terms(find("loss", loss))
        chosen: Estimator = find("estimator", estimator)(to_generate, units)
        if isinstance(chosen.term.value, nn.Module):  # what it keeps is where the players are
            chosen.term.value.to(how.device)
        build = find("critic", chosen.critic if critic == "auto" else critic)
        shape = (vocabulary(facts), facts["length"], facts["ends"])
        makers = {
            "discriminator": lambda: build(*shape, options["discriminator"]),
            "generator": lambda: generator(network, options["generator"], facts),
        }
        check_affordable(how.device, makers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            d = build(*shape, options["discriminator"]).to(how.device)
            g = generator(network, options["generator"], facts).to(how.device)
        self.counted: Callable[[Tensor], Tensor] = partial(counted, ends=facts["ends"])
        self.generator, average = g, Ema(g, ema)
        self.average: nn.Module = average.module
        self.sentences = SentenceGame(g, self.counted)
        self.sentences.players = (self._warm(l2, units, average),)
        self.game = TextGame(g, d, joint=joint_allowed(d), counted=self.counted)
        self.game.players = (
            player("discriminator", d, options["discriminator"], to_discriminate, self._penalties("discriminator", l2)),
            player(
                "generator", g, options["generator"], chosen.term, self._penalties("generator", l2),
                (*chosen.after, average), also=self._anchor(likelihood, units),
            ),
        )  # fmt: skip
        judge, speaks = self.game.players
        self.alone = replace(self.game, players=(judge,), modules=speaks.resting())

    def _penalties(self, name: str, strengths: dict[str, Scheduled], stage: str = "adversarial") -> list[Penalty]:
        """A player's own over one of its stages."""
        return own_penalties(name, strengths, self.options, self.steps[stage])

    def _anchor(self, weight: Scheduled, units: float) -> list[Term[Any]]:
        """The likelihood of real sentences as a term of the adversarial stage; none where its weight is 0."""
        asked = number_or_schedule(weight, "--likelihood", self.steps["adversarial"])
        return [] if asked == 0 else [replace(sentence_term(units), weight=asked)]

    def _warm(self, strengths: dict[str, Scheduled], units: float, average: Ema) -> Any:
        """The generator alone, to be fitted by maximum likelihood."""
        options = self.options["generator"]
        penalties = self._penalties("generator", strengths, "likelihood")
        if strengths["embedding"] != 0:
            penalties.append(l2("embedding", strengths["embedding"], L2Rows).over(self.steps["likelihood"]))
        made = player(
            "generator", self.generator, options, sentence_term(units), penalties, (average,), options.warm_lr
        )
        made.turns = 1
        return made

    @property
    def warm_dials(self) -> list[ScheduledValue]:
        """Of the first stage."""
        rates = {"generator": SimpleNamespace(lr=self.options["generator"].warm_lr)}
        return learning_rates(self.sentences.players, rates, self.steps["likelihood"])

    @property
    def critic_dials(self) -> list[ScheduledValue]:
        """Of the stage in which the discriminator is alone: the first value of a scheduled learning rate."""
        steps = 10**9 * max(1, self.steps["adversarial"])  # so long that it does not fall yet
        return learning_rates(self.alone.players, self.options, steps)

    def dials(self, temperature: Scheduled) -> list[ScheduledValue]:
        """Of the second stage: learning rates, and the temperature of the Gumbel-softmax."""
        steps = self.steps["adversarial"]
        asked = number_or_schedule(temperature, "--temperature", steps)
        schedule = asked if callable(asked) else (lambda step: float(asked))
        for step in (0, steps):
            if not schedule(step) > 0:
                raise PoiseError(f"--temperature must be above 0, not {temperature}")
        set_temperature = partial(setattr, self.generator, "temperature")
        return [
            *learning_rates(self.game.players, self.options, steps),
            ScheduledValue("temperature", schedule, set_temperature),
        ]
