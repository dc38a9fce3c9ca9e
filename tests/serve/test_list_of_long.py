"""A list with long records: what it says of them is right in the end, and no run waits for another for ever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from poise.results import long_record
from poise.runs.listing import about
from poise.serve import compare
from poise.serve import views as shown
from poise.specs.spec import kind_of
from tests.serve.test_app import folder  # noqa: F401

SCORE = f"score/{kind_of('images').primary[0]}"


@pytest.fixture
def stopped(folder, monkeypatch):  # noqa: F811
    """runs/a ... c, each with a long record of which the best score is the last but one; a finished run beside them."""
    for name, value in {"WHOLE": 2_000, "CHUNK": 4_000, "SECONDS": 0.0}.items():
        monkeypatch.setattr(long_record, name, value)
    for name in "abc":
        run = folder / name
        shutil.copytree(folder / "one", run)
        for file in ("DONE", "report.json"):
            (run / file).unlink()
        rows = [{"step": i, SCORE: 1.0 / (1 + i)} for i in range(1_000)]
        lines = [json.dumps(row) for row in [*rows, {"step": 1_000, SCORE: 5.0}]]
        (run / "record.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def listed(views, now):
    now[0] += 1_000.0
    content = views.runs()
    return content.version, {row["name"]: row for row in content.content["runs"]}


@pytest.mark.slow
def test_the_best_score_of_a_long_record_is_found_though_nothing_changes(stopped):
    now = [0.0]
    views = shown.Views(stopped, lambda: now[0])
    versions = []
    for _ in range(30):
        version, rows = listed(views, now)
        versions.append(version)
    wanted = about(shown.RunFolder(Path(stopped) / "a")).to_dict()["best"]
    assert wanted["step"] == 1_000 and [rows[name]["best"] for name in "abc"] == 3 * [wanted]
    assert [*rows] == ["a", "b", "c", "one"] and len({*versions}) > 3, "the order stays; each better answer is another"
    assert versions[-1] == versions[-2], "and then nothing changes"


@pytest.mark.slow
def test_runs_take_turns(stopped, monkeypatch):
    """With time for one at once."""
    now, looked = [0.0], []
    views = shown.Views(stopped, lambda: now[0])
    row = views._row

    def slow(run, busy):
        looked.append(run.name)
        now[0] += 2 * shown.LISTING
        return row(run, busy)

    monkeypatch.setattr(views, "_row", slow)
    _, first = listed(views, now)
    assert looked == ["a"] and first["b"]["state"] == "reading" and [*first] == ["a", "b", "c", "one"]
    for _ in range(7):
        listed(views, now)
    assert looked[:8] == ["a", "b", "c", "one", "a", "b", "c", "a"], "one is finished and needs no second look"
    shutil.rmtree(stopped / "a")
    assert "a" not in listed(views, now)[1] and "a" not in views._glances


def test_a_line_that_is_being_written_does_not_make_an_answer_partial(stopped, monkeypatch):
    """Else a long record that grows would be read anew at every look."""
    monkeypatch.setattr(long_record, "SECONDS", 60.0)
    with (stopped / "a" / "record.jsonl").open("a") as file:
        file.write('{"step": 1001, "gener')
    views = shown.Views(stopped)
    answer = views.run("a")
    assert not answer.partial and answer.content["sampled"] and answer.content["searched"] < 1.0
    assert not compare.comparison(views, ["a", "b"]).partial
    monkeypatch.setattr(long_record, "SECONDS", 0.0)
    assert shown.Views(stopped).run("a").partial and compare.comparison(shown.Views(stopped), ["a", "b"]).partial
