"""The report of a run: read from its file and written there again, it is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poise.disk.description import RunSpec
from poise.record import RunFolder
from poise.runs.report import RunReport, conclude

OLD = sorted((Path(__file__).parents[1] / "fixtures").rglob("report.json"))
KEYS = [
    "run", "recipe", "data", "counts", "steps", "penalties", "weight_norms", "scores", "floor", "best", "sentences",
    "versions", "final", "notes", "findings", "rollbacks", "seconds", "steps_this_sitting", "threads",
]  # fmt: skip


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.parent.name)
def test_a_report_of_before_is_read_and_written_as_it_was(path):
    content = json.loads(path.read_text())
    written = RunReport.of(RunFolder(path.parent)).to_dict()
    assert json.dumps({key: written[key] for key in KEYS if key in content}) == json.dumps(content)


def test_what_a_run_lacks_stands_empty_in_its_report(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(RunSpec("images"))
    written = conclude(folder, folder.spec(), 3, {}, ["KID"]).to_dict()
    assert list(written) == KEYS
    assert written["best"] == written["final"] == {} and written["findings"] == written["threads"] == ()


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        ({"penalties": [1]}, {"penalties": {}}),
        ({"penalties": {"d/l2": {"strength_first": 1.0}, "g/l2": 3}}, {"penalties": {}}),
        ({"final": {"end": {}}}, {"final": None}),
        ({"final": "x"}, {"final": None}),
        ({"findings": [{"name": "a", "severity": "note", "since": 1, "sentence": "", "action": "", "more": 1}]}, {}),
    ],
)
def test_what_is_odd_in_a_report_is_left_out(tmp_path, odd, kept):
    (tmp_path / "report.json").write_text(json.dumps({"steps": 3, **odd}))
    report = RunReport.of(RunFolder(tmp_path))
    assert (report.steps, report.run, report.best) == (3, tmp_path.name, None)
    assert {name: getattr(report, name) for name in kept} == kept
    assert len(report.findings) == len(odd.get("findings", ()))
