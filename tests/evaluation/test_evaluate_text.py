"""`poise evaluate` of sentences: the section on the sentences themselves, as it is printed and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.cli import main
from poise.data.tokenizers.units import fit_units
from poise.evaluation.text import section_of as text_section_of
from tests.evaluation.evaluations import place, refused, said, stubs  # noqa: F401  (fixtures)

NOUNS = ["dog", "cat", "king", "tree", "house", "river", "stone", "child", "mother", "soldier", "garden", "horse"]
VERBS = ["sees", "finds", "loves", "follows", "leaves", "remembers", "paints", "carries"]


def sentences(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    kinds = ("The {} {} the {} near the {}.", "A {} often {} the {} and the {}.")
    return [
        kinds[int(rng.integers(2))].format(*rng.choice(NOUNS, 1), *rng.choice(VERBS, 1), *rng.choice(NOUNS, 2))
        for _ in range(n)
    ]


def poems(n: int, seed: int) -> list[str]:
    letters = "春眠不觉晓处闻啼鸟夜来风雨声花落知多少白日依山尽黄河入海流欲穷千里目更上一层楼"
    chosen = np.random.default_rng(seed).choice(list(letters), (n, 4, 7))
    return ["，".join("".join(line) for line in poem) + "。" for poem in chosen]


def written(name: str, lines: list[str]) -> str:
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def rows(section: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in section["rows"]}


def section_of(*given: Any, **more: Any) -> dict[str, Any]:
    """As it goes into the file."""
    found = text_section_of(*given, **more)
    assert found is not None
    return found.to_dict()


@pytest.mark.slow
def test_sentences_get_a_table_of_their_own(place, capsys):  # noqa: F811
    shuffled = [" ".join(np.random.default_rng(i).permutation(s.split())) for i, s in enumerate(sentences(120, 3))]
    args = [
        "--against",
        written("real.txt", sentences(300, 1)),
        "--trained-on",
        written("train.txt", sentences(500, 2)),
    ]
    text = said(capsys, written("made.txt", shuffled), *args)
    assert "By the sentences themselves, in words and signs (a vocabulary of " in text
    assert "forward perplexity  How surprising the samples are" in text
    assert "memorised runs" in text and "BLEU-5" in text and "as real  differs" in text
    assert "rhyme" not in text
    report = json.loads(Path("report.json").read_text())
    (section,) = report["sections"]
    found = rows(section)["forward perplexity"]
    assert found["made"]["low"] > found["perfect"]["high"] > found["copied"]["low"] > 1
    assert (found["made"]["n"], found["made"]["m"]) == (120, 500)
    assert rows(section)["BLEU-4"]["made"]["m"] == 180


def test_metrics_can_be_named_from_both_families(place, capsys):  # noqa: F811
    args = [written("made.txt", sentences(60, 3)), "--against", written("real.txt", sentences(90, 1))]
    text = said(capsys, *args, "--metrics=BLEU,KID")
    assert "BLEU-2" in text and "KID" in text and "distinct-1" not in text
    text = said(capsys, *args, "--metrics=self-BLEU")
    assert "self-BLEU-2" in text and "By USE" not in text
    assert not json.loads(Path("report.json").read_text())["evaluations"]
    assert json.loads(Path("report.json").read_text())["sections"]
    said(capsys, *args, "--metrics=KID")
    assert not json.loads(Path("report.json").read_text())["sections"]
    assert "there is no metric called 'BLEU-4'; did you mean 'BLEU'?" in refused(capsys, *args, "--metrics=KID,BLEU-4")


def test_metrics_of_sentences_want_sentences(place, capsys):  # noqa: F811
    np.save("a.npy", np.zeros((40, 8, 8, 1), np.uint8))
    np.save("b.npy", np.ones((40, 8, 8, 1), np.uint8))
    assert "BLEU is for sentences and a.npy holds pictures" in refused(
        capsys, "a.npy", "--against", "b.npy", "--metrics=BLEU"
    )


def test_without_training_sentences_a_note_says_what_is_missing():
    section = section_of(sentences(50, 3), sentences(80, 1), None, 0)
    assert {"reverse perplexity", "BLEU-4", "self-BLEU-4", "distinct-2"} <= set(rows(section))
    assert {"forward perplexity", "memorised"}.isdisjoint(rows(section))
    assert any(note.startswith("memorised is left out: it compares with the training") for note in section["notes"])


@pytest.mark.slow
def test_chinese_is_read_by_characters_and_verse_as_verse():
    pytest.importorskip("pypinyin")
    section = section_of(poems(50, 3), poems(80, 1), poems(200, 2), 0)
    assert "in characters" in section["title"]
    found = rows(section)
    assert found["form"]["made"]["value"] == found["form"]["perfect"]["value"] == 1
    assert found["rhyme"]["made"]["value"] < 0.5
    assert found["memorised"]["copied"]["value"] == 1 and found["memorised"]["made"]["value"] == 0


@pytest.mark.slow
def test_units_of_a_run_can_be_given_and_unknown_ones_are_counted():
    real = sentences(80, 1)
    units = fit_units("word", ["the dog and the cat."])
    section = section_of(sentences(50, 3), real, sentences(90, 2), 0, units=units)
    assert f"a vocabulary of {len(units)}" in section["title"]
    assert any("are outside the vocabulary: one and the same for perplexities" in n for n in section["notes"])
    assert rows(section)["distinct sentences"]["made"]["value"] == len(set(sentences(50, 3))) / 50
    found = section_of(["ab cd ef gh ij kl mn op"] * 9, real, ["qr st uv wx yz ba dc fe"] * 9, 0, units=units)
    assert rows(found)["memorised"]["made"]["value"] == 0, "other words are no copies, unknown as they are"


@pytest.mark.slow
def test_the_same_files_give_the_same_report(place, capsys):  # noqa: F811
    args = [written("made.txt", sentences(60, 3)), "--against", written("real.txt", sentences(90, 1))]
    reports = []
    for _ in range(2):
        assert main(["evaluate", *args, "--metrics=BLEU,reverse perplexity,distinct"]) == 0
        reports.append(Path("report.json").read_text())
    assert reports[0] == reports[1]


def test_hardly_any_text_is_no_trouble():
    section = section_of(["a"] * 4, [f"w{i}" for i in range(20)], None, 0)
    assert rows(section)["reverse perplexity"]["made"]["value"] > 1
    assert rows(section)["distinct sentences"]["made"]["value"] == 0.25


def test_a_metric_that_is_named_and_is_not_about_these_sentences_says_so(place, capsys):  # noqa: F811
    args = [written("made.txt", sentences(60, 3)), "--against", written("real.txt", sentences(90, 1))]
    line = "form is left out: the real sentences are no verse of one form."
    for metrics, shown in (("form", 0), ("BLEU,form", 1)):
        assert line in said(capsys, *args, "--metrics", metrics)
        (section,) = json.loads(Path("report.json").read_text())["sections"]
        assert line in section["notes"] and bool(section["rows"]) == shown
