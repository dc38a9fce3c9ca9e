"""Sentences from files: what counts as one, and a clear word about every kind of wrong file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.data.tables.normalised import normalised
from poise.data.text.text import Sentences, open_text
from poise.errors import PoiseError


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "One.\n\n  Zwei für dich. \n三。\n"),
        ("b.txt", "\ufeffOne.\r\nZwei für dich.\r\n三。"),
        ("c.jsonl", '{"text": "One.", "n": 1}\n\n{"text": "Zwei für dich."}\n{"text": "三。"}'),
        ("d.csv", 'n,text\n1,One.\n2,"Zwei für dich."\n3,三。\n4,\n'),
        ("e.csv", "words\nOne.\nZwei für dich.\n三。\n"),
    ],
)
def test_the_same_sentences_from_every_kind_of_file(tmp_path: Path, name: str, content: str) -> None:
    found = open_text(written(tmp_path, name, content))
    assert found.sentences == ["One.", "Zwei für dich.", "三。"]
    assert found.take(np.array([2, 0])) == ["三。", "One."]
    assert found.fingerprint == Sentences("x", ["One.", "Zwei für dich.", "三。"]).fingerprint
    assert (len(found), found.modality) == (3, "text")
    assert found.describe() == f"{name}: 3 sentences"


def test_a_named_column_and_commas_and_line_ends_in_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'text,line\nno,"a, b\nc"\nno,d\n')
    assert open_text(path, "line").sentences == ["a, b\nc", "d"]


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.txt", b"fine\n\x81\x8d\x9f\n", None, r"a\.txt: line 2 is not UTF-8, and its encoding cannot be told"),
        ("a.txt", b"\x00\x01\x02", None, r"is no text \(it holds zero bytes\)"),
        ("a.txt", " \n\n", None, r"holds no sentences"),
        ("a.txt", "", None, r"holds no sentences"),
        ("a.txt", "x\n", "text", r"has no columns: leave out --column text"),
        (
            "a.jsonl",
            '{"text": "x"}\n{"text": ',
            None,
            r"1 of 2 lines cannot be used, the first being line 2 \(not JSON",
        ),
        ("a.jsonl", '["x"]\n', None, r"line 1 \(no object with columns"),
        ("a.jsonl", '{"text": 3}\n', None, r"line 1 \(no text in column 'text'\)"),
        ("a.jsonl", '{"text": "x"}\n', "txt", r"no column 'txt'; did you mean 'text'\?; it has: text"),
        ("a.jsonl", '{"a": "x", "b": "y"}\n', None, r"name the column of the sentences with --column; it has: a, b"),
        ("a.csv", "sep=,\n", None, r"a\.csv is a table without rows: give one with a sentence in each"),
        ("a.csv", "sep=;\n\n\n", None, "is a table without rows"),
        ("a.csv", "text,n\n", None, "holds no sentences"),
        ("a.csv", "a,b\nx,y\n", None, r"--column; by its number, as the first line has no names: a, b"),
        (
            "a.csv",
            "text,b\nx,y,z\n",
            None,
            r"1 of 1 rows cannot be used, the first being line 2 \(3 fields instead of 2\)",
        ),
        ("a.csv", 'text\n"x\n', None, r"line 2 is no CSV \(a quote is never closed"),
        ("a.csv", "", None, r"holds no sentences"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, column: str | None, message: str
) -> None:
    with pytest.raises(PoiseError, match=message) as caught:
        open_text(written(tmp_path, name, content), column)
    assert "\n" not in str(caught.value)


SENTENCE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)


@pytest.mark.slow
@given(sentences=st.lists(SENTENCE, min_size=1))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_and_json_keep_every_sentence(sentences: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("text")
    expected = [sentence.strip() for sentence in sentences]
    plain = "\n".join(sentences)
    assert open_text(written(folder, "a.txt", plain)).sentences == [s for s in expected if s]
    lines = "\n".join(json.dumps({"text": sentence}) for sentence in sentences)
    assert open_text(written(folder, "a.jsonl", lines)).sentences == [s for s in expected if s]


def test_split_keeps_copies_together_and_moves_nothing() -> None:
    sentences = [f"sentence {i % 700}" for i in range(1000)]
    items = Sentences("x", sentences)
    train, held = items.split(0.2)
    assert sorted([*train, *held]) == list(range(1000))
    assert {sentences[i] for i in train}.isdisjoint(sentences[i] for i in held)
    assert 0.12 < len(held) / 1000 < 0.28
    more = Sentences("x", [*sentences, *(f"another {i}" for i in range(500))])
    assert [i for i in more.split(0.2)[1] if i < 1000] == held.tolist()
    assert set(items.split(0.1)[1]) <= set(held)
    assert len(items.split(0)[1]) == 0
    with pytest.raises(PoiseError, match="cannot be held out"):
        items.split(1.0)


def test_copies_but_for_form_are_on_one_side_and_have_fingerprints_of_their_own() -> None:
    sentences = [f"Der Straße Nr. {i}, «café»." for i in range(300)]
    others = [f"DER STRASSE nr {i} ｃａｆｅ\u0301!" for i in range(300)]
    assert normalised(sentences[7]) == normalised(others[7]) == "derstrassenr7café"
    first, second = Sentences("x", sentences), Sentences("y", others)
    assert first.fingerprint != second.fingerprint
    assert first.split(0.2)[1].tolist() == second.split(0.2)[1].tolist()
    assert normalised("...") == "..."  # nothing would be left
    assert normalised("好，好。") == "好好"


def test_empty_ones_are_counted(tmp_path: Path) -> None:
    assert open_text(written(tmp_path, "a.txt", "a\n\n \nb\n\n")).empty == 3
    assert open_text(written(tmp_path, "a.csv", "text,n\na,1\n,2\n")).empty == 1


def test_chunks_cover_the_rows_in_order() -> None:
    items = Sentences("x", [str(i) for i in range(600)])
    sizes = [len(chunk) for chunk in items.chunks()]
    assert sizes == [256, 256, 88]
    rows = np.arange(599, -1, -2)
    assert [s for chunk in items.chunks(rows) for s in chunk] == [str(i) for i in rows]
