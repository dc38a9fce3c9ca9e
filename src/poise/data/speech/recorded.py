"""Recordings as items, so that they are scored a chunk at a time like any others."""

from __future__ import annotations

import numpy as np

from poise.data.files.items import SHARE, Items, Rows
from poise.data.speech.recordings import Recordings
from poise.data.speech.speech import Wave


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
