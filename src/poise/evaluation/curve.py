"""`poise curve RUN`: quality against diversity of generated text over the temperature, beside maximum likelihood.

A generator can trade diversity for quality by a lower temperature alone, so one number of one temperature says little
(Caccia et al. 2020): only a curve that lies beyond the other's is better. The baseline is the same generator as it was
at the end of its likelihood stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from poise.disk import expanded, write_json
from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.evaluation.sources import own_corpus
from poise.report.plot import curves
from poise.report.table import columns, number, worded
from poise.runs.load import Run
from poise.runs.place import check_there

QUALITY, DIVERSITY = "reverse perplexity", "self-BLEU-4"
SHOWN = (QUALITY, "forward perplexity", "BLEU-4", DIVERSITY, "distinct-2", "memorised", "form", "rhyme")


@dataclass(frozen=True)
class CurveRow:
    """Scores of a model, whose weights are those of `step`, at a temperature."""

    model: str
    step: str
    temperature: float
    scores: Mapping[str, float]

    def to_dict(self) -> dict[str, str | float]:
        return {"model": self.model, "step": self.step, "temperature": self.temperature, **self.scores}


@dataclass(frozen=True)
class Curve:
    """n sentences at each temperature against m held-out ones; `real`, the scores of real sentences in their place."""

    run: str
    n: int
    m: int
    seed: int
    real: Mapping[str, float]
    rows: Sequence[CurveRow]

    def to_dict(self) -> dict[str, object]:
        return {**vars(self), "rows": [row.to_dict() for row in self.rows]}


def curve(
    run: Run,
    temperatures: Sequence[float],
    n: int,
    seed: int,
    out: str | None,
    say: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Score n sentences at each temperature, of the run's generator and of the baseline, into OUT.json and OUT.png.

    Returns the table as lines. Errors: `PoiseError` for a run without text, an unknown step, bad temperatures.
    """
    from poise.data.tokenizers.units import units_from
    from poise.metrics.text.judge import TextJudge
    from poise.metrics.text.metric import Texts

    check_there(run.folder, run.spec)
    if run.recipe.corpus is None:
        raise PoiseError(f"{run.name} is a run of {run.spec.recipe}, and a curve over temperatures is for text")
    target = expanded(out) if out else run.path / "curve.json"
    if target.suffix != ".json" or not target.parent.is_dir():
        raise PoiseError(f"--out {target}: name a .json file in a folder that exists; the plot goes beside it")
    corpus, units = own_corpus(run), units_from(run.spec.facts["units"])
    heldout, train = (
        Texts([corpus.of(row) for row in rows], [corpus.sentences[row] for row in rows])
        for rows in (corpus.heldout, corpus.train)
    )
    judge = TextJudge(heldout, train, len(units), units.plural, units.encode, n=n, seed=seed, extractors=())
    if judge.missing and not judge.floor():
        raise PoiseError(f"{run.name}: {judge.missing[0]}")
    rows: list[CurveRow] = []
    for name, at in _generators(run.spec, run.step).items():
        model = Run(run.folder, at)
        for temperature in temperatures:
            sample = partial(model.sample, temperature=temperature)
            scores = judge.score(sample, seed)
            rows.append(CurveRow(name, at, temperature, scores))
            say(f"{name}, temperature {temperature:g}: {_brief(scores)}")
    found = Curve(run.name, judge.n, judge.m, seed, judge.floor(), rows)
    write_json(target, found.to_dict())
    _plot(target.with_suffix(".png"), found)
    return [*_table(found), "", *_verdict(rows), f"written to {target} and {target.with_suffix('.png').name}"]


def _generators(spec: RunSpec, step: str) -> dict[str, str]:
    """Name -> step: the generator, and where it has one its likelihood baseline."""
    stages = spec.facts.get("stages", [])
    found = {spec.recipe: step}
    if len(stages) > 1:
        found = {"adversarial": step, "maximum likelihood": str(stages[0][1])}
    return found


def _brief(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {number(scores[name])}" for name in SHOWN[:4] if name in scores)


def _table(found: Curve) -> list[str]:
    names = [name for name in SHOWN if name in found.real or any(name in row.scores for row in found.rows)]
    lines = [("MODEL", "TEMPERATURE", *names)]
    lines += [(row.model, f"{row.temperature:g}", *_cells(row.scores, names)) for row in found.rows]
    return columns(worded([*lines, ("real", "", *_cells(found.real, names))], {0}, heads=2))


def _cells(scores: Mapping[str, float], names: Sequence[str]) -> list[str]:
    return [number(scores[name]) if name in scores else "-" for name in names]


def best(rows: Sequence[CurveRow], model: str) -> CurveRow | None:
    """The row of a model with the lowest reverse perplexity: the temperature at which it is best by that."""
    mine = [row for row in rows if row.model == model and QUALITY in row.scores]
    return min(mine, key=lambda row: row.scores[QUALITY], default=None)


def _verdict(rows: Sequence[CurveRow]) -> list[str]:
    """The two models at their best temperatures, in a sentence."""
    ours, theirs = best(rows, "adversarial"), best(rows, "maximum likelihood")
    if not ours or not theirs:
        return []
    ratio = ours.scores[QUALITY] / theirs.scores[QUALITY]
    return [
        f"At its best temperature ({ours.temperature:g}) the adversarial generator has {ratio:.2f} times the "
        f"reverse perplexity of maximum likelihood at its own ({theirs.temperature:g}), with self-BLEU-4 "
        f"{ours.scores[DIVERSITY]:.3f} against {theirs.scores[DIVERSITY]:.3f}."
    ]


def _plot(path: Path, found: Curve) -> None:
    lines: dict[str, list[tuple[float, float, str]]] = {}
    for row in found.rows:
        lines.setdefault(row.model, []).append((*_point(row.scores), f"{row.temperature:g}"))
    curves(
        path,
        lines,
        {"real sentences": _point(found.real)},
        ("self-BLEU-4 (lower: more diverse)", "forward perplexity (lower: more like the training text)"),
        f"{found.run}: quality and diversity over the temperature, {found.n:,} sentences each",
    )


def _point(scores: Mapping[str, float]) -> tuple[float, float]:
    return scores[DIVERSITY], scores["forward perplexity"]


def parsed(text: str) -> list[float]:
    """Temperatures as people write them: 0.6,0.8,1."""
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0.01 <= value <= 100 for value in found):
        raise PoiseError(
            f"--temperatures {text}: give numbers from 0.01 to 100 with commas between them, such as 0.8,1"
        )
    return found
