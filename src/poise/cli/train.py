"""poise train and poise resume: run to the end or to Ctrl-C, then say what came out and where it is."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.cli.parser import QUIET, RUN, FlagOptions, above_0, command, whole
from poise.cli.said.outcome import shown, summary
from poise.errors import PoiseError
from poise.report.in_terminal import WAYS
from poise.training.torchrun import world
from poise.words.helping import said_of_an_option

if TYPE_CHECKING:
    from poise.runs.further.lengthening import Further
    from poise.specs.parser import Parser
    from poise.specs.spec import Completed
    from poise.training.ranks import Ranks


COMMANDS = ("train", "resume")
MIRRORS: dict[str, FlagOptions] = {
    "--mirror": {
        "metavar": "TRACKER",
        "help": "send the record to wandb, mlflow, trackio or tensorboard as well; several with commas between",
    },
    "--tensorboard": {"action": "store_true", "help": "write files for TensorBoard as well, into RUN/tensorboard"},
}


def add(commands: Any) -> None:
    """Enter the commands."""
    command(commands, "train", None, "train on your data: poise train images DATA (or text, language, vocoder, speech)")
    made = command(commands, "resume", resume, "go on with a run that was stopped, or beyond the end of one")
    made.add_argument("run", help=RUN)
    made.add_argument("--steps", type=whole(1, 10**9), metavar="MORE", help="lengthen its last stage by so many steps")
    made.add_argument(
        "--minutes", type=above_0, metavar="MORE", help="the same by as many steps as take so long, measured first"
    )
    made.add_argument(
        "--from-step",
        type=whole(0),
        metavar="N",
        help="first forget all after the newest checkpoint of at most N steps",
    )
    made.add_argument("--data", metavar="NEW", help="where the data are now, if they were moved; checked by content")
    made.add_argument("--trust", action="store_true", help="import classes that the run names and that are not Poise's")
    made.add_argument("--show", choices=WAYS, help="draw each grid of samples in the terminal as well")
    for flag, more in MIRRORS.items():
        made.add_argument(flag, **more)
    made.add_argument("--quiet", **QUIET)


def train(argv: list[str]) -> int:
    """poise train RECIPE ...: arguments are the recipe's."""
    from poise.specs.spec import all_recipes, kind_of

    if not argv or argv[0] in ("-h", "--help"):
        if (me := world()) is not None and me.rank:
            return 0
        print("usage: poise train RECIPE DATA [options]")
        print("\nRecipes:")
        for name in all_recipes():
            print(f"  {name:10} {said_of_an_option((kind_of(name).build.__doc__ or '').strip().splitlines()[0])}")
        print("\npoise train RECIPE --help lists its options.")
        return 0
    return by_all(partial(_train, argv))


def by_all(work: Callable[[Ranks | None], int]) -> int:
    """The exit code of `work`, done by this process, or by all that torchrun started together."""
    me = world()
    if me is None:
        return work(None)
    from poise.runs.run import together

    return together(me, work)


def _train(argv: list[str], ranks: Ranks | None) -> int:
    from poise.specs.sources import trust, trust_all
    from poise.specs.spec import Completed

    if "." in argv[0]:
        trust(argv[0])
    parser = parser_of(argv[0])
    arguments: dict[str, Any] = parser.parse(argv[1:])
    out, quiet, show = arguments.pop("out"), arguments.pop("quiet"), arguments.pop("show")
    mirrors = trackers(arguments.pop("mirror"), arguments.pop("tensorboard"))
    minutes = arguments.pop("minutes")
    if out is not None and not out.strip():
        raise PoiseError("--out is empty: name where to write")
    trust_all(argv[0], arguments)  # whoever names code on the command line has it executed
    asked, folder = Completed(arguments), out
    if minutes is not None:
        _refuse_minutes(ranks)
        asked, folder = _in_minutes(argv, asked, minutes, out, quiet)
    return go(argv[0], asked, folder, quiet, show=show, mirrors=mirrors, ranks=ranks, anew=True)


def _refuse_minutes(ranks: Ranks | None) -> None:
    if ranks is not None:
        raise PoiseError("--minutes times the steps of one process, and several take less: give --steps instead")


def trackers(names: str | None, tensorboard: bool) -> list[str]:
    """The names of --mirror a,b and --tensorboard."""
    found = [name.strip() for name in (names or "").split(",") if name.strip()]
    if names is not None and not found:
        raise PoiseError("--mirror is empty: name a tracker, such as wandb")
    return ["tensorboard", *found] if tensorboard else found


def parser_of(recipe: str) -> Parser:
    """The recipe's own flags, and those of the command."""
    from poise.specs.spec import parser_for

    parser = parser_for(recipe)
    parser.add_argument("--out", help="run folder; by default runs/RECIPE-DATA-HASH, the same for the same arguments")
    parser.add_argument("--show", choices=WAYS, help="draw each grid of samples in the terminal as well")
    for flag, more in MIRRORS.items():
        parser.add_argument(flag, **more)
    parser.add_argument(
        "--minutes", type=above_0, help="train for about so long instead of --steps: a few steps are timed once"
    )
    parser.add_argument("--quiet", **QUIET)
    return parser


def _in_minutes(
    argv: list[str], arguments: Completed, minutes: float, out: str | None, quiet: bool
) -> tuple[Completed, str]:
    """The arguments with as many steps as take so long, and the folder; a line says how many."""
    from poise.cli.minutes import flags_of, for_minutes, may_be_narrower
    from poise.data.files import reading
    from poise.runs.further.lengthening import Further
    from poise.specs.config_files import read_config
    from poise.specs.parser import config_places

    if "steps" in flags_of(argv):
        raise PoiseError("--minutes and --steps both say how long the run is: give one of them")
    for _, file in config_places(argv):
        if "steps" in read_config(file):
            raise PoiseError(f"--minutes and the steps of --config {file} both say how long the run is: leave one out")
    Further(minutes=minutes)  # refuses what no run can last
    reading.quiet = quiet
    free = may_be_narrower(arguments, argv)
    try:
        found, path, line = for_minutes(argv[0], arguments, minutes, out, free)
    finally:
        reading.quiet = False
    if not quiet:
        print(line, flush=True)
    return found, str(path)


def go(
    recipe: str,
    asked: Completed,
    out: str | Path | None,
    quiet: bool,
    data: str | None = None,
    show: str | None = None,
    further: Further | None = None,
    mirrors: Sequence[str] = (),
    ranks: Ranks | None = None,
    first: Callable[[], None] | None = None,
    anew: bool = False,
) -> int:
    """Run to the end or to Ctrl-C, then say where things are. `first` as in `run_in`, `anew` as of `folder_of`."""
    from poise.data.files import reading
    from poise.record import remember
    from poise.report.live import view
    from poise.report.mirrored import mirrored
    from poise.runs.place import folder_of
    from poise.runs.run import Interrupted, Stop, run_in

    watching = mirrored(view(quiet, show), mirrors)
    stop = Stop()

    def ask(signum: int, frame: Any) -> None:
        if stop.asked and ranks is None:  # a second Ctrl-C does not wait; torchrun sends two by itself
            raise KeyboardInterrupt
        stop.asked = True

    previous = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    folder, arguments = folder_of(recipe, asked, out, anew)
    already = folder.done and further is None and first is None
    if out is not None:
        remember(folder.path)
    reading.quiet = quiet
    try:
        report = run_in(folder, recipe, arguments, watching, stop, data, further, ranks, first)
    except Interrupted as reason:
        print(f"{reason}; go on with: poise resume {shown(folder)}", file=sys.stderr if quiet else sys.stdout)
        return 130
    finally:
        reading.quiet = False
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    if not quiet:
        summary(folder, report, already, moved=data is not None)
    return 0


def resume(options: argparse.Namespace) -> int:
    return by_all(partial(_resume, options))


def _resume(options: argparse.Namespace, ranks: Ranks | None) -> int:
    from poise.record import find_run
    from poise.runs.further.lengthening import Further
    from poise.runs.load import check_classes
    from poise.runs.rollback import rewind
    from poise.specs.sources import trust_all
    from poise.specs.spec import Completed, of_before

    further = None
    if options.steps is not None or options.minutes is not None:
        further = Further(options.steps, options.minutes)
    if options.minutes is not None:
        _refuse_minutes(ranks)
    if further is not None and options.from_step is not None:
        flag = "--minutes" if options.steps is None else "--steps"
        raise PoiseError(f"{flag} makes the run longer and --from-step takes it back: do one after the other")
    folder = find_run(options.run)
    spec = folder.spec()
    if options.trust:
        trust_all(spec.recipe, spec.arguments)
    check_classes(folder, spec)
    asked = of_before(spec.recipe, spec.arguments)
    if spec.data_path is not None and os.path.exists(spec.data_path):
        asked = Completed({**asked, "data": spec.data_path})  # whatever lies here under the name that was typed there
    mirrors = trackers(options.mirror, options.tensorboard)

    def take_back() -> None:
        left = rewind(folder, options.from_step)
        print(f"what came after step {left:,} is forgotten", file=sys.stderr if options.quiet else sys.stdout)

    first = None if options.from_step is None else take_back
    where, data = folder.path, options.data
    return go(spec.recipe, asked, where, options.quiet, data, options.show, further, mirrors, ranks, first)
