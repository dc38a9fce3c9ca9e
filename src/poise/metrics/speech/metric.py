"""What a metric of pairs is: a name in the registry's family "paired metric", and a way from two waves to numbers.

Each generated clip has a real one that it should be: the recording whose spectrogram a vocoder was given, or whose
labels a text-to-speech model was given. Members are in `paired_members`, `pitch_members` and `heard_members`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.audio.spectrograms import Mel
from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.intervals import mean_interval
from poise.metrics.core.statistics import Estimate
from poise.registry import find, names, register

RESAMPLES = 1_000  # of the bootstrap over clips

Floats = NDArray[np.float64]
Value = float | Floats  # of one pair: a number that is averaged over pairs, or an array that is pooled
Pool = Callable[[Floats, NDArray[np.int64]], float]  # values [N,...] and numbers of voices [N] -> value, or NaN


class Pair(NamedTuple):
    """A real clip and the one that was made for it; what it says, in which language ("en"), and whose voice it is."""

    real: Wave
    made: Wave
    text: str = ""
    language: str = ""
    voice: str = ""


@dataclass(frozen=True, eq=False)
class Context:
    """What members read beside the two waves of one pair. `keep(key, make)` holds what several of them compute."""

    mel: Mel = field(default_factory=Mel)
    text: str = ""
    language: str = ""
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


Measure = Callable[[Wave, Wave, Context], Mapping[str, Value]]


@dataclass(frozen=True)
class PairedMetric:
    """One or several numbers about a generated clip and the real one that it should be.

    Attributes: `title`, one plain sentence; `better`, "lower" or "higher"; `measure(real, made, context)` gives
    name -> value for one pair, with a new context for each pair, and leaves out what cannot be computed; `unless` says
    of which pairs that is so; names in `pools` have arrays of one shape as values, which are pooled over pairs, the
    others are averaged; `unit` of the numbers; `applies` to a context; `ready()` raises where a package is missing.
    """

    name: str
    title: str
    better: str
    measure: Measure
    unit: str = ""
    unless: str = "clips without sound"
    pools: Mapping[str, Pool] = field(default_factory=dict)
    applies: Callable[[Context], bool] = lambda _: True
    ready: Callable[[], None] = lambda: None


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found of N pairs.

    `found`: metric -> name -> estimate, where n is the number of pairs that it could be computed of and m is N.
    `values`: name -> [N], each pair's own, NaN where it could not be computed; for what is averaged only. Differences
    between two models on the same pairs are best taken of these. `notes`: a sentence for each thing left out.
    """

    found: dict[str, dict[str, Estimate]]
    values: dict[str, Floats]
    notes: list[str]


def paired_metric(name: str, title: str, better: str, **more: Any) -> Callable[[Measure], PairedMetric]:
    """Decorator: a function of real, made and context becomes a `PairedMetric`, registered under its name."""

    def enter(measure: Measure) -> PairedMetric:
        return register("paired metric", name)(PairedMetric(name, title, better, measure, **more))

    return enter


def find_paired_metrics(wanted: Sequence[str] | None = None) -> list[PairedMetric]:
    """The metrics of these names, or all; an unknown name is an error with the nearest one."""
    return [find("paired metric", name) for name in (names("paired metric") if wanted is None else wanted)]


def measure_pairs(
    pairs: Iterable[Pair],
    mel: Mel | None = None,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    tell: Callable[[int], object] | None = None,
) -> Measured:
    """Every metric of these names (default: all) of every pair: means and pooled numbers, with 95 % intervals.

    A mean has the t interval over pairs, a pooled number the percentiles of a bootstrap over pairs (1,000 resamples by
    the seed). Either needs 2 pairs. The pairs are read once and none is kept, so they may be made as they are asked
    for; `tell` is given the number of pairs done. The same pairs and seed give the same numbers.

    Errors: PoiseError for a clip that is empty or not finite, and for no pairs.
    """
    members, notes = _ready(find_paired_metrics(metrics))
    mel = mel or Mel()
    rows: list[dict[str, dict[str, Value]]] = []
    voices: list[str] = []
    for number, pair in enumerate(pairs, 1):
        for what, wave in (("real", pair.real), ("made", pair.made)):
            _check(wave, f"the {what} clip of pair {number}")
        context = Context(mel, pair.text, pair.language)
        applying = (m for m in members if m.applies(context))
        rows.append({m.name: dict(m.measure(pair.real, pair.made, context)) for m in applying})
        voices.append(pair.voice)
        if tell:
            tell(number)
    if not rows:
        raise PoiseError("there is no pair of clips to compare: give at least 2")
    known = np.unique(voices, return_inverse=True)[1]
    found: dict[str, dict[str, Estimate]] = {}
    values: dict[str, Floats] = {}
    for member in members:
        found[member.name], own = _gathered(member, [row.get(member.name) for row in rows], known, seed, notes)
        values |= own
    return Measured(found, values, notes)


def _ready(members: Sequence[PairedMetric]) -> tuple[list[PairedMetric], list[str]]:
    """Those whose packages are installed, and a sentence for each of the others."""
    fit, missing = [], []
    for member in members:
        try:
            member.ready()
        except PoiseError as error:
            missing.append(str(error))
        else:
            fit.append(member)
    return fit, missing


def _check(wave: Wave, what: str) -> None:
    if not len(wave.samples) or not np.isfinite(wave.samples).all():
        raise PoiseError(f"{what} is empty or holds NaN or infinite samples: there is nothing to compare")


def _gathered(
    member: PairedMetric,
    rows: Sequence[dict[str, Value] | None],
    voices: NDArray[np.int64],
    seed: int,
    notes: list[str],
) -> tuple[dict[str, Estimate], dict[str, Floats]]:
    """Estimates, and the values of single pairs; a note for what could not be computed of some pairs, or of all."""
    asked = sum(row is not None for row in rows)
    found, values = {}, {}
    for name in dict.fromkeys(name for row in rows if row for name in row):
        has = np.array([row is not None and name in row for row in rows])
        own = np.array([row[name] for row in rows if row and name in row], np.float64)
        if name not in member.pools:
            values[name] = np.full(len(rows), np.nan)
            values[name][has] = own
        estimate = None if len(own) < 2 else _estimate(member.pools.get(name), own, voices[has], seed)
        if estimate is not None:
            found[name] = Estimate(*estimate, len(own), len(rows))
        if len(own) < asked:
            notes.append(f"{name} is left out of {asked - len(own):,} of {asked:,} pairs: {member.unless}.")
    if asked and not found:
        notes.append(f"{member.name} is left out: it could be computed of fewer than 2 pairs ({member.unless}).")
    return found, values


def _estimate(
    pool: Pool | None, own: Floats, voices: NDArray[np.int64], seed: int
) -> tuple[float, float, float] | None:
    """Value and interval; None for a pooled number that these values do not have."""
    if pool is None:
        return mean_interval(own)
    value = pool(own, voices)
    return None if math.isnan(value) else (value, *bootstrap(pool, own, voices, value, seed))


def bootstrap(pool: Pool, values: Floats, voices: NDArray[np.int64], value: float, seed: int) -> tuple[float, float]:
    """The 2.5 and 97.5 percentiles of a pooled number over resamples of clips (Efron 1979), with `value` inside."""
    rng = np.random.default_rng((seed, len(values)))
    drawn = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, len(values), len(values))
        drawn.append(pool(values[rows], voices[rows]))
    low, high = np.nanpercentile(np.append(drawn, value), [2.5, 97.5])
    return min(float(low), value), max(float(high), value)
