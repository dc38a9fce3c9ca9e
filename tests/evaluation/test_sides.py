"""Which of several sources a named column is for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.evaluation.choice import EvaluationOptions
from poise.evaluation.evaluate import evaluate
from poise.evaluation.sources import column_of


def test_files_and_catalogued_sets_with_columns_take_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.JSONL", "c.txt"):
        (tmp_path / name).touch()
    assert [column_of(source, "en") for source in ("a.csv", "b.JSONL", "hsk-sentences")] == ["en"] * 3
    assert [column_of(source, "en") for source in ("c.txt", "web-bible", "digits", "last")] == [None] * 4
    (tmp_path / "hsk-sentences").mkdir()  # a folder of the user's goes first
    assert column_of("hsk-sentences", "en") is None


@pytest.mark.slow
def test_what_is_odd_about_the_named_data_is_in_the_report(tmp_path, monkeypatch):
    """A reference of 12 bits, read as 16, would be nearly black; --bits mends it, and nothing more is said."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("made.npy", rng.integers(0, 256, (80, 16, 16), np.uint8))
    np.save("deep.npy", rng.integers(0, 4096, (80, 16, 16)).astype(np.uint16))
    asked = EvaluationOptions(against="deep.npy", metrics=["KID"], features=["EffLite0"], out="report.json")
    said = "\n".join(evaluate("made.npy", asked))
    assert "deep: 80 pictures have 16 bits" in said.replace("deep.npy", "deep") and "--bits 12" in said
    said = "\n".join(evaluate("made.npy", replace(asked, bits=12)))
    assert "--bits" not in said
