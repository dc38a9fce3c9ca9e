"""Symptoms of the discriminator: it overfits, dies, tells nothing or runs away. Each a function of a record.

Numbers that look arbitrary are thresholds; they were set on pilot runs (docs/monitor.md) and lie between what sick and
healthy runs showed.
"""

from __future__ import annotations

import math
from statistics import fmean, median

from poise.monitor.findings.advice import Idea, advice, idea, kept, penalties, r1, rate, strength_flag
from poise.monitor.findings.finding import Finding, Record
from poise.monitor.findings.windows import PATIENT, Series, holding, surely_above
from poise.registry import register

PROBES = 8  # probes in a window: single values scatter, an AUC of 64 against 64 by 0.05
LARGE_SHARE = 0.2  # of the gradient: a penalty that is a quarter as strong as the loss, or stronger
BLIND = 0.5  # mean AUC of D below this: it tells real items from generated ones about as well as a coin
BLIND_FOR = 10  # windows in a row
KILLING = 1e-2  # λ on D beyond which it may die: nobody is sent there


def _remedies(record: Record) -> str:
    """What may help a D that knows its items by heart, with the flags that are not in force yet."""
    now = record.series("discriminator/l2.strength").tail(1)
    plain = record.fact("augment") in (None, "none")
    stronger = f"{{}} {10 * now if now > 0 else 1e-4:.2g}"
    ideas = [
        idea("{} color,translation,cutout", "augment") if plain else None,
        idea(stronger, "l2-discriminator") if 10 * now <= KILLING else None,
        r1(record, "1"),
        idea("a larger {}", "discriminator.dropout"),
        idea("more data"),
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
    d = record.called("discriminator")
    return Finding(
        "discriminator overfitting",
        "warning",
        min(steps),
        f"The {d} ranks training items above generated ones with AUC {train:.2f}, held-out items with only "
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
    since = holding(alive, lambda a: a == 0, least=3 if any(alive.values) else PATIENT)
    if since is None:
        return None
    contrast = record.series("discriminator/contrast").tail(1)
    killer, share = _heaviest(record, since)
    killed = share > LARGE_SHARE
    d, g = record.called("discriminator"), record.called("generator")
    if killed:
        weaker = strength_flag(record, killer, record.series(f"{killer}.strength").last / 10)
        remedy = (
            f"Its penalty was strong beside its loss (share of the gradient {share:.2g}): try {weaker} in a new run, "
            "or --on-divergence rollback."
        )
    else:
        lower = idea("a lower {} and a higher {}", "generator.lr", "discriminator.lr")
        remedy = advice(record, lower, idea("another {}", "loss"))
    return Finding(
        "dead discriminator",
        "critical",
        since,
        f"The {d}'s output is the same for real and generated items (standard deviation {contrast:.1g}), so the {g} "
        "learns nothing.",
        remedy,
        {
            "contrast": contrast,
            "share of the penalty before": share,
            "killed by its penalty": float(killed),
        },
    )


def _heaviest(record: Record, death: int) -> tuple[str, float]:
    """discriminator/PENALTY of the one that had the largest share of the gradient, in the median, up to D's death, and
    that share; afterwards the loss's gradient is nothing, and any penalty is large beside it. ("", 0) without one."""
    found = [("", 0.0)]
    for name in penalties(record):
        shares = record.series(f"{name}.share")
        before = [share for step, share in zip(shares.steps, shares.values, strict=True) if step <= death]
        if name.startswith("discriminator/") and before:
            found.append((name, median(before)))
    return max(found, key=lambda one: one[1])


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
        f"The {record.called('discriminator')}'s outputs differ by {contrast.last:.3g} from item to item: nothing "
        "bounds its slope, and the gradients that it sends grow with it.",
        advice(
            record,
            idea("{} true", "discriminator.spectral"),
            r1(record, "1", "R1 ({})"),
            idea("{} nonsaturating", "loss"),
        ),
        {"contrast": contrast.last},
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
    d, g = record.called("discriminator"), record.called("generator")
    swing = ranks.values[-PROBES:]
    return Finding(
        "discriminator tells nothing",
        "warning",
        since,
        f"The {d} ranks training items above generated ones with AUC {mean.last:.2f} (½ is a coin; "
        f"{min(swing):.2f} to {max(swing):.2f} in the last {PROBES} probes, loss {loss:.2f}): what it tells the {g} "
        "is of no use, unless samples can no longer be told from the data.",
        advice(
            record,
            idea(f"a higher {{}} (now {rate(record, 'discriminator')})", "discriminator.lr"),
            idea(f"a lower {{}} (now {rate(record, 'generator')})", "generator.lr"),
            _weaker(record),
            idea("a wider {}", "discriminator.width"),
        ),
        {"auc_training": round(mean.last, 4), "loss": round(loss, 4)},
    )


def _weaker(record: Record) -> Idea | None:
    now = record.series("discriminator/l2.strength").tail(1)
    return idea(f"{{}} {now / 10:.2g}", "l2-discriminator") if now > 0 else None
