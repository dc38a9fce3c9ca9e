"""Baselines of retrieval: which training item to play for labels that were not trained on.

Labels are plain tuples of equal length, such as (initial, final, tone, voice): what their parts mean is not known here.
A text-to-speech model that is worth its training is nearer to the held-out recording than these are.
Letters: N wanted labels, T known ones, P parts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError

Label = tuple[Hashable, ...]
NONE = -1  # where there is no such item


def differing_in(wanted: Sequence[Label], known: Sequence[Label], part: int) -> NDArray[np.int64]:
    """Rows [N] of known labels that differ from the wanted ones in this part and in no other; -1 where there is none.

    Of several the lowest row. With the tone as the part: the same syllable of the same voice in another tone.
    Errors: PoiseError for labels of different length, and for a part that they do not have.

    Example:
        >>> known = [("b", "a", 1), ("b", "a", 4), ("m", "a", 2)]
        >>> differing_in([("b", "a", 2), ("m", "o", 2)], known, part=2).tolist()  # another tone; there is none
        [0, -1]
    """

    def choose(differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = differs[:, part] & (differs.sum(1) == 1)
        return found

    return _rows(wanted, known, [part], lambda differs: _lowest(choose(differs)))


def fewest_differing(wanted: Sequence[Label], known: Sequence[Label], fixed: Sequence[int] = ()) -> NDArray[np.int64]:
    """Rows [N] of known labels that are equal in the fixed parts and differ in as few others as possible; -1 where no
    label is equal in the fixed ones.

    All parts count the same, and of several the lowest row is taken. A label that is itself known is found itself.
    Errors: PoiseError for labels of different length, and for a part that they do not have.

    Example:
        >>> known = [("b", "a", 1), ("m", "a", 2)]
        >>> fewest_differing([("m", "a", 3), ("b", "o", 2)], known).tolist()
        [1, 0]
    """
    held = list(fixed)

    def choose(differs: NDArray[np.bool_]) -> int:
        allowed = ~differs[:, held].any(1)
        counts = np.where(allowed, differs.sum(1), differs.shape[1] + 1)
        return int(counts.argmin()) if allowed.any() else NONE

    return _rows(wanted, known, held, choose)


def _rows(
    wanted: Sequence[Label],
    known: Sequence[Label],
    parts: Sequence[int],
    choose: Callable[[NDArray[np.bool_]], int],
) -> NDArray[np.int64]:
    """What `choose` finds for each wanted label in the table [T,P] of which parts differ."""
    sizes = {len(label) for label in (*wanted, *known)}
    if len(sizes) > 1 or any(not 0 <= part < size for part in parts for size in sizes):
        raise PoiseError(
            f"labels to look up are tuples of one length with the parts {list(parts)}, not of the lengths "
            f"{sorted(sizes)}"
        )
    if not known:
        return np.full(len(wanted), NONE)
    numbers: dict[tuple[int, Hashable], int] = {}
    coded = [
        np.array(
            [[numbers.setdefault((i, x), len(numbers)) for i, x in enumerate(label)] for label in labels], np.int64
        )
        for labels in (known, wanted)
    ]
    table, asked = coded
    return np.array([choose(table != row) for row in asked], np.int64)


def _lowest(which: NDArray[np.bool_]) -> int:
    return int(which.argmax()) if which.any() else NONE
