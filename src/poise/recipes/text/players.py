"""The two players of a text GAN, in each of its stages. Loads torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from poise.core import ScheduledValue, Term
from poise.errors import PoiseError
from poise.games.adversarial import adversarial_terms, joint_allowed
from poise.games.likelihood import SentenceGame, sentence_term
from poise.games.text import Reinforce, TextGame
from poise.models.text import counted
from poise.penalties import L2Rows
from poise.recipes.common.own import fits, judges_alone
from poise.recipes.common.parts import adam_dials, built, dials_of_rates, l2, own_penalties, player
from poise.recipes.common.setup import Setup
from poise.recipes.text.build import critic, generator
from poise.recipes.text.facts import SentenceFacts
from poise.registry import find, register
from poise.training.ema import Ema
from poise.training.schedules import Linear, Scheduled, bounds, number_or_schedule


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
        self, facts: SentenceFacts, setup: Setup, estimator: str, units: float = 1.0, l2_embedding: Scheduled = 0.0
    ) -> None:
        self.setup, self.options, self.execution = setup, setup.options, setup.execution
        self.steps, self.warm_steps = setup.steps["adversarial"], setup.steps["likelihood"]
        network, kind = setup.generator.network, setup.discriminator.network
        to_discriminate, to_generate = adversarial_terms(find("loss", setup.loss))
        chosen: Estimator = find("estimator", estimator)(to_generate, units)
        if isinstance(chosen.term.value, nn.Module):  # what it keeps is where the players are
            chosen.term.value.to(self.execution.device)
        kind = chosen.critic if kind == "auto" else kind
        of_d, of_g = setup.discriminator.options, setup.generator.options
        makers = {
            "discriminator": lambda: critic(network, kind, of_d, facts),
            "generator": lambda: generator(network, of_g, facts),
        }
        d, g = built(setup, makers)
        few = torch.zeros(2, facts.length, dtype=torch.long, device=self.execution.device)
        fits(network, "generator", g, g.noise(2))
        fits(network, "discriminator", d, few)
        fits(network, "discriminator", d, nn.functional.one_hot(few, len(facts.vocabulary)).float())
        self.counted: Callable[[Tensor], Tensor] = partial(counted, ends=facts.ends)
        self.generator, average = g, Ema(g, setup.ema)
        self.average: nn.Module = average.module
        self.sentences = SentenceGame(g, self.counted)
        self.sentences.players = (self._warm(units, average, l2_embedding),)
        alone = judges_alone(d, few.new_zeros(2, facts.length, len(facts.vocabulary), dtype=torch.float), soft=True)
        self.game = TextGame(g, d, joint=joint_allowed(d) and alone, counted=self.counted)
        self.game.players = (
            player("discriminator", d, of_d, to_discriminate, own_penalties(setup.discriminator, self.steps)),
            player(
                "generator", g, of_g, chosen.term, own_penalties(setup.generator, self.steps),
                (*chosen.after, average), also=self._anchor(units),
            ),
        )  # fmt: skip
        judge, speaks = self.game.players
        self.alone = replace(self.game, players=(judge,), modules=speaks.resting())

    def _anchor(self, units: float) -> list[Term[Any]]:
        """The likelihood of real sentences as a term of the adversarial stage; none where its weight is 0."""
        asked = number_or_schedule(self.setup.weights["likelihood"], "--likelihood", self.steps)
        return [] if asked == 0 else [replace(sentence_term(units), weight=asked)]

    def _warm(self, units: float, average: Ema, l2_embedding: Scheduled) -> Any:
        """The generator alone, to be fitted by maximum likelihood."""
        options = self.setup.generator.options
        penalties = own_penalties(self.setup.generator, self.warm_steps)
        if l2_embedding != 0:
            penalties.append(l2("embedding", l2_embedding, self.warm_steps, L2Rows))
        made = player(
            "generator", self.generator, options, sentence_term(units), penalties, (average,), options.warm_lr
        )
        made.turns = 1
        return made

    @property
    def warm_dials(self) -> list[ScheduledValue]:
        """Of the first stage."""
        rates = {"generator": self.setup.generator.options.warm_lr}
        return dials_of_rates(self.sentences.players, rates, self.options, self.warm_steps)

    @property
    def critic_dials(self) -> list[ScheduledValue]:
        """Of the stage in which the discriminator is alone: the first value of a learning rate that falls; one that
        rises, as a warm-up, does so over this stage, as its first value would teach nothing."""
        steps = max(1, self.setup.steps["critic"])
        rate = number_or_schedule(self.setup.discriminator.options.lr, "--discriminator.lr", steps)
        if callable(rate) and rate(0) < rate(steps):
            return adam_dials(self.alone.players, self.options, steps)
        first = {"discriminator": Linear(rate(0), rate(0)) if callable(rate) else rate}
        so_long = 10**9 * max(1, self.steps)  # that β₂ is what it is at first
        return dials_of_rates(self.alone.players, first, self.options, so_long)

    def dials(self, temperature: Scheduled) -> list[ScheduledValue]:
        """Of the second stage: learning rates, and the temperature of the Gumbel-softmax."""
        asked = number_or_schedule(temperature, "--temperature", self.steps)
        schedule = asked if callable(asked) else (lambda step: float(asked))
        if not bounds(asked, self.steps)[0] > 0:
            raise PoiseError(f"--temperature must be above 0, not {temperature}")
        set_temperature = partial(setattr, self.generator, "temperature")
        return [
            *adam_dials(self.game.players, self.options, self.steps),
            ScheduledValue("temperature", schedule, set_temperature),
        ]
