"""Sentences of a small grammar, and small runs of text on them."""

from __future__ import annotations

import random
import re

NOUNS = ("cat", "dog", "bird", "king", "queen")
ADJECTIVES = ("small", "old", "red")
VERBS = ("sees", "likes", "hears")
PHRASE = rf"the (?:(?:{'|'.join(ADJECTIVES)}) )?(?:{'|'.join(NOUNS)})"
GRAMMAR = re.compile(rf"{PHRASE} (?:{'|'.join(VERBS)}) {PHRASE}(?: and (?:{'|'.join(VERBS)}) {PHRASE})?\s?\.", re.I)


def grammatical(sentence: str) -> bool:
    return GRAMMAR.fullmatch(sentence) is not None


def sentences(count: int, seed: int = 0) -> list[str]:
    """Different sentences such as "the old cat sees the dog ."."""
    rng = random.Random(seed)

    def phrase() -> str:
        return f"the {f'{rng.choice(ADJECTIVES)} ' if rng.random() < 0.4 else ''}{rng.choice(NOUNS)}"

    found: dict[str, None] = {}
    while len(found) < count:
        more = f" and {rng.choice(VERBS)} {phrase()}" if rng.random() < 0.3 else ""
        found[f"{phrase()} {rng.choice(VERBS)} {phrase()}{more} ."] = None
    return list(found)


PLAYER = {"embed": 4, "hidden": 6}
MODEL = {"embed": 6}
WARM, ALONE, GAME = 7, 4, 9
TEXT = {
    "warm_steps": WARM,
    "critic_steps": ALONE,
    "steps": GAME,
    "batch": 8,
    "generator": {**PLAYER},
    "discriminator": {**PLAYER, "width": 3, "dropout": 0.1},
    "log_every": 3,
    "checkpoint_every": 5,
    "scores": 0,
    "precision": "fp32",
    "device": "cpu",
    "threads": 1,
}
LANGUAGE = {
    "steps": 18,
    "batch": 4,
    "window": 6,
    "model": {**MODEL},
    "log_every": 3,
    "checkpoint_every": 5,
    "scores": 0,
    "precision": "fp32",
    "device": "cpu",
    "threads": 1,
}


def text_spec(data, **changes):
    return {"recipe": "text", "arguments": {"data": str(data), **TEXT, **changes}}


def language_spec(data, **changes):
    return {"recipe": "language", "arguments": {"data": str(data), **LANGUAGE, **changes}}
