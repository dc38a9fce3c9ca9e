"""`poise scan`: the strength at which a penalty kills, by a bisection of short runs.

A strength is too large where the run diverges, where the player is dead at its end, or where it ends with a finding
that says so. 0 is tried first: what is wrong without the penalty is not the penalty's fault. Nor is what is wrong where
the penalty was less than a hundredth of the gradient all the time: short runs are near the edge of learning anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from poise.disk.description import Arguments, AskedRun
from poise.errors import PoiseError, nearest
from poise.record import RunFolder
from poise.report.table import number
from poise.runs.report import RunReport
from poise.specs.spec import completed, run_name
from poise.tuning.space import put, rounded

TOO_LARGE = ("dead discriminator", "strength too large", "nothing was learnt")  # findings
LOWEST, HIGHEST = 1e-6, 100.0
SCANNED = 600  # steps of a run, where nobody says
BLAMED = 0.01  # share of the gradient that a penalty has at some step, if it is to blame
CLOSE = 2.0  # the bisection ends where the dead strength is at most so many times the living one


class OneRun(Protocol):
    """Trains one run into a folder: `poise.runs.run.run`."""

    def __call__(self, spec: AskedRun, path: Path) -> object: ...


@dataclass(frozen=True)
class Scanned:
    """What a scan found: the largest strength that lived, the smallest that did not (None: none up to the highest that
    was tried), and a sentence."""

    lives: float
    dies: float | None
    sentence: str


def strength_of(arguments: Mapping[str, object], asked: str | None) -> str:
    """The option that is scanned: the one that is asked for, or the discriminator's λ, or the first λ that there is.

    Errors: PoiseError for an unknown one.
    """
    known = [name for name, value in arguments.items() if name.startswith("l2_") and value is not None]
    if asked is not None:
        name = asked.removeprefix("--").replace("-", "_")
        if name not in known:
            near = nearest(name, known, ".")
            raise PoiseError(f"--penalty {asked} is no strength of this recipe{near} Known: {', '.join(known)}")
        return name
    if not known:
        raise PoiseError("this recipe has no strength to scan")
    return "l2_discriminator" if "l2_discriminator" in known else known[0]


def scan(
    recipe: str,
    arguments: Arguments,
    name: str,
    runs: Path,
    train: OneRun,
    tell: Callable[[str], None] = lambda line: None,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
) -> Scanned:
    """Bisect between the strengths, in their logarithm.

    Args:
        recipe, arguments: of the runs, completed; name: the option of the strength.
        runs: where the run folders lie; those that are there already are read and not made again.
        train: trains one. tell: hears a line for each.
    Errors: PoiseError where the run does not live without the penalty, or dies at the lowest strength.
    """

    def wrong(strength: float) -> str:
        """What is wrong with a run of this strength; empty: nothing."""
        changed = dict(arguments)
        put(changed, name, strength)
        ready = completed(recipe, changed)
        folder = RunFolder(runs / run_name(recipe, ready))
        said = _trained(recipe, ready, folder, train)
        if said and strength and not blamed(folder, strength):
            tell(f"{name} {strength:g}: {said}, but the penalty was too weak for that: alive")
            return ""
        tell(f"{name} {strength:g}: {said or 'alive'}")
        return said

    without = wrong(0.0)
    if without:
        raise PoiseError(
            f"{name} 0: {without}: that is not the penalty's fault; train longer (--steps), or at other rates"
        )
    if not wrong(highest):
        return Scanned(highest, None, f"{name}: alive up to {highest:g}, the highest that was tried")
    if wrong(lowest):
        raise PoiseError(f"{name} {lowest:g} is already too much here: use none")
    lives, dies = lowest, highest
    while dies / lives > CLOSE:
        middle = rounded(math.sqrt(lives * dies))
        if wrong(middle):
            dies = middle
        else:
            lives = middle
    return Scanned(lives, dies, f"{name}: alive at {number(lives)}, too large at {number(dies)}")


def blamed(folder: RunFolder, strength: float) -> bool:
    """Whether a penalty of this strength was ever a hundredth of the gradient or more; others have no say, unless none
    is recorded with it."""
    shares: dict[str, float] = {}
    mine = set()
    for row in folder.rows():
        for key, value in row.items():
            name, _, what = key.rpartition(".")
            if what == "share":
                shares[name] = max(value, shares.get(name, 0.0))
            elif what == "strength" and math.isclose(value, strength, rel_tol=1e-6):
                mine.add(name)
    counted = [share for name, share in shares.items() if name in mine] or list(shares.values())
    return max(counted, default=1.0) >= BLAMED


def _trained(recipe: str, ready: Arguments, folder: RunFolder, train: OneRun) -> str:
    """Train the run where it is not over; what is wrong with it, in a word."""
    if not folder.done and not folder.diverged:
        try:
            train({"recipe": recipe, "arguments": ready}, folder.path)
        except PoiseError:
            if not folder.diverged:
                raise
    if folder.diverged:
        return "it diverges"
    alive: dict[str, float] = {}
    for row in folder.rows():
        alive |= {key.removesuffix("/alive"): value for key, value in row.items() if key.endswith("/alive")}
    for player, value in alive.items():
        if not value:
            return f"the {player} is dead at the end"
    named = {found.name for found in RunReport.of(folder).findings}
    return next((finding for finding in TOO_LARGE if finding in named), "")
