"""The pieces of a recurrent language model, put together. Loads torch; `signature` imports it only when it builds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from poise.core import Batch
from poise.data.draws.order import Prefetch
from poise.data.text.corpus import Corpus, open_corpus
from poise.data.text.sentences import WindowStream, joined
from poise.disk.description import PerStep
from poise.errors import PoiseError
from poise.games.likelihood import Carried, LanguageModelGame, window_term
from poise.metrics.text.spelling import spelling_of
from poise.models.own import OwnSequence
from poise.models.rnn import Dropouts, Recurrent
from poise.networks import TextNetworks
from poise.penalties import AR, L2, TAR, L2Rows, Penalty
from poise.recipes.common.affordable import check_affordable
from poise.recipes.common.options import RunOptions
from poise.recipes.common.own import fits, place, user_errors
from poise.recipes.common.parts import check_player, machine, player
from poise.recipes.common.recipe import Arguments
from poise.recipes.text.build import sequence
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.text.options import SentenceOptions
from poise.registry import find
from poise.training.ema import Ema
from poise.training.precision import Execution
from poise.training.schedules import Scheduled

LENGTH = 128  # units of a sampled sentence at most


@dataclass(frozen=True, eq=False)
class Text:
    """Two long texts of ids, every sentence with its end, and how many characters the held-out one has.

    `spelling`: nats that the units outside the vocabulary cost, letter by letter.
    """

    corpus: Corpus
    train: np.ndarray
    heldout: np.ndarray
    characters: int
    spelling: float = 0.0

    @property
    def notes(self) -> list[str]:
        found = self.corpus.describe()
        if not len(self.heldout):
            found.append("no sentences are held out, so there is no score; --heldout 0.2 would hold out a fifth")
        return found


def text(data: str, options: SentenceOptions) -> Text:
    """The sentences of a file, joined; units that are not known stand as one unknown unit."""
    corpus = open_corpus(data, **vars(options), unknown="keep")
    train, held = (joined([corpus.of(row) for row in rows]) for rows in (corpus.train, corpus.heldout))
    characters = sum(len(corpus.sentences[row]) + 1 for row in corpus.heldout)  # a line's end is a character
    return Text(corpus, train, held, characters, spelling_of(corpus))


def facts(text: Text, window: int, run: RunOptions, execution: Execution) -> SentenceFacts:
    """What rebuilds the network without the data, and what the data was."""
    units = text.corpus.units
    return SentenceFacts(
        data=f"{text.corpus.name}: {len(text.train):,} {units.plural} to train on, {len(text.heldout):,} held out, "
        f"{len(units):,} known",
        units=units.to_dict(),
        ends=True,
        running=True,
        length=LENGTH,
        fingerprint=text.corpus.fingerprint,
        counts=asdict(text.corpus.counts),
        per_step=PerStep("units", f"{run.batch} x {window} units", {"": run.batch * window}),
        **machine(execution),
    )


def check(network: TextNetworks | str | None, options: Any) -> None:
    """What is wrong with an option is told of its flag."""
    if isinstance(network, str):
        find("sequence", network)
        raise PoiseError(f"--network {network} is for MODULE.CLASS of your own: of ours --model.cell says which one")
    check_player("model", options, ("embed", "hidden", "layers"))
    if network is None and options.tied and options.layers == 1 and options.hidden not in (None, options.embed):
        raise PoiseError(
            f"--model.hidden {options.hidden} does nothing here: with tied weights a single layer is as wide as the "
            f"embedding, {options.embed}; use --model.embed, --model.layers 2 or --model.tied false"
        )
    for name in ("dropout_embedding", "dropout_input", "dropout_hidden", "dropout_output", "weight_drop"):
        if not 0 <= getattr(options, name) < 1:
            raise PoiseError(f"--model.{name} must be at least 0 and below 1, not {getattr(options, name)}")


def model(network: TextNetworks | str | None, options: Any, facts: SentenceFacts) -> Recurrent | OwnSequence:
    """The network alone, with fresh weights: a user's, or ours, of `ModelOptions`."""
    if isinstance(network, TextNetworks):
        return sequence(network, facts)
    drops = Dropouts(
        options.dropout_embedding,
        options.dropout_input,
        options.dropout_hidden,
        options.dropout_output,
        options.weight_drop,
    )
    return Recurrent(
        len(facts.vocabulary),
        options.embed,
        options.hidden or options.embed,
        options.layers,
        options.cell,
        options.tied,
        dropouts=drops,
    )


def rebuilt(arguments: Arguments, facts: SentenceFacts) -> Recurrent | OwnSequence:
    """The network of a run, with fresh weights."""
    return model(arguments.get("network"), arguments["model"], facts)


def penalties(
    network: TextNetworks | str | None,
    options: Any,
    recurrent: Scheduled,
    output: Scheduled,
    embedding: Scheduled,
    ar: Scheduled,
    tar: Scheduled,
    steps: int,
) -> list[Penalty]:
    """Each strength as a penalty of its own, with its own name in the record; what is 0 is left out."""
    if not isinstance(network, TextNetworks) and options.tied and output != 0:
        raise PoiseError(
            f"--l2-output {output} has nothing to act on: with tied weights the readout is the embedding; use "
            "--l2-embedding, or --model.tied false"
        )
    covers = None if isinstance(network, TextNetworks) else nn.RNNBase  # of a user's network all layers
    kinds: dict[str, tuple[Scheduled, Callable[[Any], Penalty]]] = {
        "l2-recurrent": (recurrent, lambda s: L2(s, covers=covers, name="l2_recurrent")),
        "l2-output": (output, lambda s: L2(s, covers=nn.Linear, name="l2_output")),
        "l2-embedding": (embedding, lambda s: L2Rows(s, name="l2_embedding")),
        "ar": (ar, lambda s: AR(s)),
        "tar": (tar, lambda s: TAR(s)),
    }
    found = []
    for flag, (strength, build) in kinds.items():
        try:
            found += [build(strength)] if strength != 0 else []
        except PoiseError as error:
            raise PoiseError(f"--{flag} {strength}: {error}") from None
    return [penalty.over(steps) for penalty in [*found, *options.penalties]]


def game(
    network: TextNetworks | str | None,
    options: Any,
    facts: SentenceFacts,
    penalties: list[Penalty],
    run: RunOptions,
    execution: Execution,
) -> tuple[LanguageModelGame, Any]:
    """The game of one player, and the averaged network."""
    check_affordable(execution.device, {"model": lambda: model(network, options, facts)})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        net = model(network, options, facts).to(execution.device)
    if isinstance(network, TextNetworks):
        tried(network, net, penalties)
    average, carried = Ema(net, run.decay), Carried()
    built = LanguageModelGame(net, carried)
    built.players = (player("model", net, options, window_term(), penalties, (carried, average)),)
    return built, average.module


def tried(network: TextNetworks, net: nn.Module, penalties: list[Penalty]) -> None:
    """Read three units of two texts; what a penalty reads must be there."""
    ids = torch.zeros(2, 3, dtype=torch.long, device=next(net.parameters()).device)
    with user_errors(network, "generator cannot begin"):
        state = net.begin(2)  # type: ignore[operator]
    read = fits(network, "generator", net, ids, state)
    for penalty in penalties:
        if penalty.reads == "states" and not read.raw.shape[2] and not isinstance(penalty, L2Rows):
            raise PoiseError(
                f"{place(network)}: its generator gives logits and state alone, and {type(penalty).__name__} reads the "
                "states of its last layer: give them as a third result, or leave the penalty out"
            )


def stream(text: Text, window: int, run: RunOptions, execution: Execution) -> Callable[[int], Batch]:
    plain = WindowStream(text.train, run.batch, window, run.seed, execution.device)
    return plain if execution.device.type == "cpu" else Prefetch(plain)
