"""With which probability pictures are augmented: always, by a schedule, or steered by what D has memorised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from poise.core import Batch, ScheduledValue, value_at
from poise.data.images.images import ImageSet
from poise.data.images.stream import ImageStream
from poise.errors import PoiseError
from poise.games.adversarial import Adversarial
from poise.games.augment import EVERYTHING, Augmentation
from poise.monitor.measures import auc
from poise.recipes.common.options import RunOptions
from poise.training.precision import Execution
from poise.training.schedules import Scheduled, bounds, number_or_schedule

STEERED = "steered"
NAME = "augment_probability"  # in the record
FLAG = "--augment-probability"
LOOK = 64  # pictures of either kind at a look
EVERY = 4  # steps between looks
DECAY = 0.95  # of the average over looks: some twenty of them, so that one look of 64 and 64 does not decide
TARGET = 0.55  # of the AUC of training above held-out pictures: half of what the monitor calls memorising
APART = 2**20  # draws ahead of those of training, so that looks have an order of their own
REACH = 100_000  # pictures in which the probability can come from 0 to 1


class Steering:
    """Step -> the probability at it: up while D tells training from held-out pictures, down while it does not.

    ADA's idea (Karras et al. 2020) on a number that says memorising and nothing else. At each `EVERY`-th step D judges
    LOOK training and LOOK held-out pictures, not augmented, and with A the running average of the AUC of the former
    above the latter p ← p + sign(A − TARGET)·EVERY·batch/REACH, within 0 and 1. A begins at ½.

    A state (`state_dict`) goes into the checkpoint; what is looked at hangs on the step alone. In the order of training
    a batch of 8 would make every look one at what D has not seen for longest.

    Args:
        discriminator: batch -> D's output on each item [n].
        training, heldout: draw number -> batch.
        batch: pictures of a move.
    """

    def __init__(
        self,
        discriminator: Callable[[Batch], Tensor],
        training: Callable[[int], Batch],
        heldout: Callable[[int], Batch],
        batch: int,
    ) -> None:
        self.discriminator, self.training, self.heldout = discriminator, training, heldout
        self.stride = EVERY * batch / REACH
        self.probability, self.average, self.ahead = 0.0, 0.5, APART

    def __call__(self, step: int) -> float:
        if step % EVERY == 0:
            look = step // EVERY + self.ahead
            seen = auc(self.discriminator(self.training(look)), self.discriminator(self.heldout(look)))
            self.average += (1 - DECAY) * (seen - self.average)
            way = self.stride if self.average > TARGET else -self.stride
            self.probability = min(max(self.probability + way, 0.0), 1.0)
        return self.probability

    def state_dict(self) -> dict[str, float]:
        return {"probability": self.probability, "average": self.average, "ahead": self.ahead}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.probability, self.average = state["probability"], state["average"]
        self.ahead = int(state.get("ahead", 0))  # runs of before looked in the order of training


def kinds(augment: str, probability: Scheduled) -> str:
    """The kinds of augmentation that are asked for: all where a probability is given and nobody says of which; none
    where it is 0.

    Errors: PoiseError for a probability beside no augmentation.
    """
    if probability == 1.0:
        return augment
    if augment == "none":
        raise PoiseError(f"{FLAG} {probability}: with --augment none there is nothing to apply; leave one of them out")
    if probability == 0.0:
        return "none"
    return EVERYTHING if augment == "auto" else augment


def begins_at_zero(probability: Scheduled) -> bool:
    """Whether D sees pictures as they are at first, and may go on doing so."""
    if probability == STEERED:
        return True
    return value_at(number_or_schedule(probability, FLAG, steps=1), 0) == 0


def opinions(game: Adversarial, execution: Execution) -> Callable[[Batch], Tensor]:
    """D's output on plain pictures, averaged over heads: [n], in evaluation mode and without a graph."""

    def judged(batch: Batch) -> Tensor:
        net: Any = game.discriminator
        training = net.training
        with torch.no_grad(), execution.autocast(False):
            made: Tensor = net.eval()(batch.real, batch.cond).means()
        net.train(training)
        return made.float()

    return judged


def probability_dials(
    asked: Scheduled, game: Adversarial, pictures: ImageSet, run: RunOptions, execution: Execution
) -> list[ScheduledValue]:
    """What sets the probability of the game's augmentation before each step; nothing where it is always 1.

    Errors: PoiseError for a probability above 1, or for steering where no pictures are held out.
    """
    if asked in (0.0, 1.0) or not isinstance(game.view, Augmentation):
        return []
    view, at = game.view, _course(asked, run.steps)
    if at is None:
        if not len(pictures.heldout):
            raise PoiseError(f"{FLAG} {STEERED} needs held-out pictures, and none are: use --heldout 0.1, or a number")
        few = min(LOOK, len(pictures.train), len(pictures.heldout))
        labels = bool(game.discriminator.classes)
        training = ImageStream(pictures, few, run.seed, execution.device, labels, "train")
        heldout = ImageStream(pictures, few, run.seed, execution.device, labels, "heldout")
        at = game.modules["augment"] = Steering(opinions(game, execution), training, heldout, run.batch)

    def apply(value: float) -> None:
        view.probability = value

    apply(0.0)
    return [ScheduledValue(NAME, at, apply)]


def _course(asked: Scheduled, steps: int) -> Callable[[int], float] | None:
    """Step -> probability; None where it is steered."""
    if asked == STEERED:
        return None
    found = number_or_schedule(asked, FLAG, steps)
    course = found if callable(found) else lambda step: float(found)
    _, most = bounds(found, steps)
    if most > 1:
        raise PoiseError(f"{FLAG} must be at most 1, not {most:g}: a number, a schedule or {STEERED}")
    return course
