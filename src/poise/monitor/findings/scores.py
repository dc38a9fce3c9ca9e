"""Symptoms of what comes out: scores, and the data that they are judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from poise.monitor.findings.advice import advice, idea, rate
from poise.monitor.findings.finding import Finding, Record
from poise.registry import register

RISING = 5  # scores in a row after the best one, of those that have no interval
ABOVE = 4.0  # times their scatter that the last three of them stand above it
WORTH = 0.02  # and so much of a share of it, at least
ORDERED = (
    0.9  # of all pairs of them, the part whose later one is the higher one: of five, one pair may be the other way
)
LEARNT = 0.85  # of the score of pictures of one colour each: above this, nothing was learnt


@register("symptom", "no held-out data")
def nothing_held_out(record: Record) -> Finding | None:
    """Without held-out data nobody can see overfitting, and samples are not scored."""
    looked, held = record.series("discriminator/on_training"), record.series("discriminator/on_heldout")
    for player in record.players("nll_training"):
        looked, held = record.series(f"{player}/nll_training"), record.series(f"{player}/nll_heldout")
    if not len(looked) or len(held):
        return None
    asked = float(record.argument("heldout", 0.0))  # of a handful of items, or of texts, a tenth may be none
    return Finding(
        "no held-out data",
        "warning",
        looked.steps[0],
        "Nothing is held out: overfitting cannot be seen, and samples cannot be scored.",
        advice(record, idea(f"{{}} {0.1 if not asked else 0.3 if asked < 0.3 else 0.5:g}", "heldout")),
    )


@register("symptom", "held-out data unlike training data")
def unlike(record: Record) -> Finding | None:
    """The two parts of the data can be told apart by nearest neighbours alone, so no score means what it says."""
    z = record.series("data/split_z")
    if not len(z) or z.last < 6:
        return None
    return Finding(
        "held-out data unlike training data",
        "warning",
        z.steps[0],
        f"Items have their nearest neighbours in their own part of the data far too often (z = {z.last:.0f}): "
        "held-out items are of another kind than training items, and scores against them punish a generator "
        "for what it never saw.",
        f"Split the data at random: put everything into one {'folder' if record.offers('size') else 'file'} and use "
        "--heldout 0.1.",
        {"z": z.last},
    )


@register("symptom", "past its best")
def past_best(record: Record) -> Finding | None:
    """The last scores are surely worse than the best one. Of the scores by which the best checkpoint may be kept, the
    first that was taken with an interval: of an auto-encoder the NLL, and not KID. Of a language model the perplexity,
    which has none and hardly scatters."""
    for name in ("NLL", "KID-EffLite0", "KID-classifier", "reverse perplexity", "NLL_oracle"):
        value, low, high = (record.series(f"score/{name}{end}") for end in ("", ".low", ".high"))
        if len(value) < 4 or len(low) != len(value):
            continue
        best = min(range(len(value)), key=value.values.__getitem__)
        if len(value) - best > 2 and all(low.values[i] > high.values[best] for i in (-1, -2)):
            return Finding(
                "past its best",
                "warning",
                value.steps[best],
                f"{name} was {value.values[best]:.3g} at step {value.steps[best] + 1:,} and is {value.last:.3g} now; "
                "their intervals do not touch.",
                _kept_and_sooner(record),
                {"best": value.values[best], "now": value.last},
            )
        return None
    return _risen(record)


def _kept_and_sooner(record: Record) -> str:
    """Where the best one is, and how a new run ends in time; a run that patience ends needs no such advice."""
    if record.argument("patience") is not None:
        return "The best checkpoint is kept: --step best."
    return "The best checkpoint is kept: --step best. In a new run, --patience 2 ends it in time."


def _risen(record: Record) -> Finding | None:
    """The perplexity of a language model has risen over several scores in a row, by more than they scatter."""
    value = record.series("score/perplexity")
    if not record.players("nll_heldout") or any(key.endswith(".low") for row in record.rows for key in row):
        return None
    best = risen_since(value.values)
    if best is None:
        return None
    low, scores = value.values[best], len(value) - 1 - best
    return Finding(
        "past its best",
        "warning",
        value.steps[best],
        f"perplexity was {low:.3g} at step {value.steps[best] + 1:,} and is {value.last:.3g} now; it has risen over "
        f"{scores} scores, by more than they scatter.",
        _kept_and_sooner(record),
        {"best": low, "now": value.last},
    )


def risen_since(values: Sequence[float]) -> int | None:
    """Where the lowest of some positive scores is, if they have surely risen since; None if not.

    Their logarithms x after it, at least `RISING` of them, must be in ascending order but for a pair in ten, and the
    last three above it by `WORTH` and by `ABOVE` times their scatter. The scatter is told by how far each lies from the
    middle of its neighbours: of a straight rise nothing, of independent errors of variance s² 1.5 s² in the mean
    square.
    """
    if not values or min(values) <= 0:
        return None
    best = min(range(len(values)), key=values.__getitem__)
    x = [math.log(value) for value in values[best:]]
    if len(x) - 1 < RISING:
        return None
    bends = [middle - (before + after) / 2 for before, middle, after in zip(x, x[1:], x[2:], strict=False)]
    scatter = math.sqrt(fmean(bend**2 for bend in bends) / 1.5)
    pairs = [later > earlier for earlier, later in combinations(x[1:], 2)]
    sure = min(x[-3:]) - x[0] > max(WORTH, ABOVE * scatter)
    return best if sure and fmean(pairs) >= ORDERED else None


@register("symptom", "nothing was learnt")
def nothing_learnt(record: Record) -> Finding | None:
    """After two thirds of the run, samples are no nearer to the data than pictures of one colour each."""
    for name in ("KID-EffLite0", "KID-classifier", "KID-rotations"):
        value, flat = record.series(f"score/{name}"), record.series(f"score/{name}.flat")
        if not len(value) or len(flat) != len(value):
            continue
        if min(value.values) < LEARNT * flat.last or record.part_done(value.steps[-1]) < 2 / 3:
            return None
        return Finding(
            "nothing was learnt",
            "warning",
            value.steps[0],
            f"The best {name} of this run is {min(value.values):.3g}; pictures of one colour each, as in the data, "
            f"have {flat.last:.3g}: the samples have nothing of the data yet, and no score of this run means anything.",
            advice(
                record,
                idea(f"more {{}} (now {record.stage.steps})" if record.stage.steps else "more {}", "steps"),
                idea(f"a higher {{}} (now {rate(record, 'generator')})", "generator.lr"),
                idea("a look at the pictures with poise data check"),
            ),
            {name: min(value.values), "plain colours": flat.last},
        )
    return None
