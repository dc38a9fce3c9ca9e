"""What may be asked of a run that is played with: names, forms, bounds. No torch here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from poise.errors import PoiseError

MOST = 64  # pictures or sentences of a draw
CLIPS = 8  # sounds of a draw
STRIP = 16  # pictures of a way
LETTERS = 150  # of a text
SEEDS = 2**31 - 2
Value = int | float | str
Parser = Callable[[str, str], Value]


def whole(least: int, most: int) -> Parser:
    """A whole number in digits alone."""

    def parsed(name: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise PoiseError(f"{name} must be a whole number from {least:,} to {most:,}, not {_shown(text)}")
        return int(text)

    return parsed


def decimal(least: float, most: float, places: int = 3) -> Parser:
    """A number in digits with so many places at most, so that there are not many."""

    def parsed(name: str, text: str) -> float:
        known = re.fullmatch(rf"[0-9]{{1,10}}(\.[0-9]{{1,{places}}})?", text)
        if not known or not least <= float(text) <= most:
            raise PoiseError(
                f"{name} must be a number from {least:g} to {most:g} of at most {places} decimals, not {_shown(text)}"
            )
        return float(text)

    return parsed


def text(name: str, given: str) -> str:
    """A line of letters, none of which is a control character."""
    if not 0 < len(given) <= LETTERS:
        raise PoiseError(f"{name} must have 1 to {LETTERS} letters, not {len(given):,}")
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in given):
        raise PoiseError(f"{name} must be one line of letters, without control characters")
    return given


def choice(*names: str) -> Parser:
    def parsed(name: str, given: str) -> str:
        if given not in names:
            raise PoiseError(f"{name} must be {' or '.join(names)}, not {_shown(given)}")
        return given

    return parsed


def step(name: str, given: str) -> str:
    if given != "last" and not re.fullmatch(r"[0-9]{1,12}", given):
        raise PoiseError(f"{name} must be last or the number of a checkpoint, not {_shown(given)}")
    return given if given == "last" else str(int(given))


def mark(name: str, given: str) -> str:
    if not re.fullmatch(r"[0-9]{1,20}", given):
        raise PoiseError(f"{name} must be the mark of a checkpoint, digits alone, not {_shown(given)}")
    return given


# made: which checkpoint of that step, as one that a run went back from is written anew.
_CHECKPOINT: Mapping[str, Parser] = {"step": step, "made": mark}
_PICTURES: Mapping[str, Parser] = {
    **_CHECKPOINT,
    "truncation": decimal(0.05, 10),
    "latents": choice("prior", "mixture"),
}
_DRAWN = {**_PICTURES, "n": whole(1, MOST), "seed": decimal(0, SEEDS, 2), "label": text}
_ENDS = {
    f"{end}{what}": parser
    for end in ("from", "to")
    for what, parser in {"": decimal(0, SEEDS, 2), "_at": whole(0, MOST - 1), "_label": text}.items()
}
_SOUNDS: Mapping[str, Parser] = {**_CHECKPOINT, "n": whole(1, CLIPS), "seed": whole(0, SEEDS), "voice": text}
# What is drawn -> what may be asked of it.
KNOWN: Mapping[str, Mapping[str, Parser]] = {
    "grid.png": _DRAWN,
    "picture.png": {**_DRAWN, "at": whole(0, MOST - 1)},
    "way.png": {**_PICTURES, **_ENDS, "between": whole(2, STRIP)},
    "between.png": {**_PICTURES, **_ENDS, "share": decimal(0, 1, 2)},
    "sentences.txt": {
        **_CHECKPOINT, "n": whole(1, MOST), "seed": whole(0, SEEDS), "temperature": decimal(0.01, 100),
        "top_k": whole(1, 100_000), "top_p": decimal(0.001, 1), "start": text, "form": text,
    },
    "say.wav": {**_CHECKPOINT, "text": text, "voice": text, "seed": whole(0, SEEDS), "speed": decimal(0.25, 4)},
    "clip.wav": {**_SOUNDS, "at": whole(0, CLIPS - 1)},
    "clips.json": _SOUNDS,
}  # fmt: skip
DEFAULTS: Mapping[str, Mapping[str, Value]] = {
    "grid.png": {"n": 16, "seed": 0.0},
    "picture.png": {"n": 16, "seed": 0.0, "at": 0},
    "way.png": {"from": 0.0, "from_at": 0, "to": 0.0, "to_at": 1, "between": 8},
    "between.png": {"from": 0.0, "from_at": 0, "to": 0.0, "to_at": 1, "share": 0.5},
    "sentences.txt": {"n": 8, "seed": 0},
    "say.wav": {"seed": 0, "speed": 1.0},
    "clip.wav": {"n": 4, "seed": 0, "at": 0},
    "clips.json": {"n": 4, "seed": 0},
}
TYPES = {"png": "image/png", "txt": "text/plain; charset=utf-8", "wav": "audio/wav", "json": "application/json"}


def read(what: str, query: Sequence[tuple[str, str]]) -> dict[str, Value]:
    """What is asked for in an address, with defaults; `step` is always in it.

    Args: what, such as "grid.png"; query, names and texts as they came.
    Errors: PoiseError of one sentence for what is not known, twice there, malformed or out of bounds.
    """
    known = KNOWN[what]
    found: dict[str, Value] = {"step": "last", **DEFAULTS[what]}
    seen = set()
    for name, given in query:
        if name == "token":
            continue
        if name not in known:
            raise PoiseError(f"{what} knows no {_shown(name)}: it has {', '.join(known)}")
        if name in seen:
            raise PoiseError(f"{name} is there twice: give it once")
        seen.add(name)
        found[name] = known[name](name, given)
    if "text" in known and "text" not in found:
        raise PoiseError("text is missing: say what is to be said")
    if "at" in found and "n" in found and int(found["at"]) >= int(found["n"]):
        raise PoiseError(f"at {found['at']} is none of {found['n']}: they count from 0")
    return found


def _shown(given: str) -> str:
    return ascii(given[:40])
