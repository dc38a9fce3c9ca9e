"""What is drawn is what the commands write, bit for bit."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import poise
from poise.cli import main
from poise.recipes.common.recipe import NoisePlace
from poise.record import RunFolder
from poise.report.picture import grid, png
from poise.serve import app as serving
from poise.serve import drawing
from poise.serve.asked import SEEDS
from tests.serve.conftest import KINDS, name_of
from tests.serve.playing import OLD, Never, at, got  # noqa: F401  (fixture)

pytest.importorskip("starlette")
from starlette.testclient import TestClient

pytestmark = pytest.mark.slow


def written(tmp_path, name, *words):
    """What a command writes into a file or a folder of that name."""
    assert main([words[0], *map(str, words[1:]), "--out", str(tmp_path / name)]) == 0
    return tmp_path / name


DRAWN = [
    ("dcgan", "grid.png", {"n": 9, "seed": 3}, []),
    ("dcgan", "grid.png", {"n": 5, "seed": 0, "truncation": "0.7"}, ["--truncation", "0.7"]),
    ("dcgan", "grid.png", {"n": 64, "seed": SEEDS, "step": 2}, ["--step", 2]),
    ("residual", "grid.png", {"n": 7, "seed": 1}, []),
    ("residual", "grid.png", {"n": 4, "seed": 1, "label": "c"}, ["--label", "c"]),
    ("vae", "grid.png", {"n": 4, "seed": 2}, []),
    ("vae", "grid.png", {"n": 4, "seed": 2, "latents": "prior"}, ["--latents", "prior"]),
    ("own-pictures", "grid.png", {"n": 4, "seed": 2}, []),
    ("language", "sentences.txt", {"n": 6, "seed": 4}, []),
    ("language", "sentences.txt", {"n": 6, "seed": 4, "temperature": "0.5", "top_k": 5, "top_p": "0.9",
                                   "start": "The king"}, ["--temperature", "0.5", "--top-k", "5", "--top-p", "0.9",
                                                          "--start", "The king"]),
    ("text--lstm", "sentences.txt", {"n": 3, "seed": 0, "temperature": "1.5"}, ["--temperature", "1.5"]),
    ("text--lstm", "sentences.txt", {"n": 3, "seed": 0, "form": "2 sees 2"}, ["--form", "2 sees 2"]),
]  # fmt: skip


@pytest.mark.parametrize(("run", "what", "query", "words"), DRAWN)
def test_what_is_drawn_is_what_poise_sample_writes(run, what, query, words, at, played, tmp_path):
    file = written(tmp_path, f"x{Path(what).suffix}", "sample", played / run, "-n", query["n"], "--seed", query["seed"],
                   *words)  # fmt: skip
    assert got(at, f"/api/play/{run}/{what}", **query) == file.read_bytes()


@pytest.mark.parametrize("run", ["dcgan", "residual", "vae"])
def test_a_picture_alone_is_the_file_of_a_folder_of_samples(run, at, played, tmp_path):
    folder = written(tmp_path, "each", "sample", played / run, "-n", 5, "--seed", 3)
    for i in range(5):
        found = got(at, f"/api/play/{run}/picture.png", n=5, seed=3, at=i)
        assert found == (folder / f"{i:05d}.png").read_bytes()


@pytest.mark.parametrize("query", [{}, {"voice": "high", "seed": 3, "speed": "1.5"}])
def test_a_sentence_is_what_poise_say_writes(query, at, played, tmp_path):
    words = [word for name, value in query.items() for word in (f"--{name}", value)]
    file = written(tmp_path, "x.wav", "say", played / "speech", "ma1", *words)
    assert got(at, "/api/play/speech/say.wav", text="ma1", **query) == file.read_bytes()


@pytest.mark.parametrize("run", ["speech", "vocoder--vocos"])
def test_clips_are_the_files_of_poise_sample(run, at, played, tmp_path):
    folder = written(tmp_path, "clips", "sample", played / run, "-n", 3, "--seed", 1)
    titles = json.loads((folder / "texts.json").read_text())
    assert json.loads(got(at, f"/api/play/{run}/clips.json", n=3, seed=1)) == titles and len(titles) == 3
    for i in range(3):
        found = got(at, f"/api/play/{run}/clip.wav", n=3, seed=1, at=i)
        assert found == (folder / f"{i:03d}-generated.wav").read_bytes()


@pytest.mark.parametrize("run", ["dcgan", "residual", "vae"])
def test_ways_are_those_of_the_door_and_their_ends_are_the_pictures(run, at, played):
    asked = {"from": 3, "from_at": 1, "to": 9, "to_at": 2}
    start, end = NoisePlace(3, 1), NoisePlace(9, 2)
    strip = poise.load(played / run).walk([start], [end], [i / 4 for i in range(5)])[0]
    assert got(at, f"/api/play/{run}/way.png", **asked, between=5) == png(grid(strip, columns=5))
    halfway = poise.load(played / run).walk([start], [end], [0.35])[0, 0]
    assert got(at, f"/api/play/{run}/between.png", **asked, share="0.35") == png(drawing.alone(halfway))
    for share, seed, place in ((0, 3, 1), (1, 9, 2)):
        found = got(at, f"/api/play/{run}/between.png", **asked, share=share)
        assert found == got(at, f"/api/play/{run}/picture.png", n=3, seed=seed, at=place)


def test_between_two_seeds_all_pictures_walk_and_at_a_seed_they_are_its_samples(at, played):
    run = poise.load(played / "residual")
    places = [NoisePlace(3, i, 0.25, "b") for i in range(4)]
    made = run.walk(places, places, [0.0])[:, 0]
    assert got(at, "/api/play/residual/grid.png", n=4, seed="3.25", label="b") == png(grid(made))
    whole = got(at, "/api/play/residual/grid.png", n=4, seed="3.00", label="b")
    assert whole == png(grid(run.sample(4, seed=3, label="b"))) != png(grid(made))
    one = got(at, "/api/play/residual/picture.png", n=4, seed="3.25", label="b", at=2)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(one))), made[2])
    way = {"from": "3.25", "from_at": 2, "from_label": "b", "to": 5, "to_label": "a", "share": 0}
    assert got(at, "/api/play/residual/between.png", **way) == one


def test_a_page_is_told_what_each_run_can_and_no_place_on_this_machine(at, played):
    pictures, sounds = ["grid.png", "picture.png", "way.png", "between.png"], ["clip.wav", "clips.json"]
    draws = {"dcgan": pictures, "residual": pictures, "vae": pictures, "own-pictures": pictures,
             "language": ["sentences.txt"], "text--lstm": ["sentences.txt"], "speech": [*sounds, "say.wav"],
             "vocoder--vocos": sounds}  # fmt: skip
    for kind in KINDS:
        answer = at.get(f"/api/play/{name_of(kind)}")
        found = answer.json()
        assert found["draws"] == draws[name_of(kind)] and not found["trouble"]
        assert found["steps"] and str(played) not in answer.text
        assert (
            at.get(f"/api/play/{name_of(kind)}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        )
    assert at.get("/api/play/residual").json()["classes"] == ["a", "b", "c"]
    assert "label" not in at.get("/api/play/dcgan").json()["asks"]
    assert at.get("/api/play/speech").json()["voices"] == ["high", "low"]
    assert at.get("/api/play/speech").json()["texts"]


def test_a_run_that_goes_on_or_stopped_is_played_with_at_its_last_checkpoint(painter, tmp_path):
    shutil.copytree(OLD, tmp_path / "runs")
    last = RunFolder(tmp_path / "runs" / "images").saved()
    with TestClient(serving.application(tmp_path / "runs", painter=painter), base_url="http://localhost:8741") as at:
        known = at.get("/api/play/images").json()
        assert known["steps"][-1] == last and len(known["steps"]) > 1
        newest = got(at, "/api/play/images/grid.png", n=4)
        assert newest == got(at, "/api/play/images/grid.png", n=4, step=last)
        assert newest == png(grid(poise.load(tmp_path / "runs" / "images").sample(4)))
        first = known["steps"][0]
        earlier = png(grid(poise.load(tmp_path / "runs" / "images", step=first).sample(4)))
        assert got(at, "/api/play/images/grid.png", n=4, step=first) == earlier
        shutil.rmtree(tmp_path / "runs" / "images" / "checkpoints" / f"step-{last:08d}")
        assert at.get(f"/api/play/images/grid.png?step={last}").status_code == 400, "it is gone"
        for place in (tmp_path / "runs" / "images" / "checkpoints").iterdir():
            shutil.rmtree(place)
    with TestClient(serving.application(tmp_path / "runs", painter=painter), base_url="http://localhost:8741") as at:
        assert "has no checkpoint yet" in at.get("/api/play/images").json()["trouble"]
