"""The record as a table: what is read back is what was recorded, to the last bit."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
import tracemalloc
from pathlib import Path

import pytest

from poise.cli import main
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.results.record_table import GROUP, RecordTable, print_csv, save_csv, save_parquet
from tests.results.conftest import MADE, run_of

RUNS = MADE / "runs"
ODD = [
    {"step": 0, "a/b": 0.1, "a/l2.share": 1e-300},
    {"step": 16.0, "a/b": float("nan"), "新 \"x\",\ny": -3, "=1+1": float("inf")},
    {"step": 32, "a/l2.share": 5e-324, "half \ud800": 2},
]  # fmt: skip


@pytest.fixture
def odd(tmp_path):
    return run_of(tmp_path / "run", ODD)


def read_csv(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(text) for name, text in row.items() if text} for row in csv.DictReader(file)]


def same(one, other) -> bool:
    """Equal rows, NaN being itself."""
    return repr([sorted(row.items()) for row in one]) == repr([sorted(row.items()) for row in other])


def floats(rows):
    names = {"half \ud800": "half \\ud800"}
    return [{names.get(name, name): float(value) for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("recipe", ["images", "text", "vae"])
def test_a_csv_read_back_is_the_record(recipe, tmp_path, monkeypatch, capsys):
    out = tmp_path / "record.csv"
    assert main(["record", str(RUNS / recipe), "--csv", str(out)]) == 0
    rows = RunFolder(RUNS / recipe).rows()
    assert same(read_csv(out), floats(rows))
    assert out.read_text().partition(",")[0] == "step"
    assert (
        f"{len(rows)} steps, {len({name for row in rows for name in row}) - 1} numbers: {out}"
        in capsys.readouterr().out
    )
    assert main(["record", str(RUNS / recipe), "--csv", "-"]) == 0
    assert capsys.readouterr().out == out.read_text()


def test_numbers_and_names_of_any_kind_come_back(odd, tmp_path):
    save_csv(RecordTable.of(odd), tmp_path / "a.csv")
    found = read_csv(tmp_path / "a.csv")
    assert same(found, floats(ODD))
    assert math.isnan(found[1]["a/b"]) and "a/b" not in found[2], "nan was recorded, nothing was not"
    assert (tmp_path / "a.csv").read_text().splitlines()[2] == "0,0.1,1e-300,,,"


@pytest.mark.slow
def test_parquet_is_the_csv(odd, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    for folder in (odd, RunFolder(RUNS / "images")):
        table = RecordTable.of(folder)
        save_csv(table, tmp_path / "a.csv")
        save_parquet(table, tmp_path / "a.parquet")
        found = parquet.read_table(tmp_path / "a.parquet")
        assert [str(kind) for kind in found.schema.types] == ["int64"] + ["double"] * (len(table.columns) - 1)
        rows = [{name: float(value) for name, value in row.items() if value is not None} for row in found.to_pylist()]
        assert same(rows, read_csv(tmp_path / "a.csv"))


def test_without_pyarrow_the_command_is_told(odd, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["record", str(odd.path), "--parquet", str(tmp_path / "a.parquet")]) == 2
    said = capsys.readouterr().err
    assert "--parquet needs pyarrow: " in said and '"pyarrow>=17"' in said
    assert not list(tmp_path.glob("*a.parquet*"))


def test_a_last_line_that_was_cut_off_is_left_out_and_other_damage_is_named(tmp_path, capsys):
    cut = run_of(tmp_path / "cut", ODD, '{"step": 48, "a/')
    assert RecordTable.of(cut).rows == 3
    run_of(tmp_path / "bad", ODD, "{\n" + json.dumps({"step": 64}) + "\n")
    out = tmp_path / "a.csv"
    out.write_text("of before")
    assert main(["record", str(tmp_path / "bad"), "--csv", str(out)]) == 2
    assert "record.jsonl, line 4 is damaged (it is no JSON)" in capsys.readouterr().err
    assert out.read_text() == "of before"


def test_what_a_run_adds_meanwhile_is_left_for_the_next_time(odd, tmp_path):
    table = RecordTable.of(odd)
    with (odd.path / "record.jsonl").open("a") as file:
        file.write('{"step": 48, "new": 1.0}\n')
    save_csv(table, tmp_path / "a.csv")
    assert same(read_csv(tmp_path / "a.csv"), floats(ODD))
    (odd.path / "record.jsonl").write_text('{"step": 48, "new": 1.0}\n')
    with pytest.raises(PoiseError, match="was changed while it was read"):
        save_csv(table, tmp_path / "b.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "run"]


@pytest.mark.slow
def test_a_long_record_is_never_held_whole(tmp_path):
    """Memory for ten times as many rows is not even twice as much."""
    peaks = []
    for rows in (2 * GROUP // 10, 2 * GROUP):
        folder = run_of(tmp_path / str(rows), ({"step": i, "a": i / 7, "b": i / 3} for i in range(rows)))
        tracemalloc.start()
        save_csv(RecordTable.of(folder), tmp_path / "a.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] + 1e5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--csv", "out.txt"], r"--csv out.txt: name a \.csv file, or - for standard output"),
        (["--csv", "none/out.csv"], r"there is no folder none"),
        (["--csv", " "], r"--csv is empty"),
        (["--parquet", "-"], r"--parquet -: name a \.parquet file"),
        ([], r"one of the arguments --csv --parquet is required"),
        (["--csv", "a.csv", "--parquet", "b.parquet"], r"--parquet: not allowed with argument --csv"),
    ],
)
def test_refusals(odd, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert main(["record", str(odd.path), *words]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_without_a_record(tmp_path):
    with pytest.raises(PoiseError, match="has no record yet"):
        RecordTable.of(run_of(tmp_path / "run", []))


def test_what_is_printed_can_be_read(odd):
    stream = io.StringIO()
    print_csv(RecordTable.of(odd), stream)
    assert stream.getvalue().startswith("step,a/b,a/l2.share")
