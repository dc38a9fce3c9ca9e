"""What a user should know of the options of a run, --compile among them. Loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from poise.core import Term
from poise.recipes.common.options import RunOptions
from poise.recipes.common.recipe import Stage


def run_notes(run: RunOptions, stages: Sequence[Stage]) -> list[str]:
    """What a user should know of the options of a run: which decay of the average counts, what is not compiled."""
    notes = compiled(run, stages)
    if run.ema_half_life is not None:
        notes.append(
            f"--ema-half-life {run.ema_half_life:,}: a decay of {run.decay:.6g} of the average at --batch {run.batch}; "
            "--ema is not used"
        )
    return notes


def compiled(run: RunOptions, stages: Sequence[Stage]) -> list[str]:
    """What --compile asks for: the networks that play in any stage are compiled in place, by torch.compile.

    Returns: a line for each that is not, and why; nothing without --compile.
    """
    if not run.compile:
        return []
    notes = []
    players = [player for stage in stages for player in stage.game.players]
    for name in dict.fromkeys(player.name for player in players):
        own = [player for player in players if player.name == name]
        if why := _not_compiled(own[0].module, [term for player in own for term in player.terms]):
            notes.append(f"--compile: the {name} is not compiled, for {why}")
        else:
            own[0].module.compile()
    return notes


def _not_compiled(net: nn.Module, terms: Sequence[Term[Any]]) -> str:
    """Why torch.compile cannot make a network of this, or a module's `not_compiled` says so; nothing where it can."""
    if twice := dict.fromkeys(term.name for term in terms if term.second_order):
        return f"the gradients of gradients of {' and '.join(twice)}"
    for layer in net.modules():
        if isinstance(layer, nn.RNNBase):
            return "its recurrent layers"
        if why := getattr(layer, "not_compiled", ""):
            return str(why)
    return ""
