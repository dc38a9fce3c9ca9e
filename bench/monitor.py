"""What watching costs: a run's steps with all signals, rows and diagnoses / the same steps with none, side by side.

    python bench/monitor.py --out bench/results.json [--only emoji-64]

The default recipe on real data, with one thread: fashion-28 (batch 64, width 32) and emoji-64. Watching is what a run
does by default: details of the moves each 16 steps, a probe each 64, and a diagnosis of the whole record at each probe,
here of a record that is already 400 rows long. Aim: at most 1.02.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from common import interleaved, ratio, write

import poise.games.adversarial as adversarial
from poise.monitor import Record, diagnose
from poise.specs.spec import completed, instantiated, kind_of
from poise.training.loop import train

CASES = {
    "fashion-28": ({"data": "fashion-mnist", "scores": 0}, 128, 9),
    "emoji-64": ({"data": "noto-emoji", "size": 64, "scores": 0}, 64, 4),
}


def variant(arguments: dict[str, Any], steps: int, watching: bool) -> Callable[[int], None]:
    built = kind_of("images").build(**instantiated("images", completed("images", {**arguments, "threads": 1})))
    (stage,) = built.stages
    cadence, monitor = built.cadence, built.monitor()
    rows: list[dict[str, float]] = []

    def watch(step: int, row: dict[str, Any]) -> None:
        if not watching:
            return
        entry: dict[str, float] = {}
        if step % cadence.log == 0:
            entry = {name: float(value) for name, value in row.items()}
        if step % cadence.probe == 0:
            entry |= monitor(step // cadence.probe)
        if entry:
            rows.append({"step": step, **entry})
        if step % cadence.probe == 0:
            while len(rows) < 400:
                rows.insert(0, {**rows[-1], "step": 0})
            diagnose(Record(rows))

    notice = adversarial._notice

    def run(i: int) -> None:
        if not watching:
            adversarial._notice = lambda noticed, gradient: None
        every = cadence.log if watching else 10**9
        first = i * steps + (0 if watching else 1)  # step 0 would be detailed
        train(stage.game, stage.stream, range(first, first + steps), 0, stage.dials, watch, built.execution, every)
        adversarial._notice = notice

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="bench/results.json")
    parser.add_argument("--only", nargs="*", default=list(CASES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.only:
        arguments, steps, rounds = CASES[name]
        times = interleaved({w: variant(arguments, steps, w == "watched") for w in ("watched", "alone")}, rounds, 1)
        milliseconds = {w: round(1000 * sorted(t)[len(t) // 2] / steps, 2) for w, t in times.items()}
        result = {"milliseconds a step": milliseconds, "watched / alone": ratio(times, "watched", "alone")}
        write(options.out, f"monitor-{name}", result)


if __name__ == "__main__":
    main()
