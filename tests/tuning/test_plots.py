"""The plots of a search: where its default and its trials stand."""

from __future__ import annotations

import math

import pytest
from matplotlib.figure import Figure

from poise.tuning import plots
from poise.tuning.asked import Asked
from poise.tuning.space import Space, dimension
from poise.tuning.trials import Tried

ARGUMENTS = {"noise": 64, "flag": True, "net": "plain", "lr": 0.0, "l2_g": 0.0, "g": {"lr": 1e-3}}


@pytest.mark.parametrize(
    ("text", "default", "best"),
    [
        ("noise=128,64,32", 1.0, 2.0),
        ("flag=true,false", 0.0, 1.0),
        ("net=plain,other", 0.0, 1.0),
        ("lr=linear:0:1", 0.0, 1.0),
        ("l2_g=zero,log:1e-6:1e-2", math.sqrt(1e-7 * 1e-6), 1e-2),
        ("g.lr=times:0.5:4", 1.0, 4.0),
    ],
)
def test_the_default_is_a_line_where_its_trials_stand(text, default, best, monkeypatch):
    one = dimension(text)[1]
    asked = Asked("images", ARGUMENTS, Space([one]), "KID")
    first = one.default(ARGUMENTS)
    last = one.samples[-1] if one.name != "net" else "other"
    tried = [Tried(0, {one.name: first}, "done", [2.0], 2.0), Tried(1, {one.name: last}, "done", [1.0], 1.0)]
    drawn: list[Figure] = []
    monkeypatch.setattr(plots, "as_png", lambda figure: drawn.append(figure) or b"")
    plots._slices(asked, tried)
    lines = drawn[0].axes[0].lines
    done, _given_up, star, dashed = lines
    assert list(done.get_xdata()) == pytest.approx([default, best])
    assert list(star.get_xdata()) == pytest.approx([best])
    assert list(dashed.get_xdata()) == pytest.approx([default, default])
