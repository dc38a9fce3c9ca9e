"""Open whatever a user points at as `Items`: pictures, sentences or clips, told apart by what is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.data import decode, speech, text
from poise.data.catalogue import find
from poise.data.formats import idx_folder
from poise.data.images import ImageSet, locate, open_images
from poise.data.items import CHUNK, SHARE, Items, Progress, Rows
from poise.data.sources import walked
from poise.errors import PoiseError

CHUNK_BYTES = 1 << 26  # of pictures in memory at once; as floats they take four times as much


class Pictures(Items):
    """Pictures of an `ImageSet`, all of one size.

    Args: images; split: from a share to the same pictures with that share held out. None: as `images` is split.
    """

    modality = "image"

    def __init__(self, images: ImageSet, split: Callable[[float], ImageSet] | None = None) -> None:
        super().__init__(images.name, images.fingerprint, images.unreadable)
        self.set, self._split = images, split
        self.chunk = max(1, min(CHUNK, CHUNK_BYTES // int(np.prod(images.images.shape[1:]))))

    def __len__(self) -> int:
        return len(self.set.images)

    def take(self, rows: Rows) -> NDArray[np.uint8]:
        return np.asarray(self.set.images[rows])

    def split(self, heldout: float = SHARE) -> tuple[Rows, Rows]:
        """As `open_images` splits: the set's own test split where it has one, else by content hash."""
        found = self._split(heldout) if self._split else self.set
        return found.train, found.heldout


def open_pictures(source: str | Path, size: int | None = None, progress: Progress | None = None) -> Pictures:
    """Pictures with the labels that come with them, each brought to `size` (default: see `open_images`)."""
    whole = open_images(source, size, labels="auto", heldout=0, progress=progress)

    def split(heldout: float) -> ImageSet:
        return open_images(source, whole.size, whole.channels, "auto", heldout=heldout)

    found = Pictures(whole, split)
    found.own_test = len(whole.train) < len(whole.images)  # with nothing held out, only rows of a test split are unused
    return found


def open_items(
    source: str | Path, column: str | None = None, size: int | None = None, progress: Progress | None = None
) -> Items:
    """A folder of pictures or of sound files, a .txt, .jsonl or .csv of sentences, a zip, .npy, .npz or IDX file of
    pictures, or a fetched set of the catalogue.

    Args: source; column: of the sentences in a .jsonl or .csv; size: side that pictures are brought to (default: see
    `open_images`); progress: called as progress(done, total) while files are read.

    Errors: `PoiseError` where nothing is there or can be read, and for a folder that mixes pictures and sound.
    """
    path, name = Path(source).expanduser(), None
    if not os.path.exists(path):
        name, path, _ = locate(source)  # a name of the catalogue, or an error with the nearest one
        kind = find(name).modality
    elif text.is_text(path):
        kind = "text"
    else:
        kind = _kind_of_folder(path) if path.is_dir() else "image"
    if column is not None and kind != "text":
        hint = "" if name else ", or give a .jsonl or .csv file"
        raise PoiseError(f"{source} has no columns: leave out --column {column}{hint}")
    openers: dict[str, Callable[[], Items]] = {
        "text": lambda: text.open_sentences(name, column) if name else text.open_text(path, column),
        "speech": lambda: speech.open_speech(path, progress, name),
        "image": lambda: open_pictures(name or source, size, progress),
    }
    return openers[kind]()


def counted(path: Path) -> tuple[int, int, list[str]]:
    """How many pictures and sound files are in a folder and below it, by their names, and the files of text."""
    pictures = sounds = 0
    texts: list[str] = []
    for above, files in walked(path):
        for name in files:
            suffix = os.path.splitext(name)[1].lower()
            pictures += suffix in decode.SUFFIXES
            sounds += suffix in speech.SUFFIXES
            texts += [os.path.join(above, name)] if suffix in text.SUFFIXES else []
    return pictures, sounds, texts


def _kind_of_folder(path: Path) -> str:
    """By the names of its files; pictures and sound side by side are an error."""
    if idx_folder(path):
        return "image"
    pictures, sounds, texts = counted(path)
    if pictures and sounds:
        raise PoiseError(f"{path} holds {pictures:,} pictures and {sounds:,} sound files: give a folder of one kind")
    if not pictures and not sounds and texts:
        raise PoiseError(f"{path} holds text: give the file itself, such as {min(texts)}")
    if not pictures and not sounds:
        raise PoiseError(
            f"{path} holds neither pictures nor sound files (.wav, .flac, .ogg, .mp3): give a folder of one"
        )
    return "speech" if sounds else "image"
