"""Options that several recipes share: flags, arguments and names of runs as when each recipe wrote them out."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from poise.errors import PoiseError
from poise.recipes.common.options import Group, RunOptions, grouped, groups, parameters
from poise.registry import HOMES
from poise.specs.spec import completed, instantiated, kind_of, of_before, parser_for, run_name

RECIPES = sorted(HOMES["recipe"])  # of Poise itself, whatever other tests have registered
# Defaults of that commit that are others now.
RATE = {"lr": 2e-4}
IMAGES = {"network": "dcgan", "generator": RATE, "discriminator": RATE}
LANGUAGE = {"lr": "cosine:4e-3:2e-4"}
TEXT = {"generator": {"warm_lr": "cosine:4e-3:4e-4"}}
R1 = {"discriminator": {"penalties": [{"class_path": "R1", "init_args": {"gamma": 1.0}}], **RATE}}
# Arguments of a run, and the end of its name at commit b2b2567.
NAMES: list[tuple[str, dict[str, Any], str]] = [
    ("images", IMAGES, "07e716e2"),
    ("images", {**IMAGES, "steps": 100, "batch": 8, "generator": {"width": 8, **RATE}}, "39559c9b"),
    ("images", {**IMAGES, "bits": 12, "splits": "none", "compile": True}, "e6743e6c"),
    (
        "images",
        {**IMAGES, **R1, "l2_generator": "cosine:1e-3:1e-5", "order": "names"},
        "ff385aff",
    ),
    ("vae", {}, "21a27b72"),
    ("vae", {"objective": "vae_gan", "beta": 2.0, "seed": 3}, "91b09bd6"),
    ("vae", {"patience": 2, "scores": 6, "bits": 8}, "bfaaa6b9"),
    ("text", TEXT, "8916bb02"),
    ("text", {"column": "1", "encoding": "gb18030", "units": "character", "longest": 16, **TEXT}, "da4dbdd1"),
    ("text", {"estimator": "reinforce", "micro_batches": 2, **TEXT}, "a77d0c54"),
    ("language", {"model": LANGUAGE}, "15a8c32e"),
    ("language", {"layout": "text", "longest": 9, "model": {"cell": "gru", **LANGUAGE}, "ar": 1.0}, "c7763baf"),
    ("language", {"delimiter": "tab", "share": 0.5, "model": LANGUAGE}, "02308bb4"),
    ("vocoder", {}, "a3f395f1"),
    ("vocoder", {"metadata": "a.csv", "file_column": "1", "order": "names", "rate": 8000}, "b9d802b8"),
    ("vocoder", {"on_divergence": "rollback", "rollbacks": 1}, "9be6d10d"),
    ("speech", {}, "b9fddd10"),
    ("speech", {"labels": "{voice}/{text}", "joint_steps": 5, "vocoder": {"width": 16}}, "10f4b1f5"),
    ("speech", {"speak_with": "x", "longest": 3.0}, "b883d6d6"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "given", "name"), NAMES, ids=[f"{recipe} {name}" for recipe, _, name in NAMES])
def test_names_of_runs_are_those_of_before(recipe, given, name):
    assert run_name(recipe, completed(recipe, {"data": "photos", **given})) == f"{recipe}-photos-{name}"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_arguments_are_flat_and_the_recipe_gets_its_groups(recipe):
    build = kind_of(recipe).build
    flat = completed(recipe, {"data": "photos", "steps": 7, "heldout": 0.25})
    assert set(flat) == set(parameters(build)) and not set(flat) & set(groups(build))
    ready = instantiated(recipe, flat)
    assert set(ready) == set(inspect.signature(build).parameters)
    assert ready["run"] == dataclasses.replace(groups(build)["run"], steps=7)
    assert {type(ready[name]) for name in groups(build)} == {type(group) for group in groups(build).values()}
    assert 0.25 in [getattr(ready[name], "heldout", None) for name in groups(build)]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_flag_of_a_group_is_in_the_help(recipe, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = parser_for(recipe).format_help()
    for name, group in groups(kind_of(recipe).build).items():
        assert f"--{name}." not in text
        for flag in group.flags():
            line = next(line for line in text.splitlines() if line.startswith(f"  --{flag.replace('_', '-')} "))
            assert len(line.split()) > 1
        for flag in group.without:
            assert f"--{flag.replace('_', '-')} " not in text


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_compile_is_off_in_runs_that_did_not_know_it(recipe):
    """And a name holds it where it is on; that of pictures always did."""
    flat = completed(recipe, {"data": "photos"})
    old = {name: value for name, value in flat.items() if name != "compile"}
    assert of_before(recipe, old)["compile"] is False
    assert (run_name(recipe, old) == run_name(recipe, flat)) == (recipe != "images")
    assert run_name(recipe, {**flat, "compile": True}) != run_name(recipe, flat)


@dataclasses.dataclass(frozen=True)
class Colours(Group):
    """Colours.

    Args:
        red: how red.
        blue: how blue.
        green: how green.
    """

    without = ("green",)
    red: int = 1
    blue: int = 2
    green: int = 3


def paint(data: str, *, size: int = 4, colours: Colours = Colours(blue=5)) -> Any:
    return data, size, colours


def test_a_group_in_a_function():
    taken = parameters(paint)
    assert list(taken) == ["data", "size", "red", "blue"]
    assert (taken["blue"].default, taken["red"].default, taken["red"].annotation) == (5, 1, "int")
    assert paint(**grouped(paint, {"data": "x", "red": 7})) == ("x", 4, Colours(7, 5, 3))
    assert Colours.of({"data": "x", "red": 7, "green": 9}) == Colours(7, 2, 3)


@pytest.mark.parametrize(
    ("options", "counts", "said"),
    [
        ({"steps": 0}, {}, "--steps must be at least 1, not 0"),
        ({"micro_batches": 0}, {}, "--micro-batches must be at least 1, not 0"),
        ({}, {"warm_steps": 0}, "--warm-steps must be at least 1, not 0"),
        ({"seed": -1}, {}, r"--seed must be at least 0 and below 2\^63, not -1"),
        ({"ema": 1.0}, {}, "--ema must be at least 0 and below 1, not 1.0"),
        ({"ema_half_life": 0}, {}, "--ema-half-life must be at least 1, not 0"),
    ],
)
def test_what_no_run_can_have(options, counts, said):
    RunOptions().check(warm_steps=1, threads_of_a_stage=None)
    with pytest.raises(PoiseError, match=said):
        RunOptions(**options).check(**counts)


@pytest.mark.parametrize("batch", [1, 32, 500])
def test_an_average_in_items_forgets_alike_whatever_the_batch(batch):
    """After a half-life of items what was there has a weight of one half; without one the decay is that of --ema."""
    run = RunOptions(batch=batch, ema=0.9, ema_half_life=1000)
    assert run.decay ** (1000 / batch) == pytest.approx(0.5)
    assert RunOptions(batch=batch, ema=0.9).decay == 0.9


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_flag_has_its_whole_name(recipe):
    """What looks at the words for a flag that was given, as --minutes does, finds it under one name alone."""
    parser = parser_for(recipe)
    known = parser.options()
    cut = [flag[:-1] for flag in known if flag[:-1] not in known and "." not in flag and len(flag) > 8]
    assert len(cut) > 10
    for flag in (*cut, "--stage.l"):
        with pytest.raises(PoiseError, match=rf"unknown option {flag.replace('_', '-')}"):
            parser.parse(["data", flag, "1"])
