"""Runs on a set of the catalogue go on where a folder of the set's name lies, which is not the set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from poise.cli import main
from poise.data.catalogue import catalogue
from poise.data.catalogue.locate import locate
from poise.data.images.images import open_images
from poise.evaluation.sources import OWN
from poise.record import RunFolder
from poise.runs.load import Run
from tests.data.test_corpus import SENTENCES
from tests.evaluation.voices import write_syllables
from tests.test_bad_speech import VOCODER, command
from tests.test_bad_text import LANGUAGE, PICTURES, TEXT


def pictures(path: Path, seed: int = 0) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(40) % 10)


def lines(path: Path) -> None:
    path.write_text("\n".join(SENTENCES) + "\n")


def table(path: Path) -> None:
    path.write_text("en,zh\n" + "".join(f"{i},{sentence}\n" for i, sentence in enumerate(SENTENCES)))


class Kind(NamedTuple):
    recipe: str
    data: str
    write: Callable[[Path], object]  # the set as it would be fetched
    options: dict[str, object]


KINDS = {
    "pictures": Kind("images", "digits", pictures, PICTURES),
    "lines": Kind("text", "web-bible", lines, TEXT),
    "a column": Kind("language", "hsk-sentences", table, LANGUAGE),
    "clips": Kind("vocoder", "asterisk-en", write_syllables, VOCODER),
    "the made-up language": Kind("text", "oracle", lambda path: None, TEXT),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one, and a cache of its own."""
    monkeypatch.setenv("POISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("poise.recipes.vocoder.sounds.show", lambda rows, mel, stem, page: stem)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def fetched(name: str, write: Callable[[Path], object]) -> None:
    entry = catalogue.find(name)
    target = entry.folder / entry.data
    target.parent.mkdir(parents=True, exist_ok=True)
    write(target)


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=[] if name == "pictures" else pytest.mark.slow) for name, kind in KINDS.items()
], ids=KINDS)  # fmt: skip
def test_a_folder_of_the_sets_name_is_not_opened(place: Path, kind: Kind) -> None:
    if kind.data != "oracle":
        fetched(kind.data, kind.write)
    assert main(command(kind.recipe, kind.options, kind.data, "--out", "run", "--quiet")) == 0
    spec = (place / "run/spec.json").read_bytes()
    assert json.loads(spec).get("data_path") is None
    (place / kind.data).mkdir()
    (place / kind.data / "notes.txt").write_text("mine")
    (place / "run/DONE").unlink()
    assert main(["resume", "run", "--quiet"]) == 0
    assert (place / "run/spec.json").read_bytes() == spec
    if kind.data != "oracle":
        run = Run(RunFolder(place / "run"))
        train, heldout = OWN[run.recipe.modality](run)
        assert len(train.rows) and train.items.name.startswith(kind.data) and heldout.items is train.items


@pytest.mark.parametrize("out", [["--out", "run"], []])
def test_the_command_of_before_does_not_take_the_one_for_the_other(place: Path, out: list[str], capsys) -> None:
    """What was typed meant the set and means the folder now; a run on either is not gone on with in silence."""
    fetched("digits", pictures)
    words = command("images", PICTURES, "digits", *out, "--quiet")
    assert main(words) == 0 and main(words) == 0
    (place / "digits").mkdir()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert (
        "holds a run on the data set digits, and digits is a file or folder here now: go on with poise resume" in said
    )
    (place / "digits").rmdir()
    assert main(words) == 0


def test_a_fresh_run_takes_the_folder(place: Path) -> None:
    """As every command that a name is typed for; the set is opened with `catalogue:` before its name."""
    fetched("digits", pictures)
    (place / "digits").mkdir()
    assert locate("digits") == ("digits", Path("digits"), ())
    name, path, _ = locate("catalogue:digits")
    assert (name, path.name) == ("digits", "digits.npz")
    assert open_images("catalogue:digits").describe().startswith("digits: 40 pictures")
    assert catalogue.language_of("catalogue:asterisk-en") == catalogue.language_of("asterisk-en") == "en"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["minilm", "digits"])
def test_a_run_of_before_on_such_a_folder_goes_on(place: Path, name: str) -> None:
    """It keeps no path. The weights of a scorer are no data; where the name is a set's, --data says what is meant."""
    (place / name).mkdir()
    for i, picture in enumerate(np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)):
        Image.fromarray(picture).save(place / name / f"{i}.png")
    assert main(command("images", PICTURES, name, "--out", "run", "--quiet")) == 0
    path = place / "run/spec.json"
    spec = json.loads(path.read_text())
    del spec["data_path"]
    path.write_text(json.dumps(spec))
    (place / "run/DONE").unlink()
    more = ["--data", name] if name == "digits" else []
    assert main(["resume", "run", "--quiet", *more]) == 0
