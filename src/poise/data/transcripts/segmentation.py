"""Words that are run together, taken apart by a table: by the standard library alone, so that it can be handed over."""

from __future__ import annotations

import functools
from collections.abc import Container, Sequence


def segmented(
    letters: str, table: Container[str], marks: Sequence[int] | None = None, not_first: str = ""
) -> list[str]:
    """Parts that are in `table`, the longest first that leaves a rest which is possible; [] where there is no way.

    A part has one mark at most, and none but the first begins with a letter of `not_first`.

    Example:
        >>> segmented("danguo", {"dan", "dang", "guo"})
        ['dan', 'guo']
    """

    @functools.cache
    def ends(start: int) -> tuple[str, ...] | None:
        if start == len(letters):
            return ()
        if start and letters[start] in not_first:
            return None
        for end in range(min(len(letters), start + 6), start, -1):
            one = letters[start:end] in table and sum(map(bool, (marks or [])[start:end])) <= 1
            rest = ends(end) if one else None
            if rest is not None:
                return (letters[start:end], *rest)
        return None

    return list(ends(0) or ())
