"""Runs and a study that commit f6218b1 made and left unfinished: everything can still be done with them.

tests/fixtures/f6218b1/make.py says how they were made. Their averages are not compared with those of that commit: an
average has statistics of batch normalisation of its own since.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from poise.cli import main
from poise.studies.report import publish

MADE = Path(__file__).with_name("fixtures") / "f6218b1"
RECIPES = ("images", "vae", "text")
STEPS = 40
# What has the same meaning in both versions: the last parts of the names of what is recorded.
SAME = ("adversarial", "nll", "kl", "grad_norm", "l2.value", "l2_encoder.value", "l2_decoder.value", "norm", "lr")


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory):
    """A copy of everything in which the runs have gone on to their ends."""
    folder = tmp_path_factory.mktemp("gone on") / "f6218b1"
    shutil.copytree(MADE, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("POISE_RUNS", "runs")
        codes = {recipe: main(["resume", recipe, "--quiet"]) for recipe in RECIPES}
    return folder, codes


@pytest.fixture
def before(tmp_path, monkeypatch):
    """A copy of everything as it was left, as the current folder."""
    shutil.copytree(MADE, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("POISE_RUNS", "runs")
    return tmp_path / "here"


@pytest.fixture
def after(gone_on, monkeypatch):
    """Where the runs have gone on, as the current folder: tests only read it, or write files of their own."""
    folder, codes = gone_on
    assert set(codes.values()) == {0}, codes
    monkeypatch.chdir(folder)
    monkeypatch.setenv("POISE_RUNS", "runs")
    return folder


def rows(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "record.jsonl").read_text().splitlines()]


def checkpoints(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_goes_on_to_its_end(gone_on, recipe):
    """What was recorded stays, every weight is finite, and what is trained has moved."""
    folder, codes = gone_on
    assert codes[recipe] == 0
    run, left = folder / "runs" / recipe, MADE / "runs" / recipe
    assert (run / "DONE").exists() and not (left / "DONE").exists()
    assert json.loads((run / "report.json").read_text())["steps"] == STEPS
    stopped, last = checkpoints(left)[-1], checkpoints(run)[-1]
    assert last.name == f"step-{STEPS:08d}"
    assert rows(run)[: len(rows(left))] == rows(left)
    files = sorted(path.name for path in stopped.glob("*.safetensors"))
    assert files == sorted(path.name for path in last.glob("*.safetensors"))
    for name in files:
        was, now = safetensors.torch.load_file(stopped / name), safetensors.torch.load_file(last / name)
        assert was.keys() <= now.keys()
        assert all(torch.isfinite(tensor).all() for tensor in now.values())
        assert any(not torch.equal(was[key], now[key]) for key in was), name


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_it_ends_as_it_would_have_then(after, recipe):
    """The same batches, noise, losses and penalties: the last row has the numbers of that commit, but for rounding."""
    then = json.loads((MADE / "ends.json").read_text())[recipe]
    now = next(row for row in rows(after / "runs" / recipe) if row["step"] == then["step"] and then.keys() & row)
    compared = {key: value for key, value in then.items() if key.rpartition("/")[2] in SAME}
    assert len(compared) >= 4
    assert {key: now[key] for key in compared} == pytest.approx(compared, rel=2e-3, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_samples_come_from_a_run_that_was_left(before, recipe, capsys):
    """From its own weights, not from fresh ones, which other samples would show."""
    out = "more.txt" if recipe == "text" else "more.png"
    made = []
    for step in ("last", "2"):
        assert main(["sample", recipe, "-n", "4", "--seed", "1", "--step", step, "--out", out]) == 0
        made.append(Path(out).read_bytes())
        Path(out).unlink()
    assert f"4 {'sentences' if recipe == 'text' else 'samples'}, drawn by {recipe}" in capsys.readouterr().out
    assert all(made) and made[0] != made[1]


def test_runs_are_listed_and_diagnosed_as_they_were_left(before, capsys):
    assert main(["runs", "--json"]) == 0
    found = {run["name"]: run for run in json.loads(capsys.readouterr().out)}
    assert set(found) == set(RECIPES)
    for recipe in RECIPES:
        left = int(checkpoints(before / "runs" / recipe)[-1].name.removeprefix("step-"))
        assert (found[recipe]["state"], found[recipe]["step"]) == ("stopped", left)
        assert main(["diagnose", recipe, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert isinstance(told["findings"], list)


def test_a_network_keeps_its_weights_under_its_name_of_today(before, capsys):
    """`dcgan` of that time is `short_dcgan`; without a checkpoint nobody can tell, and the word stays."""
    assert main(["runs", "diff", "images", "vae"]) == 0
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.startswith("network ")] == []
    for checkpoint in checkpoints(before / "runs" / "images"):
        shutil.rmtree(checkpoint)
    assert main(["runs", "diff", "images", "vae"]) == 0
    said = [line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.startswith("network ")]
    assert said == [["dcgan", "short_dcgan"]]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_finished_run_is_evaluated(after, recipe, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert main(["evaluate", recipe, "-n", "40", "--out", str(report)]) == 0
    found = json.loads(report.read_text())
    assert found["checkpoint"] == f"step-{STEPS:08d}"
    values = [row["made"]["value"] for part in found["evaluations"] for row in part["rows"] if row["made"]]
    assert values and np.isfinite([value for value in values if value is not None]).all()


@pytest.mark.slow
def test_a_study_is_read_as_far_as_it_came(before, monkeypatch, capsys):
    monkeypatch.setattr(publish, "draw", lambda outcome, folder: [])  # plots take the longest
    assert main(["study", "small.yaml", "--out", "small", "--report"]) == 0
    said = capsys.readouterr().out
    assert "3 of 6 runs done, 3 missing: UNFINISHED, nothing is decided yet" in said
    assert "nll +0.000998 [one pair]" in said, "the numbers of the runs of that time"
    assert "language: --model.lr stays at cosine:4e-3:2e-4, its default when this study began" in said


@pytest.mark.slow
def test_a_study_goes_on(before, capsys):
    """Its three missing runs are made, and those that were done stay as they are."""
    kept = {path: path.read_bytes() for path in before.glob("small/runs/*/checkpoints/*/*") if path.is_file()}
    done = [path.parent for path in before.glob("small/runs/*/DONE")]
    assert len(done) == 3 and kept
    assert main(["study", "small.yaml", "--out", "small", "--workers", "1"]) == 0
    assert "6 of 6 runs done" in capsys.readouterr().out
    assert len([*before.glob("small/runs/*/DONE")]) == 6
    assert {path: path.read_bytes() for path in kept} == kept


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_an_old_run_is_handed_over_as_it_was_left_and_with_its_card_at_its_end(recipe, after, tmp_path, capsys):
    """What runs with torch alone draws what the run draws."""
    from tests.export.programs import alone

    out = tmp_path / "out"
    assert main(["export", recipe, "-o", str(out), "--torch", "--onnx", "--hub"]) == 0
    assert "from PyTorch on 64 inputs" in capsys.readouterr().out
    assert "## Scores" in (out / "README.md").read_text()
    file = "s.txt" if recipe == "text" else "s.png"
    assert main(["sample", recipe, "-n", "4", "--seed", "5", "--out", str(tmp_path / file)]) == 0
    if recipe == "text":
        assert alone(out, "-n", "4", "--seed", "5") == (tmp_path / file).read_text()
    else:
        from PIL import Image

        alone(out, "-n", "4", "--seed", "5", "--out", "g.png")
        got, wanted = (np.asarray(Image.open(path).convert("RGB")) for path in (out / "g.png", tmp_path / file))
        assert all((wanted == pixel).all(-1).any() for pixel in np.unique(got.reshape(-1, 3), axis=0)[:50])
