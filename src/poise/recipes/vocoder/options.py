"""Options of reading recordings, for every recipe that is trained on them. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from poise.recipes.common.options import Group


@dataclass(frozen=True)
class RecordingOptions(Group):
    """Which recordings are read, and how.

    Args:
        labels: where file names say what is said: a pattern such as {voice}/{text}.
        metadata: the table of what is said, where it is not found by itself: a .csv, .tsv, .jsonl or .txt file.
        file_column: its column with the names of the files, by name or by number from 1.
        text_column: its column with the texts.
        voice_column: its column with the voices.
        order: content (the order in which recordings come does not depend on how their files are called), or names, as
            in runs of earlier versions.
        voice: only the recordings of this voice.
        rate: samples a second; recordings are resampled to it once.
        window: samples of a Fourier transform.
        hop: samples between two frames; the rate over it is frames a second.
        bands: mel bands.
        low: hertz where the lowest mel band begins.
        high: hertz where the highest mel band ends; by default half the rate.
        trim: take silence away at both ends.
        loudness: level that every recording is brought to, in dB of full scale; none to leave them.
        longest: seconds of the longest recording; longer ones are left out.
        heldout: share of the recordings that is kept from training and used to judge.
        share: share of the training recordings that is used, to see what less data would give.
    """

    labels: str | None = None
    metadata: str | None = None
    file_column: str | None = None
    text_column: str | None = None
    voice_column: str | None = None
    order: Literal["content", "names"] = "content"
    voice: str | None = None
    rate: int = 16_000
    window: int = 512
    hop: int = 128
    bands: int = 80
    low: float = 0.0
    high: float | None = None
    trim: bool = True
    loudness: float | None = -23.0
    longest: float = 20.0
    heldout: float = 0.1
    share: float = 1.0
