"""The pieces of a text GAN, put together. Loads torch; `signature` imports it only when it builds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from torch import nn

from poise.core import Batch
from poise.data.draws.order import Prefetch
from poise.data.text.corpus import check_share, open_corpus
from poise.data.text.sentences import SentenceStream
from poise.data.text.toy import Numbers, Oracle
from poise.data.tokenizers.alphabet import UNKNOWN, Units
from poise.errors import PoiseError
from poise.models.own import OwnDiscriminator, OwnSequence
from poise.models.rnn import WITHOUT_DROPOUT, Dropouts
from poise.models.text import TextGenerator
from poise.networks import TextNetworks
from poise.recipes.common.own import user_errors
from poise.recipes.common.parts import check_player, machine
from poise.recipes.common.recipe import Arguments
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.text.options import SentenceOptions
from poise.recipes.text.writing import ORACLE
from poise.registry import find
from poise.training.precision import Execution

ORACLE_TRAIN, ORACLE_HELD = 10_000, 2_000  # sequences


@dataclass(frozen=True, eq=False)
class SentenceTables:
    """What is learnt: tables of ids [N,T], filled with the end where there is one."""

    name: str
    tables: dict[str, np.ndarray]  # "train" and "heldout"
    texts: dict[str, list[str]]  # the same sentences as they stand in the file; empty for a made-up language
    units: Units
    ends: bool
    fingerprint: str
    mean_units: float  # in a training sentence, its end included
    notes: list[str] = field(default_factory=list)
    oracle: Oracle | None = None
    counts: dict[str, object] = field(default_factory=dict)  # what became of the file's sentences

    @property
    def length(self) -> int:
        return int(self.train.shape[1])

    @property
    def train(self) -> np.ndarray:
        return self.tables["train"]

    @property
    def heldout(self) -> np.ndarray:
        return self.tables["heldout"]


def language(data: str, options: SentenceOptions) -> SentenceTables:
    """The sentences of a file, or a made-up language."""
    if data == ORACLE:
        check_share(options.share)
        found = _made_up(options.share)
        if options != replace(type(options)(), share=options.share):
            found.notes.append(
                "oracle: its sequences are made and not read, so only --share is used of how to read them"
            )
        return found
    corpus = open_corpus(data, **vars(options))
    length = int(np.diff(corpus.starts).max()) + 1
    sides = {"train": corpus.train, "heldout": corpus.heldout}
    notes = corpus.describe()
    if not len(corpus.heldout):
        notes.append("no sentences are held out, so samples are not scored; --heldout 0.2 would hold out a fifth")
    return SentenceTables(
        corpus.name,
        {side: corpus.padded(rows, length) for side, rows in sides.items()},
        {side: [corpus.sentences[row] for row in rows] for side, rows in sides.items()},
        corpus.units,
        True,
        corpus.fingerprint,
        float(np.diff(corpus.starts)[corpus.train].mean()) + 1,
        notes,
        counts=asdict(corpus.counts),
    )


def _made_up(share: float) -> SentenceTables:
    oracle = Oracle()
    count = max(1, round(share * ORACLE_TRAIN))
    heldout = oracle.sample(ORACLE_HELD, seed=2)
    tables = {"train": oracle.sample(ORACLE_TRAIN, seed=1)[:count].numpy(), "heldout": heldout.numpy()}
    units = Numbers(oracle.vocabulary)
    print_ = hashlib.sha256(b"".join(table.tobytes() for table in tables.values())).hexdigest()
    entropy = float(oracle.nll(heldout).mean())
    note = (
        f"oracle: {count:,} sequences of {oracle.length} out of {oracle.vocabulary} units to train on, {ORACLE_HELD:,} "
        f"held out; its own sequences have an NLL_oracle of {entropy:.3f} nats per unit"
    )
    texts: dict[str, list[str]] = {"train": [], "heldout": []}
    return SentenceTables("oracle", tables, texts, units, False, print_, float(oracle.length), [note], oracle)


def facts(
    language: SentenceTables, network: TextNetworks | str, execution: Execution, steps: Mapping[str, int]
) -> SentenceFacts:
    """What rebuilds the generator without the data, and what the data was. Args: steps of each stage, in order."""
    return SentenceFacts(
        data=f"{language.name}: {len(language.train):,} sentences of {len(language.units):,} "
        f"{language.units.plural}, {len(language.heldout):,} held out",
        units=language.units.to_dict(),
        ends=language.ends,
        length=language.length,
        fingerprint=language.fingerprint,
        counts=language.counts,
        stages=list(steps.items()),
        learning_rates={"likelihood": "warm_lr"},
        not_advised=["R1", *(["dropout"] if network in WITHOUT_DROPOUT else [])],  # R1: silences D (docs/log.md)
        **machine(execution),
    )


def check(name: str, options: Any) -> None:
    """The options of a player; what is wrong is told of the flag."""
    check_player(name, options, [key for key in vars(options) if key in SIZES])
    for penalty in options.penalties:
        if name == "generator" and penalty.terms():
            kind = type(penalty).__name__
            raise PoiseError(
                f"--generator.penalties+={kind}: {kind} reads what this generator does not show; leave it out, or "
                f"name one on the weights such as WeightDecay"
            )
    if not 0 <= options.dropout < 1:
        raise PoiseError(f"--{name}.dropout must be at least 0 and below 1, not {options.dropout}")
    parts = getattr(options, "representations", 1)
    if options.embed % parts:
        raise PoiseError(f"--{name}.embed {options.embed} must be a multiple of --{name}.representations {parts}")


SIZES = ("embed", "hidden", "layers", "representations", "width", "turns")


def critic(network: TextNetworks | str, kind: str, options: Any, facts: SentenceFacts) -> nn.Module:
    """The discriminator alone, with fresh weights: that of a user's network where it has one, else of this kind;
    `options` is a `TextDiscriminatorOptions`."""
    if isinstance(network, TextNetworks):
        with user_errors(network, "discriminator cannot be made"):
            own = network.discriminator(len(facts.vocabulary), facts.length)
            if own is not None:
                return OwnDiscriminator(own)
    net: nn.Module = find("critic", kind)(len(facts.vocabulary), facts.length, facts.ends, options)
    return net


def sequence(network: TextNetworks, facts: SentenceFacts) -> OwnSequence:
    """A user's network with fresh weights."""
    with user_errors(network, "generator cannot be made"):
        return OwnSequence(network.generator(len(facts.vocabulary)), len(facts.vocabulary))


def generator(network: TextNetworks | str, options: Any, facts: SentenceFacts) -> TextGenerator:
    """The generator alone, with fresh weights; `options` is a `TextGeneratorOptions`."""
    if isinstance(network, TextNetworks):
        net: Any = sequence(network, facts)
    else:
        share = 0.0 if network in WITHOUT_DROPOUT else options.dropout
        dropouts = Dropouts(input=share, output=share)
        net = find("sequence", network)(len(facts.vocabulary), options.embed, options.hidden, options.layers, dropouts)
    return TextGenerator(net, facts.length, facts.ends, [UNKNOWN] if facts.ends else [])


def without_dropout(network: TextNetworks | str, options: Any) -> list[str]:
    """A line where a dropout was asked for that the network does not have."""
    if isinstance(network, str) and network in WITHOUT_DROPOUT and options.dropout != type(options)().dropout:
        return [f"--generator.dropout: of no use with {network}, which has none"]
    return []


def rebuilt(arguments: Arguments, facts: SentenceFacts) -> TextGenerator:
    """The generator of a run, with fresh weights."""
    return generator(arguments["network"], arguments["generator"], facts)


def stream(
    language: SentenceTables, batch: int, seed: int, execution: Execution, split: str = "train"
) -> Callable[[int], Batch]:
    plain = SentenceStream(language.tables[split], batch, seed, execution.device, split)
    return plain if execution.device.type == "cpu" else Prefetch(plain)
