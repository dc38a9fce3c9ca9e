"""A variable of the context that has a value inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def having(variable: ContextVar[T], value: T) -> Iterator[None]:
    """Inside, `variable` has this value; afterwards the one that it had."""
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)
