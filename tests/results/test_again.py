"""How to make it again: the command is read as the arguments that the run has, the file as the plan of the study."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from poise.disk.description import RunSpec
from poise.record import RunFolder
from poise.results.again import again, plan_again
from poise.specs.spec import completed, of_before, parser_for, run_name
from poise.studies.plans.files import plan_of, read_plan
from poise.studies.plans.tables import table_of
from tests.results.conftest import EVIL, MADE

ROOT = Path(__file__).parents[2]
MINE = [
    ("images", {"data": "my photos", "augment": "none",
                "discriminator": {"penalties": [{"class_path": "R1", "init_args": {"gamma": 2.0}}]}}),
    ("vae", {"data": "x", "beta": "warmup:1:1000", "size": "96x64"}),
    ("text", {"data": EVIL, "generator": {"betas": [0.1, 0.2]}}),
    ("language", {"data": "it's", "ar": 2.0}),
    ("vocoder", {"data": "a"}),
    ("speech", {"data": "a", "l2_vocoder": 1e-5}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "asked"), MINE, ids=[recipe for recipe, _ in MINE])
def test_the_command_of_every_recipe_is_its_arguments(recipe, asked, tmp_path):
    arguments = completed(recipe, asked)
    folder = RunFolder(tmp_path / "run")
    folder.create(RunSpec(recipe, dict(arguments)))
    words = shlex.split(again(folder))
    assert words[:3] == ["poise", "train", recipe]
    found = parser_for(recipe).parse(words[3:])
    assert run_name(recipe, found) == run_name(recipe, arguments), "the same run"
    assert len(words) <= 4 + len(asked), "defaults are left out"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["images", "text", "vae"])
def test_the_command_of_an_old_run_says_what_it_did_not_know(recipe):
    folder = RunFolder(MADE / "runs" / recipe)
    found = parser_for(recipe).parse(shlex.split(again(folder))[3:])
    assert json.dumps(found, sort_keys=True) == json.dumps(
        dict(of_before(recipe, folder.spec().arguments)), sort_keys=True
    )


def test_code_of_others_is_named_and_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("raise SystemExit('executed')")
    folder = RunFolder(tmp_path / "run")
    folder.create(RunSpec("images", {"data": "x", "network": {"class_path": "evil.Network"}}))
    said = again(folder)
    assert said.startswith("poise train images --config FILE") and "class_path: evil.Network" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [*sorted((ROOT / "studies").glob("*.yaml")), MADE / "small.yaml"], ids=lambda path: path.stem
)
def test_the_file_of_a_study_is_its_plan(path, tmp_path):
    plan = read_plan(path)
    (tmp_path / "again.yaml").write_text(plan_again(plan), encoding="utf-8")
    assert plan_of(table_of(tmp_path / "again.yaml")) == plan
