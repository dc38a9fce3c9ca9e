"""`poise compare`: the code of `runs diff` for more than two runs, and their curves beside each other."""

from __future__ import annotations

import json
import re

import pytest

from poise.cli import main
from poise.record import RunFolder
from poise.results.compare import compare, panels_of
from poise.results.curves import RunCurves
from poise.runs.differences import difference, differences
from tests.refusals import refusal
from tests.results.conftest import MADE, run_of

RUNS = [RunFolder(MADE / "runs" / name) for name in ("images", "vae", "text")]


def test_of_two_runs_it_says_what_runs_diff_says():
    assert differences(RUNS[:2]) == difference(*RUNS[:2])


def test_more_runs_have_a_column_each_and_scores_and_findings_also_unfinished():
    lines = compare(RUNS, None)
    assert re.split(r"  +", lines[0]) == ["Asked otherwise", "images", "vae", "text"]
    cells = {re.split(r"  +", line)[0]: re.split(r"  +", line)[1:] for line in lines}
    assert cells["l2_encoder"] == ["-", "0.01", "-"] and cells["state"] == ["stopped"] * 3
    assert cells["best NLL"][0] == "-" and cells["best NLL"][1] == cells["last NLL"][1] != "-"
    assert len(cells["found"]) == 3
    assert "seed" not in cells, "what is the same is left out"


def test_each_run_is_a_curve_with_its_own_look():
    runs = [RunCurves.of(run) for run in RUNS]
    panels = {panel.title: panel for panel in panels_of(runs, ["a", "b", "c"])}
    curves = panels["KID-EffLite0, 95 % interval shaded"].curves
    assert [(curve.name, curve.look) for curve in curves] == [("a", 0), ("b", 1)]
    recorded = [row["generator/norm"] for row in RUNS[2].rows() if "generator/norm" in row]
    norms = panels["Length of the weights: generator"].curves
    assert [curve.name for curve in norms] == ["a", "c"] and list(norms[1].y) == recorded
    assert panels_of([runs[0], runs[0]], ["a", "b"]) == [], "nothing differs"


@pytest.mark.slow
def test_the_figure_is_written(here, capsys):
    assert main(["compare", "images", "vae", "--out", "both.png"]) == 0
    assert (here / "both.png").read_bytes().startswith(b"\x89PNG") and "written to both.png" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["images"], "takes 2 to 6 runs, not 1"),
        (["images", "vae", "text"] * 3, "takes 2 to 6 runs, not 9"),
        (["images", "runs/images"], "one run is named twice"),
        (["images", "vae", "--out", "a.txt"], r"name a file that ends in \.png or \.svg"),
        (["images", "empty", "--out", "a.png"], "has no record yet"),
        (["images", "twin", "--out", "a.png"], "the records of these runs are the same"),
    ],
)
def test_refusals(here, capsys, words, said):
    run_of(here / "runs" / "empty", [])
    rows = [json.loads(line) for line in (here / "runs/images/record.jsonl").read_text().splitlines()]
    run_of(here / "runs" / "twin", rows)
    assert re.search(said, refusal(here, capsys, ["compare", *words]))
