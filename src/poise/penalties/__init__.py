"""The penalties, the reason this project exists.

On weights: `L2`, `WeightDecay`, `L2Towards`. On the discriminator's input gradient: `R1`, `R2`; its outputs: `LeCam`.
On the activations of a recurrent network: `AR`, `TAR`. On the rows of an embedding that are used: `L2Rows`.

In a loop of one's own: `attach(optimizer, net, L2(1e-4))`; docs/own-loop.md has a recipe for each framework.
"""

from poise.penalties.attached import Attached, attach
from poise.penalties.base import Penalty
from poise.penalties.callbacks import lightning_callback, trainer_callback
from poise.penalties.coverage import Coverage, coverage
from poise.penalties.gradients import R1, R2
from poise.penalties.outputs import LeCam
from poise.penalties.recurrent import AR, TAR, L2Rows
from poise.penalties.towards import L2Towards
from poise.penalties.weights import L2, WeightDecay

__all__ = [
    "AR", "L2", "R1", "R2", "TAR", "Attached", "Coverage", "L2Rows", "L2Towards", "LeCam", "Penalty", "WeightDecay",
    "attach", "coverage", "lightning_callback", "trainer_callback",
]  # fmt: skip
