"""Adam's second decay rate, a number or a schedule: in every recipe, recorded, and exact to resume."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from poise.core import Player, Term
from poise.errors import PoiseError
from poise.recipes.common.options import AdamOptions
from poise.recipes.common.parts import adam_dials, check_player, dials_of_rates
from poise.record import RunFolder
from poise.runs.run import Interrupted, Stop, run
from tests.runs.conftest import TINY, Stopping, assert_same, spec, state

COSINE = "cosine:0.9:0.99"


def player(betas, lr=1e-3):
    net = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr, betas=(betas[0], 0.5))
    return Player("net", net, optimizer, [Term("own", lambda round: round)])


def test_each_step_has_the_second_rate_of_its_schedule():
    """Halfway a half cosine from .9 to .99 is .945; the first rate stays."""
    made = player((0.0, COSINE))
    (dial,) = adam_dials([made], {"net": AdamOptions(lr=1e-3, betas=(0.0, COSINE))}, steps=100)
    assert dial.name == "net/beta2"
    for step, value in ((0, 0.9), (50, 0.945), (100, 0.99), (1000, 0.99)):
        assert dial.set(step) == pytest.approx(value)
        assert made.optim.param_groups[0]["betas"] == (0.0, dial.schedule(step))


def test_both_rates_may_follow_schedules_and_numbers_have_no_dial():
    options = {"net": AdamOptions(lr="linear:1:0", betas=(0.5, "linear:0.5:0.6"))}
    names = [dial.name for dial in dials_of_rates([player((0.5, 0.5))], {"net": "linear:2:1"}, options, 10)]
    assert names == ["net/lr", "net/beta2"]
    assert adam_dials([player((0.5, 0.5))], {"net": AdamOptions(betas=(0.5, 0.999))}, 10) == []


@pytest.mark.parametrize(
    "betas", [(0.5, "cosine:0.9:1"), (0.0, "cosine:0.9:1.5:200"), (0.5, "linear:1.5:0.9"), (1.0, COSINE), (0.5, 1.0)]
)
def test_one_and_more_are_refused(betas):
    with pytest.raises(PoiseError, match=r"--net\.betas must be at least 0 and below 1, not \["):
        check_player("net", AdamOptions(betas=betas), sizes=())


def test_what_is_no_schedule_is_refused():
    with pytest.raises(PoiseError, match=r"--net\.betas: 'cosin' is no schedule; did you mean 'cosine'"):
        check_player("net", AdamOptions(betas=(0.5, "cosin:0.9:0.99")), sizes=())


@pytest.mark.slow
def test_a_schedule_that_stands_still_is_the_number(pictures, tmp_path):
    """Bit for bit, beside a run with numbers."""
    for name, second in (("number", 0.75), ("schedule", "linear:0.75:0.75")):
        players = {who: {**TINY, "betas": [0.25, second]} for who in ("generator", "discriminator")}
        run(spec(pictures, steps=6, **players), tmp_path / name)
    (_, weights, _), (_, same, _) = (state(tmp_path / name) for name in ("number", "schedule"))
    assert weights == same


@pytest.mark.slow
def test_it_is_recorded_and_resumes_bit_for_bit(pictures, tmp_path):
    players = {who: {**TINY, "betas": [0.0, COSINE]} for who in ("generator", "discriminator")}
    asked = spec(pictures, steps=8, **players)
    run(asked, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "parts", Stopping(5, stop := Stop()), stop)
    run(asked, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    rows = [row for row in RunFolder(tmp_path / "whole").rows() if "generator/beta2" in row]
    assert rows[0]["generator/beta2"] == pytest.approx(0.9) and rows[-1]["discriminator/beta2"] > 0.94
