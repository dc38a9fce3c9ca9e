"""Fundamental frequency and periodicity of speech: a normalised cross-correlation and a path of least cost through it.

Letters: S samples, F frames, T lags, K candidates of a frame.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.metrics.core.statistics import Floats
from poise.metrics.features.speech_features import check_waves

RATE = 16_000  # samples a second inside
SPAN = 400  # samples of either segment that is compared: 25 ms
HUM = (60.0, 80.0)  # hertz: nothing is kept below the first, from there it rises to all at the second
PASSED = (1000.0, 5000.0)  # hertz: all is kept below the first, from there it fades to nothing at the second
QUIET = 1e-4  # of the power of the loudest frame, added to that of each segment: -40 dB
CANDIDATES = 10  # of a frame
VOICED = 0.5  # correlation from which a frame alone is voiced
OCTAVE = 0.08  # that a correlation one octave lower must be higher by
JUMP = 0.35  # cost of a step of one octave between frames 10 ms apart
TURN = 0.14  # cost of going from voiced to unvoiced or back


class Pitch(NamedTuple):
    """Of each frame the fundamental frequency, 0 where unvoiced, and how periodic it is."""

    f0: Floats  # [F] hertz
    periodicity: Floats  # [F] in [0, 1]

    @property
    def voiced(self) -> NDArray[np.bool_]:
        return self.f0 > 0


def pitch(wave: Wave, hop: float = 0.01, low: float = 60.0, high: float = 500.0) -> Pitch:
    """The fundamental frequency of a clip: F = S / rate // hop frames, frame f centred on (f + 1/2) hop.

    At 16 kHz, without what lies below 60 Hz, where the mains hum (all from 80 Hz on), and fading from 1 to 5 kHz. For
    each frame and lag t the correlation coefficient of two segments of 25 ms, t apart, that lie on either side of the
    middle of the frame (Talkin 1995, RAPT; here symmetric, so that a glide has no bias; at the ends of a clip, as near
    to it as both segments fit in). The power of the loudest frame less 40 dB is added to both, so that silence has
    correlation 0. Peaks over t, between lags by a parabola, are candidates (as in YIN, de Cheveigné & Kawahara 2002,
    whose difference function is 1 less this correlation for segments of equal power). Of all paths through the 10 best
    candidates and "unvoiced" (0.5) the one with the highest sum is taken; a lag twice as long must be better by 0.08,
    and frames 10 ms apart cost 0.35 for each octave between them and 0.14 for a change of voicing (the form and costs
    of Boersma 1993). A tone alone under 80 Hz is taken for hum.

    Args: hop in seconds; low and high, hertz between which to look.
    Returns: f0, and periodicity, the correlation at the chosen lag, in unvoiced frames the largest one.
    Errors: PoiseError for a clip that is empty or not finite, and for a range that 16 kHz cannot have.

    Example:
        >>> tone = Wave(np.sin(2 * np.pi * 200 * np.arange(8000) / 16_000).astype(np.float32), 16_000)
        >>> found = pitch(tone)
        >>> len(found.f0), round(float(np.median(found.f0))), bool(found.voiced.all())  # half a second, 200 Hz
        (50, 200, True)
    """
    if not 20 <= low < high <= 1000 or not 0.001 <= hop <= 0.1:
        raise PoiseError(
            f"a pitch is looked for between 20 and 1000 hertz in steps of 0.001 to 0.1 s, not from {low:g} to "
            f"{high:g} hertz in steps of {hop:g} s"
        )
    (samples,) = check_waves([wave])
    count = int(len(wave.samples) / wave.rate / hop + 1e-9)
    if not count:
        return Pitch(np.zeros(0), np.zeros(0))
    middles = np.rint((np.arange(count) + 0.5) * hop * RATE).astype(np.int64)
    first, last = int(RATE / high), int(np.ceil(RATE / low))
    found = _correlations(_passed(samples), middles, first - 1, last + 1)
    lags, heights = _candidates(found, first - 1)
    inside = (RATE / lags >= low) & (RATE / lags <= high)
    strengths = np.where(inside, heights - OCTAVE * np.log2(np.maximum(lags * high / RATE, 1e-9)), -np.inf)
    path = _path(lags, strengths, hop)
    rows = np.arange(count)
    voiced = path < CANDIDATES
    chosen = np.minimum(path, CANDIDATES - 1)
    f0 = np.where(voiced, RATE / lags[rows, chosen], 0.0)
    periodicity = np.where(voiced, heights[rows, chosen], found.max(1))
    return Pitch(f0, np.clip(periodicity, 0.0, 1.0))


def settled(wave: Wave, hop: float = 0.01) -> Pitch:
    """`pitch` twice: the second time between 0.6 and 1.9 times the median of the first, weighted by power.

    The loud middle of a syllable is tracked surely, its quiet ends, where the voice creaks and every second pulse is
    weaker, an octave too low; so each clip finds its own range (two passes as Hirst & De Looze 2021 advise).

    Example:
        >>> tone = Wave(np.sin(2 * np.pi * 200 * np.arange(8000) / 16_000).astype(np.float32), 16_000)
        >>> round(float(np.median(settled(tone).f0)))
        200
    """
    first = pitch(wave, hop)
    rows = np.flatnonzero(first.voiced)
    if not len(rows):
        return first
    step = hop * wave.rate
    edges = np.rint(np.arange(len(first.f0) + 1) * step).astype(np.int64)
    total = np.concatenate([[0.0], np.cumsum(np.square(wave.samples, dtype=np.float64))])
    power = (total[np.minimum(edges[1:], len(wave.samples))] - total[edges[:-1]])[rows]
    order = rows[np.argsort(first.f0[rows], kind="stable")]
    weights = np.cumsum(power[np.argsort(first.f0[rows], kind="stable")])
    middle = float(first.f0[order[np.searchsorted(weights, weights[-1] / 2)]])
    return pitch(wave, hop, max(60.0, 0.6 * middle), min(500.0, 1.9 * middle))


def _passed(samples: NDArray[np.float32]) -> Floats:
    """[S], without delay: the spectrum times 0, a raised cosine, 1, a raised cosine, 0."""
    size = 1 << (len(samples) + RATE // 5).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    rise, fall = (np.clip((hertz - first) / (last - first), 0, 1) for first, last in (HUM, PASSED))
    spectrum = (
        np.fft.rfft(samples - samples.mean(dtype=np.float64), size)
        * (1 - np.cos(np.pi * rise))
        * (1 + np.cos(np.pi * fall))
        / 4
    )
    whole: Floats = np.fft.irfft(spectrum, size)[: len(samples)]
    return whole


def _correlations(x: Floats, middles: NDArray[np.int64], first: int, last: int) -> Floats:
    """[F, T] for the lags first to last, in [-1, 1]."""
    pad, length = last + SPAN, len(x)
    x = np.pad(x, pad)
    once, square = (np.concatenate([[0.0], np.cumsum(part)]) for part in (x, x * x))
    centred = middles + pad - SPAN // 2
    quiet = max(QUIET * float((square[centred + SPAN] - square[centred]).max()), 1e-20)

    lags = np.arange(first, last + 1)
    latest = pad + np.maximum(length - SPAN - lags, (length - SPAN - lags) // 2)
    a = np.clip(middles[:, None] + pad - (lags + SPAN) // 2, np.minimum(pad, latest), latest)
    b = a + lags
    sum_a, sum_b = once[a + SPAN] - once[a], once[b + SPAN] - once[b]
    power_a = square[a + SPAN] - square[a] - sum_a**2 / SPAN + quiet
    power_b = square[b + SPAN] - square[b] - sum_b**2 / SPAN + quiet

    shared = np.empty(a.shape)
    product = np.zeros(len(x) + 1)
    for column, lag in enumerate(lags):
        np.cumsum(x[: len(x) - lag] * x[lag:], out=product[1 : len(x) - lag + 1])
        shared[:, column] = product[a[:, column] + SPAN] - product[a[:, column]]
    shared -= sum_a * sum_b / SPAN
    found: Floats = np.clip(shared / np.sqrt(np.maximum(power_a * power_b, quiet**2)), -1, 1)
    return found


def _candidates(found: Floats, first: int) -> tuple[Floats, Floats]:
    """Lags [F,K] of the highest peaks, in samples, and their heights; -1 high where there are fewer."""
    before, here, after = found[:, :-2], found[:, 1:-1], found[:, 2:]
    bend = before - 2 * here + after
    away = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    peak = (here > before) & (here >= after) & (here > 0)
    heights = np.where(peak, here - (before - after) * away / 4, -1.0)
    lags = first + 1 + np.arange(here.shape[1]) + np.clip(away, -0.5, 0.5)
    if heights.shape[1] < CANDIDATES:
        missing = ((0, 0), (0, CANDIDATES - heights.shape[1]))
        heights, lags = np.pad(heights, missing, constant_values=-1.0), np.pad(lags, missing, constant_values=1.0)
    best = np.argpartition(-heights, CANDIDATES - 1, axis=1)[:, :CANDIDATES]
    return np.take_along_axis(lags, best, 1), np.take_along_axis(heights, best, 1)


def _path(lags: Floats, strengths: Floats, hop: float) -> NDArray[np.int64]:
    """For each frame the candidate [F] on the path of the highest sum; K stands for unvoiced."""
    count, k = lags.shape
    octaves = np.log2(lags)
    cost = np.full((max(count - 1, 0), k + 1, k + 1), TURN)
    cost[:, :k, :k] = JUMP * np.abs(octaves[:-1, :, None] - octaves[1:, None, :])
    cost[:, k, k] = 0.0
    cost *= 0.01 / hop
    gains = np.concatenate([strengths, np.full((count, 1), VOICED)], axis=1)
    came = np.zeros((count, k + 1), np.int64)
    total = gains[0]
    for frame in range(1, count):
        sums = total[:, None] - cost[frame - 1]
        came[frame] = sums.argmax(0)
        total = sums.max(0) + gains[frame]
    path = np.empty(count, np.int64)
    path[-1] = total.argmax()
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came[frame, path[frame]]
    return path
