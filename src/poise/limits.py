"""Limits that several rooms go by; nothing here loads torch."""

from __future__ import annotations

from poise.errors import PoiseError

SMALLEST_SIDE, LARGEST_SIDE = 16, 256  # pixels of the pictures that the networks make


def check_side(size: int) -> None:
    """PoiseError for a side of pictures that the networks cannot make."""
    if not SMALLEST_SIDE <= size <= LARGEST_SIDE:
        raise PoiseError(
            f"--size {size} is out of reach: pictures may be {SMALLEST_SIDE} to {LARGEST_SIDE} pixels wide"
        )
