"""A penalty on the discriminator's outputs that knows what they have been (Tseng et al., CVPR 2021).

    LeCam = λ·( E_real[relu(D(x) − m_F)²] + E_fake[relu(m_R − D(G(z)))²] )

m_R and m_F are running averages of D's output on real and on generated samples. Where D is ahead, its outputs on real
samples lie above m_F and those on generated ones below m_R, and both are drawn to where the other side has been: an L2
of the outputs, not towards 0 but towards the other's average. Meant for little data, where the outputs run apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from poise.errors import PoiseError
from poise.lazy import Lazy
from poise.penalties.base import Penalty, Strength, at_least_zero
from poise.registry import register
from poise.training.schedules import number_or_schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from poise.core import Term
else:
    torch = Lazy("torch")


class AveragesState(TypedDict):
    """What a checkpoint keeps: two scalars in float32, and how many moves are in them."""

    real: Tensor
    fake: Tensor
    moves: int


class OutputAverages:
    """Running averages of D's mean output on real and on generated samples, m ← d·m + (1 − d)·(mean of the move).

    They begin at nothing and are divided by 1 − dᵗ after t moves, as Adam's are, so that they are means of what was
    seen. `term` reads the averages as the last move left them and remembers its outputs, of all micro-batches;
    `commit`, once after the move, puts these in. Before the first move they say nothing, and the term is 0.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.real, self.fake, self.moves = torch.zeros(()), torch.zeros(()), torch.zeros((), dtype=torch.float64)
        self.forget()

    def forget(self) -> None:
        """Drop the outputs of a move that was broken off."""
        self._seen: list[tuple[Tensor, Tensor]] = []

    def means(self) -> tuple[Tensor, Tensor]:
        """(m_R, m_F), each a scalar; 0 before the first move."""
        known = torch.where(self.moves > 0, 1 - self.decay**self.moves, 1.0).to(self.real.dtype)
        return self.real / known, self.fake / known

    def term(self, real: Tensor, fake: Tensor) -> Tensor:
        """relu(D(x) − m_F)² + relu(m_R − D(G(z)))² of outputs [B] each: [B]."""
        self._seen.append((real.detach(), fake.detach()))
        if self.real.device != real.device:
            self.real, self.fake, self.moves = (x.to(real.device) for x in (self.real, self.fake, self.moves))
        mean_real, mean_fake = self.means()
        found: Tensor = (real - mean_fake).relu().square() + (mean_real - fake).relu().square()
        return found * (self.moves > 0)

    def __call__(self, round: Any) -> Tensor:
        """The same of a round: of D's mean output over heads and positions, in float32."""
        on_real, on_fake = round.on_both
        return self.term(on_real.means(), on_fake.means())

    def commit(self) -> None:
        """Put the outputs that were seen since the last time into the averages."""
        if not self._seen:
            return
        reals, fakes = zip(*self._seen, strict=True)
        for average, seen in ((self.real, reals), (self.fake, fakes)):  # in place: a repeated step finds it there
            average.copy_(self.decay * average + (1 - self.decay) * torch.cat(seen).float().mean())
        self.moves += 1
        self.forget()

    def state_dict(self) -> AveragesState:
        return {"real": self.real.clone(), "fake": self.fake.clone(), "moves": int(self.moves)}

    def load_state_dict(self, state_dict: AveragesState, /) -> None:
        self.real, self.fake = state_dict["real"].clone(), state_dict["fake"].clone()
        self.moves = torch.full((), state_dict["moves"], dtype=torch.float64, device=self.real.device)
        self.forget()


@register("penalty", "LeCam")
@dataclass(eq=False)
class LeCam(Penalty):
    """λ·(E_real[relu(D(x) − m_F)²] + E_fake[relu(m_R − D(G(z)))²]) on the discriminator (Tseng et al. 2021).

    Args:
        strength: λ, at least 0: a number, a schedule string or a function of the step. 0.3 is what the authors take
            for CIFAR-10; not measured here yet. It is in units of D's outputs, so it hangs on the loss.
        decay: d of the running averages m_R and m_F, at least 0 and below 1; the authors' 0.99.
        name: its name in the record.

    D(x) is the mean over heads and positions. The averages are those before the move, whatever the micro-batches; they
    are saved with a run, and the first move has no penalty. One object serves one discriminator.

    Example:
        >>> penalty = LeCam(1.0)
        >>> real, fake = torch.tensor([3.0, 1.0]), torch.tensor([-1.0, 0.0])
        >>> penalty(real, fake).item(), penalty(real, fake).item()  # m_R = 2, m_F = -½: (12.25 + 2.25 + 9 + 4) / 2
        (0.0, 13.75)
    """

    strength: Strength = 0.3
    decay: float = 0.99
    name: str = "lecam"
    reads: ClassVar[str] = "outputs"

    def __post_init__(self) -> None:
        self.parsed("strength")
        if not 0 <= self.decay < 1:
            raise PoiseError(f"decay of LeCam must be at least 0 and below 1, not {self.decay}")
        self._own: OutputAverages | None = None

    def over(self, steps: int) -> LeCam:
        return replace(self, strength=number_or_schedule(self.strength, f"strength of {self.name}", steps))

    def __call__(self, real: Tensor, fake: Tensor, step: int = 0) -> Tensor:
        """The scalar for a loss of one's own, from D's outputs [B] or [B, ...]; the averages move at each call.

        Args: real, fake, D's outputs on real and on generated samples of one move; step, for a λ that is scheduled.
        """
        if self._own is None:
            self._own = OutputAverages(self.decay)
        value = self._own.term(_per_sample(real), _per_sample(fake)).mean()
        self._own.commit()
        known = self.parsed("strength")
        if not callable(known):
            return known * value
        strength: float = at_least_zero(known(step), f"the strength of '{self.name}'", step)
        return strength * value

    def terms(self) -> tuple[Term[Any], ...]:
        from poise.core import Term

        return (Term(self.name, OutputAverages(self.decay), self.parsed("strength"), regularises=True),)


def _per_sample(outputs: Tensor) -> Tensor:
    """[B, ...] -> [B], the mean over all but the samples."""
    return outputs.flatten(1).mean(1) if outputs.ndim > 1 else outputs
