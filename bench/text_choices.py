"""What two choices of the text GAN are worth, at its default size (V 3,000, 64 sentences of 33 units), one thread.

    python bench/text_choices.py --out bench/results.json

inversion       sentences for D's turn from one uniform number a unit / from Gumbel noise for every unit of the
                vocabulary, the same law: time of the noise, of the sentences, and of both
freed memory    steps of the last stage with the C library keeping what is freed / handing it back: each in processes
                of its own that take turns; seconds, of them in the kernel, and pages that it had to clear
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import torch
from common import interleaved, ratio, write
from text_speed import HOW, adversarial, players
from torch import Tensor

from poise.models.text import END
from poise.training.loop import train
from poise.training.precision import keep_freed_memory

BATCH, STEPS = 64, 12


@torch.no_grad()
def by_gumbel(generator: Any, noise: Tensor) -> Tensor:
    """The same as `TextGenerator.ids`, by the largest of logit + Gumbel noise."""
    state, x = generator.net.begin(len(noise)), torch.zeros(len(noise), dtype=torch.long)
    over, found = torch.zeros(len(noise), dtype=torch.bool), []
    for place in noise.unbind(1):
        logits, state = generator.net.step(x, state)
        x = (logits + generator.mask + place).argmax(1).masked_fill(over, END)
        over = over | (x == END)
        found.append(x)
    return torch.stack(found, 1)


def inversion(rounds: int) -> dict[str, Any]:
    g = players().generator
    uniform, noise = g.uniform(BATCH), g.noise(BATCH)
    times = interleaved(
        {
            "uniform noise": lambda i: g.uniform(BATCH), "Gumbel noise": lambda i: g.noise(BATCH),
            "sentences by inversion": lambda i: g.ids(uniform),
            "sentences by Gumbel noise": lambda i: by_gumbel(g, noise),
            "both by inversion": lambda i: g.ids(g.uniform(BATCH)),
            "both by Gumbel noise": lambda i: by_gumbel(g, g.noise(BATCH)),
        },
        rounds,
    )  # fmt: skip
    return {
        "ms": {name: round(1000 * statistics.median(t), 2) for name, t in times.items()},
        "both, inversion/Gumbel": ratio(times, "both by inversion", "both by Gumbel noise"),
    }


def child(keep: bool) -> dict[str, float]:
    """Some steps in this process."""
    torch.set_num_threads(1)
    if keep:
        assert keep_freed_memory(), "there is no glibc here"
    case = adversarial()
    run = lambda first: train(case.game, case.stream, range(first, first + STEPS), execution=HOW, detail_every=16)  # noqa: E731
    run(0)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run(STEPS)
    after, seconds = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - began
    user = (after.ru_utime - before.ru_utime) / STEPS
    return {
        "ms": 1000 * seconds / STEPS,
        "processor ms": 1000 * (user + (after.ru_stime - before.ru_stime) / STEPS),
        "kernel ms": 1000 * (after.ru_stime - before.ru_stime) / STEPS,
        "pages": (after.ru_minflt - before.ru_minflt) / STEPS,
        "peak MB": after.ru_maxrss / 1024,
    }


def freed_memory(rounds: int) -> dict[str, Any]:
    found: dict[str, list[dict[str, float]]] = {"kept": [], "handed back": []}
    for i in range(rounds):
        for name in sorted(found, reverse=bool(i % 2)):
            done = subprocess.run(
                [sys.executable, __file__, "--child", name], capture_output=True, text=True, check=True
            )
            found[name].append(json.loads(done.stdout))
    medians = {
        name: {key: round(statistics.median(run[key] for run in runs), 1) for key in runs[0]}
        for name, runs in found.items()
    }
    paired = [b["processor ms"] / a["processor ms"] for a, b in zip(found["kept"], found["handed back"], strict=True)]
    return {
        "a step": medians,
        "processor time, handed back/kept": round(statistics.median(paired), 3),
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="bench/results.json")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--child", choices=["kept", "handed back"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.child:
        print(json.dumps(child(options.child == "kept")))
        return
    write(
        options.out,
        "text choices",
        {"freed memory": freed_memory(options.rounds), "inversion": inversion(4 * options.rounds)},
    )


if __name__ == "__main__":
    main()
