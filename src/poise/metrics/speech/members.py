"""The metrics of pairs that compare spectra; importing this enters all members.

`pitch_members` has those about pitch and tone, `heard_members` those about intelligibility and quality as heard.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from poise.audio.spectrograms import FLOOR, frames_of
from poise.data.speech.speech import Wave
from poise.metrics.speech.features import SHORT, log_mel, same_length, warped
from poise.metrics.speech.metric import Context, PairedMetric, Value

DECIBELS = 10 / math.log(10) * math.sqrt(2)  # of one cepstral coefficient
RESOLUTIONS = ((512, 240, 50), (1024, 600, 120), (2048, 1200, 240))  # transform, window, hop
LENGTHS = "clips that differ in length by more than a hop, or hold less than a frame"


@PairedMetric.define(
    "log-mel L1", "Mean distance of the log-mel spectrograms, frame by frame.", "lower", unless=LENGTHS
)
def log_mel_l1(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """Mean over bands and frames of |ln max(a, 1e-5) - ln max(b, 1e-5)|, a and b magnitudes in mel bands.

    The mel is that of the context (default: 16 kHz, window 512, hop 128, 80 bands). Clips of one length up to a hop;
    the shorter one counts.

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
        >>> found = log_mel_l1.of_pair(Wave(noise, 16_000), Wave(2 * noise, 16_000), Context())
        >>> round(found["log-mel L1"], 4)  # ln 2
        0.6931
    """
    waves = same_length(real, made, context)
    if waves is None:
        return {}
    first, second = (log_mel(wave, context.mel) for wave in waves)
    return {"log-mel L1": float(np.abs(first - second).mean())}


def stft_distance(real: NDArray[np.float32], made: NDArray[np.float32]) -> tuple[float, float]:
    """Spectral convergence and log-magnitude L1 of two waves of S samples, the means over three resolutions.

    |A - B|_F / |A|_F and the mean over bins and frames of |ln A - ln B|, with A, B magnitudes of the Fourier transform
    of 512, 1024 and 2048 points of Hann windows of 240, 600 and 1200 samples every 50, 120 and 240 (Yamamoto et al.
    2020, Parallel WaveGAN). Magnitudes under 1e-5 count as 1e-5.

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
        >>> [round(value, 3) for value in stft_distance(noise, 2 * noise)]  # |A − 2A| / |A|, ln 2
        [1.0, 0.693]
    """
    convergence, logs = [], []
    for size, window, hop in RESOLUTIONS:
        framed = frames_of(torch.from_numpy(np.stack([real, made])).double(), window, hop)
        a, b = torch.fft.rfft(framed * torch.hann_window(window, dtype=torch.float64), size).abs().clamp_min(FLOOR)
        convergence.append(float((a - b).norm() / a.norm()))
        logs.append(float((a.log() - b.log()).abs().mean()))
    return float(np.mean(convergence)), float(np.mean(logs))


@PairedMetric.define(
    "MR-STFT",
    "Distance of the magnitudes of Fourier transforms at three resolutions; its two parts are told as well.",
    "lower",
    unless=LENGTHS,
)
def mr_stft(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """ "MR-STFT", the sum of "spectral convergence" and "log-magnitude L1"; see `stft_distance`.

    At the rate of the context's mel. Clips of one length up to a hop; the shorter one counts. No value beside a
    real clip without a sound.

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
        >>> found = mr_stft.of_pair(Wave(noise, 16_000), Wave(2 * noise, 16_000), Context())
        >>> round(found["MR-STFT"], 3)  # 1 + ln 2
        1.693
    """
    waves = same_length(real, made, context)
    if waves is None or len(waves.real) < RESOLUTIONS[-1][2] or not waves.real.any():
        return {}
    convergence, logs = stft_distance(*waves)
    return {"MR-STFT": convergence + logs, "spectral convergence": convergence, "log-magnitude L1": logs}


@PairedMetric.define(
    "MCD",
    "Mel cepstral distortion after dynamic time warping; timing does not count, only what is sounded.",
    "lower",
    unit="dB",
    unless=SHORT,
)
def mcd(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """The mean over the warping path of 10/ln 10 sqrt(2 sum_k (c_k - c'_k)²), k = 1 .. 13 (Kubichek 1993), in dB.

    c is the discrete cosine transform of the log-mel, 2/M sum_m ln(mel_m) cos(pi k (m + 1/2) / M), so this is the root
    mean square difference over the bands of two log-mels, in dB, that are smoothed to 13 cosines and have no level: a
    gain does not count. It is not the mel-generalised cepstrum of SPTK or WORLD, and silence is not cut: values compare
    only with others of this package, of one mel. The path is that of least summed distance, see `align`.

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
        >>> found = mcd.of_pair(Wave(noise, 16_000), Wave(2 * noise, 16_000), Context())
        >>> round(found["MCD"], 3)  # a gain does not count
        0.0
    """
    path = warped(real, made, context)
    return {} if path is None else {"MCD": DECIBELS * path.cost}
