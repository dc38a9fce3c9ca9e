"""Runs that begin with the networks of another, afterwards: without the other run, and on the command line."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from poise.cli import main
from poise.disk.rows import StepRow
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.run import Interrupted, Stop, run
from poise.training.checkpoint import latest
from tests.refusals import snapshot, told
from tests.runs.conftest import LAST, TINY, Stopping, assert_same, spec, state

# Going on without the other run.


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 3])
def test_resumed_after_the_other_has_gone_it_ends_the_same(step, pictures, origin, tmp_path):
    """Also before its first checkpoint, and with a penalty that pulls to where it began."""
    towards = {"class_path": "L2Towards", "init_args": {"strength": 0.1}}
    shutil.copytree(origin, tmp_path / "other")
    changes = {"steps": 9, "seed": 3, "generator": {**TINY, "penalties": [towards]}}
    asked = spec(pictures, **changes, from_run=str(tmp_path / "other"))
    run(asked, tmp_path / "whole")
    if step == 0:
        with pytest.raises(RuntimeError, match="killed"):
            run(asked, tmp_path / "parts", Killed())
        assert not latest(RunFolder(tmp_path / "parts").checkpoints)
    else:
        with pytest.raises(Interrupted):
            run(asked, tmp_path / "parts", Stopping(step, stop := Stop()), stop)
    shutil.rmtree(tmp_path / "other")
    kept = RunFolder(tmp_path / "parts").spec()
    assert (kept.arguments["from_step"], kept.facts["origin"]["step"]) == (8, 8)
    assert {name.removesuffix(".safetensors") for name in kept.facts["origin"]["files"]} == {
        "generator", "generator.ema", "discriminator"
    }  # fmt: skip
    report = run({"recipe": "images", "arguments": kept.arguments}, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    assert sum(note.startswith("took") for note in report.notes) == 2


class Killed(Stopping):
    """A view that ends the run before anything of it is saved."""

    def __init__(self):
        pass

    def step(self, made, entry):
        raise RuntimeError("killed")


@pytest.mark.slow
def test_what_was_kept_is_checked_and_stands_in_for_a_changed_origin(pictures, origin, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(origin, other)
    asked = spec(pictures, steps=6, from_run=str(other))
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "a", Stopping(3, stop := Stop()), stop)
    folder = RunFolder(tmp_path / "a")
    kept = {"recipe": "images", "arguments": folder.spec().arguments}
    shutil.copytree(folder.origin, tmp_path / "saved")
    file = folder.origin / "discriminator.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(PoiseError, match=r"a/origin does not hold the weights that the run began with: it is damaged"):
        run(kept, tmp_path / "a")
    shutil.rmtree(folder.origin)  # the other run still has them
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    run(kept, tmp_path / "a")
    again = spec(pictures, steps=8, seed=8)
    shutil.rmtree(other)
    run(again, other)  # another run at the same place, of as many steps
    with pytest.raises(PoiseError, match=r"b began with other weights than .*/other has now, and .*put it back"):
        run(kept, tmp_path / "b")
    shutil.copytree(tmp_path / "saved", tmp_path / "b" / "origin")
    run(kept, tmp_path / "b")
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))


# On the command line.

SMALL = [
    "--steps=4", "--batch=8", "--noise=8", "--generator.width=4", "--discriminator.width=4", "--log-every=2",
    "--checkpoint-every=2", "--sample-every=6", "--scores=0", "--threads=1", "--precision=fp32", "--device=cpu",
    "--quiet",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(pictures, origin, tmp_path_factory):
    """runs/first, whose last step was scored."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "runs").mkdir()
    shutil.copytree(origin, folder / "runs" / "first")
    first = RunFolder(folder / "runs" / "first")
    first.add(StepRow({"step": 7, "score/KID-EffLite0": 1.0}))
    first.close()
    return folder


@pytest.mark.slow
def test_the_same_command_is_the_same_run_until_the_other_has_gone_on(place, pictures, capsys):
    words = ["train", "images", pictures, *SMALL]
    assert main([*words, "--from-run", "first"]) == 0
    (name,) = {p.name for p in (place / "runs").iterdir()} - {"first"}
    for same in (["first"], ["runs/first"], [str(place / "runs" / "first")], ["fir", "--from-step", "8"],
                 ["first", "--from-step", "best"]):  # fmt: skip
        assert main([*words, "--from-run", *same]) == 0
    assert {p.name for p in (place / "runs").iterdir()} == {"first", name}
    assert json.loads((place / "runs" / name / "spec.json").read_text())["arguments"]["from_run"] == "runs/first"
    assert main(["resume", "first", "--steps", "2", "--quiet"]) == 0
    assert main([*words, "--from-run", "first"]) == 0
    assert len(list((place / "runs").iterdir())) == 3
    capsys.readouterr()
    assert main(["runs", "rm", name, "--yes"]) == 0
    assert "stays" not in capsys.readouterr().out and not (place / "runs" / name).exists()


REFUSED = {
    "--from-run nope": r"--from-run nope: there is no run 'nope' in runs",
    "--from-run first --from-step 3": r"--from-run runs/first keeps no checkpoint of step 3: see runs/first",
    "--from-run first --from-step soon": r"--from-run first: --from-step soon is unknown; use last, best or a number",
    "--from-run first --from-parts all": r"--from-parts must be one of generator, discriminator, both",
    "--from-parts generator": r"--from-parts generator does nothing without --from-run RUN",
    "--from-step best": r"--from-step best does nothing without --from-run RUN",
    "--from-run first --size 32 --channels 3": r"nothing of the generator of runs/first, step 8 fits this run",
    "--from-run first --out runs/first": r"runs/first holds a run with other arguments",
    "--pretrained first": r"here that is --from-run",
}


@pytest.mark.parametrize("words", [pytest.param(words, marks=pytest.mark.slow) for words in REFUSED])
def test_what_cannot_be_is_told_and_changes_nothing(words, place, pictures, capsys):
    before = snapshot(place)
    assert main(["train", "images", pictures, *SMALL, *words.split()]) == 2
    assert re.search(REFUSED[words], told(capsys))
    assert snapshot(place) == before


def spoiled(place, what):
    first = place / "runs" / "first"
    if what == "vae":
        content = json.loads((first / "spec.json").read_text())
        (first / "spec.json").write_text(json.dumps({**content, "recipe": "vae"}))
    elif what == "no checkpoint":
        shutil.rmtree(first / "checkpoints")
    else:
        file = first / "checkpoints" / LAST / "generator.ema.safetensors"
        file.write_bytes(file.read_bytes()[:-1] + b"\1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("vae", r"--from-run runs/first is a run of vae: name one of poise train images"),
        ("no checkpoint", r"--from-run first: it has no checkpoint yet"),
        ("damaged", r"generator\.ema\.safetensors does not match its sha256"),
    ],
)
def test_an_origin_that_will_not_do_is_told_and_changes_nothing(what, said, place, pictures, capsys):
    spoiled(place, what)
    before = snapshot(place)
    assert main(["train", "images", pictures, *SMALL, "--from-run", "first"]) == 2
    assert re.search(said, told(capsys))
    assert snapshot(place) == before


@pytest.mark.slow
def test_it_is_resumed_from_any_folder(place, pictures, monkeypatch, capsys):
    """Its origin is the same wherever one stands, also where that lies beside it."""
    assert main(["train", "images", pictures, *SMALL, "--from-run", "first", "--out", "second"]) == 0
    for here in (place / "runs", place / "runs" / "first", place.parent):
        monkeypatch.chdir(here)
        assert main(["resume", str(place / "second"), "--steps", "1", "--quiet"]) == 0, here
    assert RunFolder(place / "second").report()["steps"] == RunFolder(place / "second").spec().end
