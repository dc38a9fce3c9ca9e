"""What changes the decoded pixels or labels of pictures, and so the key of their cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

KINDS = {1: "grey", 3: "colour", 4: "colour and alpha"}  # --channels -> what that is
VERSION = 1  # of the cache: another number, and everything is decoded anew


@dataclass(frozen=True)
class PictureKey:
    """What changes the decoded pixels or labels, so part of the key of the cache."""

    size: int | str  # side of squares, or WIDTHxHEIGHT: see `pixels.size`
    channels: int
    fit: str
    background: str
    labels: str
    version: int = VERSION
    bits: int | None = None
    splits: str | None = None  # "folders" where folders are splits and that makes a difference

    def key(self, identity: str) -> str:
        said = {name: value for name, value in asdict(self).items() if value is not None}  # the last two came later
        return hashlib.sha256(json.dumps([identity, said], sort_keys=True).encode()).hexdigest()
