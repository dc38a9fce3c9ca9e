"""Texts to sound, by the networks of a run. No training in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from poise.audio.speech_conditions import packed
from poise.data.speech.speech import Wave
from poise.data.transcripts.utterances import SpeechTokenizer, Unit
from poise.errors import PoiseError, nearest
from poise.recipes.speech.drawing import FADE, mel_of
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.vocoder import outputs as outcomes
from poise.recipes.vocoder import sounds
from poise.report.audio import joined
from poise.training.loop import fold_seed


def condition(tokenizer: SpeechTokenizer, units: Sequence[Unit], voice: int) -> Tensor:
    """What is said, of one item without frames: int64 [1,1+L,3]."""
    ids = torch.from_numpy(tokenizer.encode(units))[None]
    nothing = torch.zeros(1, dtype=torch.int64)
    return packed(nothing + voice, ids[..., 0], ids[..., 1], torch.zeros_like(ids[..., 0]), nothing)


def voice_of(facts: SpeechFacts, name: str | None) -> int:
    """The number of a voice; the first where none is named."""
    voices = facts.voices
    if name is None:
        return 0
    if name not in voices:
        known = ", ".join(voice or "one without a name" for voice in voices)
        raise PoiseError(f"--voice {name} is unknown{nearest(name, voices)}; this run has {known}")
    return int(voices.index(name))


@torch.no_grad()
def heard(vocoder: Any, mel: Tensor) -> np.ndarray:
    """A log-mel [1,M,F] as samples [S]; by Griffin-Lim as long as the vocoder was not trained."""
    if not int(vocoder.trained):
        from poise.audio.griffin_lim import griffin_lim

        return np.asarray(griffin_lim(mel[0].cpu(), vocoder.mel), np.float32)
    array: np.ndarray = vocoder(None, mel)[0, 0].float().cpu().numpy()
    return array


def say(
    voices: Any, facts: SpeechFacts, text: str, voice: str | None = None, seed: int = 0, speed: float = 1.0
) -> Wave:
    """A text as sound; where training had single syllables, each is said by itself and they are cross-faded.

    Errors: PoiseError for a voice or a unit that training did not have, a text without units, and a speed that is out
    of reach.
    """
    if not 0.25 <= speed <= 4:
        raise PoiseError(f"--speed {speed:g} is out of reach: give 0.25 to 4, where 1 is as in the recordings")
    tokenizer, who = SpeechTokenizer.from_dict(facts.units), voice_of(facts, voice)
    parts = tokenizer.parts(text)
    if not parts:
        raise PoiseError(f"there is nothing to say in {text!r}: give {tokenizer.kind}, as in training")
    if not (facts.whole and facts.single):
        parts = [[unit for part in parts for unit in part]]
    conds = [condition(tokenizer, part, who) for part in parts]  # what cannot be said is known before anything is
    rate = facts.heard.rate
    sound = [
        heard(voices.vocoder, mel_of(voices.generator, cond, fold_seed(seed, i), speed)) for i, cond in enumerate(conds)
    ]
    return sounds.Titled.of(joined(sound, rate, FADE), rate, text)


def vocode(voices: Any, facts: SpeechFacts, wave: Wave) -> Wave:
    """A recording, through its log-mel and back: see the vocoder's."""
    return outcomes.vocode(voices.vocoder, facts, wave)


def draw(voices: Any, facts: SpeechFacts, n: int, seed: int, voice: str | None = None) -> list[Wave]:
    """n texts that were held out, in the voices of their recordings or in one; which ones depends on the seed."""
    texts = facts.texts
    order = np.random.default_rng((seed, len(texts))).permutation(len(texts))
    found: list[Wave] = []
    for i in range(n):
        text, who = texts[order[i % len(order)]]
        name = facts.voices[who] if voice is None else voice
        wave = say(voices, facts, text, name, fold_seed(seed, i))
        title = f"{text} ({name})" if name else text
        found.append(sounds.Titled.of(wave.samples, wave.rate, title))
    return found
