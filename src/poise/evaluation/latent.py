"""What an evaluation reads of a run with an encoder: likelihood, rate, latents and reconstructions of real pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from poise.evaluation.choice import Asked
from poise.evaluation.side import Side
from poise.evaluation.sides import Sides
from poise.metrics.core.metric import find_metrics
from poise.metrics.core.sets import compare
from poise.metrics.core.statistics import Estimate, symmetric
from poise.metrics.features.feature_files import batch_of
from poise.metrics.latent.look import LEAST, Looked, look
from poise.metrics.latent.members import LatentMetric, find_latent_metrics
from poise.registry import register

MOST = 1_000  # pictures of either side
NEAR = 0.5  # nats below log N from which on a mutual information only says "at least so much"
TRAINED, OTHERS = "training pictures", "other real pictures"
GAP = "Held-out less training {}: what the model knows of training pictures by heart."
Task = Callable[[str], Callable[[int, int], object]]


@register("section", "likelihood")
def likelihood_section(sides: Sides, asked: Asked, task: Task) -> dict[str, Any] | None:
    """The metrics of the family "latent metric", of at most 1,000 held-out pictures beside as many training ones; None
    where no auto-encoder was trained, or where `--metrics` names none of them.

    rFD has beside it the distance of the same held-out pictures from as many training ones.
    """
    model, wanted = sides.autoencoder, asked.metrics
    members = [m for m in find_latent_metrics() if wanted is None or m.name in wanted]
    if model is None or not members:
        return None
    heldout = sides.heldout.at_most(MOST, asked.seed)
    shape = sides.made.items.take(sides.made.rows[:1]).shape[1:]
    if (other := heldout.items.take(heldout.rows[:1]).shape[1:]) != shape:
        return _section([], {}, [_unlike(heldout, other, shape)])
    by = sides.extractors if any(m.features for m in members) else ()

    def looked(side: Side, what: str) -> Looked:
        x = batch_of(side.items.take(side.rows))
        return look(model, x, asked.seed, extractors=by, progress=task(f"likelihood of {what}"))  # type: ignore[arg-type]

    held, known = looked(heldout, "held-out pictures"), None
    if sides.train is not None and len(sides.train) >= LEAST:
        train = sides.train.at_most(len(heldout), asked.seed)
        if train.items.take(train.rows[:1]).shape[1:] == shape:
            known = looked(train, TRAINED)
    return _report(members, held, known, _floor(held, known, asked.seed))


def _report(
    members: list[LatentMetric], held: Looked, known: Looked | None, floor: dict[str, Estimate]
) -> dict[str, Any]:
    rows, titles = [], {}
    for member in (m for m in members if m.defined(held)):
        train = member.measure(known) if known is not None else {}
        for name, estimate in member.measure(held).items():
            beside = {TRAINED: train.get(name), OTHERS: floor.get(name)}
            rows.append(_row(name, member.title, member.better, estimate, beside))
            titles[name] = member.title
        if member.gap and member.each and known is not None:
            name, title = f"{member.name} gap", GAP.format(member.name)
            rows.append(_row(name, title, "low", _gap(member.each(held).numpy(), member.each(known).numpy()), {}))
            titles[name] = title
    notes = []
    if not held.stochastic:
        left = ", ".join(m.name for m in members if not m.defined(held))
        notes += [f"Not defined, as the encoder is deterministic and has no density: {left}."] if left else []
    else:
        notes += _remarks(held, {row["metric"]: row["made"]["value"] for row in rows})
    return _section(rows, titles, notes, held)


def _remarks(held: Looked, values: dict[str, float]) -> list[str]:
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
    return notes


def _section(
    rows: list[dict[str, Any]], titles: dict[str, str], notes: list[str], held: Looked | None = None
) -> dict[str, Any]:
    """A section of the report; columns are those that some row has a value in."""
    shown = [name for name in (TRAINED, OTHERS) if any(row["beside"].get(name) for row in rows)]
    for row in rows:
        row["beside"] = {name: row["beside"].get(name) for name in shown}
    about = f", {len(held):,} held-out pictures, nats per picture" if held else ""
    return {
        "name": "likelihood",
        "title": f"Likelihood and latents{about}",
        "columns": shown,
        "samples": held.samples if held else 0,
        "rows": rows,
        "titles": titles,
        "about": [],
        "notes": notes,
    }


def _row(name: str, title: str, better: str, made: Estimate, beside: dict[str, Estimate | None]) -> dict[str, Any]:
    values = {which: value and value._asdict() for which, value in beside.items()}
    about = {"metric": name, "title": title, "better": better, "made": made._asdict()}
    return {**about, "perfect": None, "copied": None, "beside": values, "difference": {}}


def _gap(held: Any, known: Any) -> Estimate:
    """The difference of two means of independent pictures, +- 1.96 standard errors."""
    variance = float(held.var(ddof=1)) / len(held) + float(known.var(ddof=1)) / len(known)
    return symmetric(float(held.mean() - known.mean()), variance, len(held), len(held))


def _floor(held: Looked, known: Looked | None, seed: int) -> dict[str, Estimate]:
    """FD between the held-out and the training pictures that were looked at, for each extractor."""
    if known is None:
        return {}
    (fd,) = find_metrics(["FD"])
    return {
        f"rFD-{name.partition('@')[0]}": fd.measure(compare(held.features[name][0], known.features[name][0]), seed)
        for name in held.features
    }


def _unlike(side: Side, found: Any, wanted: Any) -> str:
    shapes = ["x".join(map(str, shape)) for shape in (found, wanted)]
    return (
        f"The likelihood is left out: the pictures of {side.items.name} are {shapes[0]} (height, width, channels) and "
        f"the model's {shapes[1]}."
    )
