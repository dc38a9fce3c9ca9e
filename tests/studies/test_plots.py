"""Plots of a study: what is drawn is what the study says, for names of any kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from poise.errors import PoiseError
from poise.studies.comparison.outcome import ScoreCurves
from poise.studies.report.plots import REFERENCE, changes, curves, high_of, new_figure
from poise.studies.report.whole import draw
from tests.studies.pieces import EVIL, arm, outcome, part, row

PART = outcome().parts[0]


def drawn(*rows):
    figure = new_figure(high_of(rows))
    changes(PART, [(of, of.change) for of in rows], "t", figure)
    return figure.axes[0]


def curved(of, score: str = "KID"):
    figure = new_figure(5.2)
    curves(of, score, "t", figure)
    return figure


def points(axes, marker: str) -> list[list[float]]:
    return [[float(x) for x in line.get_xdata()] for line in axes.lines if line.get_marker() == marker]


@pytest.mark.slow
def test_a_study_has_a_plot_for_each_endpoint_and_score(tmp_path):
    """900 pixels wide, the same bytes for the same numbers; those of an earlier time are gone."""
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "gone-change-kid.png").touch()
    found = draw(outcome(), tmp_path)
    assert [plot.file for plot in found] == ["plots/pictures-change-kid.png", "plots/pictures-curve-kid.png"]
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png")) == [plot.file for plot in found]
    for plot in found:
        with Image.open(tmp_path / plot.file) as image:
            assert image.width == 900 and len(image.getcolors(1 << 20) or []) > 50
    first = (tmp_path / found[0].file).read_bytes()
    draw(outcome(parts=[part(*(replace(of, curves={}) for of in PART.arms))]), tmp_path)
    assert (tmp_path / found[0].file).read_bytes() == first


@pytest.mark.slow
def test_names_that_look_alike_in_a_file_name_have_a_plot_each(tmp_path):
    parts = [part(arm("none", seeds=1), name=name) for name in ("a b", "a/b", "你")]
    found = [plot.file for plot in draw(outcome(parts=parts, comparisons=[], claims=[]), tmp_path)]
    assert found == ["plots/a-b-curve-kid.png", "plots/a-b-curve-kid-x.png", "plots/x-curve-kid.png"]


def test_a_study_without_numbers_has_no_plots(tmp_path):
    empty = [part(arm("none", curves={}))]
    for of in ({"change": None}, {"part": "text"}, {"endpoint": "FD"}):
        rows = [row("l2", "none", 0.0, **of)]
        assert draw(outcome(parts=empty, comparisons=rows, claims=[]), tmp_path) == []


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "plots").touch()
    with pytest.raises(PoiseError, match="cannot make the folder"):
        draw(outcome(), tmp_path)


def test_changes_are_drawn_where_they_are():
    """In per cent of the other arm's mean (0.1); a run that diverged has a cross; each pair of arms has a row."""
    axes = drawn(row("l2", "none", -0.03, worst_seeds=["2"]), row("l2", EVIL, 0.01))
    assert [np.round(dots, 6).tolist() for dots in points(axes, "o")] == [[-40, -30], [0, 10, 20]]
    assert [np.round(dots, 6).tolist() for dots in points(axes, "x")] == [[-20], []]
    assert [dots[0] for dots in points(axes, "D")] == pytest.approx([-30, 10])
    bars = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 3]
    assert [list(bar) for bar in bars] == [pytest.approx([-54.8, -5.2]), pytest.approx([-14.8, 34.8])]
    shaded = [area.get_paths()[0].get_extents().intervalx for area in axes.collections]
    assert [list(area) for area in shaded] == [pytest.approx([-10, 10])] * 2
    assert axes.get_yticklabels()[0].get_text() == "l2\nagainst none"
    assert "in % of the other arm's mean" in axes.get_xlabel() and "← better" in axes.get_xlabel()
    assert [text.get_text() for text in axes.texts] == ["p = .25, 3 seeds\nD alive 1 of 3"] * 2


@pytest.mark.parametrize(
    ("scale", "units", "places", "label"),
    [
        ("difference", ["%", ""], [-0.03, 1.0], "change ("),
        ("ratio", ["%", "%"], [100 * np.expm1(-0.03), 100 * np.expm1(1)], "change in % ("),
        ("ratio", ["%", "factor"], [np.exp(-0.03), np.exp(1)], "change as a factor"),
    ],
)
def test_one_axis_has_one_unit(scale, units, places, label):
    known = {"scale": scale, "better": "higher", "margin": None}
    axes = drawn(row("l2", "none", -0.03, units[0], **known), row("l2", "none", 1.0, units[1], **known))
    assert [dots[0] for dots in points(axes, "D")] == pytest.approx(places)
    assert (axes.get_xscale() == "log") == ("factor" in units)
    assert label in axes.get_xlabel() and "better →" in axes.get_xlabel() and not axes.collections


def test_one_seed_has_no_interval():
    axes = drawn(row("l2", "none", -0.03, n=1, low=None, high=None, differences={"0": -0.03}))
    assert not [line for line in axes.lines if line.get_linewidth() == 3]
    assert axes.texts[0].get_text() == "1 seed\nD alive 1 of 3"


def test_curves_have_a_band_a_mean_and_a_thin_line_for_each_seed():
    axes = curved(PART).axes[0]
    thick = [line for line in axes.lines if line.get_linewidth() > 2]
    assert [list(line.get_ydata()) for line in thick] == [
        pytest.approx([v + 0.1, v / 2 + 0.1]) for v in (1.0, 0.8, 0.6)
    ]
    assert len(axes.lines) - len(thick) == 9 and len(axes.collections) == 3
    assert thick[0].get_color() == REFERENCE and len({line.get_color() for line in thick}) == 3
    assert [text.get_text().strip() for text in axes.get_legend().get_texts()][:2] == ["none (n = 3)", "l2 (n = 3)"]


def test_a_steep_curve_has_a_logarithmic_axis_and_one_below_0_has_not():
    for values, scale in (([8.0, 0.1], "log"), ([8.0, -0.1], "linear"), ([1.0, 0.9], "linear")):
        curve = ScoreCurves([], {"0": [(1, values[0]), (2, values[1])]})
        figure = curved(part(arm("none", curves={"KID": curve})))
        assert figure.axes[0].get_yscale() == scale


@pytest.mark.slow
def test_the_ninth_arm_differs_by_its_dashes():
    many = part(arm("none"), *(arm(f"a{i}", 1.0 + i) for i in range(9)))
    looks = [
        (line.get_color(), line.get_linestyle()) for line in curved(many).axes[0].lines if line.get_linewidth() > 2
    ]
    assert len(set(looks)) == 10
    assert len(curved(many).axes[0].lines) == 10, "no room for thin lines"


def test_a_plot_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "plots" / "pictures-change-kid.png").mkdir(parents=True)
    with pytest.raises(PoiseError, match=r"cannot write .*pictures-change-kid\.png"):
        draw(outcome(), tmp_path)
