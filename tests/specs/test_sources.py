"""Whose code may be executed: nothing that only stands in a description, whatever the place in it."""

from __future__ import annotations

import contextlib
import json
import sys

import pytest

from poise.errors import PoiseError
from poise.specs import sources
from poise.specs.sources import class_paths, is_trusted, trust
from poise.specs.spec import completed, instantiated, kind_of

EVIL = "open({marker!r}, 'w').close()\nfrom poise.training.schedules import Linear\nclass X(Linear): pass\n"
SCHEDULES = [("vae", "beta"), ("vae", "pixels"), ("language", "ar"), ("vocoder", "mel"), ("text", "temperature")]
PLACES = {
    "class path": ("images", {"network": {"class_path": "evil.X"}}),
    "alone": ("images", {"network": "evil.X"}),
    "a loss": ("images", {"loss": "evil.X"}),
    "a rate": ("images", {"generator": {"lr": "evil.X"}}),
    "a strength": ("images", {"l2_generator": "evil.X"}),
    "bare in a list": ("images", {"generator": {"penalties": ["evil.X"]}}),
    "a list in a string": ("images", {"generator": {"penalties": '[{"class_path": "evil.X"}]'}}),
    "a table in a string": ("images", {"generator": {"lr": '{"class_path": "evil.X"}'}}),
    "a dotted key": ("images", {"generator.lr": "evil.X"}),
    "a dotted key to a class": ("images", {"network.class_path": "evil.X"}),
    "another alphabet": ("images", {"loss": "évil.X"}),
    **{f"{recipe} {option}": (recipe, {option: "evil.X"}) for recipe, option in SCHEDULES},
}


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """What the module evil writes when it is imported; it can be found, and nobody has named it."""
    monkeypatch.setenv("POISE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "executed"
    for name in ("evil", "évil"):
        (tmp_path / f"{name}.py").write_text(EVIL.format(marker=str(path)))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield path
    for name in ("evil", "évil"):
        sys.modules.pop(name, None)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_what_stands_in_a_description_is_not_executed(place, marker):
    recipe, arguments = PLACES[place]
    for use in (completed, instantiated):
        with contextlib.suppress(PoiseError):
            use(recipe, {"data": "photos", **arguments})
        assert not marker.exists() and "evil" not in sys.modules


def test_a_recipe_that_nobody_named_is_not_executed(marker):
    with pytest.raises(PoiseError, match="code outside of Poise"):
        kind_of("evil.X")
    assert not marker.exists()
    for name in ("img.ages", ".images", "images.", "poise.__main__.R1"):
        with pytest.raises(PoiseError):
            kind_of(name)


def test_what_was_named_is_taken(marker):
    arguments = {
        "data": "photos",
        "generator": {"lr": {"class_path": "evil.X", "init_args": {"start": 1e-3, "end": 1e-4}}},
    }
    assert list(class_paths(arguments)) == ["evil.X"]
    trust("evil.X")
    assert is_trusted("evil.X") and not marker.exists(), "to trust is not to execute"
    assert completed("images", arguments)["generator"]["lr"]["class_path"] == "evil.X"
    assert marker.exists()


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_what_was_allowed_once_is_not_allowed_to_another_of_that_name(place, marker, tmp_path, monkeypatch):
    """In one process, as `poise serve` is: the parser keeps what it may import, and another file may have the name."""
    taken = {"class_path": "evil.X", "init_args": {"start": 1e-3, "end": 1e-4}}
    trust("evil.X")
    completed("images", {"data": "photos", "generator": {"lr": taken}})
    assert marker.exists()
    marker.unlink()
    sys.modules.pop("evil")
    other = tmp_path / "other"
    other.mkdir()
    (other / "evil.py").write_text(EVIL.format(marker=str(marker)))
    monkeypatch.syspath_prepend(str(other))
    recipe, arguments = PLACES[place]
    for use in (completed, instantiated):
        with contextlib.suppress(PoiseError):
            use(recipe, {"data": "photos", **arguments})
    assert not marker.exists() and "evil" not in sys.modules


def test_the_same_file_elsewhere_is_not_trusted(marker, tmp_path, monkeypatch):
    """It has other neighbours, which could be executed in its place."""
    trust("evil.X")
    other = tmp_path / "other"
    other.mkdir()
    (other / "evil.py").write_bytes((tmp_path / "evil.py").read_bytes())
    monkeypatch.setattr(sources, "_HERE", set())
    monkeypatch.syspath_prepend(str(other))
    assert not is_trusted("evil.X")


def test_trust_holds_in_this_process_where_the_cache_cannot_be_written(marker, monkeypatch):
    monkeypatch.setenv("POISE_CACHE", "/proc/nowhere")
    monkeypatch.setattr(sources, "_HERE", set())
    assert not is_trusted("evil.X")
    trust("evil.X")
    assert is_trusted("evil.X")


def test_data_are_no_code(marker):
    for data in ("photos.zip", "evil.X"):
        assert not list(class_paths({"data": data, "metadata": data}))
    assert json.dumps(completed("images", {"data": "evil.X"})["data"]) == '"evil.X"'
    assert not marker.exists()
