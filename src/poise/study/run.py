"""The one door: `run(spec, out) -> report`. Command line, tests and studies all train through it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from poise.errors import NonFinite, PoiseError
from poise.recipes.recipe import Judge, Monitor, Recipe
from poise.record import RunFolder, runs_root, write_json
from poise.report.conclude import best, conclude
from poise.report.live import Silent, View
from poise.report.picture import save_grid
from poise.study.spec import completed, instantiated, kind_of, run_name, versions

GRID = 64  # pictures in a sample grid
GRID_SEED = 1_234_567  # the noise of the grids is the same in every run
MINUTE = 60.0


class Interrupted(Exception):
    """Somebody asked the run to stop; its state is saved."""


class Stop:
    """Set from outside (Ctrl-C) to end the run after the current step."""

    asked = False


def run(
    spec: dict[str, Any], out: str | Path | None = None, view: View | None = None, stop: Stop | None = None
) -> dict[str, Any]:
    """Train what `spec` describes, or go on where it stopped, or return the report of a run that is done.

    Args:
        spec: {"recipe": "images", "arguments": {"data": ..., "steps": ..., ...}}; arguments that are not given take
            the defaults of the recipe's signature.
        out: the run folder; by default `runs/RECIPE-DATA-HASH`, so that the same spec is the same run.
        view: shows progress; by default nothing.
        stop: lets a signal handler end the run after the current step.

    Returns:
        The content of `report.json`.

    Raises:
        PoiseError: bad arguments or data, before anything is written; NonFinite: the run diverged.
        Interrupted: `stop` was set; the state is saved and `run` goes on from it.
    """
    recipe = spec["recipe"]
    arguments = completed(recipe, spec["arguments"])
    folder = RunFolder(Path(out) if out else runs_root() / run_name(recipe, arguments))
    if (folder.path / "spec.json").exists():
        known = folder.spec()
        if known["recipe"] != recipe or known["arguments"] != arguments:
            raise PoiseError(f"{folder.path} holds a run with other arguments; choose another --out")
        if folder.done:
            return folder.report()
    elif folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise PoiseError(f"{folder.path} exists and is not a run folder; choose another --out")
    built = kind_of(recipe).build(**instantiated(recipe, arguments))
    described = {"recipe": recipe, "arguments": arguments, "facts": built.facts, "versions": versions()}
    if not (folder.path / "spec.json").exists():
        folder.create(described)
    elif known["facts"]["fingerprint"] != built.facts["fingerprint"]:
        raise PoiseError(f"the data of {folder.path} has changed since the run began; start a new run with --out")
    with folder.locked():
        session = Session(folder, built, view or Silent(), stop or Stop())
        try:
            return session.train(described)
        finally:
            folder.close()
            session.view.close()


def scored_on(judge: Judge) -> str:
    """How many pictures the scores compare, and by which features."""
    by = " and ".join(extractor.name for extractor in judge.extractors) or "nothing"
    return f"scores compare {judge.n:,} samples with {judge.m:,} held-out pictures by {by}"


class Session:
    """One sitting of a run: from where it was to the end, or until it is stopped."""

    def __init__(self, folder: RunFolder, recipe: Recipe, view: View, stop: Stop) -> None:
        self.folder, self.recipe, self.view, self.stop = folder, recipe, view, stop
        self.judge: Any = None
        self.monitor: Monitor | None = None
        self.total = sum(stage.steps for stage in recipe.stages)
        self.saved_at = time.monotonic()
        self.scoring = 0.0

    def train(self, spec: dict[str, Any]) -> dict[str, Any]:
        from poise.training.loop import train

        done = self._restore()
        self.view.open(self.folder.path, spec, done, self.total)
        for note in self.recipe.notes:
            self.view.say(note)
        self.folder.event("goes on" if done else "started", step=done)
        began, first = time.monotonic(), done
        offset = 0
        for stage in self.recipe.stages:
            self.game = stage.game
            if done < offset + stage.steps:
                try:
                    train(
                        stage.game,
                        stage.stream,
                        range(done - offset, stage.steps),
                        self.recipe.seed,
                        stage.dials,
                        partial(self._watch, offset),
                        self.recipe.how,
                        detail_every=self.recipe.cadence.log,
                    )
                except NonFinite as error:
                    raise self._diverged(error) from None
            offset += stage.steps
            done = max(done, offset)
        elapsed = time.monotonic() - began
        report = conclude(self.folder, spec, self.total, self.judge.floor() if self.judge else {})
        report["seconds"] = {"this sitting": round(elapsed, 1), "scoring": round(self.scoring, 1)}
        report["steps_this_sitting"] = self.total - first
        write_json(self.folder.path / "report.json", report)
        (self.folder.path / "DONE").touch()
        self.folder.event("finished", step=self.total)
        return report

    def _restore(self) -> int:
        """Put the newest checkpoint back, if there is one; returns the steps that are done."""
        from poise.training.checkpoint import latest, load

        self.folder.sweep()
        newest = latest(self.folder.checkpoints)
        done = 0 if newest is None else load(newest, self.recipe.stages[-1].game, self.recipe.how)
        self.folder.rewind(done)
        self.best = best(self.folder.rows())
        return done

    def _watch(self, offset: int, step: int, row: dict[str, Any]) -> None:
        """After each step of a stage that began `offset` steps in: the record, pictures, scores, checkpoints."""
        step += offset
        made, cadence = step + 1, self.recipe.cadence
        entry: dict[str, Any] = {}
        if step % cadence.log == 0:
            entry = {name: float(value) for name, value in row.items()}
        if step % cadence.probe == 0:
            entry |= self._monitor()(step // cadence.probe)
        if made % cadence.sample == 0 or made == self.total:
            save_grid(self.recipe.sampler(GRID, GRID_SEED), self.folder.samples / f"{made:08d}.png")
        if made in cadence.scores:
            entry |= self._score(made)
        if entry:
            self.folder.add({"step": step, **entry})
        self.view.step(made, entry)
        due = cadence.checkpoint and made % cadence.checkpoint == 0
        late = cadence.checkpoint is None and time.monotonic() - self.saved_at > MINUTE
        if due or late or self.best.get("step") == made or made == self.total or self.stop.asked:
            self._save(made, row)
        if self.stop.asked and made < self.total:
            self.folder.event("stopped", step=made)
            raise Interrupted(f"stopped after step {made}")

    def _monitor(self) -> Monitor:
        if self.monitor is None:
            self.monitor = self.recipe.monitor()
        return self.monitor

    def _score(self, made: int) -> dict[str, float]:
        """Scores of the averaged generator against the held-out pictures, for the record."""
        began = time.monotonic()
        if self.judge is None and self.recipe.judge is not None:
            self.judge = self.recipe.judge()
            for note in self.judge.missing:
                self.view.say(note)
            self.view.say(scored_on(self.judge))
        if self.judge is None:
            return {}
        taken = self.judge.score(self.recipe.sampler)
        entry = {f"score/{name}": value for name, value in taken.items()}
        now = best([{"step": made - 1, **entry}])
        if now and now["value"] < self.best.get("value", float("inf")):
            self.best = now
        self.view.scores(made, taken, self.judge.floor())
        self.scoring += time.monotonic() - began
        return entry

    def _save(self, made: int, row: dict[str, Any]) -> None:
        """A checkpoint, unless a number of this step is not finite: such a state is never saved."""
        from poise.training.checkpoint import prune, save
        from poise.training.loop import verify

        for name, value in row.items():
            player, _, what = name.partition("/")
            verify(player, made - 1, {what: value})
        save(self.folder.checkpoints, made, self.game, self.recipe.how)
        prune(self.folder.checkpoints, self.best.get("step"))
        self.saved_at = time.monotonic()

    def _diverged(self, error: NonFinite) -> PoiseError:
        from poise.training.checkpoint import latest

        good = latest(self.folder.checkpoints)
        self.folder.event("diverged", step=error.step, player=error.player, term=error.what)
        where = f"the last good checkpoint is {good}" if good else "there is no earlier checkpoint"
        return PoiseError(f"{error}; {where}")
