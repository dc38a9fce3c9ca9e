"""The probability of augmentation: given, scheduled, and steered by whether D tells training from held-out pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from poise.cli.program import main
from poise.core import Batch
from poise.data.draws.order import Order
from poise.errors import PoiseError
from poise.recipes.images.steering import APART, DECAY, EVERY, NAME, REACH, TARGET, Steering, kinds
from poise.record import RunFolder


def steering(gap, batch=1000):
    """One whose D is `gap` higher on training pictures than on held-out ones, with noise of 1 on both."""

    def discriminator(x):
        return x.real

    def pictures(sign):
        def batch_of(draw):
            rng = torch.Generator().manual_seed(2 * draw + (sign > 0))
            return Batch(torch.randn(64, generator=rng) + (gap / 2) * sign)

        return batch_of

    return Steering(discriminator, pictures(1), pictures(-1), batch)


def after(looks, gap, start=0.0):
    made = steering(gap)
    made.probability = start
    for step in range(EVERY * looks):
        made(step)
    return made


def test_what_is_memorised_raises_it_and_what_is_not_lowers_it():
    memorising, honest, other_way = after(20, 2.0), after(60, 0.0, start=0.9), after(60, -2.0, start=0.9)
    expected = (20 - 2) * EVERY * 1000 / REACH
    assert memorising.average > 0.7 and memorising.probability == pytest.approx(expected, abs=0.1)
    assert honest.probability == pytest.approx(0.0) and other_way.probability == pytest.approx(0.0)


def test_it_stays_within_its_bounds_and_moves_by_pictures():
    assert after(400, 3.0).probability == 1.0
    few, many = steering(3.0, batch=10), steering(3.0, batch=20)
    for made in (few, many):
        for step in range(EVERY * 50):
            made(step)
    assert many.probability == pytest.approx(2 * few.probability)
    assert few.probability <= 50 * EVERY * 10 / REACH


def test_the_average_by_hand():
    """Of looks that all say 1, A after n of them is 1 − ½·DECAYⁿ; it crosses TARGET at a known look."""
    made = Steering(lambda x: x.real, lambda _: Batch(torch.ones(4)), lambda _: Batch(torch.zeros(4)), 1000)
    first_above = None
    for look in range(30):
        made(EVERY * look)
        assert made.average == pytest.approx(1 - 0.5 * DECAY ** (look + 1))
        if first_above is None and made.average > TARGET:
            first_above = look
        assert (made.probability > 0) == (first_above is not None)
    assert first_above == 2  # 1 − ½·.95³ = .571


def test_a_dead_discriminator_says_nothing():
    made = Steering(lambda x: torch.zeros(4), lambda _: Batch(torch.ones(4)), lambda _: Batch(torch.zeros(4)), 1000)
    for step in range(100):
        assert made(step) == 0.0
    assert made.average == 0.5


def test_its_state_is_all_that_it_remembers():
    whole = after(20, 1.0)
    half, resumed = after(10, 1.0), steering(1.0)
    resumed.load_state_dict(half.state_dict())
    for step in range(EVERY * 10, EVERY * 20):
        resumed(step)
    assert resumed.state_dict() == whole.state_dict()


def unseen(batch, ahead):
    """Mean share of the pictures of a look that D has not seen yet, over half a pass of 2,000."""
    training, looks = Order(np.arange(2000), batch, (0, 0)), Order(np.arange(2000), 64, (0, 0))
    seen, shares = np.zeros(2000, bool), []
    for step in range(1000 // (2 * batch)):
        if step % EVERY == 0:
            shares.append(1 - seen[looks.rows(ahead + step // EVERY)].mean())
        seen[training.rows(2 * step)] = True
    return np.mean(shares)


def test_looks_hang_on_no_batch_size():
    """A look at what D is about to be trained on, as a batch of 8 would have made it, sees no memorising."""
    assert unseen(8, 0) == 1.0, "what it was"
    for batch in (4, 8, 16, 32):
        expected = 1 - np.mean(range(0, 1000 // (2 * batch), EVERY)) * batch / 2000
        assert unseen(batch, APART) == pytest.approx(expected, abs=0.05), batch


def test_a_run_of_before_looks_where_it_looked():
    asked = []
    made = Steering(
        lambda x: x.real, lambda n: asked.append(n) or Batch(torch.ones(4)), lambda _: Batch(torch.ones(4)), 8
    )
    made(EVERY)
    made.load_state_dict({"probability": 0.5, "average": 0.5})
    made(EVERY)
    assert asked == [APART + 1, 1]


def test_a_probability_means_all_kinds_unless_some_are_named():
    assert kinds("auto", "steered") == "color,translation,cutout"
    assert kinds("cutout", "steered") == "cutout" and kinds("auto", 1.0) == "auto"
    assert kinds("auto", 0.5) == kinds("auto", "linear:0:1") == "color,translation,cutout"
    assert kinds("cutout", 0.0) == kinds("auto", 0) == "none"
    with pytest.raises(PoiseError, match="nothing to apply"):
        kinds("none", 0.5)


RUN = ["--steps", "12", "--batch", "4", "--scores", "0", "--threads", "1", "--log-every", "1", "--quiet",
       "--generator.width", "2", "--discriminator.width", "2"]  # fmt: skip


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("pictures.npy", np.random.default_rng(0).integers(0, 256, (60, 16, 16, 1), dtype=np.uint8))


@pytest.mark.slow
@pytest.mark.usefixtures("photos")
def test_a_run_records_what_it_was(capsys):
    """A schedule's value at each step, a number at each, and steered as well; nothing where it is always 1."""
    flags = {"linear:0:0.6": [0.6 * step / 12 for step in range(12)], "0.25": [0.25] * 12}
    for asked, expected in flags.items():
        assert main(["train", "images", "pictures.npy", *RUN, "--augment-probability", asked, "--out", "a"]) == 0
        rows = [row for row in RunFolder(Path("a")).rows() if NAME in row]
        assert [row[NAME] for row in rows] == pytest.approx(expected)
        shutil.rmtree("a")
    assert main(["train", "images", "pictures.npy", *RUN, "--augment-probability", "steered", "--out", "b"]) == 0
    assert len([row for row in RunFolder(Path("b")).rows() if NAME in row]) == 12
    assert main(["train", "images", "pictures.npy", *RUN, "--out", "c"]) == 0
    assert not [row for row in RunFolder(Path("c")).rows() if NAME in row]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--augment-probability", "1.5"], "--augment-probability must be at most 1, not 1.5"),
        (["--augment-probability", "linear:0:2"], "--augment-probability must be at most 1, not 2"),
        (["--augment-probability", "steerd"], "--augment-probability must be a number or a schedule"),
        (["--augment-probability", "-1"], "--augment-probability must be a finite number of at least 0"),
        (["--augment-probability", "steered", "--heldout", "0"], "needs held-out pictures"),
        (["--augment-probability", "0.5", "--augment", "none"], "there is nothing to apply"),
    ],
)
@pytest.mark.usefixtures("photos")
def test_what_cannot_be_is_told_in_a_sentence(flags, sentence, capsys, tmp_path):
    assert main(["train", "images", "pictures.npy", *RUN, *flags, "--out", "refused"]) == 2
    told = capsys.readouterr().err
    assert sentence in told and "Traceback" not in told
    assert not (tmp_path / "refused").exists()


@pytest.mark.slow
@pytest.mark.parametrize("course", ["linear:0:2", "linear:0:2:2000", "cosine:1.5:0.1"])
def test_a_course_beyond_one_is_refused_also_where_it_is_longer_than_the_run(course, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("p.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8))
    assert main(["train", "images", "p.npy", "--steps", "4", "--batch", "4", "--augment-probability", course]) == 2
    assert "--augment-probability must be at most 1, not" in capsys.readouterr().err
