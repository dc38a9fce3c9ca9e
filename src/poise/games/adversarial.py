"""The adversarial game: a generator, a discriminator, and a round that computes only what its terms read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from poise.core import Batch, DiscriminatorOutput, Player, Term, averaged
from poise.games.once import OnceAStep
from poise.rows.drawn import drawn


class Generator(Protocol):
    def noise(self, n: int) -> Tensor | None:
        """[n,Z]; None for a generator without noise."""
        ...

    def __call__(self, z: Tensor | None, cond: Tensor | None) -> Tensor: ...


class Discriminator(Protocol):
    def __call__(self, x: Tensor, cond: Tensor | None) -> DiscriminatorOutput: ...


class LossPair(Protocol):
    @property
    def discriminator(self) -> Callable[[Tensor, Tensor], Tensor]: ...
    @property
    def generator(self) -> Callable[..., Tensor]: ...
    @property
    def paired(self) -> bool: ...


class Round:
    """All that one turn may look at. Each attribute is computed when first read and kept for the turn.

    On D's turn `fake` carries no gradient to G; on G's turn the loop has frozen D's weights. `real` and `fake`
    require a gradient of their own only where a due term second_order. Where a step has one generated batch
    (`game.once`), `z`, `fake` and its `fake_cond` are on G's turn those of D's turn.

    `noticed["output_gradient"]`, after the backward pass of G's turn: the mean over the samples of ‖∂ℓ_i/∂G(z_i)‖,
    where ℓ_i is the sample's own loss. It is what D tells G, before G's weights turn it into a step.
    """

    def __init__(self, game: Adversarial, generates: bool, batch: Batch, due: Sequence[Term[Any]]) -> None:
        self.game, self.generates, self.cond = game, generates, batch.cond
        self.slopes = any(term.second_order for term in due)
        self.real = batch.real.detach().requires_grad_() if self.slopes else batch.real
        self.noticed: dict[str, Tensor] = {}
        self.made = game.once.take(len(self.real)) if game.once is not None and generates else None
        self.fake_cond = self.made.cond if self.made else self.cond

    @cached_property
    def z(self) -> Tensor | None:
        if self.made:
            return self.made.z
        found: Tensor | None = drawn(len(self.real), self.game.generator.noise)
        return found

    @cached_property
    def fake(self) -> Tensor:
        if self.generates:
            fake: Tensor = self.made.fake if self.made else self.game.generator(self.z, self.cond)
            if fake.requires_grad:
                fake.register_hook(partial(notice_slopes, self.noticed))
            return fake
        if self.game.once is not None:
            fake = self.game.once.make(self.z, self.cond)
        else:
            with torch.no_grad():
                fake = self.game.generator(self.z, self.cond)
        return fake.to(self.real.dtype).requires_grad_(self.slopes)

    @cached_property
    def on_both(self) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """D's opinion on real and on generated samples, by one pass over both where that is the same and cheaper.

        It is not where slopes at the real samples are wanted, and on G's turn, where real samples need no graph.
        """
        apart = self.generates or self.slopes or not self.game.joint
        if apart or not self.__dict__.keys().isdisjoint(("on_real", "on_fake")):
            return self.on_real, self.on_fake
        cond = None if self.cond is None else torch.cat([self.cond, self.cond])
        x = torch.cat([self.game.view(self.real), self.game.view(self.fake)])
        verdict = self.game.discriminator(x, cond)
        n = len(self.real)
        self.__dict__["on_real"], self.__dict__["on_fake"] = (
            take(verdict, slice(n)),
            take(verdict, slice(n, None)),
        )
        return self.on_real, self.on_fake

    @cached_property
    def on_real(self) -> DiscriminatorOutput:
        found: DiscriminatorOutput = self.game.discriminator(self.game.view(self.real), self.cond)
        return found

    @cached_property
    def on_fake(self) -> DiscriminatorOutput:
        found: DiscriminatorOutput = self.game.discriminator(self.game.view(self.fake), self.fake_cond)
        return found


def notice_slopes(noticed: dict[str, Tensor], gradient: Tensor) -> None:
    """The loss is the mean over the batch, so the sum of the samples' norms is the mean of their own losses'.

    A hook that knew the round would keep it alive for ever: the collector does not see through tensors' hooks.
    """
    wide = gradient.detach() if gradient.dtype == torch.float64 else gradient.detach().float()
    noticed["output_gradient"] = wide.flatten(1).norm(dim=1).sum()


def take(verdict: DiscriminatorOutput, part: slice | Tensor) -> DiscriminatorOutput:
    """The verdict on a part of the batch, or on these rows of it."""
    return DiscriminatorOutput(
        tuple(logits[part] for logits in verdict.logits),
        tuple(tuple(layer[part] for layer in head) for head in verdict.features),
        tuple(weights[part] for weights in verdict.weights),
    )


@dataclass
class Adversarial:
    """Generator against discriminator.

    `view` is a differentiable augmentation, applied to real and generated samples alike before D sees them.
    `joint`: D judges both in one pass on its turn; set it to False where D's output for a sample depends on the
    rest of the batch (batch normalisation), which `joint_allowed` tells.
    `modules`: name -> a network, or its average, that is saved although it does not play.
    `once`: where both turns of a step are to see one generated batch, what keeps it between them.
    """

    generator: Any
    discriminator: Any
    players: Sequence[Player[Round]] = ()
    view: Callable[[Tensor], Tensor] = lambda x: x
    joint: bool = True
    modules: dict[str, Any] = field(default_factory=dict)
    once: OnceAStep | None = None

    @property
    def not_captured(self) -> str:
        """Why no step of this game is captured, or nothing."""
        return "" if self.once is None else "both players' turns go through one generated batch (--reuse-generated)"

    def round(self, player: Player[Round], batch: Batch, due: Sequence[Term[Round]]) -> Round:
        return Round(self, player.module is self.generator, batch, due)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        found: Tensor = self.generator(self.generator.noise(n), cond)
        return found


def joint_allowed(discriminator: nn.Module) -> bool:
    """Whether each sample is judged by itself: no layer of D mixes the batch."""
    return not any(isinstance(m, nn.modules.batchnorm._NormBase) for m in discriminator.modules())


def over_heads(loss: Callable[..., Tensor], *verdicts: DiscriminatorOutput, paired: bool = False) -> Tensor:
    """The loss on each head's logits, averaged over positions and heads: [B]. Half precision is widened first.

    Where positions have weights, as in texts of several lengths, place t of a real text has nothing to do with place t
    of a generated one. The loss of two verdicts l(r, f) = a(r) + b(f) is then taken apart, each part averaged over its
    own text: mean l(r, 0) + mean l(0, f) − l(0, 0). A `paired` loss, which has no such parts, compares averages.
    """
    heads = []
    for part in range(len(verdicts[0].logits)):
        logits = [wide(verdict.logits[part]) for verdict in verdicts]
        weights = [verdict.each_weights()[part] for verdict in verdicts]
        if all(w is None for w in weights):
            heads.append(averaged(loss(*logits)))
        elif paired:
            heads.append(loss(*(averaged(x, w) for x, w in zip(logits, weights, strict=True))))
        else:
            alone = [[torch.zeros_like(x)] * len(logits) for x in logits]
            for i, x in enumerate(logits):
                alone[i][i] = x
            parts = [averaged(loss(*given), w) for given, w in zip(alone, weights, strict=True)]
            nothing = loss(*(x.new_zeros(()) for x in logits))
            heads.append(torch.stack(parts).sum(0) - (len(logits) - 1) * nothing)
    return torch.stack(heads).mean(0)


def wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def adversarial_terms(loss: LossPair, name: str = "adversarial") -> tuple[Term[Round], Term[Round]]:
    """The discriminator's and the generator's term for a pair of functions on logits."""

    def discriminator(round: Round) -> Tensor:
        return over_heads(loss.discriminator, *round.on_both, paired=loss.paired)

    def generator(round: Round) -> Tensor:
        verdicts = [round.on_fake, *([round.on_real] if loss.paired else [])]
        return over_heads(loss.generator, *verdicts, paired=loss.paired)

    return Term(name, discriminator), Term(name, generator)
