"""What may help, said with flags that the run's recipe has. No torch in here."""

from __future__ import annotations

import re

from poise.monitor.findings.finding import Record

FLAG = re.compile(r"--[a-z][\w.-]*\w")
WARM = ("likelihood", "acoustic", "spectral")  # stages in which the generator learns alone
ELSEWHERE = {"--step"}  # of `poise sample`, which every run can be given to


def flags(text: str) -> list[str]:
    """The flags in a text: "try --ema 0.9 or --discriminator.penalties+=R1" -> --ema, --discriminator.penalties."""
    return FLAG.findall(text)


def fits(record: Record, idea: str) -> bool:
    """Whether the run's recipe has every flag of an idea."""
    return all(flag in ELSEWHERE or record.offers(flag) for flag in flags(idea))


def advice(record: Record, *ideas: str, last: str = "or") -> str:
    """Those of the ideas that fit, as "Try A, B, or C."; an empty idea is none."""
    found = [idea for idea in ideas if idea and fits(record, idea)]
    if len(found) < 3:
        return f"Try {f' {last} '.join(found)}." if found else ""
    return f"Try {', '.join(found[:-1])}, {last} {found[-1]}."


def r1(record: Record, idea: str) -> str:
    """An idea about R1, where the recipe does not know better: on one-hot rows of text it silences D (docs/log.md)."""
    return "" if "R1" in record.fact("not_advised", ()) else idea


def kept(record: Record) -> str:
    """That the best checkpoint is there, where scores were taken."""
    return " The best checkpoint by score is kept (--step best)." if record.argument("scores", 0) else ""


def rate_flag(record: Record, player: str) -> str:
    """The flag of a player's learning rate: in a stage before the game it has one of its own."""
    warm = f"--{player}.warm_lr"
    named = record.spec.get("arguments") and record.offers(warm)
    return warm if named and record.stage.name in WARM else f"--{player}.lr"


def rate(record: Record, player: str) -> str:
    """The learning rate of a player now."""
    found = record.series(f"{player}/lr")
    return f"{found.last:.2g}" if len(found) else "unknown"


# Names of penalties in the record whose flags are called otherwise.
NAMES = {"l2": "l2_{player}", "l2_rows": "l2_embedding"}


def strength_flag(record: Record, name: str, value: float) -> str:
    """How to give PLAYER/PENALTY another strength: with the flag it has, or in words."""
    player, _, penalty = name.partition("/")
    flag = "--" + NAMES.get(penalty, penalty).format(player=player).replace("_", "-")
    own = record.offers(flag) if record.spec.get("arguments") else penalty in NAMES
    if own:
        return f"{flag} {value:.2g}"
    if penalty in ("r1", "r2"):
        return f"--{player}.penalties.gamma {value:.2g} of {penalty.upper()}"
    return f"a strength of {value:.2g} for {penalty} on the {player}"
