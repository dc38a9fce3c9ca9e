"""What every penalty offers a recipe, whether it reads weights or data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poise.core import Term, WeightPenalty


class Penalty:
    """A penalty of one player: some terms that read the round, or a rule on the weights."""

    name: str

    def over(self, steps: int) -> Penalty:
        """The same penalty with schedules that had no length stretched over `steps` steps."""
        return self

    def terms(self) -> tuple[Term[Any], ...]:
        """The summands of the objective that it brings; none for a rule on the weights."""
        return ()

    def weight_penalties(self) -> tuple[WeightPenalty, ...]:
        """Itself when it is a rule on the weights; otherwise nothing."""
        return ()
