"""Poise trains GANs with an L2 penalty on each player and shows whether it worked.

Import what you need from its rooms, for example ``from poise.penalties import L2``. Importing this package alone
loads nothing else, so that the command line answers at once.
"""

__version__ = "0.1.0"
