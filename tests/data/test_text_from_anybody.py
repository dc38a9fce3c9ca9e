"""Texts as people keep them: encodings, line ends, layouts, delimiters, names of columns, damage."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest

from poise.data.tables.encoding import LeftOut, encoding_of, lines_in
from poise.data.tables.table import read_table
from poise.data.text.text import is_text, open_text
from poise.errors import PoiseError

SAMPLES = {  # text -> encodings in which people keep it
    "今天天气很好，我们去公园玩吧。\n你吃饭了吗？\n春眠不觉晓，处处闻啼鸟。": ("gb18030", "gbk", "gb2312"),
    "今天天氣很好，我們去公園玩吧。\n你吃飯了嗎？\n春眠不覺曉，處處聞啼鳥。": ("big5", "gb18030"),
    "今日はいい天気ですね。\n吾輩は猫である。名前はまだ無い。": ("shift_jis", "cp932", "euc_jp"),
    "안녕하세요. 오늘은 날씨가 좋네요.\n나는 학생입니다.": ("euc_kr", "cp949"),
    "Привет, как дела?\nВсё хорошо, спасибо. А у тебя?": ("cp1251", "koi8_r"),
    "Voilà un café très serré.\nÇa va bien, n'est-ce pas?\nDéjà vu à Nîmes.": ("latin-1", "cp1252"),
    "Über den Wolken muß die Freiheit wohl grenzenlos sein.\nÄpfel, Öl und Grüße.": ("latin-1", "cp1252"),
    "Καλημέρα κόσμε, τι κάνεις;\nΠολύ καλά, ευχαριστώ.": ("cp1253", "iso8859_7"),
    "مرحبا بالعالم كيف حالك\nأنا بخير شكرا": ("cp1256",),
    "Příliš žluťoučký kůň úpěl ďábelské ódy.\nDěkuji vám.": ("cp1250",),
}
WIDE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
ENDS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}
NARROW_CASES = [(text, encoding) for text, encodings in SAMPLES.items() for encoding in encodings]


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("text", "encoding"), NARROW_CASES, ids=lambda value: value.split("\n")[0][:12])
def test_an_encoding_is_recognised_and_said(text: str, encoding: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.replace("\n", ENDS[end]).encode(encoding))
    found = open_text(path)
    assert found.sentences == text.split("\n")
    assert "a guess; --encoding sets it" in found.notes[0]
    assert open_text(path, encoding=encoding).sentences == text.split("\n")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("last", ["", "\n"])
def test_unicode_forms_of_a_file(encoding: str, end: str, last: str, tmp_path: Path) -> None:
    expected = ["grün und blau", "三。", "d\u2028e", "x\x85y"]
    path = tmp_path / "a.txt"
    path.write_bytes(("\n".join(expected) + last).replace("\n", ENDS[end]).encode(encoding))
    assert open_text(path).sentences == expected
    assert "a guess" not in open_text(path).notes[0]


LINES = ["The cat sat on the mat.", "It was raining, and nobody came.", 'She said "hello"; he left.', "A | B is not C."]
HEADERS = {"names": ["id", "text", "label"], "none": None, "other names": ["nr", "what_was_said", "mood"]}
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


def quoted(cell: str, delimiter: str, always: bool) -> str:
    needs = always or delimiter in cell or '"' in cell
    return '"' + cell.replace('"', '""') + '"' if needs else cell


@pytest.mark.slow
@pytest.mark.parametrize("always", [False, True], ids=["quoted where needed", "quoted always"])
@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_table_of_any_dialect(delimiter: str, header: str, always: bool, suffix: str, tmp_path: Path) -> None:
    sign = DELIMITERS[delimiter]
    if sign == "|":
        always = False  # such tables know no quotes
    texts = [line for line in LINES if sign != "|" or ("|" not in line and '"' not in line)] * 6
    rows = [[str(i), line, "good" if i % 2 else "bad"] for i, line in enumerate(texts)]
    if HEADERS[header]:
        rows.insert(0, HEADERS[header])
    written = [sign.join(quoted(cell, sign, always) for cell in row) for row in rows]
    path = tmp_path / f"a{suffix}"
    path.write_text("\n".join(written) + "\n")
    found = open_text(path)
    assert found.sentences == texts
    assert "--column sets it" in found.notes[0] and "the first: 'The cat sat" in found.notes[0]
    assert open_text(path, "2").sentences == texts
    assert open_text(path, "2", delimiter=delimiter).sentences == texts


NAMES = "text Text TEXT sentence transcript transcription content body review comment tweet headline caption 文本 内容"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
@pytest.mark.parametrize("name", NAMES.split())
def test_a_column_is_found_by_the_names_that_people_use(name: str, kind: str, tmp_path: Path) -> None:
    texts = ["short", "as short", "a third"]
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        path.write_text(f"some_longer_notes,{name}\n" + "".join(f"much longer than the text {t},{t}\n" for t in texts))
    else:
        rows = [{"some_longer_notes": f"much longer than the text {text}", name: text} for text in texts]
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("[" + ",\n".join(lines) + "]" if kind == "json" else "\n".join(lines))
    found = open_text(path)
    assert found.sentences == texts
    assert "by its name" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("first\nsecond\nthird\n", ["first", "second", "third"]),  # one column without a header loses nothing
        ("text\nfirst\nsecond\n", ["first", "second"]),
        ("words\nOne two.\nThree four.\n", ["One two.", "Three four."]),
        ("text\nHello, you.\nNo comma\nTwo, commas, here\n", ["Hello, you.", "No comma", "Two, commas, here"]),
        ('text\n"a, b\nc"\nd\n', ["a, b\nc", "d"]),
        ("Hello, you.\nAnd you.\nWell, well, well.\n", ["Hello, you.", "And you.", "Well, well, well."]),
    ],
)
def test_a_table_of_one_column(content: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    found = open_text(path)
    assert found.sentences == expected
    several = sum("\n" in sentence for sentence in expected)
    said = f"{several} of {len(expected)} sentences have several lines"
    assert any(note.startswith(said) for note in found.notes) == (several > 0)


POEM = [
    ["Tyger Tyger, burning bright,", "In the forests of the night;"],
    ["What immortal hand or eye,", "Could frame it?"],
]
LAYOUTS = {
    "lines": list(itertools.chain(*POEM, *POEM)),
    "stanzas": [" / ".join(stanza) for stanza in [*POEM, *POEM]],
    "paragraphs": [" ".join(stanza) for stanza in [*POEM, *POEM]],
}


@pytest.mark.parametrize("between", ["\n\n", "\n\n\n", "\n  \n", "\r\n\r\n"], ids=ascii)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_verse_by_the_line_and_by_the_stanza(layout: str, between: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    end = "\r\n" if "\r" in between else "\n"
    path.write_bytes(between.join(end.join(stanza) for stanza in [*POEM, *POEM]).encode())
    found = open_text(path, layout=layout)
    assert found.sentences == LAYOUTS[layout]
    assert ("--layout stanzas" in " ".join(found.notes)) == (layout == "lines")
    with pytest.raises(PoiseError, match="--layout verses is not known"):
        open_text(path, layout="verses")


DAMAGE = {
    "jsonl, no JSON": ("jsonl", '{"text": ', "line 5 (not JSON"),
    "jsonl, no object": ("jsonl", '["x"]', "line 5 (no object"),
    "jsonl, no text": ("jsonl", '{"text": 3}', "line 5 (no text in column 'text')"),
    "jsonl, half a character": ("jsonl", r'{"text": "a\ud83d"}', r"line 5 (half of a character, \ud83d"),
    "jsonl, nested": ("jsonl", "[" * 100_000, "line 5 (not JSON"),
    "csv, too few": ("csv", "only one", "line 5 (1 field instead of 2)"),
    "csv, too many": ("csv", "1,x,y,z", "line 5 (4 fields instead of 2)"),
    "txt, a zero byte": ("txt", "caf\0e", "line 5 (it holds a zero byte)"),
    "csv, a zero byte": ("csv", "1,caf\0e", "line 5 (it holds a zero byte)"),
    "txt, no UTF-8": ("txt", "caf\udce9", "line 5 (not utf-8: byte 0xe9)"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_row_is_counted_and_named_and_the_others_are_read(case: str, tmp_path: Path) -> None:
    suffix, bad, named = DAMAGE[case]
    row = {"jsonl": '{{"text": "ünit {}"}}', "csv": "{0},ünit {0}", "txt": "ünit {}"}[suffix]
    lines = [row.format(i) for i in range(20)]
    lines[4:4] = [bad]
    if suffix == "csv":
        lines[0] = "id,text"
    path = tmp_path / f"a.{suffix}"
    path.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    found = open_text(path)
    assert len(found) == 20 - (suffix == "csv")
    assert named in found.notes[1] and found.unusable == 1
    path.write_bytes("\n".join([lines[0], *[bad] * 9]).encode(errors="surrogateescape"))
    with pytest.raises(PoiseError) as caught:
        open_text(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", SAMPLES, ids=lambda text: text[:4])
def test_utf_16_of_any_script_without_a_mark(text: str, encoding: str, end: str, tmp_path: Path) -> None:
    lines = (text + "\n") * 20
    (tmp_path / "a.txt").write_bytes(lines.replace("\n", ENDS[end]).encode(encoding))
    found = open_text(tmp_path / "a.txt")
    assert found.sentences == lines.rstrip("\n").split("\n")
    assert f"{encoding} by its zero bytes" in found.notes[0]


@pytest.mark.parametrize("seed", range(8))
def test_numbers_are_no_text(seed: int, tmp_path: Path) -> None:
    """Bytes of programs and arrays, with few zero bytes among them."""
    draw = random.Random(seed)
    data = bytearray(draw.randbytes(6000))
    for i in range(0, 6000, 97):
        data[i : i + 2] = b"\n\0"
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(PoiseError, match=r"is no text|cannot be told|cannot be used"):
        open_text(tmp_path / "a.txt")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("damage", ["an odd byte at the end", "half a character in the middle"])
def test_damage_to_utf_16_costs_a_line(damage: str, encoding: str, tmp_path: Path) -> None:
    lines = [f"line {i} of a text" for i in range(20)]
    data = "\n".join(lines).encode(encoding)
    if damage.startswith("an odd"):
        data, lost = data + b"x", 19
    else:
        at = data.index("line 7".encode(encoding.replace("utf-16", "utf-16-le") if encoding == "utf-16" else encoding))
        high = b"\xd8\x00" if encoding.endswith("be") else b"\x00\xd8"
        data, lost = data[: at + 2] + high + data[at + 4 :], 7
    (tmp_path / "a.txt").write_bytes(data)
    found = open_text(tmp_path / "a.txt")
    assert found.sentences == lines[:lost] + lines[lost + 1 :]
    assert f"line {lost + 1} (not utf-16" in found.notes[1]


def test_a_file_full_of_zero_bytes_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"ab\0\0\0cd\0" * 300)
    with pytest.raises(PoiseError, match="is no text"):
        open_text(tmp_path / "a.txt")


def test_texts_by_content_and_what_is_none(tmp_path: Path) -> None:
    for name, content, expected in (
        ("poem", "Über allen Gipfeln\n".encode(), True), ("a.md", b"# x\n", True),
        ("b.log", "x\n".encode("utf-16"), True),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0", False), ("c.npy", b"plain", False), ("empty", b"", False),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        assert is_text(tmp_path / name) == expected, name
    assert not is_text(tmp_path)
    assert not is_text(tmp_path / "gone")


@pytest.mark.parametrize("asked", ["utf-9", "rot13", "base64", ""])
def test_an_encoding_that_is_none(asked: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(PoiseError, match=f"--encoding {asked} is not known: give utf-8"):
        encoding_of(tmp_path / "a.txt", asked)


def test_a_wrong_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"fine\ncaf\xe9\n")
    with pytest.raises(PoiseError, match=r"line 2 is not utf-8 \(byte 0xe9\): .*give another --encoding"):
        list(lines_in(path, encoding_of(path, "utf-8")))


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_a_delimiter_that_is_none(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,x\n")
    with pytest.raises(PoiseError, match=r"--delimiter .* is not possible: give one sign"):
        open_text(tmp_path / "a.csv", delimiter=delimiter)


def test_what_a_table_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("id\ttext\n" + "".join(f"{i}\tsentence {i}\n" for i in range(9)))
    table = read_table(path)
    assert str(table.layout) == "2 columns parted by a tab, named in the first line"
    assert [row.fields[1] for row in table.rows(LeftOut("rows"))] == [f"sentence {i}" for i in range(9)]
    assert open_text(path).sentences == [f"sentence {i}" for i in range(9)]


def of_pixels(count: int, between: str, label: str = "") -> list[str]:
    return [label.format(i % 7) + between.join(str((i * j) % 256) for j in range(count)) for i in range(40)]


PIXELS = {
    "MNIST, with names": ("label," + ",".join(f"pixel{i}" for i in range(784)), of_pixels(784, ",", "{},"), "28x28"),
    "MNIST, without": ("", of_pixels(784, ",", "{},"), "28x28"),
    "no label": ("", of_pixels(100, ";"), "10x10"),
    "colour": ("", of_pixels(3072, ",", "{},"), "3,073 numbers"),
    "faces": ("emotion,pixels,Usage", [f"{row},Training" for row in of_pixels(2304, " ", "{},")], "48x48"),
}


@pytest.mark.parametrize("case", PIXELS)
def test_a_table_of_pixels_is_named(case: str, tmp_path: Path) -> None:
    header, rows, size = PIXELS[case]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([header, *rows] if header else rows))
    with pytest.raises(PoiseError, match=rf"holds pixels, not sentences \({size} in a row\): save them as an .npz"):
        open_text(path)


def test_a_column_of_kinds_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("nr,usage\n" + "".join(f"{i},{'Training' if i % 3 else 'PublicTest'}\n" for i in range(60)))
    with pytest.raises(PoiseError, match=r"name the column of the sentences with --column; it has: nr, usage"):
        open_text(path)
    assert set(open_text(path, column="usage").sentences) == {"Training", "PublicTest"}
