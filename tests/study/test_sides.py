"""Which of several sources a named column is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.study.sides import column_of


def test_files_and_catalogued_sets_with_columns_take_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.JSONL", "c.txt"):
        (tmp_path / name).touch()
    assert [column_of(source, "en") for source in ("a.csv", "b.JSONL", "hsk-sentences")] == ["en"] * 3
    assert [column_of(source, "en") for source in ("c.txt", "web-bible", "digits", "last")] == [None] * 4
    (tmp_path / "hsk-sentences").mkdir()  # a folder of the user's goes first
    assert column_of("hsk-sentences", "en") is None
