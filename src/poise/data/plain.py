"""Open whatever a user points at as `Items`: pictures, sentences or clips, told apart by what is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.data.catalogue.catalogue import find
from poise.data.catalogue.locate import locate
from poise.data.files.contents import HEAD, content
from poise.data.files.items import CHUNK, SHARE, Items, Progress, Rows
from poise.data.files.others import SOUNDS
from poise.data.files.reading import ReadingProgress, reading
from poise.data.files.walking import ours_below, shown, walked
from poise.data.images.images import ImageSet, open_images
from poise.data.images.sources import decode
from poise.data.images.sources.formats import idx_folder
from poise.data.speech import speech
from poise.data.text import text
from poise.disk import expanded, seen_from
from poise.errors import PoiseError
from poise.terminal import pasted

LOOKED = 5000  # files whose content is looked at although their names say what they are
CHUNK_BYTES = 1 << 26  # of pictures in memory at once; as floats they take four times as much


class Pictures(Items):
    """Pictures of an `ImageSet`, all of one size, over its background where they have alpha.

    Args: images; split: from a share to the same pictures with that share held out. None: as `images` is split.
    """

    modality = "image"

    def __init__(self, images: ImageSet, split: Callable[[float], ImageSet] | None = None) -> None:
        super().__init__(images.name, images.fingerprint, images.unreadable)
        self.set, self._split, self.notes = images, split, list(images.notes)
        self._seen = images.seen
        if images.transparent:
            self.notes.append(
                f"{images.transparent:,} of {len(images.images):,} pictures are transparent in part: they are compared "
                f"over {images.background}"
            )
        self.chunk = max(1, min(CHUNK, CHUNK_BYTES // int(np.prod(images.images.shape[1:]))))

    def __len__(self) -> int:
        return len(self.set.images)

    def take(self, rows: Rows) -> NDArray[np.uint8]:
        return np.asarray(self._seen[rows])

    def rows(self) -> Rows:
        return self.set.order

    def split(self, heldout: float = SHARE) -> tuple[Rows, Rows]:
        """As `open_images` splits: the set's own test split where it has one, else by content hash."""
        found = self._split(heldout) if self._split else self.set
        return found.train, found.heldout


def open_pictures(
    source: str | Path,
    size: int | str | None = None,
    progress: Progress | None = None,
    bits: int | None = None,
    background: str = "white",
) -> Pictures:
    """Pictures with the labels that come with them, each brought to `size` (default, `bits` and `background`: see
    `open_images`)."""
    how: dict[str, Any] = {"labels": "auto", "bits": bits, "order": "content", "background": background}
    whole = open_images(source, size, heldout=0, progress=progress, **how)

    def split(heldout: float) -> ImageSet:
        return open_images(source, whole.size, whole.channels, heldout=heldout, **how)

    found = Pictures(whole, split)
    found.own_test = len(whole.train) < len(whole.images)  # with nothing held out, only rows of a test split are unused
    return found


def open_items(
    source: str | Path,
    column: str | None = None,
    size: int | str | None = None,
    progress: Progress | None = None,
    bits: int | None = None,
    background: str = "white",
) -> Items:
    """A folder of pictures or of sound files, a .txt, .jsonl or .csv of sentences, a zip, .npy, .npz or IDX file of
    pictures, or a fetched set of the catalogue.

    Args: source; column: of the sentences in a .jsonl or .csv; size: side or WIDTHxHEIGHT that pictures are brought to
    (default: see `open_images`); bits: of 16-bit pictures, background: under transparent ones, see there; progress:
    called as progress(done, total) while files are read.

    Errors: `PoiseError` where nothing is there or can be read, and for a folder of as many pictures as sound files.
    Where one kind is more than the other, it is what is read.
    """
    path, name = expanded(source), None
    beside: list[tuple[str, str]] = []
    if not os.path.exists(path):
        name, path, _ = locate(source)  # a name of the catalogue, or an error with the nearest one
        kind = find(name).modality
    elif text.is_text(path):
        kind = "text"
    else:
        kind, beside = _kind_of_folder(path) if path.is_dir() else ("image", [])
    if column is not None and kind != "text":
        hint = "" if name else ", or give a .jsonl or .csv file"
        raise PoiseError(f"{source} has no columns: leave out --column {column}{hint}")
    openers: dict[str, Callable[[], Items]] = {
        "text": lambda: text.open_sentences(name, column) if name else text.open_text(path, column),
        "speech": lambda: speech.open_speech(path, progress, name),
        "image": lambda: open_pictures(name or source, size, progress, bits, background),
    }
    found = openers[kind]()
    found.left_out += beside
    if isinstance(found, text.Sentences) and found.empty:
        found.notes.append(f"empty lines that are left out: {found.empty:,}")
    if kind == "speech" and (ours := ours_below(path)):
        found.notes.append(ours)
    return found


class Counted(NamedTuple):
    """What a folder holds and what is below it: pictures and sound by their content, else by their names."""

    pictures: int
    sounds: int
    texts: list[str]
    first: dict[str, str]  # "picture" and "sound" -> the name of the first one

    @property
    def modality(self) -> str:
        """image or speech, whichever is more; nothing where there is neither or as many of both."""
        if self.pictures == self.sounds:
            return ""
        return "image" if self.pictures > self.sounds else "speech"

    def minority(self) -> list[tuple[str, str]]:
        """(file, reason) of the first file of the kind that is not read, with how many there are."""
        if not min(self.pictures, self.sounds) or not self.modality:
            return []
        other, count = ("sound", self.sounds) if self.modality == "image" else ("picture", self.pictures)
        noun = {"sound": "sound file", "picture": "picture"}[other]
        more = f" and {count - 1:,} more {noun}{'s' if count > 2 else ''}" if count > 1 else ""
        main = f"{max(self.pictures, self.sounds):,} {'pictures' if self.modality == 'image' else 'sound files'}"
        return [(f"{self.first[other]}{more}", f"a {noun} among {main}, which are what is read")]


def counted(path: Path) -> Counted:
    """What is in a folder and below it; where it lasts, it tells how far it is.

    Of the first files the content is looked at, and of those whose name says nothing; names that are known are trusted
    from then on.
    """
    with reading(path.name or str(path)) as progress:
        progress.begin("looking what there is")
        return _counted(path, progress)


def _counted(path: Path, progress: ReadingProgress) -> Counted:
    pictures, sounds, looked, seen = 0, 0, 0, 0
    texts: list[str] = []
    first: dict[str, str] = {}
    for above, files in walked(path):
        seen += len(files)
        progress(seen, 0)
        for name in files:
            suffix = os.path.splitext(name)[1].lower()
            known = "picture" if suffix in decode.SUFFIXES else "sound" if suffix in speech.SUFFIXES else ""
            looks = looked < LOOKED or not known
            kind = (_kind_of_file(os.path.join(above, name)) if looks else "") or known
            looked += looks
            pictures += kind == "picture"
            sounds += kind == "sound"
            if kind:
                first.setdefault(kind, shown(seen_from(os.path.join(above, name), path)))
            elif suffix in text.SUFFIXES:
                texts.append(os.path.join(above, name))
    return Counted(pictures, sounds, texts, first)


def _kind_of_file(path: str) -> str:
    """picture or sound, by its content; nothing for anything else, and where it cannot be read."""
    try:
        if not os.path.isfile(path):  # reading a pipe would wait
            return ""
        small = os.path.getsize(path) <= CHUNK_BYTES
        with open(path, "rb", buffering=0) as file:
            head = file.read(HEAD)
        told = content(head, path, (lambda: Path(path).read_bytes()) if small else None)
    except OSError:
        return ""
    return "picture" if told.format else "sound" if told.name in SOUNDS else ""


def _kind_of_folder(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """What most of its files are, and what is left out for it. Errors: PoiseError where there is none, or a draw."""
    if idx_folder(path):
        return "image", []
    found = counted(path)
    if found.modality:
        return found.modality, found.minority()
    if found.pictures:
        raise PoiseError(
            f"{path} holds {found.pictures:,} pictures and {found.sounds:,} sound files: give a folder of one kind"
        )
    if found.texts:
        raise PoiseError(f"{path} holds text: give the file itself, such as {pasted(min(found.texts))}")
    raise PoiseError(f"{path} holds neither pictures nor sound files (.wav, .flac, .ogg, .mp3): give a folder of one")
