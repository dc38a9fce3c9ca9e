"""Pictures soon: real ones and those of step 0 at once, then after 1, 2 and 5 minutes, whatever the steps say; and none
of steps that are to be made again."""

from __future__ import annotations

import re
import time
from pathlib import Path

from poise.disk import remove
from poise.recipes.common.recipe import Recipe
from poise.record import RunFolder
from poise.report.live import View

SAMPLES = re.compile(r"\d{8}(-reconstructions|-interpolations)?(\.\w+)?")  # a file or a folder, of so many steps
MINUTES = (1.0, 2.0, 5.0, 10.0, 20.0)  # of this sitting; later ones come by steps alone
CLOSE = 20.0  # seconds: a picture that has just been made stands for one that is due


def forget_samples(folder: RunFolder, step: int) -> None:
    """Remove the samples of more than `step` steps, which are about to be made again: for the holder of the lock."""
    for path in list(folder.samples.glob(f"{8 * '[0-9]'}*")):
        if SAMPLES.fullmatch(path.name) and int(path.name[:8]) > step:
            if path.is_dir() and not path.is_symlink():
                remove(path)
            else:
                path.unlink(missing_ok=True)


class Early:
    """Decides when samples are due by the clock, and tells the view of each file and of the next one.

    Nothing of it touches what is trained: the record is the same with and without anybody watching.
    """

    def __init__(self, folder: RunFolder, recipe: Recipe, view: View, total: int) -> None:
        self.folder, self.recipe, self.view, self.total = folder, recipe, view, total
        self.began = self.last = time.monotonic()
        self.marks = [60 * minutes for minutes in MINUTES] if view.pictures else []

    def begin(self, done: int) -> None:
        """The real items, and what the untrained networks make."""
        if not self.view.pictures:
            return
        real = self.folder.samples / "real"
        there = sorted(self.folder.samples.glob("real.*"))
        if self.recipe.real is not None and not there:
            there = [self.recipe.real(real)]
        if there:
            self.view.say(f"real ones, to compare: {there[0]}")
        if done == 0:
            self.shown(0, self.recipe.show(self.folder.samples / f"{0:08d}"))
        else:
            self.view.say(f"samples go on in {self.folder.samples}")

    def due(self) -> bool:
        """Whether a picture is due by the clock."""
        now = time.monotonic()
        if not self.marks or now - self.began < self.marks[0]:
            return False
        self.marks.pop(0)
        return now - self.last > CLOSE

    def shown(self, made: int, path: Path) -> None:
        """A file of samples was written after `made` steps."""
        self.last = time.monotonic()
        ahead = self.marks[0] - (self.last - self.began) if self.marks else None
        every = self.recipe.cadence.sample
        self.view.shown(made, path, min(self.total, (made // every + 1) * every), ahead)
