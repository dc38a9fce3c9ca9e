"""Made-up records: a healthy one, and changes that make it sick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from poise.monitor.findings.windows import WEIGHTS

Value = float | Callable[[float], float]

HEALTHY: dict[str, Value] = {
    "generator/adversarial": 0.9, "generator/grad_norm": 2.0, "generator/output_gradient": 0.2, "generator/lr": 2e-4,
    "generator/update": 0.006, "generator/norm": 10.0, "generator/l2.share": 0.005, "generator/l2.strength": 3e-3,
    "discriminator/adversarial": 1.2, "discriminator/grad_norm": 6.0, "discriminator/lr": 2e-4,
    "discriminator/update": 0.005, "discriminator/norm": 5.0, "discriminator/l2.share": 1e-4,
    "discriminator/l2.strength": 1e-4,
}  # fmt: skip
PROBED: dict[str, Value] = {
    "discriminator/on_training": 0.3, "discriminator/on_heldout": 0.25, "discriminator/on_generated": -0.3,
    "discriminator/auc_training": 0.72, "discriminator/auc_heldout": 0.7, "discriminator/auc_gap": 0.02,
    "discriminator/auc_seen": 0.51,
    "discriminator/contrast": 0.5, "discriminator/alive": 1.0, "discriminator/sign": 0.1,
    "generator/diversity": lambda t: 0.95 * min(1.0, 0.1 + 8 * t), "generator/drift": 0.25, "generator/nearest": 0.5,
    "generator/inside": 0.5, "generator/inside_null": 0.5, "generator/inside_z": 0.2,
    "generator/shown_diversity": lambda t: 0.95 * min(1.0, 0.1 + 8 * t), "generator/shown_nearest": 0.5,
    "generator/shown_inside": 0.5, "generator/shown_inside_null": 0.5, "generator/shown_inside_z": 0.2,
    "generator/shown_lightness": lambda t: -2.5 + 2.6 * min(1.0, 8 * t), "generator/shown_contrast": 1.0,
    "generator/shown_saturation": 1.0, "generator/shown_tint": 0.2,
}  # fmt: skip
SHOWN = {key for key in PROBED if "shown_" in key} | {"generator/drift"}  # at each fourth probe
FITTED: dict[str, Value] = {
    "nll": lambda t: 3.2 + 4.8 * np.exp(-20 * t), "grad_norm": 0.6, "lr": 4e-3, "update": 0.01, "norm": 15.0,
    "l2_recurrent.share": 1e-3, "l2_recurrent.strength": 1e-5, "l2_recurrent.spent": 1e-3,
    "ar": 0.02, "ar.share": 0.05, "ar.strength": 2.0,
    "l2_embedding": 30.0, "l2_embedding.share": 1e-3, "l2_embedding.strength": 1e-5,
}  # fmt: skip
EXACT = {
    "discriminator/alive",
    "generator/lr",
    "discriminator/lr",
    "generator/l2.strength",
    "discriminator/l2.strength",
}
EXACT |= {"generator/inside_null", "generator/shown_inside_null"}


def record(steps: int = 800, seed: int = 0, without: tuple[str, ...] = (), **changes: Value) -> list[dict[str, float]]:
    """Rows each 8 steps, a probe each 32, with 5 % of scatter. Keys of `changes` have __ for /; values may be functions
    of the share of the run that is done."""
    rng = np.random.default_rng(seed)
    wanted = {key.replace("__", "/", 1): value for key, value in changes.items()}
    rows = []
    for step in range(0, steps, 8):
        kinds = HEALTHY | (PROBED if step % 32 == 0 else {})
        known = {**HEALTHY, **PROBED}
        kinds = kinds | {k: v for k, v in wanted.items() if k in kinds or k not in known}
        row: dict[str, Any] = {"step": step}
        for key, value in kinds.items():
            if key in without or (key in SHOWN and step % 128):
                continue
            number = value(step / steps) if callable(value) else value
            row[key] = number if key in EXACT else number * (1 + 0.05 * rng.normal())
        if step == 0 and "data/split_z" not in wanted:
            row["data/split_z"] = 0.3
        rows.append(row)
    return rows


def fitted(
    steps: int = 1024, seed: int = 0, player: str = "model", scatter: float = 0.03, **changes: Value
) -> list[dict[str, float]]:
    """The record of a player that is fitted by maximum likelihood: rows each 8 steps, a probe each 32. `nll_training`
    and `nll_heldout` in nats scatter by `scatter` around functions of the share of the run; other numbers by 5 %."""
    rng = np.random.default_rng(seed)
    probed: dict[str, Value] = {
        "nll_training": lambda t: 3.2 + 4.8 * np.exp(-20 * t) - 0.3 * t,
        "nll_heldout": lambda t: 3.5 + 4.5 * np.exp(-20 * t),
    }
    named = FITTED | probed | {key.replace("__", "."): value for key, value in changes.items()}
    rows = []
    for step in range(0, steps, 8):
        row: dict[str, Any] = {}
        for key, value in named.items():
            number = value(step / steps) if callable(value) else value
            exact = key.endswith((".strength", "lr"))
            row[key] = (
                number + scatter * rng.normal() if key in probed else number * (1 + 0.05 * rng.normal() * (not exact))
            )
        if step % 32 == 0:
            row["nll_gap"] = row["nll_heldout"] - row["nll_training"]
        rows.append({"step": step} | {f"{player}/{k}": v for k, v in row.items() if step % 32 == 0 or k not in probed})
    return rows


def encoded(
    steps: int = 1024, seed: int = 0, units: int = 16, scatter: float = 0.3, **changes: Value
) -> list[dict[str, float]]:
    """The record of an auto-encoder: rows each 8 steps, a probe each 32; costs in nats per picture scatter by
    `scatter`. `active_units` and `beta` do not."""
    rng = np.random.default_rng(seed)
    plain: dict[str, Value] = {
        "nll": lambda t: 80 + 120 * np.exp(-20 * t), "kl": 15.0, "grad_norm": 40.0, "lr": 1e-3, "update": 0.01,
        "norm": 20.0, "l2_encoder.share": 1e-3, "l2_encoder.strength": 1e-3,
        "l2_decoder.share": 1e-3, "l2_decoder.strength": 1e-3,
    }  # fmt: skip
    probed: dict[str, Value] = {
        "nll_training": lambda t: 80 + 120 * np.exp(-20 * t) - 4 * t,
        "nll_heldout": lambda t: 82 + 120 * np.exp(-20 * t),
        "objective_training": lambda t: 95 + 120 * np.exp(-20 * t) - 4 * t,
        "objective_heldout": lambda t: 98 + 120 * np.exp(-20 * t),
        "rate": lambda t: 15 * min(1.0, 0.05 + 8 * t), "rate_heldout": lambda t: 15 * min(1.0, 0.05 + 8 * t),
        "active_units": lambda t: round(12 * min(1.0, 8 * t)), "beta": 1.0,
    }  # fmt: skip
    named = plain | probed | {key.replace("__", "."): value for key, value in changes.items()}
    rows = []
    for step in range(0, steps, 8):
        row: dict[str, float] = {"step": step}
        for key, value in named.items():
            number = value(step / steps) if callable(value) else value
            cost, exact = key.startswith(("nll_", "objective_")), key.endswith(("strength", "lr", "units", *WEIGHTS))
            scattered = number + scatter * rng.normal() if cost else number * (1 + 0.05 * rng.normal() * (not exact))
            if step % 32 == 0 or key not in probed:
                row[f"autoencoder/{key}"] = scattered
        rows.append(row | ({"autoencoder/units": float(units)} if step == 0 else {}))
    return rows
