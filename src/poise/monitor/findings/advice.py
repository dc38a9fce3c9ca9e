"""What may help, said with flags that the run's recipe has. No torch in here."""

from __future__ import annotations

from typing import NamedTuple

from poise.monitor.findings import old_runs
from poise.monitor.findings.finding import RECENT, Record

# What is tried -> the value of the option with which it cannot be tried any more.
NOTHING_LESS: dict[str, object] = {"a weaker {}": 0, "fewer {}": 1, "{} where there are labels": True}


class Idea(NamedTuple):
    """Something to try: words with a {} for each option, and the options, "discriminator.lr" or "l2-generator"."""

    words: str
    options: tuple[str, ...] = ()

    def fits(self, record: Record) -> bool:
        """Whether the run's recipe has every option of it, and it is no idea to leave everything as it is."""
        return all(record.offers(option) for option in self.options) and not self._is_so(record)

    def _is_so(self, record: Record) -> bool:
        """Whether the run has the one value that is named already, or what it has cannot be less."""
        if len(self.options) != 1:
            return False
        now = record.argument(self.options[0].replace("-", "_"))
        if self.options[0] == "augment":
            now = record.fact("augment", now)  # what auto has come to
        if self.words in NOTHING_LESS:
            return now is not None and now == NOTHING_LESS[self.words]
        named, _, value = self.words.partition(" ")
        return named == "{}" and " " not in value and str(now).lower() == value

    def text(self, record: Record) -> str:
        """The words, with flags."""
        words = self.words
        for option in self.options:
            words = words.replace("{}", record.flag(option), 1)
        return words


def idea(words: str, *options: str) -> Idea:
    """An idea: idea("a higher {} (now 0.1)", "generator.lr")."""
    return Idea(words, options)


def advice(record: Record, *ideas: Idea | None, last: str = "or") -> str:
    """Those of the ideas that fit, as "Try A, B, or C."; None is no idea."""
    found = [one.text(record) for one in ideas if one is not None and one.fits(record)]
    if len(found) < 3:
        return f"Try {f' {last} '.join(found)}." if found else ""
    return f"Try {', '.join(found[:-1])}, {last} {found[-1]}."


def r1(record: Record, gamma: str = "", words: str = "{}") -> Idea | None:
    """R1 on the discriminator with a strength, its flags in place of the {} of the words; without one R1 in words. None
    where the recipe knows better: on one-hot rows of text it silences D (docs/log.md)."""
    if not record.advises("R1"):
        return None
    if not gamma:
        return idea(f"R1 on the {record.called('discriminator')}")
    words = words.replace("{}", "{}+=R1 {}=" + gamma)
    return idea(words, "discriminator.penalties", "discriminator.penalties.gamma")


def kept(record: Record) -> str:
    """That the best checkpoint is there, where scores were taken."""
    return " The best checkpoint by score is kept (--step best)." if record.argument("scores", 0) else ""


def rate_option(record: Record, player: str) -> str:
    """The option of a player's learning rate: in a stage before the game it may have one of its own."""
    name = old_runs.learning_rates(record.spec).get(record.stage.name, "lr")
    named = record.spec.arguments and record.offers(f"{player}.{name}")
    return f"{player}.{name}" if named else f"{player}.lr"


def rate(record: Record, player: str) -> str:
    """The learning rate of a player now."""
    found = record.series(f"{player}/lr")
    return f"{found.last:.2g}" if len(found) else "unknown"


# Names of penalties in the record whose flags are called otherwise.
NAMES = {"l2": "l2_{player}", "l2_rows": "l2_embedding"}


def penalties(record: Record) -> list[str]:
    """PLAYER/PENALTY of everything whose strength and share of the gradient are recorded."""
    recent = {key for row in record.rows[-RECENT:] for key in row}  # a lazy penalty is not in every row
    found = sorted(key.removesuffix(".share") for key in recent if key.endswith(".share"))
    return [name for name in found if f"{name}.strength" in recent]


def strength_flag(record: Record, name: str, value: float) -> str:
    """How to give PLAYER/PENALTY another strength: with the flag it has, or in words."""
    player, _, penalty = name.partition("/")
    option = NAMES.get(penalty, penalty).format(player=player).replace("_", "-")
    own = record.offers(option) if record.spec.arguments else penalty in NAMES
    among = record.argument(f"{player}.penalties", [])
    if penalty == "l2" and any(str(one.get("class_path")).rpartition(".")[2] == "L2" for one in among):
        return f"{record.flag(f'{player}.penalties.strength')} {value:.2g} of L2"
    if own:
        return f"{record.flag(option)} {value:.2g}"
    if penalty in ("r1", "r2"):
        return f"{record.flag(f'{player}.penalties.gamma')} {value:.2g} of {penalty.upper()}"
    return f"a strength of {value:.2g} for {penalty} on the {record.called(player)}"
