"""Tables as spreadsheets and scripts write them, and JSON as libraries write it: each of a kind that people have."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from poise.cli import main
from poise.data.text.no_text import FORMATS
from poise.data.text.text import open_text

EVEN = [f"The {a} cat sees a {b} dog, and it runs." for a in ("red", "old", "shy") for b in ("big", "wet", "sad")] * 4
ODD = [text if i % 3 else text.replace(",", ";") for i, text in enumerate(EVEN)]
QUOTES = [text.replace("cat", '"cat"') for text in EVEN]


def table(rows: list[list[str]], **how: object) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", **how).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def numbered(texts: list[str], *above: list[str]) -> list[list[str]]:
    return [*above, *([str(i), text] for i, text in enumerate(texts))]


ALWAYS = csv.QUOTE_ALL
TABLES = {
    "all quoted, a comma in each, no header": table(numbered(EVEN), quoting=ALWAYS),
    "all quoted, a comma in some, no header": table(numbered(ODD), quoting=ALWAYS),
    "quoted where needed, no header": table(numbered(EVEN)),
    "quotes inside, no header": table(numbered(QUOTES)),
    "six columns, no header": table(
        [[str(i), "a", "b", "c", "d", text] for i, text in enumerate(EVEN)], quoting=ALWAYS
    ),
    "sep= of Excel": "sep=;\n" + table(numbered(EVEN, ["id", "text"]), delimiter=";"),
    "sep= of a comma": "sep=,\n" + table(numbered(EVEN, ["id", "text"])),
    "remarks above": "# made by us\n# in May\n" + table(numbered(EVEN, ["id", "text"])),
    "a title above": "Our reviews,\n,\n" + table(numbered(EVEN, ["id", "text"])),
    "names of several words": table([[text, "Ann Bee"] for text in EVEN]).replace("", "Tweet Text,User Name\n", 1),
    "names in capitals": table(numbered(EVEN, ["ID", "TEXT"])),
    "names with blanks around": table(numbered(EVEN, [" id ", " Text "])),
    "delimiters at the ends": "id,text\n" + "".join(f'{i},"{text}",\n' for i, text in enumerate(EVEN)),
    "blanks before quotes": "id,text\n" + "".join(f'{i}, "{text}"\n' for i, text in enumerate(EVEN)),
    "one column, commas bare": "text\n" + "\n".join(EVEN),
    "pipes as .psv": "\n".join(f"{i}|{text}" for i, text in enumerate(EVEN)),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_as_people_have_them(case: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.psv" if "psv" in case else "a.csv")
    path.write_text(TABLES[case])
    found = open_text(path)
    expected = ODD if "in some" in case else QUOTES if "quotes inside" in case else EVEN
    assert [text.replace('""', '"') for text in found.sentences] == expected


@pytest.mark.parametrize("case", [case for case in TABLES if "sep=" not in case and "above" not in case])
def test_empty_lines_above_a_table_change_nothing(case: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.psv" if "psv" in case else "a.csv")
    path.write_text(TABLES[case])
    plain = open_text(path).sentences
    path.write_text("\n\n" + TABLES[case])
    assert open_text(path).sentences == plain


def test_quotes_with_a_backslash(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + "".join(f'{i},"He said \\"yes, {text}\\""\n' for i, text in enumerate(EVEN)))
    assert open_text(path).sentences == [f'He said "yes, {text}"' for text in EVEN]


JSONS = {
    "columns": {"id": list(range(36)), "text": EVEN},
    "columns of pandas": {"id": {str(i): i for i in range(36)}, "text": {str(i): t for i, t in enumerate(EVEN)}},
    "under a key": {"version": "1.0", "data": [{"id": i, "text": text} for i, text in enumerate(EVEN)]},
    "texts under a key": {"data": EVEN},
    "texts by number": {str(i): text for i, text in enumerate(EVEN)},
    "records": [{"id": i, "text": text} for i, text in enumerate(EVEN)],
    "texts": EVEN,
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("case", JSONS)
def test_json_as_libraries_write_it(case: str, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(JSONS[case], indent=indent))
    assert open_text(path).sentences == EVEN


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("words", [["data", "check"], ["train", "text"]])
def test_texts_in_another_form_are_named(
    words: list[str], suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"PK\x03\x04 whatever")
    assert main([*words, str(path)]) == 2
    said = capsys.readouterr().err
    assert FORMATS[suffix] in said and said.count("\n") == 1


def test_lines_with_tabs_and_prose_in_lines(tmp_path: Path) -> None:
    """What looks like something else than sentences is said, with the flag that reads it so."""
    path = tmp_path / "a.txt"
    path.write_text("\n".join(f"{text}\tEine Katze {i}.\tCC-BY" for i, text in enumerate(EVEN)))
    assert "each line has 2 tabs: --column 1 reads it as a table of 3 columns" in open_text(path).notes
    assert open_text(path, "1").sentences == EVEN
    assert open_text(path, "2").sentences[1] == "Eine Katze 1."
    path.write_text("\n\n".join("\n".join(f"{text} {text}" for text in EVEN[i : i + 8]) for i in range(0, 32, 8)))
    assert "--layout paragraphs" in " ".join(open_text(path).notes)
    assert len(open_text(path, layout="paragraphs")) == 4
