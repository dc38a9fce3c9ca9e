"""How many of the 16 bits of a grey picture carry its values: cameras, scanners and microscopes often use 10 to 14.

Such pictures are nearly black where their values are read as 0..65535. `probable` guesses from the largest value, and
`--bits` says it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError

USUAL = (8, 10, 12, 14)
LEAST = 32  # the largest value from which on a guess is made: below it are masks and numbers of classes
FULL = 16


class TooDeep(Exception):
    """A value needs more bits than were said; `value`, `bits`."""

    def __init__(self, value: int, bits: int) -> None:
        super().__init__(value, bits)
        self.value, self.bits = value, bits

    def sentence(self, name: str) -> str:
        most = 2**self.bits - 1
        return (
            f"{name} has the value {self.value:,}, and --bits {self.bits} has values up to {most:,}: give "
            f"--bits {self.value.bit_length()} or leave it out"
        )


def checked(bits: int | None) -> int | None:
    """`bits` as asked for; None where all 16 are. Errors: PoiseError."""
    if bits is not None and not USUAL[0] <= bits <= FULL:
        raise PoiseError(
            f"--bits {bits} is not possible: give how many of 16 bits carry the values, {USUAL[0]} to {FULL}"
        )
    return None if bits == FULL else bits


def eight_bits(values: NDArray[np.int64], bits: int | None) -> NDArray[np.uint8]:
    """0 to 2^bits - 1 (65,535 where None) becomes 0 to 255, rounded; what lies outside is clipped."""
    full = 2 ** (FULL if bits is None else bits) - 1
    found: NDArray[np.uint8] = ((values * 255 + full // 2) // full).clip(0, 255).astype(np.uint8)
    return found


def check(high: int, bits: int | None) -> None:
    """Errors: TooDeep where `high` needs more than `bits`."""
    if bits is not None and high >= 2**bits:
        raise TooDeep(high, bits)


def probable(high: float) -> int | None:
    """The bits that pictures of 16 probably have whose largest value is `high`; None where it may well be 16."""
    return next((bits for bits in USUAL if LEAST <= high < 2**bits), None)


@dataclass
class Deep:
    """Pictures of 16 bits in a set: how many, how many of them in colour, and the largest value."""

    count: int = 0
    colour: int = 0
    high: float = 0

    def add(self, deep: str, high: float | None) -> None:
        """One more picture: `deep` as in `decode.Decoded`."""
        if deep:
            self.count += 1
            self.colour += deep == "colour"
            self.high = max(self.high, high or 0)

    def check(self, path: object, bits: int | None) -> None:
        """Errors: PoiseError where bits are given and no picture has so many."""
        if bits is not None and not self.count:
            raise PoiseError(f"--bits {bits} does nothing for {path}: no grey picture in it has 16 bits; leave it out")

    def notes(self) -> list[str]:
        """A line where they look as if they had fewer bits."""
        bits = probable(self.high)
        if not self.count or bits is None:
            return []
        said = (
            f"{self.count:,} picture{'s have' if self.count != 1 else ' has'} 16 bits and no value above "
            f"{int(self.high):,}: probably {bits} bits, read as nearly black"
        )
        if self.colour:
            return [f"{said}; Pillow keeps the upper 8 bits of colour, so save them with 8 bits"]
        return [f"{said}; --bits {bits} mends that, and --bits {FULL} says that they are meant so"]
