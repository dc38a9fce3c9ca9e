"""The record of a run as a table: a row for each recorded step, a column for each number, empty where it has none."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from poise.disk import check_parent, written
from poise.errors import PoiseError
from poise.installing import install
from poise.record import RunFolder

if TYPE_CHECKING:
    from poise.disk.rows import StepRow

STEP = "step"
GROUP = 10_000  # rows that are held at a time


class RecordTable(NamedTuple):
    """A record that was looked through once: its columns, "step" first and the others as they first occur, and how many
    rows it has."""

    folder: RunFolder
    columns: Sequence[str]
    rows: int

    @classmethod
    def of(cls, folder: RunFolder) -> RecordTable:
        """Errors: PoiseError for a run without a record, and for a damaged line; a last line that was cut off is left
        out."""
        columns: dict[str, None] = {STEP: None}
        rows = 0
        for row in folder.each_row():
            columns.update(dict.fromkeys(row))
            rows += 1
        if not rows:
            raise PoiseError(f"{folder.path} has no record yet; train it with: poise resume {folder.quoted}")
        return cls(folder, list(columns), rows)

    def each(self) -> Iterator[StepRow]:
        """The rows, read anew: as many as there were, whatever a run that trains adds meanwhile."""
        known = set(self.columns)
        for row in islice(self.folder.each_row(), self.rows):
            if not known.issuperset(row):
                raise PoiseError(f"{self.folder.path / 'record.jsonl'} was changed while it was read; try again")
            yield row

    def said(self, where: str) -> str:
        return f"{self.rows:,} steps, {len(self.columns) - 1:,} numbers: {where}"


def check_table(path: Path, suffix: str) -> None:
    """PoiseError unless `path` is a name that ends in `suffix`, in a folder that exists; before any work."""
    flag = f"--{suffix.removeprefix('.')}"
    if path.suffix.lower() != suffix or path.is_dir():
        raise PoiseError(f"{flag} {path}: name a {suffix} file{', or - for standard output' * (suffix == '.csv')}")
    check_parent(path, flag)


def print_csv(table: RecordTable, stream: TextIO) -> None:
    """The table as CSV (RFC 4180, lines end in a line feed): numbers with all their digits, as Python's `float` reads
    them, nan and inf too; nothing between two commas where a step has no such number."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.each():
        writer.writerow([_cell(row, name) for name in table.columns])


def _cell(row: StepRow, name: str) -> str:
    if name == STEP:
        return str(row.step)
    value = row.get(name)
    return "" if value is None else repr(value)


def save_csv(table: RecordTable, path: Path) -> None:
    """The same in a file in UTF-8, whole or not at all. Errors: as of `check_table`, and for a full disk."""
    check_table(path, ".csv")
    with written(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
        print_csv(table, text)
        text.flush()
        text.detach()


def parquet() -> Any:
    """pyarrow and its part for Parquet. Errors: PoiseError, with the command that installs it, where it is not
    there."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise PoiseError(f"--parquet needs pyarrow: {install('parquet')}; --csv does not") from None
    return pyarrow


def save_parquet(table: RecordTable, path: Path) -> None:
    """The table in Parquet, whole or not at all: "step" int64, everything else float64, null where a step has no such
    number; groups of 10,000 rows, so that memory does not grow with the record.

    Errors: as of `check_table` and `parquet`.
    """
    check_table(path, ".parquet")
    arrow = parquet()
    kinds = [(_name(name), arrow.int64() if name == STEP else arrow.float64()) for name in table.columns]
    schema = arrow.schema(kinds)
    rows = table.each()
    with written(path) as file, arrow.parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(rows, GROUP)):
            columns = [[_number(row, name) for row in group] for name in table.columns]
            arrays = [arrow.array(column, kind) for column, (_, kind) in zip(columns, kinds, strict=True)]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _name(name: str) -> str:
    """In UTF-8, which has no halves of pairs."""
    return name.encode(errors="backslashreplace").decode()


def _number(row: StepRow, name: str) -> float | None:
    if name == STEP:
        return row.step
    value = row.get(name)
    return None if value is None else float(value)
