"""What recipes of speech write for people: sounds, pictures of spectrograms, a page. No training in here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.report import audio

if TYPE_CHECKING:
    from poise.audio.spectrograms import Mel


class Titled(Wave):
    """A wave that says what is heard in it."""

    title = ""

    @classmethod
    def of(cls, samples: np.ndarray, rate: int, title: str) -> Titled:
        made = cls(samples, rate)
        made.title = title
        return made


def title_of(wave: Wave, place: int) -> str:
    return getattr(wave, "title", "") or f"{place:03d}"


def write(samples: Sequence[Wave], path: Path) -> str:
    """One .wav file for one sample, else a folder of them with a page to listen to."""
    if path.suffix == ".wav":
        if len(samples) != 1:
            raise PoiseError(f"--out {path} holds one sample: add -n 1, or name a folder for {len(samples)}")
        audio.save_wav(samples[0].samples, samples[0].rate, path)
        return "1 clip"
    if path.suffix:
        raise PoiseError(f"--out {path}: name a .wav file for one clip, or a folder for several")
    titles = [title_of(wave, i) for i, wave in enumerate(samples)]
    audio.save_clips(
        [(title, {"generated": wave.samples}) for title, wave in zip(titles, samples, strict=True)],
        samples[0].rate,
        path,
        titles,
    )
    return f"{len(samples):,} clips and index.html"


def show(rows: Sequence[tuple[str, dict[str, np.ndarray]]], mel: Mel, stem: Path, page: str) -> Path:
    """A picture of log-mels beside each other, a folder of .wav files, and the page of all steps so far.

    Args: rows of (title, version -> samples [S]); mel; stem, a path without suffix.
    Returns the picture.
    """
    import torch

    def seen(x: np.ndarray) -> np.ndarray:
        return mel(torch.from_numpy(np.asarray(x, np.float32))[None])[0].numpy()

    picture = stem.with_suffix(".png")
    versions = list(rows[0][1])
    pictures = [(title, [seen(of[version]) for version in versions]) for title, of in rows]
    audio.save_spectrograms(pictures, versions, picture, mel.hop / mel.rate, mel.high or mel.rate / 2, mel.low)
    audio.save_clips(rows, mel.rate, stem, [title for title, _ in rows])
    audio.page_of_steps(stem.parent, page)
    return picture
