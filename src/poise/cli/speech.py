"""Commands for runs of speech: say a text, send a recording through a vocoder."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from poise.cli.parser import RUN, SEED, STEP, command
from poise.errors import PoiseError

OUT: dict[str, Any] = {"metavar": "FILE", "default": "out.wav", "help": "a .wav file (default out.wav)"}


def add(commands: Any) -> None:
    """Enter the commands."""
    made = command(commands, "say", say, "say a text in the voice of a run")
    made.add_argument("run", help=RUN)
    made.add_argument("text", metavar="TEXT", help="what is said; - reads it from standard input")
    made.add_argument("--voice", metavar="NAME", help="one of the voices of the run (default: the recipe chooses)")
    made.add_argument("-o", "--out", **OUT)
    made.add_argument("--seed", **SEED, help="of the noise; the same seed gives the same sound")
    made.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast, 0.5 half as fast (default 1)")
    made.add_argument("--step", **STEP)
    made = command(commands, "vocode", vocode, "send a recording through the vocoder of a run")
    made.add_argument("run", help=RUN)
    made.add_argument("recording", metavar="FILE", help="a .wav, .flac, .ogg or .mp3 file, at any rate")
    made.add_argument("-o", "--out", **OUT)
    made.add_argument("--step", **STEP)


def say(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.runs.load import Run
    from poise.runs.write import say_to

    text = standard_input() if options.text == "-" else options.text
    run = Run(find_run(options.run), options.step)
    for line in say_to(run, text, options.out, options.voice, options.seed, options.speed):
        print(line)
    return 0


def vocode(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.runs.load import Run
    from poise.runs.write import vocode_to

    for line in vocode_to(Run(find_run(options.run), options.step), options.recording, options.out):
        print(line)
    return 0


def standard_input() -> str:
    """All of it, as text."""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise PoiseError(f"standard input is not text in {error.encoding}: write TEXT on the command line") from None
