"""The log-mel spectrogram against that of librosa 0.11, whose numbers are in tests/data/librosa_mel.npz.

They were computed for the signals below, float32, by

    padded = np.pad(x, (window - hop) // 2)
    librosa.feature.melspectrogram(
        y=padded, sr=rate, n_fft=window, hop_length=hop, center=False, power=1, n_mels=80, fmin=0, fmax=8000,
        norm="slaney", htk=False,
    )
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from poise.audio.spectrograms import FLOOR, Mel

EXPECTED = Path(__file__).parents[1] / "data" / "librosa_mel.npz"


@pytest.mark.parametrize(("name", "mel"), [("16k", Mel()), ("22k", Mel(22_050, 1024, 256, high=8000.0))])
def test_log_mels_are_those_of_librosa(name: str, mel: Mel) -> None:
    t = np.arange(12 * mel.hop) / mel.rate
    signals = {
        "chirp": 0.4 * np.sin(2 * np.pi * (100 + 2e4 * t) * t) + 0.1 * np.sign(np.sin(2 * np.pi * 150 * t)),
        "noise": np.random.RandomState(0).uniform(-1, 1, len(t)),
    }
    expected = np.load(EXPECTED)
    for what, signal in signals.items():
        found = mel(torch.from_numpy(signal.astype(np.float32))[None])[0].exp().numpy()
        wanted = np.maximum(expected[f"{what}_{name}"], FLOOR)
        assert np.abs(found - wanted).max() < 1e-6 * wanted.max()
