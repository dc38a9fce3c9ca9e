"""Four walks through the running program, counted: λ to the gradient, pictures to D, a run to its evaluation, a study
to its verdict.

    python bench/walks.py                      # of this checkout
    python bench/walks.py OLD NEW              # of two, such as two worktrees, with the same commands
    python bench/walks.py --list "λ to the gradient"       # every stay of one walk, with the functions entered there

A stay is a row of calls in one file of src/poise, one after the other, until a function of another file is entered:
what a reader opens, in order. Counted for each walk: stays, and different files. λ's walk has only the calls that λ is
handed to: it is among their arguments, or in a table, list or object there, three deep; it ends where the first
backward pass begins. The pictures' walk ends with the discriminator's first forward pass. "Of other modalities" are
files with text, speech, vocoder or language in their names. Importing is not entered, nor are processes that a command
starts.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
STRENGTH = 1.2345e-4
OTHERS = ("text/", "speech", "vocoder", "language", "mandarin", "pinyin", "transcripts", "spoken")
TRAIN = ["train", "images", "pictures.npy", "--steps", "3", "--batch", "16", "--noise", "8", "--generator.width", "8"]
TRAIN += ["--discriminator.width", "8", "--score-samples", "64", "--precision", "fp32", "--threads", "1"]
STUDY = """
name: small
question: Does it help?
recipe: images
seeds: 0..5
arguments: {data: pictures.npy, steps: 2, batch: 16, noise: 8, generator: {width: 8}, discriminator: {width: 8},
            scores: 1, score_samples: 64, precision: fp32}
arms: {none: {}, both: {l2_generator: 1.0e-3, l2_discriminator: 1.0e-3}}
endpoints:
  D alive: {alive: discriminator, better: higher}
claims:
  - {says: it helps, because: it does, tests: [{endpoint: D alive, arm: both, expect: higher}]}
"""


class Walk:
    """Every call into the package, as the file that it is in, until `ends` says so of a frame."""

    def __init__(self, package: str, holds: Callable[[FrameType], bool], ends: Callable[[FrameType], bool]) -> None:
        self.package, self.holds, self.ends = package, holds, ends
        self.calls: list[tuple[str, str]] = []  # (file, function)
        self.over = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "call" or self.over or not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            return  # the bodies of modules and classes are no functions
        name = frame.f_code.co_filename
        if frame.f_code.co_name in ("<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>"):
            return  # a line of the function around it
        if self.ends(frame):
            self.over = True
        elif name.startswith(self.package) and self.holds(frame):
            self.calls.append((name.removeprefix(self.package), frame.f_code.co_qualname))

    def stays(self) -> list[tuple[str, list[str]]]:
        """(file, functions entered there, in order) of each stay."""
        rows = itertools.groupby(self.calls, key=lambda call: call[0])
        return [(file, [function for _, function in calls]) for file, calls in rows]


def has_strength(value: Any, deep: int) -> bool:
    """Whether λ, or the text of it, is in a value: itself, or in what it holds."""
    if isinstance(value, float | str):
        return value == STRENGTH or value in ("1.2345e-4", "0.00012345")
    if deep == 0:
        return False
    with contextlib.suppress(Exception):
        if isinstance(value, dict):
            return any(has_strength(part, deep - 1) for part in list(value.values()))
        if isinstance(value, list | tuple):
            return any(has_strength(part, deep - 1) for part in value)
        if type(value).__module__.startswith("poise"):
            return any(has_strength(part, deep - 1) for part in list(vars(value).values()))
    return False


def given_strength(frame: FrameType) -> bool:
    """Whether a function was called with λ. Its arguments are its first local names."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return any(has_strength(frame.f_locals.get(name), 3) for name in code.co_varnames[:count])


def always(frame: FrameType) -> bool:
    return True


def never(frame: FrameType) -> bool:
    return False


def backward(frame: FrameType) -> bool:
    return frame.f_code.co_name == "backward" and "torch" in frame.f_code.co_filename


def judged(frame: FrameType) -> bool:
    return frame.f_code.co_name == "forward" and "Discriminator" in type(frame.f_locals.get("self")).__name__


WALKS: dict[str, tuple[list[str], Callable[[FrameType], bool], Callable[[FrameType], bool]]] = {
    "λ to the gradient": ([*TRAIN, "--l2-generator", "1.2345e-4", "--out", "a"], given_strength, backward),
    "pictures to D": ([*TRAIN, "--out", "b"], always, judged),
    "a run to its evaluation": (["evaluate", "c", "--metrics", "KID", "--features", "EffLite0"], always, never),
    "a study to its verdict": (["study", "small.yaml", "--report"], always, never),
}


def walked(name: str) -> list[tuple[str, list[str]]]:
    """The stays of one walk, in the current folder, of the package that Python finds."""
    import poise
    from poise.cli import main

    assert poise.__file__
    command, holds, ends = WALKS[name]
    walk = Walk(str(Path(poise.__file__).parent) + "/", holds, ends)
    printed = io.StringIO()
    sys.setprofile(walk)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = main(command)
    finally:
        sys.setprofile(None)
    if code != 0:
        raise SystemExit(f"{name}: poise {' '.join(command)} ended with {code}: {printed.getvalue()[-500:]}")
    return walk.stays()


def counts(stays: list[tuple[str, list[str]]]) -> dict[str, int]:
    files = {file for file, _ in stays}
    others = {file for file in files if any(word in file.lower() for word in OTHERS)}
    return {"stays": len(stays), "files": len(files), "of other modalities": len(others)}


def listed(stays: list[tuple[str, list[str]]]) -> str:
    """A line for each stay: its number, its file, its functions; a row of the same function is told once."""
    lines = []
    for number, (file, functions) in enumerate(stays, 1):
        rows = [(function, len(list(again))) for function, again in itertools.groupby(functions)]
        told = [function if count == 1 else f"{function} x{count}" for function, count in rows]
        lines.append(f"{number:4} {file:<36} {', '.join(told)}")
    return "\n".join(lines)


def prepared(folder: Path, run: Callable[[list[str]], None], walks: Iterable[str]) -> None:
    """What these walks need: pictures, a finished run, a study whose runs are over."""
    pictures = np.random.default_rng(0).integers(0, 256, (600, 16, 16), dtype=np.uint8)
    np.save(folder / "pictures.npy", pictures)
    (folder / "small.yaml").write_text(STUDY, encoding="utf-8")
    run([*TRAIN, "--out", "c"])  # it decodes the pictures too, once for all walks
    if any(WALKS[walk][0][0] == "study" for walk in walks):
        run(["study", "small.yaml", "--workers", "1", "--quiet"])


def of(checkout: Path, walks: Iterable[str]) -> Iterator[list[tuple[str, list[str]]]]:
    """The stays of these walks in a checkout."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
        environment |= {"POISE_CACHE": str(folder / "cache"), "POISE_RUNS": str(folder / "runs")}

        def python(*words: str) -> str:
            done = subprocess.run(
                [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise SystemExit(f"{checkout}: {' '.join(words)[:200]}\n{(done.stdout + done.stderr)[-1500:]}")
            return done.stdout

        prepared(folder, lambda words: python("-m", "poise", *words) and None, walks)
        for walk in walks:
            yield json.loads(python(str(Path(__file__).resolve()), "--walk", walk))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[ROOT])
    parser.add_argument("--walk", help=argparse.SUPPRESS)
    parser.add_argument("--list", choices=list(WALKS), metavar="WALK", help=f"every stay of one: {', '.join(WALKS)}")
    asked = parser.parse_args()
    if asked.walk:
        print(json.dumps(walked(asked.walk)))
        return
    if asked.list:
        for checkout in asked.checkouts:
            print(listed(next(of(checkout.resolve(), [asked.list]))))
        return
    found = [[counts(stays) for stays in of(checkout.resolve(), WALKS)] for checkout in asked.checkouts]
    for number, walk in enumerate(WALKS):
        for count in found[0][number]:
            print(f"{walk}, {count}: {' -> '.join(f'{one[number][count]:,}' for one in found)}")


if __name__ == "__main__":
    main()
