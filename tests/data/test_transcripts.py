"""What is said in recordings: tables, files of text and patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.data.transcripts.transcripts import Transcript, stem, transcripts
from poise.errors import PoiseError

FILES = ["a/one.wav", "a/two.wav", "b/one.wav", "three.x.flac"]

TABLES = {
    "a header": ("file|text\na/one.wav|hello\nthree.x.flac|\n", {"a/one.wav": ("hello", ""), "three.x.flac": ("", "")}),
    "voices and more": ("text|level|voice|file\nhi|3|Ann|a/two.wav\n", {"a/two.wav": ("hi", "Ann")}),
    "LJ Speech": (
        "two|2|two of them\nthree.x|3|three\n",
        {"a/two.wav": ("two of them", ""), "three.x.flac": ("three", "")},
    ),
    "two fields": ("a/one|hello, there\n\nb/one|bye\n", {"a/one.wav": ("hello, there", ""), "b/one.wav": ("bye", "")}),
    "spaces, CRLF, a mark": ("\ufefffile | text\r\n two.wav | x  y \r\n", {"a/two.wav": ("x  y", "")}),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str, tmp_path: Path) -> None:
    content, expected = TABLES[name]
    (tmp_path / "metadata.csv").write_bytes(content.encode())
    assert transcripts(tmp_path, FILES) == {file: Transcript(*said) for file, said in expected.items()}


def test_a_name_is_first_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("one.wav|the one above\nb/one|b\n")
    found = transcripts(tmp_path, [*FILES, "one.wav"])
    assert found == {"one.wav": Transcript("the one above"), "b/one.wav": Transcript("b")}


BAD_TABLES = {
    "file|text\na/four.wav|x\n": r"line 2 \(names 'a/four.wav', which is no sound file; did you mean 'a/two.wav'\?\): ",
    "one|x\n": r"line 1 \(names 'one', which is several sound files\): correct or remove",
    "file|text\na/one.wav|x|y\n": r"line 2 \(3 fields instead of 2\)",
    "file|text|voice\na/one.wav|x\n": r"line 2 \(2 fields instead of 3\)",
    "a/one.wav\n": r"line 1 has 1 field: write file\|text on each line",
    "a|b|c|d\n": r"line 1 \(names 'a', which is no sound file\)",
}


@pytest.mark.parametrize("content", BAD_TABLES, ids=ascii)
def test_a_bad_table_is_one_sentence_with_the_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(PoiseError, match=rf"metadata\.csv: .*{BAD_TABLES[content]}") as caught:
        transcripts(tmp_path, FILES)
    assert "\n" not in str(caught.value)


def test_files_of_text_beside_the_sound(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.txt").write_text("Hello,\n  there. \n")
    (tmp_path / "three.x.txt").write_text("")
    assert transcripts(tmp_path, FILES) == {"a/one.wav": Transcript("Hello, there."), "three.x.flac": Transcript()}
    (tmp_path / "metadata.csv").write_text("a/two.wav|from the table\n")
    assert transcripts(tmp_path, FILES) == {"a/two.wav": Transcript("from the table")}
    (tmp_path / "metadata.csv").unlink()
    (tmp_path / "a/two.txt").write_bytes(b"\0\1\2\3\0")
    with pytest.raises(PoiseError, match=r"two\.txt is .*no text"):
        transcripts(tmp_path, FILES)


PATTERNS = {
    "{voice}/{text}": {"a/one.wav": ("one", "a"), "a/two.wav": ("two", "a"), "b/one.wav": ("one", "b")},
    "{}/{text}": {"a/one.wav": ("one", ""), "a/two.wav": ("two", ""), "b/one.wav": ("one", "")},
    "{text}": {"three.x.flac": ("three.x", "")},
    "{voice}.{text}": {"three.x.flac": ("x", "three")},
    "a/{text}": {"a/one.wav": ("one", ""), "a/two.wav": ("two", "")},
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_for_names(pattern: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("not|read|at|all")
    assert transcripts(tmp_path, FILES, pattern) == {
        file: Transcript(*said) for file, said in PATTERNS[pattern].items()
    }


def test_the_first_field_of_a_pattern_is_as_short_as_possible(tmp_path: Path) -> None:
    assert transcripts(tmp_path, ["p1_a_b.wav"], "{voice}_{text}") == {"p1_a_b.wav": Transcript("a_b", "p1")}


BAD_PATTERNS = {
    "{word}/{text}": "there is no field 'word'",
    "{txet}": r"there is no field 'txet'; did you mean 'text'\?; give text and voice",
    "{}/{}": "give the fields text and voice once each",
    "{text}/{text}": "give the fields text and voice once each",
    "{text": "give the fields text and voice once each",
    "": "give the fields text and voice once each",
    "x/{text}": "matches no file of .*, such as a/one.wav: correct the pattern",
}


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_a_bad_pattern_is_one_sentence(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(PoiseError, match=f"--labels .*{BAD_PATTERNS[pattern]}"):
        transcripts(tmp_path, FILES, pattern)


def test_names_without_suffix() -> None:
    assert [stem(name) for name in ("a.b/c.wav", "x.y.z", "n.wav")] == ["a.b/c", "x.y", "n"]
