"""Schedules: exact values at both ends and in the middle, and the way they are written."""

from __future__ import annotations

import math

import pytest

from poise.errors import PoiseError
from poise.registry import find, names
from poise.training.schedules import number_or_schedule

# written, then the values at steps 0, 5, 10 and 99 of a run of 10
TABLE = {
    "linear": ("linear:1:0.5", (1, 0.75, 0.5, 0.5)),
    "cosine": ("cosine:1:0", (1, 0.5, 0, 0)),
    "exponential": ("exponential:1:0.01", (1, 0.1, 0.01, 0.01)),
    "warmup": ("warmup:0.4", (0, 0.2, 0.4, 0.4)),
}


def test_the_table_names_every_schedule():
    assert set(TABLE) == set(names("schedule"))


@pytest.mark.parametrize("name", names("schedule"))
def test_values(name):
    text, expected = TABLE[name]
    schedule = number_or_schedule(text, "λ", steps=10)
    assert [schedule(t) for t in (0, 5, 10, 99)] == pytest.approx(expected, abs=1e-15)
    explicit = number_or_schedule(f"{text}:20", "λ", steps=10)
    assert explicit(10) == pytest.approx(expected[1], abs=1e-15)
    with pytest.raises(PoiseError, match="no length yet"):
        number_or_schedule(text, "λ")(0)


def test_numbers_and_functions_pass():
    assert number_or_schedule("1e-4", "λ") == 1e-4 == number_or_schedule(1e-4, "λ")
    assert number_or_schedule(math.sqrt, "λ") is math.sqrt
    ready = find("schedule", "linear")(1, 2)
    assert number_or_schedule(ready, "λ", steps=4)(2) == 1.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cosin:1:0", "did you mean 'cosine'"),
        ("linear:1", "write linear:START:END:STEPS"),
        ("linear:1:-1", "at least 0"),
        ("linear:a:b", "must be a number"),
        ("exponential:1:0", "both ends above 0"),
        ("linear:1:2:0", "steps of a linear schedule"),
        ("nan", "finite"),
    ],
)
def test_mistakes_are_one_sentence(text, message):
    with pytest.raises(PoiseError, match=message):
        number_or_schedule(text, "λ", steps=10)
