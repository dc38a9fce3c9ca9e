"""One sitting of a run, to the end or until it is stopped: what is recorded, shown and acted upon.

More than 250 lines, because what happens at a step, and in which order, is to be read in one place.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Mapping
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from poise.disk import read_json, write_json
from poise.disk.description import RunSpec
from poise.disk.rows import KeptRows, StepRow
from poise.errors import NonFinite, NothingToMeasure, PoiseError
from poise.monitor import Finding, Record, diagnose
from poise.recipes.common.recipe import Recipe
from poise.record import RunFolder
from poise.report.conclude import best, since_best
from poise.report.live import View
from poise.runs.early import Early, forget_samples
from poise.runs.ending import EarlyStop, Interrupted, Stop, last_word, scored_on, trained_by
from poise.runs.further.evaluated import forget, put_back
from poise.runs.further.lengthening import line_of
from poise.runs.report import RunReport, conclude
from poise.runs.rollback import Divergence, Rollbacks, protected, rates
from poise.specs.spec import kind_of

if TYPE_CHECKING:
    from poise.training.capture.record import Row
    from poise.training.following import Stretch

MINUTE = 60.0
LOOKS = 200  # diagnoses in a run, about: each reads the whole record
LAG = 8  # looks that it may take until trouble is seen


def lazily(row: Mapping[str, object]) -> list[str]:
    """Names of a step's numbers that are recorded whatever the step: shares of the gradient, with the penalty's value
    and strength."""
    found = []
    for name in row:
        if name.endswith(".share"):
            penalty = name.removesuffix(".share")
            found += [key for key in (penalty, f"{penalty}.strength", name) if key in row]
    return found


def little_covered(games: list[Any]) -> list[str]:
    """A line for each penalty on the weights that covers less than a half of its player's parameters."""
    players = {(player.name, id(player.module)): player for game in games for player in game.players}
    lines = []
    for player in players.values():
        for penalty in player.penalties:
            if not hasattr(penalty, "covers_of"):
                continue
            told = penalty.covers_of(player.module).warning()
            if told and penalty.strength != 0:
                lines.append(f"{player.name}: {told}")
    return list(dict.fromkeys(lines))


class Session:
    """One sitting of a run."""

    def __init__(self, folder: RunFolder, recipe: Recipe, spec: RunSpec, view: View, stop: Stop) -> None:
        from poise.training.checkpoint import initial

        self.folder, self.recipe, self.spec, self.view, self.stop = folder, recipe, spec, view, stop
        self.judge: Any = None
        self.announced = False  # what scores are of
        self.primary = kind_of(spec.recipe).primary
        # Before any checkpoint is loaded: what a monitor finds out of the networks must not depend on when the run was
        # resumed, nor what a stage begins with on what was trained when it was rolled back.
        self.monitors = [stage.monitor() if stage.monitor else None for stage in recipe.stages]
        self.ranks = recipe.execution.ranks
        self.fresh: list[Any] = []
        if len(recipe.stages) > 1:
            self.fresh = [initial(stage.game) for stage in recipe.stages]
        self.ends = list(accumulate(stage.steps for stage in recipe.stages))
        self.total, self.stage = self.ends[-1], 0
        self.formerly = [one.start for one in spec.lengthened if one.start < self.total]  # ends before it got longer
        self.base = [rates(stage.game) for stage in recipe.stages]
        self.remedies = Rollbacks(folder, recipe.acting.rollbacks)
        self.early = Early(folder, recipe, view, self.total)
        self.rows = KeptRows()
        self.findings: list[Finding] = []
        self.reported: set[Any] = set()  # names of findings that are events already
        self.saved_at = time.monotonic()
        self.scoring = 0.0

    @property
    def best_step(self) -> int | None:
        return self.best.step if self.best else None

    @property
    def may_roll_back(self) -> bool:
        return self.recipe.acting.on_divergence == "rollback"

    def train(self) -> RunReport:
        """Train to the end, however often the run has to be rolled back; returns the report."""
        done = first = self._restore()
        self.threads = self._threads()
        self.view.open(self.folder.path, self.spec, done, self.total)
        if self.recipe.execution.captures is not None:
            self.recipe.execution.captures.say = self.view.say
        self.notes = [*self.recipe.notes, *little_covered([stage.game for stage in self.recipe.stages])]
        for note in self.notes:
            self.view.say(note)
        several = {} if self.ranks.alone else {"processes": self.ranks.count}
        self.folder.event("goes on" if done else "started", step=done, **several)
        self.early.begin(done)
        try:
            return self._train(done, first)
        finally:
            self.threads.end()

    def _train(self, done: int, first: int) -> RunReport:
        began = time.monotonic()
        ended = self.total
        while True:
            try:
                if self._past_patience():
                    raise EarlyStop
                self._stages(done)
                break
            except EarlyStop:
                ended = self.rows[-1].step + 1
                self.folder.event("stopped early", step=ended, best=self.best_step)
                break
            except NonFinite as error:
                done = self._treat(Divergence("not finite", str(error), error.step, error.step), error)
            except Divergence as sick:
                done = self._treat(sick, None)
        return self._report(ended, time.monotonic() - began, ended - first)

    def _report(self, ended: int, elapsed: float, steps: int) -> RunReport:
        """Write `report.json` and DONE."""
        self.findings = diagnose(Record.of(self.rows, self.spec))
        if self.judge is None and self.recipe.judge is not None and self.best:  # all scores are of earlier sittings
            self.judge = self.recipe.judge()
        floor = self.judge.floor() if self.judge else {}
        report = conclude(self.folder, self.spec, ended, floor, self.primary)
        games = [(end, stage.game) for end, stage in zip(self.ends, self.recipe.stages, strict=True)]
        report.final = last_word(self.folder, self.recipe, games, ended, self.best_step)
        report.notes = self.notes  # what was left out of the data, what of it is covered, what a penalty leaves out
        report.findings = self.findings
        report.rollbacks = [remedy.line() for remedy in self.remedies.made]
        if ended < self.total:
            report.sentences.append(
                f"The run ended early, after {ended:,} of {self.total:,} steps: {self.recipe.acting.patience} scores "
                f"in a row were no better than that of step {self.best_step:,} (poise sample ... --step best)."
            )
        report.sentences += [f"The run was {line}." for line in report.rollbacks]
        report.sentences += trained_by(self.folder.events())
        if self.spec.lengthened:
            report.sentences.append(f"The run was lengthened {line_of(self.spec.lengthened)}.")
        left = [finding.name for finding in self.findings if finding.severity != "note"]
        if left and self.remedies.made:
            report.sentences.append(
                f"That did not mend everything ({', '.join(left)}): its scores may be worse than those of a new run "
                f"that begins with what was changed last."
            )
        report.seconds = {
            "this sitting": round(elapsed, 1),
            "scoring": round(self.scoring, 1),
            "monitoring": round(sum(m.seconds for m in self.monitors if m), 1),
        }
        report.steps_this_sitting = steps
        report.threads = [choice._asdict() for choice in self.threads.plan]
        write_json(self.folder.path / "report.json", put_back(self.folder, report.to_dict()))
        (self.folder.path / "DONE").touch()
        forget(self.folder)
        self.folder.event("finished", step=ended)
        return report

    def _stages(self, done: int) -> None:
        """What is left of the stages after `done` steps."""
        from poise.training.checkpoint import begin
        from poise.training.following import leading, led
        from poise.training.loop import fold_seed, train

        self.threads.begin(done)
        for i, (stage, end) in enumerate(zip(self.recipe.stages, self.ends, strict=True)):
            self.stage, first = i, end - stage.steps
            if done >= end:
                continue
            if done == first and i > 0:
                begin(stage.game, self.fresh[i], after=self.recipe.stages[i - 1].game)
                self.remedies.apply(stage.game, self.base[i])
            seed = self.recipe.seed
            if i > 0:
                seed = fold_seed(seed, 2**32 + i)  # no two stages share their noise
            steps = range(done - first, stage.steps)
            try:
                with leading(self.ranks, partial(self._stretch, steps, seed)):
                    train(
                        stage.game,
                        stage.stream,
                        steps,
                        seed,
                        self.remedies.dials(stage.dials),
                        led(self.ranks, partial(self._watch, first)),
                        self.recipe.execution,
                        detail_every=self.recipe.cadence.log,
                    )
            except NonFinite as error:  # it counts the steps of its stage
                raise NonFinite(error.player, error.what, error.value, first + error.step) from None
            done = end

    def _stretch(self, steps: range, seed: int) -> Stretch:
        """What the other processes need to train these steps of the present stage too."""
        from poise.training.following import Stretch, packed

        state, every = packed(self.game, self.recipe.execution), self.recipe.cadence.log
        return Stretch(self.stage, steps.start, steps.stop, seed, every, state, self.remedies.made)

    def _restore(self) -> int:
        """Put the newest checkpoint back, if there is one, with all remedies; returns the steps that are done."""
        from poise.training.checkpoint import check_newest, latest, load, save, step_of

        self.folder.sweep()
        check_newest(self.folder.checkpoints)
        newest = latest(self.folder.checkpoints)
        done = 0 if newest is None else step_of(newest)
        # A checkpoint at the end of a stage is that stage's: the next one begins from its modules.
        self.stage = min(bisect_left(self.ends, done), len(self.ends) - 1)
        if newest is not None:
            load(newest, self.game, self.recipe.execution)
        elif self.may_roll_back:
            save(self.folder.checkpoints, 0, self.game, self.recipe.execution)
        for one, base in zip(self.recipe.stages, self.base, strict=True):
            self.remedies.apply(one.game, base)
        self.folder.rewind(done)
        forget_samples(self.folder, done)
        self.rows = KeptRows(self.folder.each_row())
        self.best = best(self.rows, self.primary)
        self.reported = {event.details.get("name") for event in self.folder.events() if event.event == "finding"}
        return done

    @property
    def game(self) -> Any:
        """Of the stage that is being trained."""
        return self.recipe.stages[self.stage].game

    def _watch(self, offset: int, step: int, row: Row) -> None:
        """After each step of a stage that began `offset` steps in: the record, pictures, scores, checkpoints."""
        from poise.training.capture.record import fetched

        self.threads.computed()
        step += offset
        made, cadence = step + 1, self.recipe.cadence
        entry: dict[str, float] = {}
        if (step - offset) % cadence.log == 0:
            (entry,) = fetched([row])
        else:  # what a lazy penalty did, if it was measured here
            (entry,) = fetched([{name: row[name] for name in lazily(row)}])
        drawn = self.early.due() or made % cadence.sample == 0 or self._is_end(made)
        scored = made in cadence.scores
        try:
            entry |= self._probed(step - offset)
            if drawn:
                self._show(made)
            if scored:
                entry |= self._score(made)
        except NothingToMeasure as error:
            raise Divergence("not finite", str(error), step, step) from None
        if entry:
            self.rows.append(StepRow({"step": step, **entry}))
            self.folder.add(self.rows[-1])
        self.view.step(made, entry)
        if scored or step % self._stride() == 0:
            self._look(step)
        enough = scored and self._past_patience()
        asked = self.stop.asked  # once: what is told to be stopped here is saved here
        if enough or asked or self._is_kept(made):
            self._save(made, row)
        if enough and made < self.total:
            if not drawn:
                self._show(made)
            raise EarlyStop
        if asked and made < self.total:
            self.folder.event("stopped", step=made)
            raise Interrupted(f"stopped after step {made}")
        self.threads.next(made)

    def _probed(self, local: int) -> Mapping[str, float]:
        """What the monitor of the present stage reads off its networks after `local` steps of it, where it is due."""
        monitor, probe = self.monitors[self.stage], self.recipe.cadence.probe
        return monitor(local // probe) if monitor is not None and local % probe == 0 else {}

    def _show(self, made: int) -> None:
        """A file of samples, of this moment."""
        self.early.shown(made, self.recipe.show(self.folder.samples / f"{made:08d}"))

    def _is_end(self, made: int) -> bool:
        """Whether a stage ends with a step, or the run ended there before it was lengthened."""
        return made in self.ends or made in self.formerly

    def _is_kept(self, made: int) -> bool:
        """Whether a step ends with a checkpoint: where one is due, and where it is the best or a stage's last."""
        if made == self.best_step or self._is_end(made):
            return True
        every = self.recipe.cadence.checkpoint
        if every is None:
            return time.monotonic() - self.saved_at > MINUTE
        return every > 0 and made % every == 0

    def _threads(self) -> Any:
        """With how many threads steps are computed: measured on a CPU, unless somebody has said a number."""
        import torch

        from poise.training.threads import SHORT, Threads, plan_of

        path = self.folder.path / "threads.json"
        try:
            plan = plan_of(read_json(path)) if path.exists() else []
        except (KeyError, TypeError, ValueError, AttributeError):
            raise PoiseError(
                f"{path} does not hold numbers of threads: it is damaged; put it back, or start a new run"
            ) from None
        said = self.spec.arguments.get("threads") is not None or "OMP_NUM_THREADS" in os.environ
        fixed = said or self.recipe.execution.device.type != "cpu" or self.total < SHORT
        return Threads(
            torch.get_num_threads(),
            plan if self.ranks.alone else [],  # a number that one process found best on the whole machine
            lambda made: write_json(path, [choice._asdict() for choice in made]),
            self.view.say,
            fixed or torch.get_num_threads() == 1 or not self.ranks.alone,
        )

    def _look(self, step: int) -> None:
        """Diagnose what is recorded so far, say what is new, and leave the loop where it is to be treated."""
        record = Record.of(self.rows, self.spec)
        self.findings = diagnose(record)
        names = {finding.name for finding in self.findings}
        for finding in self.findings:
            if finding.name not in self.reported:
                self.folder.event("finding", seen=step, **finding.to_dict())
        self.reported = names
        self.view.findings(step + 1, self.findings)
        if not self.may_roll_back:
            return
        for finding in self.findings:
            if finding.severity != "critical":
                continue
            sick = Divergence.of(finding, step, record.roles)
            if sick is not None:
                raise sick

    def _treat(self, sick: Divergence, error: NonFinite | None) -> int:
        """Roll the run back, if that was asked for; returns the steps that are done then."""
        from poise.training.checkpoint import all_checkpoints, latest

        if not self.may_roll_back:
            good = latest(self.folder.checkpoints)
            player = term = None
            if error is not None:
                player, term = error.player, error.what
            self.folder.event("diverged", step=sick.step, player=player, term=term)
            where = f"the last good checkpoint is {good}" if good else "there is no earlier checkpoint"
            raise PoiseError(f"{sick}; {where}; a new run with --on-divergence rollback would go on by itself")
        try:
            remedy = self.remedies.roll_back(sick, all_checkpoints(self.folder.checkpoints), self.every)
        except PoiseError:
            self.folder.event("diverged", step=sick.step, cause=sick.cause)
            raise
        self.folder.event("rolled back", **vars(remedy), change=remedy.change)
        self.view.say(remedy.line())
        self.folder.close()
        return self._restore()

    @property
    def every(self) -> int:
        """Steps between regular checkpoints."""
        return self.recipe.cadence.checkpoint or self.total

    def _past_patience(self) -> bool:
        patience = self.recipe.acting.patience
        last = self.stage == len(self.recipe.stages) - 1  # an earlier stage is never what was asked for
        if patience is None or not last:
            return False
        reached = self.rows[-1].step + 1 if self.rows else 0
        stage = self.total - self.recipe.stages[-1].steps
        begun = max((step for step in self.formerly if step <= reached), default=0)  # it counts anew from there
        return since_best(self.rows, self.primary, max(begun, stage)) >= patience

    def _score(self, made: int) -> dict[str, float]:
        """Scores of the averaged generator against the held-out pictures, for the record."""
        began = time.monotonic()
        if self.judge is None and self.recipe.judge is not None:
            self.judge = self.recipe.judge()
            for note in self.judge.missing:
                self.view.say(note)
        if self.judge is None:
            return {}
        taken = self.judge.score(self.recipe.sampler)
        if taken and not self.announced:
            self.view.say(scored_on(self.judge))
            self.announced = True
        entry = {f"score/{name}": value for name, value in taken.items()}
        now = best([{"step": made - 1, **entry}], self.primary)
        if now and (self.best is None or now.value < self.best.value):
            self.best = now
        if not now and self.recipe.acting.patience is not None:
            self.view.say(f"--patience does nothing here: there is no {self.primary[0]} to go by")
        self.view.scores(made, taken, self.judge.floor())
        self.scoring += time.monotonic() - began
        return entry

    def _kept(self, made: int) -> set[int | None]:
        """Steps whose checkpoints stay: the best, the end of each stage and of a run that got longer, and where the run
        may be rolled back, where to and the best there."""
        kept = {self.best_step, *self.ends, *self.formerly}
        if not self.may_roll_back:
            return kept
        back_to = protected(made, self.every, LAG * self._stride())
        there = [best([row for row in self.rows if row.step < step], self.primary) for step in back_to]
        return {*kept, *back_to, *(found.step for found in there if found)}

    def _stride(self) -> int:
        """Steps between two looks at what is wrong."""
        probe = self.recipe.cadence.probe
        return probe * max(1, self.total // probe // LOOKS)

    def _save(self, made: int, row: Row) -> None:
        """A checkpoint, unless a number of this step is not finite: such a state is never saved."""
        from poise.training.capture.record import verify
        from poise.training.checkpoint import prune, save

        first = self.ends[self.stage] - self.recipe.stages[self.stage].steps
        for name, value in row.items():
            player, _, what = name.partition("/")
            verify(player, made - 1 - first, {what: value})
        save(self.folder.checkpoints, made, self.game, self.recipe.execution)
        prune(self.folder.checkpoints, self._kept(made))
        self.saved_at = time.monotonic()
