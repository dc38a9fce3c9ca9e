"""Adversarial losses: each a pair of pure functions on logits, minimised by both players.

With D's logit s = D(x), s_r on real and s_f on generated samples, and softplus(t) = log(1 + e^t):

    name            discriminator                          generator
    minimax         softplus(−s_r) + softplus(s_f)         log(1 − σ(s_f)) = −softplus(s_f)     Goodfellow 2014, §3
    nonsaturating   softplus(−s_r) + softplus(s_f)         softplus(−s_f) = −log σ(s_f)         Goodfellow 2014, §3
    hinge           relu(1 − s_r) + relu(1 + s_f)          −s_f                                 Lim & Ye 2017
    least_squares   (s_r − 1)² + s_f²                      (s_f − 1)²                           Mao 2017, no ½
    wasserstein     s_f − s_r                              −s_f                                 Arjovsky 2017
    relativistic    softplus(s_f − s_r)                    softplus(s_r − s_f), paired          Jolicoeur-Martineau 2018

Each function keeps the shape of its arguments; the reduction (mean over positions, heads and batch) is the game's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from poise.lazy import Lazy
from poise.registry import register

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = Lazy("torch")


class Loss(ABC):
    """A loss of one's own, with options as its fields, named on the command line:

    --loss mine.Margin --loss.by 2

    Both players minimise. Each function keeps the shape of its arguments, logits of D.

    Example:
        >>> class Margin(Loss):
        ...     def discriminator(self, real, fake):
        ...         return (2 - real).relu() + (2 + fake).relu()
        ...     def generator(self, fake, *real):
        ...         return -fake
        >>> Margin().discriminator(torch.tensor([1.5]), torch.tensor([-3.0])).tolist()
        [0.5]
    """

    paired: ClassVar[bool] = False  # whether `generator` is given the logits on real samples as well

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What D minimises."""

    @abstractmethod
    def generator(self, fake: Tensor, *real: Tensor) -> Tensor:
        """What G minimises; `real` holds the logits on real samples where `paired`."""


class AdversarialLoss(NamedTuple):
    """`discriminator(real, fake)`; `generator(fake)`, or `generator(fake, real)` when `paired`.

    Example:
        >>> from poise.registry import find
        >>> real, fake = torch.tensor(2.0), torch.tensor(-1.0)
        >>> for name in ("nonsaturating", "minimax", "hinge", "least_squares", "wasserstein"):
        ...     loss = find("loss", name)
        ...     print(f"{name} {loss.discriminator(real, fake):.3f} {loss.generator(fake):.3f}")
        nonsaturating 0.440 1.313
        minimax 0.440 -0.313
        hinge 0.000 1.000
        least_squares 2.000 4.000
        wasserstein -3.000 1.000
        >>> relativistic = find("loss", "relativistic")
        >>> print(f"{relativistic.discriminator(real, fake):.3f} {relativistic.generator(fake, real):.3f}")
        0.049 3.049
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[..., Tensor]
    paired: bool = False


def softplus(t: Tensor) -> Tensor:
    """log(1 + e^t), stable at both ends.

    Example:
        >>> [round(x, 4) for x in softplus(torch.tensor([0.0, 100.0])).tolist()]  # log 2; at large t it is t
        [0.6931, 100.0]
    """
    return torch.nn.functional.softplus(t)


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """−log σ(s_r) − log(1 − σ(s_f)).

    Example:
        >>> round(cross_entropy(torch.tensor(0.0), torch.tensor(0.0)).item(), 4)  # 2·log 2: D cannot tell
        1.3863
    """
    return softplus(-real) + softplus(fake)


register("loss", "nonsaturating")(AdversarialLoss(cross_entropy, lambda fake: softplus(-fake)))
register("loss", "minimax")(AdversarialLoss(cross_entropy, lambda fake: -softplus(fake)))
register("loss", "hinge")(AdversarialLoss(lambda real, fake: (1 - real).relu() + (1 + fake).relu(), lambda fake: -fake))
register("loss", "least_squares")(
    AdversarialLoss(lambda real, fake: (real - 1) ** 2 + fake**2, lambda fake: (fake - 1) ** 2)
)
register("loss", "wasserstein")(AdversarialLoss(lambda real, fake: fake - real, lambda fake: -fake))
register("loss", "relativistic")(
    AdversarialLoss(lambda real, fake: softplus(fake - real), lambda fake, real: softplus(real - fake), paired=True)
)
