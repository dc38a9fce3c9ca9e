"""The command line. Flags of `train` come from the recipe's signature; nothing here knows what a GAN is.

torch is loaded when something needs a tensor, not to print help or to list runs. The file has more than 250 lines
because every command's flags and help stand in one tree, where a reader looks for them.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from poise import __version__
from poise.errors import PoiseError, nearest

EVALUATE: dict[str, dict[str, Any]] = {
    "--against": {"metavar": "DATA", "help": "real data held out from training (default for a run: its own)"},
    "--trained-on": {"metavar": "DATA", "help": "what was trained on, to look for copies (default for a run: its own)"},
    "--metrics": {"metavar": "NAME,...", "help": "only these, such as KID,FD (default all)"},
    "--features": {"metavar": "NAME,...", "help": "of which extractors, such as EffLite0,classifier (default by kind)"},
    "--inception": {"metavar": "FILE", "help": "weights of the standard FID, pt_inception-2015-12-05-6726825d.pth"},
    "--column": {"metavar": "NAME", "help": "which one of a .jsonl or .csv file holds the sentences"},
    "-n": {"type": int, "help": "how many (default: all of a folder, as in training for a run)"},
    "--seed": {"type": int, "default": 0, "help": "of the noise and of every choice of items"},
    "--step": {"default": "last", "help": "of a run: last, best, or the step of a kept checkpoint (default last)"},
    "--out": {"metavar": "FILE", "help": "of the report (default report.json, or RUN/evaluation-STEP.json)"},
}

SAMPLE: dict[str, dict[str, Any]] = {
    "--label": {"help": "one class only, for a conditional run of pictures"},
    "--temperature": {"type": float, "help": "of text: below 1 likelier units, above 1 rarer ones (default 1)"},
    "--top-k": {"type": int, "help": "of text: only the k likeliest units at each place"},
    "--top-p": {"type": float, "help": "of text: only the likeliest units that make up this share (nucleus)"},
    "--start": {"help": "of text: a beginning that every sample has"},
    "--form": {
        "help": "of text: a fixed form such as 7，7。7，7。: numbers are units, everything else stands as it is"
    },
}


class Parser(argparse.ArgumentParser):
    """Argument errors become one sentence. What is left over is told by the command that it was given to."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        found, extra = super().parse_known_args(args, namespace)
        if extra:
            self.error(f"unknown argument '{extra[0].partition('=')[0]}'")
        return found, extra

    def error(self, message: str) -> NoReturn:
        known = [flag for action in self._actions for flag in action.option_strings]
        known += [str(choice) for action in self._actions for choice in action.choices or ()]
        wrong = re.search(r"(?:unknown argument|invalid choice:) '([^']*)'", message)
        hint = nearest(wrong[1], known) if wrong else ""
        raise PoiseError(f"{message}{hint or f'; see {self.prog} --help'}")


def train(argv: list[str]) -> int:
    """poise train RECIPE ...: arguments are the recipe's."""
    from poise.study.spec import all_recipes, kind_of, parser_for

    if not argv or argv[0] in ("-h", "--help"):
        print("usage: poise train RECIPE DATA [options]\n\nRecipes:")
        for name in all_recipes():
            print(f"  {name:10} {(kind_of(name).build.__doc__ or '').strip().splitlines()[0]}")
        print("\npoise train RECIPE --help lists its options.")
        return 0
    parser = parser_for(argv[0])
    parser.add_argument("--out", help="run folder; by default runs/RECIPE-DATA-HASH, the same for the same arguments")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    arguments = parser.parse(argv[1:])
    out, quiet = arguments.pop("out"), arguments.pop("quiet")
    return go({"recipe": argv[0], "arguments": arguments}, out, quiet)


def go(spec: dict[str, Any], out: str | Path | None, quiet: bool) -> int:
    """Run to the end or to Ctrl-C, then say where things are."""
    from poise.record import RunFolder, runs_root
    from poise.report.live import view
    from poise.study.run import Interrupted, Stop, run
    from poise.study.spec import completed, run_name

    stop = Stop()

    def ask(signum: int, frame: Any) -> None:
        if stop.asked:  # a second Ctrl-C does not wait
            raise KeyboardInterrupt
        stop.asked = True

    previous = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    name = run_name(spec["recipe"], completed(spec["recipe"], spec["arguments"]))
    folder = RunFolder(Path(out) if out else runs_root() / name)
    already = folder.done
    try:
        report = run(spec, folder.path, view(quiet), stop)
    except Interrupted as reason:
        print(f"{reason}; go on with: poise resume {shown(folder)}", file=sys.stderr if quiet else sys.stdout)
        return 130
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    if not quiet:
        summary(folder, report, already)
    return 0


def shown(folder: Any) -> str:
    """How to name a run on the command line."""
    from poise.record import runs_root

    return folder.name if folder.path.parent == runs_root() else str(folder.path)


def summary(folder: Any, report: dict[str, Any], already: bool) -> None:
    """What the penalties did, how good the samples are, where the files are."""
    from poise.report.table import score_lines

    if already:
        print(f"{folder.path} was finished before; nothing to do.")
    for line in report["sentences"]:
        print(line)
    if report["scores"]:
        last = {k: v for k, v in report["scores"][-1].items() if k != "step"}
        print(f"Scores of the last step against held-out data{best_of(report)}:")
        for line in score_lines(last, report["floor"]):
            print(f"  {line}")
    for finding in report.get("findings", []):
        print(f"{finding['severity'].capitalize()}: {finding['name']} since step {finding['since']:,}: "
              f"{finding['sentence']} {finding['action']}")  # fmt: skip
    samples = sorted(folder.samples.glob("[0-9]*"))
    print(f"Samples: {samples[-1] if samples else folder.samples}")
    print(f"Report:  {folder.path / 'report.json'}")
    print(f"More:    poise sample {shown(folder)} -n 64 --out more{samples[-1].suffix if samples else '.png'}")


def best_of(report: dict[str, Any]) -> str:
    found = report["best"]
    return f" (best: step {found['step']:,}, {found['score']} {found['value']:.4f})" if found else ""


def resume(options: argparse.Namespace) -> int:
    from poise.record import find_run

    folder = find_run(options.run)
    spec = folder.spec()
    return go({"recipe": spec["recipe"], "arguments": spec["arguments"]}, folder.path, options.quiet)


def runs(options: argparse.Namespace) -> int:
    from poise.record import all_runs, runs_root
    from poise.report.table import run_lines

    found = all_runs()
    if not found:
        print(f"no runs in {runs_root()}")
    for line in run_lines((f.name, *f.outcome()) for f in found):
        print(line)
    return 0


def sample(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.study.use import sample_to

    asked = {name: getattr(options, name) for name in (flag.lstrip("-").replace("-", "_") for flag in SAMPLE)}
    for line in sample_to(find_run(options.run), options.n, options.seed, options.out, options.step, asked):
        print(line)
    return 0


def evaluate(options: argparse.Namespace) -> int:
    from poise.study.evaluate import asked, evaluate

    for line in evaluate(options.what, asked(options)):
        print(line)
    return 0


def curve(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.study.curve import curve, parsed

    asked = parsed(options.temperatures)
    for line in curve(find_run(options.run), asked, options.n, options.seed, options.step, options.out, print):
        print(line)
    return 0


def diagnose(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.study.diagnosis import as_json, lines

    folder = find_run(options.run)
    print(as_json(folder) if options.json else "\n".join(lines(folder)))
    return 0


def data_check(options: argparse.Namespace) -> int:
    from poise.data.check import facts

    for line in facts(options.path, options.column):
        print(line)
    return 0


def data_list(options: argparse.Namespace) -> int:
    from poise.data.catalogue import catalogue, located
    from poise.report.table import columns

    rows = [(e.name, "here" if located(e.name) else "", e.title, e.licence) for e in catalogue()]
    for line in columns([("NAME", "", "WHAT", "LICENCE"), *rows]):
        print(line)
    return 0


def data_get(options: argparse.Namespace) -> int:
    from poise.data.fetch import get

    print(f"{options.name}: {get(options.name)}")
    return 0


def completion(options: argparse.Namespace) -> int:
    import shtab

    from poise.study.spec import all_recipes, kind_of, parser_for

    root, commands = tree()
    recipes = commands.choices["train"].add_subparsers(dest="recipe")
    for name in all_recipes():
        known = recipes.add_parser(name, help=(kind_of(name).build.__doc__ or "").splitlines()[0])
        for flag in parser_for(name).options():
            if flag != "--help":
                known.add_argument(flag.replace("_", "-"), help=flag)
    print(shtab.complete(root, shell=options.shell))
    return 0


def tree() -> tuple[argparse.ArgumentParser, Any]:
    """The commands, without the recipes' own arguments; one place and therefore more than 40 lines."""
    root = Parser(prog="poise", description="Train GANs with an L2 penalty on each player, and see whether it worked.")
    root.add_argument("--version", action="version", version=f"poise {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def command(parent: Any, name: str, function: Callable | None, help: str) -> argparse.ArgumentParser:
        made = parent.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        made.set_defaults(function=function, parser=made)
        return made

    which = "a run: its path, its name, a unique beginning of its name, or last"
    command(commands, "train", None, "train on your data: poise train images DATA")
    made = command(commands, "resume", resume, "go on with a run that was stopped")
    made.add_argument("run", help=which)
    made.add_argument("--quiet", action="store_true", help="print nothing but errors")
    made = command(commands, "sample", sample, "draw samples from a run")
    made.add_argument("run", help=which)
    made.add_argument("-n", type=int, default=64, help="how many (default 64)")
    made.add_argument("--seed", type=int, default=0, help="of the noise; the same seed gives the same samples")
    made.add_argument("--out", help="a .png for one grid or a folder; for text a .txt or .jsonl (default samples.*)")
    for flag, more in SAMPLE.items():
        made.add_argument(flag, **more)
    made.add_argument("--step", default="last", help="last, best, or the step of a kept checkpoint (default last)")
    made = command(commands, "evaluate", evaluate, "score samples against held-out data: poise evaluate RUN or FOLDER")
    made.add_argument("what", help=f"{which}; or a folder or file of generated pictures, sentences or clips")
    for flag, more in EVALUATE.items():
        made.add_argument(flag, **more)
    made = command(commands, "curve", curve, "quality and diversity of text over the temperature, beside likelihood")
    made.add_argument("run", help=which)
    made.add_argument("--temperatures", default="0.6,0.7,0.8,0.9,1,1.1", help="default 0.6,0.7,0.8,0.9,1,1.1")
    made.add_argument("-n", type=int, default=1000, help="sentences at each temperature (default 1000)")
    made.add_argument("--seed", type=int, default=0, help="of the noise and of every choice of sentences")
    made.add_argument("--step", default="last", help="last, best, or the step of a kept checkpoint (default last)")
    made.add_argument("--out", metavar="FILE", help="a .json file; the plot goes beside it (default RUN/curve.json)")
    made = command(commands, "diagnose", diagnose, "say what is wrong with a run, and what to do")
    made.add_argument("run", help=which)
    made.add_argument("--json", action="store_true", help="print JSON")
    command(commands, "runs", runs, "list the runs")
    data = command(commands, "data", None, "look at data, or get a catalogued set").add_subparsers(
        metavar="COMMAND", parser_class=Parser
    )
    made = command(data, "check", data_check, "report what is in a folder or file, and what cannot be read")
    made.add_argument("path", help="a folder or file of pictures, a file of sentences, or a catalogued name")
    made.add_argument("--column", metavar="NAME", help=EVALUATE["--column"]["help"])
    command(data, "list", data_list, "list the catalogued sets")
    made = command(data, "get", data_get, "fetch a catalogued set into the cache")
    made.add_argument("name", help="its name in poise data list")
    made = command(commands, "completion", completion, "print a completion script for your shell")
    made.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    return root, commands


def dispatch(argv: Sequence[str]) -> int:
    words = list(argv)
    if words[:1] == ["train"]:
        return train(words[1:])
    root, _ = tree()
    options = root.parse_args(words)
    function = getattr(options, "function", None)
    if function is None:
        getattr(options, "parser", root).print_help()
        return 0
    return int(function(options))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 2: something the user can put right, said in one sentence; 130: stopped and saved.

    A fault of Poise itself is 1, in one line too; with POISE_TRACEBACK set it is shown whole.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a λ on a terminal that has none must not end a run
            stream.reconfigure(errors="replace")
    try:
        return dispatch(sys.argv[1:] if argv is None else argv)
    except PoiseError as error:
        return told(str(error), 2)
    except KeyboardInterrupt:
        print("poise: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a disk or a path that nothing above knew more about
        return told(f"{error.filename or 'the disk'}: {error.strerror or error}; put that right and try again", 2)
    except Exception as error:
        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "memory" in str(error)):
            return told(f"out of memory ({str(error)[:120]}); lower --batch, --size or -n, or narrow the networks", 2)
        if os.environ.get("POISE_TRACEBACK"):
            raise
        return told(f"a fault of Poise itself ({type(error).__name__}: {error}); POISE_TRACEBACK=1 shows where", 1)


def told(message: str, code: int) -> int:
    """Say one line to the user, whatever the message or a file name in it holds."""
    print(f"poise: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
