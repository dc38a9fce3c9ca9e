"""Which frame belongs to which unit: against every monotonic path there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from poise.audio.speech_conditions import total_of
from poise.core import Batch
from poise.games.alignment import DIAGONAL, aligned, inside_of, monotonic
from poise.games.speech import completed
from tests.speech_pieces import BANDS, LONG, SHORT, alone, both, condition, log_mel, speaker


def every_path(units: int, frames: int):
    """All ways to give each of the units at least one of the frames."""
    for cuts in itertools.combinations(range(1, frames), units - 1):
        yield np.diff([0, *cuts, frames])


def cost_of(cost: np.ndarray, path: np.ndarray) -> float:
    return sum(cost[unit, f] for f, unit in enumerate(np.repeat(np.arange(len(path)), path)))


@pytest.mark.parametrize(("units", "frames"), [(1, 1), (1, 5), (2, 2), (2, 6), (3, 7), (4, 4), (4, 9), (5, 8)])
def test_the_path_costs_least_of_all(units, frames):
    rng = np.random.default_rng(units * 10 + frames)
    cost = rng.standard_normal((6, units, frames))
    found = monotonic(cost, np.full(6, units), np.full(6, frames))
    for one, path in zip(cost, found, strict=True):
        least = min(cost_of(one, p) for p in every_path(units, frames))
        assert cost_of(one, path) == pytest.approx(least, abs=1e-12)
        assert path.sum() == frames and (path >= 1).all()


def test_items_of_other_lengths_do_not_count():
    """A batch of items with pads is each of them alone, whatever the pads cost."""
    rng = np.random.default_rng(0)
    units, frames = np.array([1, 3, 4, 2]), np.array([9, 3, 10, 4])
    cost = rng.standard_normal((4, 4, 10))
    for i in range(4):
        cost[i, units[i] :], cost[i, :, frames[i] :] = -1e6, -1e6
    found = monotonic(cost, units, frames)
    for i in range(4):
        one = monotonic(cost[i : i + 1, : units[i], : frames[i]], units[i : i + 1], frames[i : i + 1])
        assert found[i, : units[i]].tolist() == one[0].tolist() and not found[i, units[i] :].any()


def test_of_equal_paths_the_one_whose_units_begin_first():
    found = monotonic(np.zeros((1, 3, 7)), np.array([3]), np.array([7]))
    assert found.tolist() == [[1, 1, 5]]


def segmented(cond, means):
    """A log-mel whose frames are the means of their units, and a little more."""
    frames = cond[0, 1:, 2]
    mel = means[0].repeat_interleave(frames, 0).T[None]
    return mel + 0.1 * torch.randn(mel.shape, generator=torch.Generator().manual_seed(2))


def test_a_known_segmentation_is_found():
    cond = condition([(1, 0, 2), (2, 0, 9), (3, 0, 1), (4, 0, 6)])
    means = 5 * torch.randn(1, 4, BANDS, generator=torch.Generator().manual_seed(1))
    found = aligned(segmented(cond, means), means, cond)
    assert found.tolist() == [[2, 9, 1, 6]] and found.dtype == torch.int64


def test_where_nothing_speaks_the_pace_is_even():
    """DIAGONAL·M·(l/L - f/F)² is all that is left; for two units the cut is where it says."""
    cond = condition([(1, 0, 3), (2, 0, 3), (3, 0, 6)])
    found = aligned(torch.zeros(1, BANDS, 12), torch.zeros(1, 3, BANDS), cond)
    assert found.tolist() == [[4, 4, 4]]
    assert DIAGONAL > 0


def test_alignment_costs_what_it_says():
    """Σ_bands (mel - mean)²/2 and the pace, over all paths by brute force."""
    cond = condition([(1, 0, 3), (2, 0, 2), (3, 0, 3)])
    rng = torch.Generator().manual_seed(3)
    mel, means = torch.randn(1, BANDS, 8, generator=rng), torch.randn(1, 3, BANDS, generator=rng)
    own = (mel[0].T[None] - means[0][:, None]).square().sum(2) / 2
    pace = ((torch.arange(3) + 0.5)[:, None] / 3 - (torch.arange(8) + 0.5) / 8).square()
    cost = (own + DIAGONAL * BANDS * pace).double().numpy()
    found = aligned(mel, means, cond)[0].numpy()
    assert cost_of(cost, found) == pytest.approx(min(cost_of(cost, p) for p in every_path(3, 8)), abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_aligned_as_each_item_alone(seed):
    net, cond = speaker(), both()
    mel = log_mel(cond, seed)
    together = completed(net, Batch(mel, cond))
    for i, (count, units) in enumerate(((7, 2), (14, 4))):
        one = completed(net, Batch(mel[i : i + 1, :, :count], alone(i)))
        assert torch.equal(one.cond[0], together.cond[i, : 1 + units])
    assert torch.equal(total_of(together.cond), total_of(cond))
    inside = together.cond[:, 1:, 0] > 0
    assert (together.cond[:, 1:, 2][inside] >= 1).all() and not together.cond[:, 1:, 2][~inside].any()


def test_alignment_is_in_full_precision_under_autocast():
    """A small difference of large numbers: in half precision the path would be another one."""
    cond = condition([(1, 0, 10), (2, 0, 10), (3, 0, 10)])
    rng = torch.Generator().manual_seed(5)
    mel, means = torch.randn(1, BANDS, 30, generator=rng) - 50, 0.2 * torch.randn(1, 3, BANDS, generator=rng) - 50
    wanted = aligned(mel, means, cond)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(aligned(mel, means, cond), wanted)
        assert not torch.equal(means @ mel, (means.double() @ mel.double()).float()), "else nothing is tested"
    assert torch.equal(aligned(mel, means.half(), cond).sum(1), torch.tensor([30]))


def test_nothing_is_aligned_in_float64_on_the_device(monkeypatch):
    """Apple's GPU has none: what is widened has left the device."""
    seen = []
    original = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: (seen.append(self.dtype), original(self))[1])
    aligned(torch.zeros(1, BANDS, 7), torch.zeros(1, 2, BANDS), condition(SHORT))
    assert torch.float64 not in seen and torch.float32 in seen


def test_a_whole_item_needs_no_alignment_and_a_batch_ends_with_its_longest():
    net, cond = speaker(True), both(True)
    found = completed(net, Batch(torch.zeros(2, BANDS, 20), cond))
    assert torch.equal(found.cond, cond) and found.real.shape == (2, BANDS, 14)
    aligned_ = completed(speaker(), Batch(torch.zeros(2, BANDS, 20), both()))
    assert aligned_.real.shape == (2, BANDS, 14)


def test_inside_by_hand():
    assert inside_of(condition(SHORT, LONG), 15).int().tolist() == [[[1] * 7 + [0] * 8], [[1] * 14 + [0]]]
