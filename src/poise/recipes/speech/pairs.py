"""Held-out recordings beside their texts as a run says them, for an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.data.catalogue.catalogue import language_of
from poise.data.speech.recordings import Recordings
from poise.data.speech.speech import Wave
from poise.metrics.speech.comparison import Beside, Comparison, Trained
from poise.metrics.speech.retrieval import Label, differing_in, fewest_differing
from poise.recipes.speech import build as parts
from poise.recipes.speech import outputs as outcomes
from poise.recipes.speech.build import Speech
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.vocoder.pairs import NOTHING_HELD_OUT, real_pair
from poise.recipes.vocoder.pairs import recordings as all_recordings
from poise.training.loop import fold_seed

TONE, VOICE = 2, 3  # places in a label
OTHER_TONE = (
    "Other tone: the training clip of the same base syllable and voice in another tone is played, where there is one."
)
NEAREST = "Nearest label: the training clip of the same voice that differs in the fewest of initial, final and tone."


def speech(facts: SpeechFacts) -> Speech:
    """The recordings of a run with what is said in them, as it read them."""
    durations = "frames" if facts.whole else "alignment"
    return parts.speech(all_recordings(facts), facts.units["kind"], durations, facts.heard)


def recordings(facts: SpeechFacts) -> Recordings:
    """Those of a run that it could read, split as then."""
    found = speech(facts)
    return replace(found.recordings, train=found.train, heldout=found.heldout)


def pairs(voices: Any, facts: SpeechFacts, n: int | None, seed: int) -> Comparison:
    """At most n held-out recordings (None: all of them) beside their texts in their voices, and where items are single
    syllables beside training clips that could be played instead."""
    found = speech(facts)
    known = found.recordings
    rows = outcomes.chosen(found, len(known) if n is None else n, seed)
    language = language_of(facts.recordings["data"])
    held = len(found.heldout) > 0

    def made(place: int) -> Wave:
        return Wave(outcomes.speak(voices, found, int(rows[place]), fold_seed(seed, place)), found.mel.rate)

    return Comparison(
        what="texts said" if held else "texts said of recordings that were trained on",
        n=len(rows),
        mel=found.mel,
        real=lambda place: real_pair(known, int(rows[place]), language),
        made=made,
        fingerprint=f"{known.fingerprint} {rows.tolist()}",
        beside=retrieved(found, rows) if held else {},
        trained=trained(found) if held else None,
        notes=[] if held else [NOTHING_HELD_OUT],
    )


def trained(speech: Speech) -> Trained:
    """The clips that were learnt from, labelled by what is said in them."""
    known = speech.recordings
    labels = [speech.units_of[row].tobytes() for row in speech.train.tolist()]
    return Trained(len(labels), lambda i: Wave(known.clip(int(speech.train[i])), known.rate), labels)


def labels(speech: Speech, rows: NDArray[np.int64]) -> list[Label] | None:
    """(initial, final, tone, voice) of each recording; None where they are not single syllables of one or two phones.

    Without an initial it is 0, and both phones of a syllable have its tone.
    """
    if not speech.whole or any(len(speech.units_of[row]) > 2 for row in rows.tolist()):
        return None
    return [
        (
            int(units[0, 0]) if len(units) > 1 else 0,
            int(units[-1, 0]),
            int(units[-1, 1]),
            int(speech.recordings.voice[row]),
        )
        for row in rows.tolist()
        for units in [speech.units_of[row]]
    ]


def retrieved(speech: Speech, rows: NDArray[np.int64]) -> dict[str, Beside]:
    """Training clips to be played for the labels of these recordings: what a run must be better than."""
    wanted, known = labels(speech, rows), labels(speech, speech.train)
    if wanted is None or known is None:
        return {}
    found = {
        "other tone": (differing_in(wanted, known, TONE), OTHER_TONE),
        "nearest label": (fewest_differing(wanted, known, [VOICE]), NEAREST),
    }
    return {name: _played(speech, picks, about) for name, (picks, about) in found.items() if (picks >= 0).any()}


def _played(speech: Speech, picks: Sequence[int] | NDArray[np.int64], about: str) -> Beside:
    """The training clips at these places of `speech.train`, where not below 0."""
    recordings = speech.recordings
    chosen = np.asarray(picks)

    def clip(place: int) -> Wave:
        return Wave(recordings.clip(int(speech.train[chosen[place]])), recordings.rate)

    return Beside(clip, np.flatnonzero(chosen >= 0).tolist(), about)
