"""What a study asks: parts, arms, seeds, endpoints and claims. Plain data, checked; the file is read in `files.py`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from poise.direction import OneWay
from poise.errors import PoiseError, nearest

Scale = Literal["difference", "ratio"]
Expect = Literal["lower", "higher", "no worse"]
LONGEST = 100  # of a study's name, in bytes
FOLDER = re.compile(r"[^./\\][^/\\]*")  # no / or \, and no dot first


def fits_a_folder(name: str) -> bool:
    """Whether a study, which is kept in a folder of its name, can be called so."""
    return FOLDER.fullmatch(name) is not None and len(name.encode()) <= LONGEST


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str: ...


Member = TypeVar("Member", bound=Named)


@dataclass(frozen=True)
class Endpoint:
    """A number that each run is read for, and what of it would matter.

    Args:
        name: as people call it: "KID at the best step".
        reads: how it is read out of a run: the arguments of a registered reading, such as
            {"score": "KID-classifier", "at": "best"}.
        better: which way is better.
        scale: "difference", or "ratio" for numbers above 0 that are compared by the quotient (their logarithms).
        margin: the smallest change that matters, above 0: in the number's own unit, or with `relative` as a part of the
            other arm's mean (0.1 is 10 %). With "ratio" it is always a part: 0.1 means a factor of 1.1. None: nobody
            has said; then nothing can be called equivalent.
        relative: see margin.
    """

    name: str
    reads: Mapping[str, object]
    better: OneWay
    scale: Scale = "difference"
    margin: float | None = None
    relative: bool = False


@dataclass(frozen=True)
class Arm:
    """What is done to the runs of an arm: arguments of the recipe, over those of the part."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class Part:
    """Runs of one recipe: arms × seeds. A seed shares initialisation, order of the data and noise across the arms."""

    name: str
    recipe: str
    arguments: Mapping[str, object]
    arms: Sequence[Arm]
    seeds: Sequence[int]
    against: str  # the arm that all others are compared with, unless a test says otherwise
    endpoints: Sequence[Endpoint]

    def arm(self, name: str) -> Arm:
        return named(self.arms, name, f"part '{self.name}' has no arm")

    def endpoint(self, name: str) -> Endpoint:
        return named(self.endpoints, name, f"part '{self.name}' has no endpoint")


@dataclass(frozen=True)
class Test:
    """One comparison that a claim rests on: endpoint of `arm` less that of `against`, paired by seed.

    `expect`: "lower", "higher", or "no worse": not worse than by the endpoint's margin. `provided` (endpoint, least):
    the arm's mean of that endpoint must be at least so much, or the comparison supports nothing (a discriminator that
    is dead shows no overfitting).
    """

    part: str
    endpoint: str
    arm: str
    against: str
    expect: Expect
    provided: tuple[str, float] | None = None


@dataclass(frozen=True)
class Claim:
    """A sentence, and the tests that all have to come out for it."""

    says: str
    tests: Sequence[Test]
    because: str = ""  # why it might be so, and what is thought of it before


@dataclass(frozen=True)
class Plan:
    """A whole study."""

    name: str
    question: str
    parts: Sequence[Part]
    claims: Sequence[Claim] = ()
    alpha: float = 0.05
    facts: Mapping[str, Any] = field(default_factory=dict)  # whatever else the file says: authors, notes

    def part(self, name: str) -> Part:
        return named(self.parts, name, "there is no part")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, table: Any) -> Plan:
        """The plan that `to_dict` gave. Errors: LookupError, AttributeError, TypeError or ValueError for another
        table."""
        parts = [_part(part) for part in table["parts"]]
        claims = [_claim(claim) for claim in table["claims"]]
        facts = table.get("facts") or {}
        return cls(str(table["name"]), str(table["question"]), parts, claims, float(table["alpha"]), facts)


def _part(table: Mapping[str, Any]) -> Part:
    arms = [Arm(**arm) for arm in table["arms"]]
    endpoints = [Endpoint(**endpoint) for endpoint in table["endpoints"]]
    return Part(**{**table, "arms": arms, "endpoints": endpoints})


def _claim(table: Mapping[str, Any]) -> Claim:
    tests = [
        Test(**{**test, "provided": tuple(test["provided"]) if test["provided"] else None}) for test in table["tests"]
    ]
    return Claim(str(table["says"]), tests, str(table.get("because", "")))


def named(members: Sequence[Member], name: str, otherwise: str) -> Member:
    """The member of that name; an unknown name is an error with the nearest one."""
    known = [member.name for member in members]
    if name not in known:
        raise PoiseError(f"{otherwise} '{name}'{nearest(name, known, '.')} Known: {', '.join(known)}.")
    return members[known.index(name)]


@dataclass(frozen=True)
class Result:
    """What one finished run says: `values`, endpoint -> number (None where a diverged run has none).

    `curves`: score -> [(steps made, value)], for plots. `alive`: whether the discriminator was alive at the end, None
    where there is none. A run that is not there yet is missing, and has no folder.
    """

    part: str
    arm: str
    seed: int
    run: str = ""  # the name of its folder
    state: Literal["done", "diverged", "missing"] = "missing"
    values: Mapping[str, float | None] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    alive: bool | None = None
    findings: Sequence[str] = ()  # names, of those that are more than a note
    seconds: float = math.nan
