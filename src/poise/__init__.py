"""Poise trains GANs with an L2 penalty on each player and shows whether it worked.

    poise.load("last").sample(64)                          what a run makes
    poise.train("images", "photos", steps=2000)            a run
    poise.evaluate("last")                                 how good it is

and its rooms for a loop of one's own, such as ``from poise.penalties import L2``. Importing this package alone loads
nothing else, so that the command line answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poise.door import EvaluationResult, evaluate, load, train
    from poise.runs.load import Run

__version__ = "0.1.0"
__all__ = ["EvaluationResult", "Run", "__version__", "evaluate", "load", "train"]
_WHERE = dict.fromkeys(("EvaluationResult", "evaluate", "load", "train"), "poise.door") | {"Run": "poise.runs.load"}


def __getattr__(name: str) -> Any:
    """The Python door, loaded when it is first used."""
    if name not in _WHERE:
        raise AttributeError(f"module 'poise' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)
