"""Pages to listen to: every file they name is there, every text is escaped, nothing leads outside."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.report.audio import save_clips
from poise.report.page import page, page_of_steps, save_page

VOID = {"meta", "img"}
EVIL = "<script>alert('1')</script> & \"2\""


class Read(HTMLParser):
    """Tags in order with their attributes, the text between them, and whether every tag is closed where it must be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open += [tag] * (tag not in VOID)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and "style" not in self.open:
            self.text.append(data.strip())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def files(self) -> list[str]:
        return [unquote(attributes["src"] or "") for _, attributes in self.tags if "src" in attributes]


def read(path: Path) -> Read:
    found = Read(path.read_text(encoding="utf-8"))
    assert found.open == []
    return found


def test_a_page_has_titles_texts_sounds_and_pictures(tmp_path):
    """All of it escaped; the sounds are loaded when they are asked for."""
    rows = [
        {"title": EVIL, "pictures": ["a #1 ä.png"]},
        {"text": f"{EVIL} 你好 \ud800", "sounds": {"real": 'x"?.wav', "<i>made": "00000010/b%20.wav"}},
    ]
    save_page(tmp_path, EVIL, rows)
    found = read(tmp_path / "index.html")
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]
    assert found.text == [EVIL, EVIL, EVIL, f"{EVIL} 你好 \\ud800", "real", "<i>made"]
    assert found.files() == ["a #1 ä.png", 'x"?.wav', "00000010/b%20.wav"]
    assert [(a["preload"], "controls" in a, a["aria-label"]) for a in found.of("audio")] == [
        ("none", True, "real"), ("none", True, "<i>made")
    ]  # fmt: skip
    assert found.of("img")[0]["alt"] == EVIL
    assert {"content": "light dark", "name": "color-scheme"} in found.of("meta")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>") and "://" not in html
    assert not found.of("script") and not found.of("link") and not found.of("a")


@pytest.mark.parametrize("outside", ["/etc/x.wav", "../x.wav", "a/../../x.wav"])
def test_files_outside_the_folder_are_refused(tmp_path, outside):
    for row in ({"sounds": {"real": outside}}, {"pictures": [outside]}):
        with pytest.raises(ValueError, match="is not a file below the page"):
            save_page(tmp_path, "x", [row])
    assert not list(tmp_path.iterdir())
    assert b'src="http%3A//x/y.wav"' in page("x", [{"sounds": {"real": "http://x/y.wav"}}]), "a file, not an address"


def test_a_page_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(PoiseError, match=r"cannot write .*none/index\.html"):
        save_page(tmp_path / "none", "x", [])


TONE = np.zeros(50, np.float32)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """Four steps, two with a picture alone, and whatever else may lie about."""
    folder = tmp_path / "samples"
    (folder / "00000010").mkdir(parents=True)
    for step in (900, 100_000_000):
        clips = [("a", {"real": TONE, "generated": TONE}), ("b", {"generated": TONE})]
        save_clips(clips, 8000, folder / f"{step:08d}", [f"{step} <1>", f"{step} <2>"])
        (folder / f"{step:08d}.png").touch()
    (folder / "00000005.png").touch()
    (folder / "99999999.png").touch()
    (folder / "00000900/003-generated.wav").touch()
    for stray in ("00000900.txt", "12.png", "notes.md", ".x.png.7.tmp", "00000900/x.wav", "00000900/01-real.wav",
                  "00000900/004-real.mp3"):  # fmt: skip
        (folder / stray).touch()
    (folder / "00000900/005-real.wav").mkdir()
    (folder / "00000001.png").mkdir()
    return folder


def test_the_steps_of_a_run_are_listed_newest_first(samples):
    """Files that do not fit are skipped, and a clip without a text has its number."""
    page_of_steps(samples, "A <run>")
    found = read(samples / "index.html")
    assert [line for line in found.text if line not in ("real", "generated")] == [
        "A <run>", "A <run>",
        "Step 100,000,000", "100000000 <1>", "100000000 <2>",
        "Step 99,999,999", "Step 900", "900 <1>", "900 <2>", "003",
        "Step 5",
    ]  # fmt: skip
    assert found.files() == [
        "100000000.png", *(f"100000000/{name}.wav" for name in ("000-generated", "000-real", "001-generated")),
        "99999999.png", "00000900.png",
        *(f"00000900/{n}.wav" for n in ("000-generated", "000-real", "001-generated", "003-generated")),
        "00000005.png",
    ]  # fmt: skip
    assert all((samples / file).is_file() for file in found.files())
    before = (samples / "index.html").read_bytes()
    page_of_steps(samples, "A <run>")
    assert (samples / "index.html").read_bytes() == before, "the page itself changes nothing"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"{", ["000", "001"]),
        (b"\xff", ["000", "001"]),
        (json.dumps({"0": "x"}).encode(), ["000", "001"]),
        (json.dumps(["only one"]).encode(), ["only one", "001"]),
        (json.dumps([7, "", "x"]).encode(), ["000", "001"]),
    ],
)
def test_texts_that_do_not_fit_are_skipped(tmp_path, content, shown):
    save_clips([("a", {"real": TONE}), ("b", {"real": TONE})], 8000, tmp_path / "00000010")
    (tmp_path / "00000010/texts.json").write_bytes(content)
    page_of_steps(tmp_path, "x")
    assert [line for line in read(tmp_path / "index.html").text if line != "real"] == ["x", "x", "Step 10", *shown]


def test_no_samples_is_a_page_too(tmp_path):
    page_of_steps(tmp_path, "x")
    assert read(tmp_path / "index.html").text == ["x", "x", "No samples yet."]


def test_the_page_of_a_folder_of_clips_names_its_files(tmp_path):
    save_clips([("a & b", {"real": TONE, "generated": TONE})], 8000, tmp_path / "clips")
    found = read(tmp_path / "clips/index.html")
    assert found.files() == ["000-real.wav", "000-generated.wav"]
    assert all((tmp_path / "clips" / file).is_file() for file in found.files())
    assert found.text == ["clips", "clips", "a & b", "real", "generated"]
