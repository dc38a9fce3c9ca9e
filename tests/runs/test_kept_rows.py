"""A record of any length in bounded memory: rows that are held are counted, findings are those of all rows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from poise import record
from poise.disk.description import RunSpec
from poise.disk.rows import KeptRows, StepRow
from poise.monitor.findings.diagnose import diagnose
from poise.monitor.findings.finding import Record
from poise.record import RunFolder
from poise.runs.diagnosis import diagnosis
from tests.monitor.test_diagnose import CASES

FIXTURES = sorted(path.parent for path in (Path(__file__).parents[1] / "fixtures").glob("*/runs/*/record.jsonl"))


def rows_of(count: int):
    """Two kinds of rows, and every hundredth with a score."""
    for i in range(count):
        row = StepRow({"step": i, "a": float(i)})
        row |= {"probe/b": 1.0} if i % 4 == 0 else {}
        row |= {"score/c": 1.0} if i % 100 == 0 else {}
        yield row


def test_a_short_record_is_kept_whole():
    rows = list(rows_of(500))
    assert KeptRows(rows, most=500, first=10, last=100) == rows
    assert len(KeptRows(rows, most=499, first=10, last=100)) < 500


def test_a_long_one_is_bounded_with_its_beginning_its_end_and_all_scores():
    kept, longest = KeptRows(most=2_000, first=50, last=300), 0
    for row in rows_of(30_000):
        kept.append(row)
        longest = max(longest, len(kept))
    steps = [row.step for row in kept]
    assert longest <= 2_001 and steps == sorted(steps)
    assert steps[:50] == list(range(50)) and steps[-300:] == list(range(29_700, 30_000))
    assert {row.step for row in kept if "score/c" in row} == set(range(0, 30_000, 100))
    probes = [row.step for row in kept if "probe/b" in row]
    assert max(later - one for one, later in pairwise(probes)) <= 400, "of each kind some are kept"


@pytest.mark.slow
def test_where_it_was_stopped_changes_nothing():
    whole = KeptRows(rows_of(9_000), most=700, first=50, last=300)
    for stopped in (100, 3_000, 8_999):
        again = KeptRows(rows_of(stopped), most=700, first=50, last=300)
        for row in list(rows_of(9_000))[stopped:]:
            again.append(row)
        assert again == whole


def test_many_scores_are_all_kept_and_looked_through_seldom(monkeypatch):
    rows = [StepRow({"step": i, "score/c": 1.0}) for i in range(4_000)]
    looks: list[int] = []
    from poise.disk import rows as module

    every_second = module._every_second
    monkeypatch.setattr(module, "_every_second", lambda some: looks.append(len(some)) or every_second(some))
    assert KeptRows(rows, most=400, first=10, last=100) == rows and len(looks) <= 40


class Counted(StepRow):
    """Counts how many of it there are."""

    alive = most = 0

    def __init__(self, *given):
        super().__init__(*given)
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self):
        Counted.alive -= 1


@pytest.mark.slow
def test_diagnose_holds_no_more_rows_than_are_kept(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    folder.create(RunSpec("images"))
    with open(folder.path / "record.jsonl", "w") as file:
        file.writelines(f'{{"step": {i}, "generator/adversarial": 0.7}}\n' for i in range(60_000))
    monkeypatch.setattr(record, "StepRow", Counted)
    found = diagnosis(folder)
    assert found.last_recorded_step == 59_999 and 40_000 < Counted.most <= 50_002


@pytest.mark.slow
def test_whoever_has_the_whole_record_is_told_what_the_session_was_told(tmp_path, monkeypatch):
    """A page reads all rows; of a long record it must not find what the run itself does not."""
    from poise.runs import diagnosis as module

    folder, looked = RunFolder(tmp_path / "run"), []
    folder.create(RunSpec("images"))
    with open(folder.path / "record.jsonl", "w") as file:
        file.writelines(f'{{"step": {i}, "generator/adversarial": 0.7}}\n' for i in range(50_001))
    monkeypatch.setattr(module, "diagnose", lambda known: looked.append([row["step"] for row in known.rows]) or [])
    diagnosis(folder)
    diagnosis(folder, folder.rows())
    assert looked[0] == looked[1] and len(looked[0]) < 50_001


def test_a_rewound_record_is_written_row_by_row(tmp_path, monkeypatch):
    lines = [f'{{"step": {i}, "a": 0.5}}\n' for i in range(2_000)]
    (tmp_path / "record.jsonl").write_text("".join(lines))
    Counted.most = Counted.alive
    before = Counted.alive
    monkeypatch.setattr(record, "StepRow", Counted)
    RunFolder(tmp_path).rewind(1_500)
    assert (tmp_path / "record.jsonl").read_text() == "".join(lines[:1_500])
    assert Counted.most - before <= 2


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_fixtures_have_the_findings_that_they_had(path):
    folder = RunFolder(path)
    assert diagnosis(folder) == diagnosis(folder, folder.rows())


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_seen_in_the_rows_that_are_kept_of_a_long_record(name):
    rows = CASES[name]()
    kept = KeptRows(map(StepRow, rows), len(rows) * 4 // 5, len(rows) // 10, len(rows) // 2)
    assert len(kept) < len(rows)
    found, of_all = ([finding.name for finding in diagnose(Record(some))] for some in (kept, rows))
    assert name in found and sorted(found) == sorted(of_all)
