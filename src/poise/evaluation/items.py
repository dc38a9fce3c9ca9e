"""What is compared: some rows of some items, among them samples of a run, and clips that belong together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from poise.audio.spectrograms import Mel
from poise.data.catalogue.catalogue import language_of
from poise.data.files.items import SHARE, Items, Rows, drawn
from poise.data.speech.recordings import Recordings
from poise.data.speech.speech import Clips, Wave
from poise.data.transcripts.transcripts import Transcript, stem, transcripts
from poise.errors import PoiseError
from poise.metrics.speech.comparison import Comparison
from poise.metrics.speech.metric import Pair

DRAW = 4096  # samples drawn from a generator at a time


@dataclass(frozen=True)
class Side:
    """Some rows of some items."""

    items: Items
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def at_most(self, count: int, seed: int) -> Side:
        """A draw of that many rows by the seed, in the order in which they stand; all where there are no more."""
        if len(self.rows) <= count:
            return self
        return Side(self.items, drawn(self.rows, count, seed))


class Drawn(Items):
    """Samples of a generator, drawn a block at a time; a block depends on the weights, the seed and its number.

    Args: name; modality; weights: sha256 of their file; draw: (n, seed) -> uint8 [n,H,W,C], or a list of n
    sentences or waves; n; seed. The first 4,096 are those that `poise sample` draws with this seed.
    """

    def __init__(
        self, name: str, modality: str, weights: str, draw: Callable[[int, int], Any], n: int, seed: int
    ) -> None:
        super().__init__(name, hashlib.sha256(f"{weights} {seed} {DRAW}".encode()).hexdigest())
        self.modality, self._draw, self._n, self._seed = modality, draw, n, seed
        self._block: tuple[int, Any] | None = None

    def __len__(self) -> int:
        return self._n

    def take(self, rows: Rows) -> Any:
        """The samples at ascending rows."""
        parts = []
        for block in np.unique(rows // DRAW):
            found, places = self._of(int(block)), rows[rows // DRAW == block] % DRAW
            parts.append(found[places] if isinstance(found, np.ndarray) else [found[i] for i in places.tolist()])
        return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else [x for part in parts for x in part]

    def _of(self, block: int) -> Any:
        if self._block is None or self._block[0] != block:
            text = f"{self._seed} {block}".encode()
            seed = self._seed if not block else int.from_bytes(hashlib.sha256(text).digest()[:7], "big")
            self._block = block, self._draw(min(DRAW, self._n - block * DRAW), seed)
        return self._block[1]

    def split(self, heldout: float = 0.0) -> tuple[Rows, Rows]:
        return np.arange(self._n), np.arange(0)


class Remade(Items):
    """What a run makes of its held-out recordings, in their order; each wave is made when it is asked for.

    Args: name; weights: sha256 of their files; comparison, of the run.
    """

    modality = "speech"
    chunk = 16

    def __init__(self, name: str, weights: str, comparison: Comparison) -> None:
        super().__init__(name, hashlib.sha256(f"{weights} {comparison.fingerprint}".encode()).hexdigest())
        self._comparison = comparison

    def __len__(self) -> int:
        return self._comparison.n

    def take(self, rows: Rows) -> Any:
        return [self._comparison.made(row) for row in np.asarray(rows).tolist()]

    def split(self, heldout: float = 0.0) -> tuple[Rows, Rows]:
        return np.arange(len(self)), np.arange(0)


class Recorded(Items):
    """The prepared clips of `Recordings`, at their one rate and level, split as they are."""

    modality = "speech"
    chunk = 16

    def __init__(self, recordings: Recordings) -> None:
        super().__init__(recordings.name, recordings.fingerprint, recordings.left_out)
        self.recordings = recordings

    def __len__(self) -> int:
        return len(self.recordings)

    def take(self, rows: Rows) -> list[Wave]:
        return [Wave(self.recordings.clip(row), self.recordings.rate) for row in np.asarray(rows).tolist()]

    def split(self, heldout: float = SHARE) -> tuple[Rows, Rows]:
        """The split that the recordings came with, whatever the share."""
        return self.recordings.train, self.recordings.heldout


def by_name(made: Side, real: Items) -> tuple[Comparison | None, list[str]]:
    """Generated clips beside the real ones of the same names, and notes.

    Names are those of the files below their folders, without suffix. None where not every generated clip finds exactly
    one real one; where some do, a note tells. What is said, and by whom, is what a metadata.csv or .txt files tell of
    the real clips.
    """
    if not isinstance(made.items, Clips) or not isinstance(real, Clips):
        return None, []
    known = _names(real)
    counts = Counter(known)
    places = {name: row for row, name in enumerate(known) if counts[name] == 1}
    own = _names(made.items)
    wanted = [own[row] for row in made.rows.tolist()]
    found = [places[name] for name in wanted if name in places]
    if len(found) < len(wanted) or len(set(wanted)) < len(wanted):
        some = (
            f"{len(found):,} of {len(wanted):,} clips of {made.items.name} have a namesake in {real.name}: they are "
            "compared one by one only where all have exactly one."
        )
        return None, [some] if found else []
    said, notes = _transcripts_of(real)
    generated, rows, language = made.items, made.rows, language_of(real.name)

    def real_of(place: int) -> Pair:
        (wave,) = real.take(np.array([found[place]]))
        text, voice = said.get(real.files[found[place]].relative_to(real.folder).as_posix(), Transcript())
        return Pair(wave, wave, text, language, voice)

    def made_of(place: int) -> Wave:
        (wave,) = generated.take(rows[place : place + 1])
        return wave

    mel = Mel()
    about = (
        f"Clips are compared by their names, at {mel.rate:,} Hz with {mel.bands} mel bands every {mel.hop} samples; "
        "made of the real ones themselves, they may come out below a perfect generator in KID and FD."
    )
    fingerprint = f"{generated.fingerprint} {real.fingerprint}"
    return Comparison("clips of the same names", len(found), mel, real_of, made_of, fingerprint, notes=[about]), notes


def _names(clips: Clips) -> list[str]:
    return [stem(file.relative_to(clips.folder).as_posix()) for file in clips.files]


def _transcripts_of(real: Clips) -> tuple[dict[str, Transcript], list[str]]:
    """What the folder tells of its clips; a note where what it tells cannot be read."""
    files = [file.relative_to(real.folder).as_posix() for file in real.files]
    try:
        return transcripts(real.folder, files), []
    except PoiseError as error:
        return {}, [f"What is said in {real.name} is not known: {error}."]
