"""Symptoms of steps that are too large: the weights are soon others altogether, the generator runs in circles."""

from __future__ import annotations

from statistics import median

from poise.monitor.findings.advice import advice, idea, r1, rate, rate_option
from poise.monitor.findings.discriminator import PROBES
from poise.monitor.findings.finding import Finding, Record
from poise.monitor.findings.generator import GENERATORS, NARROW
from poise.monitor.findings.windows import Series, holding
from poise.registry import register

EARLY = 4  # recorded rows: Adam's first steps are its largest
FAR = 0.12  # of the weights' length in one step; defaults of every recipe move by at most 0.1
SWINGING = 0.9  # distance from the averaged generator above which the generator does not settle
GROWN = 2.5  # times the first length; healthy runs of 800 to 5,000 steps grew to at most 1.9


@register("symptom", "learning rate too large")
def too_large_a_rate(record: Record) -> Finding | None:
    """The first steps moved a player's weights by a large part of their length, and they have grown far beyond it.

    Under Adam the first step has the length lr·√n whatever the gradient is, so this tells a rate that does not fit the
    scale at which the weights begin. In a later stage a player begins with trained weights: nothing is said then, nor
    of one whose held-out likelihood is measured and has become better: language models at twice and four times the
    default rate step as far and end better.
    """
    if record.stage.first > 0:
        return None
    for player in record.players():
        updates, lengths = record.series(f"{player}/update"), record.series(f"{player}/norm")
        if len(updates) < 2 * EARLY or len(lengths) != len(updates) or lengths.values[0] <= 0:
            continue
        heldout = record.series(f"{player}/nll_heldout")
        if len(heldout) > 1 and heldout.last < heldout.values[0]:
            continue
        first, grown = max(updates.values[:EARLY]), lengths.last / lengths.values[0]
        if first < FAR or grown < GROWN:
            continue
        rates = record.series(f"{player}/lr")
        wanted = f" {rates.values[0] * 0.02 / first:.1g} (now {rates.last:.2g})" if len(rates) else " lower"
        since = next(s for s, n in zip(lengths.steps, lengths.values, strict=True) if n > GROWN * lengths.values[0])
        return Finding(
            "learning rate too large",
            "warning",
            since,
            f"The first steps moved the {record.called(player)}'s weights by {first:.0%} of their length each, and "
            f"they are {grown:.1f} times as long now as at the start: little is left of how they began.",
            advice(record, idea(f"{{}}{wanted}", rate_option(record, player))),
            {"first step": first, "length beside the first": grown},
        )
    return None


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
    jumping, diversity, who = None, record.series("generator/diversity"), ""
    far = None if far is not None and len(diversity) and median(diversity.values[-4:]) < NARROW else far
    for look in GENERATORS:
        diversity, who = look.series(record, "diversity"), look.who(record)
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
        else f"Within a few looks the diversity of the items of {who} was {min(recent):.0%} and {max(recent):.0%}: "
        "it collapses and recovers in turn."
    )
    return Finding(
        "oscillation",
        "warning",
        min(step for step in (far, jumping) if step is not None),
        sentence,
        advice(
            record,
            idea(
                f"lower learning rates ({{}}, now {rate(record, 'generator')}; {{}}, now "
                f"{rate(record, 'discriminator')})",
                "generator.lr",
                "discriminator.lr",
            ),
            idea("{} '[0.0, 0.99]'", "generator.betas"),
            r1(record),
        ),
        {"drift": round(drift.tail(1), 4)} | {"diversity": round(diversity.tail(1), 4)},
    )
