"""Texts to sound by torch alone: what is said, as numbers; log-mels; waves; one part after the other."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from poise.audio.speech_conditions import packed
from poise.data.transcripts.letters import SIGNS, spelt
from poise.data.transcripts.segmentation import segmented
from poise.training.loop import fold_seed

FADE = 0.015  # seconds in which one syllable passes into the next
Numbers = list[tuple[int, int]]  # of phones and tones


@dataclass(frozen=True)
class Spoken:
    """What texts are turned into numbers by; as it is in units.json.

    `units`: syllables, characters or phonemes; `phones` from 1 and `tones` from 0, in order; `voices`; `whole` and
    `single`: whether each syllable is said by itself; `example`, a text; `spellings`: of syllables, all pinyin without
    its tone -> phones, heard or not.
    """

    units: str
    phones: Sequence[str]
    tones: Sequence[str]
    voices: Sequence[str]
    whole: bool
    single: bool
    example: str
    spellings: Mapping[str, Sequence[str]]


@torch.no_grad()
def mel_of(generator: Any, cond: Tensor, seed: int, speed: float = 1.0) -> Tensor:
    """The log-mel of one item with planned or given frames: [1,M,F]."""
    device = next(generator.parameters()).device
    cond = cond.to(device)
    if not int(cond[0, 0, 1]):
        cond = generator.planned(cond, speed)
    rng = torch.Generator().manual_seed(seed)
    made: Tensor = generator(torch.randn(1, generator.noise_size, generator=rng).to(device), cond)
    return made


@torch.no_grad()
def spoken_parts(voices: Any, parts: Sequence[Numbers], voice: int, seed: int, speed: float, rate: int) -> Tensor:
    """Parts of a text, each said by itself by a trained vocoder, the next following into it: samples [S]."""
    waves = []
    for i, part in enumerate(parts):
        ids = torch.tensor(part, dtype=torch.int64).unsqueeze(0)
        nothing = torch.zeros(1, dtype=torch.int64)
        cond = packed(nothing + voice, ids[..., 0], ids[..., 1], torch.zeros_like(ids[..., 0]), nothing)
        mel = mel_of(voices.generator, cond, fold_seed(seed, i), speed)
        waves.append(voices.vocoder(None, mel)[0, 0].float().cpu())
    return faded(waves, round(FADE * rate))


def faded(waves: Sequence[Tensor], length: int) -> Tensor:
    """Waves one after the other, each cross-faded into the next over `length` samples, at most half of either."""
    found = waves[0]
    for before, wave in pairwise(waves):
        n = min(length, len(before) // 2, len(wave) // 2)
        rising = (1 - (math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / max(n, 1)).cos()) / 2
        shared = found[len(found) - n :]
        shared = shared + rising.float() * (wave[:n] - shared)
        found = torch.cat([found[: len(found) - n], shared, wave[n:]])
    return found


def parts_of(text: str, table: Spoken) -> list[Numbers]:
    """What of a text can be said, as numbers of phones and tones, in parts that are said by themselves.

    Syllables are pinyin with numbers of tones (ni3hao3), taken apart as in training; characters are small letters, a
    sign that training never had is a blank; phonemes stand between blanks, each with its tone behind it. ValueError
    for what was never heard.
    """
    found = [_numbered(part, table) for part in _split(text, table)]
    found = [part for part in found if part]
    if not found:
        raise ValueError(f"there is nothing to say in {text!r}")
    if table.whole and table.single:
        return found
    return [[unit for part in found for unit in part]]


def _split(text: str, table: Spoken) -> list[list[tuple[str, str]]]:
    if table.units == "syllables":
        return pinyin_of(text, table.spellings)
    if table.units == "phonemes":
        symbols = [(re.sub(r"\d+\Z", "", symbol) or symbol, symbol) for symbol in text.split()]
        return [[(phone, symbol[len(phone) :]) for phone, symbol in symbols]]
    known = "".join(" " if letter in SIGNS and letter not in table.phones else letter for letter in spelt(text))
    blank = " " if " " in table.phones else ""
    return [[(letter, "") for letter in blank.join(known.split())]]


def pinyin_of(text: str, spellings: Mapping[str, Sequence[str]]) -> list[list[tuple[str, str]]]:
    """As `syllables.parse` takes pinyin with numbers apart; without a number, and but for the last of a word, neutral.

    The name of a letter is a spelling that is taken only alone and with a number ("m4").
    """
    plain = unicodedata.normalize("NFC", text.lower()).replace("u:", "v").replace("ü", "v").replace("ê", "eh")
    whole = [spelt for spelt in spellings if len(spellings[spelt]) > 1 or not spellings[spelt][0].endswith("-")]
    found = []
    for word, number, other in re.findall(r"([a-z]+)([0-9]?)|([\w\u0300-\u036f])", plain):
        parts = segmented(word, whole, not_first="aeo") or segmented(word, whole)
        if number and word in spellings:
            parts = [word]
        if not parts or number > "5":
            raise ValueError(f"'{word}{number}{other}' is no pinyin with numbers of tones")
        tones = ["5"] * (len(parts) - 1) + [number if number not in ("", "0") else "5"]
        found += [[(phone, tone) for phone in spellings[part]] for part, tone in zip(parts, tones, strict=True)]
    return found


def _numbered(part: Sequence[tuple[str, str]], table: Spoken) -> Numbers:
    phones = {phone: i for i, phone in enumerate(table.phones, 1)}
    tones = {tone: i for i, tone in enumerate(table.tones)}
    for phone, tone in part:
        if phone not in phones or tone not in tones:
            raise ValueError(f"'{phone}{tone}' was never heard in training")
    return [(phones[phone], tones[tone]) for phone, tone in part]
