"""Lines that people read, and conclusions drawn from the record alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from poise.disk.description import RunSpec
from poise.record import RunFolder
from poise.report.conclude import BestScore, PenaltyEffect, best, penalties, sentences
from poise.report.picture import grid, save_grid
from poise.report.table import columns, number, score_lines
from poise.runs.report import conclude

PRIMARY = ("KID-EffLite0", "KID-classifier")


def test_score_lines_say_value_interval_floor_and_n():
    scores = {"KID-plain": 0.01234, "KID-plain.low": 0.01, "KID-plain.high": 0.015, "FD-plain": 1234.5}
    scores |= {"plain.n": 300.0, "plain.m": 200.0, "class_share.min": 0.1}
    floor = {**scores, "KID-plain": -0.0001, "FD-plain": 99.96}
    assert score_lines(scores, floor) == [
        "KID-plain        0.0123 [0.01, 0.015]  real against real -0.0001 [0.01, 0.015]  N 300/200",
        "FD-plain         1234                  real against real 100                    N 300/200",
        "class_share.min  0.1                   real against real 0.1",
    ]
    assert score_lines({}, {}) == [] == columns([])
    (line,) = score_lines({"KID-plain": 2.0, "KID-plain.flat": 22.61}, {"KID-plain": 0.01})
    assert line == "KID-plain  2  real against real 0.01, plain colours 22.6"


def rows(share):
    return [
        {
            "step": t,
            "generator/l2.share": share * (t + 1),
            "generator/l2.strength": 0.1,
            "generator/l2.spent": 0.01 * t,
        }
        for t in range(3)
    ]


def test_penalties_are_summed_up():
    assert penalties(rows(0.1))["generator/l2"] == PenaltyEffect(
        strength_first=0.1, strength_last=0.1, share_median=0.2, share_largest=0.1 * 3, sum_lr_strength=0.02
    )


def test_a_share_below_a_millionth_is_called_nothing():
    assert "did nothing" in sentences(penalties(rows(3.3e-7)))[0]
    assert " acted" in sentences(penalties(rows(3.4e-7)))[0]
    off = [row | {"generator/l2.strength": 0.0} for row in rows(0.0)]
    assert sentences(penalties(off)) == ["l2 on the generator was off."]


def test_best_is_the_lowest_primary_score():
    record = [
        {"step": t, "score/KID-EffLite0": v, "score/KID-classifier": -v} for t, v in ((0, 3.0), (4, 1.0), (9, 2.0))
    ]
    assert best(record, PRIMARY) == BestScore(5, "KID-EffLite0", 1.0)
    assert best([{"step": 1, "loss": 2.0}], PRIMARY) is None


def test_conclude_reads_nothing_but_the_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(RunSpec("images"))
    for row in rows(0.1):
        folder.add(row)
    folder.close()
    spec = RunSpec("images", facts={"data": "d"})
    once, twice = conclude(folder, spec, 3, {}, PRIMARY), conclude(folder, spec, 3, {}, PRIMARY)
    assert once == twice and once.steps == 3


def test_grid_places_every_picture(tmp_path):
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((5, 4, 4, 1), np.uint8) * 40
    picture = np.asarray(grid(images, columns=3, gap=1, enlarge=1))
    assert picture.shape == (2 * 5 + 1, 3 * 5 + 1)
    assert [picture[1, 1], picture[1, 6], picture[1, 11], picture[6, 1], picture[6, 6]] == [0, 40, 80, 120, 160]
    save_grid(np.repeat(images, 3, 3), tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as saved:
        assert saved.mode == "RGB"


def test_a_player_of_a_player_is_told_in_words():
    row = {"vocoder_discriminator/l2.share": 0.1, "vocoder_discriminator/l2.strength": 1e-4}
    assert sentences(penalties([row]))[0].startswith("l2 on the vocoder's discriminator (λ = 0.0001) acted")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.0123"), (-12.345, "-12.3"), (999.96, "1000"), (12345.6, "12346"), (9999999.0, "9999999"),
     (34430849074241876.0, "3.44e+16"), (-3045955108820668.0, "-3.05e+15"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers_are_short_and_easily_read(value, text):
    assert number(value) == text
