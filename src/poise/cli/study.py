"""poise study FILE: arms × seeds, trained by several workers, and what they say together."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import Any

from poise.cli.parser import QUIET, command, whole
from poise.cli.said.watching import stopped_by_ctrl_c, teller
from poise.errors import PoiseError
from poise.terminal import pasted, verbatim


def add(commands: Any) -> None:
    """Enter the command."""
    made = command(commands, "study", study, "compare arms over several seeds, with intervals: poise study FILE")
    made.add_argument("file", nargs="?", help="a study: .yaml, .toml, or .py that sets STUDY (docs/studies.md)")
    made.add_argument("--out", help="the study's folder; by default studies/NAME; an unfinished one goes on")
    made.add_argument(
        "--workers",
        type=whole(1, 4096),
        default=None,
        help="processes of one thread each; by default one for each core",
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
    asked = Study.of(options.file, options.out)
    workers = options.workers or cores()
    tell = teller(options.quiet)
    for line in asked.before():
        tell(line)
    if options.dry_run:
        for task in asked.tasks:
            print(f"  {task}: {task.name}")
    if options.dry_run or (asked.is_new and not options.no_rehearsal and not options.report):
        for line in asked.rehearse(workers, tell):
            tell(line)
    return 0 if options.dry_run else trained(asked, workers, options)


def trained(asked: Any, workers: int, options: argparse.Namespace) -> int:
    """Train what is left, publish the outcome, and say it."""
    from poise.runs.ending import Interrupted, Stop
    from poise.studies.report.sentences import lines

    stop, code = Stop(), 0
    with stopped_by_ctrl_c(stop):
        try:
            if not options.report:
                asked.train(workers, stop, options.quiet)
        except Interrupted:
            code = 130
    outcome = asked.outcome()
    if not options.quiet:
        print("\n".join(lines(outcome)))
        print(f"Page:    {asked.path / 'index.html'}")
    if code:
        words = ["poise", "study", options.file, *(("--out", options.out) if options.out else ())]
        words += ["--workers", str(options.workers)] if options.workers else []
        print(f"stopped; go on with: {' '.join(map(pasted, words))}")
    return code


def cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
