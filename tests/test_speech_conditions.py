"""What is said, as one tensor of whole numbers."""

from __future__ import annotations

import torch

from poise.audio.speech_conditions import mask_of, packed, spread_over, total_of, with_frames

PHONES = torch.tensor([[3, 1, 2], [5, 0, 0]])
TONES = torch.tensor([[0, 1, 1], [2, 0, 0]])
FRAMES = torch.tensor([[2, 1, 4], [3, 0, 0]])


def cond():
    return packed(torch.tensor([1, 0]), PHONES, TONES, FRAMES, FRAMES.sum(1))


def test_a_condition_by_hand():
    found = cond()
    assert found.dtype == torch.int64
    assert found.tolist() == [
        [[1, 7, 0], [3, 0, 2], [1, 1, 1], [2, 1, 4]],
        [[0, 3, 0], [5, 2, 3], [0, 0, 0], [0, 0, 0]],
    ]
    assert total_of(found).tolist() == [7, 3]


def test_masks_by_hand():
    assert mask_of(cond()).int().tolist() == [[1] * 7, [1, 1, 1, 0, 0, 0, 0]]
    assert mask_of(cond(), 9).sum(1).tolist() == [7, 3] and mask_of(cond(), 9).shape == (2, 9)


def test_units_are_spread_over_their_frames():
    unit, place = spread_over(cond())
    assert unit[0].tolist() == [0, 0, 1, 2, 2, 2, 2] and unit[1, :3].tolist() == [0, 0, 0]
    assert place[0].tolist() == [0.25, 0.75, 0.5, 0.125, 0.375, 0.625, 0.875]
    assert torch.allclose(place[1, :3], torch.tensor([1, 3, 5]) / 6)
    assert ((place >= 0) & (place <= 1)).all()


def test_a_unit_without_frames_is_passed_over():
    frames = torch.tensor([[2, 0, 1]])
    unit, place = spread_over(packed(torch.tensor([0]), PHONES[:1], TONES[:1], frames, frames.sum(1)))
    assert unit.tolist() == [[0, 0, 2]] and place.tolist() == [[0.25, 0.75, 0.5]]


def test_other_frames_leave_the_rest_as_it_was():
    before = cond()
    before[:, 0, 2] = torch.tensor([4, 5])
    after = with_frames(before, torch.tensor([[1, 1, 1], [9, 0, 0]]))
    assert total_of(after).tolist() == [3, 9]
    assert after[:, 0, 2].tolist() == [4, 5] and torch.equal(after[:, 1:, :2], before[:, 1:, :2])
    assert total_of(before).tolist() == [7, 3], "what was given is not changed"
