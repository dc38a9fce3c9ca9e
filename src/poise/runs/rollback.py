"""Rolling a sick run back, to which checkpoint and with which change; and taking one back to an earlier step by hand.

A run that is rolled back goes on from an earlier checkpoint with a halved learning rate or a weaker penalty. What was
changed stands in `remedies.json` in the run folder and is applied whenever the run is opened, so a run that is stopped
and resumed equals one that was not. Files of later steps are removed first and `remedies.json` is written after:
a process killed in between only repeats the divergence, and the rollback with it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.disk import read_json, remove, write_json
from poise.errors import PoiseError
from poise.monitor import Finding
from poise.record import RunFolder
from poise.runs.early import forget_samples
from poise.runs.further.evaluated import set_aside

if TYPE_CHECKING:
    from poise.core import Game, ScheduledValue
    from poise.recipes.common.recipe import Stage

FILE = "remedies.json"
KEPT = 2  # regular checkpoints from before the trouble that are kept for rolling back, beside the first
BOTH = "lr"  # all learning rates
HALF, WEAKER = 0.5, 0.1  # factors on a learning rate, and on a penalty that is too strong

# Cause -> what is changed ("lr", "PLAYER/lr" or "PLAYER/regularisers") and by which factor. What is not here is no
# reason to roll back: neither a lower rate nor a weaker penalty bounds a Wasserstein critic.
TREATED = {
    "not finite": (BOTH, HALF),
    "exploding gradient": (BOTH, HALF),
    "generator collapse": ("generator/lr", HALF),
    "dead discriminator": (BOTH, HALF),
    "discriminator killed by its penalty": ("discriminator/regularisers", WEAKER),
}


@dataclass(frozen=True)
class Rollback:
    """One rollback: what was found at `step`, the checkpoint that the run went back to, and what was changed."""

    step: int
    cause: str  # the finding's name, or "not finite"
    sentence: str
    back_to: int
    what: str  # see TREATED
    factor: float

    @property
    def change(self) -> str:
        player, _, kind = self.what.rpartition("/")
        if kind == "regularisers":
            return f"all penalties of the {player} times {self.factor:g}"
        if kind == "penalties":  # what runs of earlier versions were told
            return f"the penalties on the {player}'s weights times {self.factor:g}"
        return f"{f'the learning rate of the {player}' if player else 'all learning rates'} times {self.factor:g}"

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "change": self.change}

    def line(self) -> str:
        return f"rolled back from step {self.step:,} to {self.back_to:,} ({self.cause}): {self.change}"


class Divergence(Exception):
    """A finding on which the run is to be rolled back."""

    def __init__(
        self, cause: str, sentence: str, since: int, step: int, roles: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.cause, self.sentence, self.since, self.step, self.roles = cause, sentence, since, step, roles or {}

    @classmethod
    def of(cls, finding: Finding, step: int, roles: Mapping[str, str] | None = None) -> Divergence | None:
        """None where rolling back would not help. `roles`: see `Record.roles`."""
        killed = finding.name == "dead discriminator" and finding.numbers.get("killed by its penalty", 0) > 0
        cause = "discriminator killed by its penalty" if killed else finding.name
        return cls(cause, finding.sentence, finding.since, step, roles) if cause in TREATED else None

    @property
    def treatment(self) -> tuple[str, float]:
        """What is to be changed, by which factor."""
        what, factor = TREATED[self.cause]
        player, slash, kind = what.rpartition("/")
        return f"{self.roles.get(player, player)}{slash}{kind}", factor


class Rollbacks:
    """The rollbacks of one run, on the disk and in the game."""

    def __init__(self, folder: RunFolder, most: int) -> None:
        self.path, self.most = folder.path / FILE, most
        self.made = _kept(self.path)

    def factor(self, *what: str) -> float:
        """The product of all changes to any of these."""
        return math.prod(remedy.factor for remedy in self.made if remedy.what in what)

    def apply(self, game: Game[Any], base: dict[str, list[float]]) -> None:
        """Put the changes into a game whose state was loaded; `base`: player -> the rates that were asked for."""
        for player in game.players:
            for group, rate in zip(player.optim.param_groups, base[player.name], strict=True):
                group["lr"] = rate * self.factor(BOTH, f"{player.name}/lr")
            for penalty in player.penalties:
                penalty.factor = self.factor(f"{player.name}/penalties", f"{player.name}/regularisers")
            for term in (term for term in player.terms if term.regularises):
                term.factor = self.factor(f"{player.name}/regularisers")

    def put_into(self, stage: Stage, base: dict[str, list[float]]) -> list[ScheduledValue]:
        """Into the game of a stage; returns its dials with them."""
        self.apply(stage.game, base)
        return self.dials(stage.dials)

    def dials(self, dials: Sequence[ScheduledValue]) -> list[ScheduledValue]:
        """Scheduled learning rates with the changes in them."""
        from poise.core import ScheduledValue

        def times(dial: ScheduledValue) -> ScheduledValue:
            factor = self.factor(BOTH, dial.name)
            return ScheduledValue(dial.name, lambda step: dial.schedule(step) * factor, dial.apply)

        return [times(dial) if dial.name.endswith("/lr") else dial for dial in dials]

    def roll_back(self, sick: Divergence, checkpoints: Sequence[Path], every: int) -> Rollback:
        """Choose the checkpoint, remove what came after it, and write the change down.

        The newest regular checkpoint from before the trouble began; when the last rollback did not get farther than two
        checkpoints beyond the step at which the trouble was seen then, one earlier than last time.
        """
        steps = {int(path.name.removeprefix("step-")): path for path in checkpoints}
        regular = sorted(step for step in steps if step % every == 0 and step <= sick.since)
        if self.made and sick.step <= self.made[-1].step + 2 * every:
            regular = [step for step in regular if step < self.made[-1].back_to] or regular[:1]
        if (times := len(self.made)) >= self.most or not regular:
            reason = f"it was rolled back {times} times already" if regular else "no checkpoint is early enough"
            raise PoiseError(
                f"{sick.sentence.rstrip('.')}; the run stops at step {sick.step}, because {reason} "
                f"(--rollbacks {self.most}): lower the learning rates or change the penalties, and start a new run"
            )
        remedy = Rollback(sick.step, sick.cause, sick.sentence, regular[-1], *sick.treatment)
        for step, path in steps.items():
            if step > remedy.back_to:
                remove(path)
        self.made.append(remedy)
        write_json(self.path, [asdict(entry) for entry in self.made])
        return remedy


def _kept(path: Path) -> list[Rollback]:
    """The rollbacks that were made. Errors: PoiseError for a file that holds something else."""
    if not path.exists():
        return []
    damaged = PoiseError(f"{path} does not hold rollbacks: it is damaged; start a new run with --out")
    try:
        content = read_json(path)
        found = [Rollback(**entry) for entry in content]
    except TypeError:
        raise damaged from None
    if not isinstance(content, list) or not all(map(_sane, found)):
        raise damaged
    return found


def _sane(one: Rollback) -> bool:
    words, steps = (one.cause, one.sentence, one.what), (one.step, one.back_to)
    kinds = all(isinstance(word, str) for word in words) and all(isinstance(step, int) for step in steps)
    return kinds and isinstance(one.factor, int | float) and 0 <= one.factor <= 1 and one.back_to >= 0


def rates(game: Game[Any]) -> dict[str, list[float]]:
    """Player -> the learning rate of each group, as the recipe made them."""
    return {player.name: [float(group["lr"]) for group in player.optim.param_groups] for player in game.players}


def protected(made: int, every: int, lag: int) -> set[int]:
    """Steps whose checkpoints are kept for rolling back: the first, the last regular ones, and those from before what
    may be found now began, `lag` steps ago."""
    first = max(made - lag, 0) // every * every
    return {0, *(max(first - i * every, 0) for i in range(KEPT)), *range(first, made + 1, every)}


BACK = "back-to.json"  # is there while a run is being taken back
# What is decided while a run trains, and the key of the step from which on it holds; later ones may take it back.
DECIDED = {"remedies.json": "back_to", "threads.json": "step"}


def rewind(folder: RunFolder, step: int) -> int:
    """Make the run one that was stopped after its newest checkpoint of at most `step` steps; returns that step.

    Rollbacks to later steps and numbers of threads that were chosen later are forgotten with what they were decided on,
    so that the run goes on as one that was never farther. If it is killed in between, `taken_back` ends it. Only for
    the holder of the lock.

    Errors: PoiseError for a step before the first checkpoint that is kept, but 0.
    """
    folder.check_back_to(step)
    write_json(folder.path / BACK, {"step": step})
    set_aside(folder, step)
    left = folder.back_to(step)
    forget_samples(folder, left)
    for name, key in DECIDED.items():
        path = folder.path / name
        if not path.exists():
            continue
        with contextlib.suppress(PoiseError):  # a damaged file is told of when the run goes on
            found = read_json(path)
            if _steps(found, key):
                held = [min(entry[key] for entry in found[i:]) for i in range(len(found))]
                kept = [entry for entry, since in zip(found, held, strict=True) if since <= left]
                if kept:
                    write_json(path, kept)
                else:
                    path.unlink()
    (folder.path / BACK).unlink()
    return left


def unfinished(folder: RunFolder) -> int | None:
    """To which step a run was being taken back when that was killed."""
    path = folder.path / BACK
    if not path.exists():
        return None
    found = read_json(path)
    step = found.get("step") if isinstance(found, dict) else None
    if not isinstance(step, int):
        raise PoiseError(f"{path} does not hold a step: it is damaged; remove it, then take the run back once more")
    return step


def taken_back(folder: RunFolder, first: Callable[[], None] | None) -> None:
    """Do `first`, which may take the run back; where there is none, end what was killed while it did so."""
    step = unfinished(folder)
    if first is not None:
        first()
    elif step is not None:
        rewind(folder, step)


def _steps(found: Any, key: str) -> bool:
    """Whether this is a list of decisions with their steps."""
    return isinstance(found, list) and all(isinstance(entry, dict) and type(entry.get(key)) is int for entry in found)
