"""Studies whose runs are made in this process, one after the other: pieces that their tests share."""

from __future__ import annotations

from pathlib import Path

import yaml

from poise.runs.ending import Interrupted
from poise.runs.run import run
from poise.studies.plans.files import executed

FILE = str(Path(__file__).with_name("toy_study.py"))


class Here:
    """A pool without workers: every task in this process."""

    most: int | None = None  # runs after which somebody presses Ctrl-C
    trained = 0

    def __init__(self, workers, runs, code, view, stop, desk=None):
        self.runs, self.view = runs, view
        Here.asked = workers, code

    def train(self, tasks):
        for task in tasks:
            if self.trained == self.most:
                raise Interrupted("stopped")
            self.view.began(task)
            run(task.spec, self.runs / task.name)
            type(self).trained += 1
            self.view.ended(task, "done")


TABLE = {
    **executed(FILE)["STUDY"],
    "seeds": 1,
    "arguments": {"data": "points", "steps": 8},
    "endpoints": {
        "distance": {"score": "distance", "at": "best", "better": "lower", "margin": 0.5},
        "reach": {"mean": "point/reach", "over": "last half", "better": "higher"},
    },
}


def write(folder, **changes):
    (folder / "study.yaml").write_text(yaml.safe_dump({**TABLE, **changes}, sort_keys=False))


def words(folder, *more):
    return ["study", str(folder / "study.yaml"), "--out", str(folder / "s"), *more]


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
