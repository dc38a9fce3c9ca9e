"""Training speed of sentences: our loop beside loops written out by hand, taking turns in one process.

    python bench/text_speed.py --out bench/results.json [--only language ...]

language      a tied LSTM language model, V 3,000, embedding 128, 32 readers of windows of 32
likelihood    the first stage of `poise train text`: V 3,000, 64 sentences of at most 33 units
adversarial   its last stage: straight-through Gumbel-softmax, convolutional D, likelihood as an anchor

Ours is what a run does at a step: the stream, `train` with L2, clipping and the moving average, and a row of the record
each 16 steps. By hand: the same networks and batches, fused Adam with weight_decay on the same weights, clipping, a
moving average by torch._foreach_lerp_, and the loss each 16 steps. Both are first seen to compute the same. The ratio
is of tokens a second, ours / by hand (aim: at least 0.97); one thread. It is told by the wall clock and by the time of
the processor, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import interleaved, ratio, write
from torch import Tensor, nn
from torch.nn import functional as F

import poise.losses  # noqa: F401  (enters its members into the registry)
from poise.core import Batch
from poise.data.text.sentences import SentenceStream, WindowStream
from poise.data.text.toy import Numbers
from poise.models.text import counted
from poise.penalties import L2
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.recipes.language import build as language_parts
from poise.recipes.language.signature import LanguageRunOptions, ModelOptions
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.text.players import TextPlayers
from poise.recipes.text.signature import TextDiscriminatorOptions, TextGeneratorOptions
from poise.record import RunFolder
from poise.training.loop import fold_seed, reseed, train
from poise.training.precision import Execution, keep_freed_memory

V, LOG = 3000, 16
CHUNK = 16  # steps in a turn: one of them is recorded
HOW = Execution()
FACTS = SentenceFacts(
    data="", units=Numbers(V).to_dict(), ends=True, length=33, fingerprint="", counts={}, device="", precision="",
    threads=1,
)  # fmt: skip
Step = Callable[[int], Any]  # one step by hand; its number -> what is recorded


@dataclass
class Case:
    """Two ways to do the same: the game of ours, and a step by hand on networks of its own."""

    game: Any
    stream: Callable[[int], Batch]
    hand: Step
    nets: list[tuple[nn.Module, nn.Module]]  # ours and by hand
    tokens: float  # in a step


def units(n: int, seed: int = 0) -> np.ndarray:
    """n units out of V, as frequent as Zipf has it; 0 and 1, which mean something, are none of them."""
    weights = 1 / np.arange(1, V - 1)
    return np.random.default_rng(seed).choice(np.arange(2, V), n, p=weights / weights.sum())


def sentences(n: int, length: int) -> np.ndarray:
    """A table of n sentences of 4 to length − 1 units, filled with ends."""
    table = units(n * length).reshape(n, length)
    sizes = np.random.default_rng(1).integers(4, length, n)
    return np.where(np.arange(length) < sizes[:, None], table, 0)


class Hand:
    """One player of a loop by hand: its optimiser with the penalty as weight decay, clipping, the moving average."""

    def __init__(self, net: nn.Module, penalty: L2, lr: float, betas: tuple[float, float], clip: float) -> None:
        heavy = {id(weight.raw) for weight in penalty.weights(net)}
        groups = [[p for p in net.parameters() if (id(p) in heavy) == flag] for flag in (True, False)]
        self.optim = torch.optim.Adam(
            [{"params": groups[0], "weight_decay": float(penalty.strength)}, {"params": groups[1]}],
            lr, betas=betas, fused=True,
        )  # fmt: skip
        self.weights, self.clip, self.moves = list(net.parameters()), clip, 0
        self.average = [p.detach().clone() for p in self.weights]

    def step(self, loss: Tensor, ema: float | None = None) -> None:
        self.optim.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, self.clip)
        self.optim.step()
        if ema is not None:
            beta = min(ema, (1 + self.moves) / (10 + self.moves))
            self.moves += 1
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.weights, 1 - beta)


def language() -> Case:
    options, batch, window = ModelOptions(lr=2e-3), 32, 32
    penalties = language_parts.penalties(None, options, 1e-5, 0.0, 0.0, 0.0, 0.0, 1000)
    game, _ = language_parts.game(None, options, FACTS, penalties, LanguageRunOptions(ema=0.99), HOW)
    net = copy.deepcopy(game.model)
    player = Hand(net, L2(1e-5, covers=nn.RNNBase), 2e-3, options.betas, options.clip or 0.0)
    stream = WindowStream(units(200_000), batch, window, 0)
    ready = [stream(i).real for i in range(64)]
    state: list[Any] = [None]

    def hand(i: int) -> Tensor:
        ids = ready[i % len(ready)]
        if state[0] is None:
            state[0] = net.begin(batch)
        read = net(ids[:, :-1], state[0])
        state[0] = tuple(part.detach() for part in read.state)
        loss = F.cross_entropy(read.logits.flatten(0, 1), ids[:, 1:].flatten())
        player.step(loss, 0.99)
        return loss

    return Case(game, stream, hand, [(game.model, net)], batch * window)


def players() -> TextPlayers:
    setup = Setup(
        generator=PlayerSetup("generator", "lstm", TextGeneratorOptions(lr=3e-4, warm_lr=2e-3), 1e-5),
        discriminator=PlayerSetup("discriminator", "auto", TextDiscriminatorOptions(), 1e-4),
        loss="relativistic", weights={"likelihood": 1.0}, ema=0.99,
        steps={"likelihood": 1000, "critic": 1, "adversarial": 1000}, execution=HOW, seed=0,
    )  # fmt: skip
    return TextPlayers(FACTS, setup, "gumbel", 17.0)


def nll(generator: Any, ids: Tensor) -> Tensor:
    """Nats of the real sentences over the mean number of units, averaged over the batch."""
    found = F.cross_entropy(generator.logits(ids).flatten(0, 1), ids.flatten(), reduction="none").view(ids.shape)
    return (found * counted(ids)).sum(1).mean() / 17.0


def tokens(ready: list[Tensor], a_step: int = 1) -> float:
    """Units in a step, ends counted and what fills the places after them not."""
    return a_step * statistics.fmean(float(counted(ids).sum()) for ids in ready)


def likelihood() -> Case:
    made = players()
    g = copy.deepcopy(made.generator)
    player = Hand(g, L2(1e-5), 2e-3, (0.5, 0.99), 5.0)
    stream = SentenceStream(sentences(20_000, 33), 64, 0)
    ready = [stream(i).real for i in range(64)]

    def hand(i: int) -> Tensor:
        loss = nll(g, ready[i % len(ready)])
        player.step(loss, 0.99)
        return loss

    return Case(made.sentences, stream, hand, [(made.generator, g)], tokens(ready))


def adversarial() -> Case:
    made = players()
    g: Any = copy.deepcopy(made.generator)
    d: Any = copy.deepcopy(made.game.discriminator)
    of_g, of_d = Hand(g, L2(1e-5), 3e-4, (0.5, 0.99), 5.0), Hand(d, L2(1e-4), 1e-3, (0.5, 0.99), 5.0)
    stream = SentenceStream(sentences(20_000, 33), 64, 0)
    ready = [stream(i).real for i in range(64)]

    def hand(i: int) -> tuple[Tensor, Tensor]:
        real = ready[2 * i % len(ready)]
        with torch.no_grad():
            fake = g.ids(g.uniform(len(real)))
        on_real, on_fake = d(torch.cat([real, fake]), None).logits[0].split(len(real))
        loss = F.softplus(on_fake - on_real).mean()
        of_d.step(loss)
        real = ready[(2 * i + 1) % len(ready)]
        d.requires_grad_(False)
        on_fake, on_real = d(g(g.noise(len(real)), None), None).logits[0], d(real, None).logits[0]
        other = F.softplus(on_real - on_fake).mean() + nll(g, real)
        of_g.step(other, 0.99)
        d.requires_grad_(True)
        return loss, other

    return Case(made.game, stream, hand, [(made.generator, g), (made.game.discriminator, d)], tokens(ready, 2))


def differs(case: Case, steps: int = 3) -> float:
    """The largest difference of a weight after a few steps with the same noise."""
    train(case.game, case.stream, steps, seed=7, execution=HOW, detail_every=LOG)
    for step in range(steps):
        reseed(fold_seed(7, step), HOW.device)
        case.hand(step)
    return max(
        float((a - b).detach().abs().max())
        for ours, hand in case.nets
        for a, b in zip(ours.parameters(), hand.parameters(), strict=True)
    )


def measured(case: Case, rounds: int, folder: Path) -> dict[str, Any]:
    difference = differs(case)
    record, losses = RunFolder(folder), []

    def watch(step: int, row: dict[str, Any]) -> None:
        if step % LOG == 0:
            record.add({"step": step, **{name: float(value) for name, value in row.items()}})

    def ours(i: int) -> None:
        steps = range(i * CHUNK, (i + 1) * CHUNK)
        train(case.game, case.stream, steps, 0, (), watch, HOW, detail_every=LOG)

    def by_hand(i: int) -> None:
        for step in range(i * CHUNK, (i + 1) * CHUNK):
            found = case.hand(step)
            if step % LOG == 0:
                losses.append([float(loss.detach()) for loss in (found if isinstance(found, tuple) else (found,))])

    spent: dict[str, list[float]] = {"ours": [], "hand": []}

    def timed(name: str, run: Callable[[int], None]) -> Callable[[int], None]:
        def both(i: int) -> None:
            began = time.process_time()
            run(i)
            spent[name].append(time.process_time() - began)

        return both

    times = interleaved({"ours": timed("ours", ours), "hand": timed("hand", by_hand)}, rounds)
    record.close()
    spent = {name: found[-rounds:] for name, found in spent.items()}
    return {
        "tokens_a_second": {k: round(CHUNK * case.tokens / statistics.median(t)) for k, t in times.items()},
        "ours/hand": ratio(times, "hand", "ours"),  # of speeds
        "ours/hand by processor time": ratio(spent, "hand", "ours"),
        "largest difference of a weight after three steps": difference,
    }


CASES: dict[str, Callable[[], Case]] = {"language": language, "likelihood": likelihood, "adversarial": adversarial}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="bench/results.json")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=24)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    result = {}
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            result[name] = measured(CASES[name](), options.rounds, Path(folder))
        print(name, result[name], flush=True)
    if set(options.only) == set(CASES):
        write(options.out, "text", result)


if __name__ == "__main__":
    main()
