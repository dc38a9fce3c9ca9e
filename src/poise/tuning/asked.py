"""What a search was asked to do, kept in its folder; its own space where nobody names one."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.disk import read_json, write_json
from poise.disk.description import Arguments
from poise.errors import PoiseError, nearest
from poise.recipes.common.options import parameters
from poise.specs.spec import completed, kind_of, run_name
from poise.studies.plans.plan import Endpoint
from poise.studies.running.desk import DESK
from poise.tuning.space import PENALTY, Dimension, Space, Value, at, dimension

ASKED = "tune.json"
FRESH = 1000  # the first seed of the confirmation, far from those of the search
WIDE = 1000.0  # a strength is searched from its default divided by this to it times this
LOW, HIGH = 1e-6, 1e-1  # where a strength is searched whose default is 0
RATES = (0.25, 8.0)  # factors of a learning rate
GAMMA = "discriminator.penalties.R1.gamma=zero,log:0.01:100"


@dataclass(frozen=True)
class Asked:
    """A search.

    Args:
        recipe, arguments: of its runs, completed, without the seed.
        space: what it changes.
        score, at: what is made better: a score "end" or at the "best" step. better: lower or higher.
        seeds: of each trial. confirm: fresh ones of the confirmation.
        first: of the seeds of the search, and of what is drawn.
    """

    recipe: str
    arguments: Mapping[str, object]
    space: Space
    score: str
    at: str = "end"
    better: str = "lower"
    seeds: int = 3
    confirm: int = 10
    first: int = 0

    def to_dict(self) -> dict[str, Any]:
        space = [str(one) for one in self.space.dimensions]
        return {
            "recipe": self.recipe, "arguments": dict(self.arguments), "space": space, "score": self.score,
            "at": self.at, "better": self.better, "seeds": self.seeds, "confirm": self.confirm, "first": self.first,
        }  # fmt: skip

    @property
    def endpoint(self) -> Endpoint:
        where = "at the best step" if self.at == "best" else "at the end"
        better: Any = self.better
        return Endpoint(f"{self.score} {where}", {"score": self.score, "at": self.at}, better)

    @property
    def lower(self) -> bool:
        return self.better == "lower"

    @property
    def defaults(self) -> dict[str, Value]:
        return dict(self.space.defaults(self.arguments))

    def run_arguments(self, values: Mapping[str, Value], seed: int) -> Arguments:
        """The arguments of a run, completed."""
        return completed(self.recipe, {**self.space.placed(self.arguments, values), "seed": seed})

    def folder(self) -> Path:
        """Where it lies by default: tunes/RECIPE-DATA-HASH."""
        name = run_name(self.recipe, dict(self.arguments)).rpartition("-")[0]
        return Path("tunes") / f"{name}-{self.digest}"

    @property
    def digest(self) -> str:
        """The same for the same search, however many fresh seeds confirm it."""
        told = json.dumps({**self.to_dict(), "confirm": 0}, sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:8]


def check_place(asked: Asked, folder: Path, open_ones: Sequence[str] = ()) -> None:
    """That a folder is free, or holds this very search. Errors: PoiseError.

    Args: open_ones: names of dimensions whose bounds a scan may still change, or that may be left out.
    """
    file = folder / ASKED
    if file.exists():
        known, told = read_json(file), _told(asked)
        differing = sorted(key for key in told if not isinstance(known, dict) or known.get(key) != told[key])
        before = known.get("space") if isinstance(known, dict) else None
        if "space" in differing and isinstance(before, list) and _may_become(told["space"], before, open_ones):
            differing.remove("space")
        if differing and differing != ["confirm"]:
            raise PoiseError(
                f"{folder} holds another search (it differs in {', '.join(differing)}): choose another --out"
            )
    else:
        check_free(folder)


def _may_become(asked: Sequence[str], known: Sequence[str], open_ones: Sequence[str]) -> bool:
    """Whether a space that is asked for may be the known one after the scan."""
    mine, theirs = ({str(one).partition("=")[0]: one for one in space} for space in (asked, known))
    fixed = [{name: one for name, one in space.items() if name not in open_ones} for space in (mine, theirs)]
    return theirs.keys() <= mine.keys() and fixed[0] == fixed[1]


def check_free(folder: Path, is_search: bool = True) -> None:
    """That a folder can be written, and is new, empty or that of a search. Errors: PoiseError.

    Args: is_search: whether it will be the folder of a search, and not one in which such folders are made.
    """
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    closed = not os.access(place, os.W_OK | os.X_OK) if place.is_dir() else place != folder
    if closed:
        raise PoiseError(f"{folder} cannot be written: {place} is closed, or no folder; choose another --out")
    if not is_search or not folder.exists() or (folder / ASKED).exists():
        return
    if not folder.is_dir() or any(path.name not in (".lock", DESK) for path in folder.iterdir()):
        raise PoiseError(f"{folder} exists and is no search: choose another --out")


def register(asked: Asked, folder: Path) -> None:
    """Keep what was asked in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / ASKED, _told(asked))


def _told(asked: Asked) -> dict[str, Any]:
    """As it is kept."""
    told: dict[str, Any] = json.loads(json.dumps(asked.to_dict(), default=str))
    return told


def space_of(recipe: str, arguments: Arguments, given: Sequence[str], words: Sequence[str]) -> Space:
    """The recipe's own space but for options that were given, with what --space says.

    Args: arguments: completed; given: names of options that were given; words: of --space.
    Errors: PoiseError for an unknown option, or nothing to search.
    """
    found = {one.name: one for one in own_space(recipe, arguments) if one.name not in given}
    asked_for: list[Dimension] = []
    for word in words:
        name, asked = dimension(word)
        _known(recipe, arguments, name, word)
        found = {known: one for known, one in found.items() if one in asked_for or not _same(known, name)}
        asked_for = [one for one in asked_for if one.name != name]
        found.pop(name, None)
        if asked is not None:
            found[name] = asked
            asked_for.append(asked)
    space = Space(list(found.values()))
    if not space.dimensions:
        raise PoiseError("nothing is left to search: name something, such as --space l2_generator=zero,log:1e-6:1e-1")
    for one in space.dimensions:
        one.drawn(one.default(arguments))
        _added_once(space, one, arguments)
    return space


def _penalty_of(name: str) -> tuple[str, str] | None:
    """The player and the class of a penalty that is added: "discriminator.penalties.R1.gamma" -> discriminator, R1."""
    found = PENALTY.fullmatch(name)
    return (found[1], found[2].rpartition(".")[2]) if found is not None else None


def _same(name: str, other: str) -> bool:
    """Whether both are options of the same penalty."""
    return name != other and _penalty_of(name) is not None and _penalty_of(name) == _penalty_of(other)


def _added_once(space: Space, one: Dimension, arguments: Arguments) -> None:
    """That a penalty which is added is not there already. Errors: PoiseError."""
    penalty = _penalty_of(one.name)
    if penalty is None:
        return
    player, kind = penalty
    there = [str(known["class_path"]).rpartition(".")[2] for known in at(arguments, f"{player}.penalties") or []]
    if kind in there or any(_same(one.name, other.name) for other in space.dimensions):
        raise PoiseError(f"--space {one}: there would be two of {kind} on the {player}: leave one out")


def refusal(recipe: str, arguments: Arguments, one: Dimension) -> str:
    """What the recipe says against a value that may be tried of this option; empty: it takes them all."""
    for value in one.samples:
        changed: Arguments = copy.deepcopy(dict(arguments))
        try:
            one.set(changed, value)
            completed(recipe, changed)
        except PoiseError as error:
            return f"{value} is refused: {error}"
    return ""


def _known(recipe: str, arguments: Arguments, name: str, word: str) -> None:
    player = PENALTY.fullmatch(name)
    place = f"{player[1]}.penalties" if player else name
    options = [key for key in leaves(arguments) if key not in ("seed", "data")]
    if place not in options:
        raise PoiseError(f"--space {word}: {recipe} has no option {name}{nearest(name, options)}")


def leaves(arguments: Mapping[str, object], above: str = "") -> list[str]:
    """Names of all options, those of groups with a dot."""
    found = []
    for name, value in arguments.items():
        if isinstance(value, Mapping):
            found += leaves(value, f"{above}{name}.")
        else:
            found.append(f"{above}{name}")
    return found


def own_space(recipe: str, arguments: Arguments) -> list[Dimension]:
    """Every strength λ, every learning rate, and R1 of an image GAN's discriminator."""
    found = []
    for name in parameters(kind_of(recipe).build):
        value = arguments.get(name)
        if not name.startswith("l2_") or not isinstance(value, int | float):
            continue  # a schedule, or a player that is not there
        low, high = (value / WIDE, value * WIDE) if value > 0 else (LOW, HIGH)
        found.append(Dimension(name, "log", float(f"{low:g}"), float(f"{high:g}"), zero=True))
    if recipe == "images" and not at(arguments, "discriminator.penalties"):
        gamma = dimension(GAMMA)[1]
        assert gamma is not None
        found.append(gamma)
    for name in leaves(arguments):
        absent = name == "discriminator.lr" and arguments.get("l2_discriminator", 0) is None
        if re.fullmatch(r"(\w+\.)?lr", name) and not absent:
            found.append(Dimension(name, "times", *RATES))
    return found


def given_in(recipe: str, arguments: Arguments) -> list[str]:
    """Names of options that are not at their defaults."""
    plain = completed(recipe, {"data": arguments.get("data")})
    return [name for name in leaves(arguments) if at(arguments, name) != at(plain, name)]
