"""Tables of YAML: names as they are written, merges that cannot explode, nothing twice."""

from __future__ import annotations

import pytest

from poise.errors import PoiseError
from poise.specs.yaml_text import loaded


def test_names_are_text_and_only_true_and_false_are_booleans():
    arms = "arms: {off: 1, 1e-3: 2, no: 3, null: 4, 0.10: 5, 2020-01-01: 6}"
    assert loaded(f"{arms}\nagainst: off\nb: yes\nc: true\nd: False") == {
        "arms": {"off": 1, "1e-3": 2, "no": 3, "null": 4, "0.10": 5, "2020-01-01": 6},
        "against": "off", "b": "yes", "c": True, "d": False,
    }  # fmt: skip


def test_a_merge_may_override_and_be_merged_again():
    found = loaded("a: &a {x: 1, off: 2}\nb: &b {<<: *a, x: 3}\nc: {<<: *b, y: 4}\nd: {e: {<<: *b}}")
    assert (
        found["b"] == {"x": 3, "off": 2} and found["c"] == {"x": 3, "off": 2, "y": 4} and found["d"]["e"] == found["b"]
    )


def test_a_name_that_stands_twice_is_told():
    for text in ("a: 1\na: 2", "a: &a {x: 1, x: 2}\nb: {<<: *a}"):
        with pytest.raises(PoiseError, match="stands twice"):
            loaded(text)


@pytest.mark.parametrize("how", ["{<<: [%s]}", "[%s]"])
def test_nothing_explodes(how):
    lines = ["a0: &a0 {k: 1}", *(f"a{i}: &a{i} " + how % ", ".join([f"*a{i - 1}"] * 10) for i in range(1, 14))]
    with pytest.raises(PoiseError, match="describes more than 100,000 values"):
        loaded("\n".join(lines))
