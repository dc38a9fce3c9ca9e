"""Levels of speech: where a clip is more than silence, how loud it is there, and whether it was recorded too loud.

Levels are those of the root mean square (RMS) in dB of full scale: 0 dB is a square wave between -1 and 1, and a sine
of amplitude 1 has -3 dB. They are taken in frames of 20 ms, one every 10 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FRAME, HOP = 0.02, 0.01  # seconds
BELOW = 40.0  # dB under the loudest frame: what is quieter is silence
KEPT = 0.03  # seconds of silence that stay at each end
SILENT = -60.0  # dB: a clip whose loudest frame lies below holds no speech
QUIET = 20.0  # dB under the median of all clips: a clip that may be empty
PEAK = 0.95  # no sample is made louder than this
RUN = 3  # samples at full scale, one after the other and of one sign: the recording was too loud
FULL = {"PCM_U8": 127 / 128, "PCM_S8": 127 / 128, "ULAW": 32_124 / 32_768, "ALAW": 32_256 / 32_768}
PIECE = 1 << 20  # samples that are rounded at once
FULL_SCALE = 32_767 / 32_768  # of any other encoding

Wave = NDArray[np.float32]


def frame_levels(x: Wave, rate: int) -> NDArray[np.float64]:
    """dB of each frame, [F] with F = ceil(S / hop): frame f begins at f·hop; what is beyond the end does not count."""
    hop, window = max(1, round(HOP * rate)), max(1, round(FRAME * rate))
    sums = np.zeros(len(x) + 1)
    np.cumsum(np.square(x, dtype=np.float64), out=sums[1:])
    starts = np.arange(0, len(x), hop)
    ends = np.minimum(starts + window, len(x))
    power = np.maximum(sums[ends] - sums[starts], 0) / (ends - starts)
    return 10 * np.log10(np.maximum(power, 1e-20))


def loud(levels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Frames with speech: those at most 40 dB below the loudest one."""
    found: NDArray[np.bool_] = levels >= levels.max() - BELOW
    return found


def trimmed(x: Wave, rate: int) -> Wave:
    """Without the silence at both ends but 30 ms of it: from the first frame with speech to the last."""
    places = np.flatnonzero(loud(frame_levels(x, rate)))
    hop, window, kept = round(HOP * rate), round(FRAME * rate), round(KEPT * rate)
    return x[max(0, int(places[0]) * hop - kept) : int(places[-1]) * hop + window + kept]


def level(x: Wave, rate: int) -> float:
    """dB of the speech: the mean power of the frames with speech."""
    levels = frame_levels(x, rate)
    return 10 * math.log10(float(np.mean(10 ** (levels[loud(levels)] / 10))))


def quiet(clips: Sequence[float]) -> list[int]:
    """Places of the levels that are 20 dB and more below their median."""
    return np.flatnonzero(np.asarray(clips) <= np.median(clips) - QUIET).tolist() if len(clips) else []


def gain(x: Wave, now: float, wanted: float | None) -> float:
    """The factor that brings a clip of level `now` to `wanted` dB, as far as no sample comes above 0.95.

    None for `wanted`: 1, or what keeps samples beyond full scale below it.
    """
    peak = float(np.abs(x).max())
    if wanted is None:
        return 1.0 if peak <= FULL_SCALE else PEAK / peak
    return min(10 ** ((wanted - now) / 20), PEAK / peak)


def is_clipped(x: Wave, subtype: str) -> bool:
    """Whether three samples in a row are at full scale, in any channel of [S,C]; subtype: see `soundfile`."""
    full = FULL.get(subtype, FULL_SCALE)
    for at_limit in (x >= full, x <= -full):
        run = at_limit[: 1 - RUN].copy()
        for shift in range(1, RUN):
            run &= at_limit[shift : len(x) - RUN + 1 + shift]
        if run.any():
            return True
    return False


def to_int16(x: Wave) -> NDArray[np.int16]:
    """Samples times 32,768, rounded to the nearest."""
    out = np.empty(x.shape, np.int16)
    for start in range(0, len(x), PIECE):
        piece = x[start : start + PIECE].astype(np.float64) * 32_768
        out[start : start + PIECE] = np.clip(np.rint(piece), -32_768, 32_767)
    return out
