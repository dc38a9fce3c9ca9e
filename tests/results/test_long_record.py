"""A long record is read as a sample, its end and all of its scores; a short one wholly."""

from __future__ import annotations

import itertools
import json
import os

import pytest

from poise.errors import PoiseError
from poise.results import long_record
from poise.results.long_record import LongRecord, row_of

EVERY = 97  # rows from score to score


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in {"WHOLE": 2_000, "SAMPLE": 20, "TAIL": 10, "CHUNK": 4_000}.items():
        monkeypatch.setattr(long_record, name, value)


def line(step: int) -> str:
    row = {"step": step, "generator/adversarial": 0.5 + step}
    return json.dumps({**row, "score/KID": 1.0 / (1 + step)} if step % EVERY == 3 else row) + "\n"


def write(path, steps, mode="w"):
    with path.open(mode) as file:
        file.writelines(map(line, steps))


def steps_of(rows):
    return [row.step for row in rows]


def test_all_rows_of_a_short_one_and_none_where_there_is_none(tmp_path):
    record = LongRecord(tmp_path / "record.jsonl")
    assert record.rows() == [] and record.scored() == [] and record.searched == 1.0
    write(record.path, range(30))
    assert steps_of(record.rows()) == [*range(30)] and not record.sampled
    assert steps_of(record.scored()) == [3, 29]
    with record.path.open("a") as file:
        file.write('{"step": 30, "gen')  # cut off
    assert steps_of(record.rows()) == [*range(30)] and steps_of(record.scored()) == [3, 29]
    record.path.write_text("{}\n")
    with pytest.raises(PoiseError, match="line 1 is damaged"):
        record.rows()


def test_a_long_one_has_a_sample_its_end_and_every_score(tmp_path):
    record = LongRecord(tmp_path / "record.jsonl")
    write(record.path, range(3_000))
    found = steps_of(record.rows())
    scored = [*range(3, 3_000, EVERY)]
    assert record.sampled and found == sorted({*found}) and found[0] == 0
    assert {*scored} <= {*found} and found[-10:] == [*range(2_990, 3_000)]
    assert len(found) <= 20 + 10 + len(scored)
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert max(gaps) <= 3_000 / 20 * 1.2, "evenly spread"
    assert steps_of(record.scored()) == [*scored, 2_999]
    assert {row["generator/adversarial"] - row.step for row in record.rows()} == {0.5}


def test_it_goes_on_where_it_was_left(tmp_path):
    """However small the pieces in which it grows: the same as read at once."""
    record = LongRecord(tmp_path / "record.jsonl")
    whole = "".join(map(line, range(400)))
    for end in range(0, len(whole) + 350, 350):
        with record.path.open("a") as file:
            file.write(whole[max(0, end - 350) : end])
        record.rows()
    again = LongRecord(record.path)
    assert record.rows() == again.rows() and record.scored() == again.scored()
    assert [*range(3, 400, EVERY)] == steps_of(record.scored())[:-1]


def test_one_that_is_written_anew_is_read_anew(tmp_path):
    record = LongRecord(tmp_path / "record.jsonl")
    write(record.path, range(1_000))
    record.rows()
    write(tmp_path / "other", range(500, 1_600))  # longer, as after going back and on
    os.replace(tmp_path / "other", record.path)
    assert min(steps_of(record.rows())) == 500 and steps_of(record.scored())[0] > 500
    write(record.path, range(5))
    assert steps_of(record.rows()) == [*range(5)]


def test_another_file_of_the_same_number_is_read_anew(tmp_path, monkeypatch):
    """A file system gives the number of a file that is gone to a new one."""
    record = LongRecord(tmp_path / "record.jsonl")
    write(record.path, range(1_000))
    record.rows()
    write(record.path, range(500, 1_600))  # in place: the same number, and longer
    assert steps_of(record.rows()) == steps_of(LongRecord(record.path).rows())
    assert steps_of(record.scored())[0] > 500


def test_search_takes_so_long_at_most_and_goes_on_the_next_time(tmp_path):
    now = iter(range(10_000))
    record = LongRecord(tmp_path / "record.jsonl", lambda: float(next(now)))
    write(record.path, range(3_000))
    first = record.rows()
    assert record.behind and 0 < record.searched < 1 and steps_of(first)[-1] == 2_999
    while record.searched < 1:
        before = record.searched
        record.scored()
        assert record.searched > before
    assert steps_of(record.scored())[:-1] == [*range(3, 3_000, EVERY)] and not record.behind
    with record.path.open("a") as file:
        file.write('{"step": 3000, "gen')  # being written: nothing of it can be searched yet
    record.scored()
    assert record.searched < 1 and not record.behind


def test_damaged_lines_of_a_long_one_are_left_out(tmp_path):
    record = LongRecord(tmp_path / "record.jsonl")
    with record.path.open("wb") as file:
        for step in range(600):
            file.write(b'{"score/KID": \xff}\n' if step % 5 else line(step).encode())
    assert {step % 5 for step in steps_of(record.rows())} == {0}
    for bad in (b"", b"[1]", b'{"step": -1}', b'{"step": 1, "x": "y"}', b"[" * 100_000):
        assert row_of(bad) is None


def test_how_many_scores_are_kept_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(long_record, "MOST", 50)
    record = LongRecord(tmp_path / "record.jsonl")
    with record.path.open("w") as file:
        file.writelines(json.dumps({"step": step, "score/KID": 1.0}) + "\n" for step in range(1_000))
    assert len(record.scored()) <= 52 and steps_of(record.rows())[-1] == 999
