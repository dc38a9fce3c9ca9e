"""What is known of a study before its first run: planted mistakes are found, a right study passes, nothing is left."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from poise.cli import main
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.run import run
from poise.studies.plans.files import read_plan
from poise.studies.running import attempt as attempts
from poise.studies.running.attempt import attempt
from poise.studies.running.endpoints import MADE_UP, listed
from poise.studies.study import Study
from tests.studies.here import snapshot

SMALL = {"steps": 12, "batch": 8, "threads": 1, "scores": 2, "score_samples": 16}
BASE = {
    "name": "small",
    "question": "Does it?",
    "seeds": 6,
    "against": "none",
    "recipe": "images",
    "arguments": {
        **SMALL, "data": "pictures", "heldout": 0.3,
        "generator": {"width": 4}, "discriminator": {"width": 4}, "augment": "none",
    },
    "arms": {"none": {"l2_generator": 0}, "some": {"l2_generator": 1e-3}},
    "endpoints": {
        "KID": {"score": "KID-EffLite0", "at": "best", "better": "lower", "margin": "10%"},
        "gap": {"mean": "discriminator/auc_gap", "over": "last half", "better": "lower"},
        "alive": {"alive": "discriminator", "better": "higher"},
        "lost": {"finding": "nothing was learnt", "better": "lower"},
    },
    "claims": [{"says": "it does", "tests": [{"endpoint": "KID", "arm": "some", "expect": "lower"}]}],
}  # fmt: skip


def changed(**changes):
    return {**BASE, **changes}


def arm(**arguments):
    return changed(arms={**BASE["arms"], "some": arguments})


def given(**arguments):
    return changed(arguments={**BASE["arguments"], **arguments})


def endpoint(**reads):
    return changed(endpoints={**BASE["endpoints"], "mine": {"better": "lower", **reads}})


# what is wrong -> (the study, what is said); at least twenty, each of another kind
# ruff: noqa: E501
PLANTED = {
    "a strength below 0": (arm(l2_generator=-1e-3), r"arm 'some': .*-0.001"),
    "data that are not there": (given(data="picturse"), r"picturse"),
    "a score misspelt": (endpoint(score="KID-EfLite0", at="end"), r"endpoint 'mine': there is no score 'KID-EfLite0'; did you mean 'KID-EffLite0'"),
    "a score that needs labels": (endpoint(score="KID-classifier", at="end"), r"there is no score 'KID-classifier'.* There is: "),
    "a score until": (endpoint(steps_until="FID", below=3), r"there is no score 'FID'"),
    "a recorded number misspelt": (endpoint(mean="discriminator/auc_gapp", over="last half"), r"nothing is recorded as 'discriminator/auc_gapp'; did you mean 'discriminator/auc_gap'"),
    "a player that is not there": (endpoint(alive="critic"), r"life in 'critic'.* There is: discriminator"),
    "a finding misspelt": (endpoint(finding="mode collapse"), r"there is no finding 'mode collapse'"),
    "two arms that are one": (arm(l2_generator=0), r"arms 'none' and 'some' ask for the same run"),
    "an argument misspelt": (arm(l2_generater=1e-3), r"arm 'some': .*l2.generater"),
    "a number that is a word": (given(steps="many"), r"many"),
    "a batch larger than the data": (given(batch=4096), r"4.?096"),
    "a rate that explodes": (arm(generator={"lr": 1e30}), r"arm 'some': its very first steps fail: .* became"),
    "scores turned off": (given(scores=0), r"its runs have no scores at all"),
    "nothing held out": (given(heldout=0), r"no scores at all|nothing is held out"),
    "a loss that is not there": (given(loss="hinged"), r"hinged.*did you mean 'hinge'"),
    "a schedule misspelt": (arm(l2_generator="cosinus:1e-3:1e-5"), r"cosinus"),
    "a penalty that is not there": (arm(discriminator={"penalties": [{"class_path": "R3"}]}), r"R3"),
    "a penalty of another player": (arm(discriminator={"penalties": [{"class_path": "AR"}]}), r"AR"),
    "a weight of a penalty below 0": (arm(discriminator={"penalties": [{"class_path": "R1", "init_args": {"gamma": -1}}]}), r"gamma"),
    "a penalty that covers nothing": (arm(generator={"penalties": [{"class_path": "L2", "init_args": {"strength": 1e-3, "covers": "heads.*"}}]}), r"covers no weight"),
    "a device that is not there": (given(device="cuda:7"), r"cuda"),
    "a size that no network makes": (given(size=7), r"7"),
    "a precision that is not there": (given(precision="fp8"), r"fp8"),
    "a seed in an arm": (arm(seed=3), r"seed"),
    "a claim on no arm": (changed(claims=[{"says": "x", "tests": [{"endpoint": "KID", "arm": "sone", "expect": "lower"}]}]), r"no arm 'sone'; did you mean 'some'"),
    "patience beyond the scores": (arm(patience=5), r"patience 5"),
}  # fmt: skip


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder of forty pictures, and this test in it."""
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(40):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / "pictures" / f"{i:02d}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, table):
    (folder / "study.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
    return "study.yaml"


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found_before_anything_is_written(name, pictures, capsys):
    table, said = PLANTED[name]
    file = write(pictures, table)
    before = set(snapshot(pictures))
    for words in (["study", file, "--dry-run"], ["study", file, "--workers", "2", "--quiet"]):
        assert main(words) == 2
        told = capsys.readouterr().err
        assert re.search(said, told), told
        assert "Traceback" not in told and len(told.splitlines()) == 1
    assert set(snapshot(pictures)) == before, "a refused study leaves nothing behind"


@pytest.mark.slow
def test_all_mistakes_are_told_at_once(pictures):
    table = changed(
        arms={"none": {"l2_generator": 0}, "some": {"l2_generator": 0}, "less": {"l2_generator": -1}},
        endpoints={"mine": {"score": "FID", "at": "end", "better": "lower"}},
        claims=[],
    )
    study = Study.of(write(pictures, table))
    told: list[str] = []
    with pytest.raises(PoiseError, match=r"ask for the same run; .*; and 3 more \(--dry-run tells all\)"):
        study.rehearse(1, told.append)
    mistakes = [line for line in told if line.startswith("mistake: ")]
    assert len(mistakes) == 4
    assert [sum(part in line for line in mistakes) for part in ("same run", "arm 'less'", "no score 'FID'")] == [
        1,
        1,
        2,
    ]


@pytest.mark.slow
def test_a_right_study_passes_and_says_what_it_costs(pictures, capsys):
    arms = "{none: {l2_generator: 0}, off: {l2_generator: 0.5}, 1e-3: {l2_generator: 1e-3, compile: no}}"
    text = yaml.safe_dump({**changed(), "arms": 0, "against": 0, "claims": []}, sort_keys=False)
    text = text.replace("arms: 0", f"arms: {arms}").replace("against: 0", "against: off")
    (pictures / "study.yaml").write_text(text)
    before = set(snapshot(pictures))
    assert main(["study", "study.yaml", "--dry-run", "--workers", "2"]) == 0
    said = capsys.readouterr().out
    assert "images: scores are FD-EffLite0, KID-EffLite0" in said
    assert re.search(
        r"images, off: first steps taken, \d+ ms each; 12 steps, 2 looks with scores of \d+ s: .* a run", said
    )
    assert re.search(r"images, 1e-3: first steps taken", said)
    assert re.search(
        r"all runs: about .* by 2 workers, if each has a core to itself; \d+ MB of the .* that are free", said
    )
    assert set(snapshot(pictures)) == before
    plan = read_plan("study.yaml")
    assert [a.name for a in plan.parts[0].arms] == ["none", "off", "1e-3"] and plan.parts[0].against == "off"


@pytest.mark.slow
def test_no_room_on_the_disk_is_told(pictures, monkeypatch):
    study = Study.of(write(pictures, BASE))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 100_000))
    with pytest.raises(PoiseError, match=r"the runs need about .* has 0 MB: make room"):
        study.rehearse(1)


@pytest.mark.slow
def test_arms_share_the_look_with_scores_of_their_part(pictures, monkeypatch):
    looks = []
    real = attempts._looks
    monkeypatch.setattr(attempts, "_looks", lambda recipe, known, like: (looks.append(like), real(recipe, known, like)))
    Study.of(write(pictures, BASE)).rehearse(1)
    assert looks[0] is None and looks[1] is not None


@pytest.mark.slow
def test_scores_are_endpoints_of_a_mean_too_and_arms_of_other_data_are_scored_anew(pictures, monkeypatch):
    study = Study.of(write(pictures, endpoint(mean="score/KID-EffLite0", over="whole run")))
    study.rehearse(1)
    table = arm(score_samples=8)
    with_looks = []
    real = attempts._looks
    monkeypatch.setattr(
        attempts, "_looks", lambda recipe, known, like: (with_looks.append(like), real(recipe, known, like))
    )
    Study.of(write(pictures, table)).rehearse(1)
    assert with_looks == [None, None]


@pytest.mark.slow
def test_more_workers_than_runs_do_not_make_a_run_shorter(pictures, monkeypatch):
    monkeypatch.setattr(attempts.Known, "seconds", property(lambda known: 600.0))
    study = Study.of(write(pictures, changed(seeds=2, claims=[])))
    assert "about 10 min by 4 workers" in study.rehearse(64)[0] and "about 40 min," in study.rehearse(1)[0]


OF_RECIPES = {
    "images": ("image", {"generator": {"width": 4}, "discriminator": {"width": 4}, "l2_generator": 1e-3, "labels": "none"}),
    "vae": ("image", {"labels": "none", "limit": 60}),
    # At a rate at which some sample has eight units at every look: without one there is no score of what is memorised.
    "text": ("text", {"l2_generator": 1e-3, "generator": {"warm_lr": "cosine:4e-3:4e-4"}}),
    "language": ("text", {"l2_recurrent": 1e-3}),
    "vocoder": ("speech", {"generator": {"width": 8}}),
    "speech": ("speech", {}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("recipe", OF_RECIPES)
def test_what_a_rehearsal_finds_is_what_a_run_has(recipe, tmp_path):
    """Every name of the record and every score: so that no endpoint is refused that could be read, nor one let pass."""
    from poise.recipes.common.options import parameters
    from poise.specs.spec import completed, kind_of

    modality, more = OF_RECIPES[recipe]
    data = MADE_UP[modality](tmp_path)
    taken = parameters(kind_of(recipe).build)
    stages = {name: 6 for name in taken if name.endswith("_steps") and name != "joint_steps"}
    wanted = {**SMALL, "sample_every": 100, **stages, **more, "data": str(data), "seed": 0}
    arguments = {name: value for name, value in wanted.items() if name in taken}
    known = attempt(recipe, completed(recipe, arguments))
    run({"recipe": recipe, "arguments": arguments}, tmp_path / "run")
    rows = RunFolder(tmp_path / "run").rows()
    recorded = {key for row in rows for key in row if not key.startswith("score/")} - {"step"}
    scores = {key.removeprefix("score/") for row in rows for key in row if key.startswith("score/")}
    assert recorded == known.recorded and scores == known.scores
    assert known.scores & set(kind_of(recipe).primary) and known.step > 0 and known.checkpoint > 0


@pytest.mark.slow
def test_endpoints_of_a_recipe_are_listed(pictures, capsys):
    assert main(["study", "--endpoints", "images"]) == 0
    said = capsys.readouterr().out
    assert "at: best is the step with the lowest KID-EffLite0" in said and "  KID-classifier" in said
    assert "  discriminator/auc_gap" in said and "  dead discriminator" in said
    own = listed("images", "pictures")
    assert own[0] == "images: what endpoints can read of runs on pictures" and "  KID-classifier" not in own


def test_endpoints_of_nothing_are_refused(capsys):
    assert main(["study", "--endpoints", "image"]) == 2
    assert "did you mean 'images'" in capsys.readouterr().err
    assert main(["study"]) == 2
    assert "needs a file" in capsys.readouterr().err
