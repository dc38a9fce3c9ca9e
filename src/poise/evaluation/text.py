"""What an evaluation reads in the sentences themselves: n-gram perplexities, BLEU, diversity, copies, verse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from poise.data.files.items import Progress
from poise.data.tokenizers.alphabet import UNKNOWN, Units
from poise.data.tokenizers.units import fit_units, suggested_units
from poise.errors import PoiseError
from poise.evaluation.choice import EvaluationOptions, named_metrics
from poise.evaluation.report import Section
from poise.evaluation.sides import LEAST_MADE, Sides
from poise.evaluation.sources import TaskProgress
from poise.metrics.core.metric import fitting, installed, not_about, row_of
from poise.metrics.core.rows import Note, ScoreRow, StandIns
from poise.metrics.core.statistics import Estimate
from poise.metrics.text.metric import TextMetric, Texts, TextSets

MOST_READ = 200_000  # training sentences at most
LEAST = 2  # times that a unit stands in the training sentences; rarer ones are unknown, in real sentences as well
PLURAL = {"word": "words and signs", "character": "characters"}
MemberEstimates = dict[str, dict[str, dict[str, Estimate]]]  # place -> metric -> name -> estimate
KEYS = ("metric", "title", "better", "copied", "made", "perfect")  # of a row in JSON


def text_section(sides: Sides, options: EvaluationOptions, task: TaskProgress) -> Section | None:
    """The metrics of sentences, for generated ones; None where `--metrics` names none of them.

    As for the features, each is taken of generated sentences, of fresh held-out ones in their place, and of training
    ones, n each, against the m other held-out ones; n is the smaller of the generated sentences and half of the
    held-out ones. All training sentences are read (at most 200,000), not only those whose features are.
    """
    train = sides.trained or sides.train
    if train is not None:
        train = train.at_most(MOST_READ, options.seed)
    made, heldout = (side.items.take(side.rows) for side in (sides.made, sides.heldout))
    trained = None if train is None else train.items.take(train.rows)
    return section_of(made, heldout, trained, options.seed, options.metrics, task=task)


def section_of(
    made: Sequence[str],
    heldout: Sequence[str],
    train: Sequence[str] | None,
    seed: int,
    metrics: Sequence[str] | None = None,
    units: Units | None = None,
    task: TaskProgress | None = None,
) -> Section | None:
    """A section of the report, its rows as those of `metrics.distributions.evaluation`.

    Args: sentences; units, default those that suit the real sentences (`suggested_units`), fitted on the training
    sentences, or on the held-out ones where there are none, without what stands there only once.
    """
    real = heldout if train is None else train
    units = _units(real) if units is None else units
    name = PLURAL.get(units.kind, units.plural)
    others: dict[str, int] = {}
    known = None if train is None else _texts(units, train, others)
    places = _places(_texts(units, made, others), _texts(units, heldout, others), known, seed)
    base = TextSets(places.made, places.reference, known, len(units), name)
    named = named_metrics(TextMetric, metrics)
    chosen, notes = installed(metric for metric in named if metric.applies(base))
    if metrics is not None:
        notes += not_about(named, base)
    if not chosen and not notes:
        return None
    members, left_out = fitting(chosen, base)
    notes += left_out
    found = _measured(members, places.by_name(), base, seed, notes, task("metrics of the sentences") if task else None)
    if members:
        notes.append(_unknown(places.made, places.reference, name))
    return Section(
        "text",
        f"By the sentences themselves, in {name} (a vocabulary of {len(units):,})",
        [row for member in members for row in _rows(member, found)],
        {member.name: member.title for member in members},
        notes,
        keys=KEYS,
    )


def _measured(
    members: Sequence[TextMetric],
    places: dict[str, Texts],
    base: TextSets,
    seed: int,
    notes: list[Note],
    tell: Progress | None,
) -> MemberEstimates:
    """place -> metric -> name -> estimate; a note for a metric that refuses these sentences."""
    found: MemberEstimates = {}
    steps = [(place, member) for place in places for member in members]
    for done, (place, member) in enumerate(steps):
        if tell:
            tell(done, len(steps))
        of = found.setdefault(place, {})
        try:
            of[member.name] = member.measure(replace(base, samples=places[place]), seed)
        except PoiseError as error:
            of[member.name] = {}
            notes.append(Note(f"{error}.", f"{member.name} ({place})"))
    if tell:
        tell(len(steps), len(steps))
    return found


def _units(real: Sequence[str]) -> Units:
    kind = suggested_units(real)
    try:
        return fit_units(kind, real, least=LEAST)
    except PoiseError:  # hardly anything stands there twice
        return fit_units(kind, real)


def _texts(units: Units, sentences: Sequence[str], others: dict[str, int]) -> Texts:
    """Ids in the vocabulary, and exact ones; `others` numbers the units outside it, and grows."""
    ids = [np.array(units.encode(sentence), np.int64) for sentence in sentences]
    exact = list(ids)
    for i in (i for i, sentence in enumerate(ids) if (sentence == UNKNOWN).any()):
        names = units.split(sentences[i])
        told = [others.setdefault(name, len(units) + len(others)) for name in names]
        exact[i] = np.where(ids[i] == UNKNOWN, told, ids[i])
    return Texts(ids, list(sentences), exact)


def _places(made: Texts, heldout: Texts, train: Texts | None, seed: int) -> StandIns[Texts]:
    """The reference, and what stands in the generator's place."""
    n = min(len(made), len(heldout) // 2)
    order = np.random.default_rng((seed, len(heldout))).permutation(len(heldout))
    copied = train.at_most(n, seed) if train is not None and len(train) >= LEAST_MADE else None
    reference, perfect = heldout.pick(np.sort(order[n:])), heldout.pick(np.sort(order[:n]))
    return StandIns(reference, made.at_most(n, seed), perfect, copied)


def _unknown(made: Texts, real: Texts, name: str) -> Note:
    """How much of either side the vocabulary does not hold: a perplexity sees all of it as one unit."""
    shares = [np.mean(np.concatenate([*part.ids, np.zeros(1)]) == UNKNOWN) for part in (made, real)]
    return Note(
        f"{100 * shares[0]:.2g} % of the generated and {100 * shares[1]:.2g} % of the real {name} are outside the "
        "vocabulary: one and the same for perplexities, told apart elsewhere."
    )


def _rows(member: TextMetric, found: MemberEstimates) -> list[ScoreRow]:
    """One for each number that was taken of generated and of held-out sentences."""
    rows = []
    for name in found["made"][member.name]:
        row = row_of(member, name, {place: metrics[member.name].get(name) for place, metrics in found.items()})
        if row is not None:
            rows.append(row)
    return rows
