"""The metrics of pairs about pitch: how far off, where it is voiced, how periodic, which tone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from poise.data.speech.speech import Wave
from poise.metrics.core.statistics import Floats
from poise.metrics.speech.features import SHORT, matched, pitches
from poise.metrics.speech.metric import Context, PairedMetric, Value
from poise.metrics.speech.pitch import Pitch

POINTS = 20  # of a contour
RUN = 3  # frames: shorter voiced runs do not count in a contour
LEAST = 5  # voiced frames that a contour needs
LEVEL = 0.5  # semitones: the standard deviation under which a contour is a level one


def _matched(real: Wave, made: Wave, context: Context) -> tuple[Pitch, Pitch] | None:
    """Both pitches in frames that match."""
    path = matched(real, made, context)
    if path is None:
        return None
    (first, second), (i, j) = pitches(real, made, context), path.T
    return Pitch(first.f0[i], first.periodicity[i]), Pitch(second.f0[j], second.periodicity[j])


@PairedMetric.define(
    "F0 RMSE",
    "Root mean square distance in pitch where both clips are voiced.",
    "lower",
    unit="semitones",
    unless="clips that are never voiced at the same time",
)
def f0_rmse(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """sqrt(mean (12 log2(f / f'))²) over frames that are voiced in both, in semitones. See `pitch`.

    Frames match one to one where the clips have one length up to a hop, else along the warping path of MCD.

    Example:
        >>> tone = lambda hertz: Wave(np.sin(2 * np.pi * hertz * np.arange(8000) / 16_000).astype(np.float32), 16_000)
        >>> round(f0_rmse.of_pair(tone(200), tone(200 * 2 ** (3 / 12)), Context())["F0 RMSE"], 1)  # three semitones
        3.0
    """
    pair = _matched(real, made, context)
    if pair is None or not (voiced := pair[0].voiced & pair[1].voiced).any():
        return {}
    steps = 12 * np.log2(pair[0].f0[voiced] / pair[1].f0[voiced])
    return {"F0 RMSE": float(np.sqrt(np.square(steps).mean()))}


@PairedMetric.define(
    "V/UV error", "Share of frames that are voiced in one clip and not in the other.", "lower", unless=SHORT
)
def voicing_error(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """In [0, 1], over frames that match as for "F0 RMSE".

    Example:
        >>> tone = Wave(np.sin(2 * np.pi * 200 * np.arange(8000) / 16_000).astype(np.float32), 16_000)
        >>> voicing_error.of_pair(tone, Wave(np.zeros(8000, np.float32), 16_000), Context())
        {'V/UV error': 1.0}
    """
    pair = _matched(real, made, context)
    return {} if pair is None else {"V/UV error": float((pair[0].voiced != pair[1].voiced).mean())}


@PairedMetric.define(
    "periodicity", "Root mean square distance of how periodic the clips are, frame by frame.", "lower", unless=SHORT
)
def periodicity(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """sqrt(mean (p - p')²) over frames that match as for "F0 RMSE", in [0, 1] (Morrison et al. 2022).

    They take p from the entropy of a neural tracker; here it is the correlation of `pitch`, so values compare only with
    others of this package.

    Example:
        >>> tone = Wave(np.sin(2 * np.pi * 200 * np.arange(8000) / 16_000).astype(np.float32), 16_000)
        >>> found = periodicity.of_pair(tone, Wave(np.zeros(8000, np.float32), 16_000), Context())
        >>> round(found["periodicity"], 2)  # 1 and 0
        1.0
    """
    pair = _matched(real, made, context)
    if pair is None:
        return {}
    return {"periodicity": float(np.sqrt(np.square(pair[0].periodicity - pair[1].periodicity).mean()))}


def contour(f0: Floats) -> Floats | None:
    """f0 [F] in hertz, 0 where unvoiced -> 20 points of 12 log2(f0), evenly spaced from the first voiced frame to the
    last, with straight lines over gaps.

    Voiced runs of fewer than 3 frames do not count; None where fewer than 5 voiced frames are left.

    Example:
        >>> found = contour(np.array([0.0, 100.0, 100.0, 200.0, 200.0, 200.0, 0.0]))
        >>> len(found), round(float(found[-1] - found[0]), 4)  # an octave
        (20, 12.0)
    """
    voiced = f0 > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], voiced, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        voiced[start:end] = end - start >= RUN
    rows = np.flatnonzero(voiced)
    if len(rows) < LEAST:
        return None
    found: Floats | None = np.interp(np.linspace(rows[0], rows[-1], POINTS), rows, 12 * np.log2(f0[rows]))
    return found


def correlation(a: Floats, b: Floats) -> float:
    """Pearson's; 0 where b does not move, NaN where a does not.

    Example:
        >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])), 4)
        1.0
    """
    a, b = a - a.mean(), b - b.mean()
    if np.square(a).mean() < 1e-12:
        return float("nan")
    return 0.0 if np.square(b).mean() < 1e-12 else float(a @ b / np.sqrt((a @ a) * (b @ b)))


def pooled_correlation(contours: Floats, voices: NDArray[np.int64]) -> float:
    """Pearson's over all points of contours [N,2,20], real and made, less the mean of each voice in either.

    Example:
        >>> rising = np.linspace(0.0, 1.0, 20)
        >>> contours = np.stack([[rising, rising + 5], [rising, rising + 9]])  # two clips, real and made
        >>> round(pooled_correlation(contours, voices=np.array([0, 1])), 4)  # each voice's mean is taken away
        1.0
    """
    kinds = int(voices.max()) + 1
    counts = np.maximum(np.bincount(voices, minlength=kinds), 1)
    sums = np.stack([np.bincount(voices, contours[:, side].mean(1), kinds) for side in (0, 1)], 1)
    less = contours - (sums / counts[:, None])[voices][:, :, None]
    return correlation(less[:, 0].ravel(), less[:, 1].ravel())


@PairedMetric.define(
    "tone contour",
    "Correlation of the pitch contours of all clips together, less each voice's mean: are the tones right?",
    "higher",
    unless="clips with fewer than 5 voiced frames; by clip also those whose real contour is level",
    pools={"tone contour": pooled_correlation},
)
def tone_contour(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """Two correlations of the contours of log F0, each 20 points over the voiced stretch of its clip (see `contour`).

    "tone contour", the headline, is pooled over all points of all clips, after each voice's mean over its clips is
    taken away from real and from made contours: height counts as well as shape, so that a level tone, whose own
    correlation would be that of its noise, is judged by where it lies. "tone contour by clip" is the mean over clips of
    the correlation within a clip, 0 where the made contour does not move; real contours with a standard deviation under
    half a semitone have none. Without voices in the pairs all clips are of one voice.

    Example:
        >>> t = np.arange(8000) / 16_000
        >>> up = Wave(np.sin(2 * np.pi * (150 * t + 50 * t**2)).astype(np.float32), 16_000)  # from 150 to 200 Hz
        >>> round(tone_contour.of_pair(up, up, Context())["tone contour by clip"], 4)
        1.0
    """
    first, second = (contour(p.f0) for p in pitches(real, made, context))
    if first is None or second is None:
        return {}
    found: dict[str, Value] = {"tone contour": np.stack([first, second])}
    if first.std() >= LEVEL:
        found["tone contour by clip"] = correlation(first, second)
    return found
