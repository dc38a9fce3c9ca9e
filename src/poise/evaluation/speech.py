"""What an evaluation reads of clips that each have a real one that they should be: paired metrics, beside what needs no
training, and whether clips are played back from the training set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import poise.metrics.speech.members  # noqa: F401  (enters all members into the registry)
from poise.data.speech.speech import Wave, resampled
from poise.evaluation.choice import Asked
from poise.evaluation.sides import Sides
from poise.intervals import mean_interval
from poise.metrics.core.statistics import Estimate
from poise.metrics.speech.clip_copying import copied_clips
from poise.metrics.speech.comparison import Comparison, Trained
from poise.metrics.speech.features import cepstra, log_mel
from poise.metrics.speech.metric import Context, Measured, Pair, PairedMetric, find_paired_metrics, measure_pairs
from poise.registry import names, register

COPYING = "copying"  # as the metric of features is called
CELLS = 5e9  # of the tables of time warping in all, about two minutes: fewer pairs are looked at where there are more
LEAST_PAIRS, MOST_TRAINED = 8, 5_000
BETTER = {"lower": "low", "higher": "high"}
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
Task = Callable[[str], Callable[[int, int], object]]


class Baseline(NamedTuple):
    """What was measured of something else in the place of what was made, and the places it has."""

    measured: Measured
    places: Sequence[int]


@register("section", "speech")
def speech_section(sides: Sides, asked: Asked, task: Task) -> dict[str, Any] | None:
    """The metrics of the family "paired metric" for clips with counterparts; None where there are no such, or where
    `--metrics` names none of them."""
    found = sides.comparison
    members = find_paired_metrics([name for name in asked.metrics or [] if name in names("paired metric")] or None)
    if asked.metrics is not None:
        members = [member for member in members if member.name in asked.metrics]
    copies = found is not None and found.trained is not None and (asked.metrics is None or COPYING in asked.metrics)
    if found is None or not (members or copies):
        return None
    return section_of(found, members, asked.seed, task, asked.language, copies)


def section_of(
    comparison: Comparison,
    members: Sequence[PairedMetric],
    seed: int,
    task: Task,
    language: str | None = None,
    copies: bool = True,
) -> dict[str, Any]:
    """A section of the report: rows with `beside`, name -> estimate of what could be played instead, and `difference`,
    name -> made less that, mean and 95 % interval over the recordings that both have.

    `language` stands in for what is known of the recordings. The same comparison and seed give the same section.
    """
    wanted = [member.name for member in members]
    notes = list(comparison.notes)
    rows: list[dict[str, Any]] = []
    beside = {name: one for name, one in comparison.beside.items() if wanted}
    if wanted:
        made = _measured(
            comparison, comparison.made, range(comparison.n), wanted, seed, task(comparison.what), language
        )
        baselines = {
            name: Baseline(_measured(comparison, one.made, one.places, wanted, seed, task(name), language), one.places)
            for name, one in beside.items()
        }
        rows = [row for member in members for row in _rows(member, made, baselines)]
        rows, few = _enough(rows, comparison, members, language)
        notes += [note for note in made.notes if not note.startswith(tuple(f"{name} is left out of" for name in few))]
        notes += few.values()
    titles = {member.name: member.title for member in members for row in rows if row["title"] == member.title}
    if copies and comparison.trained is not None:
        more, about = _copies(comparison, comparison.trained, seed, task("copies of training clips"))
        rows += more
        notes += about
        titles |= {row["metric"]: row["title"] for row in more if row["metric"] in TITLES}
    return {
        "name": "speech",
        "title": f"Recording by recording, {comparison.n:,} {comparison.what}",
        "columns": list(beside),
        "rows": rows,
        "titles": titles,
        "about": [*(one.about for one in beside.values()), *([READ] if beside else [])],
        "notes": notes,
    }


def _measured(
    comparison: Comparison,
    play: Callable[[int], Wave],
    places: Sequence[int],
    metrics: Sequence[str],
    seed: int,
    tell: Callable[[int, int], object],
    language: str | None,
) -> Measured:
    def pairs() -> Iterator[Pair]:
        for place in places:
            real = comparison.real(place)
            yield real._replace(made=play(place), language=real.language if language is None else language)

    return measure_pairs(pairs(), comparison.mel, metrics, seed, lambda done: tell(done, len(places)))


def _enough(
    rows: list[dict[str, Any]], comparison: Comparison, members: Sequence[PairedMetric], language: str | None
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows that speak for at least half of the recordings to which they apply; a note for each other one, by name.

    A text that is said has a length of its own, and the few that come out as long as their recordings are no sample.
    """
    known = [comparison.real(place) for place in range(comparison.n)]
    contexts = [Context(comparison.mel, real.text, real.language if language is None else language) for real in known]
    kept, few = [], {}
    for row in rows:
        (member,) = (member for member in members if member.title == row["title"])
        asked = sum(map(member.applies, contexts))
        if 2 * row["made"]["n"] < asked:
            few[row["metric"]] = (
                f"{row['metric']} is left out: it could be computed of fewer than half of the recordings, the others "
                f"being {member.unless}."
            )
        else:
            kept.append(row)
    return kept, few


def _rows(member: PairedMetric, made: Measured, baselines: dict[str, Baseline]) -> list[dict[str, Any]]:
    """One for each number that was taken of what was made; none where a package is missing, which a note says."""
    rows = []
    for name, estimate in made.found.get(member.name, {}).items():
        others = {which: one.measured.found[member.name].get(name) for which, one in baselines.items()}
        of_real = name.endswith("real clips")  # told to be read beside, and better or worse at nothing
        row = _row(name, member.title, "" if of_real else BETTER[member.better], estimate)
        row["beside"] = {which: value and value._asdict() for which, value in others.items()}
        row["difference"] = {
            which: dict(zip(("value", "low", "high"), interval, strict=True))
            for which, one in baselines.items()
            for interval in [_difference(name, made, one)]
            if interval and not of_real
        }
        rows.append(row)
    return rows


def _row(name: str, title: str, better: str, estimate: Estimate) -> dict[str, Any]:
    about = {"metric": name, "title": title, "better": better, "made": estimate._asdict()}
    return {**about, "perfect": None, "copied": None, "beside": {}, "difference": {}}


def _difference(name: str, made: Measured, one: Baseline) -> tuple[float, float, float] | None:
    """Made less baseline over the recordings that have both numbers; None for pooled numbers and fewer than two."""
    if name not in made.values or name not in one.measured.values:
        return None
    apart = made.values[name][list(one.places)] - one.measured.values[name]
    apart = apart[np.isfinite(apart)]
    return None if len(apart) < 2 else mean_interval(apart)


def _copies(
    comparison: Comparison, trained: Trained, seed: int, tell: Callable[[int, int], object]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of `clip_copying.Copying`, and what was left out of it."""
    rate = comparison.mel.rate

    def features(wave: Wave) -> Any:
        return cepstra(log_mel(resampled(wave, rate), comparison.mel))

    draw = np.random.default_rng((seed, comparison.n, trained.n))
    known = np.sort(draw.permutation(trained.n)[:MOST_TRAINED]).tolist()
    clips = [features(trained.clip(i)) for i in known]
    kept = [i for i, clip in zip(known, clips, strict=True) if len(clip)]
    clips = [clip for clip in clips if len(clip)]
    order = draw.permutation(comparison.n).tolist()
    chosen: list[tuple[Any, Any]] = []
    cells, lengths = 0.0, np.array([len(clip) for clip in clips])
    for place in order:
        pair = features(comparison.made(place)), features(comparison.real(place).real)
        if not all(map(len, pair)):
            continue
        cells += sum(float((len(part) * (len(part) + lengths)).sum()) for part in pair)
        if cells > CELLS and len(chosen) >= LEAST_PAIRS:
            break
        chosen.append(pair)
    if not chosen or not clips:
        return [], ["Copying is left out: the clips are shorter than a hop."]
    labels = None if trained.labels is None else [trained.labels[i] for i in kept]
    made, real = ([pair[i] for pair in chosen] for i in (0, 1))
    found = copied_clips(made, real, clips, labels, lambda done: tell(done, 2 * len(chosen)))
    notes = []
    if len(chosen) < comparison.n or len(clips) < trained.n:
        notes.append(
            f"Copying looks at {len(chosen):,} of {comparison.n:,} recordings and {len(clips):,} of {trained.n:,} "
            "training clips, chosen by the seed."
        )
    rows = [
        _row(name, TITLES.get(name, ""), "" if name.endswith("real clips") else _way(name), estimate)
        for name, estimate in found.estimates().items()
    ]
    return rows, notes


def _way(name: str) -> str:
    """Ratios are best about 1 as of real clips; a share of copies is best low."""
    return "low" if name.startswith("closer") else "at"
