"""Sound at another rate, in blocks, so that memory does not grow with the length of a clip or with its rate."""

from __future__ import annotations

import functools
import math
import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ZEROS = 32  # zero crossings of the resampling filter on either side
ROLLOFF = 0.95  # of the lower Nyquist frequency: where the filter has fallen to one half
BETA = 10.0  # of its Kaiser window: stop band about -100 dB
# Numbers in memory at once. A clip of 20 s from 48,000 to 16,000 Hz is one block, with the sums that it always had; a
# longer one differs from that by the order of a sum where BLAS has several threads (3e-7), and else not at all.
BLOCK = 1 << 26
LARGE = 1 << 24  # numbers above which one block at a time is in memory, whatever the number of threads
FILTERS = 1 << 22  # weights of a filter that is kept; those of odd pairs of rates are computed as they are needed

_alone = threading.Lock()


class Wave(NamedTuple):
    """One clip: float32 [S], usually in [-1, 1], and samples per second."""

    samples: NDArray[np.float32]
    rate: int


def resampled(wave: Wave, rate: int) -> NDArray[np.float32]:
    """The samples of `wave` at another rate: float32 [ceil(S * rate / wave.rate)].

        y[n] = sum_k x[k] h(n / rate - k / wave.rate)

    with h a sinc of cut-off 0.95 times the lower of the two Nyquist frequencies under a Kaiser window (beta 10) of 32
    zero crossings on either side, normalised so that a constant stays itself (Smith, "Digital audio resampling",
    polyphase form: one set of weights for each of the rate / gcd phases). Outside the clip is silence. Equal rates
    give the samples back.
    """
    x = wave.samples
    if rate == wave.rate or not len(x):
        return x
    common = math.gcd(rate, wave.rate)
    up, down = rate // common, wave.rate // common
    out = np.empty(-(-len(x) * up // down), np.float32)
    reach = _reach(up, down)
    taps = 2 * reach + 1
    if -(-len(out) // up) * taps > LARGE:
        with _alone:
            _fill(out, x, up, down, taps)
    else:
        _fill(out, x, up, down, taps)
    return out


def _fill(out: NDArray[np.float32], x: NDArray[np.float32], up: int, down: int, taps: int) -> None:
    """Each phase, a block of rows at a time."""
    rows = max(256, BLOCK // taps // 256 * 256)
    group = max(1, FILTERS // taps)  # phases whose weights are there at once
    phases = min(up, len(out))
    for first in range(0, phases, group):
        last = min(first + group, phases)
        weights = _kept(up, down) if up <= group else _weights(up, down, first, last)
        for phase in range(first, last):
            for start in range(phase, len(out), up * rows):
                end = min(len(out), start + up * rows)
                places = np.arange(start, end, up) * down // up  # the source sample in the middle of each window
                out[start:end:up] = _windows(x, places, taps) @ weights[phase - first]


def _windows(x: NDArray[np.float32], places: NDArray[np.int64], taps: int) -> NDArray[np.float32]:
    """The `taps` samples around each place, silence outside: [len(places), taps]."""
    reach = taps // 2
    low, high = int(places[0]) - reach, int(places[-1]) + reach + 1
    piece = x[max(0, low) : max(0, high)]
    if low < 0 or high > len(x):
        piece = np.pad(piece, (max(0, -low), high - low - max(0, -low) - len(piece)))
    found: NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(piece, taps)[places - places[0]]
    return found


@functools.lru_cache(8)
def _kept(up: int, down: int) -> NDArray[np.float32]:
    return _weights(up, down, 0, up)


def _weights(up: int, down: int, first: int, last: int) -> NDArray[np.float32]:
    """The filter at some of the `up` phases between source samples: [last - first, 2·reach + 1]."""
    cut, reach = _cut(up, down), _reach(up, down)
    phases = np.arange(first, last)[:, None] * down % up / up
    away = np.arange(-reach, reach + 1) - phases
    window = np.i0(BETA * np.sqrt(np.clip(1 - (away * cut / ZEROS) ** 2, 0, 1))) * (np.abs(away * cut) <= ZEROS)
    weights = np.sinc(cut * away) * window
    found: NDArray[np.float32] = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return found


def _cut(up: int, down: int) -> float:
    """In units of the source's Nyquist frequency."""
    return ROLLOFF * min(1.0, up / down)


def _reach(up: int, down: int) -> int:
    return math.ceil(ZEROS / _cut(up, down))
