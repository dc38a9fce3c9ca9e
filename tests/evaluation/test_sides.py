"""Which of several sources a named column is for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.data.files.items import Items
from poise.data.images.images import open_images
from poise.data.plain import Pictures
from poise.data.speech.resample import Wave
from poise.data.text.text import Sentences
from poise.evaluation.choice import EvaluationOptions
from poise.evaluation.evaluate import evaluate
from poise.evaluation.items import Side
from poise.evaluation.known import known_share, told_of_known
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


class Spoken(Items):
    """Noise as clips, one each number."""

    modality = "speech"

    def __init__(self, numbers: list[int]) -> None:
        super().__init__("spoken", str(numbers))
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows):
        return [Wave(np.random.default_rng(self.numbers[row]).random(50, np.float32), 8000) for row in rows.tolist()]

    def split(self, heldout: float = 0.1):
        return self.rows(), self.rows()[:0]


def some(kind: str, numbers: list[int], place: Path) -> Items:
    """The items of these numbers, of a kind."""
    if kind == "sentences":
        return Sentences("lines", [f"line {number}" for number in numbers])
    if kind == "clips":
        return Spoken(numbers)
    file = place / f"{len(list(place.iterdir()))}.npy"
    np.save(file, np.stack([np.random.default_rng(n).integers(0, 256, (8, 8), np.uint8) for n in numbers]))
    return Pictures(open_images(file, heldout=0))


@pytest.mark.parametrize("kind", ["pictures", "sentences", "clips"])
def test_real_items_that_were_trained_on_are_counted(kind: str, tmp_path: Path) -> None:
    train = some(kind, list(range(1000)), tmp_path)
    whole = Side(train, train.rows())
    for numbers, share in ((range(1000, 1100), 0.0), (range(990, 1090), 0.1), (range(900, 1000), 1.0)):
        real = some(kind, list(numbers), tmp_path)
        assert known_share(Side(real, real.rows()), whole) == share
    copy = some(kind, list(range(1000)), tmp_path)
    half = Side(copy, copy.rows()).at_most(500, seed=0)
    assert told_of_known(half, "X", whole)[0]
    often = some(kind, [*range(2000, 2940), *([7] * 60)], tmp_path)
    assert known_share(Side(often, often.rows()), whole) == 0.06, "one that occurs often counts as often"
    few = some(kind, [*range(20), *range(2000, 2180)], tmp_path)
    most, notes = told_of_known(Side(few, few.rows()), "X", whole)
    noun = train.noun
    assert not most
    assert notes == [
        f"About 10% of the {noun} of X are also among those that were trained on: they flatter a generator that copies."
    ]
