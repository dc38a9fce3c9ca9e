"""What is written about a study: all of it, from some runs or all, and nothing where the runs do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poise.disk import read_json
from poise.errors import PoiseError
from poise.studies.comparison.comparison import compare
from poise.studies.comparison.content import content_of
from poise.studies.report.publish import publish
from poise.studies.report.sentences import markdown, table
from tests.studies.numbers import GAP, plan_of, rests_on, runs, spread

PLAN = plan_of(rests_on("gap"), endpoints=[GAP])
RESULTS = runs(
    {"none": {"gap": spread(0.1, 0.01)}, "l2": {"gap": spread(0.02, 0.01)}}, curves={"KID": [(10, 1.0), (20, 0.5)]}
)
ABOUT, NOTES = {"commit": "abc", "seconds": float("nan")}, ["The plan was changed."]


@pytest.mark.slow
def test_all_files_are_written_and_agree(tmp_path):
    folder = tmp_path / "studies" / "small"
    found = publish(PLAN, RESULTS, folder, ABOUT, NOTES)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    plots = ["plots/pictures-change-gap.png", "plots/pictures-curve-kid.png"]
    assert names == ["index.html", *plots, "study.json", "table.md", "table.txt"]
    assert read_json(folder / "study.json") == content_of(found)
    assert replace(found, notes=[], about=None) == compare(PLAN, RESULTS)
    assert found.about == {"commit": "abc", "seconds": None} and found.notes == NOTES
    assert (folder / "table.txt").read_text() == table(found) and (folder / "table.md").read_text() == markdown(found)
    page = (folder / "index.html").read_text()
    assert all(f'src="{plot}"' in page for plot in plots) and 'href="runs/l2-3/"' in page
    assert "The plan was changed." in page and "supported" in page


@pytest.mark.slow
def test_a_part_of_the_runs_then_all_of_them(tmp_path):
    results = [replace(result, curves={}) for result in RESULTS]
    assert publish(PLAN, results[3:], tmp_path).claims[0].verdict == "unfinished"
    assert "Unfinished" in (tmp_path / "index.html").read_text()
    assert publish(PLAN, results, tmp_path).claims[0].verdict == "supported"
    assert "Unfinished" not in (tmp_path / "index.html").read_text()


def test_no_runs_at_all(tmp_path):
    found = publish(PLAN, [], tmp_path)
    assert found.runs.missing == 20 and not list((tmp_path / "plots").iterdir())


def test_nothing_is_written_of_runs_that_do_not_fit(tmp_path):
    wrong = [*RESULTS[:-1], replace(RESULTS[-1], values={"gap": None})]
    with pytest.raises(PoiseError, match="run l2-9 is done"):
        publish(PLAN, wrong, tmp_path / "small")
    assert not (tmp_path / "small").exists()
    (tmp_path / "file").touch()
    with pytest.raises(PoiseError, match="cannot make the folder"):
        publish(PLAN, RESULTS, tmp_path / "file" / "small")
