"""What a search may change: options of a recipe, each with its bounds.

    l2_discriminator=zero,log:1e-6:1e-1     evenly in the logarithm, and 0 as well
    generator.lr=times:0.25:8               the default times a factor, evenly in its logarithm; schedules keep theirs
    ema=linear:0.99:0.9999                  evenly
    generator.depth=int:1:3                 whole numbers
    generator.width=16,32,64                one of these
    discriminator.penalties.R1.gamma=zero,log:0.01:100     a penalty that is added with this strength; 0: it is not
    generator.lr=off                        not searched

0 beside a logarithmic range is what lies below it: the range is lengthened downwards by a quarter of itself, and all
that is drawn there is 0. So the smallest strengths and none at all are neighbours for whoever searches, as in truth.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from poise.disk.description import Arguments
from poise.errors import PoiseError, nearest

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Kind = Literal["log", "linear", "times", "int", "one of"]
Value = float | int | str | bool
RANGES: tuple[Kind, ...] = ("log", "linear", "times", "int")
FOR_ZERO = 0.25  # of a logarithmic range, added below it
DIGITS = 3  # of a value: what is told is what was run
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
PENALTY = re.compile(r"(\w+)\.penalties\.([\w.]+)\.(\w+)")  # PLAYER.penalties.CLASS.FIELD
FORMS = "zero,log:1e-6:1e-1 or linear:LOW:HIGH or times:0.25:8 or int:1:3 or a list such as 16,32,64 or off"


@dataclass(frozen=True)
class Dimension:
    """One option, and between which bounds it is searched.

    Args:
        name: as it stands in a configuration file, such as "discriminator.lr".
        kind: see above. low, high: bounds of a range. zero: whether 0 is tried as well. choices: of "one of".
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    zero: bool = False
    choices: tuple[Value, ...] = ()

    def __str__(self) -> str:
        if self.kind == "one of":
            words = [str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in self.choices]
            return f"{self.name}={','.join(words)}"
        return f"{self.name}={'zero,' if self.zero else ''}{self.kind}:{self.low:g}:{self.high:g}"

    @property
    def is_strength(self) -> bool:
        """Whether it is the strength of a penalty, and 0, which is none, is tried."""
        none = 0 in self.choices if self.kind == "one of" else self.low == 0
        return self.zero or (none and self.name.startswith("l2_"))

    @property
    def lowest(self) -> float:
        """The lower end of what is drawn: below `low` where 0 is tried as well."""
        if not self.zero:
            return self.low
        return float(self.low * (self.low / self.high) ** FOR_ZERO)

    def distribution(self) -> BaseDistribution:
        """For Optuna."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.kind == "one of":
            return CategoricalDistribution(self.choices)
        if self.kind == "int":
            return IntDistribution(int(self.low), int(self.high))
        return FloatDistribution(self.lowest, self.high, log=self.kind != "linear")

    def value(self, drawn: Value) -> Value:
        """What is tried where `drawn` was drawn: 0 below the range, and no more digits than are told."""
        if isinstance(drawn, str) or self.kind in ("one of", "int"):
            return drawn
        if self.zero and drawn < self.low:
            return 0.0
        if self.kind == "linear":  # 0.9987 of 0.99:0.9999 needs more than three digits
            return round(float(drawn), DIGITS - math.floor(math.log10(self.high - self.low)))
        return rounded(float(drawn))

    @property
    def samples(self) -> list[Value]:
        """Every choice, or the ends of the range and a value between, and 0 where it is tried: what must be taken."""
        if self.kind == "one of":
            return list(self.choices)
        between = self.low + 0.4321 * (self.high - self.low)
        places = [self.low, between, self.high]
        values = [self.value(int(place) if self.kind == "int" else place) for place in places]
        return [0.0, *values] if self.zero else values

    def drawn(self, value: Value) -> Value:
        """What has to be drawn for a value. Errors: PoiseError for one outside the bounds."""
        if self.kind == "one of":
            if value not in self.choices:
                raise PoiseError(f"--space {self}: its default {value} is not among them: add it")
            return value
        number = float(value)
        if self.zero and number == 0:
            return self.lowest
        if number == 0 and self.kind == "log":
            raise PoiseError(f"--space {self}: its default is 0, below every logarithm: write zero,log:...")
        if not self.low <= number <= self.high:
            raise PoiseError(f"--space {self}: its default {value} lies outside: widen it")
        return int(number) if self.kind == "int" else number

    def default(self, arguments: Mapping[str, object]) -> Value:
        """The value in arguments that nothing was changed in."""
        if self.kind == "times":
            return 1.0
        if PENALTY.fullmatch(self.name):
            return 0.0
        found = at(arguments, self.name)
        if not isinstance(found, int | float | str) or (isinstance(found, str) and self.kind != "one of"):
            raise PoiseError(f"--space {self}: its default is {found}: use times:LOW:HIGH, or give it a number first")
        return found

    def set(self, arguments: Arguments, value: Value) -> None:
        """Change arguments, which are plain tables, so that this option has the value."""
        if value == self.default(arguments):
            return
        penalty = PENALTY.fullmatch(self.name)
        if penalty is not None:
            player, kind, name = penalty.groups()
            known = list(at(arguments, f"{player}.penalties") or [])
            put(arguments, f"{player}.penalties", [*known, {"class_path": kind, "init_args": {name: value}}])
        elif self.kind == "times":
            put(arguments, self.name, times(at(arguments, self.name), float(value), str(self)))
        else:
            put(arguments, self.name, value)


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def times(value: object, factor: float, where: str) -> float | str:
    """A number, or every number of a schedule such as cosine:1e-3:1e-4, times a factor."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return rounded(value * factor)
    if isinstance(value, str) and NUMBER.search(value):
        return NUMBER.sub(lambda found: f"{rounded(float(found[0]) * factor):g}", value)
    raise PoiseError(f"--space {where}: {value} has no number that a factor could change")


def at(arguments: Mapping[str, object], name: str) -> Any:
    """The value of "generator.lr"; None where there is none."""
    found: Any = arguments
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def put(arguments: Arguments, name: str, value: object) -> None:
    """Set "generator.lr"; tables on the way are made."""
    *way, last = name.split(".")
    table: Any = arguments
    for part in way:
        table = table.setdefault(part, {})
    table[last] = value


@dataclass(frozen=True)
class Space:
    """All that is searched."""

    dimensions: Sequence[Dimension]

    def defaults(self, arguments: Mapping[str, object]) -> dict[str, Value]:
        """The value of each option where nothing is changed."""
        return {one.name: one.default(arguments) for one in self.dimensions}

    def placed(self, arguments: Mapping[str, object], values: Mapping[str, Value]) -> Arguments:
        """The arguments with these values."""
        found: Arguments = copy.deepcopy(dict(arguments))
        for one in self.dimensions:
            if one.name in values:
                one.set(found, values[one.name])
        return found

    @property
    def strengths(self) -> list[str]:
        """Names of those that are strengths of penalties: 0 is none."""
        return [one.name for one in self.dimensions if one.is_strength]


def dimension(text: str) -> tuple[str, Dimension | None]:
    """NAME=SPECIFICATION of --space: the name, and what is searched; None for off.

    Errors: PoiseError that names the specification.
    """
    name, equals, said = text.partition("=")
    name, said = name.strip().removeprefix("--").replace("-", "_"), said.strip()
    if not equals or not name or not said:
        raise PoiseError(f"--space {text!r} must be NAME=RANGE, such as l2_discriminator=zero,log:1e-6:1e-1")
    if said == "off":
        return name, None
    zero = said.startswith("zero,")
    if PENALTY.fullmatch(name) and not zero:
        raise PoiseError(f"--space {text}: a penalty is added or not: search it with 0, such as zero,log:0.01:100")
    kind, colon, bounds = said.removeprefix("zero,").partition(":")
    if not colon:
        choices = tuple(dict.fromkeys(_word(word.strip()) for word in said.split(",")))
        if len(choices) < 2:
            raise PoiseError(f"--space {text}: {said} is no range: use {FORMS}")
        return name, Dimension(name, "one of", choices=choices)
    if kind not in RANGES:
        raise PoiseError(f"--space {text}: there is no range '{kind}'{nearest(kind, RANGES, '.')} Use {FORMS}")
    low, high = _bounds(text, bounds)
    if kind in ("log", "times") and low <= 0:
        raise PoiseError(f"--space {text}: a logarithmic range begins above 0; write zero,{kind}:... to try 0 as well")
    if zero and kind != "log":
        raise PoiseError(f"--space {text}: zero stands beside log alone, such as zero,log:1e-6:1e-1")
    if kind == "int" and not (low.is_integer() and high.is_integer()):
        raise PoiseError(f"--space {text}: bounds of int are whole numbers")
    return name, Dimension(name, kind, low, high, zero)


def _bounds(text: str, bounds: str) -> tuple[float, float]:
    try:
        low, high = (float(word) for word in bounds.split(":"))
    except ValueError:
        raise PoiseError(f"--space {text} must have two numbers, LOW:HIGH: use {FORMS}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise PoiseError(f"--space {text}: the first bound must be the smaller one, and both finite")
    return low, high


def _word(word: str) -> Value:
    """A choice as a number or a truth where it reads like one."""
    if word in ("true", "false"):
        return word == "true"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(word)
    return word
