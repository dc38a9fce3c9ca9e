"""Metrics of pairs of clips.

Each generated clip has a real one that it should be: the recording whose spectrogram a vocoder was given, or whose
labels a text-to-speech model was given. They are in `members`, `pitch_members` and `heard`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.audio.spectrograms import Mel
from poise.data.speech.speech import Wave
from poise.errors import NothingToMeasure, PoiseError
from poise.intervals import mean_interval
from poise.metrics.core.memory import Memory
from poise.metrics.core.metric import Metric, find_metrics, installed
from poise.metrics.core.rows import Note
from poise.metrics.core.statistics import Estimate, Floats

RESAMPLES = 1_000  # of the bootstrap over clips

Value = float | Floats  # of one pair: a number that is averaged over pairs, or an array that is pooled
PoolFunction = Callable[[Floats, NDArray[np.int64]], float]  # values [N,...] and numbers of voices [N] -> value, or NaN


class Pair(NamedTuple):
    """A real clip and the one that was made for it; what it says, in which language ("en"), and whose voice it is."""

    real: Wave
    made: Wave
    text: str = ""
    language: str = ""
    voice: str = ""


@dataclass(frozen=True, eq=False)
class Context(Memory):
    """What members read beside the two waves of one pair. `keep(key, make)` holds what several of them compute.

    Example:
        >>> context = Context(text="the cat", language="en")
        >>> context.keep("twice", lambda: 2 * 2), context.keep("twice", lambda: 0), context.mel.rate
        (4, 4, 16000)
    """

    mel: Mel = field(default_factory=Mel)
    text: str = ""
    language: str = ""


@dataclass(frozen=True, eq=False)
class PairValues:
    """What metrics found of N pairs, read once. `of`: name of a metric -> for each pair its values by name, or None
    where the metric does not apply to the pair. `voices`: [N], numbers of the voices."""

    of: dict[str, list[Mapping[str, Value] | None]]
    voices: NDArray[np.int64]


@dataclass(frozen=True)
class PairedMetric(Metric[PairValues]):
    """One or several numbers about a generated clip and the real one that it should be.

    `function(real, made, context)` gives name -> value for one pair, with a new context for each pair, and leaves out
    what cannot be computed. Attributes beside those of `Metric`: `unless` says of which pairs that is so; names in
    `pools` have arrays of one shape as values, which are pooled over pairs, the others are averaged. `applies` to a
    context.

    Example:
        >>> (metric,) = find_metrics(PairedMetric, ["log-mel L1"])
        >>> clip = Wave(np.full(1280, 0.1, np.float32), 16_000)
        >>> metric.of_pair(clip, clip, Context())
        {'log-mel L1': 0.0}
    """

    reads, modality = "pairs", "speech"

    unless: str = "clips without sound"
    pools: Mapping[str, PoolFunction] = field(default_factory=dict)

    def of_pair(self, real: Wave, made: Wave, context: Context) -> dict[str, Value]:
        """The values of one pair."""
        return dict(self.function(real, made, context))

    def names(self, read: PairValues) -> list[str]:
        """What could be computed of some pair."""
        return list(dict.fromkeys(name for row in read.of[self.name] if row for name in row))

    def known(self, read: PairValues, name: str) -> NDArray[np.bool_]:
        """Whether this number could be computed of each pair: [N]."""
        return np.array([row is not None and name in row for row in read.of[self.name]])

    def values(self, read: PairValues, name: str) -> Floats:
        """The values of this number [K,...] of the K pairs that have one."""
        return np.array([row[name] for row in read.of[self.name] if row and name in row], np.float64)

    def measure(self, read: PairValues, seed: int = 0) -> dict[str, Estimate]:
        """As `Metric.measure`; what cannot be computed of 2 pairs is left out. n is the number of pairs that have a
        value, m is N."""
        found = {}
        for name in self.names(read):
            own, pool = self.values(read, name), self.pools.get(name)
            if len(own) < 2:
                continue
            voices = read.voices[self.known(read, name)]
            interval = mean_interval(own) if pool is None else _pooled(pool, own, voices, seed)
            if interval is not None:
                found[name] = Estimate(*interval, len(own), len(read.voices))
        return found

    def notes(self, read: PairValues, found: Mapping[str, Estimate]) -> list[Note]:
        """What could not be computed of some pairs, or of all."""
        asked = sum(row is not None for row in read.of[self.name])
        notes = []
        for name in self.names(read):
            missing = asked - int(self.known(read, name).sum())
            if missing:
                notes.append(Note(f"{self.unless}.", name, f"{missing:,} of {asked:,} pairs"))
        if asked and not found:
            notes.append(Note(f"it could be computed of fewer than 2 pairs ({self.unless}).", self.name))
        return notes


@dataclass(frozen=True, eq=False)
class PairScores:
    """What was found of N pairs.

    `found`: metric -> name -> estimate, where n is the number of pairs that it could be computed of and m is N.
    `values`: name -> [N], each pair's own, NaN where it could not be computed; for what is averaged only. Differences
    between two models on the same pairs are best taken of these. `missing`: a note for each package that is not
    installed; `left_out`: one for each thing that could not be computed.
    """

    found: dict[str, dict[str, Estimate]]
    values: dict[str, Floats]
    missing: list[Note]
    left_out: list[Note]

    @property
    def notes(self) -> list[str]:
        """Both, as sentences."""
        return [str(note) for note in (*self.missing, *self.left_out)]


def read_pairs(
    pairs: Iterable[Pair], members: Sequence[PairedMetric], mel: Mel, tell: Callable[[int], object] | None = None
) -> PairValues:
    """Look at every pair once, for all of these metrics; see `measure_pairs`.

    Example:
        >>> clip = Wave(np.full(1280, 0.1, np.float32), 16_000)
        >>> read = read_pairs([Pair(clip, clip, voice="anna")] * 2, find_metrics(PairedMetric, ["log-mel L1"]), Mel())
        >>> read.of, read.voices.tolist()
        ({'log-mel L1': [{'log-mel L1': 0.0}, {'log-mel L1': 0.0}]}, [0, 0])
    """
    of: dict[str, list[Mapping[str, Value] | None]] = {member.name: [] for member in members}
    voices: list[str] = []
    for number, pair in enumerate(pairs, 1):
        for what, wave in (("real", pair.real), ("made", pair.made)):
            _check(wave, f"the {what} clip of pair {number}")
        context = Context(mel, pair.text, pair.language)
        for member in members:
            applies = member.applies(context)
            of[member.name].append(member.of_pair(pair.real, pair.made, context) if applies else None)
        voices.append(pair.voice)
        if tell:
            tell(number)
    if not voices:
        raise PoiseError("there is no pair of clips to compare: give at least 2")
    return PairValues(of, np.unique(voices, return_inverse=True)[1])


def measure_pairs(
    pairs: Iterable[Pair],
    mel: Mel | None = None,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    tell: Callable[[int], object] | None = None,
) -> PairScores:
    """Every metric of these names (default: all) of every pair: means and pooled numbers, with 95 % intervals.

    A mean has the t interval over pairs, a pooled number the percentiles of a bootstrap over pairs (1,000 resamples by
    the seed). Either needs 2 pairs. The pairs are read once and none is kept, so they may be made as they are asked
    for; `tell` is given the number of pairs done. The same pairs and seed give the same numbers.

    Errors: PoiseError for a clip that is empty or not finite, and for no pairs.

    Example:
        >>> clip = lambda level: Wave(np.random.default_rng(0).normal(0, level, 1280).astype(np.float32), 16_000)
        >>> scores = measure_pairs([Pair(clip(0.1), clip(0.1)), Pair(clip(0.1), clip(0.2))], metrics=["log-mel L1"])
        >>> round(scores.found["log-mel L1"]["log-mel L1"].value, 4), scores.values["log-mel L1"].round(4).tolist()
        (0.3466, [0.0, 0.6931])
    """
    members, missing = installed(find_metrics(PairedMetric, metrics))
    read = read_pairs(pairs, members, mel or Mel(), tell)
    found: dict[str, dict[str, Estimate]] = {}
    values: dict[str, Floats] = {}
    left_out: list[Note] = []
    for member in members:
        found[member.name] = member.measure(read, seed)
        left_out += member.notes(read, found[member.name])
        for name in member.names(read):
            if name not in member.pools:
                values[name] = np.full(len(read.voices), np.nan)
                values[name][member.known(read, name)] = member.values(read, name)
    return PairScores(found, values, missing, left_out)


def _check(wave: Wave, what: str) -> None:
    if not len(wave.samples) or not np.isfinite(wave.samples).all():
        raise NothingToMeasure(f"{what} is empty or holds NaN or infinite samples: there is nothing to compare")


def _pooled(pool: PoolFunction, own: Floats, voices: NDArray[np.int64], seed: int) -> tuple[float, float, float] | None:
    """Value and interval; None for a number that these values do not have."""
    value = pool(own, voices)
    return None if math.isnan(value) else (value, *bootstrap(pool, own, voices, value, seed))


def bootstrap(
    pool: PoolFunction, values: Floats, voices: NDArray[np.int64], value: float, seed: int
) -> tuple[float, float]:
    """The 2.5 and 97.5 percentiles of a pooled number over resamples of clips (Efron 1979), with `value` inside.

    Example:
        >>> mean = lambda values, voices: float(values.mean())
        >>> low, high = bootstrap(mean, np.array([0.0, 1.0]), np.zeros(2, np.int64), value=0.5, seed=0)
        >>> low, high  # both resampled from one clip, or from the other
        (0.0, 1.0)
    """
    rng = np.random.default_rng((seed, len(values)))
    drawn = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, len(values), len(values))
        drawn.append(pool(values[rows], voices[rows]))
    low, high = np.nanpercentile(np.append(drawn, value), [2.5, 97.5])
    return min(float(low), value), max(float(high), value)
