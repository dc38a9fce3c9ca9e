"""The penalties, the reason this project exists.

On weights: `L2`, `WeightDecay`, `L2Towards`. On the discriminator's input gradient: `R1`, `R2`. On the
activations of a recurrent network: `AR`, `TAR`. On the rows of an embedding that are used: `L2Rows`.
"""

from poise.penalties.activations import AR, TAR
from poise.penalties.base import Penalty
from poise.penalties.gradients import R1, R2
from poise.penalties.rows import L2Rows
from poise.penalties.weights import L2, L2Towards, WeightDecay

__all__ = ["AR", "L2", "R1", "R2", "TAR", "L2Rows", "L2Towards", "Penalty", "WeightDecay"]
