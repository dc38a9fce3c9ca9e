"""What every penalty offers a recipe, whether it reads weights or data."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from poise.errors import PoiseError
from poise.training.schedules import number_or_schedule

if TYPE_CHECKING:
    from torch import Tensor

    from poise.core import Term, WeightPenalty


Strength = float | str | Callable[[int], float]


def at_least_zero(value: Any, what: str, step: int) -> Any:
    """The number that a function of the step gave. Errors: PoiseError for one below 0, or that is none.

    Example:
        >>> at_least_zero(0.5, "gamma", 3)
        0.5
    """
    if not 0 <= float(value) < math.inf:
        raise PoiseError(f"{what} is {value} at step {step}: it must be a number of at least 0")
    return value


class Penalty:
    """A penalty of one player: some terms that read the round, or a rule on the weights.

    `reads` says what it needs: "weights", "round" (whatever a player's turn shows), "slopes" (the discriminator's, at
    real or generated samples) or "states" (what a language model reads and its hidden states). A recipe refuses one
    that reads what its player does not show.

    Example:
        >>> from poise.penalties import L2, R1
        >>> [term.name for term in R1(10.0).terms()], [penalty.name for penalty in L2(1e-4).weight_penalties()]
        (['r1'], ['l2'])
    """

    name: str
    reads: ClassVar[str] = "weights"

    def parsed(self, option: str) -> float | Callable[[int], float]:
        """The number or the schedule that an option says, "strength" or "gamma"; parsed anew where it was set anew."""
        said, known = getattr(self, option), vars(self).get("_parsed")
        if known is None or known[0] is not said:
            known = self._parsed = said, number_or_schedule(said, f"{option} of {type(self).__name__}")
        found: float | Callable[[int], float] = known[1]
        return found

    def over(self, steps: int) -> Penalty:
        """The same penalty with schedules that had no length stretched over `steps` steps."""
        return self

    def terms(self) -> tuple[Term[Any], ...]:
        """The summands of the objective that it brings; none for a rule on the weights."""
        return ()

    def weight_penalties(self) -> tuple[WeightPenalty, ...]:
        """Itself when it is a rule on the weights; otherwise nothing."""
        return ()


@dataclass(eq=False)
class OnRound(Penalty, ABC):
    """A strength that may be scheduled, times a function of the round; its share of the gradient is recorded.

    Example:
        >>> class Level(OnRound):
        ...     def value(self, round):
        ...         return round.fake.square().mean()
        >>> (term,) = Level(0.1, "level").over(100).terms()
        >>> term.name, term.weight
        ('level', 0.1)
    """

    strength: Strength = 1.0
    name: str = "on_round"
    reads: ClassVar[str] = "round"

    def __post_init__(self) -> None:
        self.parsed("strength")

    def over(self, steps: int) -> Self:
        return replace(self, strength=number_or_schedule(self.strength, f"strength of {self.name}", steps))

    @abstractmethod
    def value(self, round: Any) -> Tensor:
        """For each sequence of the round, [B], or a scalar."""

    def terms(self) -> tuple[Any, ...]:
        from poise.core import Term

        return (Term(self.name, self.value, self.parsed("strength"), regularises=True),)
