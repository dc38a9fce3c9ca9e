"""What an evaluation reads of clips that each have a real one that they should be: paired metrics, beside what needs no
training, and whether clips are played back from the training set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from poise.data.files.items import Progress
from poise.data.speech.speech import Wave, resampled
from poise.direction import Direction
from poise.evaluation.choice import EvaluationOptions, named_metrics
from poise.evaluation.report import Section
from poise.evaluation.sides import Sides
from poise.evaluation.sources import TaskProgress
from poise.intervals import mean_interval
from poise.metrics.core.metric import not_about
from poise.metrics.core.rows import Difference, Note, ScoreRow
from poise.metrics.speech.clip_copying import copied_clips
from poise.metrics.speech.comparison import Comparison, Trained
from poise.metrics.speech.features import cepstra, log_mel
from poise.metrics.speech.metric import Context, Pair, PairedMetric, PairScores, measure_pairs

COPYING = "copying"  # as the metric of features is called
CELLS = 5e9  # of the tables of time warping in all, about two minutes: fewer pairs are looked at where there are more
LEAST_PAIRS, MOST_TRAINED = 8, 5_000
FEW = "it could be computed of fewer than half of the recordings, the others being {}."
UNPAIRED = "no clip has a real one that it should be."
TITLES = {
    "nearest training clip": "Distance to the nearest training clip over that of the real clip: about 0 for a copy.",
    "training clip of the real one": "The same to the training clip that is nearest to the real one.",
    "closer than half": "Share of clips nearer to a training clip than half of what the real one is; real ones have 0.",
    "closer than two recordings": "Share nearer to a training clip than two training recordings of one thing are.",
}
READ = (
    "beaten: what was made is better than this on the same recordings, by the 95 % interval of the differences; ahead: "
    "this is better."
)


class Baseline(NamedTuple):
    """What was measured of something else in the place of what was made, and the places it has."""

    scores: PairScores
    places: Sequence[int]


def speech_section(sides: Sides, options: EvaluationOptions, task: TaskProgress) -> Section | None:
    """The metrics of pairs, for clips with counterparts; None where there are no such, or where `--metrics` names none
    of them."""
    found, wanted = sides.comparison, options.metrics
    members = named_metrics(PairedMetric, wanted)
    if wanted is not None:
        members.sort(key=lambda member: wanted.index(member.name))
    if found is None:
        left_out = [Note(UNPAIRED, member.name) for member in members if wanted is not None]
        return Section("speech", "Recording by recording", [], {}, left_out) if left_out else None
    copies = (wanted is None or COPYING in wanted) and found.trained is not None
    if not members and not copies:
        return None
    section = section_of(found, members, options.seed, task, options.language, copies)
    if wanted is None:
        return section
    return replace(section, notes=[*section.notes, *not_about(members, *_contexts(found, options.language))])


def section_of(
    comparison: Comparison,
    members: Sequence[PairedMetric],
    seed: int,
    task: TaskProgress,
    language: str | None = None,
    copies: bool = True,
) -> Section:
    """A section of the report: rows with `beside`, name -> estimate of what could be played instead, and `difference`,
    name -> made less that, mean and 95 % interval over the recordings that both have.

    `language` stands in for what is known of the recordings. The same comparison and seed give the same section.
    """
    notes = [Note(sentence) for sentence in comparison.notes]
    rows: list[ScoreRow] = []
    beside = comparison.beside if members else {}
    if members:
        score = partial(_scores, comparison, members=members, seed=seed, language=language)
        made = score(comparison.made, range(comparison.n), tell=task(comparison.what))
        baselines = {}
        for name, one in beside.items():
            baselines[name] = Baseline(score(one.made, one.places, tell=task(name)), one.places)
        contexts = _contexts(comparison, language)
        rows, few = _enough([(member, _rows(member, made, baselines)) for member in members], contexts)
        notes += [*made.missing, *_unreported(made.left_out, few), *few]
    shown = {row.title for row in rows}
    titles = {member.name: member.title for member in members if member.title in shown}
    about = [one.about for one in beside.values()]
    if about:
        about.append(READ)
    if copies and comparison.trained is not None:
        more, left_out = _copies(comparison, comparison.trained, seed, task("copies of training clips"))
        rows += more
        notes += left_out
        titles |= {row.metric: row.title for row in more if row.metric in TITLES}
    return Section(
        "speech",
        f"Recording by recording, {comparison.n:,} {comparison.what}",
        rows,
        titles,
        notes,
        columns=list(beside),
        about=about,
    )


def _unreported(left_out: Sequence[Note], few: Sequence[Note]) -> list[Note]:
    """What was left out of a metric, other than what is told of a row that was left out as a whole."""
    told = {note.left_out for note in few}
    return [note for note in left_out if not note.of or note.left_out not in told]


def _scores(
    comparison: Comparison,
    play: Callable[[int], Wave],
    places: Sequence[int],
    *,
    members: Sequence[PairedMetric],
    seed: int,
    tell: Progress,
    language: str | None,
) -> PairScores:
    def pairs() -> Iterator[Pair]:
        for place in places:
            real = comparison.real(place)
            yield real._replace(made=play(place), language=real.language if language is None else language)

    wanted = [member.name for member in members]
    return measure_pairs(pairs(), comparison.mel, wanted, seed, lambda done: tell(done, len(places)))


def _contexts(comparison: Comparison, language: str | None) -> list[Context]:
    """Of each recording, to count to how many a metric applies."""
    known = [comparison.real(place) for place in range(comparison.n)]
    return [Context(comparison.mel, real.text, real.language if language is None else language) for real in known]


def _enough(
    rows: Sequence[tuple[PairedMetric, list[ScoreRow]]], contexts: Sequence[Context]
) -> tuple[list[ScoreRow], list[Note]]:
    """Rows that speak for at least half of the recordings to which they apply; a note for each other one.

    A text that is said has a length of its own, and the few that come out as long as their recordings are no sample.
    """
    kept, few = [], []
    for member, found in rows:
        asked = sum(map(member.applies, contexts))
        for row in found:
            if 2 * row.made.n >= asked:
                kept.append(row)
            else:
                few.append(Note(FEW.format(member.unless), row.metric))
    return kept, few


def _rows(member: PairedMetric, made: PairScores, baselines: dict[str, Baseline]) -> list[ScoreRow]:
    """One for each number that was taken of what was made; none where a package is missing, which a note says."""
    rows = []
    for name, estimate in made.found.get(member.name, {}).items():
        beside = {which: one.scores.found[member.name].get(name) for which, one in baselines.items()}
        if name.endswith("real clips"):  # told to be read beside, and better or worse at nothing
            rows.append(member.row(name, estimate, "none", beside=beside))
            continue
        apart = {which: _difference(name, made, one) for which, one in baselines.items()}
        known = {which: interval for which, interval in apart.items() if interval}
        rows.append(member.row(name, estimate, beside=beside, difference=known))
    return rows


def _difference(name: str, made: PairScores, one: Baseline) -> Difference | None:
    """Made less baseline over the recordings that have both numbers; None for pooled numbers and fewer than two."""
    if name not in made.values or name not in one.scores.values:
        return None
    apart = made.values[name][list(one.places)] - one.scores.values[name]
    apart = apart[np.isfinite(apart)]
    return None if len(apart) < 2 else mean_interval(apart)


def _copies(comparison: Comparison, trained: Trained, seed: int, tell: Progress) -> tuple[list[ScoreRow], list[Note]]:
    """Rows of `clip_copying.Copying`, and what was left out of it."""
    rate = comparison.mel.rate

    def features(wave: Wave) -> Any:
        return cepstra(log_mel(resampled(wave, rate), comparison.mel))

    draw = np.random.default_rng((seed, comparison.n, trained.n))
    known = np.sort(draw.permutation(trained.n)[:MOST_TRAINED]).tolist()
    kept, clips = [], []
    for i in known:
        clip = features(trained.clip(i))
        if len(clip):
            kept.append(i)
            clips.append(clip)
    order = draw.permutation(comparison.n).tolist()
    made: list[Any] = []
    real: list[Any] = []
    cells, lengths = 0.0, np.array(list(map(len, clips)))
    for place in order:
        pair = features(comparison.made(place)), features(comparison.real(place).real)
        if not all(map(len, pair)):
            continue
        cells += sum(float((len(part) * (len(part) + lengths)).sum()) for part in pair)
        if cells > CELLS and len(made) >= LEAST_PAIRS:
            break
        made.append(pair[0])
        real.append(pair[1])
    if not made or not clips:
        return [], [Note("the clips are shorter than a hop.", "Copying")]
    labels = None
    if trained.labels is not None:
        labels = [trained.labels[i] for i in kept]
    found = copied_clips(made, real, clips, labels, lambda done: tell(done, 2 * len(made)))
    notes = []
    if len(made) < comparison.n or len(clips) < trained.n:
        some = f"{len(made):,} of {comparison.n:,} recordings and {len(clips):,} of {trained.n:,} training clips"
        notes.append(Note(f"Copying looks at {some}, chosen by the seed."))
    rows = [ScoreRow(name, TITLES.get(name, ""), _way(name), estimate) for name, estimate in found.estimates().items()]
    return rows, notes


def _way(name: str) -> Direction:
    """Ratios are best about 1 as of real clips; a share of copies is best low, that of real clips is only told."""
    if name.endswith("real clips"):
        return "none"
    return "lower" if name.startswith("closer") else "target"
