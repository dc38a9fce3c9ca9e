"""Maps of arms that are a grid: each mean in its cell, the better the darker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from poise.studies.comparison.outcome import EndpointSummary
from poise.studies.plans.plan import Endpoint
from poise.studies.report.heat import heat_of
from poise.studies.report.plots import new_figure
from poise.studies.report.whole import draw, drawings_of
from tests.studies.pieces import EVIL, KID, arm, outcome, part, row

GRID = {(0, 0): 9.0, (0, "1e-3"): 7.0, (1e-3, 0): 5.0, (1e-3, "1e-3"): 3.0, (1e-2, 0): 4.0, (1e-2, "1e-3"): None}


def of(values, mean, name=None):
    """An arm with two strengths, and the mean of two seeds."""
    g, d = values
    known = EndpointSummary({}, 2 if mean is not None else 0, mean, mean, None)
    arguments = {"l2_generator": g, "discriminator": {"l2": d}}
    return replace(arm(name or f"{g} {d}"), arguments=arguments, endpoints={"KID": known})


def grid(*more, without=()):
    arms = [of(values, mean) for values, mean in reversed(GRID.items()) if values not in without]
    return part(*arms, *more)


def test_a_grid_of_arms_is_a_map_in_the_order_of_its_numbers():
    found = heat_of(grid(), KID)
    assert (found.down, found.across) == ("l2_generator", "discriminator.l2")
    assert (found.rows, found.columns) == (["0", "0.001", "0.01"], ["0", "1e-3"])
    means = [[cell.mean for cell in row] for row in found.cells]
    assert means == [[9, 7], [5, 3], [4, None]] and [c.arm for c in found.cells[1]] == ["0.001 0", "0.001 1e-3"]
    assert [[found.goodness(cell) for cell in row] for row in found.cells] == [
        pytest.approx([0, 1 / 3]), pytest.approx([2 / 3, 1]), [pytest.approx(5 / 6), None],
    ]  # fmt: skip
    higher = heat_of(grid(), Endpoint("KID", {"score": "KID"}, "higher"))
    assert higher.goodness(higher.cells[0][0]) == 1.0 and higher.goodness(None) is None


@pytest.mark.parametrize("values", [(True, False), (False, 1), ("yes", None)])
def test_what_is_no_number_is_a_value_too(values):
    arms = [replace(of((i, d), i + d), arguments={"a": a, "b": d}) for i, a in enumerate(values) for d in (1, 2)]
    found = heat_of(part(*arms), KID)
    assert sorted(found.rows) == sorted(map(str, values))
    assert sorted(cell.mean for row in found.cells for cell in row) == [1, 2, 2, 3]


def test_one_number_is_neither_good_nor_bad():
    same = part(*(of(values, 2.0) for values in GRID))
    found = heat_of(same, KID)
    assert {found.goodness(cell) for row in found.cells for cell in row} == {0.5}


@pytest.mark.parametrize(
    "other",
    [
        part(arm("none"), arm("l2")),
        grid(of((0, 0), 1.0, "the same again")),
        grid(without=[(0, 0), (1e-3, "1e-3")]),
        part(*(of((g, 0), 1.0) for g in range(6))),
        part(*(of((g, g), 1.0) for g in range(5))),
        part(*(replace(of((g, d), 1.0), arguments={"a": g, "b": d, "c": g * d}) for g in (1, 2) for d in (1, 2))),
    ],
    ids=["nothing varies", "twice the same", "too few of its pairs", "one argument", "a diagonal", "three arguments"],
)
def test_what_is_no_grid_has_no_map(other):
    assert heat_of(other, KID) is None


def test_what_an_arm_does_not_give_is_the_default():
    arms = [replace(of((g, d), 1.0), arguments={**({"a": g} if g else {}), "b": d}) for g in (0, 1) for d in (1, 2)]
    assert heat_of(part(*arms), KID).columns == ["1", "default"]


@pytest.mark.slow
def test_the_map_is_drawn_dark_where_it_is_better(tmp_path):
    names = [one.name for one in grid().arms]
    comparisons = [row(name, names[0], -0.03) for name in names[1:]]
    study = outcome(parts=[grid()], comparisons=comparisons, claims=[])
    assert [(one.kind, one.what) for one in drawings_of(study)] == [
        ("change", "KID"), ("heat", "KID"), ("curve", "KID"),
    ]  # fmt: skip
    found = [plot.file for plot in draw(study, tmp_path)]
    assert "plots/pictures-heat-kid.png" in found
    figure = new_figure(4.0)
    drawings_of(study)[1].draw(figure)
    shown = figure.axes[0].images[0]
    light = np.asarray(shown.to_rgba(shown.get_array()))[..., :3].mean(-1)
    assert light[0, 0] > light[0, 1] > light[1, 0] > light[1, 1]
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said == ["9\n2 seeds", "7\n2 seeds", "5\n2 seeds", "3\n2 seeds", "4\n2 seeds"]
    with Image.open(tmp_path / "plots" / "pictures-heat-kid.png") as image:
        assert image.width == 900


@pytest.mark.slow
def test_names_of_any_kind_are_drawn(tmp_path):
    evil = [replace(one, arguments={EVIL: g, "$x^{": d}) for one in [arm("x")] for g in (EVIL, 1) for d in (2, "$y_{")]
    arms = [replace(one, name=f"{EVIL}{i}", endpoints=of((0, 0), 1.0).endpoints) for i, one in enumerate(evil)]
    comparisons = [row(arms[1].name, arms[0].name, -0.03)]
    study = outcome(parts=[part(*arms)], comparisons=comparisons, claims=[])
    assert "plots/pictures-heat-kid.png" in [plot.file for plot in draw(study, tmp_path)]
