"""What the facts of a run say for whoever diagnoses it, and what holds for older runs, whose facts do not say it. No
torch in here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from poise.disk.description import RunSpec

WARM = dict.fromkeys(("likelihood", "acoustic", "spectral"), "warm_lr")


def learning_rates(spec: RunSpec) -> Mapping[str, str]:
    """Stage -> the option of each player that is its learning rate there, where that is not "lr"."""
    found: Mapping[str, str] = spec.facts.get("learning_rates", WARM)
    return found


def not_advised(spec: RunSpec) -> Collection[str]:
    """What usually helps and does not in this run: "R1", "dropout"."""
    found: Collection[str] = spec.facts.get("not_advised", ())
    if spec.arguments.get("network") == "relational":  # such a run said no more than others of text
        return {*found, "dropout"}
    return found
