"""Symptoms of the game: D overfits or dies or runs away, G collapses, circles or copies. Each a function of a record.

Numbers that look arbitrary are thresholds; they were set on pilot runs (docs/monitor.md) and lie between what sick and
healthy runs showed. A few more than 250 lines, so that each symptom's threshold, sentence and action stand together.
"""

from __future__ import annotations

import math
from statistics import fmean, median
from typing import NamedTuple

from poise.monitor.advice import advice, kept, r1, rate
from poise.monitor.finding import Finding, Record
from poise.monitor.windows import SHOWN_EVERY, Series, holding, surely_above
from poise.registry import register

PROBES = 8  # probes in a window: single values scatter, an AUC of 64 against 64 by 0.05
NARROW = 0.25  # diversity below this: samples all alike
SOME = 0.5  # diversity below this: much is missing
FEW = 0.35  # effective share of the classes below this: most are missing
LARGE_SHARE = 0.2  # of the gradient: a penalty that is a quarter as strong as the loss, or stronger
BLIND = 0.5  # mean AUC of D below this: it tells real items from generated ones about as well as a coin
BLIND_FOR = 10  # windows in a row
SWINGING = 0.9  # distance from the averaged generator above which the generator does not settle


class Look(NamedTuple):
    """One of the two generators that are watched: where its numbers are, who it is, and how often it is looked at."""

    prefix: str
    who: str
    every: int  # probes between two looks

    def series(self, record: Record, name: str) -> Series:
        return record.series(f"generator/{self.prefix}{name}")

    def looks(self, probes: int) -> int:
        """How many looks there are in so many probes, at least 2."""
        return max(2, probes // self.every)


# What a user is shown comes first; the generator that plays is looked at too, because its trouble is the other's soon.
GENERATORS = (Look("shown_", "averaged generator, which is what is shown,", SHOWN_EVERY), Look("", "generator", 1))

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
    """D gives every item the same output. A small one may begin like that, and is given time to come alive."""
    alive = record.series("discriminator/alive")
    since = holding(alive, lambda a: a == 0, least=3 if any(alive.values) else 6)
    if since is None:
        return None
    contrast = record.series("discriminator/contrast").tail(1)
    strength = record.series("discriminator/l2.strength")
    shares = record.series("discriminator/l2.share")
    # Up to its death: afterwards the loss's gradient is nothing, and any penalty is large beside it.
    before = [share for step, share in zip(shares.steps, shares.values, strict=True) if step <= since]
    share = median(before) if before else 0.0
    killed = share > LARGE_SHARE and len(strength) > 0
    remedy = (
        f"Its penalty was strong beside its loss (share of the gradient {share:.2g}): try --l2-discriminator "
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


@register("symptom", "generator collapse")
def collapse(record: Record) -> Finding | None:
    """All generated items are alike. Every generator begins like that, so a young one that grows is given time."""
    for look in GENERATORS:
        diversity = look.series(record, "diversity")
        since = holding(diversity, lambda d: d < NARROW, least=look.looks(4))
        young = len(diversity) > 0 and max(diversity.values) < 2 * NARROW
        early = (len(diversity) - 1) * look.every < 11  # the first twelve probes
        if since is None or (young and (early or _grows(diversity, look.looks(4), 1.3))):
            continue
        value = median(diversity.values[-look.looks(4) :])
        return Finding(
            "generator collapse",
            "critical",
            since,
            f"Items of the {look.who} differ from each other by {value:.0%} of what training items do: it makes nearly "
            "the same item whatever the noise.",
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
    return None


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
    classes = record.series("score/class_share.effective")
    grown = len(classes) > 1 and record.part_done(classes.steps[-1]) >= 1 / 3
    few = holding(classes, lambda share: share < FEW, least=2) if grown else None
    since, narrow, who = None, 1.0, ""
    for look in GENERATORS:
        diversity = look.series(record, "diversity")
        since = _narrow_since(record, diversity, look.looks(PROBES))
        if since is not None:
            narrow, who = diversity.smoothed(look.looks(PROBES)).last, look.who
            break
    if since is None and few is None:
        return None
    sentence = (
        f"Its samples spread over only {classes.last:.0%} of the classes that real items spread over."
        if few is not None
        else f"Items of the {who} differ from each other by {narrow:.0%} of what training items do."
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
        ({"diversity": round(narrow, 4)} if since is not None else {})
        | ({"effective share of the classes": round(classes.last, 4)} if len(classes) else {}),
    )


def _narrow_since(record: Record, diversity: Series, window: int) -> int | None:
    """Since when little diversity has lasted: neither growing nor young."""
    since = holding(diversity.smoothed(window), lambda d: NARROW <= d < SOME, least=window)
    if since is None or _grows(diversity, window, 1.1):
        return None
    young = max(diversity.values) < 0.7 and record.part_done(diversity.steps[-1]) < 1 / 2
    return None if young else since


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


def _relapses(diversity: Series, size: int, young: int) -> Series:
    """1 where a generator that had been diverse was both collapsed and diverse within a window of looks, else 0. The
    first `young` looks are no part of a window: there every generator comes and goes."""
    found = []
    first = size + young
    for end in range(first, len(diversity) + 1):
        window, before = diversity.values[end - size : end], diversity.values[: end - size + 1]
        found.append(float(max(before) >= 2 * NARROW and min(window) < NARROW and max(window) > 2 * NARROW))
    return Series(diversity.steps[first - 1 :], found)


@register("symptom", "oscillation")
def oscillation(record: Record) -> Finding | None:
    """The generator runs in circles: far from its own average, or now diverse and now not."""
    every = GENERATORS[0].every
    drift = record.series("generator/drift").smoothed(max(1, 4 // every))
    far = holding(drift, lambda d: d > SWINGING, least=PROBES // every + 1)
    jumping, diversity, who = None, record.series("generator/diversity"), "generator"
    far = None if far is not None and len(diversity) and median(diversity.values[-4:]) < NARROW else far
    for look in GENERATORS:
        diversity, who = look.series(record, "diversity"), look.who
        jumping = holding(_relapses(diversity, look.looks(PROBES), 12 // look.every), lambda relapse: relapse > 0)
        if jumping is not None:
            break
    if far is None and jumping is None:
        return None
    recent = diversity.values[-PROBES:] or [-1.0]
    sentence = (
        f"The same noise gives items {drift.last:.0%} of a typical distance away from those of the averaged generator: "
        f"it moves to and fro instead of settling."
        if far is not None
        else f"Within a few looks the diversity of the items of the {who} was {min(recent):.0%} and {max(recent):.0%}: "
        "it collapses and recovers in turn."
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


@register("symptom", "discriminator tells nothing")
def tells_nothing(record: Record) -> Finding | None:
    """D ranks real items no better than generated ones, for long: it may see, but not what matters.

    A generator that cannot be told from the data looks the same; where scores were taken, they tell the two apart.
    """
    ranks, alive = record.series("discriminator/auc_training"), record.series("discriminator/alive")
    if len(alive) and alive.last == 0:  # that has a name of its own
        return None
    mean = ranks.smoothed(PROBES, fmean)
    since = holding(mean, lambda value: value < BLIND, least=BLIND_FOR)
    if since is None:
        return None
    loss = record.series("discriminator/adversarial").tail(PROBES)
    swing = ranks.values[-PROBES:]
    return Finding(
        "discriminator tells nothing",
        "warning",
        since,
        f"The discriminator ranks training items above generated ones with AUC {mean.last:.2f} (½ is a coin; "
        f"{min(swing):.2f} to {max(swing):.2f} in the last {PROBES} probes, loss {loss:.2f}): what it tells the "
        "generator is of no use, unless samples can no longer be told from the data.",
        advice(
            record,
            f"a higher --discriminator.lr (now {rate(record, 'discriminator')})",
            f"a lower --generator.lr (now {rate(record, 'generator')})",
            _weaker(record),
            "a wider --discriminator.width",
        ),
        {"auc_training": round(mean.last, 4), "loss": round(loss, 4)},
    )


def _weaker(record: Record) -> str:
    now = record.series("discriminator/l2.strength").tail(1)
    return f"--l2-discriminator {now / 10:.2g}" if now > 0 else ""


@register("symptom", "memorisation")
def memorisation(record: Record) -> Finding | None:
    """Generated items lie nearer to training items than chance allows; only where the split itself is fair."""
    fair = record.series("data/split_z")
    if len(fair) and abs(fair.last) > 4:
        return None
    for look in GENERATORS:
        z, probes = look.series(record, "inside_z"), look.looks(PROBES)
        level = z.smoothed(probes, fmean)
        since = holding(level, lambda value: value > 3, least=2)
        if since is None:
            continue
        share, chance = look.series(record, "inside").tail(probes), look.series(record, "inside_null").tail(1)
        return Finding(
            "memorisation",
            "warning",
            since,
            f"The nearest real item of {share:.0%} of the items of the {look.who} is a training item; for one that had "
            f"not learnt them by heart it would be {chance:.0%}.",
            advice(
                record,
                "more data",
                "--augment color,translation,cutout",
                f"a narrower {record.option('--generator.width', '--generator.hidden')}",
                "an earlier checkpoint (--step best)",
            ),
            {"inside": round(share, 4), "expected": round(chance, 4), "z": round(level.last, 2)},
        )
    return None
