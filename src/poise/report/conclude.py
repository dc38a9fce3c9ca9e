"""The end of a run in numbers and sentences, from its record alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from poise.disk.rows import StepRow

Rows = Sequence[Mapping[str, float]]  # of a record
DEAD = 1e-6  # a share of the gradient below this over the whole run is no effect


@dataclass(frozen=True)
class PenaltyEffect:
    """What a penalty was and did: its strength at the first and the last recorded step, its share of the gradient, and
    Λ = Σ lr·λ where it is a rule on the weights."""

    strength_first: float
    strength_last: float
    share_median: float
    share_largest: float
    sum_lr_strength: float | None


@dataclass(frozen=True)
class BestScore:
    """The lowest value of a score, and after how many steps it was taken."""

    step: int
    score: str
    value: float


def penalties(rows: Rows) -> dict[str, PenaltyEffect]:
    """player/penalty -> what it did, from the rows."""
    names = {key.removesuffix(".share") for row in rows for key in row if key.endswith(".share")}
    found = {}
    for name in sorted(names):
        shares = [row[f"{name}.share"] for row in rows if f"{name}.share" in row]
        strengths = [row[f"{name}.strength"] for row in rows if f"{name}.strength" in row]
        spent = [row[f"{name}.spent"] for row in rows if f"{name}.spent" in row]
        found[name] = PenaltyEffect(
            strengths[0], strengths[-1], median(shares), max(shares), spent[-1] if spent else None
        )
    return found


def norms(rows: Rows) -> dict[str, list[float]]:
    """player -> [‖w‖ at the first recorded step, at the last]."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.items():
            if key.endswith("/norm"):
                found.setdefault(key.removesuffix("/norm"), [value, value])[1] = value
    return found


def sentences(acted: Mapping[str, PenaltyEffect]) -> list[str]:
    """One sentence for each penalty: what it was and whether it acted."""
    lines = []
    for name, effect in acted.items():
        player, penalty = name.split("/", 1)
        player = player.replace("_", "'s ")  # the vocoder's discriminator
        first, last = effect.strength_first, effect.strength_last
        strength = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        if first == last == 0:
            lines.append(f"{penalty} on the {player} was off.")
        elif effect.share_largest < DEAD:
            lines.append(
                f"{penalty} on the {player} (λ = {strength}) did nothing: its share of the gradient stayed below "
                f"{DEAD:g} over the run; use a much larger λ, or 0."
            )
        else:
            lines.append(
                f"{penalty} on the {player} (λ = {strength}) acted: it made up {effect.share_median:.2g} of the "
                f"gradient in the median, {effect.share_largest:.2g} at most."
            )
    return lines


def scores(rows: Rows) -> list[StepRow]:
    """The scores with the number of steps after which each was taken."""
    found = []
    for row in rows:
        mine = {key.removeprefix("score/"): value for key, value in row.items() if key.startswith("score/")}
        if mine:
            found.append(StepRow({"step": row["step"] + 1, **mine}))
    return found


def best(rows: Rows, primary: Sequence[str]) -> BestScore | None:
    """The step with the best held-out score, None where no score was taken.

    `primary`: names of scores, the first that was taken counts; lower is better.
    """
    taken = scores(rows)
    for name in primary:
        having = [entry for entry in taken if name in entry]
        if having:
            winner = min(having, key=lambda entry: entry[name])
            return BestScore(winner.step, name, winner[name])
    return None


def since_best(rows: Rows, primary: Sequence[str], after: int = 0) -> int:
    """How many scores were taken since the best one, and after so many steps; 0 where none was taken."""
    found = best(rows, primary)
    if found is None:
        return 0
    return sum(entry.step > max(found.step, after) for entry in scores(rows))
