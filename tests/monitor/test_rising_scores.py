"""A perplexity that rises: judged against the scatter of the scores themselves, and no score of a GAN."""

from __future__ import annotations

import numpy as np
import pytest

from poise.monitor.findings.diagnose import diagnose
from poise.monitor.findings.finding import Record
from poise.monitor.findings.scores import risen_since
from tests.monitor.records import fitted, record

FALL = [310.0, 95.0, 62.2]


def risen(share: float, scores: int = 5) -> list[float]:
    """A fall to 62.2, and from there evenly in the logarithm up by a share of it."""
    return [*FALL, *(62.2 * (1 + share) ** (i / scores) for i in range(1, scores + 1))]


def scattered(values, scatter: float, seed: int) -> list[float]:
    return list(np.asarray(values) * np.exp(scatter * np.random.default_rng(seed).standard_normal(len(values))))


def scored(rows, values, key: str = "score/perplexity", interval: bool = False):
    for i, value in enumerate(values):
        row = rows[(i + 1) * len(rows) // len(values) - 1]
        row[key] = value
        row |= {f"{key}.low": value, f"{key}.high": value} if interval else {}
    return rows


def named(rows) -> list[str]:
    return [finding.name for finding in diagnose(Record(rows))]


def test_a_rise_of_eight_percent_over_five_scores_is_named_with_its_best():
    rows = scored(fitted(), risen(0.08))
    (found,) = diagnose(Record(rows))
    steps = [row["step"] for row in rows if "score/perplexity" in row]
    assert (found.name, found.since, found.numbers) == (
        "past its best",
        steps[2],
        {"best": 62.2, "now": risen(0.08)[-1]},
    )
    assert "was 62.2" in found.sentence and "is 67.2 now" in found.sentence and "over 5 scores" in found.sentence


def test_nearly_every_such_rise_is_named_where_scores_scatter_by_half_a_percent():
    """97 of 100 in ten thousand draws."""
    assert sum(risen_since(scattered(risen(0.08), 0.005, seed)) is not None for seed in range(200)) >= 185


@pytest.mark.parametrize("n", [8, 12, 20])
def test_a_plateau_that_scatters_by_three_percent_is_not(n):
    """At most four in a thousand draws, and so are such scores on the way down."""
    plateaus = [scattered([62.0] * n, 0.03, seed) for seed in range(300)]
    falls = [scattered([62.0 * 0.99**i for i in range(n)], 0.03, seed) for seed in range(300)]
    assert sum(risen_since(values) is not None for values in plateaus) <= 4
    assert sum(risen_since(values) is not None for values in falls) <= 1


@pytest.mark.parametrize(
    "values",
    [
        [310, 95, 62.2, 62.3, 62.2, 62.4, 62.3, 75.0],  # one bad score at the end
        [310, 95, 62.2, 75.0, 62.3, 62.4, 62.5, 62.6],  # or on the way
        risen(0.015),  # less than two percent
        risen(0.08, 4),  # over four scores alone
        [*FALL, 60.0, 58.0, 57.0, 56.0, 55.5],  # still falling
        [*risen(0.08), 62.5, 62.3],  # which has come back
        [62.2, 0.0, 63.0, 64.0, 65.0, 66.0, 67.0],  # no perplexity
        [],
    ],
)
def test_what_is_no_rise(values):
    assert risen_since(values) is None and named(scored(fitted(), values)) == []


def test_no_gan_is_judged_so():
    assert named(scored(record(), risen(0.5))) == [], "no held-out likelihood"
    assert named(scored(fitted(), risen(0.5), interval=True)) == [], "scores with intervals have a rule of their own"
