"""Pictures of log-mels: the same bytes twice, one colour scale, axes in seconds and hertz, no warnings for letters."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from poise.audio.spectrograms import mel_filters
from poise.report.figures.letters import _letters as letters_of
from poise.report.spectrogram import drawable, mel_of, save_spectrograms

MEL = np.linspace(-11, 1, 8 * 20).reshape(8, 20)


@pytest.fixture
def figure(monkeypatch) -> list[Figure]:
    """The figures that are made."""
    made: list[Figure] = []
    original = Figure.__init__

    def init(self, *arguments, **named):
        original(self, *arguments, **named)
        made.append(self)

    monkeypatch.setattr(Figure, "__init__", init)
    return made


@pytest.mark.slow
def test_the_picture_has_the_same_bytes_twice(tmp_path):
    """With letters of many scripts, formulas that are none, line breaks, and a title that is too long."""
    rows = [(r"你好 $\no$ नमस्ते" + "\n\x00", [MEL, MEL[:, :9]]), ("long " * 99, [MEL])]
    for name in "ab":
        save_spectrograms(rows, ["real", "生成"], tmp_path / f"{name}.png", 0.008, 4000)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (690, 354) and picture.info.keys() == {"dpi"}


def test_the_panels_share_the_colours_and_a_row_its_seconds(tmp_path, figure):
    rows = [("a", [MEL, MEL[:, :10] - 5]), ("b", [MEL[:, :5]])]
    save_spectrograms(rows, ["real", "generated"], tmp_path / "a.png", 0.01)
    panels = [axes for axes in figure[0].axes if axes.images]
    assert len(panels) == 3
    assert {panel.images[0].get_clim() for panel in panels} == {(MEL[:, :10].min() - 5, 1.0)}
    assert [panel.get_xlim()[0] for panel in panels] == [0, 0, 0]
    assert [panel.get_xlim()[1] for panel in panels] == pytest.approx([0.2, 0.2, 0.05])
    assert [panel.images[0].get_extent()[1] for panel in panels] == pytest.approx([0.2, 0.1, 0.05])
    assert all(label.get_text().endswith(" s") for label in panels[0].get_xticklabels())
    assert [text.get_text() for text in figure[0].texts] == ["real", "generated", "a", "b"]
    lower = panels[0].images[0].get_array()[0]
    assert np.array_equal(lower, MEL[0]) and panels[0].images[0].origin == "lower"


@pytest.mark.slow
def test_hertz_stand_beside_the_band_that_hears_them(tmp_path, figure):
    """The mark at f lies where the triangles of `poise.audio.spectrograms` on either side of f hear it."""
    bands, window = 40, 4096
    save_spectrograms([("a", [np.zeros((bands, 5))])], ["x"], tmp_path / "a.png", 0.01, 8000)
    (panel,) = [axes for axes in figure[0].axes if axes.images]
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert labels == ["500 Hz", "1 kHz", "2 kHz", "4 kHz"]
    filters = mel_filters(16_000, window, bands, 0, 8000)
    for hertz, place in zip((500, 1000, 2000, 4000), panel.get_yticks(), strict=True):
        heard = filters[:, round(hertz / 16_000 * window)].nonzero().flatten().tolist()
        assert set(heard) <= {int(np.floor(place)), int(np.ceil(place))} and heard
    assert (mel_of(500), mel_of(1000), mel_of(6400)) == (7.5, 15, 42)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("none", [])],
        [("empty", [np.zeros((8, 0))]), ("one frame", [np.zeros((8, 1))])],
        [("not finite", [np.full((8, 4), np.nan)]), ("in part", [np.where(MEL > 0, -np.inf, MEL)])],
        [("all nan", [np.full((8, 4), np.nan)])],
    ],
    ids=["nothing", "no versions", "empty", "not finite", "nan"],
)
def test_odd_spectrograms_are_drawn(tmp_path, rows):
    save_spectrograms(rows, ["x"], tmp_path / "a.png", 0.008, 2000)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG" and picture.width > 300


def test_letters_that_the_font_lacks():
    """In their compatible form, or as a box; composed where that exists; on one line, without control characters."""
    assert drawable("nǐ hǎo") == "nǐ hǎo"
    assert drawable("a\u030c") == "ǎ"
    assert drawable(" 你，好\n\tb\x00\u200d ") == "□,□ b"
    assert drawable("") == ""


@pytest.mark.slow
def test_no_letter_warns(tmp_path):
    """Every fiftieth one there is, and the font's own: warnings are errors."""
    letters = [chr(c) for c in range(0, sys.maxunicode, 50)] + [chr(c) for c in sorted(letters_of(("sans-serif",)))]
    lines = ["".join(letters[i : i + 90]) for i in range(0, len(letters), 90)]
    for i in range(0, len(lines), 40):
        save_spectrograms([(line, []) for line in lines[i : i + 40]], ["x"] * 3, tmp_path / "a.png", 0.008)
    assert (tmp_path / "a.png").stat().st_size > 0
