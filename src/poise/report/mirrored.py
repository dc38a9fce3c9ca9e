"""What a run records, sent to a tracker as well: TensorBoard files, Weights & Biases, MLflow, Trackio.

The record of the run stays what counts. A tracker that fails is told once, gets nothing more, and never ends a run.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.installing import install, interpreter
from poise.report.live import ShownFinding, View
from poise.terminal import pasted

PROJECT = "poise"
PICTURES = (".png", ".jpg")


class Tracker(ABC):
    """Somebody who keeps numbers by step. Args: package, the module of its package."""

    package: ClassVar[str]
    extra: ClassVar[str] = ""  # of Poise, that installs it

    def __init__(self, module: Any) -> None:
        self.module = module

    @abstractmethod
    def open(self, folder: Path, spec: RunSpec, done: int) -> None:
        """Begin, or go on after step `done`."""

    @abstractmethod
    def numbers(self, step: int, entry: Mapping[str, float]) -> None:
        """Numbers of a step, all finite."""

    def picture(self, step: int, path: Path) -> None:  # noqa: B027
        """A grid of samples, for those that take pictures."""

    @abstractmethod
    def close(self) -> None: ...


class TensorBoard(Tracker):
    """Files below RUN/tensorboard; what was written after the step that a run goes on from is taken back."""

    package, extra = "tensorboardX", "tensorboard"

    def open(self, folder: Path, spec: RunSpec, done: int) -> None:
        self.writer = self.module.SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1 if done else None)

    def numbers(self, step: int, entry: Mapping[str, float]) -> None:
        for name, value in entry.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def picture(self, step: int, path: Path) -> None:
        import numpy as np
        from PIL import Image

        with Image.open(path) as image:
            self.writer.add_image("samples", np.asarray(image.convert("RGB")), step, dataformats="HWC")

    def close(self) -> None:
        self.writer.close()


class Wandb(Tracker):
    """A run of the project "poise", with the same id whenever this run goes on."""

    package = "wandb"

    def open(self, folder: Path, spec: RunSpec, done: int) -> None:
        self.run = self.module.init(
            project=PROJECT,
            name=folder.name,
            id=identity(folder),
            resume="allow",
            config=dict(spec.arguments),
        )  # its own files lie where wandb puts them: it makes links, and a run folder has none

    def numbers(self, step: int, entry: Mapping[str, float]) -> None:
        self.run.log(dict(entry), step=step)

    def picture(self, step: int, path: Path) -> None:
        self.run.log({"samples": self.module.Image(str(path))}, step=step)

    def close(self) -> None:
        self.run.finish()


class MLflow(Tracker):
    """A run of the experiment "poise"; where it goes on, it is looked for by the tag poise.run."""

    package = "mlflow"

    def open(self, folder: Path, spec: RunSpec, done: int) -> None:
        self.module.set_experiment(PROJECT)
        mine = identity(folder)
        known = self.module.search_runs(filter_string=f"tags.`poise.run` = '{mine}'", output_format="list")
        if done and known:
            self.module.start_run(run_id=known[0].info.run_id)
            return
        self.module.start_run(run_name=folder.name, tags={"poise.run": mine})
        self.module.log_dict(dict(spec.arguments), "arguments.json")

    def numbers(self, step: int, entry: Mapping[str, float]) -> None:
        self.module.log_metrics({re.sub(r"[^\w./ -]", "_", name): value for name, value in entry.items()}, step=step)

    def picture(self, step: int, path: Path) -> None:
        self.module.log_artifact(str(path), "samples")

    def close(self) -> None:
        self.module.end_run()


class Trackio(Tracker):
    """A run of the project "poise", gone on with by its name."""

    package = "trackio"

    def open(self, folder: Path, spec: RunSpec, done: int) -> None:
        self.module.init(project=PROJECT, name=folder.name, config=dict(spec.arguments), resume="allow", embed=False)

    def numbers(self, step: int, entry: Mapping[str, float]) -> None:
        self.module.log(dict(entry), step=step)

    def close(self) -> None:
        self.module.finish()


TRACKERS: dict[str, type[Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": MLflow,
    "trackio": Trackio,
}


def identity(folder: Path) -> str:
    """The same for a run folder whenever it is opened: letters and digits."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def mirrored(view: View, names: Sequence[str]) -> View:
    """A view that shows what `view` shows and sends numbers to trackers.

    Each recorded number under its own name, the step being how many were made; grids of samples where the tracker takes
    pictures; finding/NAME is 1 at each look at which something is found. Numbers that are not finite are left out.

    Errors: PoiseError for a name that is not known or whose package is not there, before anything is opened.
    """
    found = {}
    for name in dict.fromkeys(names):
        if name not in TRACKERS:
            raise PoiseError(f"--mirror {name} is unknown; use {', '.join(TRACKERS)}")
        kind = TRACKERS[name]
        try:
            found[name] = kind(importlib.import_module(kind.package))
        except ImportError:
            how = install(kind.extra, kind.package) if kind.extra else ""
            how = how or f"{pasted(interpreter())} -m pip install {kind.package}"
            raise PoiseError(f"--mirror {name} needs the package {kind.package}: {how}") from None
        except Exception as error:  # a package that is there and cannot be loaded raises what it likes
            reason = " ".join(str(error).split())[:150]
            raise PoiseError(
                f"--mirror {name}: {kind.package} cannot be loaded ({type(error).__name__}: {reason}); repair it, or "
                "leave out --mirror"
            ) from None
    return Mirrored(view, found) if found else view


class Mirrored(View):
    """Args: view, what is shown; trackers, name -> tracker."""

    def __init__(self, view: View, trackers: Mapping[str, Tracker]) -> None:
        self.view, self.trackers, self.pictures = view, dict(trackers), view.pictures
        self.begun = False

    def open(self, folder: Path, spec: RunSpec, done: int, total: int) -> None:
        self.view.open(folder, spec, done, total)
        self.begun = True
        self._each("open", folder, spec, done)

    def step(self, made: int, entry: Mapping[str, float]) -> None:
        self.view.step(made, entry)
        self._numbers(made, entry)

    def scores(self, made: int, scores: dict[str, float], floor: dict[str, float]) -> None:
        self.view.scores(made, scores, floor)  # they are among the numbers of the step

    def findings(self, made: int, found: Sequence[ShownFinding]) -> None:
        self.view.findings(made, found)
        self._numbers(made, {f"finding/{finding.name}": 1.0 for finding in found})

    def shown(self, made: int, path: Path, next_step: int, ahead: float | None) -> None:
        self.view.shown(made, path, next_step, ahead)
        if path.suffix in PICTURES:
            self._each("picture", made, path)

    def say(self, line: str) -> None:
        self.view.say(line)

    def close(self) -> None:
        if self.begun:  # else there is nothing to close, and nobody to tell
            self._each("close")
        self.view.close()

    def _numbers(self, step: int, entry: Mapping[str, float]) -> None:
        known = {name: float(value) for name, value in entry.items() if name != "step" and math.isfinite(value)}
        if known:
            self._each("numbers", step, known)

    def _each(self, method: str, *given: Any) -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                getattr(tracker, method)(*given)
            except Exception as error:  # whatever a tracker raises: the run is worth more
                del self.trackers[name]
                reason = " ".join(str(error).split())[:150]
                self.view.say(
                    f"--mirror {name} failed ({type(error).__name__}: {reason}): it gets nothing more, the run goes on"
                )
