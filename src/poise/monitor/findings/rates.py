"""A symptom of the learning rate alone: steps so large that the weights are soon others altogether."""

from __future__ import annotations

from poise.monitor.findings.advice import advice, idea, rate_option
from poise.monitor.findings.finding import Finding, Record
from poise.registry import register

EARLY = 4  # recorded rows: Adam's first steps are its largest
FAR = 0.12  # of the weights' length in one step; defaults of every recipe move by at most 0.1
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
