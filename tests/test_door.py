"""The Python door: what the commands do, on one object."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import poise
from poise.cli import main
from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.penalties import L2, R1, WeightDecay
from poise.recipes.common.parts import own_penalties
from poise.record import RunFolder
from poise.specs.objects import kept
from poise.training.schedules import Linear
from tests.evaluation.evaluations import stubs  # noqa: F401
from tests.runs.conftest import grammar, pictures, spec  # noqa: F401  (fixtures)


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):  # noqa: F811
    """A run of pictures and one of an auto-encoder, trained through the door."""
    place = tmp_path_factory.mktemp("door")
    asked = {key: value for key, value in spec(pictures)["arguments"].items() if key != "data"}
    small = {"steps": 12, "batch": 16, "latent_size": 4, "log_every": 4, "scores": 0, "precision": "fp32"}
    return {
        "images": poise.train("images", pictures, out=place / "images", **asked),
        "vae": poise.train("vae", pictures, out=place / "vae", autoencoder={"width": 4}, **small),
    }


def test_importing_poise_loads_nothing_else():
    script = "import sys, poise; print(sorted(m for m in sys.modules if m.startswith(('poise.', 'torch', 'numpy'))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'sampel'"):
        _ = poise.sampel


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images", "vae"])
def test_what_is_sampled_is_what_the_command_samples(name, trained, tmp_path, capsys):
    run = trained[name]
    made = run.sample(6, seed=3)
    assert made.shape == (6, 16, 16, 1) and made.dtype == np.uint8
    assert main(["sample", str(run.path), "-n", "6", "--seed", "3", "--out", str(tmp_path / "six")]) == 0
    from PIL import Image

    files = sorted((tmp_path / "six").glob("*.png"))
    assert np.array_equal(np.stack([np.asarray(Image.open(file)) for file in files])[..., None], made)
    assert np.array_equal(poise.load(run.path).sample(4, seed=3), made[:4])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images", "vae"])
def test_ways_go_from_sample_to_sample(name, trained):
    run = trained[name]
    ways = run.interpolate(rows=3, between=5, seed=7)
    assert ways.shape == (3, 5, 16, 16, 1)
    ends = run.sample(6, seed=7).astype(int)
    assert np.abs(ways[:, 0].astype(int) - ends[0::2]).max() <= 1, "rounding alone may differ in another batch"
    assert np.abs(ways[:, -1].astype(int) - ends[1::2]).max() <= 1
    with pytest.raises(PoiseError, match="at least 1 row and 2 pictures"):
        run.interpolate(between=1)


@pytest.mark.slow
def test_the_command_writes_the_ways_of_the_run(trained, tmp_path, capsys):
    from PIL import Image

    from poise.report.picture import grid

    run, strip = trained["images"], tmp_path / "ways.png"
    asked = ["interpolate", str(run.path), "--rows", "2", "--between", "3", "--seed", "7"]
    assert main([*asked, "--out", str(strip)]) == 0
    wanted = grid(run.interpolate(rows=2, between=3, seed=7).reshape(-1, 16, 16, 1), columns=3)
    assert np.array_equal(np.asarray(Image.open(strip)), np.asarray(wanted))
    assert main([*asked, "--out", str(tmp_path / "ways.webm")]) == 2
    assert "name a file that ends in" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["ways.png"]


@pytest.mark.slow
def test_truncation_pulls_the_same_samples_to_the_mean(trained):
    run = trained["images"]
    plain, near, mean = (run.sample(40, seed=2, truncation=limit).astype(float) for limit in (None, 1.0, 1e-3))
    assert np.array_equal(run.sample(4, seed=2, truncation=1.0), near[:4])
    assert np.array_equal(run.sample(40, seed=2, truncation=30.0), plain)
    assert mean.std(0).max() <= 1, "hardly any noise is hardly any difference"
    assert near.std(0).mean() < plain.std(0).mean()
    assert np.abs(near - plain).mean() < np.abs(near[::-1] - plain).mean(), "each is that of its own noise"
    with pytest.raises(PoiseError, match="--truncation does nothing"):
        trained["vae"].sample(2, truncation=1.0)


@pytest.mark.slow
def test_latents_come_back_as_their_pictures(trained, pictures):  # noqa: F811
    import torch

    run = trained["vae"]
    real = np.load(pictures)["images"][:40, :, :, None]
    means = run.encode(real)
    assert means.shape == (40, 4) and means.dtype == np.float32
    x = torch.from_numpy(real).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        assert np.allclose(run.generator.encode(x).mean.numpy(), means, atol=1e-5)
    with pytest.raises(PoiseError, match=r"uint8 \[n, 16, 16, 1\], not as float64"):
        run.encode(real / 255)
    for wrong in ("pictures", [[1]]):
        with pytest.raises(PoiseError, match=r"an array, uint8 \[n,H,W,C\], not a (str|list)"):
            run.encode(wrong)


def test_an_out_that_is_no_path_is_refused(pictures, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PoiseError, match="out is the path of the run's folder, not a int"):
        poise.train("images", pictures, out=5, steps=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [L2(1e-3), WeightDecay(1e-2), {"class_path": "L2"}, "L2"])
def test_a_penalty_in_the_place_of_a_strength_is_told_where_it_belongs(given, pictures):  # noqa: F811
    with pytest.raises(PoiseError, match=r"^--l2-generator (is a strength|must be a number or a schedule)"):
        poise.train("images", pictures, l2_generator=given, steps=2, batch=8)


def test_l2_among_the_penalties_takes_the_place_of_one_of_strength_0():
    def own(strength):
        asked = SimpleNamespace(name="generator", l2=strength, options=SimpleNamespace(penalties=[L2(1e-3)]))
        return [(one.name, one.strength) for one in own_penalties(asked, 10)]

    assert own(0) == own(0.0) == own("0") == [("l2", 1e-3)]
    assert own(1e-4) == [("l2", 1e-4), ("l2", 1e-3)], "which the player refuses: one has to be named"


@pytest.mark.slow
def test_what_a_recipe_cannot_is_one_sentence(trained):
    for what, verb in (("say", "speak"), ("encode", "encode")):
        with pytest.raises(PoiseError, match=f"is a run of images, which cannot {verb}: name a run of"):
            getattr(trained["images"], what)(np.zeros((1, 16, 16, 1), np.uint8) if what == "encode" else "hello")
    with pytest.raises(PoiseError, match="--temperature does nothing"):
        trained["images"].sample(2, temperature=0.5)
    with pytest.raises(PoiseError, match="-n must be at least 1"):
        trained["images"].sample(0)
    with pytest.raises(PoiseError, match="keeps no checkpoint of step 7"):
        poise.load(trained["images"].path, step=7).sample(1)


@pytest.mark.slow
def test_the_same_arguments_are_the_same_run(pictures, trained):  # noqa: F811
    asked = {key: value for key, value in spec(pictures)["arguments"].items() if key != "data"}
    before = (trained["images"].path / "record.jsonl").read_bytes()
    again = poise.train("images", pictures, out=trained["images"].path, **asked)
    assert (again.path / "record.jsonl").read_bytes() == before
    assert again.report["recipe"] == "images" and again.checkpoint.name == "step-00000024"
    with pytest.raises(PoiseError, match="stepz"):
        poise.train("images", pictures, stepz=3)


def test_an_evaluation_is_the_one_of_the_command(stubs, trained, tmp_path, capsys):  # noqa: F811
    run = trained["images"]
    found = poise.evaluate(run, metrics=["KID"], n=24, seed=1)
    assert not list(run.path.glob("evaluation-*"))
    argv = ["evaluate", str(run.path), "--metrics", "KID", "-n", "24", "--seed", "1"]
    capsys.readouterr()
    assert main([*argv, "--out", str(tmp_path / "e.json")]) == 0
    printed = capsys.readouterr().out
    assert found.lines() in printed
    from poise.disk import read_json

    assert read_json(tmp_path / "e.json") == found.report
    assert found.value("KID") == found.report["evaluations"][0]["rows"][0]["made"]["value"]
    with pytest.raises(PoiseError, match="no 'KIT' in this evaluation; did you mean"):
        found.value("KIT")
    with pytest.raises(PoiseError, match="no option 'feature'"):
        poise.evaluate(run, feature=["rotations"])


@pytest.mark.slow
def test_nothing_is_printed(pictures, tmp_path, capsys):  # noqa: F811
    run = poise.train("images", pictures, out=tmp_path / "quiet", steps=2, batch=8, scores=0,
                      generator={"width": 4}, discriminator={"width": 4})  # fmt: skip
    run.sample(2)
    assert capsys.readouterr() == ("", "")
    assert Path(run.path / "DONE").exists()


SMALL = {"steps": 2, "batch": 8, "scores": 0, "generator": {"width": 4}}


def test_penalties_and_numbers_of_other_libraries_are_kept_as_options(pictures, tmp_path):  # noqa: F811
    """The run is the one that is asked for in words."""
    made = poise.train(
        "images", Path(pictures), out=tmp_path / "objects", steps=np.int64(2), batch=np.int32(8), scores=0,
        l2_generator=np.longdouble(1e-3), generator={"width": np.int16(4), "lr": Linear(1e-3, 1e-4)},
        discriminator={"width": 4, "penalties": [R1(0.5, every=2)]},
    )  # fmt: skip
    again = poise.load(tmp_path / "objects")
    assert again.spec.arguments == made.spec.arguments and again.spec.arguments["batch"] == 8
    r1 = {"class_path": "R1", "init_args": {"gamma": 0.5, "every": 2}}
    said = poise.train(
        "images", pictures, out=tmp_path / "words", **{**SMALL, "generator": {"width": 4, "lr": "linear:1e-3:1e-4"}},
        l2_generator=1e-3, discriminator={"width": 4, "penalties": [r1]},
    )  # fmt: skip
    assert (made.path / "record.jsonl").read_bytes() == (said.path / "record.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"l2_generator": lambda step: 1.0}, "l2_generator is a function, which a run cannot keep: give a number"),
        ({"seed": np.datetime64("2026-01-01")}, "seed is a date, which a run cannot keep"),
        ({"l2_generator": np.complex64(1)}, "l2_generator is a complex, which a run cannot keep"),
        ({"generator": {"lr": torch.tensor(1e-3)}}, "generator.lr is a Tensor, which a run cannot keep"),
        ({"discriminator": {"penalties": [R1(lambda step: 1.0)]}}, "discriminator.penalties.gamma is a function"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(asked, said, pictures, tmp_path):  # noqa: F811
    with pytest.raises(PoiseError) as told:
        poise.train("images", pictures, out=tmp_path / "run", **{**SMALL, **asked})
    assert str(told.value).startswith(said)
    assert list(tmp_path.iterdir()) == []


def test_a_class_of_the_script_itself_cannot_be_found_again():
    @dataclass(eq=False)
    class Mine(R1):
        pass

    with pytest.raises(PoiseError, match="penalties is of the class Mine of this script: put it into a module"):
        kept([Mine(1.0)], "penalties")


def test_pictures_themselves_are_no_path(tmp_path):
    with pytest.raises(PoiseError, match=r"data is a path or the name of a set, not a ndarray: save it first"):
        poise.train("images", np.zeros((4, 16, 16), np.uint8), out=tmp_path / "run")


def test_a_folder_that_cannot_be_described_is_not_left(tmp_path):
    """Whatever goes wrong, nothing half-made stays beside the runs."""
    with pytest.raises(TypeError):
        RunFolder(tmp_path / "run").create(RunSpec("images", {"data": object()}))
    assert list(tmp_path.iterdir()) == []
