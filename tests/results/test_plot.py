"""`poise plot`: curves are the record's numbers; a study is opened by its folder, and says what it said."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from poise.cli import main
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report.figures.panels import panels_figure
from poise.results.curves import BINS, MOST, SCORES, RecordedNumber, RunCurves
from poise.results.what import find_run_or_study
from poise.studies.comparison.content import content_of
from poise.studies.kept import outcome_of
from poise.studies.report import publish
from tests.refusals import refusal
from tests.results.conftest import EVIL, MADE, run_of

RECIPES = ("images", "text", "vae")


def test_help_loads_nothing_that_draws():
    script = "import sys; from poise.cli import tree; tree()[0].format_help(); assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def recorded(folder: RunFolder, key: str, later: int = 0) -> list[tuple[float, float]]:
    return [(row["step"] + later, row[key]) for row in folder.rows() if key in row]


def drawn(curves: RunCurves) -> dict[str, list[tuple[float, float]]]:
    """title: name of each line -> its points, from the axes of the figure."""
    figure = panels_figure("t", curves.panels(), curves.happenings)
    found = {}
    for axes in figure.axes:
        for line in axes.lines:
            if not line.get_label().startswith("_"):
                found[f"{axes.get_title(loc='left')}: {line.get_label()}"] = [
                    tuple(point) for point in line.get_xydata()
                ]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_lines_of_the_figure_are_the_numbers_of_the_record(recipe):
    folder = RunFolder(MADE / "runs" / recipe)
    curves = RunCurves.of(folder)
    lines, players = drawn(curves), curves.players()
    assert set(players) == ({"autoencoder"} if recipe == "vae" else {"generator", "discriminator"})
    for player in players:
        assert lines[f"Length of the weights: {player}"] == recorded(folder, f"{player}/norm")
        term = "nll" if recipe == "vae" else "adversarial"
        assert lines[f"Loss: {player}: {term}"] == recorded(folder, f"{player}/{term}")
    penalty = "autoencoder/l2_encoder" if recipe == "vae" else "discriminator/l2"
    said = penalty.replace("/", ", ")
    assert lines[f"Penalty's share of the gradient: {said}"] == recorded(folder, f"{penalty}.share")
    assert lines[f"Strength of the penalty: {said}"] == recorded(folder, f"{penalty}.strength")
    if recipe != "vae":
        output = lines["D's mean output: discriminator: generated items"]
        assert output == recorded(folder, "discriminator/on_generated") and len(output) > 2
    name = curves.scores[0]
    assert lines[f"{name}, 95 % interval shaded: generated"] == recorded(folder, f"score/{name}", 1)
    assert name in curves.primary and len([line for line in lines if line.endswith(": generated")]) == min(
        SCORES, len(curves.scores)
    )
    assert not [line for line in lines if "grad_norm" in line or "auc" in line or ".weight" in line]


def test_the_interval_of_a_score_is_shaded():
    curves = RunCurves.of(RunFolder(MADE / "runs" / "images"))
    (curve,) = curves.score("KID-EffLite0").curves
    for side, values in (("low", curve.low), ("high", curve.high)):
        assert list(values) == [
            value for _, value in recorded(RunFolder(MADE / "runs" / "images"), f"score/KID-EffLite0.{side}")
        ]


def test_a_long_curve_keeps_its_extremes():
    numbers = RecordedNumber()
    for i in range(3 * MOST):
        numbers.steps.append(i)
        numbers.values.append(math.sin(i / 1000) + 10 * (i == 31_415) - 10 * (i == 27_182))
    curve = numbers.curve("x")
    assert len(curve.x) <= 2 * BINS and max(curve.y) > 10 - 1 and min(curve.y) < -9 and list(curve.x) == sorted(curve.x)
    assert len(RecordedNumber(numbers.steps[:MOST], numbers.values[:MOST]).curve("x").x) == MOST


def test_stages_and_findings_are_told_with_their_steps(tmp_path):
    rows = [
        {
            "step": 16 * i,
            "discriminator/grad_norm": 1.0,
            "discriminator/l2.share": 0.0,
            "discriminator/l2.strength": 1e-3,
        }
        for i in range(40)
    ]
    folder = run_of(tmp_path / "run", rows, stages=[["one", 320], ["two", 480]])
    folder.event("finding", name="gone", severity="warning", since=32, seen=64, sentence="It was.", action="")
    found = {one.name: (one.kind, one.start, one.end) for one in RunCurves.of(folder).happenings}
    assert found["stage: one"] == ("stage", 0, 320) and found["stage: two"] == ("stage", 320, 625)
    assert found["gone"] == ("warning", 32, 64)


@pytest.mark.slow
def test_a_run_is_drawn_into_its_folder_or_where_it_is_asked(here, capsys):
    assert main(["plot", "text"]) == 0
    said = capsys.readouterr().out
    assert "not drawn: " in said and "written to runs/text/curves.png" in said
    assert (here / "runs/text/curves.png").read_bytes().startswith(b"\x89PNG")
    assert main(["plot", "images", "--out", "a.svg"]) == 0
    assert "<svg" in (here / "a.svg").read_text() and "://" not in capsys.readouterr().out
    assert main(["runs", "rm", "text", "--yes"]) == 0
    assert not (here / "runs/text").exists(), "a figure is the run's own"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["\u4e2d\u6587", "\u0627\u0644", "\U0001f99c"])
def test_names_in_any_script_are_drawn_or_told(tmp_path, script, capsys):
    """Warnings of glyphs that are missing are errors."""
    rows = [{"step": 0, f"{script}/grad_norm": 1.0, f"{script}/{script}": 1.0, f"{script}/norm": 1.0}]
    run_of(tmp_path / "run", rows)
    assert main(["plot", str(tmp_path / "run"), "--out", str(tmp_path / "a.png")]) == 0
    from poise.report.figures.letters import lettered

    with lettered([script]) as missing:
        pass
    assert bool(missing) == ("drawn as □" in capsys.readouterr().out)


@pytest.mark.slow
def test_a_study_opened_by_its_folder_says_what_it_said(here, monkeypatch, capsys):
    monkeypatch.setattr(publish, "draw", lambda outcome, folder: [])
    assert main(["study", "small.yaml", "--out", "small", "--report"]) == 0
    kept = json.loads((here / "small/study.json").read_text())
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    again = json.loads(json.dumps(content_of(outcome_of(here / "small"))))
    assert {**again, "about": None} == {**kept, "about": None}
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before, "nothing is written"
    (here / "small/study.json").unlink()
    assert content_of(outcome_of(here / "small"))["plan"] == kept["plan"], "of the plan with which it began"


@pytest.mark.slow
def test_a_study_is_drawn(here, capsys):
    assert main(["plot", "small"]) == 0
    assert (here / "small/study.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_comes_before_a_study_of_its_name(here):
    assert find_run_or_study("small") == here.joinpath("small").relative_to(here)
    run_of(here / "runs" / "small", [{"step": 0}])
    assert find_run_or_study("small").path.name == "small"
    assert find_run_or_study("ima").name == "images"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plot", "images", "--out", "a.pdf"], r"--out a\.pdf: name a file that ends in \.png or \.svg"),
        (["plot", "images", "--out", "no/a.png"], "there is no folder no"),
        (["plot", "nothing"], "there is no run 'nothing'"),
        (["plot", "small.yaml"], "describes a study: name its folder"),
        (["plot", "empty"], "has no record yet"),
        (["plot", "damaged"], r"study\.json is not what a study writes"),
        (["plot", "foreign"], "names code outside of Poise, evil.Module"),
    ],
)
def test_refusals(here, capsys, words, said):
    run_of(here / "runs" / "empty", [])
    content = json.loads((here / "small/study.json").read_text())
    for name, plan in (("damaged", [EVIL]), ("foreign", {**content["plan"]})):
        (here / name).mkdir()
        if name == "foreign":
            part = {**plan["parts"][0], "arguments": {"network": {"class_path": "evil.Module"}}}
            plan["parts"] = [part]
        for file in ("plan.json", "study.json"):
            (here / name / file).write_text(json.dumps({**content, "plan": plan}))
    (here / "evil.py").write_text("raise SystemExit('executed')")
    assert re.search(said, refusal(here, capsys, words))


def test_a_record_without_numbers_to_draw(tmp_path):
    from poise.results.plot import plot

    with pytest.raises(PoiseError, match="has no record"):
        plot(run_of(tmp_path / "run", [{"step": 0, "data/x": 1.0}]), str(tmp_path / "a.png"))
    assert not np.any([path.suffix == ".png" for path in tmp_path.iterdir()])
