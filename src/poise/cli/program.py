"""The tree of commands, and `main`: what is typed, and the exit code."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poise import __version__
from poise.cli import data, demo, reporting, runs, sampling, serve, study, tune
from poise.cli import train as training
from poise.cli.parser import CommandParser, command, commands_of
from poise.errors import PoiseError, is_out_of_memory
from poise.lazy import waits_briefly
from poise.terminal import Printed, verbatim
from poise.training.torchrun import world

LONGEST = 500  # characters of a message
BY_ONE = ("study", "tune", "scan", "demo", "serve")  # each of several would do the whole work, in one folder
READER_GONE = 141  # as a shell tells it: 128 + SIGPIPE


def tree(word: str = "") -> tuple[argparse.ArgumentParser, Any]:
    """The commands, without the recipes' own arguments; where `word` is one of them, only those of its file."""
    root = CommandParser(
        prog="poise",
        description="Train GANs of pictures, text and speech with an L2 penalty on each player, and see whether it "
        "worked.",
    )
    root.add_argument("--version", action="version", version=f"poise {__version__}")
    commands = commands_of(root, dest="command")
    parts = (training, demo, sampling, runs, reporting, serve, study, tune, data)
    for part in [part for part in parts if word in part.COMMANDS] or parts:
        part.add(commands)
    made = command(commands, "completion", completion, "print a completion script for your shell")
    made.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    return root, commands


def completion(options: argparse.Namespace) -> int:
    import shtab

    from poise.specs.spec import all_recipes, kind_of, parser_for

    root, commands = tree()
    own = {"train": (), "tune": tune.OF_TUNE, "scan": tune.OF_SCAN}
    recipes = {of: commands.choices[of].add_subparsers(dest="recipe") for of in own}
    for name in all_recipes():
        flags = [flag for flag in parser_for(name).options() if flag != "--help"]
        for of, more in own.items():
            known = recipes[of].add_parser(name, help=(kind_of(name).build.__doc__ or "").splitlines()[0])
            for flag in [*flags, *more]:
                known.add_argument(flag.replace("_", "-"), help=flag)
    with verbatim(sys.stdout):
        print(shtab.complete(root, shell=options.shell))
    return 0


def dispatch(argv: Sequence[str]) -> int:
    words = list(argv)
    if words and words[0] in BY_ONE and world() is not None:
        raise PoiseError(f"poise {words[0]} is for one process, which starts others by itself: leave torchrun out")
    with_recipes = {"train": training.train, "tune": tune.tune, "scan": tune.scan}
    if words and words[0] in with_recipes:
        return with_recipes[words[0]](words[1:])
    root, _ = tree(*words[:1])
    options = root.parse_args(words)
    function = getattr(options, "function", None)
    if function is None:
        getattr(options, "parser", root).print_help()
        return 0
    return int(function(options))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 2: something the user can put right, said in one sentence; 130: stopped and saved; 141: the
    reader of the output went away before its end (what trains goes on, and says so).

    A fault of Poise itself is 1, in one line too; with POISE_TRACEBACK set it is shown whole.
    """
    waits_briefly()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a λ on a terminal that has none must not end a run
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if argv is None else argv)
    before = sys.stdout, sys.stderr
    working = {"train", "resume", "study", "tune", "scan", "demo"}
    works = bool(working & {*words[:1]}) and not {"-h", "--help"} & {*words}
    sys.stdout, sys.stderr = out, _ = (
        Printed(before[0], "poise: nobody reads the output any more; the work goes on" if works else ""),
        Printed(before[1]),
    )
    try:
        own_modules()
        code = answer(words)
        out.flush()
        return READER_GONE if out.lost and not works and code == 0 else code
    except SystemExit:  # after --help or --version
        out.flush()
        if out.lost:
            return READER_GONE
        raise
    finally:
        sys.stdout, sys.stderr = before


def own_modules() -> None:
    """Modules in the current folder can be named, as with `python -m poise`; behind all others, so that none of them is
    taken for another."""
    with contextlib.suppress(OSError):  # the folder may have been removed
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())


def answer(words: list[str]) -> int:
    """The exit code of a command, with whatever went wrong said in one line."""
    if any("\0" in word for word in words):
        return told("an argument holds a zero byte: no name or value has one", 2)
    try:
        return dispatch(words)
    except PoiseError as error:
        return told(str(error), 2)
    except KeyboardInterrupt:
        print("poise: stopped", file=sys.stderr)
        return 130
    except OSError as error:  # a disk or a path that nothing above knew more about
        return told(f"{error.filename or 'the disk'}: {error.strerror or error}; put that right and try again", 2)
    except Exception as error:
        if is_out_of_memory(error):
            return told(f"out of memory ({str(error)[:120]}); lower --batch, --size or -n, or narrow the networks", 2)
        if os.environ.get("POISE_TRACEBACK"):
            raise
        if place := own_place(error):
            return told(f"a fault in {place} ({type(error).__name__}: {error}); POISE_TRACEBACK=1 shows where", 2)
        return told(f"a fault of Poise itself ({type(error).__name__}: {error}); POISE_TRACEBACK=1 shows where", 1)


def own_place(error: Exception) -> str:
    """File and line of the user's own code in which an error arose, which is neither Poise's nor of any library."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    file = Path(frames[-1].filename).resolve()
    libraries = (Path(__file__).parents[1], Path(sys.prefix), Path(sys.base_prefix))
    if not file.is_file() or any(file.is_relative_to(place.resolve()) for place in libraries):
        return ""
    return f"{file}, line {frames[-1].lineno}"


def told(message: str, code: int) -> int:
    """Say one line to the user, whatever the message or a file name in it holds."""
    line = " ".join(message.split())
    line = line if len(line) <= LONGEST else f"{line[: LONGEST - 120]} ... {line[-110:]}"
    print(f"poise: {line}", file=sys.stderr)
    return code
