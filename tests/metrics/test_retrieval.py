"""Which training item to play for labels: on tuples that mean nothing."""

from __future__ import annotations

import pytest

from poise.errors import PoiseError
from poise.metrics.speech.retrieval import differing_in, fewest_differing

KNOWN = [
    ("m", "a", 1, "A"),
    ("m", "a", 3, "A"),
    ("m", "a", 3, "B"),
    ("b", "a", 4, "A"),
    ("b", "i", 4, "A"),
    ("m", "a", 2, "A"),
]


def test_the_same_in_all_parts_but_one() -> None:
    wanted = [("m", "a", 4, "A"), ("m", "a", 4, "B"), ("b", "a", 4, "B"), ("m", "a", 1, "A")]
    assert differing_in(wanted, KNOWN, 2).tolist() == [0, 2, -1, 1]  # the last does not find itself
    assert differing_in(wanted, KNOWN, 3).tolist() == [-1, -1, 3, -1]
    assert differing_in(wanted, [], 2).tolist() == [-1] * 4


def test_the_fewest_differing_parts() -> None:
    wanted = [("m", "a", 4, "A"), ("m", "i", 4, "A"), ("p", "u", 1, "A"), ("m", "a", 3, "B"), ("m", "a", 3, "C")]
    assert fewest_differing(wanted, KNOWN, fixed=[3]).tolist() == [0, 4, 0, 2, -1]
    assert fewest_differing(wanted, KNOWN).tolist() == [0, 4, 0, 2, 1]
    assert fewest_differing(wanted, KNOWN, fixed=[2]).tolist() == [3, 4, 0, 2, 1]
    assert fewest_differing([], KNOWN).tolist() == []


def test_parts_are_compared_by_place() -> None:
    """An initial "a" is no final "a"."""
    assert fewest_differing([("a", "b")], [("b", "a"), ("x", "b")]).tolist() == [1]


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PoiseError, match=r"of the lengths \[3, 4\]"):
        differing_in([("m", "a", 4)], KNOWN, 2)
    with pytest.raises(PoiseError, match=r"with the parts \[4\]"):
        differing_in(KNOWN, KNOWN, 4)
    with pytest.raises(PoiseError, match=r"with the parts \[0, -1\]"):
        fewest_differing(KNOWN, KNOWN, [0, -1])
