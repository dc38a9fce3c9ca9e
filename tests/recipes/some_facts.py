"""Facts of a run of which only some are known, for tests of what reads those."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any


def some(kind: type, **known: Any) -> Any:
    """Facts of this kind; what is not given and has no default is None."""
    others = {entry.name: None for entry in fields(kind) if entry.default is MISSING}
    return kind(**{**others, **known})
