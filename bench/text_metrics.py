"""Which faults of sentences do features and the metrics of text notice? Real sentences, spoilt in steps.

    python bench/text_metrics.py web-bible
    python bench/text_metrics.py chinese-quatrains

1,000 spoilt sentences against 1,000 held-out ones, trained on all the others, as `poise evaluate` compares them; the
table of docs/text-metrics.md. Needs `poise data get NAME` and the package of USE. For verse also what chance gives.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from poise.data.text.text import open_sentences
from poise.data.tokenizers.units import fit_units, suggested_units
from poise.evaluation.text import section_of
from poise.metrics.distributions.evaluation import evaluate
from poise.metrics.features.features import features
from poise.metrics.features.text_features import USE
from poise.metrics.text.verse import quatrain, rhymes, tone_share
from poise.report.table import columns, number

N = 1000
BY_FEATURES = ("KID", "FD", "precision", "recall")


def spoilt(made: list[str], train: list[str]) -> dict[str, list[str]]:
    """Name -> as many sentences as there are in `made`; the units of spoilt ones are joined as they were split."""
    rng = np.random.default_rng(0)
    by_letter = suggested_units(train) == "character"
    split: Callable[[str], list[str]] = list if by_letter else str.split  # type: ignore[assignment]
    glue = "" if by_letter else " "

    def windows(units: list[str], size: int) -> list[str]:
        return [u for i in range(0, len(units), size) for u in rng.permutation(units[i : i + size])]

    pool = np.array([unit for sentence in train for unit in split(sentence)])
    return {
        "within 3": [glue.join(windows(split(s), 3)) for s in made],
        "shuffled": [glue.join(rng.permutation(split(s))) for s in made],
        "drawn": [glue.join(rng.choice(pool, len(split(s)))) for s in made],
        "fifty": [train[i] for i in rng.integers(0, 50, len(made))],
    }


def chance(poems: list[str], draws: int = 4000) -> None:
    """Rhyme and tones of lines of other poems, each in its place, and of random characters."""
    rng = np.random.default_rng(0)
    lines = [found for poem in poems if (found := quatrain(poem))]
    letters = np.array([c for poem in lines for line in poem for c in line])
    size = len(lines[0][0])
    for what, drawn in {
        "real": lines,
        "lines of other poems": [[lines[rng.integers(len(lines))][k] for k in range(4)] for _ in range(draws)],
        "random characters": [["".join(line) for line in rng.choice(letters, (4, size))] for _ in range(draws)],
    }.items():
        print(f"{what}: rhyme {np.mean([*map(rhymes, drawn)]):.3f}, tones {np.mean([*map(tone_share, drawn)]):.3f}")


def main(name: str) -> None:
    sentences = list(dict.fromkeys(open_sentences(name).sentences))
    order = np.random.default_rng(0).permutation(len(sentences))
    made, heldout, train = ([sentences[i] for i in part] for part in np.split(order, [N, 3 * N]))
    units = fit_units(suggested_units(train), train, least=2)
    print(f"{name}: {len(sentences):,} sentences, {len(train):,} to train on, {len(units):,} {units.plural}")
    encoder = USE()
    real = features(encoder, heldout)
    cells: dict[str, dict[str, str]] = {}
    for kind, given in {"": made, **spoilt(made, train)}.items():
        by_features = evaluate(name, features(encoder, given), real, metrics=BY_FEATURES)
        section = section_of(given, heldout, train, 0, units=units)
        for row in (*by_features.rows, *(section.rows if section else ())):
            of = cells.setdefault(row.metric, {})
            if kind:
                of[kind] = number(row.made.value)
            else:
                of["real"] = number(row.perfect.value)
                of["interval"] = f"[{number(row['perfect']['low'])}, {number(row['perfect']['high'])}]"
                of["copied"] = number(row["copied"]["value"]) if row["copied"] else "-"
    kinds = ("real", "interval", "within 3", "shuffled", "drawn", "fifty", "copied")
    print("\n".join(columns([("", *kinds), *((m, *(of.get(k, "-") for k in kinds)) for m, of in cells.items())])))
    if quatrain(heldout[0]):
        chance(heldout)


if __name__ == "__main__":
    main(sys.argv[1])
