"""A plan.json that is damaged where no table shows it: one sentence that names the study, and no traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from poise.errors import PoiseError
from poise.studies.kept import outcome_of

MADE = Path(__file__).parents[1] / "fixtures" / "f6218b1" / "small"
DAMAGED = {
    "seeds": lambda part: part.update(seeds=3),
    "recipe": lambda part: part.update(recipe=3),
    "arguments": lambda part: part.update(arguments=3),
    "arguments of an arm": lambda part: part["arms"][0].update(arguments=None),
    "name of an arm": lambda part: part["arms"][0].update(name=3),
    "margin": lambda part: part["endpoints"][0].update(margin="x"),
    "better": lambda part: part["endpoints"][0].update(better="sideways"),
    "reads": lambda part: part["endpoints"][0].update(reads=3),
}


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(MADE, tmp_path / "small")
    (tmp_path / "small" / "study.json").unlink(missing_ok=True)
    return tmp_path / "small"


@pytest.mark.slow
@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_plan_is_told(what, folder, monkeypatch):
    table = json.loads((folder / "plan.json").read_text())
    DAMAGED[what](table["plan"]["parts"][0])
    (folder / "plan.json").write_text(json.dumps(table))
    with pytest.raises(PoiseError, match=r"small does not hold what a study writes .* put it back"):
        outcome_of(folder)
    monkeypatch.setenv("POISE_TRACEBACK", "1")
    with pytest.raises((AttributeError, LookupError, TypeError, ValueError)):
        outcome_of(folder)


@pytest.mark.parametrize("parts", [[], None])
def test_a_study_of_nothing_says_nothing(parts, folder):
    """No part, or a part without seeds."""
    table = json.loads((folder / "plan.json").read_text())
    table["plan"]["claims"] = []
    if parts is None:
        table["plan"]["parts"][0]["seeds"] = []
    else:
        table["plan"]["parts"] = parts
    (folder / "plan.json").write_text(json.dumps(table))
    assert all(arm.done == 0 for part in outcome_of(folder).parts for arm in part.arms)
