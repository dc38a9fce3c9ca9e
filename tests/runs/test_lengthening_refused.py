"""Runs that go on beyond their end, on the command line: what is said, and what is refused and changes nothing."""

from __future__ import annotations

import json
import re

import pytest

from poise.cli import main
from poise.disk.description import Lengthening
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.further import pace
from poise.runs.further.lengthening import MOST, _check_rates, longer, steps_in
from poise.runs.report import RunReport
from poise.training.checkpoint import latest
from tests.refusals import snapshot, told
from tests.runs.conftest import TINY, spec
from tests.runs.test_lengthening import built

# On the command line.

SMALL = [
    "--steps=6", "--batch=8", "--noise=8", "--generator.width=4", "--discriminator.width=4", "--log-every=2",
    "--checkpoint-every=2", "--sample-every=6", "--scores=0", "--threads=1", "--precision=fp32", "--device=cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(pictures, tmp_path_factory):
    """runs/images-squares-...: a finished run of six steps, and zero, whose learning rate ends at 0."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("POISE_RUNS", "runs")
        assert main(["train", "images", pictures, *SMALL, "--quiet"]) == 0
        assert main(["train", "images", pictures, *SMALL, "--quiet", "--out=zero", "--generator.lr=linear:1e-3:0"]) == 0
    return folder


@pytest.mark.slow
def test_on_the_command_line(place, pictures, capsys):
    assert main(["resume", "last", "--steps", "3"]) == 0
    out = capsys.readouterr().out
    assert "9 steps of 8" in out and "going on after step 6" in out and "lengthened from 6 to 9 steps" in out
    assert main(["train", "images", pictures, *SMALL]) == 0, "the arguments that it was made with"
    out = capsys.readouterr().out
    assert "was finished before; nothing to do." in out and "The run was lengthened from 6 to 9 steps." in out
    assert len(list((place / "runs").iterdir())) == 1
    assert main(["runs", "--json"]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    (name,) = (name for name in listed if name.startswith("images-squares"))
    assert (listed[name]["state"], listed[name]["step"], listed[name]["of"]) == ("finished", 9, 9)
    assert main(["resume", "zero", "--from-step", "4", "--quiet"]) == 0
    assert main(["runs", "diff", name, "zero"]) == 0
    assert any(
        line.split()[:1] == ["lengthened"] and "from 6 to 9 steps" in line
        for line in capsys.readouterr().out.splitlines()
    )
    assert main(["resume", name, "--from-step", "6", "--quiet"]) == 0, "taken back, it keeps its new length"
    assert RunReport.of(RunFolder(place / "runs" / name)).steps == 9


REFUSED = {
    "--steps 0": r"--steps must be at least 1, not 0",
    "--steps -4": r"--steps must be at least 1, not -4",
    "--steps many": r"--steps: 'many' is no whole number",
    "--steps 1.5": r"--steps: '1\.5' is no whole number",
    "--minutes 0": r"--minutes must be a number above 0, not 0",
    "--minutes -1": r"--minutes must be a number above 0, not -1",
    "--minutes nan": r"--minutes must be a number above 0, not nan",
    "--minutes inf": r"--minutes must be a number above 0, not inf",
    "--minutes soon": r"--minutes: 'soon' is no number",
    "--minutes 1e300": r"--minutes must be above 0 and at most 1,000,000,000, not 1e\+300",
    "--steps 2 --minutes 2": r"--steps and --minutes both say .*give one",
    "--steps 2 --from-step 4": r"--steps makes the run longer and --from-step takes it back",
    "--minutes 2 --from-step 4": r"--minutes makes the run longer and --from-step takes it back",
}


@pytest.mark.slow
@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_told_and_changes_nothing(words, place, capsys):
    before = snapshot(place)
    assert main(["resume", "last", *words.split()]) == 2
    assert re.search(REFUSED[words], told(capsys))
    assert snapshot(place) == before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["resume", "zero", "--steps", "2"], r"learning rate of the generator is 0 at the end of its schedule"),
        (["resume", "zero", "--minutes", "2"], r"learning rate of the generator is 0 at the end of its schedule"),
        (["train", "images", "DATA", *SMALL, "--steps=9", "--generator.lr=linear:1e-3:0", "--out=zero"],
         r"zero holds a run with other arguments; choose another --out, or lengthen it with poise resume RUN --steps"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_what_would_not_train_is_told_and_changes_nothing(argv, said, place, pictures, capsys):
    before = snapshot(place)
    assert main([pictures if word == "DATA" else word for word in argv]) == 2
    assert re.search(said, told(capsys))
    assert snapshot(place) == before


def damaged_checkpoint(folder):
    newest = latest(folder / "checkpoints")
    with open(newest / "generator.safetensors", "ab") as file:
        file.write(b"x")


def damaged_record(folder):
    lines = (folder / "record.jsonl").read_text().splitlines()
    (folder / "record.jsonl").write_text("\n".join(["no row", *lines]) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damaged_checkpoint, damaged_record])
def test_a_run_that_cannot_go_on_is_not_lengthened(damage, place, pictures, capsys):
    """However often it is asked for."""
    assert main(["train", "images", pictures, *SMALL, "--quiet", "--out=spoilt"]) == 0
    damage(place / "spoilt")
    before = snapshot(place)
    for _ in range(2):
        assert main(["resume", "spoilt", "--steps", "3"]) == 2
        assert told(capsys)
        assert snapshot(place) == before


def rated(pictures, lr, steps=40):
    (stage,) = built(spec(pictures, steps=steps, generator={**TINY, "lr": lr})).stages
    return stage


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lr", "start", "end", "refused"),
    [
        ("linear:1e-3:0", 40, 44, True),
        ("linear:1e-3:0", 20, 200, True),  # it had ended early
        ("linear:1e-3:0:60", 40, 50, False),  # still on its way
        ("linear:1e-3:0:60", 40, 200, True),
        ("linear:1e-3:1e-5", 40, 200, False),
    ],
)
def test_steps_without_a_learning_rate_are_refused(lr, start, end, refused, pictures):
    if refused:
        with pytest.raises(PoiseError, match="the learning rate of the generator is 0 at the end of its schedule"):
            _check_rates(rated(pictures, lr), start, end)
    else:
        _check_rates(rated(pictures, lr), start, end)


def test_what_is_steered_is_not_moved_by_asking(pictures):
    recipe = built(spec(pictures, steps=40, augment="cutout", augment_probability="steered"))
    (steered,) = (dial.schedule for dial in recipe.stages[0].dials)
    before = steered.state_dict()
    longer(recipe, [Lengthening(40, 60)])
    assert steered.state_dict() == before


def test_no_more_steps_than_are_believed():
    assert (steps_in(10, 0.5), steps_in(1e-9, 5.0), steps_in(1e9, 1e-6)) == (1200, 1, MOST)


def test_a_run_that_diverges_while_a_step_is_timed_is_told(pictures, tmp_path):
    fast = {who: {**TINY, "lr": 1e30} for who in ("generator", "discriminator")}
    with pytest.raises(PoiseError, match=r"the run diverged while a step was timed .*: give --steps, not --minutes"):
        pace.seconds_of_a_step(tmp_path, built(spec(pictures, steps=40, **fast)))
