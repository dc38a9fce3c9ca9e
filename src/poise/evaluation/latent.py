"""What an evaluation reads of a run with an encoder: likelihood, rate, latents and reconstructions of real pictures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from poise.evaluation.choice import EvaluationOptions, named_metrics
from poise.evaluation.items import Side
from poise.evaluation.report import Section
from poise.evaluation.sides import Sides
from poise.evaluation.sources import TaskProgress
from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.metric import find_metrics
from poise.metrics.core.rows import Note, ScoreRow
from poise.metrics.core.sets import compare
from poise.metrics.core.statistics import Estimate, symmetric
from poise.metrics.features.feature_files import batch_of
from poise.metrics.latent.look import LEAST, Looked, look
from poise.metrics.latent.metric import LatentMetric

MOST = 1_000  # pictures of either side
NEAR = 0.5  # nats below log N from which on a mutual information only says "at least so much"
TRAINED, OTHERS = "training pictures", "other real pictures"
GAP = "Held-out less training {}: what the model knows of training pictures by heart."


def likelihood_section(sides: Sides, options: EvaluationOptions, task: TaskProgress) -> Section | None:
    """The metrics of an auto-encoder, of at most 1,000 held-out pictures beside as many training ones; None
    where no auto-encoder was trained, or where `--metrics` names none of them.

    rFD has beside it the distance of the same held-out pictures from as many training ones.
    """
    model = sides.autoencoder
    members = [] if model is None else named_metrics(LatentMetric, options.metrics)
    if model is None or not members:
        return None
    heldout = sides.heldout.at_most(MOST, options.seed)
    shape = sides.made.items.take(sides.made.rows[:1]).shape[1:]
    if (other := heldout.items.take(heldout.rows[:1]).shape[1:]) != shape:
        return _section([], [_unlike(heldout, other, shape)])
    by = sides.extractors if any(m.features for m in members) else ()

    def looked(side: Side, what: str) -> Looked:
        x = batch_of(side.items.take(side.rows))
        tell = task(f"likelihood of {what}")
        return look(model, x, options.seed, extractors=by, progress=tell)  # type: ignore[arg-type]

    held, known = looked(heldout, "held-out pictures"), None
    if sides.train is not None and len(sides.train) >= LEAST:
        train = sides.train.at_most(len(heldout), options.seed)
        if train.items.take(train.rows[:1]).shape[1:] == shape:
            known = looked(train, TRAINED)
    return _section_of(members, held, known, _floor(held, known, options.seed))


def _section_of(members: list[LatentMetric], held: Looked, known: Looked | None, floor: dict[str, Estimate]) -> Section:
    rows = []
    defined = [member for member in members if member.applies(held)]
    notes = []
    for member in defined:
        train: dict[str, Estimate] = {}
        if known is not None and member.features and len(known) < member.least:
            notes.append(Note(f"it needs {member.least} of them, and there are {len(known)}.", member.name, TRAINED))
        elif known is not None:
            train = member.measure(known)
        for name, estimate in member.measure(held).items():
            rows.append(member.row(name, estimate, beside={TRAINED: train.get(name), OTHERS: floor.get(name)}))
        if member.gap and member.each and known is not None:
            gap = _gap(member.each(held).numpy(), member.each(known).numpy())
            rows.append(member.row(f"{member.name} gap", gap, "lower", GAP.format(member.name)))
    if held.stochastic:
        notes += _remarks(held, {row.metric: row.made.value for row in rows})
    elif len(defined) < len(members):
        left = ", ".join(member.name for member in members if member not in defined)
        notes.append(Note(f"Not defined, as the encoder is deterministic and has no density: {left}."))
    return _section(rows, notes, held)


def _remarks(held: Looked, values: dict[str, float]) -> list[Note]:
    """What to keep in mind when reading the numbers that are there."""
    notes, most = [], math.log(len(held))
    if "NLL" in values:
        notes.append(
            f"NLL is by importance sampling with {held.samples} samples of z for each picture: an upper bound on "
            "average, lower with more samples; compare runs with equally many, and with one kind of likelihood only."
        )
    if values.get("mutual information", 0.0) > most - NEAR:
        notes.append(
            f"The mutual information is about all that {len(held):,} pictures can show (log N = {most:.2f}): it is at "
            "least that, and the aggregate KL at most what is shown."
        )
    return [Note(sentence) for sentence in notes]


def _section(rows: list[ScoreRow], notes: list[Note], held: Looked | None = None) -> Section:
    """A section of the report; columns are those that some row has a value in."""
    columns = [name for name in (TRAINED, OTHERS) if any(row.beside.get(name) for row in rows)]
    about = f", {len(held):,} held-out pictures, nats per picture" if held else ""
    return Section(
        "likelihood",
        f"Likelihood and latents{about}",
        [replace(row, beside={name: row.beside.get(name) for name in columns}) for row in rows],
        {row.metric: row.title for row in rows},
        notes,
        columns=columns,
        samples=held.samples if held else 0,
    )


def _gap(held: Any, known: Any) -> Estimate:
    """The difference of two means of independent pictures, +- 1.96 standard errors."""
    variance = float(held.var(ddof=1)) / len(held) + float(known.var(ddof=1)) / len(known)
    return symmetric(float(held.mean() - known.mean()), variance, len(held), len(held))


def _floor(held: Looked, known: Looked | None, seed: int) -> dict[str, Estimate]:
    """FD between the held-out and the training pictures that were looked at, for each extractor."""
    (fd,) = find_metrics(FeatureMetric, ["FD"])
    if known is None or len(known) < fd.least:
        return {}
    return {
        f"rFD-{name.partition('@')[0]}": fd.estimate(compare(held.features[name][0], known.features[name][0]), seed)
        for name in held.features
    }


def _unlike(side: Side, found: Any, wanted: Any) -> Note:
    shapes = ["x".join(map(str, shape)) for shape in (found, wanted)]
    return Note(
        f"the pictures of {side.items.name} are {shapes[0]} (height, width, channels) and the model's {shapes[1]}.",
        "The likelihood",
    )
