"""poise study FILE: arms × seeds, trained by several workers, and what they say together."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import Any

from poise.cli.parser import QUIET, command, whole
from poise.terminal import pasted


def add(commands: Any) -> None:
    """Enter the command."""
    made = command(commands, "study", study, "compare arms over several seeds, with intervals: poise study FILE")
    made.add_argument("file", help="a study: .yaml, .toml, or .py that sets STUDY (docs/studies.md)")
    made.add_argument("--out", help="the study's folder; by default studies/NAME; an unfinished one goes on")
    made.add_argument(
        "--workers",
        type=whole(1, 4096),
        default=None,
        help="processes of one thread each; by default one for each core",
    )
    made.add_argument("--dry-run", action="store_true", help="say what would be run and what it can show; run nothing")
    made.add_argument("--report", action="store_true", help="read the runs that are over, and run nothing")
    made.add_argument("--quiet", **QUIET)


def study(options: argparse.Namespace) -> int:
    from poise.study.stops import Interrupted, Stop
    from poise.trials.sentences import lines
    from poise.trials.study import Study

    asked = Study.of(options.file, options.out)
    if not options.quiet:
        print("\n".join(asked.before()), flush=True)
    if options.dry_run:
        for task in asked.tasks:
            print(f"  {task}: {task.name}")
        return 0
    stop = Stop()

    def ask(signum: int, frame: Any) -> None:
        if stop.asked:  # a second Ctrl-C does not wait
            raise KeyboardInterrupt
        stop.asked = True
        print("stopping: the runs are being saved", file=sys.stderr)

    previous = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    code = 0
    try:
        if not options.report:
            asked.train(options.workers or cores(), stop, options.quiet)
    except Interrupted:
        code = 130
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
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
