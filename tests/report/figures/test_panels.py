"""Panels of curves: what is drawn is what was given."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.report.figures.looks import as_png, as_svg, check_figure, save_figure
from poise.report.figures.panels import OF_KIND, Happening, Panel, PlottedCurve, panels_figure

EVIL = r"<script>$\no$ _under & \"2\""
CURVE = PlottedCurve("a", [0, 8, 16], [3.0, math.nan, 1e-3], [2.0, math.nan, 1e-4], [4.0, math.nan, 1e-2])
PANEL = Panel("Loss", "nats", [CURVE, PlottedCurve("_b", [0, 16], [1.0, 2.0])], {"real": 0.5})
FOUND = [Happening("collapse", "critical", 4, 17), Happening("stage: one", "stage", 0, 17)]


def axes_of(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def test_lines_bands_and_levels_are_the_numbers():
    axes = axes_of(panels_figure("t", [PANEL], FOUND), "Loss")
    lines = {line.get_label().lstrip("\u200b"): line for line in axes.lines}
    assert np.array_equal(lines["a"].get_xydata(), np.column_stack([CURVE.x, CURVE.y]), equal_nan=True)
    assert lines["_b"].get_ydata().tolist() == [1, 2] and lines["real"].get_ydata() == [0.5, 0.5]
    band = axes.collections[0].get_paths()
    assert {tuple(point) for path in band for point in path.vertices} >= {(0, 2), (0, 4)}
    assert axes.get_yscale() == "log" and axes.get_ylabel() == "nats"
    shown = [text.get_text().lstrip("\u200b") for text in axes.get_legend().get_texts()]
    assert shown == ["a", "_b", "real"], "also a name that matplotlib would leave out"


def test_what_happened_is_marked_with_its_name():
    figure = panels_figure("t", [PANEL], FOUND)
    strip = axes_of(figure, "What happened")
    assert [text.get_text() for text in strip.texts] == ["collapse (critical)", "stage: one"]
    assert [(bar.get_x(), bar.get_width()) for bar in strip.patches] == [(4, 13), (0, 17)]
    marked = {
        line.get_color(): line.get_xdata()[0]
        for line in axes_of(figure, "Loss").lines
        if len(set(line.get_xdata())) == 1
    }
    assert marked == {OF_KIND["critical"]: 4, OF_KIND["stage"]: 0}


def test_no_panel_is_empty():
    empty = Panel("Empty", "x", [PlottedCurve("n", [0.0], [math.nan]), PlottedCurve("none", [], [])])
    titles = [axes.get_title(loc="left") for axes in panels_figure("t", [empty, PANEL]).axes]
    assert titles == ["Loss"]
    with pytest.raises(ValueError, match="nothing to draw"):
        panels_figure("t", [empty])


@pytest.mark.slow
def test_names_and_numbers_of_any_kind_are_drawn():
    """Formulas that are none, long names, one point, infinities, huge numbers; warnings are errors."""
    curves = [
        PlottedCurve(EVIL * 9, [5.0], [1.0]),
        PlottedCurve(EVIL, [0.0, 1e15], [-1e300, math.inf]),
        PlottedCurve("", [1.0, 2.0], [1, 1]),
    ]
    panels = [Panel(EVIL, EVIL, [curve], {EVIL: math.nan}) for curve in curves] + [Panel("all", "", curves)]
    figure = panels_figure(EVIL, panels, [Happening(EVIL, "note", 0, 0), Happening("x" * 99, "warning", 1e15, 1e15)])
    assert as_png(figure) == as_png(figure) and b"<script" not in as_svg(figure)


def test_one_legend_may_do_for_all_panels():
    figure = panels_figure("t", [Panel("A", "x", [CURVE]), Panel("B", "x", [CURVE])], legend=False)
    assert [axes.get_legend() for axes in figure.axes] == [None, None]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a"]


@pytest.mark.parametrize(
    ("name", "said"), [("a.pdf", "ends in .png or .svg"), ("none/a.png", "there is no folder none")]
)
def test_where_no_figure_can_go(name, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PoiseError, match=said):
        check_figure(Path(name))


@pytest.mark.slow
def test_a_figure_is_kept_by_its_ending(tmp_path):
    figure = panels_figure("t", [PANEL])
    save_figure(figure, tmp_path / "a.png")
    save_figure(figure, tmp_path / "a.SVG")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG") and b"<svg" in (tmp_path / "a.SVG").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2
