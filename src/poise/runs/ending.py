"""How a sitting of a run ends, and the last word on the run: scores on held-out items that no score has seen before.

The best checkpoint is chosen by scores on some held-out items, so its score on those is flattered. A recipe that can
keep others back has a second judge, `Recipe.final`, for the end of the run and for the best step.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from typing import Any

from poise.disk.rows import LoggedEvent
from poise.recipes.common.recipe import Recipe, Scorer
from poise.record import RunFolder
from poise.runs.report import FinalScores


class Interrupted(Exception):
    """Somebody asked the run to stop; its state is saved."""


class EarlyStop(Exception):
    """The held-out score has not improved for as long as was asked for."""


class Stop:
    """Set from outside (Ctrl-C) to end the run after the current step."""

    asked = False


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """What is started now has SIGINT blocked: Ctrl-C in a terminal goes to the workers too, and one that is still being
    loaded would answer it with a traceback. One that comes meanwhile reaches this process afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its start would let SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def scored_on(judge: Scorer) -> str:
    """How many items the scores compare, and by which features; or what the judge says of itself."""
    if said := getattr(judge, "about", ""):
        return str(said)
    by = f" by {' and '.join(extractor.name for extractor in judge.extractors)}" if judge.extractors else ""
    return f"scores compare {judge.n:,} samples with {judge.m:,} held-out {judge.noun}{by}"


def trained_by(events: Sequence[LoggedEvent]) -> list[str]:
    """By how many processes the run was trained from which step on, in a sentence; nothing where always by one."""
    counts: dict[int, int] = {}
    for event in events:
        if event.event in ("started", "goes on"):
            step = int(event.details["step"])
            counts = {earlier: count for earlier, count in counts.items() if earlier < step}
            counts[step] = int(event.details.get("processes", 1))
    if max(counts.values(), default=1) == 1:
        return []
    parts = [f"{count} from step {step:,} on" for step, count in counts.items()]
    return [f"Processes that trained the run together: {', '.join(parts)}."]


def last_word(
    folder: RunFolder, recipe: Recipe, games: Sequence[tuple[int, Any]], ended: int, best: int | None
) -> FinalScores | None:
    """Scores at the end, whose weights are in the networks now, and at the best step, whose weights are there after.

    Args: games: (last step of a stage, its game), in order; ended, best: steps (best None: no score was taken).

    Returns None where the recipe has no such judge, or keeps too few items back for it.
    """
    from poise.training.checkpoint import load

    judge = recipe.final() if recipe.final is not None and best is not None else None
    end = judge.score(recipe.sampler) if judge is not None else {}
    if judge is None or best is None or not end:
        return None
    found = end
    if best != ended:
        game = next(game for last, game in games if best <= last)
        load(folder.checkpoints / f"step-{best:08d}", game, recipe.execution)
        found = judge.score(recipe.sampler)
    about = f"{scored_on(judge)}, others than those of the scores while training"
    return FinalScores(about, end, found, {"end": ended, "best": best})
