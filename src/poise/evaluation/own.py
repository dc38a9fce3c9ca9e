"""The data that a run was trained on, opened again and split as then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from poise.data.files.items import SHARE, Items, Rows
from poise.data.images.images import open_images
from poise.data.plain import Pictures
from poise.data.speech.recordings import Recordings
from poise.data.speech.speech import Wave
from poise.data.text.text import Sentences
from poise.errors import PoiseError
from poise.evaluation.side import Side
from poise.record import RunFolder

T = TypeVar("T")


def intact(folder: RunFolder, open_it: Callable[..., T], *more: Any) -> T:
    """What a recipe opens by the facts of a run; a spec.json that lacks some is told to be damaged."""
    try:
        return open_it(*more)
    except (KeyError, TypeError, ValueError) as error:
        raise PoiseError(
            f"{folder.path / 'spec.json'} does not say which recordings it was trained on ({type(error).__name__}: "
            f"{error}): it is damaged; put it back, or start a new run with --out"
        ) from None


def own_corpus(kind: Any, folder: RunFolder, spec: dict[str, Any]) -> Any:
    """The sentences that a run was trained on, split as then."""
    assert kind.corpus is not None
    found = kind.corpus(spec["arguments"])
    if found.fingerprint != spec["facts"]["fingerprint"]:
        raise PoiseError(f"the data of {folder.path} has changed since the run; scores would not be comparable")
    return found


def _own_sentences(kind: Any, folder: RunFolder, spec: dict[str, Any]) -> tuple[Side, Side]:
    """Training and held-out sentences of a run."""
    corpus = own_corpus(kind, folder, spec)
    items = Sentences(corpus.name, corpus.sentences)
    return Side(items, corpus.train), Side(items, corpus.heldout)


def _own_pictures(kind: Any, folder: RunFolder, spec: dict[str, Any]) -> tuple[Side, Side]:
    """Training and held-out pictures of a run, split as then."""
    arguments, facts = spec["arguments"], spec["facts"]
    found = open_images(
        arguments["data"],
        facts["size"],
        facts["channels"],
        arguments.get("labels", "none"),
        fit=arguments["fit"],
        background=arguments["background"],
        heldout=arguments["heldout"],
        limit=arguments.get("limit"),  # runs of earlier versions have none
        seed=arguments["seed"],
        bits=arguments.get("bits"),
        splits=arguments.get("splits", "none"),  # earlier versions read them as ordinary folders
        order=arguments.get("order", "names"),
    )
    if found.fingerprint != facts["fingerprint"]:
        raise PoiseError(f"the data of {folder.path} has changed since the run; scores would not be comparable")
    own = Pictures(found)
    return Side(own, found.train), Side(own, found.heldout)


def _own_clips(kind: Any, folder: RunFolder, spec: dict[str, Any]) -> tuple[Side, Side]:
    """Training and held-out recordings of a run, split as then."""
    if kind.recordings is None:
        raise PoiseError(f"{folder.path} does not say which recordings it was trained on: give some with --against")
    own = Recorded(intact(folder, kind.recordings, spec["facts"]))
    train, heldout = own.split()
    return Side(own, train), Side(own, heldout)


OWN = {"image": _own_pictures, "text": _own_sentences, "speech": _own_clips}


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
