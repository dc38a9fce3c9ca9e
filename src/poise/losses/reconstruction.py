"""What a generated sample owes to the real one of its pair: features, mel spectrograms, spectra of several windows.

Each returns [B]. Reductions are means everywhere, so that a weight means the same for every length and every
discriminator; HiFi-GAN's sums over its 8 heads and 48 layers are 8 and 48 times such means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from poise.lazy import Lazy

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from poise.audio.spectrograms import Mel
    from poise.core import DiscriminatorOutput
else:
    torch = Lazy("torch")


def _apart(x: Tensor, y: Tensor) -> Tensor:
    """The mean absolute difference of each sample: [B, ...] -> [B]."""
    return (x - y).float().abs().flatten(1).mean(1)


def feature_matching(real: DiscriminatorOutput, fake: DiscriminatorOutput) -> Tensor:
    """The mean over heads and layers of mean|D_l(real) − D_l(fake)| (Larsen et al. 2016): [B].

    Example:
        >>> from poise.core import DiscriminatorOutput
        >>> real, fake = (DiscriminatorOutput((), ((torch.tensor([row]),),)) for row in ([1.0, 2.0], [1.0, 5.0]))
        >>> feature_matching(real, fake).tolist()  # (0 + 3) / 2
        [1.5]
    """
    pairs = [
        (x.detach(), y)
        for ours, theirs in zip(real.features, fake.features, strict=True)
        for x, y in zip(ours, theirs, strict=True)
    ]
    return torch.stack([_apart(x, y) for x, y in pairs]).mean(0)


def matched(round: Any) -> Tensor:
    """Feature matching of a round's real and generated samples: [B].

    Example:
        >>> from types import SimpleNamespace
        >>> from poise.core import DiscriminatorOutput
        >>> real, fake = (DiscriminatorOutput((), ((torch.tensor([row]),),)) for row in ([1.0, 2.0], [1.0, 5.0]))
        >>> matched(SimpleNamespace(on_real=real, on_fake=fake)).tolist()
        [1.5]
    """
    return feature_matching(round.on_real, round.on_fake)


def log_mel_l1(mel: Mel) -> Callable[[Tensor, Tensor], Tensor]:
    """mean|log-mel(real) − log-mel(fake)| over bands and frames, of waves [B,1,S] (Kong et al. 2020): [B].

    Example:
        >>> from poise.audio.spectrograms import Mel
        >>> wave = torch.randn(1, 1, 4096, generator=torch.Generator().manual_seed(0))
        >>> round(log_mel_l1(Mel())(wave, 2 * wave).item(), 4)  # log 2 in every band
        0.6931
    """

    def loss(real: Tensor, fake: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = mel(real)
        return _apart(wanted, mel(fake))

    return loss


def multi_resolution(windows: Sequence[int], floor: float = 1e-5) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean over windows of ‖|X| − |Y|‖₂/‖|X|‖₂ + mean|log|X| − log|Y||, of waves [B,1,S] (Yamamoto et al. 2020).

    Magnitudes under `floor` count as it; windows are a quarter apart; the norm is that of each sample.

    Example:
        >>> wave = torch.randn(1, 1, 4096, generator=torch.Generator().manual_seed(0))
        >>> round(multi_resolution((256, 512))(wave, 2 * wave).item(), 4)  # ‖X − 2X‖/‖X‖ + log 2
        1.6931
    """
    from poise.audio.spectrograms import magnitude

    def loss(real: Tensor, fake: Tensor) -> Tensor:
        total: Any = 0.0
        real, fake = real.squeeze(1).float(), fake.squeeze(1).float()
        with torch.autocast(real.device.type, enabled=False):
            for window in windows:
                hop = window // 4
                room = (0, -real.shape[-1] % hop)
                pad = torch.nn.functional.pad
                with torch.no_grad():
                    x = magnitude(pad(real, room), window, hop).clamp_min(floor)
                y = magnitude(pad(fake, room), window, hop).clamp_min(floor)
                away = (x - y).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)
                total = total + away + _apart(x.log(), y.log())
        found: Tensor = total / len(windows)
        return found

    return loss
