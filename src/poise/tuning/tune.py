"""`poise tune`: a search, its confirmation on fresh seeds, and an answer.

TUNES/NAME/
  tune.json         what was asked
  trials.journal    the trials, as Optuna keeps them (unless --storage names a database)
  events.jsonl      what happened when
  runs/             ordinary run folders, one for each trial and seed
  confirm.yaml, confirm/    the study on fresh seeds: the default, what was found, and that without each penalty
  answer.json       the answer, with the trials
  best.yaml         what to use, for --config
  index.html, plots/    the same to look at
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from poise.disk import write_atomically, write_json
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report.pace import rough
from poise.runs.ending import Stop
from poise.specs.spec import versions
from poise.studies.running.hosts import Workers
from poise.studies.running.pool import Pool
from poise.studies.running.progress import Log
from poise.tuning.asked import Asked, check_place, register
from poise.tuning.confirm import TuneAnswer, answer, changes, no_other, refused_without, study_of
from poise.tuning.page import save_tune_page
from poise.tuning.search import RUNS, Budget, Search
from poise.tuning.space import Value, at, put
from poise.tuning.trials import JOURNAL, Trials, Tried
from poise.tuning.view import TuneView

ANSWER, BEST = "answer.json", "best.yaml"


@dataclass
class Tune:
    """A search and its folder.

    Args: asked; folder; storage: the address of a database, None for a journal in the folder. chosen: option -> number
    where the recipe chose one for these data ("auto"), which best.yaml tells as well.
    """

    asked: Asked
    folder: Path
    storage: str | None = None
    chosen: Mapping[str, object] = field(default_factory=dict)

    @property
    def log(self) -> Log:
        return Log(self.folder / "events.jsonl")

    def first(self) -> list[dict[str, Value]]:
        """What is tried before anything is drawn: the default, and the default without any penalty."""
        default = self.asked.defaults
        bare = {**default, **dict.fromkeys(self.asked.space.strengths, 0.0)}
        return [default] if bare == default else [default, bare]

    def trials(self) -> Trials:
        place = self.storage or self.folder / JOURNAL
        asked = self.asked
        return Trials(place, asked.space, asked.lower, asked.first, self.first(), asked.digest)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process works on a search."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with RunFolder(self.folder).locked():
            yield

    def go(self, budget: Budget, workers: Workers, stop: Stop, quiet: bool = False) -> TuneAnswer:
        """Search, confirm, answer. Raises Interrupted when it was asked to stop: it goes on from there."""
        check_place(self.asked, self.folder)
        with self.locked():
            register(self.asked, self.folder)
            budget.spent = self._spent()
            with contextlib.closing(self.trials()) as trials:
                self._search(trials, budget, workers, stop, quiet)
                best = trials.best()
                if best is None:
                    raise PoiseError("no trial came to its end: give more --trials or --hours")
                found = self._confirmed(best, trials.importance(), workers, stop, quiet)
                self.write(found, [one for one in trials.all() if one.state != "running"])
        return found

    def _search(self, trials: Trials, budget: Budget, workers: Workers, stop: Stop, quiet: bool) -> None:
        view = TuneView(self.log, self.asked.score, budget.trials, quiet, self.asked.lower)
        pool = Pool(workers.local, self.folder / RUNS, None, view, stop)
        pool.refusals = {}  # what is refused only together is told of its trial, and the search goes on
        try:
            workers.start(self.folder, view.tell)
            Search(self.asked, self.folder, trials, pool, view).go(budget)
        finally:
            pool.dismiss()
            view.close()
            self.log.add("searched", seconds=budget.elapsed)

    def _confirmed(
        self, best: Tried, importance: dict[str, float], workers: Workers, stop: Stop, quiet: bool
    ) -> TuneAnswer:
        if not changes(self.asked, best.values):
            return no_other(self.asked, best, importance)
        refused = refused_without(self.asked, best)
        study = study_of(self.asked, best, self.folder, refused)
        study.train(workers, stop, quiet, desk=self.folder)
        found = answer(self.asked, best, study.outcome(), importance)
        found.sentences[-1:-1] = [
            f"{name}: what it adds is not told: without it {why}" for name, why in refused.items()
        ]
        found.sentences[-1:-1] = study.notes()  # of an earlier winner, or fewer seeds: what was known by then
        return found

    def _spent(self) -> float:
        """Seconds of search in earlier sittings."""
        entries = [entry for entry in self.log.entries() if entry.event == "searched"]
        return float(entries[-1].details["seconds"]) if entries else 0.0

    def write(self, found: TuneAnswer, tried: list[Tried]) -> None:
        """answer.json, best.yaml and the page."""
        use = changes(self.asked, found.use)
        for name in self.chosen if use else ():  # the rates that the confirmed runs had
            if at(use, name) is None:
                put(use, name, self.chosen[name])
        head = f"# {found.sentences[0]}\n" if use else "# no gain found: the defaults\n"
        content = yaml.safe_dump(use, sort_keys=False, allow_unicode=True) if use else "{}\n"
        write_atomically(self.folder / BEST, (head + content).encode())
        table = {**asdict(found), "asked": self.asked.to_dict(), "trials": [_as_kept(one) for one in tried]}
        write_json(self.folder / ANSWER, {**table, "versions": versions()})
        save_tune_page(self.folder, self.asked, found, tried)


def _as_kept(tried: Tried) -> dict[str, object]:
    return {name: value for name, value in asdict(tried).items() if name != "why" or value}


def fresh_runs(asked: Asked) -> int:
    """How many runs the confirmation has at most: the default, what was found, and that without each penalty."""
    return (2 + len(asked.space.strengths)) * asked.confirm


def cost(asked: Asked, seconds: float, trials: int | None, workers: int, tell: Callable[[str], None]) -> float:
    """Seconds that the confirmation will take at most; tells what everything costs."""
    fresh = fresh_runs(asked)
    confirming = fresh * seconds / workers
    if trials is not None:
        least, most = trials * min(2, asked.seeds), trials * asked.seeds
        ends = [rough(runs * seconds / workers + confirming) for runs in (least, most)]
        by = f"{workers} workers" if workers > 1 else "1 worker"
        runs = f"{least:,} to {most:,}" if least < most else f"{most:,}"
        times = f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else ends[0]
        tell(
            f"{trials:,} trials of {asked.seeds} seeds: {runs} runs of about {rough(seconds)}, then at "
            f"most {fresh:,} on fresh seeds: {times} by {by}, if each has a core to itself"
        )
    else:
        tell(f"a run takes about {rough(seconds)}; the confirmation may take {rough(confirming)} of the time")
    return confirming


__all__ = ["Budget", "Tune", "TuneAnswer", "cost", "fresh_runs"]
