"""Held-out recordings, each beside what a run makes of it: what a recipe of speech gives to an evaluation.

Places count the recordings that are compared, from 0. Waves are made when they are asked for, and none is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poise.data.speech.speech import Wave

if TYPE_CHECKING:
    from poise.audio.spectrograms import Mel
    from poise.metrics.speech.metric import Pair


@dataclass(frozen=True)
class Beside:
    """What could be played instead of what was made, and took no training.

    Args: made, place -> wave; places, ascending, those for which there is one; about, a sentence on what it is.
    """

    made: Callable[[int], Wave]
    places: Sequence[int]
    about: str


@dataclass(frozen=True)
class Trained:
    """The clips that were trained on, to look for copies of them. `labels`: equal for recordings of the same thing."""

    n: int
    clip: Callable[[int], Wave]
    labels: Sequence[Hashable] | None = None


@dataclass(frozen=True)
class Comparison:
    """n recordings and what is made of them.

    Args: what, such as "copies of held-out recordings"; n; mel, by which they are compared; real, place -> the
    recording with what is known of it, its own made wave; made, place -> wave; fingerprint, of the recordings and their
    order; beside, name -> what could be played instead; trained, where copies are conceivable; notes, sentences.
    """

    what: str
    n: int
    mel: Mel
    real: Callable[[int], Pair]
    made: Callable[[int], Wave]
    fingerprint: str
    beside: dict[str, Beside] = field(default_factory=dict)
    trained: Trained | None = None
    notes: Sequence[str] = ()
