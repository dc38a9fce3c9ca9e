"""Sizes as users write them, as they are kept, and as networks are given them."""

from __future__ import annotations

import pytest

from poise.errors import PoiseError
from poise.pixels.size import dimensions, height_and_width, read_size, sides_of, size_of


@pytest.mark.parametrize(
    ("written", "kept"),
    [("64", 64), ("8", 8), ("96x64", "96x64"), ("96X64", "96x64"), (" 16x256 ", "16x256"), ("096x64", "96x64"),
     ("64x64", 64), (64, 64), (8, 8)],
)  # fmt: skip
def test_what_is_written_and_what_is_kept(written, kept):
    found = read_size(written)
    assert found == kept and type(found) is type(kept)
    assert read_size(found) == found, "reading it again changes nothing"


@pytest.mark.parametrize(
    "wrong",
    ["", "x", "6\n4", "96x", "x64", "96x64x3", "abc", "64.0", "1e2", "-64", "96 x 64", "96*64", "9:6", "٦٤", "9" * 50],
)
def test_what_is_no_size(wrong):
    with pytest.raises(PoiseError, match=r"is no size: give the side .* or WIDTHxHEIGHT, such as 96x64$") as told:
        read_size(wrong)
    assert "\n" not in str(told.value) and len(str(told.value)) < 200


@pytest.mark.parametrize("beyond", ["0x64", "8x64", "300x64", "64x15", "64x257", "8x8"])
def test_sides_out_of_reach(beyond):
    with pytest.raises(PoiseError, match=f"--size {beyond} is out of reach: each side .* 16 to 256 pixels"):
        read_size(beyond)


def test_width_comes_first_in_words_and_height_in_arrays():
    assert height_and_width("96x64") == (64, 96) == height_and_width((64, 96)) == sides_of("96x64")
    assert height_and_width(28) == (28, 28) and sides_of(28) == 28
    assert size_of(64, 96) == "96x64" and size_of(28, 28) == 28
    assert dimensions("96x64") == "96x64" and dimensions(28) == "28x28"
