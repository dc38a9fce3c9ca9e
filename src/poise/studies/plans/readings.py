"""A number out of a finished run. Names in the registry (family "reading") are a key of what an endpoint reads:

{score: KID-classifier, at: best}           a score at the best step or at the end, on items that were kept back for
                                            it where the recipe can (see `poise.runs.ending`)
{mean: discriminator/auc_gap, over: last quarter}    a recorded number, averaged over a part of the steps at which
                                            it is recorded: first or last quarter, third or half, or whole run
{steps_until: KID-classifier, below: 1.5}   steps until a score of training first gets there, on the straight line
                                            between two scores; a run that never does counts all its steps
{alive: discriminator}                      1 where it still tells items apart at the end, 0 where it does not; in a
                                            stage that has only begun, a look or two do not count
{finding: mode collapse}                    1 where the run ends with that finding, else 0
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from poise.disk.description import RunSpec
from poise.disk.rows import StepRow
from poise.errors import PoiseError, nearest
from poise.monitor.findings.finding import Record
from poise.monitor.findings.windows import lived
from poise.registry import find, names, register
from poise.report.conclude import scores
from poise.report.table import SUFFIXES
from poise.runs.report import RunReport

TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {"str": ("a name", (str,)), "float": ("a number", (int, float))}
PARTS = {"quarter": Fraction(1, 4), "third": Fraction(1, 3), "half": Fraction(1, 2)}


@dataclass(frozen=True)
class Finished:
    """What is known of a run that is done.

    `steps`: how many it made; `best`: the best one, None where no score tells; `final`: "best" and "end" -> scores on
    items that were kept back; `findings`: name and severity; `seconds`: nan where it was not trained in one sitting;
    `planned`: how many steps were asked for, where patience ended it sooner; `stage`: the step at which the last stage
    began.
    """

    name: str
    rows: Sequence[Mapping[str, float]]
    steps: int
    best: int | None
    final: Mapping[str, Mapping[str, float]]
    findings: Sequence[tuple[str, str]]
    seconds: float
    planned: int | None = None
    stage: int = 0

    @classmethod
    def of(
        cls, name: str, rows: Sequence[Mapping[str, float]], report: RunReport, spec: RunSpec | None = None
    ) -> Finished:
        """From the content of record.jsonl, report.json and spec.json."""
        best, seconds = None, math.nan
        final: dict[str, Mapping[str, float]] = {}
        if report.best is not None:
            best = report.best.step
        if report.final is not None:
            final = {"end": report.final.end, "best": report.final.best}
        if report.steps_this_sitting == report.steps:
            seconds = float(report.seconds["this sitting"])
        findings = [(found.name, found.severity) for found in report.findings]
        planned, stage = (spec.planned, Record(rows, spec).stage.first) if spec is not None else (None, 0)
        return cls(name, rows, report.steps, best, final, findings, seconds, planned, stage)

    def scores(self) -> list[StepRow]:
        """In the order in which they were taken; `step`: after how many steps."""
        return scores(self.rows)


def read(reads: Mapping[str, object], run: Finished) -> float:
    """What an endpoint reads of a run. Errors: PoiseError, one sentence, where the run has no such number."""
    return float(reading_of(reads)(run, **dict(reads)))


def reading_of(reads: Mapping[str, object]) -> Callable[..., float]:
    """The registered reading that one of the keys names."""
    known = names("reading")
    found = [key for key in reads if key in known]
    if len(found) != 1:
        raise PoiseError(f"an endpoint needs one of {', '.join(known)}, and has {_instead(reads, known)}")
    reading: Callable[..., float] = find("reading", found[0])
    return reading


def _instead(reads: Mapping[str, object], known: Sequence[str]) -> str:
    """What an endpoint has that does not name one reading, and what was perhaps meant."""
    if not reads:
        return "nothing."
    said = ", ".join(map(str, reads))
    for key in reads:
        near = nearest(str(key), known)
        if near:
            return f"{said}{near}"
    return f"{said}."


def check(reads: Mapping[str, object], where: str) -> None:
    """That the reading exists and takes these arguments, before anything is run."""
    try:
        reading = reading_of(reads)
    except PoiseError as error:
        raise PoiseError(f"{where}: {error}") from None
    try:
        inspect.signature(reading).bind(None, **dict(reads))
    except TypeError as error:
        raise PoiseError(f"{where}: {error}; see poise.studies.plans.readings for what a reading takes") from None
    for name, parameter in inspect.signature(reading).parameters.items():
        wanted, kinds = TYPES.get(str(parameter.annotation), ("", (object,)))
        if name not in reads:
            continue
        if isinstance(reads[name], bool) or not isinstance(reads[name], kinds):
            raise PoiseError(f"{where}: {name} must be {wanted}, not {reads[name]!r}")
    if "over" in reads:
        _span(str(reads["over"]), where)
    if reads.get("at", "end") not in ("best", "end"):
        raise PoiseError(f"{where}: at: {reads['at']} is unknown; use best or end")


def _missing(name: str, known: Sequence[str], run: Finished) -> PoiseError:
    """The error of a run that has no such number, but has those that are `known`."""
    there = "It has none at all: were they turned off (scores: 0)?"
    if known:
        there = f"It has: {', '.join(known)}."
    return PoiseError(f"the run {run.name} has no '{name}'{nearest(name, known, '.')} {there}")


def _keys(rows: Iterable[Mapping[str, float]]) -> set[str]:
    """Names of everything that some row has."""
    return set[str]().union(*rows)


def _names(scores: Iterable[str]) -> list[str]:
    """Of scores, without their intervals and counts."""
    return sorted(name for name in set(scores) - {"step"} if not name.endswith(SUFFIXES))


@register("reading", "score")
def score_at(run: Finished, score: str, at: str) -> float:
    """A score at the best step or at the end of training; of training where the items kept back were too few for it."""
    taken = run.scores()
    if at == "best" and taken:
        if run.best is None:
            raise PoiseError(
                f"the run {run.name} has no best step: none of its scores tells which is better; use at: end"
            )
        taken = [entry for entry in taken if entry.step == run.best]
    found: dict[str, float] = {}
    if taken:
        found.update(taken[-1])
    found.update(run.final.get(at) or {})
    value = found.get(score)
    if value is None:
        raise _missing(score, _names(found), run)
    return float(value)


@register("reading", "mean")
def mean_over(run: Finished, mean: str, over: str) -> float:
    """A recorded number, averaged over a part of the steps."""
    found = [(row["step"], row[mean]) for row in run.rows if mean in row]
    if not found:
        recorded = [key for key in _keys(run.rows[-64:]) if "/" in key and not key.startswith("score/")]
        raise _missing(mean, sorted(recorded), run)
    low, high = _span(over, run.name)
    first, last = found[0][0], found[-1][0]
    begin, end = first + low * (last - first), first + high * (last - first)
    kept = [value for step, value in found if begin <= step <= end]
    return sum(kept) / len(kept)


def _span(over: str, where: str) -> tuple[float, float]:
    """The part of a run, as shares of its length."""
    which, _, size = over.partition(" ")
    if over == "whole run":
        return 0.0, 1.0
    if which not in ("first", "last") or size not in PARTS:
        raise PoiseError(f"{where}: over: {over} is unknown; use whole run, or first or last quarter, third or half")
    part = float(PARTS[size])
    if which == "first":
        return 0.0, part
    return 1 - part, 1.0


@register("reading", "steps_until")
def steps_until(run: Finished, steps_until: str, below: float) -> float:
    """Steps until a score of training first falls to `below`; where it never does, all that were asked for."""
    taken = [entry for entry in run.scores() if steps_until in entry]
    if not taken:
        known = _names(key.removeprefix("score/") for key in _keys(run.rows) if key.startswith("score/"))
        raise _missing(steps_until, known, run)
    before: tuple[float, float] | None = None
    for entry in taken:
        step, value = entry.step, entry[steps_until]
        if value <= below:
            if before is None:
                return step
            return before[0] + (step - before[0]) * (before[1] - below) / (before[1] - value)
        before = (step, value)
    return float(max(run.steps, run.planned or 0))


@register("reading", "alive")
def alive(run: Finished, alive: str) -> float:
    """Whether a discriminator still tells items apart at the end: 0 where it told nothing at the last look, after it
    had told something in that stage, or for three looks."""
    found = lived(run.rows, f"{alive}/alive", run.stage)
    if found is None:
        players = {key.removesuffix("/alive") for key in _keys(run.rows) if key.endswith("/alive")}
        raise _missing(alive, sorted(players), run)
    return float(found)


@register("reading", "finding")
def finding(run: Finished, finding: str) -> float:
    """Whether the run ends with a finding of that name."""
    return float(any(name == finding for name, _ in run.findings))
