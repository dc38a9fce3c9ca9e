"""What comes out of a text GAN while it trains and afterwards: sentences, the monitors, the judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from poise.core import Batch, ScheduledValue, Timed
from poise.errors import PoiseError, measurable
from poise.games.likelihood import nats, perplexity
from poise.metrics.text.judge import LEAST, TextJudge
from poise.metrics.text.metric import Texts
from poise.models.text import END, gumbel
from poise.monitor.findings.windows import SHOWN_EVERY
from poise.monitor.measures import with_gap
from poise.monitor.signals import REFERENCES, AdversarialMonitor, MonitorInputs
from poise.recipes.common.options import RunOptions
from poise.recipes.common.parts import learning_rate
from poise.recipes.common.recipe import Stage
from poise.recipes.text.build import SentenceTables, stream
from poise.recipes.text.players import TextPlayers
from poise.training.loop import fold_seed
from poise.training.precision import Execution
from poise.training.schedules import Scheduled

LOOK = 64  # sentences of each kind that a monitor likes to look at
BUCKETS = 512  # of each of the two halves of a sketch


def sketch(x: Tensor, ends: bool = True) -> Tensor:
    """What a sentence is about, for comparisons: ids [n,T] or one-hot [n,T,V] -> float32 [n,1024].

    Square roots of the counts of its units and of its pairs of neighbours, each hashed into 512 buckets. Distances are
    those of Hellinger times the root of the length; where in the sentence a unit stands does not matter.
    """
    ids = x.argmax(2) if x.is_floating_point() else x
    pairs = (ids[:, :-1] * 1_000_003 + ids[:, 1:] * 8191 + 12_345) % BUCKETS
    singles = (ids * 2_654_435_761 + 97) % BUCKETS
    inside = torch.ones_like(ids, dtype=torch.float32)
    if ends:
        inside = (ids != END).float()
    found = torch.zeros(len(ids), 2 * BUCKETS, device=ids.device)
    found.scatter_add_(1, singles, inside)
    found.scatter_add_(1, pairs + BUCKETS, inside[:, :-1])  # a pair with the end counts: it says how a sentence ends
    return found.sqrt()


def _streams(
    language: SentenceTables, batch: int, seed: int, execution: Execution
) -> dict[str, Callable[[int], Batch]]:
    """Batches for a monitor: other ones than training sees."""
    found = {}
    for name, split in (("training", "train"), ("heldout", "heldout")):
        if rows := len(language.tables[split]):
            found[name] = stream(language, min(max(batch, min(LOOK, 2 * batch)), rows), seed + 2, execution, split)
    return found


class LikelihoodMonitor(Timed):
    """Nats per unit on training and on held-out sentences, in evaluation mode: what a fit by heart shows.

    In the record, for the generator: `nll_training`, `nll_heldout` and their difference `nll_gap`; at each fourth probe
    `shown_nll_training`, ... of the averaged generator, from which sentences are drawn.
    """

    def __init__(self, players: TextPlayers, streams: dict[str, Callable[[int], Batch]]) -> None:
        self.players, self.streams = players, streams

    @torch.no_grad()
    def __call__(self, probe: int) -> dict[str, float]:
        net = self.players.generator
        net.eval()
        with self.timed(), self.players.execution.autocast(False):
            found = self._of(net, probe, "nll")
            if probe % SHOWN_EVERY == 0:
                found |= self._of(self.players.average, probe, "shown_nll")
        net.train()
        return {f"generator/{name}": value for name, value in found.items()}

    def _of(self, net: Any, probe: int, name: str) -> dict[str, float]:
        """Of one network, on the sentences of this probe."""
        found = {}
        for side, draw in self.streams.items():
            ids = draw(probe).real
            counts = self.players.counted(ids)
            found[f"{name}_{side}"] = float((nats(net.logits(ids), ids) * counts).sum() / counts.sum())
        return with_gap(found, name)


def likelihood_monitor(
    players: TextPlayers, language: SentenceTables, batch: int, seed: int, execution: Execution
) -> Callable[[], LikelihoodMonitor]:
    """The monitor of the first stage, built when first needed."""
    return lambda: LikelihoodMonitor(players, _streams(language, batch, seed, execution))


def monitor(
    players: TextPlayers, language: SentenceTables, batch: int, seed: int, execution: Execution
) -> Callable[[], AdversarialMonitor]:
    """The monitor of the adversarial stage: that of pictures, with another idea of distance."""
    generator = players.generator

    def noise(n: int, number: int) -> Tensor:
        rng = torch.Generator().manual_seed(fold_seed(seed, number))
        return gumbel(torch.rand(n, generator.length, generator.net.vocabulary, generator=rng)).to(execution.device)

    def references(split: str) -> Tensor:
        rows = len(language.tables[split])
        chosen = np.random.default_rng((seed, rows)).permutation(rows)[:REFERENCES]
        return torch.from_numpy(language.tables[split][chosen]).to(execution.device)

    def built() -> AdversarialMonitor:
        rates = {p.name: partial(learning_rate, p.optim) for p in players.game.players}
        return AdversarialMonitor(
            MonitorInputs(
                generator,
                players.game.discriminator,
                players.average,
                noise,
                _streams(language, batch, seed, execution),
                {
                    name: references(split)
                    for name, split in (("training", "train"), ("heldout", "heldout"))
                    if len(language.tables[split])
                },
                lambda: execution.autocast(False),
                learning_rates=rates,
                compact=partial(sketch, ends=language.ends),
            )
        )

    return built


def stages(players: TextPlayers, language: SentenceTables, run: RunOptions, temperature: Scheduled) -> list[Stage]:
    """Maximum likelihood, the discriminator alone, both against each other."""
    about = (language, run.batch, run.seed, players.execution)
    watched = monitor(players, *about)

    def stage(name: str, game: Any, order: int, dials: Sequence[ScheduledValue], watched: Callable[[], Any]) -> Stage:
        drawn = stream(language, run.batch, run.seed + order, players.execution)
        return Stage(name, game, drawn, players.setup.steps[name], dials, watched)

    return [
        stage("likelihood", players.sentences, 1, players.warm_dials, likelihood_monitor(players, *about)),
        stage("critic", players.alone, 3, players.critic_dials, watched),
        stage("adversarial", players.game, 0, players.dials(temperature), watched),
    ]


def judge(players: TextPlayers, language: SentenceTables, n: int, seed: int) -> Callable[[], Any] | None:
    """The judge of this language, built when first needed; None where nothing is held out."""
    if n < LEAST:
        raise PoiseError(f"scores need at least {LEAST} samples (--score-samples), not {n}")
    if not len(language.heldout):
        return None
    if language.oracle is not None:
        return lambda: OracleJudge(players, language, n)
    return lambda: SentenceJudge(players, language, n, seed)


def heldout_nll(generator: Any, players: TextPlayers, table: np.ndarray, device: torch.device) -> float:
    """Nats per unit of sentences, each end counted and nothing after it."""
    total = count = 0.0
    with torch.no_grad():
        for part in torch.from_numpy(table).split(256):
            ids = part.to(device)
            counts = players.counted(ids)
            total += float((nats(generator.logits(ids), ids) * counts).sum())
            count += float(counts.sum())
    return measurable(total / count, "the generator's likelihood")


class SentenceJudge(TextJudge):
    """`TextJudge` of the averaged generator, and its held-out negative log-likelihood, whose pads do not count:

    "NLL_gen" nats per unit, "perplexity" its exponential, "bits per character" over the characters of the text.
    """

    def __init__(self, players: TextPlayers, language: SentenceTables, n: int, seed: int) -> None:
        sides = {side: _texts(language, side) for side in ("heldout", "train")}
        units = language.units
        super().__init__(sides["heldout"], sides["train"], len(units), units.plural, units.encode, n=n, seed=seed)
        self._players, self._table = players, language.heldout
        characters = sum(len(text) + 1 for text in language.texts["heldout"])  # a line's end is a character
        counted = players.counted(torch.from_numpy(self._table)).sum()
        self._bits = float(counted) / characters / np.log(2)

    def score(self, sample: Callable[[int, int], Any], seed: int = 0) -> dict[str, float]:
        nll = heldout_nll(self._players.average, self._players, self._table, self._players.execution.device)
        own = {"NLL_gen": nll, "perplexity": perplexity(nll), "bits per character": nll * self._bits}
        return super().score(sample, seed) | own


def _texts(language: SentenceTables, side: str) -> Texts:
    rows = [row[row != END] for row in language.tables[side].astype(np.int32)]
    return Texts(rows, language.texts[side])


class OracleJudge:
    """Exact scores on a made-up language, in nats per unit: "NLL_oracle" of n generated sequences under the oracle,
    "NLL_gen" of the held-out sequences under the generator. Each with a 95 % interval over sequences."""

    noun = "sequences"

    def __init__(self, players: TextPlayers, language: SentenceTables, n: int) -> None:
        assert language.oracle is not None
        self.missing: list[str] = []
        self.extractors: list[Any] = []
        self.n, self.m = n, len(language.heldout)
        self._players, self._language, self._oracle = players, language, language.oracle

    def floor(self) -> dict[str, float]:
        """What real sequences score under the oracle."""
        return _interval("NLL_oracle", self._oracle.nll(torch.from_numpy(self._language.heldout)))

    def score(self, sample: Callable[[int, int], list[str]], seed: int = 0) -> dict[str, float]:
        made = torch.tensor([self._language.units.encode(row) for row in sample(self.n, seed)])
        with torch.no_grad():
            parts = torch.from_numpy(self._language.heldout).split(256)
            network, device = self._players.average, self._players.execution.device
            own = torch.cat([nats(network.logits(p.to(device)), p.to(device)).mean(1).cpu() for p in parts])  # type: ignore[operator]
        return _interval("NLL_oracle", self._oracle.nll(made)) | _interval("NLL_gen", own)


def _interval(name: str, values: Tensor) -> dict[str, float]:
    mean, error = measurable(float(values.mean()), name), 1.96 * float(values.std()) / len(values) ** 0.5
    return {name: mean, f"{name}.low": mean - error, f"{name}.high": mean + error}
