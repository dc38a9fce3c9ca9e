"""The command line. Flags of `train` come from the recipe's signature; nothing here knows what a GAN is.

torch is loaded when something needs a tensor, not to print help or to list runs. Each module holds some commands, with
their flags and help beside them, and enters them by `add`; `tree` puts them in order.
"""

from poise.cli.program import dispatch, main, tree
from poise.cli.runs import EVALUATE
from poise.cli.sampling import SAMPLE

__all__ = ["EVALUATE", "SAMPLE", "dispatch", "main", "tree"]
