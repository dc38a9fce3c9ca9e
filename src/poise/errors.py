"""The errors a user may see: one clear sentence each. The command line prints it and exits with code 2."""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Iterable, Iterator


class PoiseError(Exception):
    """Something the user can put right. The message is one sentence: what is wrong, where, and what to do."""


class NonFinite(PoiseError):
    """A loss or gradient became NaN or infinite. Nothing is masked: the run stops here."""

    def __init__(self, player: str, what: str, value: float, step: int) -> None:
        self.player, self.what, self.value, self.step = player, what, value, step
        super().__init__(
            f"step {step}: {player}/{what} became {value}; try a lower learning rate for the {player}, "
            f"gradient clipping (--{player.replace('_', '-')}.clip 1) or a stronger penalty"
        )


class NothingToMeasure(PoiseError):
    """What a network makes, or a number taken of it, is NaN or infinite."""


class Busy(PoiseError):
    """Another process holds what is wanted; it may be free in a moment."""


class Refused(PoiseError):
    """There can be no run with these arguments on these data: nothing was written."""


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """A plain PoiseError in here is raised as `Refused`; other kinds of it, such as Busy, are what they are."""
    try:
        yield
    except PoiseError as error:
        if type(error) is not PoiseError:
            raise
        raise Refused(str(error)) from None


class PenaltyWarning(UserWarning):
    """A penalty acts otherwise than its user will think: it covers little, or is at the wrong place of a loop."""


NO_MEMORY = (
    "out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "failed to allocate",
    "status_alloc_failed", "bad_alloc",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, PyTorch or a driver says that no memory is left, and not something else of memory.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
        True
        >>> is_out_of_memory(RuntimeError("Some tensors share memory, this will lead to duplicate memory on disk"))
        False
    """
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in NO_MEMORY)


def measurable(value: float, what: str) -> float:
    """The value. Errors: NothingToMeasure where it is NaN or infinite."""
    if not math.isfinite(value):
        raise NothingToMeasure(f"{what} is {value}, so there is nothing to measure (a lower rate may help)")
    return value


def nearest(name: str, names: Iterable[str], otherwise: str = "") -> str:
    """`"; did you mean 'x'?"` for the closest of `names`; `otherwise` where none is close."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else otherwise
