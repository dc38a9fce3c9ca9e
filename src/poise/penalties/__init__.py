"""The penalties, the reason this project exists.

On weights: `L2`, `WeightDecay`, `L2Towards`. On the discriminator's input gradient: `R1`, `R2`.
"""

from poise.penalties.base import Penalty
from poise.penalties.gradients import R1, R2
from poise.penalties.weights import L2, L2Towards, WeightDecay

__all__ = ["L2", "R1", "R2", "L2Towards", "Penalty", "WeightDecay"]
