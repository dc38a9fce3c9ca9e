"""poise study FILE: arms × seeds, trained by several workers, and what they say together. And poise worker FOLDER."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import Any

from poise.cli.parser import QUIET, above_0, command
from poise.cli.said.watching import stopped_by_ctrl_c, teller
from poise.disk import expanded
from poise.errors import PoiseError
from poise.studies.running.hosts import Workers, asked
from poise.terminal import pasted, verbatim

COMMANDS = ("study", "worker")
WORKERS = (
    "processes of one thread each (default: one for each core); 0: only those that join by poise worker; slurm:8; "
    "dask://HOST:PORT (docs/machines.md)"
)


def workers(text: str | Workers) -> Workers:
    """The type of --workers; a parser of recipes gives what was read already."""
    if isinstance(text, Workers):
        return text
    try:
        return asked(str(text).strip())
    except PoiseError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("--workers ")) from None


def here() -> Workers:
    """One worker for each core of this machine."""
    return Workers(cores())


def add(commands: Any) -> None:
    """Enter the command."""
    made = command(commands, "study", study, "compare arms over several seeds, with intervals: poise study FILE")
    made.add_argument("file", nargs="?", help="a study: .yaml, .toml, or .py that sets STUDY (docs/studies.md)")
    made.add_argument("--out", help="the study's folder; by default studies/NAME; an unfinished one goes on")
    made.add_argument(
        "--workers",
        type=workers,
        default=None,
        help=WORKERS,
    )
    made.add_argument(
        "--dry-run",
        action="store_true",
        help="open the data, take the first steps of every arm, say what the study costs and can show; keep nothing",
    )
    made.add_argument(
        "--endpoints",
        metavar="RECIPE",
        help="list what an endpoint can read of runs of this recipe; of yours: poise study DATA --endpoints RECIPE",
    )
    made.add_argument("--no-rehearsal", action="store_true", help="begin a new study without trying every arm first")
    made.add_argument("--report", action="store_true", help="read the runs that are over, and run nothing")
    made.add_argument("--quiet", **QUIET)
    made = command(commands, "worker", worker, "train runs of a study or search that is trained elsewhere")
    made.add_argument("folder", help="the folder of the study or search, on a disk that both machines see")
    made.add_argument(
        "--idle", type=above_0, default=10.0, metavar="MINUTES", help="end after so long without work (default 10)"
    )
    made.add_argument(
        "--lost",
        type=above_0,
        default=60.0,
        metavar="SECONDS",
        help="the other side counts as lost after so long without a sign of life (default 60)",
    )
    made.add_argument("--once", action="store_true", help="end with the study, and do not wait for another")
    made.add_argument("--quiet", **QUIET)


def study(options: argparse.Namespace) -> int:
    from poise.studies.study import Study

    if options.endpoints:
        from poise.studies.running.endpoints import listed

        for line in listed(options.endpoints, options.file):
            with verbatim(sys.stdout) if line.startswith(" ") else contextlib.nullcontext():  # names, to be copied
                print(line)
        return 0
    if not options.file:
        raise PoiseError("poise study needs a file (docs/studies.md), or --endpoints RECIPE")
    wanted = Study.of(options.file, options.out)
    those = options.workers or here()
    tell = teller(options.quiet)
    for line in wanted.before():
        tell(line)
    if options.dry_run:
        for task in wanted.tasks:
            print(f"  {task}: {task.name}")
    untried = not options.no_rehearsal and not options.report and wanted.is_new
    if options.dry_run or untried:
        for line in wanted.rehearse(those.count, tell):
            tell(line)
    return 0 if options.dry_run else trained(wanted, those, options)


def trained(wanted: Any, those: Workers, options: argparse.Namespace) -> int:
    """Train what is left, publish the outcome, and say it."""
    from poise.runs.ending import Interrupted, Stop
    from poise.studies.report.sentences import lines

    stop, code = Stop(), 0
    with stopped_by_ctrl_c(stop):
        try:
            if not options.report:
                wanted.train(those, stop, options.quiet)
        except Interrupted:
            code = 130
    outcome = wanted.outcome()
    if not options.quiet:
        print("\n".join(lines(outcome)))
        print(f"Page:    {wanted.path / 'index.html'}")
    if code:
        words = ["poise", "study", options.file, *(("--out", options.out) if options.out else ())]
        words += ["--workers", options.workers.text] if options.workers else []
        print(f"stopped; go on with: {' '.join(map(pasted, words))}")
    return code


def worker(options: argparse.Namespace) -> int:
    from poise.runs.ending import Stop
    from poise.studies.running.attending import attend

    stop = Stop()
    with stopped_by_ctrl_c(stop):
        attend(expanded(options.folder), stop, teller(options.quiet), options.idle * 60, options.lost, options.once)
    return 130 if stop.asked else 0


def cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
