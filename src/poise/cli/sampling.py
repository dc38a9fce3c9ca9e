"""Commands that draw from a run: sample, interpolate; of speech say, vocode."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.cli.parser import RUN, SEED, STEP, FlagOptions, OutOfBounds, command, whole
from poise.disk import expanded
from poise.errors import PoiseError
from poise.report.in_terminal import WAYS, drawn, picture_in, way_of
from poise.terminal import raw

if TYPE_CHECKING:
    from poise.runs.load import Run

COMMANDS = ("sample", "interpolate", "say", "vocode")
WAVE: FlagOptions = {"metavar": "FILE", "default": "out.wav", "help": "a .wav file (default out.wav)"}
SAMPLES, OF_A_CLASS = 64, 8  # how many where nobody says
SAMPLE: dict[str, FlagOptions] = {
    "--voice": {"metavar": "NAME", "help": "of speech: say every text in this voice of the run"},
    "--label": {"help": "one class only, for a conditional run of pictures"},
    "--truncation": {
        "type": float,
        "metavar": "T",
        "help": "of an image GAN: noise cut off at ±T (2 a little, 0.5 much): the smaller, the truer and less varied",
    },
    "--latents": {"help": "of vae: draw them from the prior, or from the mixture fitted to those of training pictures"},
    "--temperature": {"type": float, "help": "of text: below 1 likelier units, above 1 rarer ones (default 1)"},
    "--top-k": {"type": int, "help": "of text: only the k likeliest units at each place"},
    "--top-p": {"type": float, "help": "of text: only the likeliest units that make up this share (nucleus)"},
    "--start": {"help": "of text: a beginning that every sample has"},
    "--form": {
        "help": "of text: a fixed form such as 7，7。7，7。: numbers are units, everything else stands as it is"
    },
}


def neighbours(text: str) -> int:
    """How many training pictures stand beside a sample; the number may be left out, where the run must not follow."""
    try:
        return whole(1, 16)(text)
    except OutOfBounds:
        raise
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}: write the run before this option, or a number behind it") from None


def add(commands: Any) -> None:
    """Enter the commands."""
    add_sample(commands)
    add_interpolate(commands)
    add_speech(commands)


def add_sample(commands: Any) -> None:
    made = command(commands, "sample", sample, "draw samples from a run")
    made.add_argument("run", help=RUN)
    made.add_argument(
        "-n", type=whole(1, 10**8), help=f"how many (default {SAMPLES}; --by-class: {OF_A_CLASS} of each)"
    )
    made.add_argument("--seed", **SEED, help="of the noise; the same seed gives the same samples")
    made.add_argument(
        "--out",
        help="a .png for one grid or a folder; for text a .txt or .jsonl; for speech a folder (default samples*)",
    )
    for flag, more in SAMPLE.items():
        made.add_argument(flag, **more)
    made.add_argument(
        "--beside-nearest",
        nargs="?",
        const=1,
        type=neighbours,
        metavar="K",
        help="of pictures: each sample at the left of the K training pictures nearest to it (default 1)",
    )
    made.add_argument("--by-class", action="store_true", help="of a conditional run of pictures: a row for each class")
    made.add_argument("--step", **STEP)
    made.add_argument("--show", choices=WAYS, help="draw what was made in the terminal as well")


def add_interpolate(commands: Any) -> None:
    made = command(commands, "interpolate", interpolate, "ways between samples, as strips or as a moving picture")
    made.add_argument("run", help=f"{RUN}; of pictures")
    made.add_argument("--rows", type=whole(1, 1000), default=4, help="ways, each between two samples (default 4)")
    made.add_argument("--between", type=whole(2, 1000), default=24, help="pictures of each, with its ends (default 24)")
    made.add_argument("--seed", **SEED, help="of the noise; way r goes from sample 2r of this seed to sample 2r + 1")
    made.add_argument("--fps", type=float, default=12.0, help="frames a second (default 12)")
    made.add_argument("--out", default="ways.gif", help=".gif, .apng, .mp4, or .png for strips (default ways.gif)")
    made.add_argument("--step", **STEP)


def add_speech(commands: Any) -> None:
    made = command(commands, "say", say, "say a text in the voice of a run")
    made.add_argument("run", help=RUN)
    made.add_argument("text", metavar="TEXT", help="what is said; - reads it from standard input")
    made.add_argument("--voice", metavar="NAME", help="one of the voices of the run (default: the recipe chooses)")
    made.add_argument("-o", "--out", **WAVE)
    made.add_argument("--seed", **SEED, help="of the noise; the same seed gives the same sound")
    made.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast, 0.5 half as fast (default 1)")
    made.add_argument("--step", **STEP)
    made = command(commands, "vocode", vocode, "send a recording through the vocoder of a run")
    made.add_argument("run", help=RUN)
    made.add_argument("recording", metavar="FILE", help="a .wav, .flac, .ogg or .mp3 file, at any rate")
    made.add_argument("-o", "--out", **WAVE)
    made.add_argument("--step", **STEP)


def sample(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.runs.load import Run

    asked = {name: getattr(options, name) for name in (flag.lstrip("-").replace("-", "_") for flag in SAMPLE)}
    run = Run(find_run(options.run), options.step)
    for line in drawn_to(run, options, asked):
        print(line)
    if options.show:
        show(expanded(options.out or run.recipe.default_out), options.show)
    return 0


def drawn_to(run: Run, options: argparse.Namespace, asked: Mapping[str, object]) -> list[str]:
    """Draw samples in the arrangement that is asked for; returns what to tell."""
    from poise.evaluation.beside import beside_nearest_to
    from poise.runs.write import by_class_to, sample_to

    if options.by_class:
        if options.beside_nearest:
            raise PoiseError("--by-class and --beside-nearest arrange samples in two ways: ask for one at a time")
        return by_class_to(run, options.n or OF_A_CLASS, options.seed, options.out, asked)
    n = options.n or SAMPLES
    if options.beside_nearest:
        return beside_nearest_to(run, n, options.seed, options.out, options.beside_nearest, asked)
    return sample_to(run, n, options.seed, options.out, asked)


def interpolate(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.report.animation import check_form, save_ways
    from poise.runs.load import Run

    check_form(expanded(options.out), options.fps)
    run = Run(find_run(options.run), options.step)
    print(save_ways(run.interpolate(options.rows, options.between, options.seed), expanded(options.out), options.fps))
    return 0


def show(made: Path, asked: str) -> None:
    """Draw a picture that was made in the terminal; a line where there is none of either."""
    terminal = raw(sys.stdout)
    picture = picture_in(made)
    if picture is None or not terminal.isatty():
        print("--show: there is no picture to draw" if picture is None else "--show: this is no terminal that draws")
        return
    columns, rows = shutil.get_terminal_size()
    print(drawn(picture, columns - 1, max(4, rows - 3), way_of(asked, terminal)), end="", file=terminal, flush=True)


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
