"""What the penalty and the loop cost, side by side in one process.

    python bench/step_time.py --out bench/results.json [--only penalty-1M ...]

penalty-1M, penalty-50M   a step with L2 on both players by the fast path / without any (aim: at most 1.01),
                          and with the penalty as a loss term / without any
loop                      our loop / the same operations written out by hand (aim: at most 1.03)
sngan-32                  our loop on an SNGAN-32 (4.3 M + 1.1 M parameters, residual blocks, spectral norm, hinge)
                          / a hand-written loop with fused Adam, channels_last, bf16 and one joint pass of D
                          (aim: within 5 %); beside it a train step in the old style: fp32, two passes, plain Adam
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import torch
from common import interleaved, ratio, write
from sngan import SnganDiscriminator, SnganGenerator
from torch import Tensor, nn

import poise.losses
import poise.models  # noqa: F401
from poise.core import Batch, Player, Term
from poise.games.adversarial import Adversarial, adversarial_terms
from poise.penalties import L2
from poise.registry import find
from poise.training.ema import Ema, noise_feed
from poise.training.loop import train
from poise.training.precision import Execution, pick_precision

CPU = torch.device("cpu")
BF16 = torch.bfloat16
HOW = pick_precision("auto", CPU)


def networks(size: int, width: int) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    pair = find("network", "dcgan")
    made = pair.generator(size=size, channels=3, width=width), pair.discriminator(size=size, channels=3, width=width)
    return made[0].to(memory_format=torch.channels_last), made[1].to(memory_format=torch.channels_last)


def adam(net: nn.Module, **more: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.parameters(), 2e-4, betas=(0.5, 0.99), **({"fused": True} | more))


def real(batch: int, size: int) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.rand(batch, 3, size, size, generator=rng).mul(2).sub(1).to(memory_format=torch.channels_last)


def averaged(g: Any) -> Ema:
    """The average of a generator, whose statistics are taken from fixed noise; nobody reads it here."""
    return Ema(g, feed=noise_feed(g.noise(1).shape[1], CPU))


def ours(
    g: nn.Module, d: nn.Module, x: Tensor, loss: str, penalty: str, steps: int, ema: bool = True
) -> Callable[[int], None]:
    """`steps` steps of our loop with no penalty, the fast path, or the loss term."""
    to_discriminate, to_generate = adversarial_terms(find("loss", loss))
    average = averaged(g) if ema else None

    def player(name: str, net: nn.Module, term: Term, after: tuple = ()) -> Player:
        l2 = L2(1e-4)
        terms = [term, Term("l2", lambda _: l2(net))] if penalty == "term" else [term]
        return Player(name, net, adam(net), terms, [l2] if penalty == "fast" else [], after=after)

    game = Adversarial(g, d, ())
    game.players = (
        player("discriminator", d, to_discriminate),
        player("generator", g, to_generate, (average,) if average else ()),
    )
    execution = Execution(CPU, HOW)

    def run(i: int) -> None:
        train(game, lambda draw: Batch(x), range(i * steps, (i + 1) * steps), execution=execution, detail_every=16)

    return run


def by_hand(
    g: Any, d: Any, x: Tensor, losses: tuple[Callable, Callable], steps: int, old: bool = False, ema: bool = True
) -> Callable[[int], None]:
    """The same operations written out in one file. `old`: fp32, two passes, plain Adam."""
    optim_g, optim_d = (adam(net, fused=not old) for net in (g, d))
    average = averaged(g) if ema else None
    autocast = torch.autocast("cpu", dtype=BF16, enabled=HOW == "bf16" and not old)
    n = len(x)

    def run(i: int) -> None:
        for _ in range(steps):
            optim_d.zero_grad()
            with autocast:
                with torch.no_grad():
                    fake = g(g.noise(n), None)
                if old:
                    on_real, on_fake = d(x, None).logits[0], d(fake, None).logits[0]
                else:
                    on_real, on_fake = d(torch.cat([x, fake.to(x.dtype)]), None).logits[0].float().split(n)
                loss = losses[0](on_real, on_fake).mean()
            loss.backward()
            optim_d.step()
            optim_g.zero_grad()
            for p in d.parameters():
                p.requires_grad_(False)
            with autocast:
                loss = losses[1](d(g(g.noise(n), None), None).logits[0].float()).mean()
            loss.backward()
            optim_g.step()
            for p in d.parameters():
                p.requires_grad_(True)
            if average:
                average()

    return run


def penalty(size: int, width: int, batch: int, steps: int, rounds: int) -> dict[str, Any]:
    """Fast path and loss term against no penalty, on both players."""
    x = real(batch, size)
    runs = {kind: ours(*networks(size, width), x, "nonsaturating", kind, steps) for kind in ("none", "fast", "term")}
    times = interleaved(runs, rounds)
    count = sum(p.numel() for net in networks(size, width) for p in net.parameters())
    return {
        "parameters": count,
        "batch": batch,
        "precision": HOW,
        "step_ms": {k: round(1000 * statistics.median(t) / steps, 2) for k, t in times.items()},
        "fast/none": ratio(times, "fast", "none"),
        "term/none": ratio(times, "term", "none"),
    }


def loop(rounds: int) -> dict[str, Any]:
    x, steps = real(64, 32), 4
    pair = find("loss", "nonsaturating")
    runs = {
        "ours": ours(*networks(32, 32), x, "nonsaturating", "none", steps),
        "hand": by_hand(*networks(32, 32), x, (pair.discriminator, pair.generator), steps),
    }
    times = interleaved(runs, rounds)
    return {
        "step_ms": {k: round(1000 * statistics.median(t) / steps, 2) for k, t in times.items()},
        "ours/hand": ratio(times, "ours", "hand"),
    }


def sngan(rounds: int) -> dict[str, Any]:
    def nets() -> tuple[nn.Module, nn.Module]:
        torch.manual_seed(0)
        made = SnganGenerator(), SnganDiscriminator()
        return made[0].to(memory_format=torch.channels_last), made[1].to(memory_format=torch.channels_last)

    hinge = find("loss", "hinge")
    x = real(64, 32)
    torch.manual_seed(0)
    plain = SnganGenerator(), SnganDiscriminator()
    runs = {
        "ours": ours(*nets(), x, "hinge", "none", 1, ema=False),
        "hand": by_hand(*nets(), x, (hinge.discriminator, hinge.generator), 1, ema=False),
        "old style": by_hand(*plain, x.contiguous(), (hinge.discriminator, hinge.generator), 1, old=True, ema=False),
    }
    times = interleaved(runs, rounds, warm=1)
    return {
        "parameters": [sum(p.numel() for p in net.parameters()) for net in plain],
        "step_ms": {k: round(1000 * statistics.median(t), 1) for k, t in times.items()},
        "ours/hand": ratio(times, "ours", "hand"),
        "old style/ours": ratio(times, "old style", "ours"),
    }


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "penalty-1M": lambda: penalty(size=32, width=32, batch=64, steps=4, rounds=60),
    "penalty-50M": lambda: penalty(size=32, width=192, batch=64, steps=1, rounds=12),
    "loop": lambda: loop(rounds=60),
    "sngan-32": lambda: sngan(rounds=10),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="bench/results.json")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    for name in options.only:
        write(options.out, name, CASES[name]())


if __name__ == "__main__":
    main()
