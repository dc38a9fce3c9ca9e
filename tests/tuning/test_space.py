"""What a search may change: ranges as they are written, values and back, and every recipe's own space."""

from __future__ import annotations

import copy
import math

import pytest

from poise.errors import PoiseError
from poise.registry import HOMES
from poise.specs.spec import completed
from poise.tuning.asked import given_in, own_space, space_of
from poise.tuning.space import Dimension, Space, at, dimension, times

BASE = {"l2_a": 0.0, "noise": 64, "net": "plain", "g": {"lr": "cosine:1e-3:1e-4", "penalties": None}, "lr": 0.2}
RANGES = ["l2_a=zero,log:1e-06:0.1", "lr=log:0.001:1", "lr=linear:0:1", "g.lr=times:0.25:8", "noise=int:16:128"]


@pytest.mark.parametrize("text", [*RANGES, "noise=32,64,128", "net=plain,other", "flag=true,false"])
def test_a_range_is_written_as_it_is_read(text):
    name, found = dimension(text)
    assert found is not None and str(found) == text and name == text.partition("=")[0]


def test_names_may_be_written_as_flags():
    assert dimension("--l2-a=log:1:2") == dimension("l2_a=log:1:2")
    assert dimension("generator.lr=off") == ("generator.lr", None)


@pytest.mark.parametrize("text", RANGES)
def test_what_is_drawn_and_what_it_stands_for_are_inverse(text):
    one = dimension(text)[1]
    for share in (0.0, 0.3, 0.77, 1.0):
        drawn = one.low + share * (one.high - one.low)
        value = one.value(int(drawn) if one.kind == "int" else drawn)
        assert one.value(one.drawn(value)) == value
    if one.zero:
        assert one.value(one.drawn(0.0)) == 0.0


def test_a_narrow_range_keeps_as_many_digits_as_it_needs():
    one = dimension("ema=linear:0.99:0.9999")[1]
    assert [one.value(drawn) for drawn in (0.99, 0.99871234, 0.9999)] == [0.99, 0.998712, 0.9999]
    assert dimension("lr=linear:0:1")[1].value(0.12345) == 0.123


def test_0_is_a_fifth_of_the_range_and_borders_on_the_smallest():
    one = Dimension("l2_a", "log", 1e-6, 1e-2, zero=True)
    assert one.lowest == pytest.approx(1e-7)
    assert math.log(one.low / one.lowest) / math.log(one.high / one.lowest) == pytest.approx(0.2)
    assert [one.value(drawn) for drawn in (one.lowest, 0.99e-6, 1e-6, 1.23456e-3)] == [0.0, 0.0, 1e-6, 1.23e-3]


@pytest.mark.parametrize(
    ("value", "factor", "expected"),
    [
        (0.2, 2.0, 0.4),
        ("cosine:1e-3:1e-4", 2.0, "cosine:0.002:0.0002"),
        ("linear:2e-4:2e-5", 0.25, "linear:5e-05:5e-06"),
        ("4e-4", 0.5, "0.0002"),
    ],
)
def test_a_factor_changes_every_number_of_a_schedule(value, factor, expected):
    assert times(value, factor, "x") == expected


def test_defaults_change_nothing_and_arguments_are_left_alone():
    space = Space([dimension(text)[1] for text in ("l2_a=zero,log:1e-6:1", "g.lr=times:0.25:8", "noise=32,64")])
    before = copy.deepcopy(BASE)
    assert space.placed(BASE, space.defaults(BASE)) == BASE == before
    changed = space.placed(BASE, {"l2_a": 1e-3, "g.lr": 2.0, "noise": 32})
    assert BASE == before
    assert (changed["l2_a"], changed["g"]["lr"], changed["noise"]) == (1e-3, "cosine:0.002:0.0002", 32)


def test_a_penalty_is_added_with_its_strength_and_absent_at_0():
    arguments = completed("images", {"data": "x"})
    space = Space([dimension("discriminator.penalties.R1.gamma=zero,log:0.01:100")[1]])
    assert space.placed(arguments, {space.dimensions[0].name: 0.0}) == arguments
    changed = completed("images", space.placed(arguments, {space.dimensions[0].name: 2.5}))
    (added,) = changed["discriminator"]["penalties"]
    assert added["class_path"].endswith("R1") and added["init_args"]["gamma"] == 2.5


@pytest.mark.slow
@pytest.mark.parametrize("recipe", HOMES["recipe"])
def test_every_recipe_has_a_space_of_its_own(recipe):
    """Each λ with 0, each rate by a factor; its corners are arguments that the recipe takes."""
    arguments = completed(recipe, {"data": "x", **({"generator": {"lr": 2e-4}} if recipe == "images" else {})})
    if recipe == "images":
        arguments = completed(recipe, {**arguments, "discriminator": {**arguments["discriminator"], "lr": 2e-4}})
    space = Space(own_space(recipe, arguments))
    names = [one.name for one in space.dimensions]
    assert any(name.startswith("l2_") for name in names) and any(name.endswith("lr") for name in names)
    assert all(one.zero for one in space.dimensions if one.name.startswith("l2_"))
    assert space.placed(arguments, space.defaults(arguments)) == arguments
    for one in space.dimensions:
        assert one.value(one.drawn(one.default(arguments))) == one.default(arguments)
        for end in (one.value(one.lowest), one.value(one.high)):
            changed = completed(recipe, space.placed(arguments, {one.name: end}))
            assert changed != arguments or end == one.default(arguments)


def test_what_is_given_is_not_searched_unless_it_is_named():
    arguments = completed("language", {"data": "x", "l2_recurrent": 1e-5})
    given = given_in("language", arguments)
    assert given == ["l2_recurrent"]
    assert "l2_recurrent" not in [one.name for one in space_of("language", arguments, given, []).dimensions]
    named = space_of("language", arguments, given, ["l2_recurrent=zero,log:1e-7:1e-3"])
    assert named.dimensions[-1] == Dimension("l2_recurrent", "log", 1e-7, 1e-3, zero=True)
    less = space_of("language", arguments, given, ["model.lr=off"])
    assert "model.lr" not in [one.name for one in less.dimensions]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("l2_a", "must be NAME=RANGE"),
        ("=log:1:2", "must be NAME=RANGE"),
        ("l2_a=log:1", "two numbers"),
        ("l2_a=log:a:b", "two numbers"),
        ("l2_a=log:2:1", "the smaller one"),
        ("l2_a=log:0:1", "begins above 0"),
        ("l2_a=log:1:inf", "finite"),
        ("l2_a=logg:1:2", "did you mean 'log'"),
        ("l2_a=zero,linear:1:2", "beside log alone"),
        ("l2_a=int:1:2.5", "whole numbers"),
        ("l2_a=7", "is no range"),
    ],
)
def test_a_range_that_is_none_is_told(text, said):
    with pytest.raises(PoiseError, match=said) as caught:
        dimension(text)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("l2_recurent=log:1:2", "did you mean 'l2_recurrent'"),
        ("seed=1,2", "has no option seed"),
        ("l2_recurrent=log:1:2", "lies outside: widen it"),
        ("batch=7,9", "is not among them: add it"),
        ("model.lr=log:1e-4:1e-2", "use times:LOW:HIGH"),
        ("player.penalties.R1.gamma=zero,log:1:2", "has no option"),
    ],
)
def test_a_range_that_does_not_fit_the_recipe_is_told(word, said):
    arguments = completed("language", {"data": "x"})
    with pytest.raises(PoiseError, match=said):
        space_of("language", arguments, [], [word])


def test_nothing_to_search_is_told():
    arguments = completed("language", {"data": "x"})
    off = [f"{one.name}=off" for one in own_space("language", arguments)]
    with pytest.raises(PoiseError, match="nothing is left to search"):
        space_of("language", arguments, [], off)


def test_a_place_in_tables():
    assert at(BASE, "g.lr") == "cosine:1e-3:1e-4" and at(BASE, "g.no") is None and at(BASE, "lr.deep") is None


@pytest.mark.parametrize(
    ("text", "strength"),
    [("l2_a=zero,log:1e-6:1", True), ("l2_a=0,1e-4,1e-3", True), ("l2_a=linear:0:0.1", True),
     ("l2_a=log:1e-6:1", False),
     ("l2_a=1e-4,1e-3", False), ("noise=0,64", False), ("lr=linear:0:1", False), ("flag=true,false", False),
     ("d.penalties.R1.gamma=zero,log:0.01:100", True)],
)  # fmt: skip
def test_what_may_be_a_penalty_of_0_is_a_strength(text, strength):
    """The confirmation leaves each of them out once, whatever form the range has."""
    space = Space([dimension(text)[1]])
    assert space.strengths == ([text.partition("=")[0]] if strength else [])
    for name in space.strengths:
        assert space.dimensions[0].value(space.dimensions[0].drawn(0.0)) == 0, name


def test_a_default_of_0_is_told_how_it_is_searched():
    with pytest.raises(PoiseError, match=r"its default is 0, below every logarithm: write zero,log:"):
        dimension("l2_a=log:1e-6:1e-1")[1].drawn(0.0)
