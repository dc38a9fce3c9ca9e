"""poise train --minutes: how many steps that is is found once, and the same command is the same run."""

from __future__ import annotations

import pytest
import torch

from poise.cli import minutes as measured
from poise.cli.program import main
from poise.cli.train import parser_of
from poise.record import RunFolder
from poise.runs.further import pace
from poise.specs.spec import Completed
from tests.runs.conftest import spec
from tests.runs.test_lengthening import built

SMALL = ["--batch=8", "--noise=8", "--generator.width=4", "--discriminator.width=4", "--scores=0", "--threads=1",
         "--precision=fp32", "--device=cpu"]  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", "runs")
    return tmp_path


@pytest.fixture
def paces(monkeypatch):
    """Seconds of a step, one for each time that somebody measures them."""
    left = [0.5, 7.0]
    monkeypatch.setattr(measured, "seconds_of_a_step", lambda folder, recipe, free: left.pop(0))
    return left


@pytest.mark.slow
def test_minutes_are_steps_that_are_found_once(place, pictures, paces, capsys):
    words = ["train", "images", pictures, *SMALL, "--minutes", "0.1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "0.1 minutes are about 12 steps here, 500 ms each; scores come on top" in said
    (run,) = (path for path in (place / "runs").iterdir() if path.is_dir())
    assert RunFolder(run).spec().arguments["steps"] == 12 and RunFolder(run).report()["steps"] == 12
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "0.1 minutes were found to be 12 steps" in said and "was finished before" in said
    assert len(paces) == 1, "measured once"
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.count(run.name) == 1
    assert main([*words[:-1], "0.2", "--out", "mine"]) == 0
    assert RunFolder(place / "mine").spec().arguments["steps"] == 2, "12 s of 7 s each"


@pytest.mark.slow
def test_a_run_of_so_many_minutes_is_the_run_of_so_many_steps(place, pictures, paces):
    assert main(["train", "images", pictures, *SMALL, "--minutes", "0.1", "--out", "a", "--quiet"]) == 0
    assert main(["train", "images", pictures, *SMALL, "--steps", "12", "--out", "b", "--quiet"]) == 0
    one, other = (RunFolder(place / name) for name in "ab")
    assert one.spec().arguments == other.spec().arguments and one.rows() == other.rows()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--minutes", "1", "--steps", "4"], "--minutes and --steps both say how long the run is"),
        (["--minutes", "1", "--steps=4"], "--minutes and --steps both say how long the run is"),
        (["--minutes", "0"], "--minutes"),
        (["--minutes", "nan"], "--minutes"),
        (["--minutes", "soon"], "--minutes"),
        (["--minutes", "1e300"], "--minutes must be above 0 and at most"),
    ],
)
def test_what_no_run_can_last_is_refused(place, pictures, capsys, words, sentence):
    assert main(["train", "images", pictures, *SMALL, *words]) == 2
    told = capsys.readouterr().err
    assert sentence in told and "Traceback" not in told and len(told.strip().splitlines()) == 1
    assert not (place / "runs").exists()


def test_a_recipe_of_several_stages_has_steps_of_each(place, capsys):
    (place / "lines.txt").write_text("".join(f"the {a} sees the {b} .\n" for a in "abcdefgh" for b in "ijklmnop"))
    assert main(["train", "text", "lines.txt", "--minutes", "1", "--heldout", "0.2", "--batch", "8"]) == 2
    assert "has several stages (likelihood" in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_that_holds_a_run_is_said_to_hold_it(place, pictures, paces, capsys):
    """Nobody has written down of which minutes its steps are."""
    assert main(["train", "images", pictures, *SMALL, "--steps", "3", "--out", "a", "--quiet"]) == 0
    assert main(["train", "images", pictures, *SMALL, "--minutes", "60", "--out", "a"]) == 0
    said = capsys.readouterr().out
    assert "a holds a run of 3 steps already: --minutes 60 would be for a new one" in said and "found to be" not in said


def test_steps_of_a_configuration_file_beside_minutes_are_refused(place, pictures, capsys):
    (place / "c.yaml").write_text("steps: 500\n")
    words = ["train", "images", pictures, *SMALL, "--config", "c.yaml", "--minutes", "0.1"]
    assert main(words) == 2
    assert "--minutes and the steps of --config c.yaml both say how long the run is" in capsys.readouterr().err
    assert not (place / "runs").exists()


@pytest.mark.slow
def test_quiet_is_quiet_while_data_are_read(place, pictures, paces, capsys):
    assert main(["train", "images", pictures, *SMALL, "--minutes", "0.1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


WIDE = [word for word in SMALL if ".width" not in word]


@pytest.mark.slow
def test_where_few_steps_fit_networks_are_narrower(place, pictures, monkeypatch, capsys):
    """Said, in the spec, and the same command goes on with that run."""
    left = [30.0, 10.0]
    monkeypatch.setattr(measured, "seconds_of_a_step", lambda folder, recipe, free: left.pop(0))
    words = ["train", "images", pictures, *WIDE, "--minutes", "1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "about 2 steps here, fewer than 1,500: the networks are narrower (--generator.width 16 " in said
    assert "which makes it 6 steps, 1e+04 ms each" in said and "beyond blobs: give more minutes, or a smaller" in said
    (run,) = (path for path in (place / "runs").iterdir() if path.is_dir())
    arguments = RunFolder(run).spec().arguments
    assert arguments["steps"] == 6 and arguments["generator"]["width"] == arguments["discriminator"]["width"] == 16
    assert main(words) == 0
    assert "1 minutes were found to be 6 steps" in (said := capsys.readouterr().out) and "was finished before" in said
    by_hand = ["--steps", "6", "--generator.width", "16", "--discriminator.width", "16", "--out", "by-hand"]
    assert main(["train", "images", pictures, *WIDE, *by_hand, "--quiet"]) == 0
    assert (
        RunFolder(place / "by-hand").spec().arguments == arguments
        and RunFolder(place / "by-hand").rows() == RunFolder(run).rows()
    )


@pytest.mark.slow
def test_a_width_that_brings_no_more_steps_is_left(place, pictures, monkeypatch, capsys):
    left = [10.0, 10.0]
    monkeypatch.setattr(measured, "seconds_of_a_step", lambda folder, recipe, free: left.pop(0))
    assert main(["train", "images", pictures, *WIDE, "--minutes", "0.5", "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert "0.5 minutes are about 3 steps here, 1e+04 ms each" in said and "narrower" not in said
    assert RunFolder(place / "run").spec().arguments["generator"]["width"] == 32


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "may"),
    [
        ([], True),
        (["--network", "bilinear"], True),
        (["--network", "nearest"], True),
        (["--generator.width", "32"], False),
        (["--discriminator.width=32"], False),
        (["--generator", '{"width": 32}'], False),
        (["--generator.lr", "1e-4"], True),
        (["--network", "modern"], False),
        (["--from-run", "another"], False),
        (["--config", "wide.yaml"], False),
        (["--config=wide.toml"], False),
        (["--config", "rates.yaml"], True),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else str(part),
)
def test_a_width_that_somebody_asked_for_stays(place, words, may):
    (place / "wide.yaml").write_text("generator: {width: 32}\n")
    (place / "wide.toml").write_text("generator.width = 32\n")
    (place / "rates.yaml").write_text("generator: {lr: 1e-4}\n")
    argv = ["images", "pictures.npy", *words]
    arguments = Completed(parser_of("images").parse(["pictures.npy", *words]))
    assert measured.may_be_narrower(arguments, argv) is may


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["vae", "text", "vocoder", "speech", "language"])
def test_other_recipes_keep_their_widths(place, recipe):
    argv = [recipe, "here"]
    more = ["--network", "dcgan", "--objective", "vae_gan"] if recipe == "vae" else []
    arguments = Completed(parser_of(recipe).parse([*argv[1:], *more]))
    assert not measured.may_be_narrower(arguments, [*argv, *more])


@pytest.mark.slow
@pytest.mark.parametrize(("free", "expected"), [(True, 0.1), (False, 0.4)])
def test_steps_are_timed_as_the_run_will_compute_them(free, expected, pictures, tmp_path, monkeypatch):
    """Two threads that wait for each other are not what a run goes on with, which tries one as well."""
    monkeypatch.setattr(pace, "_training", lambda stage, at, recipe, dials: {1: 0.1, 2: 0.4}[torch.get_num_threads()])
    monkeypatch.setattr(pace, "_again", lambda work: 0.0)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert pace.seconds_of_a_step(tmp_path, built(spec(pictures)), free) == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
