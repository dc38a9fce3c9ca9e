"""Commands about runs that are there: list, remove, compare, evaluate, curve, diagnose; `sampling` has the others."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from poise.cli.parser import RUN, SEED, STEP, FlagOptions, command, commands_of, whole
from poise.errors import PoiseError
from poise.terminal import verbatim

COMMANDS = ("evaluate", "diagnose", "runs", "curve")
STATES = ("training", "stopped", "finished", "diverged", "broken")
SORTS = ("when", "name", "step", "size")


class NamedMetrics(argparse.Action):
    """Keeps the names of metrics; --help after them tells the options of a user's own."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        from poise.evaluation.choice import help_on_metrics

        setattr(namespace, self.dest, values)
        parser.epilog = help_on_metrics(values)


EVALUATE: dict[str, FlagOptions] = {
    "--against": {"metavar": "DATA", "help": "real data held out from training (default for a run: its own)"},
    "--trained-on": {"metavar": "DATA", "help": "what was trained on, to look for copies (default for a run: its own)"},
    "--metrics": {
        "action": NamedMetrics,
        "metavar": "NAME,...",
        "help": "only these, such as KID,FD or MODULE.NAME of yours, whose options --help then tells (default all)",
    },
    "--features": {"metavar": "NAME,...", "help": "of which extractors, such as EffLite0,classifier (default by kind)"},
    "--inception": {"metavar": "FILE", "help": "weights of the standard FID, pt_inception-2015-12-05-6726825d.pth"},
    "--column": {"metavar": "NAME", "help": "which one of a table holds the sentences, by name or number"},
    "--bits": {"type": whole(1, 64), "metavar": "N", "help": "how many of the 16 bits of real pictures are used"},
    "--language": {"metavar": "NAME", "help": "of clips of speech: en counts the words that a recogniser gets wrong"},
    "-n": {
        "type": whole(1, 10**8),
        "help": "how many (default: all of a folder; for a run all held-out recordings, or as scored)",
    },
    "--seed": {**SEED, "help": "of the noise and of every choice of items"},
    "--step": {"default": "last", "help": "of a run: last, best, or the step of a kept checkpoint (default last)"},
    "--out": {"metavar": "FILE", "help": "of the report (default report.json, or RUN/evaluation-STEP.json)"},
}


def add(commands: Any) -> None:
    """Enter the commands."""
    made = command(commands, "evaluate", evaluate, "score samples against held-out data: poise evaluate RUN or FOLDER")
    made.add_argument("what", help=f"{RUN}; or a folder or file of generated pictures, sentences or clips")
    for flag, more in EVALUATE.items():
        made.add_argument(flag, **more)
    add_curve(commands)
    made = command(commands, "diagnose", diagnose, "say what is wrong with a run, and what to do")
    made.add_argument("run", help=RUN)
    made.add_argument("--json", action="store_true", help="print JSON")
    add_runs(commands)


def add_runs(commands: Any) -> None:
    made = command(commands, "runs", runs, "list the runs; runs rm removes some, runs diff compares two")
    made.add_argument("--data", metavar="TEXT", help="only those whose data have this in their name")
    made.add_argument("--recipe", metavar="NAME", help="only those of this recipe")
    made.add_argument("--state", choices=STATES, help="only those that are in this state")
    made.add_argument("--sort", default="when", metavar="BY", help=f"{', '.join(SORTS)}, or a score such as kid")
    made.add_argument("--all", action="store_true", help="also those made with --out outside the current folder")
    made.add_argument("--json", action="store_true", help="print JSON")
    more = commands_of(made, dest="what")
    rm = command(more, "rm", remove, "remove runs and say how much space is free then; asks first")
    rm.add_argument("runs", nargs="+", metavar="RUN", help=RUN)
    rm.add_argument("--yes", action="store_true", help="do not ask")
    diff = command(more, "diff", diff_runs, "what two runs were asked to do otherwise, and what came out")
    diff.add_argument("one", metavar="A", help=RUN)
    diff.add_argument("other", metavar="B", help=RUN)
    diff.add_argument("--json", action="store_true", help="print JSON")


def add_curve(commands: Any) -> None:
    made = command(commands, "curve", curve, "quality and diversity of text over the temperature, beside likelihood")
    made.add_argument("run", help=RUN)
    made.add_argument("--temperatures", default="0.6,0.7,0.8,0.9,1,1.1", help="default 0.6,0.7,0.8,0.9,1,1.1")
    made.add_argument("-n", type=whole(1, 10**8), default=1000, help="sentences at each temperature (default 1000)")
    made.add_argument("--seed", **SEED, help="of the noise and of every choice of sentences")
    made.add_argument("--step", **STEP)
    made.add_argument("--out", metavar="FILE", help="a .json file; the plot goes beside it (default RUN/curve.json)")


def runs(options: argparse.Namespace) -> int:
    from poise.record import all_runs, runs_root
    from poise.runs.listing import about, chosen, lines, width_of

    found = [about(folder) for folder in all_runs(everywhere=options.all)]
    rows = chosen(found, options.data, options.recipe, options.state, options.sort)
    if options.json:
        with verbatim(sys.stdout):
            print(json.dumps([row.to_dict() for row in rows], indent=1))
        return 0
    for line in lines(rows, width_of(sys.stdout)):
        print(line)
    if not rows:
        print("no such run" if found else f"no runs in {runs_root()}")
    return 0


def remove(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.runs.listing import about, lines, space, width_of
    from poise.runs.removal import removed

    folders = list({folder.path: folder for folder in map(find_run, options.runs)}.values())
    rows = [about(folder) for folder in folders]
    if not options.yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise PoiseError("poise runs rm asks before it removes anything, and nobody can answer here: add --yes")
        print("\n".join(lines(rows, width_of(sys.stdout))))
        what = "this run" if len(rows) == 1 else f"these {len(rows)} runs"
        print(f"Remove {what}, {space(sum(row.bytes for row in rows))}? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("nothing was removed")
            return 0
    for folder in folders:
        free, others = removed(folder)
        stays = f"; {', '.join(others[:4])} {'stays' if len(others) == 1 else 'stay'}: no run made it" if others else ""
        print(f"removed {folder.path}, {space(free)} are free{stays}")
    return 0


def diff_runs(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.runs.differences import difference, difference_lines

    one, other = find_run(options.one), find_run(options.other)
    if options.json:
        with verbatim(sys.stdout):
            print(json.dumps({"runs": [str(one.path), str(other.path)], **difference(one, other)}, indent=1))
    else:
        print("\n".join(difference_lines(one, other)))
    return 0


def evaluate(options: argparse.Namespace) -> int:
    from poise.evaluation.evaluate import evaluate, options_of

    print("\n".join(evaluate(options.what, options_of(options))))
    return 0


def curve(options: argparse.Namespace) -> int:
    from poise.evaluation.curve import curve, parsed
    from poise.record import find_run
    from poise.runs.load import Run

    asked, run = parsed(options.temperatures), Run(find_run(options.run), options.step)
    for line in curve(run, asked, options.n, options.seed, options.out, print):
        print(line)
    return 0


def diagnose(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.runs.diagnosis import as_json, lines

    folder = find_run(options.run)
    if options.json:
        with verbatim(sys.stdout):
            print(as_json(folder))
        return 0
    print("\n".join(lines(folder)))
    return 0
