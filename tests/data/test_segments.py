"""Segments of recordings: a pure function of (seed, draw) that sees all of every clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.data.draws.order import Prefetch
from poise.data.speech.recordings import Recordings
from poise.data.speech.segments import SegmentStream
from poise.errors import PoiseError

LENGTHS = [5, 17, 40, 64, 100, 3, 51]
S = 16


def recordings(lengths: list[int], held: int = 0) -> Recordings:
    """Clips whose sample i has the value i + 1, counted through all clips; the last `held` ones are held out."""
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.arange(len(lengths))
    train, heldout = rows[: len(rows) - held], rows[len(rows) - held :]
    samples = np.arange(1, starts[-1] + 1, dtype=np.int16)
    names = tuple(map(str, rows))
    return Recordings("some", samples, starts, 8000, names, names, ("",), rows * 0, train, heldout, "", [], [])


def values(stream: SegmentStream, draw: int) -> np.ndarray:
    return (stream(draw).real[:, 0].numpy() * 32_768).astype(int)


def test_a_batch_is_what_it_says() -> None:
    stream = SegmentStream(recordings(LENGTHS), 6, S, seed=3)
    real, cond = stream(0)
    assert (real.shape, real.dtype, cond) == ((6, 1, S), torch.float32, None)
    rows, starts = stream.places(0)
    for row, start, found in zip(rows, starts, values(stream, 0), strict=True):
        clip = np.arange(stream.recordings.starts[row], stream.recordings.starts[row + 1]) + 1
        part = clip[start : start + S]
        assert found.tolist() == part.tolist() + [0] * (S - len(part))
        assert len(part) == min(S, len(clip))


def test_full_scale_is_minus_one() -> None:
    found = recordings([4])
    found.samples[:] = [-32_768, 32_767, 0, 16_384]
    assert SegmentStream(found, 1, 4, seed=0)(0).real.flatten().tolist() == [-1.0, 32_767 / 32_768, 0.0, 0.5]


@pytest.mark.parametrize("context", [1, 5, 200])
def test_context_is_what_lies_around(context: int) -> None:
    plain, wide = (SegmentStream(recordings(LENGTHS), 6, S, seed=3, context=c) for c in (0, context))
    for draw in range(4):
        outer = values(wide, draw)
        assert outer.shape == (6, S + 2 * context)
        assert np.array_equal(outer[:, context : context + S], values(plain, draw))
        for row, start, found in zip(*wide.places(draw), outer, strict=True):
            first, last = plain.recordings.starts[row : row + 2]
            at = first + start - context + np.arange(S + 2 * context)
            assert found.tolist() == np.where((at >= first) & (at < last), at + 1, 0).tolist()


def test_draws_do_not_depend_on_history() -> None:
    def make(seed: int = 7) -> SegmentStream:
        return SegmentStream(recordings(LENGTHS), 5, S, seed=seed)

    forward, back = make(), make()
    first = [values(forward, draw) for draw in range(12)]
    for draw in reversed(range(12)):
        assert np.array_equal(values(back, draw), first[draw])
    assert any(not np.array_equal(values(make(8), draw), first[draw]) for draw in range(3))
    assert np.array_equal(Prefetch(make())(4).real, forward(4).real)


def test_an_epoch_has_each_clip_as_often_as_it_is_long() -> None:
    stream = SegmentStream(recordings(LENGTHS), 4, S, seed=0)
    expected = [max(1, int(length / S + 0.5)) for length in LENGTHS]
    assert (len(stream), expected) == (sum(expected), [1, 1, 3, 4, 6, 1, 3])
    rows = np.concatenate([stream.places(draw)[0] for draw in range(len(stream))])  # four epochs
    for epoch in range(4):
        found = np.bincount(rows[epoch * len(stream) : (epoch + 1) * len(stream)], minlength=len(LENGTHS))
        assert found.tolist() == expected


@pytest.mark.slow
def test_every_sample_is_seen_about_as_often_as_any_other() -> None:
    """In a clip of whole segments the mean is 1 an epoch, at least ½ at the ends and at most 1½ near them."""
    stream = SegmentStream(recordings([64]), 1, S, seed=0)
    seen = np.zeros(65)
    epochs = 1500
    for draw in range(epochs * len(stream)):
        start = int(stream.places(draw)[1][0])
        seen[start : start + S] += 1
    seen = seen[:64] / epochs
    assert seen.mean() == 1
    x = np.minimum(np.arange(64), 63 - np.arange(64))  # samples from the nearer end
    expected = np.where(x < S, (S / 2 + x + 0.5) / S, 1.0)
    np.testing.assert_allclose(seen, expected, atol=0.05)  # 4 standard deviations


def test_the_two_sides() -> None:
    found = recordings(LENGTHS, held=3)
    stream = SegmentStream(found, 4, S, seed=0, split="heldout")
    rows = np.concatenate([stream.places(draw)[0] for draw in range(20)])
    assert set(rows) == {4, 5, 6}
    assert set(SegmentStream(found, 8, S, seed=0).places(0)[0]) <= {0, 1, 2, 3}


BAD = [
    (
        {"batch": 0},
        r"--batch 0 is not possible with the 19 segments of some that are to train on: give a batch from 1 to",
    ),
    ({"batch": 20}, "--batch 20 is not possible with the 19 segments"),
    ({"samples": 0}, "--samples 0 is not possible"),
    ({"context": -1}, "a context of -1 samples is not possible"),
    ({"seed": -1}, "--seed -1 is not possible"),
    ({"split": "test"}, "split 'test' is not known: give train or heldout"),
    ({"split": "heldout"}, "some has no clips that are held out: give --heldout a share above 0"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[str(change) for change, _ in BAD])
def test_what_cannot_be_is_one_sentence(change: dict, message: str) -> None:
    with pytest.raises(PoiseError, match=message):
        SegmentStream(**{"recordings": recordings(LENGTHS), "batch": 4, "samples": S, "seed": 0} | change)


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PoiseError, match="--device cuda is asked for, but torch finds no GPU"):
        SegmentStream(recordings(LENGTHS), 4, S, 0, device="cuda")
