"""Networks that a user brought (`poise.networks`), as the games see them; what does not fit is told in one sentence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from poise.audio.spectrograms import Mel
from poise.core import DiscriminatorOutput
from poise.errors import PoiseError
from poise.models.rnn import Read, State
from poise.models.speech import AlignedAcousticModel
from poise.models.vocoders import Vocoder


class Shaped(nn.Module):
    """A network whose result must be [B, *shape]. `what` it is, for messages."""

    def __init__(self, net: Any, what: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net, self.what, self.shape = _module(net, what), what, shape

    def forward(self, x: Tensor) -> Tensor:
        return _shaped(self.net(x), self.what, (x.shape[0], *self.shape))


class OwnGenerator(nn.Module):
    """Noise for a network of a user's: z [B,Z], and class ids [B] where there are classes -> [B,C,H,W]."""

    def __init__(self, net: Any, noise: int, classes: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.net, self.noise_size, self.classes = _module(net, "generator"), noise, classes
        self.shape = shape

    def noise(self, n: int) -> Tensor:
        like = next(self.net.parameters())
        return torch.randn(n, self.noise_size, device=like.device, dtype=like.dtype)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return _shaped(self.net(z, y) if self.classes else self.net(z), "generator", (z.shape[0], *self.shape))


class OwnDiscriminator(nn.Module):
    """A network of a user's that gives logits [B] or [B, positions], or several of them -> `DiscriminatorOutput`."""

    def __init__(self, net: Any, classes: int = 0) -> None:
        super().__init__()
        self.net, self.classes = _module(net, "discriminator"), classes

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        found: Any = self.net(x, y) if self.classes else self.net(x)
        if isinstance(found, DiscriminatorOutput):
            return found
        heads = found if isinstance(found, tuple) else (found,)
        if not heads or not all(isinstance(head, Tensor) and head.ndim and len(head) == len(x) for head in heads):
            raise PoiseError(f"its discriminator must give logits for each of {len(x)} items")
        return DiscriminatorOutput(
            tuple(head.squeeze(1) if head.ndim == 2 and head.shape[1] == 1 else head for head in heads)
        )


class OwnSequence(nn.Module):
    """A network of a user's that reads units, as a member of the family "sequence" (`poise.models.rnn`)."""

    not_compiled = "its steps, which are one unit each"

    def __init__(self, net: Any, vocabulary: int) -> None:
        super().__init__()
        self.own, self.vocabulary = _module(net, "generator"), vocabulary

    @property
    def embedding(self) -> nn.Embedding:
        found = getattr(self.own, "embedding", None)
        if not isinstance(found, nn.Embedding):
            raise PoiseError("--l2-embedding: the generator of --network has no `embedding` that is an nn.Embedding")
        return found

    def begin(self, n: int) -> State:
        state = self.own.begin(n)  # type: ignore[operator]
        if not isinstance(state, tuple) or not all(isinstance(part, Tensor) and len(part) == n for part in state):
            raise PoiseError(f"begin({n}) of its generator must give a tuple of tensors [{n}, ...]")
        return state

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        read = self(x.unsqueeze(1), state, dropping=False)
        return read.logits.squeeze(1), read.state

    def forward(self, ids: Tensor, state: State, dropping: bool = True) -> Read:
        training = self.own.training
        self.own.train(training and dropping)
        found: Any = self.own(ids, state)
        self.own.train(training)
        if not isinstance(found, tuple) or len(found) not in (2, 3):
            raise PoiseError("its generator must give logits, the new state and perhaps the states of its last layer")
        logits = _shaped(found[0], "generator", (*ids.shape[:2], self.vocabulary))
        hidden = found[2] if len(found) == 3 else logits[..., :0]
        return Read(logits, hidden, hidden, found[1])


class OwnVocoder(Vocoder):
    """A network of a user's from scaled log-mels to waves."""

    def __init__(self, net: Any, mel: Mel) -> None:
        super().__init__(mel)
        self.net = _module(net, "generator")

    def wave(self, x: Tensor, mel: Tensor) -> Tensor:
        return _shaped(self.net(x), "generator", (x.shape[0], 1, x.shape[2] * self.mel.hop)).squeeze(1).float()


class OwnAcousticModel(AlignedAcousticModel):
    """A network of a user's from what is said in each frame to scaled log-mels."""

    def __init__(self, net: Any, *of_speaker: Any) -> None:
        super().__init__(*of_speaker)
        self.net = _module(net, "generator")

    def frames(self, x: Tensor, inside: Tensor) -> Tensor:
        found = self.net(x.transpose(1, 2))
        return _shaped(found, "generator", (x.shape[0], self.prior.out_features, x.shape[1])).transpose(1, 2)


def _shaped(x: Any, what: str, shape: tuple[int, ...]) -> Tensor:
    if not isinstance(x, Tensor) or x.shape != shape:
        found = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise PoiseError(f"its {what} gives {found}, not {list(shape)}")
    return x


def _module(net: Any, what: str) -> nn.Module:
    if not isinstance(net, nn.Module) or not any(True for _ in net.parameters()):
        raise PoiseError(f"its {what} must be an nn.Module with weights, not {type(net).__name__}")
    return net
