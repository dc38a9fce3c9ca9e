"""poise demo: everything once, on data that it brings: train, sample, score, and say where to look."""

from __future__ import annotations

import argparse
from typing import Any

from poise.cli.parser import QUIET, above_0, command, whole
from poise.disk import expanded
from poise.errors import PoiseError

COMMANDS = ("demo",)
FIRST, OTHERWISE = "fashion-mnist", "digits"  # the second one is inside a package that pip brings
MINUTES = 8.0  # of training, where nobody says; reading and scores come on top


def add(commands: Any) -> None:
    """Enter the command."""
    made = command(commands, "demo", demo, "train on Fashion-MNIST, sample, score: about ten minutes")
    made.add_argument("--out", default="demo", help="folder for the run and the samples (default demo)")
    made.add_argument("--minutes", type=above_0, help=f"how long it trains (default {MINUTES:g})")
    made.add_argument("--steps", type=whole(1), help="so many steps instead: few, to have a look")
    made.add_argument("--data", help=f"another data set than {FIRST}: a catalogued name, or a folder of pictures")
    made.add_argument("--quiet", **QUIET)


def demo(options: argparse.Namespace) -> int:
    from poise.cli.train import train
    from poise.record import find_run
    from poise.runs.load import Run
    from poise.runs.write import sample_to
    from poise.terminal import pasted

    if options.steps is not None and options.minutes is not None:
        raise PoiseError("--minutes and --steps both say how long the run is: give one of them")
    place = expanded(options.out)
    data = brought(options.data)
    more = ["--minutes", str(options.minutes or MINUTES)]
    if options.steps is not None:
        more = ["--steps", str(options.steps)]
    more += ["--quiet"] if options.quiet else []
    code = train(["images", data, "--out", str(place / "run"), *more])
    if code:
        return code
    for line in sample_to(Run(find_run(str(place / "run"))), 100, 0, str(place / "samples.png"), {}):
        if not options.quiet:
            print(line)
    if not options.quiet:
        print(f"Look at {place / 'samples.png'}; every grid of the run is in {place / 'run' / 'samples'}.")
        print(f"What went well or wrong: poise diagnose {pasted(str(place / 'run'))}")
        print("Next, on pictures of your own: poise train images FOLDER")
    return 0


def brought(asked: str | None) -> str:
    """What to train on: what was asked for, fetched where the catalogue has it; else the first set that can be had."""
    from poise.data.catalogue.catalogue import catalogue
    from poise.data.catalogue.fetch import get

    if asked is not None:
        if any(entry.name == asked for entry in catalogue()):
            get(asked)
        return asked
    try:
        get(FIRST)
        return FIRST
    except PoiseError as error:
        try:
            get(OTHERWISE)
        except PoiseError as second:
            raise PoiseError(f"neither {FIRST} nor {OTHERWISE} can be had: {second}; {error}") from None
        print(f"{FIRST} cannot be had here ({str(error).partition(': place ')[0]}).")
        print(
            f"The demo runs on {OTHERWISE} instead, 1,797 pictures of 8x8: what comes out is smaller and less telling."
        )
        return OTHERWISE
