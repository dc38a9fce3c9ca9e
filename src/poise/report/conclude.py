"""The end of a run in numbers and sentences, from the record alone: a pure function of the run folder."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from poise.disk.description import RunSpec
from poise.record import RunFolder

DEAD = 1e-6  # a share of the gradient below this over the whole run is no effect


def penalties(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """player/penalty -> strength, median and largest share, and Λ where it is a rule on the weights, from the rows."""
    names = {key.removesuffix(".share") for row in rows for key in row if key.endswith(".share")}
    found = {}
    for name in sorted(names):
        shares = [row[f"{name}.share"] for row in rows if f"{name}.share" in row]
        strengths = [row[f"{name}.strength"] for row in rows if f"{name}.strength" in row]
        spent = [row[f"{name}.spent"] for row in rows if f"{name}.spent" in row]
        found[name] = {
            "strength_first": strengths[0],
            "strength_last": strengths[-1],
            "share_median": median(shares),
            "share_largest": max(shares),
            "sum_lr_strength": spent[-1] if spent else None,
        }
    return found


def norms(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """player -> [‖w‖ at the first recorded step, at the last]."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.items():
            if key.endswith("/norm"):
                found.setdefault(key.removesuffix("/norm"), [value, value])[1] = value
    return found


def sentences(acted: dict[str, dict[str, Any]]) -> list[str]:
    """One sentence for each penalty: what it was and whether it acted."""
    lines = []
    for name, facts in acted.items():
        player, penalty = name.split("/", 1)
        player = player.replace("_", "'s ")  # the vocoder's discriminator
        first, last = facts["strength_first"], facts["strength_last"]
        strength = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        if first == last == 0:
            lines.append(f"{penalty} on the {player} was off.")
        elif facts["share_largest"] < DEAD:
            lines.append(
                f"{penalty} on the {player} (λ = {strength}) did nothing: its share of the gradient stayed below "
                f"{DEAD:g} over the run; use a much larger λ, or 0."
            )
        else:
            lines.append(
                f"{penalty} on the {player} (λ = {strength}) acted: it made up {facts['share_median']:.2g} of the "
                f"gradient in the median, {facts['share_largest']:.2g} at most."
            )
    return lines


def scores(rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """The scores with the number of steps after which each was taken."""
    found = []
    for row in rows:
        mine = {key.removeprefix("score/"): value for key, value in row.items() if key.startswith("score/")}
        if mine:
            found.append({"step": row["step"] + 1, **mine})
    return found


def best(rows: list[dict[str, Any]], primary: Sequence[str]) -> dict[str, Any]:
    """The step with the best held-out score, or nothing where no score was taken.

    `primary`: names of scores, the first that was taken counts; lower is better.
    """
    taken = scores(rows)
    for name in primary:
        having = [entry for entry in taken if name in entry]
        if having:
            winner = min(having, key=lambda entry: entry[name])
            return {"step": winner["step"], "score": name, "value": winner[name]}
    return {}


def since_best(rows: list[dict[str, Any]], primary: Sequence[str]) -> int:
    """How many scores were taken since the best one; 0 where none was taken."""
    found = best(rows, primary)
    return sum(entry["step"] > found["step"] for entry in scores(rows)) if found else 0


def conclude(
    folder: RunFolder, spec: RunSpec, steps: int, floor: dict[str, float], primary: Sequence[str]
) -> dict[str, Any]:
    """The content of `report.json`."""
    rows = folder.rows()
    acted = penalties(rows)
    lines = sentences(acted)
    return {
        "run": folder.name,
        "recipe": spec.recipe,
        "data": spec.facts.get("data"),
        "counts": spec.facts.get("counts"),
        "steps": steps,
        "penalties": acted,
        "weight_norms": norms(rows),
        "scores": scores(rows),
        "floor": floor,
        "best": best(rows, primary),
        "sentences": lines,
        "versions": spec.versions,
    }
