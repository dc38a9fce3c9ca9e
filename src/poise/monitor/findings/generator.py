"""Symptoms of the generators, the one that plays and the averaged one that is shown: they collapse or copy.

Thresholds were set on pilot runs (docs/monitor.md) and lie between what sick and healthy runs showed.
"""

from __future__ import annotations

from statistics import fmean, median
from typing import NamedTuple

from poise.monitor.findings.advice import Idea, advice, idea, r1, rate
from poise.monitor.findings.discriminator import PROBES
from poise.monitor.findings.finding import Finding, Record
from poise.monitor.findings.windows import SHOWN_EVERY, Series, holding
from poise.registry import register

NARROW = 0.25  # diversity below this: samples all alike
SOME = 0.5  # diversity below this: much is missing
FEW = 0.35  # effective share of the classes below this: most are missing
HELD = 2  # values, each over many looks, for which items must lie too near to training items


class WatchedGenerator(NamedTuple):
    """One of the two generators that are watched: where its numbers are, and how often it is looked at."""

    prefix: str
    every: int  # probes between two looks
    within: bool = False  # whether items of one class are compared

    @property
    def measure(self) -> str:
        return "diversity_within" if self.within else "diversity"

    def diversity(self, record: Record) -> Series:
        return self.series(record, self.measure)

    def series(self, record: Record, name: str) -> Series:
        return record.series(f"generator/{self.prefix}{name}")

    def who(self, record: Record) -> str:
        """In words, for "items of"."""
        return "the averaged generator, which is what is shown," if self.prefix else f"the {record.called('generator')}"

    def looks(self, probes: int) -> int:
        """How many looks there are in so many probes, at least 2."""
        return max(2, probes // self.every)


# What a user is shown comes first; the generator that plays is looked at too, because its trouble is the other's soon.
GENERATORS = (WatchedGenerator("shown_", SHOWN_EVERY), WatchedGenerator("", 1))
# One that makes a single item of each class is as diverse as the classes are.
ALIKE = (*GENERATORS, *(look._replace(within=True) for look in GENERATORS))


@register("symptom", "generator collapse")
def collapse(record: Record) -> Finding | None:
    """All generated items are alike, or all of a class. Every generator begins like that, so a young one that grows is
    given time."""
    for look in ALIKE:
        diversity = look.diversity(record)
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
            _alike(look, record, value),
            advice(
                record,
                idea(f"a lower {{}} (now {rate(record, 'generator')})", "generator.lr"),
                idea(f"a higher {{}} (now {rate(record, 'discriminator')})", "discriminator.lr"),
                idea("a weaker {}", "l2-generator"),
                _likelihood(record),
                idea("{} hinge", "loss"),
            ),
            {look.measure: round(value, 4)},
        )
    return None


def _alike(look: WatchedGenerator, record: Record, share: float) -> str:
    who = look.who(record)
    if look.within:
        return (
            f"Items of one class of {who} differ from each other by {share:.0%} of what training items of that class "
            "do: it makes nearly the same item of a class whatever the noise."
        )
    return (
        f"Items of {who} differ from each other by {share:.0%} of what training items do: it makes nearly the same "
        "item whatever the noise."
    )


def _narrow(look: WatchedGenerator, record: Record, share: float) -> str:
    who = look.who(record)
    if not look.within:
        return f"Items of {who} differ from each other by {share:.0%} of what training items do."
    return f"Items of one class of {who} differ from each other by {share:.0%} of what training items of that class do."


def _likelihood(record: Record) -> Idea:
    """More of what is fitted beside the game; of an auto-encoder --likelihood is a distribution, and --pixels its
    weight."""
    now = record.argument("likelihood")
    distribution = isinstance(now, str) and not any(map(str.isdigit, now))
    return idea("a larger {}", "pixels" if distribution else "likelihood")


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
    since, narrow, differ = None, {}, ""
    for look in ALIKE:
        diversity = look.diversity(record)
        since = _narrow_since(record, diversity, look.looks(PROBES))
        if since is not None:
            share = diversity.smoothed(look.looks(PROBES)).last
            narrow, differ = {look.measure: round(share, 4)}, _narrow(look, record, share)
            break
    if since is None and few is None:
        return None
    sentence = (
        f"Its samples spread over only {classes.last:.0%} of the classes that real items spread over."
        if few is not None
        else differ
    )
    return Finding(
        "partial collapse",
        "warning",
        min(step for step in (since, few) if step is not None),
        sentence,
        advice(
            record,
            idea("{} where there are labels", "conditional"),
            idea("a lower {}", "generator.lr"),
            _likelihood(record),
            idea("a larger {}", "batch"),
            r1(record, "0.1", f"R1 on the {record.called('discriminator')} ({{}})"),
        ),
        narrow | ({"effective share of the classes": round(classes.last, 4)} if len(classes) else {}),
    )


def _narrow_since(record: Record, diversity: Series, window: int) -> int | None:
    """Since when little diversity has lasted: neither growing nor young."""
    since = holding(diversity.smoothed(window), lambda d: NARROW <= d < SOME, least=window)
    if since is None or _grows(diversity, window, 1.1):
        return None
    young = max(diversity.values) < 0.7 and record.part_done(diversity.steps[-1]) < 1 / 2
    return None if young else since


def tells_copies(record: Record) -> bool:
    """Whether `memorisation` would be found by now if samples were copies: there were enough looks, at a fair split."""
    return _fair(record) and any(len(_inside(record, look)) >= HELD for look in GENERATORS)


def _fair(record: Record) -> bool:
    """Whether real items that were held out are like those that were trained on."""
    z = record.series("data/split_z")
    return not len(z) or abs(z.last) <= 4


def _inside(record: Record, look: WatchedGenerator) -> Series:
    """How far beyond chance generated items lie near training ones, over the last looks at each."""
    return look.series(record, "inside_z").smoothed(look.looks(PROBES), fmean)


@register("symptom", "memorisation")
def memorisation(record: Record) -> Finding | None:
    """Generated items lie nearer to training items than chance allows; only where the split itself is fair."""
    if not _fair(record):
        return None
    for look in GENERATORS:
        level, probes = _inside(record, look), look.looks(PROBES)
        since = holding(level, lambda value: value > 3, least=HELD)
        if since is None:
            continue
        who = look.who(record)
        share, chance = look.series(record, "inside").tail(probes), look.series(record, "inside_null").tail(1)
        return Finding(
            "memorisation",
            "warning",
            since,
            f"The nearest real item of {share:.0%} of the items of {who} is a training item; for one that had not "
            f"learnt them by heart it would be {chance:.0%}.",
            advice(
                record,
                idea("more data"),
                idea("{} color,translation,cutout", "augment"),
                idea("a narrower {}", record.option("generator.width", "generator.hidden")),
                idea("an earlier checkpoint (--step best)"),
            ),
            {"inside": round(share, 4), "expected": round(chance, 4), "z": round(level.last, 2)},
        )
    return None
