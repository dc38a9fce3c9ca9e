"""Clips of speech -> features: whose voice it sounds like, and how good the recording is.

Both take waves of any rate and bring them to 16 kHz. Letters: S samples, F frames, M mel bands, P partial utterances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from poise.audio.spectrograms import mel_filters
from poise.data.speech.speech import Wave, resampled
from poise.errors import NothingToMeasure, PoiseError
from poise.installing import install
from poise.metrics.features.features import Material, MissingFeatures, digest_of, exact, spread, weights_of
from poise.registry import register

RATE = 16_000
WINDOW, HOP, BANDS = 400, 160, 40  # 25 ms, 10 ms, mel bands
PARTIAL = 160  # frames of a partial utterance: 1.6 s
STEP = 77  # frames between partial utterances: 1.3 a second
COVERED = 0.75  # share of the last partial utterance that must be sound, where it is not the only one
LOUDNESS = 10 ** (-30 / 20)  # root mean square that quieter clips are brought to: -30 dB of full scale
HALF_STEP = 1 / 65536  # below half a step of 16 bits there is nothing to make louder
MOS_SAMPLES = 144_160  # 9.01 s
# CubicKernel fits of DNSMOS P.835 from raw to reported scores, highest power first (Reddy et al. 2022).
MOS_FITS = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)
# Parts of the digests: count up whenever the same weights and clips come to give other features.
VOICE_PREPROCESSING = "16 kHz, at least -30 dB, mel 40 of 25 ms by 10 ms, partials of 160 frames by 77, length 16, 1"
MOS_PREPROCESSING = "16 kHz, repeated to 9.01 s, one window a second, 1"


def check_waves(waves: Sequence[Any]) -> list[NDArray[np.float32]]:
    """Their samples at 16 kHz; PoiseError for what is no wave, is empty or is not finite.

    Example:
        >>> (samples,) = check_waves([Wave(np.zeros(800, np.float32), 8000)])
        >>> len(samples)  # at 16 kHz
        1600
    """
    found = []
    for wave in waves:
        if not isinstance(wave, Wave) or wave.samples.ndim != 1 or wave.rate < 1:
            raise PoiseError("features of speech are computed of waves: samples [S] and their rate")
        if not len(wave.samples) or not np.isfinite(wave.samples).all():
            raise NothingToMeasure(
                "a clip to score is empty or holds NaN or infinite samples: there is nothing to score"
            )
        found.append(resampled(Wave(wave.samples.astype(np.float32, copy=False), wave.rate), RATE))
    return found


def mel_power(samples: NDArray[np.float32]) -> Tensor:
    """float32 [S] at 16 kHz -> [F,M], F = 1 + S // 160: power in mel bands, no logarithm.

    Periodic Hann window of 400 samples every 160, the first centred on the first sample, silence outside the clip.

    Example:
        >>> tone = np.sin(2 * np.pi * 1000 * np.arange(1600) / RATE).astype(np.float32)
        >>> power = mel_power(tone)
        >>> tuple(power.shape), power.sum(0).argmax().item()  # [F,M]; the band that holds 1 kHz
        ((11, 40), 13)
    """
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(
        torch.from_numpy(samples), WINDOW, HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return (mel_filters(RATE, WINDOW, BANDS) @ spectrum.abs().square()).T


class _Voice(nn.Module):
    """Mel frames [P,160,40] -> embeddings [P,256], not negative, each of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mels)
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)


@register("extractor", "Resemblyzer")
class Resemblyzer:
    """A voice encoder (Wan et al. 2018; the weights of Resemblyzer, Apache-2.0): 256 features, together of length 16.

    It tells voices and recording conditions apart and hardly hears words. A clip quieter than -30 dB is made louder,
    cut into partial utterances of 1.6 s, and their embeddings are averaged. The package also cuts long silences with a
    voice detector; that is not done here, so trim them. Errors: `MissingFeatures` before `poise data get resemblyzer`.
    """

    modality = "speech"
    name = "Resemblyzer"
    dim = 256

    def __init__(self) -> None:
        folder = weights_of(self.name)
        weights = folder / "pretrained.pt"
        self.digest = digest_of(weights, VOICE_PREPROCESSING)
        with torch.random.fork_rng(devices=[]):
            self._net = _Voice()
        state = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
        self._net.load_state_dict({name: state[name] for name in self._net.state_dict()})
        self._net.eval().requires_grad_(False)

    @classmethod
    def made(cls, material: Material) -> Self:
        return cls()

    def __call__(self, waves: Sequence[Wave]) -> Tensor:
        """B waves -> float32 [B,256]."""
        with exact(torch.device("cpu")):
            partials = [partial_utterances(samples) for samples in check_waves(waves)]
            found = self._net(torch.cat(partials)).split([len(p) for p in partials])
            return spread(torch.stack([each.mean(0) for each in found]))


def partial_utterances(samples: NDArray[np.float32]) -> Tensor:
    """float32 [S] at 16 kHz -> mel frames [P,160,40]; the end is filled up with silence.

    Example:
        >>> tuple(partial_utterances(np.zeros(3 * RATE, np.float32)).shape)  # they begin at frames 0, 77 and 154
        (3, 160, 40)
    """
    loudness = float(np.sqrt(np.square(samples, dtype=np.float64).mean()))
    if HALF_STEP < loudness < LOUDNESS:
        samples = samples * np.float32(LOUDNESS / loudness)
    frames = math.ceil((len(samples) + 1) / HOP)
    starts = list(range(0, max(1, frames - PARTIAL + STEP + 1), STEP))
    if len(starts) > 1 and (len(samples) / HOP - starts[-1]) / PARTIAL < COVERED:
        starts.pop()
    missing = (starts[-1] + PARTIAL) * HOP - len(samples)
    mels = mel_power(np.pad(samples, (0, max(0, missing))))
    return torch.stack([mels[start : start + PARTIAL] for start in starts])


@register("extractor", "DNSMOS")
class DNSMOS:
    """Estimated opinions of listeners on a clip (DNSMOS P.835, Reddy et al. 2022; MIT): SIG, BAK and OVR from 1 to 5.

    How good the speech is, how little the background disturbs, and both: three features. It was made for noisy
    recordings of 9 s and repeats what is shorter: clips under 1 s score low however good they are. Read it beside the
    same of real clips, never alone. Errors: `MissingFeatures` before `poise data get dnsmos`, and without onnxruntime.
    """

    modality = "speech"
    name = "DNSMOS"
    dim = 3
    columns = ("SIG", "BAK", "OVR")  # what each feature says by itself
    most = 200  # clips of a set that are worth the time, half a second each: there are three features only

    def __init__(self) -> None:
        folder = weights_of(self.name)
        try:
            import onnxruntime
        except ImportError:
            raise MissingFeatures(self.name, install("speech", "onnxruntime")) from None
        weights = folder / "sig_bak_ovr.onnx"
        self.digest = digest_of(weights, MOS_PREPROCESSING)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors only
        self._run = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"]).run

    @classmethod
    def made(cls, material: Material) -> Self:
        return cls()

    def __call__(self, waves: Sequence[Wave]) -> Tensor:
        """B waves -> float32 [B,3]: SIG, BAK, OVR, each the mean over windows of 9.01 s, one a second."""
        return torch.from_numpy(np.stack([self._opinion(samples) for samples in check_waves(waves)]))

    def _opinion(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        while len(samples) < MOS_SAMPLES:
            samples = np.concatenate([samples, samples])
        samples = np.clip(samples, -1, 1)
        windows = int(len(samples) // RATE - MOS_SAMPLES / RATE) + 1  # as its authors count
        starts = [RATE * i for i in range(windows)]
        raw = [self._run(None, {"input_1": samples[None, start : start + MOS_SAMPLES]})[0][0] for start in starts]
        fitted = [[np.polyval(fit, value) for fit, value in zip(MOS_FITS, row, strict=True)] for row in raw]
        found: NDArray[np.float32] = np.mean(fitted, axis=0).astype(np.float32)
        return found
