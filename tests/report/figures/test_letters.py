"""Letters of any script: drawn in a font that has them, or as a box that is told. Warnings are errors here."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from poise.report.figures import letters
from poise.report.figures.letters import BOX, drawable, lettered, untold
from poise.report.figures.looks import as_png, as_svg

CHINESE = "\u535a\u9e1f"  # two letters that only the font below has
PRIVATE = "\U000f1234"  # a letter that no font has


@pytest.fixture
def chinese_font(tmp_path, monkeypatch) -> Path:
    """A font with these two letters alone, as squares, which matplotlib knows for the time of a test."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    names = [".notdef", "a", "b"]
    pen = TTGlyphPen(None)
    for i, place in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if i else pen.moveTo)(place)
    pen.closePath()
    square = pen.glyph()
    built = FontBuilder(1000, isTTF=True)
    built.setupGlyphOrder(names)
    built.setupCharacterMap(dict(zip(map(ord, CHINESE), names[1:], strict=True)))
    built.setupGlyf(dict.fromkeys(names, square))
    built.setupHorizontalMetrics(dict.fromkeys(names, (800, 50)))
    built.setupHorizontalHeader(ascent=800, descent=-200)
    built.setupNameTable({"familyName": "Poise Test Chinese", "styleName": "Regular"})
    built.setupOS2()
    built.setupPost()
    built.save(tmp_path / "chinese.ttf")
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(tmp_path / "chinese.ttf")
    yield tmp_path / "chinese.ttf"
    letters._fonts_for.cache_clear()
    letters._letters.cache_clear()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """Only the fonts that matplotlib brings and those of a test, whatever this machine has."""
    brought = [entry for entry in fontManager.ttflist if "mpl-data" in str(entry.fname)]
    monkeypatch.setattr(fontManager, "ttflist", brought)
    monkeypatch.setattr(letters, "_new_families", list)
    for kept in (letters._fonts_for, letters._letters):
        kept.cache_clear()
    yield
    for kept in (letters._fonts_for, letters._letters):
        kept.cache_clear()


def drawn(text: str) -> bytes:
    figure = Figure(figsize=(1, 1))
    figure.text(0, 0.5, drawable(text), parse_math=False)
    assert as_svg(figure).startswith(b"<?xml")
    return as_png(figure)


def test_a_font_that_has_the_letters_is_taken(chinese_font):
    before = list(rcParams["font.family"])
    with lettered(["plain", f"class {CHINESE}"]) as missing:
        assert missing == [] and drawable(CHINESE) == CHINESE
        assert rcParams["font.family"] == [*before, "Poise Test Chinese"]
        with_font = drawn(CHINESE)
    assert rcParams["font.family"] == before and untold(missing) == ""
    assert drawable(CHINESE) == 2 * BOX and drawn(CHINESE) != with_font


def test_where_no_font_has_them_one_line_says_so():
    with lettered([f"class {CHINESE}", "plain"]) as missing:
        assert drawable(CHINESE) == 2 * BOX and drawn(CHINESE) == drawn(2 * BOX)
    assert missing == sorted(CHINESE)
    assert untold(missing).startswith(
        f"2 letters are drawn as {BOX} ({missing[0]} {missing[1]}): no font here has them"
    )
    assert untold([PRIVATE] * 20).count(PRIVATE) == 8


def test_what_this_matplotlib_would_not_join_is_a_box(monkeypatch):
    arabic = "\u0645\u0631\u062d\u0628\u0627"
    monkeypatch.setattr(letters, "_shapes", lambda: True)
    with lettered([arabic]) as missing:
        assert missing == [] and drawable(arabic) == arabic
    monkeypatch.setattr(letters, "_shapes", lambda: False)
    with lettered([arabic]) as missing:
        assert drawable(arabic) == BOX * 5
    assert set(missing) == set(arabic) and "matplotlib before 3.11 cannot join them" in untold(missing)


def test_a_font_of_boxes_is_no_font_that_has_letters():
    assert not [name for name in letters._known_families() if name.startswith("Last Resort")]
    with lettered([PRIVATE]) as missing:
        assert missing == [PRIVATE]
