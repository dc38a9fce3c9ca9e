"""Symptoms of fitting by maximum likelihood: language models, the likelihood stage of a text GAN, auto-encoders.

Thresholds for sentences were set on runs on a Bible, with all of it and with a twentieth (docs/monitor.md). What is
fitted, and which rise is worth a word, the facts of a run tell under "nats"; without that it is sentences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product
from statistics import fmean, median
from typing import NamedTuple

from poise.monitor.findings.advice import Idea, advice, idea, kept
from poise.monitor.findings.finding import Finding, Record
from poise.monitor.findings.windows import WEIGHTS, Series, holding
from poise.registry import register

PROBES = 8  # probes in a window
LAST = 4  # windows in a row
RISE = 0.02  # nats a unit: a rise of the held-out cost of a sentence that is worth a word; two percent of perplexity
SURE = 5.0  # standard errors; the lowest of many windows is low by chance


class _Nats(NamedTuple):
    """What a cost in nats is of, in words, and which rise of it is worth a word."""

    of: str = "sentences"
    per: str = "a unit"
    worth: float = RISE


class _Rise(NamedTuple):
    """How far the held-out nats stand above their lowest level, window by window, and where that was."""

    over: Series  # 0 where the rise is small, unsure, or shared by the training sentences
    lowest: int  # its step
    rise: float  # now, in nats
    fall: float  # of the training sentences, meanwhile


def _rise(held: Series, seen: Series, worth: float = RISE) -> _Rise | None:
    """None while there are too few probes to see anything rise."""
    size = min(len(held), len(seen)) - PROBES + 1
    if size < 3 or held.steps != seen.steps:
        return None
    windows, fit = _windows(held, size), list(map(fmean, _windows(seen, size)))
    level, error = list(map(fmean, windows)), list(map(_error, windows))
    low, found = 0, []
    for i in range(size):
        if level[i] < level[low]:
            low = i
        rise = level[i] - level[low]
        usual = median(error[low : i + 1])  # one window's own may be small by chance
        sure = rise > max(worth, SURE * math.hypot(max(error[i], usual), max(error[low], usual)))
        found.append(rise if sure and fit[i] < fit[low] else 0.0)
    lowest = held.steps[low + min(range(PROBES), key=windows[low].__getitem__)]
    return _Rise(Series(held.steps[PROBES - 1 :], found), lowest, level[-1] - level[low], fit[low] - fit[-1])


def _windows(s: Series, count: int) -> list[list[float]]:
    return [s.values[i : i + PROBES] for i in range(count)]


def _error(values: Sequence[float]) -> float:
    """The standard error of their mean, by the differences of neighbours, in which a slope counts little."""
    return math.sqrt(fmean((a - b) ** 2 for a, b in pairwise(values)) / 2 / len(values))


def _costs(record: Record, player: str, network: str) -> tuple[str, Series, Series]:
    """What is minimised, its name and what it is on held-out and on training items: the objective where that is more
    than the likelihood. Where its terms are weighed, only probes with the weight of now can be compared."""
    name = f"{network}nll"
    if len(record.series(f"{player}/{network}objective_heldout")):
        name = f"{network}objective"
    held, seen = (record.series(f"{player}/{name}_{side}") for side in ("heldout", "training"))
    for weight in (record.series(f"{player}/{weight}") for weight in WEIGHTS):
        if len(weight):
            like = {s for s, w in zip(weight.steps, weight.values, strict=True) if abs(w - weight.last) <= 0.05 * w}
            held, seen = _at(held, like), _at(seen, like)
    return name, held, seen


def _at(s: Series, steps: set[int]) -> Series:
    """What was recorded at these steps."""
    found = Series([], [])
    for step, value in zip(s.steps, s.values, strict=True):
        if step in steps:
            found.steps.append(step)
            found.values.append(value)
    return found


@register("symptom", "overfitting")
def overfitting(record: Record) -> Finding | None:
    """The cost of held-out items gets worse from its best while that of training items gets better: of the averaged
    network, which is what is drawn from, or of the weights of now."""
    nats = _Nats(**record.fact("nats", {}))
    for network, player in product(("shown_", ""), record.players("nll_heldout")):
        name, held, seen = _costs(record, player, network)
        found = _rise(held, seen, nats.worth)
        if found is None:
            continue
        since = holding(found.over, lambda rise: rise > 0, least=LAST)
        if since is None:
            continue
        now, train = held.tail(PROBES), seen.tail(PROBES)
        who = f"the averaged {player}" if network else f"the {record.called(player)}"
        return Finding(
            "overfitting",
            "warning",
            since,
            f"Held-out {nats.of} cost {now:.2f} nats {nats.per}, {found.rise:.2f} more than around step "
            f"{found.lowest:,}, while training {nats.of} fell by {found.fall:.2f} to {train:.2f}: {who} "
            "learns them by heart.",
            advice(record, *_remedies(record, player, found.lowest - record.stage.first)) + kept(record),
            {
                f"{name}_heldout": round(now, 4),
                f"{name}_training": round(train, 4),
                f"{name}_gap": round(now - train, 4),
                "rise": round(found.rise, 4),
                "lowest around": float(found.lowest),
            },
        )
    return None


def _remedies(record: Record, player: str, steps: int) -> list[Idea | None]:
    """What may help a network that knows its items by heart, as far as it is not in force yet."""
    found: list[Idea | None] = []
    if record.advises("dropout"):
        found += [_more(record, f"{player}.{name}") for name in ("dropout", "dropout_output", "weight_drop")]
    if not record.argument("ar", 0.0):
        found.append(idea("{} 2 {} 1", "ar", "tar"))
    found += [_stronger(record, player, option) for option in ("l2-recurrent", "l2-generator")]
    found += [_stronger(record, player, option, 1e-3, 1.0) for option in ("l2-encoder", "l2-decoder")]
    if record.argument("flip") is False:
        found.append(idea("{} true", "flip"))
    found += [_fewer(record, "latent-size"), idea("more data")]
    if steps > 0:
        found.append(idea(f"{{}} {steps}", record.option("warm-steps", "steps")))
    if record.argument("scores", 0) > 2 and record.argument("patience") is None:
        found.append(idea("{} 2", "patience"))
    return found


def _more(record: Record, option: str) -> Idea | None:
    """A larger share to drop; nothing above one half."""
    now = float(record.argument(option, 0.0))
    return idea(f"{{}} {min(now + 0.2, 0.5) if now else 0.3:g}", option) if now < 0.5 else None


def _stronger(record: Record, player: str, option: str, first: float = 1e-5, most: float = 1e-3) -> Idea | None:
    """Ten times the λ of now, or the first one; up to 1e-3 beside nats a unit, up to 1 beside nats a picture."""
    penalty = "l2" if option == f"l2-{player}" else option.replace("-", "_")
    now = record.series(f"{player}/{penalty}.strength").tail(1)
    return idea(f"{{}} {10 * now if now > 0 else first:.1g}", option) if 10 * now <= most else None


def _fewer(record: Record, option: str) -> Idea | None:
    """Half as many as now, where it is known how many there are."""
    now = record.argument(option.replace("-", "_"), 0)
    return idea(f"{{}} {now // 2}", option) if isinstance(now, int) and now > 3 else None
