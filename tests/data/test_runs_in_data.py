"""Runs, studies and searches that lie in a folder of data: their samples are no data, and that is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.cli import main
from poise.data.files.walking import is_ours, without_ours
from poise.data.images.images import open_images
from poise.data.plain import counted, open_items
from poise.data.speech.recordings import open_recordings
from poise.errors import PoiseError
from poise.record import find_run
from poise.runs.run import run
from tests.data.clips import folder_of, tone

KINDS = {
    "a run": ("spec.json", "record.jsonl"),
    "a run that has just begun": ("spec.json", "checkpoints/step-1/x"),
    "a study": ("plan.json", "events.jsonl"),
    "a search": ("tune.json", "trials.journal"),
}


def pictures(folder: Path, count: int, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (count, 16, 16), np.uint8)):
        Image.fromarray(pixels).save(folder / f"{seed}-{i}.png")


def ours(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


@pytest.mark.parametrize("kind", KINDS)
def test_what_poise_made_is_no_data(kind: str, tmp_path: Path) -> None:
    pictures(tmp_path / "photos", 20)
    before = open_images(tmp_path / "photos")
    place = tmp_path / "photos/runs/made"
    ours(place, KINDS[kind])
    pictures(place / "samples", 9, seed=1)
    found = open_images(tmp_path / "photos")
    assert found.fingerprint == before.fingerprint
    assert "left out, for runs of Poise are no data: runs/made" in found.notes
    assert counted(tmp_path / "photos").pictures == 20
    assert len(open_images(place / "samples").images) == 9, "named themselves they are"
    with pytest.raises(PoiseError, match=r"holds no pictures.*for runs of Poise are no data: made"):
        open_images(tmp_path / "photos/runs")


def test_recordings_beside_a_run(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "clips", {f"{i}.wav": tone(0.5 + i / 20) for i in range(12)})
    before = open_recordings(folder)
    ours(folder / "runs/one", KINDS["a run"])
    folder_of(folder / "runs/one/samples", {"spoken.wav": tone(0.9)})
    found = open_recordings(folder)
    assert found.fingerprint == before.fingerprint
    assert any("for runs of Poise are no data: runs/one" in note for note in found.notes)
    items = open_items(folder)
    assert len(items) == 12 and any("runs of Poise" in note for note in items.notes)


def test_folders_of_ones_own_with_one_of_these_files_are_data(tmp_path: Path) -> None:
    assert not any(
        is_ours(names) for names in ({"spec.json", "a.png"}, {"plan.json"}, {"events.jsonl", "record.jsonl"})
    )
    assert without_ours([]) == ""
    assert without_ours(["a", "b", "c", "d"]) == "left out, for runs of Poise are no data: a, b, c, 1 more"


@pytest.mark.slow
def test_a_run_in_its_own_data_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POISE_RUNS", raising=False)
    pictures(tmp_path, 40)
    sizes = {"generator": {"width": 4}, "discriminator": {"width": 4}}
    arguments = {"data": ".", "steps": 4, "batch": 8, "scores": 0, "threads": 1, "augment": "none", **sizes}
    for seed in (0, 1):
        run({"recipe": "images", "arguments": {**arguments, "seed": seed}})
    specs = [json.loads((folder / "spec.json").read_text()) for folder in sorted(Path("runs").iterdir())]
    assert len(specs) == 2 and specs[0]["facts"]["fingerprint"] == specs[1]["facts"]["fingerprint"]
    name = sorted(os.listdir("runs"))[0]
    assert main(["resume", f"runs/{name}", "--steps", "6"]) == 0
    assert find_run(f"runs/{name}").saved() == 4 + 6
