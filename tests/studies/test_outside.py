"""A game from outside the package goes through the same doors: train, monitor, sample, score, study."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from poise.cli import main
from poise.record import RunFolder
from poise.specs.spec import all_recipes
from poise.studies.plans.files import executed

FILE = str(Path(__file__).with_name("toy_study.py"))
PACKAGE = Path(__file__).parents[2] / "src" / "poise"
ROOMS = ("training", "monitor", "specs", "runs", "evaluation", "studies", "cli", "report")


@pytest.fixture(autouse=True, scope="module")
def _registered():
    executed(FILE)


@pytest.mark.slow
def test_the_doors_of_one_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("POISE_RUNS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["train", "toy", "points", "--l2-point", "1", "--seed", "3", "--out", str(tmp_path / "a")]) == 0
    said = capsys.readouterr().out
    assert "l2 on the generator (λ = 1) acted" in said and "distance" in said, "penalty and scores are told"
    run = RunFolder(tmp_path / "a")
    assert [row["point/reach"] for row in run.rows() if "point/reach" in row][-1] == pytest.approx(2.5, abs=0.2)
    assert run.report()["scores"][-1]["distance"] == pytest.approx(2.5, abs=0.2), "|mean|·λ/(1 + λ)"
    assert main(["sample", "a", "-n", "5", "--seed", "1"]) == 0
    assert len(json.loads((tmp_path / "points.json").read_text())) == 5
    assert main(["diagnose", "a"]) == 0 and main(["runs"]) == 0 and main(["resume", "a"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "a"]) == 2
    assert "points" in capsys.readouterr().err


@pytest.mark.slow
def test_the_door_of_a_study(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TOY_SEEDS", "6")
    words = ["study", FILE, "--out", str(tmp_path / "s"), "--workers", "2"]
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "12 runs" in said and not (tmp_path / "s").exists()
    assert main(words) == 0
    said = capsys.readouterr().out
    outcome = json.loads((tmp_path / "s" / "study.json").read_text())
    assert outcome["claims"][0]["verdict"] == "supported", "six seeds, all 2.5 away: p = 2/64"
    assert "strong against none" in said and "6 seeds" in said
    assert (tmp_path / "s" / "index.html").exists() and list((tmp_path / "s" / "plots").glob("*.png"))
    assert main([*words, "--report"]) == 0


@pytest.mark.slow
def test_no_branch_on_the_kind_of_game():
    """No comparison with a recipe's name, and no look at a game's class, in the rooms that serve all games.

    What sort of items a metric reads (`.modality` of pictures, sentences, clips) is another question.
    """
    kinds = set(all_recipes()) - {"toy"}
    games = {
        node.name
        for path in (PACKAGE / "games").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    assert {"Adversarial", "LanguageModelGame"} <= games and {"images", "vae"} <= kinds
    found = []
    for path in (p for room in ROOMS for p in (PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            compared = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
            if any(getattr(x, "attr", "") == "modality" for x in compared):
                continue
            compared += [case.pattern.value for case in getattr(node, "cases", ()) if hasattr(case.pattern, "value")]
            inside = [c for x in compared for c in ast.walk(x) if isinstance(c, ast.Constant) and c.value in kinds]
            looks = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass")
            inside += [n for n in ast.walk(node) if looks and isinstance(n, ast.Name) and n.id in games]
            found += [f"{path.relative_to(PACKAGE)}:{node.lineno}" for _ in inside]
    assert not found, f"a branch on the kind of game: {found}"
