"""Real items that were named as held out and were trained on all the same: a copy of the training data, or a part."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from poise.evaluation.items import Side

FEW, MOST = 0.05, 0.5  # shares of the items: above, they are told; above, copies are not looked for


def known_share(side: Side, train: Side) -> float:
    """The share in [0, 1] of a side's items that are among those trained on, content by content.

    Clips are equal where their samples are, so those of another rate are not noticed, nor read.
    """
    if _rate(side) != _rate(train):
        return 0.0
    seen = {_content(item) for chunk in train.items.chunks(train.rows) for item in chunk}
    return sum(_content(item) in seen for chunk in side.items.chunks(side.rows) for item in chunk) / len(side)


def told_of_known(side: Side, named: str, train: Side) -> tuple[bool, list[str]]:
    """Whether so many items of a side were trained on that copies are not looked for, and notes for the user."""
    share = known_share(side, train)
    if share <= FEW:
        return False, []
    count, noun = f"{share:.0%}", side.items.noun
    if share <= MOST:
        return False, [
            f"About {count} of the {noun} of {named} are also among those that were trained on: they flatter a "
            "generator that copies."
        ]
    return True, [
        f"About {count} of the {noun} of {named} are also among those that were trained on: they flatter a generator "
        "that copies, and copying is not looked for."
    ]


def _rate(side: Side) -> int | None:
    """Samples per second of the first clip; None of pictures and sentences."""
    (first,) = side.items.take(side.rows[:1])
    rate: int | None = getattr(first, "rate", None)
    return rate


def _content(item: Any) -> bytes:
    """What makes an item what it is: the digest of its pixels, characters or samples."""
    raw = item.encode() if isinstance(item, str) else np.ascontiguousarray(getattr(item, "samples", item)).tobytes()
    return hashlib.blake2b(raw, digest_size=16).digest()
