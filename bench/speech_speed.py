"""Training speed of speech: our loop beside loops written out by hand, taking turns in one process.

    python bench/speech_speed.py --out bench/results.json [--only spectral ...]

spectral      the first stage of `poise train vocoder`: the generator alone, log-mel L1 and multi-resolution STFT
adversarial   its last stage: hinge, feature matching, six discriminators
acoustic      the first stage of `poise train speech`: log-mels of single syllables

At the default sizes, on made-up recordings. Ours is what a run does at a step: the stream, `train` with L2, clipping
and the moving average, and a row of the record each 16 steps. By hand: the same networks on segments that are ready in
memory, their log-mels, fused Adam, the penalty's gradient by torch._foreach_add_, clipping, a moving average by
torch._foreach_lerp_, and the losses each 16 steps. Both are first seen to compute the same. Speeds are seconds of audio
that all moves of a step read, over the seconds of the step, and the ratio is ours / by hand (aim: at least 0.97), by
the wall clock and by the time of the processor, which other work on the machine disturbs less; one thread. "loading" is
the share of our processor time that is spent in cutting segments out of the recordings and bringing them to float32
(aim: below 0.05); the log-mels of a batch, which either loop computes, are not part of it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import interleaved, ratio, write
from speech_cases import HOW, Case, acoustic, adversarial, spectral

from poise.core import Batch
from poise.record import RunFolder
from poise.training.loop import mixed, reseed, train
from poise.training.precision import keep_freed_memory

LOG = 16
CHUNK = 16  # steps in a turn: one of them is recorded


class Timed:
    """A stream that counts the processor time it takes."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.spent = stream, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __call__(self, draw: int) -> Batch:
        began = time.process_time()
        found: Batch = self.stream(draw)
        self.spent += time.process_time() - began
        return found


def differs(case: Case, steps: int = 3) -> float:
    """The largest difference of a weight after a few steps with the same noise."""
    train(case.game, case.stream, steps, seed=7, execution=HOW, detail_every=LOG)
    for step in range(steps):
        reseed(mixed(7, step), HOW.device)
        case.hand(step)
    return max(
        float((a - b).detach().abs().max())
        for ours, hand in case.nets
        for a, b in zip(ours.parameters(), hand.parameters(), strict=True)
    )


def measured(case: Case, rounds: int, folder: Path, chunk: int = CHUNK) -> dict[str, Any]:
    difference = differs(case)
    record, losses = RunFolder(folder), []
    timer = Timed(getattr(*case.loaded))
    setattr(*case.loaded, timer)
    spent: dict[str, list[float]] = {"ours": [], "hand": [], "loading": []}

    def watch(step: int, row: dict[str, Any]) -> None:
        if step % LOG == 0:
            record.add({"step": step, **{name: float(value) for name, value in row.items()}})

    def ours(i: int) -> None:
        began, loaded = time.process_time(), timer.spent
        train(case.game, case.stream, range(i * chunk, (i + 1) * chunk), 0, (), watch, HOW, detail_every=LOG)
        spent["ours"].append(time.process_time() - began)
        spent["loading"].append(timer.spent - loaded)

    def by_hand(i: int) -> None:
        began = time.process_time()
        for step in range(i * chunk, (i + 1) * chunk):
            found = case.hand(step)
            if step % LOG == 0:
                losses.append([float(loss.detach()) for loss in found])
        spent["hand"].append(time.process_time() - began)

    times = interleaved({"ours": ours, "hand": by_hand}, rounds)
    record.close()
    spent = {name: found[-rounds:] for name, found in spent.items()}
    speeds = {
        clock: {name: round(chunk * case.seconds / statistics.median(of[name]), 1) for name in times}
        for clock, of in (("wall clock", times), ("processor time", spent))
    }
    return {
        "audio_seconds_a_second": speeds["wall clock"],
        "audio_seconds_a_second_of_processor_time": speeds["processor time"],
        "ours/hand": ratio(times, "hand", "ours"),  # of speeds
        "ours/hand by processor time": ratio(spent, "hand", "ours"),
        "loading": ratio(spent, "loading", "ours")["median"],
        "largest difference of a weight after three steps": difference,
    }


CASES: dict[str, Callable[[], Case]] = {"spectral": spectral, "adversarial": adversarial, "acoustic": acoustic}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="bench/results.json")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--chunk", type=int, default=CHUNK, help="steps in a turn (default 16)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    result = {}
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            result[name] = measured(CASES[name](), options.rounds, Path(folder), options.chunk)
        print(name, result[name], flush=True)
    if set(options.only) == set(CASES):
        write(options.out, "speech", result)
    if slow := [name for name, found in result.items() if found["loading"] >= 0.05]:
        raise SystemExit(f"{', '.join(slow)}: loading takes 5 % of the time or more")


if __name__ == "__main__":
    main()
