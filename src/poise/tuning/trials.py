"""The trials of a search, as Optuna keeps them: what is tried next, what is given up, which is the best.

They are asked for in rounds of four. A round is asked for as a whole before any of it is trained, each trial with a
sampler of its own (a Gaussian process) whose seed is the trial's number, and told as a whole when all of it is over. So
what is tried depends neither on how many workers there are nor on when somebody stopped them, and a search that was
killed goes on as if it had not been.

A trial that is given up after its first seeds still says something: the mean of the best one, plus by how much it was
worse on the seeds that both have.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from poise.errors import PoiseError
from poise.tuning.space import Space, Value
from poise.tuning.storage import Marks, closed, storage

if TYPE_CHECKING:
    import optuna

JOURNAL = "trials.journal"
TOGETHER = 4  # trials of a round
STARTUP = 10  # trials drawn evenly before the sampler learns from them
WORSE = 0.3  # p of Wilcoxon's signed ranks below which a trial is given up: two seeds of two that are worse give ¼
SCORES, GIVEN_UP = "scores", "given up"
REFUSED = "refused"


@dataclass(frozen=True)
class Tried:
    """A trial: its number, the values that it tries, what came out of it so far.

    `values`: option -> value. `state`: running, done, given up or refused, `why` in a sentence. `scores`: of its seeds,
    in their order; None where the run diverged. `mean`: of them; of one that was given up what it would be, and of one
    that was refused what it counts.
    """

    number: int
    values: Mapping[str, Value]
    state: str
    scores: Sequence[float | None] = ()
    mean: float = math.nan
    why: str = ""


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its log, and without warnings of what is called experimental."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Trials:
    """The trials of a search.

    Args:
        place: a file for Optuna's journal, or the address of a database such as sqlite:///tune.db, which may hold the
            trials of other searches as well.
        space: what is searched. lower: whether less is better. seed: of what is drawn.
        first: values of the first trials, which are never given up.
        whose: tells one search from another with the same space, such as a hash of what was asked.

    Errors: PoiseError for a place that cannot be read, and for a journal with the trials of another search.
    """

    def __init__(
        self,
        place: Path | str,
        space: Space,
        lower: bool,
        seed: int = 0,
        first: Sequence[Mapping[str, Value]] = (),
        whose: str = "",
    ) -> None:
        import optuna

        self.space, self.lower, self.seed, self.first = space, lower, seed, first
        self._marks = Marks(sorted(str(one) for one in space.dimensions), whose)
        self._distributions = {one.name: one.distribution() for one in space.dimensions}
        self._drawn = [{one.name: one.drawn(values[one.name]) for one in space.dimensions} for values in first]
        self._storage = storage(place)
        with quiet():
            self.study: optuna.Study = optuna.create_study(
                storage=self._storage,
                study_name=self._marks.name_in(self._storage, alone=isinstance(place, Path)),
                direction="minimize" if lower else "maximize",
                pruner=optuna.pruners.WilcoxonPruner(p_threshold=WORSE, n_startup_steps=2),
                load_if_exists=True,
            )
            self._check(place)

    def close(self) -> None:
        """Give the connections to a database back."""
        closed(self._storage)

    def _check(self, place: Path | str) -> None:
        """That what lies in the storage is of this search. Errors: PoiseError."""
        if not self.study.get_trials(deepcopy=False):
            known = self.study.user_attrs
            for name, value in self._marks.told().items():
                if name not in known:
                    self.study.set_user_attr(name, value)
        if not self._marks.are(self.study.user_attrs):
            raise PoiseError(f"{place} holds the trials of another search: choose another --out")

    def round(self, number: int, most: int = TOGETHER) -> list[Tried]:
        """The trials of a round, asked for where they are not there yet; at most so many.

        The whole round is asked for even if less of it is wanted: what is tried when more are wanted later is the same.
        """
        from poise.training.threads import one_thread

        begin = number * TOGETHER
        with quiet(), one_thread():
            for i in range(len(self.study.get_trials(deepcopy=False)), begin + TOGETHER):
                self._ask(i)
        return [trial for trial in self.all() if begin <= trial.number < begin + most]

    def _ask(self, number: int) -> None:
        """The next trial: chosen on a copy in memory, and kept at once, so that none is half there after a kill."""
        from optuna.samplers import GPSampler
        from optuna.trial import TrialState, create_trial

        if number < len(self._drawn):
            params = dict(self._drawn[number])
        else:
            copy = self._copy(number)
            copy.sampler = GPSampler(seed=(self.seed + 1 + number) % 2**32, n_startup_trials=STARTUP)
            params = copy.ask(self._distributions).params
        running = create_trial(state=TrialState.RUNNING, params=params, distributions=self._distributions)
        self.study.add_trial(running)

    def _copy(self, before: int) -> optuna.Study:
        """The trials before a number, in memory."""
        import optuna

        copy = optuna.create_study(direction=self.study.direction)
        copy.add_trials(self.study.get_trials(deepcopy=False)[:before])
        return copy

    def all(self) -> list[Tried]:
        """Every trial that was asked for, by number."""
        with quiet():
            found = self.study.get_trials(deepcopy=False)
        return [self._tried(trial) for trial in found]

    def _tried(self, trial: Any) -> Tried:
        values = {one.name: one.value(trial.params[one.name]) for one in self.space.dimensions}
        if self._drawn[trial.number : trial.number + 1] == [trial.params]:  # as they are, whatever their digits
            values = {one.name: self.first[trial.number][one.name] for one in self.space.dimensions}
        if trial.value is None:
            return Tried(trial.number, values, "running")
        if REFUSED in trial.user_attrs:
            return Tried(trial.number, values, REFUSED, (), trial.value, trial.user_attrs[REFUSED])
        scores = trial.user_attrs[SCORES]
        return Tried(trial.number, values, "given up" if trial.user_attrs[GIVEN_UP] else "done", scores, trial.value)

    def _trial(self, number: int) -> Any:
        """One that was asked for, perhaps by a process that is gone."""
        import optuna

        return optuna.trial.Trial(self.study, self.study.get_trials(deepcopy=False)[number]._trial_id)

    def worse(self, tried: Tried, scores: Sequence[float]) -> bool:
        """Note the scores of its first seeds; whether it is worse than the best one of earlier rounds, seed by seed.

        That is decided once and kept: a search that was stopped since then does not decide anew.
        """
        with quiet():
            trial = self._trial(tried.number)
            known = self.study.get_trials(deepcopy=False)[tried.number]
            if GIVEN_UP in known.user_attrs:
                return bool(known.user_attrs[GIVEN_UP])
            for seed, score in enumerate(scores):
                if seed not in known.intermediate_values:
                    trial.report(score, seed)
            given_up = False
            if tried.number >= len(self.first):
                now = self.study.get_trials(deepcopy=False)[tried.number]
                given_up = bool(self.study.pruner.prune(self._copy(_begin(tried.number)), now))
            trial.set_user_attr(GIVEN_UP, given_up)
            return given_up

    def tell(self, tried: Tried, scores: Sequence[float | None], worst: float, given_up: bool) -> None:
        """The end of a trial; a run that diverged counts as `worst`."""
        if tried.state != "running":
            return
        counted = [worst if score is None else score for score in scores]
        best = self.best(_begin(tried.number))
        value = fmean(counted)
        if given_up and best is not None:
            value = best.mean + fmean(mine - other for mine, other in zip(counted, _counted(best), strict=False))
        with quiet():
            trial = self._trial(tried.number)
            trial.set_user_attr(SCORES, list(scores))
            trial.set_user_attr(GIVEN_UP, given_up)
            self.study.tell(tried.number, value)

    def refuse(self, tried: Tried, why: str, worst: float) -> None:
        """The end of a trial of which there can be no run: it counts as `worst`, so that others are looked for."""
        if tried.state != "running":
            return
        with quiet():
            self._trial(tried.number).set_user_attr(REFUSED, why)
            self.study.tell(tried.number, worst)

    def best(self, before: int | None = None) -> Tried | None:
        """The best of those that are done, of equal ones the first; of those before a number, if one is given."""
        done = [trial for trial in self.all()[:before] if trial.state == "done"]
        return min(done, key=lambda trial: (trial.mean if self.lower else -trial.mean, trial.number), default=None)

    def importance(self) -> dict[str, float]:
        """Which part of the differences between trials each option explains (PED-ANOVA); empty where nothing can be
        said, as of fewer than ten trials."""
        import optuna

        over = [trial for trial in self.all() if trial.state != "running"]
        if len(over) < STARTUP or len(self.space.dimensions) < 2:
            return {}
        with quiet():
            try:
                found = optuna.importance.get_param_importances(self.study)
            except (RuntimeError, ValueError):  # of trials that are all alike
                return {}
        return {name: float(share) for name, share in found.items()}


def _counted(tried: Tried) -> list[float]:
    """The scores that a trial's mean was taken of: with what its own diverged runs were counted as."""
    known = [score for score in tried.scores if score is not None]
    rest = tried.mean * len(tried.scores) - sum(known)
    return [rest / (len(tried.scores) - len(known)) if score is None else score for score in tried.scores]


def _begin(number: int) -> int:
    """The first trial of the round that a trial belongs to."""
    return number - number % TOGETHER
