"""Waves from log-mel spectrograms without any training: what a vocoder's scores are told beside.

Letters: B clips, M mel bands, F frames, K frequencies, S = F·hop samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from poise.audio.spectrograms import Mel, inverse_stft, stft
from poise.errors import PoiseError

INVERSIONS = 100  # steps of the non-negative least squares


def griffin_lim(log_mel: Tensor, mel: Mel, iterations: int = 60, momentum: float = 0.99, seed: int = 0) -> Tensor:
    """Log-mels [B,M,F] or [M,F] of `mel` -> samples [B,S] or [S], float32.

    `magnitudes` of the mels, then `phases_found` (Griffin & Lim 1984, in the fast form of Perraudin et al. 2013).

    Args: iterations from 1; momentum, 0 for the form of 1984; seed of the random phases that it starts from.
    Errors: PoiseError for mels that are not finite or have another number of bands.
    """
    single = log_mel.ndim == 2
    whole = log_mel.unsqueeze(0) if single else log_mel
    if whole.ndim != 3 or whole.shape[1] != mel.bands or not torch.isfinite(whole).all():
        raise PoiseError(
            f"Griffin-Lim takes finite log-mels [B,{mel.bands},F] of the {mel.bands} bands of its mel, not a tensor of "
            f"{list(log_mel.shape)} or one with NaN or infinite values"
        )
    found = phases_found(magnitudes(whole, mel), mel.window, mel.hop, iterations, momentum, seed)
    return found[0] if single else found


def magnitudes(log_mel: Tensor, mel: Mel) -> Tensor:
    """Log-mels [B,M,F] -> the magnitudes [B,F,K], none negative, whose mels are nearest in squared distance.

    From the pseudo-inverse of the filters, what is negative set to 0, by accelerated projected gradient (Beck &
    Teboulle 2009). There are more frequencies than bands, so many magnitudes have the same mels: this one is near to
    the one of least power.
    """
    wanted = log_mel.float().exp().transpose(1, 2)
    filters = mel.filters(log_mel.device)
    size = 1 / torch.linalg.matrix_norm(filters.double(), 2).float().square()
    now: Tensor = (wanted @ torch.linalg.pinv(filters.double()).float().T).clamp_min(0)
    ahead, weight = now, 1.0
    for _ in range(INVERSIONS):
        before, now = now, (ahead - size * ((ahead @ filters.T - wanted) @ filters)).clamp_min(0)
        weight, last = (1 + (1 + 4 * weight**2) ** 0.5) / 2, weight
        ahead = now + (last - 1) / weight * (now - before)
    return now


def phases_found(
    magnitude: Tensor, window: int, hop: int, iterations: int = 60, momentum: float = 0.99, seed: int = 0
) -> Tensor:
    """Magnitudes [B,F,K] of `stft` -> samples [B, F·hop], float32, whose transform is near to them.

    From random phases, in turn: c_n, the transform of the wave of t_{n-1} with its magnitudes put right, and
    t_n = c_n + momentum (c_n - c_{n-1}). All clips of a batch start from the same phases.
    """
    if iterations < 1 or not 0 <= momentum < 2:
        raise PoiseError(
            f"Griffin-Lim takes at least 1 iteration and a momentum from 0 to 2, such as 0.99, not {iterations} and "
            f"{momentum:g}"
        )
    random = torch.Generator().manual_seed(seed)
    angles = torch.rand(magnitude.shape[1:], generator=random).to(magnitude.device) * 2 * torch.pi
    aimed = magnitude.float() * torch.polar(torch.ones_like(angles), angles)
    before = torch.zeros_like(aimed)
    for _ in range(iterations):
        consistent = stft(inverse_stft(aimed, window, hop), window, hop)
        ahead = consistent + momentum * (consistent - before)
        before, aimed = consistent, magnitude * ahead / ahead.abs().clamp_min(1e-12)
    return inverse_stft(aimed, window, hop)
