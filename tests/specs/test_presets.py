"""Configuration files that Poise brings, by name: each is a run, and flags go before what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.specs.config_files import located, presets, read_config
from poise.specs.spec import parser_for

SMALL = ["--size", "16", "--steps", "2", "--batch", "4", "--scores", "0", "--threads", "1", "--generator.width", "2",
         "--discriminator.width", "2", "--log-every", "1"]  # fmt: skip


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("pictures.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8))
    return "pictures.npy"


def test_what_there_is():
    assert presets() == ["modern-cpu", "modern-gpu-256", "modern-gpu-32", "modern-gpu-64"]


@pytest.mark.slow
@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("how", ["--config={}", "--config {}"])
def test_each_is_a_run_and_flags_go_before_what_it_says(name, how, photos):
    assert main(["train", "images", photos, *how.format(name).split(), *SMALL, "--out", "run"]) == 0
    found, said = RunFolder(Path("run")).spec().arguments, read_config(name)
    assert found["network"] == said["network"] == "modern" and found["loss"] == said["loss"]
    assert (found["size"], found["batch"], found["generator"]["width"]) == (16, 4, 2), "as the flags say"
    for player in ("generator", "discriminator"):
        assert found[player]["betas"] == said[player]["betas"]
    kinds = [penalty["class_path"].rpartition(".")[2] for penalty in found["discriminator"]["penalties"]]
    assert kinds == ["R1", "R2"]
    rows = list(RunFolder(Path("run")).rows())
    assert {"discriminator/r1", "discriminator/r2"} <= set(rows[0])
    assert ("generator/beta2" in rows[0]) == ("gpu" in name)


def test_a_file_of_that_name_goes_before(photos, tmp_path):
    (tmp_path / "modern-cpu").write_text("steps: 3\n")
    assert located("modern-cpu") == "modern-cpu" and read_config("modern-cpu") == {"steps": 3}


@pytest.mark.parametrize(("name", "hint"), [("modern-cpus", "did you mean 'modern-cpu'?"), ("zz", ". Name a YAML")])
def test_another_name_is_refused_with_those_that_there_are(name, hint):
    with pytest.raises(PoiseError, match="there is no such file") as told:
        read_config(name)
    assert hint in str(told.value) and str(told.value).endswith(f"or one of {', '.join(presets())}")


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("how", [["--config", "one.yaml"], ["--config=one.yaml"]])
def test_a_flag_goes_before_a_file_wherever_it_stands(place, how, photos):
    """And of two files the later one before the other."""
    Path("one.yaml").write_text("steps: 3\nbatch: 9\nnoise: 7\n")
    Path("two.yaml").write_text("noise: 5\nema: 0.5\n")
    flags = ["--steps", "4", "--batch", "8"]
    words = [*flags[:place], *how, *flags[place:], "--config", "two.yaml"]
    found = parser_for("images").parse(["pictures.npy", *words])
    assert (found["steps"], found["batch"], found["noise"], found["ema"]) == (4, 8, 5, 0.5)


def test_what_a_file_says_is_checked_though_flags_stand_over_it(photos, capsys):
    Path("one.yaml").write_text("generator: 3\n")
    assert main(["train", "images", "pictures.npy", "--generator.width", "4", "--config", "one.yaml"]) == 2
    assert "one.yaml: --generator must hold options such as" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--config"], ["--config="], ["--config=one.yaml", "--config"]])
def test_a_file_without_a_name_is_refused(words, photos):
    Path("one.yaml").write_text("steps: 3\n")
    assert main(["train", "images", "pictures.npy", *words]) == 2
