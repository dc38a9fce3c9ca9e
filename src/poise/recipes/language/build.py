"""The pieces of a recurrent language model, put together. Loads torch; `signature` imports it only when it builds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poise.core import Batch
from poise.data.draws.order import Prefetch
from poise.data.text.corpus import Corpus, open_corpus
from poise.data.text.sentences import WindowStream, joined
from poise.errors import PoiseError
from poise.games.likelihood import Carried, LanguageModelGame, heldout_nats, window_term
from poise.metrics.text.spelling import spelling_of
from poise.models.rnn import Dropouts, Recurrent
from poise.monitor.findings.windows import SHOWN_EVERY
from poise.penalties import AR, L2, TAR, L2Rows, Penalty
from poise.recipes.common.affordable import check_affordable
from poise.recipes.common.facts import PerStep
from poise.recipes.common.options import RunOptions
from poise.recipes.common.parts import check_player, machine, player
from poise.recipes.common.recipe import Arguments
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.text.options import SentenceOptions
from poise.training.ema import Ema
from poise.training.precision import Execution
from poise.training.schedules import Scheduled

LENGTH = 128  # units of a sampled sentence at most
LOOKED_AT = 4096  # units of either side that the monitor reads


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


def facts(text: Text, window: int, run: RunOptions, how: Execution) -> SentenceFacts:
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
        **machine(how),
    )


def check(options: Any) -> None:
    """What is wrong with an option is told of its flag."""
    check_player("model", options, ("embed", "hidden", "layers"))
    if options.tied and options.layers == 1 and options.hidden not in (None, options.embed):
        raise PoiseError(
            f"--model.hidden {options.hidden} does nothing here: with tied weights a single layer is as wide as the "
            f"embedding, {options.embed}; use --model.embed, --model.layers 2 or --model.tied false"
        )
    for name in ("dropout_embedding", "dropout_input", "dropout_hidden", "dropout_output", "weight_drop"):
        if not 0 <= getattr(options, name) < 1:
            raise PoiseError(f"--model.{name} must be at least 0 and below 1, not {getattr(options, name)}")
    for penalty in options.penalties:
        if any(term.second_order for term in penalty.terms()):
            kind = type(penalty).__name__
            raise PoiseError(f"--model.penalties+={kind}: there is no discriminator here, so {kind} would do nothing")


def network(options: Any, facts: SentenceFacts) -> Recurrent:
    """The network alone, with fresh weights; `options` is a `ModelOptions`."""
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


def rebuilt(arguments: Arguments, facts: SentenceFacts) -> Recurrent:
    """The network of a run, with fresh weights."""
    return network(arguments["model"], facts)


def penalties(
    options: Any,
    recurrent: Scheduled,
    output: Scheduled,
    embedding: Scheduled,
    ar: Scheduled,
    tar: Scheduled,
    steps: int,
) -> list[Penalty]:
    """Each strength as a penalty of its own, with its own name in the record; what is 0 is left out."""
    if options.tied and output != 0:
        raise PoiseError(
            f"--l2-output {output} has nothing to act on: with tied weights the readout is the embedding; use "
            "--l2-embedding, or --model.tied false"
        )
    kinds: dict[str, tuple[Scheduled, Callable[[Any], Penalty]]] = {
        "l2-recurrent": (recurrent, lambda s: L2(s, covers=nn.RNNBase, name="l2_recurrent")),
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
    options: Any, facts: SentenceFacts, penalties: list[Penalty], run: RunOptions, how: Execution
) -> tuple[LanguageModelGame, Any]:
    """The game of one player, and the averaged network."""
    check_affordable(how.device, {"model": lambda: network(options, facts)})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        net = network(options, facts).to(how.device)
    average, carried = Ema(net, run.ema), Carried()
    built = LanguageModelGame(net, carried)
    built.players = (player("model", net, options, window_term(), penalties, (carried, average)),)
    return built, average.module


def stream(text: Text, window: int, run: RunOptions, how: Execution) -> Callable[[int], Batch]:
    plain = WindowStream(text.train, run.batch, window, run.seed, how.device)
    return plain if how.device.type == "cpu" else Prefetch(plain)


class LanguageMonitor:
    """Nats per unit on the beginnings of the training and of the held-out text, in evaluation mode.

    In the record, for the model: `nll_training`, `nll_heldout` and their difference `nll_gap`; at each fourth probe
    `shown_nll_training`, ... of the averaged model, which is what is judged and sampled; `‖h‖` is `activation`.
    """

    def __init__(self, model: Recurrent, average: Any, texts: dict[str, Tensor]) -> None:
        self.model, self.average, self.texts, self.seconds = model, average, texts, 0.0

    def __call__(self, probe: int) -> dict[str, float]:
        began = time.perf_counter()
        found = self._of(self.model, "nll")
        if probe % SHOWN_EVERY == 0:
            found |= self._of(self.average, "shown_nll")
        self.seconds += time.perf_counter() - began
        return {f"model/{name}": value for name, value in found.items()}

    def _of(self, model: Any, name: str) -> dict[str, float]:
        """Of one network."""
        found = {f"{name}_{side}": float(heldout_nats(model, ids).mean()) for side, ids in self.texts.items()}
        if f"{name}_heldout" in found:
            found[f"{name}_gap"] = found[f"{name}_heldout"] - found[f"{name}_training"]
        return found


def monitor(game: LanguageModelGame, average: Any, text: Text, how: Execution) -> Callable[[], LanguageMonitor]:
    """The monitor, built when first needed."""
    sides = {"training": text.train[:LOOKED_AT], "heldout": text.heldout[:LOOKED_AT]}
    texts = {name: torch.from_numpy(ids).to(how.device) for name, ids in sides.items() if len(ids) > 1}
    return partial(LanguageMonitor, game.model, average, texts)


def judge(model: Any, text: Text, how: Execution) -> Callable[[], Any] | None:
    """The judge of this text, built when first needed; None where nothing is held out."""
    return None if len(text.heldout) < 2 else partial(LanguageJudge, model, text, how)


class LanguageJudge:
    """The held-out text, read once from its beginning with the state carried over, by the averaged network.

    "NLL" nats per unit, ends counted; "perplexity" exp(NLL); "bits per character" over the characters of the text, a
    line's end being one: only this number can be compared between units and vocabularies, as it holds what the spelling
    of unknown units costs (see `metrics.text.spelling`). For the other two they are one unit that is guessed like any
    other, so a smaller vocabulary has an easier task: `facts` tell how much is covered.
    """

    noun = "units"

    def __init__(self, model: Any, text: Text, how: Execution) -> None:
        self.missing: list[str] = []
        self.extractors: list[Any] = []
        self.model, self.text = model, text
        self.ids = torch.from_numpy(text.heldout).to(how.device)
        self.n = self.m = len(text.heldout) - 1
        self.about = f"scores are of the averaged network on {self.m:,} held-out {text.corpus.units.plural}"

    def floor(self) -> dict[str, float]:
        return {}

    def score(self, sample: Callable[[int, int], Any]) -> dict[str, float]:
        nats = heldout_nats(self.model, self.ids).double()
        mean = float(nats.mean())
        bits = (float(nats.sum()) + self.text.spelling) / np.log(2) / self.text.characters
        return {"perplexity": float(np.exp(mean)), "NLL": mean, "bits per character": bits}
