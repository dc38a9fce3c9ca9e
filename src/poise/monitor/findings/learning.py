"""Symptoms of the learning: gradients, strengths and rates."""

from __future__ import annotations

from statistics import median

from poise.monitor.findings.advice import advice, idea, penalties, r1, rate_option, strength_flag
from poise.monitor.findings.discriminator import LARGE_SHARE
from poise.monitor.findings.finding import Finding, Record
from poise.monitor.findings.windows import Series, holding
from poise.registry import register

NOTHING = 1e-6  # a share of the gradient below this over the whole run is no effect
LARGE = 100.0  # a gradient's norm; healthy runs stayed below 30
ROWS = 8  # recorded rows in a window
SHRUNK = 0.4  # length of a player's weights over that at the start, below which a penalty has shrunk them
UNEQUAL = 8.0  # times as far as the other; healthy runs were at most 3.4 (docs/monitor.md)
TURNED = 2.5  # times as large a relative step as early on
SOME_SHARE = 0.02  # of the gradient: a penalty below this has not shrunk the weights


@register("symptom", "vanishing gradient")
def vanishing(record: Record) -> Finding | None:
    """D is right about everything, and what it tells the generator has all but gone."""
    reaches = record.series("generator/output_gradient")
    ranks = record.series("discriminator/auc_training")
    if len(reaches) < 2 * ROWS or len(ranks) < 4 or median(ranks.values[-4:]) < 0.95:
        return None
    first = max(reaches.values[0], 1e-30)
    level = reaches.smoothed(ROWS)
    since = holding(level, lambda value: value < 0.05 * first, least=ROWS)
    if since is None:
        return None
    d, g = record.called("discriminator"), record.called("generator")
    return Finding(
        "vanishing gradient",
        "critical",
        since,
        f"The gradient that reaches the {g}'s output is {level.last:.2g}, {level.last / first:.1g} of what it was at "
        f"the start, while the {d} is right nearly always (AUC {median(ranks.values[-4:]):.2f}).",
        advice(
            record,
            idea("{} nonsaturating", "loss"),
            idea("fewer {}", "discriminator.turns"),
            idea("a lower {}", "discriminator.lr"),
            r1(record),
        ),
        {"output_gradient": level.last, "at the start": first},
    )


@register("symptom", "exploding gradient")
def exploding(record: Record) -> Finding | None:
    """A player's gradient is a thousand times what it was, and large: at the start it may be next to nothing."""
    for player in record.players():
        norms = record.series(f"{player}/grad_norm")
        if len(norms) < 2 * ROWS:
            continue
        first = max(median(norms.values[:3]), 1e-30)
        level = norms.smoothed(ROWS)
        since = holding(level, lambda value, first=first: value > max(1000 * first, LARGE))  # type: ignore[misc]
        if since is not None:
            game = "discriminator" in record.players()
            return Finding(
                "exploding gradient",
                "critical",
                since,
                f"The gradient of the {record.called(player)} is {level.last:.2g}, {level.last / first:.2g} times what "
                "it was at the start.",
                advice(
                    record,
                    idea("{} 1", f"{player}.clip"),
                    idea("a lower {}", rate_option(record, player)),
                    r1(record) if game else None,
                    idea("{} hinge", "loss") if game else None,
                ),
                {
                    "grad_norm": level.last,
                    "at the start": first,
                    "player is the discriminator": float(player[0] == "d"),
                },
            )
    return None


@register("symptom", "strength without effect")
def without_effect(record: Record) -> Finding | None:
    """A penalty is switched on, and its share of the gradient is nothing."""
    for name in penalties(record):
        shares, strengths = record.series(f"{name}.share"), record.series(f"{name}.strength")
        if len(shares) >= ROWS and max(strengths.values) > 0 and max(shares.values) < NOTHING:
            player, _, penalty = name.partition("/")
            now = max(strengths.last, max(strengths.values))
            wanted = now * 1e-3 / max(max(shares.values), 1e-30)
            return Finding(
                "strength without effect",
                "warning",
                shares.steps[0],
                f"{penalty} on the {record.called(player)} (strength {strengths.last:.2g}) makes up at most "
                f"{max(shares.values):.1g} of the gradient: it does nothing.",
                _larger(record, name, now, wanted),
                {"largest share": max(shares.values), "strength": strengths.last},
            )
    return None


def _larger(record: Record, name: str, now: float, wanted: float) -> str:
    """What to try instead of a strength that does nothing, where `wanted` would have a share of a thousandth."""
    if wanted <= 1.0:
        return f"Try {strength_flag(record, name, wanted)} for a share of about a thousandth, or 0 to leave it out."
    if now < 1.0:  # a thousandth may be out of reach
        return f"Try {strength_flag(record, name, 1.0)}, or 0 to leave it out."
    return f"Try {strength_flag(record, name, 0.0)}: it may be left out."


ON_ROWS = ("l2_rows", "l2_embedding")  # recorded as half the square of the length that they act on


def _kept(record: Record, player: str, penalty: str = "") -> float:
    """Length of the player's weights now over that at the start; 1 where it is not recorded.

    Of the embedding's rows for a penalty on those, which reads those of a batch: the median of a few batches.
    """
    if penalty in ON_ROWS:
        rows = record.series(f"{player}/{penalty}").values
        return (median(rows[-ROWS:]) / max(median(rows[:3]), 1e-30)) ** 0.5 if rows else 1.0
    norms = record.series(f"{player}/norm")
    return norms.last / max(norms.values[0], 1e-30) if len(norms) else 1.0


@register("symptom", "strength too large")
def too_large(record: Record) -> Finding | None:
    """A penalty has shrunk a player's weights, and outweighs what the player is there to do; or, while it is a smaller
    part of the gradient, it has made each step turn the weights much further than it did.

    A large share alone is no sign: the loss's gradient also vanishes where a player has nothing left to learn. Nor is a
    larger relative step alone, which is what a higher rate gives.
    """
    for name in penalties(record):
        shares, strengths = record.series(f"{name}.share"), record.series(f"{name}.strength")
        player, _, penalty = name.partition("/")
        kept = _kept(record, player, penalty)
        if len(shares) < 2 * ROWS or kept >= SHRUNK:
            continue
        level = shares.smoothed(2 * ROWS)
        steers = holding(level, lambda share: share > LARGE_SHARE)
        turned = _turned(record, player)
        turning = holding(turned, lambda times: times > TURNED) if level.last > SOME_SHARE else None
        since = steers if steers is not None else turning
        if since is None:
            continue
        effect = (
            "the penalty steers, not the loss"
            if steers is not None
            else f"each step turns them {turned.last:.1f} times as far as at first, as a higher learning rate would"
        )
        return Finding(
            "strength too large",
            "warning",
            since,
            f"{penalty} on the {record.called(player)} (strength {strengths.last:.2g}) makes up {level.last:.2g} of "
            f"the gradient, and its weights have {kept:.0%} of their first length: {effect}.",
            f"Try {strength_flag(record, name, strengths.last / 10)}.",
            {"share": level.last, "strength": strengths.last, "length kept": kept}
            | ({"turned": round(turned.last, 2)} if len(turned) else {}),
        )
    return None


def _turned(record: Record, player: str) -> Series:
    """The player's relative step ‖Δw‖/‖w‖ beside that of its early steps; nothing in a short record. Adam's very first
    steps are larger than any, so they do not count."""
    steps = record.series(f"{player}/update")
    if len(steps) < 6 * ROWS:
        return Series([], [])
    early = max(median(steps.values[ROWS : 3 * ROWS]), 1e-30)
    level = steps.smoothed(2 * ROWS)
    return Series(level.steps, [value / early for value in level.values])


def _moved(record: Record, player: str) -> Series:
    """‖Δw‖ of each recorded step beside the player's first ‖w‖, or the present one where lengths are not recorded."""
    updates, lengths = record.series(f"{player}/update"), record.series(f"{player}/norm")
    if len(lengths) != len(updates) or not len(lengths) or lengths.values[0] <= 0:
        return updates
    first = lengths.values[0]
    moved = [update * length / first for update, length in zip(updates.values, lengths.values, strict=True)]
    return Series(updates.steps, moved)


@register("symptom", "learning rates out of balance")
def unbalanced(record: Record) -> Finding | None:
    """One player moves its weights many times as far as the other, beside the lengths with which they began.

    Beside the present lengths a rate that is far too high hides itself: the weights grow until its steps look small, as
    those of a generator at thirty times its rate do. Nor does a penalty that has shrunk a player look like a high rate.
    After another stage the generator is a trained one, which is meant to move in small steps: only one that is too
    fast counts then.
    """
    mine, other = _moved(record, "generator"), _moved(record, "discriminator")
    if len(mine) < 2 * ROWS or len(other) != len(mine):
        return None
    if 0.0 in (*mine.values[-2 * ROWS :], *other.values[-2 * ROWS :]):  # one stands still, as its schedule has it
        return None
    ratio = Series(mine.steps, [a / max(b, 1e-30) for a, b in zip(mine.values, other.values, strict=True)])
    level = ratio.smoothed(2 * ROWS)
    trained = record.stage.first > 0
    since = holding(level, lambda r: r > UNEQUAL or (r < 1 / UNEQUAL and not trained))
    if since is None:
        return None
    fast, slow = ("generator", "discriminator") if level.last > 1 else ("discriminator", "generator")
    if min(_kept(record, fast), _kept(record, slow)) < SHRUNK:  # a penalty did that, which another finding tells
        return None
    times = max(level.last, 1 / level.last)
    now = record.series(f"{fast}/lr")
    wanted = f" {now.last / times:.1g} (now {now.last:.2g})" if len(now) else ""
    return Finding(
        "learning rates out of balance",
        "warning",
        since,
        f"Each step moves the {record.called(fast)}'s weights {times:.0f} times as far as the {record.called(slow)}'s, "
        "beside their first lengths.",
        advice(record, idea(f"{{}}{wanted}", f"{fast}.lr"), idea("a higher {}", f"{slow}.lr")),
        {"generator/update": mine.last, "discriminator/update": other.last, "ratio": level.last},
    )
