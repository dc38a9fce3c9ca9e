"""What several metrics of pairs read of the two clips: waves at one rate, log-mels, cepstra, frames that match.

Each is computed once for a pair and kept in its context. Letters: S samples, F and G frames, M mel bands, P steps.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from poise.audio.spectrograms import Mel
from poise.data.speech.speech import Wave, resampled
from poise.metrics.core.statistics import Floats
from poise.metrics.speech.align import Alignment, align
from poise.metrics.speech.metric import Context
from poise.metrics.speech.pitch import Pitch, settled

ORDER = 13  # cepstral coefficients, without the 0th
SHORT = "clips shorter than a hop"  # they have no `warped` nor `matched`


class WavePair(NamedTuple):
    """The two clips at the rate of the context's mel."""

    real: NDArray[np.float32]  # [S]
    made: NDArray[np.float32]  # [S']


def both(real: Wave, made: Wave, context: Context) -> WavePair:
    """Either may come at any rate; full length.

    Example:
        >>> waves = both(Wave(np.zeros(800, np.float32), 8_000), Wave(np.zeros(1600, np.float32), 16_000), Context())
        >>> [len(wave) for wave in waves]  # at 16 kHz
        [1600, 1600]
    """

    def make() -> WavePair:
        return WavePair(*(resampled(wave, context.mel.rate).astype(np.float32, copy=False) for wave in (real, made)))

    found: WavePair = context.keep("both", make)
    return found


def same_length(real: Wave, made: Wave, context: Context) -> WavePair | None:
    """Both cut to the shorter one; None where they differ by more than a hop, or are shorter than one.

    Example:
        >>> clip = lambda samples: Wave(np.zeros(samples, np.float32), 16_000)
        >>> len(same_length(clip(1000), clip(1100), Context()).made), same_length(clip(1000), clip(2000), Context())
        (1000, None)
    """
    waves = both(real, made, context)
    shorter = min(map(len, waves))
    if shorter < context.mel.hop or max(map(len, waves)) > shorter + context.mel.hop:
        return None
    return WavePair(*(wave[:shorter] for wave in waves))


def log_mel(samples: NDArray[np.float32], mel: Mel) -> Floats:
    """float32 [S] -> float64 [F,M]: the log-mel of `poise.audio.spectrograms.Mel`, F = S // hop.

    Example:
        >>> found = log_mel(np.zeros(1280, np.float32), Mel())
        >>> found.shape, round(float(found.max()), 4)  # 1280 // 128 frames of 80 bands; ln 1e-5 of silence
        ((10, 80), -11.5129)
    """
    with torch.no_grad():
        return mel(torch.from_numpy(samples)[None])[0].T.double().numpy()


@functools.cache
def _cosines(bands: int, order: int) -> Floats:
    k, middle = np.arange(1, order + 1), (np.arange(bands) + 0.5) / bands
    return 2 / bands * np.cos(np.pi * k[:, None] * middle)


def cepstra(log_mels: Floats, order: int = ORDER) -> Floats:
    """[F,M] -> [F,order]: c_k = 2/M sum_m ln(mel_m) cos(pi k (m + 1/2) / M) for k = 1 .. order.

    So the log-mel is its mean plus the sum of c_k cos(pi k (m + 1/2) / M) over all k < M: a discrete cosine transform.

    Example:
        >>> bands = (np.arange(80) + 0.5) / 80
        >>> found = cepstra((3 + 2 * np.cos(np.pi * bands))[None])  # a level and one wave of the first kind
        >>> found.shape, np.abs(found.round(4))[0, :3].tolist()
        ((1, 13), [2.0, 0.0, 0.0])
    """
    found: Floats = log_mels @ _cosines(log_mels.shape[1], order).T
    return found


def both_cepstra(real: Wave, made: Wave, context: Context) -> tuple[Floats, Floats] | None:
    """[F,13] and [G,13]; None where a clip is shorter than one hop.

    Example:
        >>> clip = Wave(np.random.default_rng(0).normal(0, 0.1, 1280).astype(np.float32), 16_000)
        >>> [part.shape for part in both_cepstra(clip, clip, Context())]
        [(10, 13), (10, 13)]
    """

    def make() -> tuple[Floats, Floats] | None:
        waves = both(real, made, context)
        if min(map(len, waves)) < context.mel.hop:
            return None
        first, second = (cepstra(log_mel(wave, context.mel)) for wave in waves)
        return first, second

    found: tuple[Floats, Floats] | None = context.keep("cepstra", make)
    return found


def warped(real: Wave, made: Wave, context: Context) -> Alignment | None:
    """Dynamic time warping of the cepstra; None where a clip is shorter than one hop.

    Example:
        >>> clip = Wave(np.random.default_rng(0).normal(0, 0.1, 1280).astype(np.float32), 16_000)
        >>> found = warped(clip, clip, Context())
        >>> found.cost, len(found.path)
        (0.0, 10)
    """
    found = both_cepstra(real, made, context)
    path: Alignment | None = context.keep("warped", lambda: found and align(*found))
    return path


def matched(real: Wave, made: Wave, context: Context) -> NDArray[np.int64] | None:
    """Pairs of frames [P,2]: the same frames of clips of one length (up to a hop), else those of `warped`.

    Example:
        >>> clip = Wave(np.zeros(512, np.float32), 16_000)
        >>> matched(clip, clip, Context()).tolist()  # 512 // 128 frames, one to one
        [[0, 0], [1, 1], [2, 2], [3, 3]]
    """
    cut = same_length(real, made, context)
    if cut is not None:
        return np.arange(len(cut.real) // context.mel.hop).repeat(2).reshape(-1, 2)
    path = warped(real, made, context)
    return None if path is None else path.path


def pitches(real: Wave, made: Wave, context: Context) -> tuple[Pitch, Pitch]:
    """Of all frames of either clip, with the framing of the context's mel.

    Example:
        >>> tone = Wave(np.sin(2 * np.pi * 200 * np.arange(8000) / 16_000).astype(np.float32), 16_000)
        >>> first, second = pitches(tone, tone, Context())
        >>> round(np.median(first.f0)), len(first.f0), bool((first.f0 == second.f0).all())
        (200, 62, True)
    """

    def make() -> tuple[Pitch, Pitch]:
        rate, hop = context.mel.rate, context.mel.hop / context.mel.rate
        first, second = (settled(Wave(wave, rate), hop) for wave in both(real, made, context))
        return first, second

    found: tuple[Pitch, Pitch] = context.keep("pitches", make)
    return found
