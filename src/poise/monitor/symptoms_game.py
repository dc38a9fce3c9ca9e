"""Symptoms of the game: D overfits or dies or runs away, G collapses, circles or copies. Each a function of a record.

Numbers that look arbitrary are thresholds; they were set on pilot runs (docs/monitor.md) and lie between what sick and
healthy runs showed. A few more than 250 lines, so that each symptom's threshold, sentence and action stand together.
"""

from __future__ import annotations

import math
from statistics import fmean, median

from poise.monitor.advice import advice, kept, r1, rate
from poise.monitor.finding import Finding, Record
from poise.monitor.windows import Series, holding, surely_above
from poise.registry import register

PROBES = 8  # probes in a window: single values scatter, an AUC of 64 against 64 by 0.05
NARROW = 0.25  # diversity below this: samples all alike
SOME = 0.5  # diversity below this: much is missing
FEW = 0.35  # effective share of the classes below this: most are missing
SWINGING = 0.9  # distance from the averaged generator above which the generator does not settle


KILLING = 1e-2  # λ on D beyond which it may die: nobody is sent there
R1 = "--discriminator.penalties+=R1 --discriminator.penalties.gamma="


def _remedies(record: Record) -> str:
    """What may help a D that knows its items by heart, with the flags that are not in force yet."""
    now = record.series("discriminator/l2.strength").tail(1)
    plain = record.fact("augment") in (None, "none")
    ideas = [
        "--augment color,translation,cutout" if plain else "",
        f"--l2-discriminator {10 * now if now > 0 else 1e-4:.2g}" if 10 * now <= KILLING else "",
        r1(record, f"{R1}1"),
        "a larger --discriminator.dropout",
        "more data",
    ]
    return advice(record, *ideas) + kept(record)


def _surely(s: Series, chance: float, least: float, choice: float) -> int | None:
    """Since when the mean of a window has been above `least`, and above `chance` by three standard errors.

    `choice`: standard error of an AUC over which items were held out; each probe sees the same ones.
    """
    mean, low = s.smoothed(PROBES, fmean), s.smoothed(PROBES, surely_above)
    sure = [
        value if value - math.hypot(value - under, 3 * choice) > chance else chance
        for value, under in zip(mean.values, low.values, strict=True)
    ]
    return holding(Series(mean.steps, sure), lambda value: value > least)


@register("symptom", "discriminator overfitting")
def overfitting(record: Record) -> Finding | None:
    """D ranks its training items above generated ones better than held-out items, or above held-out ones."""
    gap, seen = record.series("discriminator/auc_gap"), record.series("discriminator/auc_seen")
    t, h = (record.series(f"data/{part}").tail(1) for part in ("training", "heldout"))
    choice = math.sqrt((t + h + 1) / (12 * t * h)) if t > 0 and h > 0 else 0.0
    steps = [s for s in (_surely(gap, 0.0, 0.1, choice), _surely(seen, 0.5, 0.6, choice)) if s is not None]
    if not steps:
        return None
    train, held = (record.series(f"discriminator/auc_{x}").tail(PROBES) for x in ("training", "heldout"))
    return Finding(
        "discriminator overfitting",
        "warning",
        min(steps),
        f"The discriminator ranks training items above generated ones with AUC {train:.2f}, held-out items with only "
        f"{held:.2f}, and training above held-out items with {seen.tail(PROBES):.2f}: it knows them by heart.",
        _remedies(record),
        {
            "auc_gap": round(gap.tail(PROBES), 4),
            "auc_seen": round(seen.tail(PROBES), 4),
            "auc_training": round(train, 4),
            "auc_heldout": round(held, 4),
        },
    )


@register("symptom", "dead discriminator")
def dead(record: Record) -> Finding | None:
    """D gives every item the same output."""
    alive = record.series("discriminator/alive")
    since = holding(alive, lambda a: a == 0, least=3)
    if since is None:
        return None
    contrast = record.series("discriminator/contrast").tail(1)
    strength = record.series("discriminator/l2.strength")
    shares = record.series("discriminator/l2.share")
    # Up to its death: afterwards the loss's gradient is nothing, and any penalty is large beside it.
    before = [share for step, share in zip(shares.steps, shares.values, strict=True) if step <= since]
    share = median(before) if before else 0.0
    killed = share > TOO_LARGE / 2 and len(strength) > 0
    remedy = (
        f"Its penalty was stronger than its loss (share {share:.2g}): try --l2-discriminator "
        f"{strength.last / 10:.2g} in a new run, or --on-divergence rollback."
        if killed
        else advice(record, "a lower --generator.lr and a higher --discriminator.lr", "another --loss")
    )
    return Finding(
        "dead discriminator",
        "critical",
        since,
        f"The discriminator's output is the same for real and generated items (standard deviation {contrast:.1g}), "
        "so the "
        f"generator learns nothing.",
        remedy,
        {
            "contrast": contrast,
            "share of the penalty before": share,
            "killed by its penalty": float(killed),
        },
    )


TOO_LARGE = 0.5  # share of the gradient


@register("symptom", "generator collapse")
def collapse(record: Record) -> Finding | None:
    """All generated items are alike. Every generator begins like that, so a young one that grows is given time."""
    diversity = record.series("generator/diversity")
    since = holding(diversity, lambda d: d < NARROW, least=4)
    young = len(diversity) > 0 and max(diversity.values) < 2 * NARROW
    if since is None or (young and (len(diversity) < 12 or _grows(diversity, 4, 1.3))):
        return None
    value = median(diversity.values[-4:])
    return Finding(
        "generator collapse",
        "critical",
        since,
        f"Generated items differ from each other by {value:.0%} of what training items do: the generator makes "
        "nearly the "
        f"same item whatever the noise.",
        advice(
            record,
            f"a lower --generator.lr (now {rate(record, 'generator')})",
            f"a higher --discriminator.lr (now {rate(record, 'discriminator')})",
            "a weaker --l2-generator",
            "a larger --likelihood",
            "--loss hinge",
        ),
        {"diversity": round(value, 4)},
    )


def _grows(s: Series, probes: int, factor: float) -> bool:
    """Whether the median of the last `probes` values is `factor` times that of those before."""
    earlier = s.values[-2 * probes : -probes]
    return bool(earlier) and median(s.values[-probes:]) > factor * median(earlier)


@register("symptom", "partial collapse")
def partial(record: Record) -> Finding | None:
    """Part of the data is not generated: few classes where classes are known, little diversity elsewhere.

    A young generator is the same, but it grows: what still increases by a tenth in a window is no collapse yet, nor is
    a generator that was never diverse in the first half of its run.
    """
    diversity = record.series("generator/diversity").smoothed(PROBES)
    classes = record.series("score/class_share.effective")
    since = holding(diversity, lambda d: NARROW <= d < SOME, least=PROBES)
    every = record.series("generator/diversity")
    if _grows(every, PROBES, 1.1) or (
        since is not None and max(every.values) < 0.7 and record.part_done(every.steps[-1]) < 1 / 2
    ):
        since = None
    grown = len(classes) > 1 and record.part_done(classes.steps[-1]) >= 1 / 3
    few = holding(classes, lambda share: share < FEW, least=2) if grown else None
    if since is None and few is None:
        return None
    sentence = (
        f"Its samples spread over only {classes.last:.0%} of the classes that real items spread over."
        if few is not None
        else f"Generated items differ from each other by {diversity.last:.0%} of what training items do."
    )
    return Finding(
        "partial collapse",
        "warning",
        min(step for step in (since, few) if step is not None),
        sentence,
        advice(
            record,
            "--conditional where there are labels",
            "a lower --generator.lr",
            "a larger --likelihood",
            "a larger --batch",
            r1(record, f"R1 on the discriminator ({R1}0.1)"),
        ),
        {"diversity": round(diversity.last, 4) if len(diversity) else -1.0}
        | ({"effective share of the classes": round(classes.last, 4)} if len(classes) else {}),
    )


@register("symptom", "unbounded discriminator")
def unbounded(record: Record) -> Finding | None:
    """D's outputs have no scale of their own and grow: a Wasserstein critic without a constraint."""
    contrast = record.series("discriminator/contrast").smoothed(4)
    since = holding(contrast, lambda c: c > 200)
    if since is None:
        return None
    return Finding(
        "unbounded discriminator",
        "critical",
        since,
        f"The discriminator's outputs differ by {contrast.last:.3g} from item to item: nothing bounds its slope, and "
        "the "
        f"gradients that it sends grow with it.",
        advice(record, "--discriminator.spectral true", r1(record, f"R1 ({R1}1)"), "--loss nonsaturating"),
        {"contrast": contrast.last},
    )


def _relapses(diversity: Series) -> Series:
    """1 where a generator that had been diverse was both collapsed and diverse within a window of probes, else 0."""
    found = []
    for end in range(PROBES, len(diversity) + 1):
        window, before = diversity.values[end - PROBES : end], diversity.values[: end - PROBES + 1]
        found.append(float(max(before) >= 2 * NARROW and min(window) < NARROW and max(window) > 2 * NARROW))
    return Series(diversity.steps[PROBES - 1 :], found)


@register("symptom", "oscillation")
def oscillation(record: Record) -> Finding | None:
    """The generator runs in circles: far from its own average, or now diverse and now not."""
    drift = record.series("generator/drift").smoothed(4)
    diversity = record.series("generator/diversity")
    far = holding(drift, lambda d: d > SWINGING, least=PROBES)
    far = None if far is not None and len(diversity) and median(diversity.values[-4:]) < NARROW else far
    jumping = holding(_relapses(diversity), lambda relapse: relapse > 0)
    if far is None and jumping is None:
        return None
    sentence = (
        f"The same noise gives items {drift.last:.0%} of a typical distance away from those of the averaged generator: "
        f"it moves to and fro instead of settling."
        if far is not None
        else f"Within a few looks the diversity of the generated items was {min(diversity.values[-PROBES:]):.0%} and "
        f"{max(diversity.values[-PROBES:]):.0%}: the generator collapses and recovers in turn."
    )
    return Finding(
        "oscillation",
        "warning",
        min(step for step in (far, jumping) if step is not None),
        sentence,
        advice(
            record,
            f"lower learning rates (--generator.lr, now {rate(record, 'generator')}; --discriminator.lr, now "
            f"{rate(record, 'discriminator')})",
            "--generator.betas '[0.0, 0.99]'",
            r1(record, "R1 on the discriminator"),
        ),
        {"drift": round(drift.tail(1), 4)} | {"diversity": round(diversity.tail(1), 4)},
    )


@register("symptom", "memorisation")
def memorisation(record: Record) -> Finding | None:
    """Generated items lie nearer to training items than chance allows; only where the split itself is fair."""
    z = record.series("generator/inside_z")
    inside, null = record.series("generator/inside"), record.series("generator/inside_null")
    fair = record.series("data/split_z")
    if len(z) < PROBES or (len(fair) and abs(fair.last) > 4):
        return None
    level = z.smoothed(PROBES, fmean)
    since = holding(level, lambda value: value > 3, least=2)
    if since is None:
        return None
    share, chance = inside.tail(PROBES), null.tail(1)
    return Finding(
        "memorisation",
        "warning",
        since,
        f"The nearest real item of {share:.0%} of the generated ones is a training item; for a generator that had not "
        f"learnt them by heart it would be {chance:.0%}.",
        advice(
            record,
            "more data",
            "--augment color,translation,cutout",
            f"a narrower {record.option('--generator.width', '--generator.hidden')}",
            "an earlier checkpoint (--step best)",
        ),
        {"inside": round(share, 4), "expected": round(chance, 4), "z": round(level.last, 2)},
    )
