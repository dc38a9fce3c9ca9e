"""Answers in JSON: computed once for all who ask, and again only when something has changed."""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from poise.words import translated

PLACE = re.compile(
    r"""(?<![^\s'"\[(,=])(?:[A-Za-z]:|~[^/\\\s,'"]*|\.{1,2})?[/\\](?:[^/\\,'"\]]*[/\\])*(?=[^/\\\s,'"\]])"""
)  # of a path that says where on this machine
COST = 9.0  # times as long as an answer took to make it is given again


@dataclass(frozen=True)
class Reply:
    """JSON that can be sent, and its version: the same as long as the files are the same; `partial`: more follows when
    it is asked for again."""

    content: dict[str, object]
    version: str
    partial: bool = False


class Answers:
    """The last answers by their keys.

    Args: fresh, seconds for which an answer is given again without looking at the disk, or ten times as long as it
    took to make where it is whole, so that a tenth of a processor is spent on a question however many ask; most, how
    many are kept; clock, seconds.
    """

    def __init__(self, fresh: float, most: int, clock: Callable[[], float]) -> None:
        self._fresh, self._most, self._clock = fresh, most, clock
        self._known: dict[str, tuple[float, Reply]] = {}  # until when it is fresh
        self._lock = threading.Lock()

    def given(self, key: str, make: Callable[[Reply | None], Reply]) -> Reply:
        """The answer to a question; `make` is given that of before. One computation at a time."""
        with self._lock:
            known = self._known.get(key)
            begun = self._clock()
            if known is not None and begun < known[0]:
                return known[1]
            answer = make(known[1] if known else None)
            self._known.pop(key, None)
            ended = self._clock()
            rest = 0.0 if answer.partial else COST * (ended - begun)
            self._known[key] = (ended + max(self._fresh, rest), answer)
            while len(self._known) > self._most:
                del self._known[next(iter(self._known))]
            return answer


def in_chinese(found: dict[str, object]) -> dict[str, object]:
    """What is told of a finding, with `zh`: the same in Chinese, as far as it is known."""
    told = {key: translated(str(found[key]), "zh") for key in ("name", "sentence", "action") if key in found}
    return {**found, "zh": told}


def wished(header: str) -> str:
    """ "zh" or "en": which of the two a header Accept-Language, such as "zh-CN,zh;q=0.9,en;q=0.8", wishes more."""
    wishes: dict[str, float] = {}
    for part in header.split(","):
        tag, _, rest = part.partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", rest)
        weight = float(quality[1]) if quality else 0.0 if rest.strip() else 1.0
        name = tag.strip().lower().partition("-")[0]
        wishes[name] = max(weight, wishes.get(name, 0.0))
    return "zh" if wishes.get("zh", 0.0) > wishes.get("en", 0.0) else "en"


def in_language(content: dict[str, object], to: str) -> dict[str, object]:
    """Why there is no more, as an answer and its parts say it, in a language: `trouble` and `why` there and one level
    below. What is given is not changed."""
    if to == "en":
        return content

    def said(part: object) -> object:
        if not isinstance(part, dict):
            return part
        return {**part, **{key: translated(str(part[key]), to) for key in ("trouble", "why") if part.get(key)}}

    parts = {key: [*map(said, part)] if isinstance(part, list) else said(part) for key, part in content.items()}
    return {**parts, **{key: translated(str(parts[key]), to) for key in ("trouble", "why") if parts.get(key)}}


def version_of(value: object) -> str:
    """A short name of a state."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:20]


def plain(value: Any) -> Any:
    """As JSON has it: numbers that are not finite are nothing."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def without_places(text: str) -> str:
    """Paths as their last names alone: where things lie on this machine is nobody's."""
    return PLACE.sub("", text)
