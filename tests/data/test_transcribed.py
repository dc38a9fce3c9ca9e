"""Whole recordings with what is said in them: a pure function of (seed, draw)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.audio.spectrograms import LOWEST, Mel
from poise.audio.speech_conditions import total_of
from poise.data.draws.order import Prefetch
from poise.data.speech.recordings import Recordings
from poise.data.speech.transcribed import MelOf, TranscribedStream, conditions
from poise.errors import PoiseError

MEL = Mel(8000, 32, 16, 4)
LENGTHS = [40, 100, 64, 33, 160, 81]
SAID = [np.array(units) for units in ([[1, 0]], [[2, 1], [3, 0]], [[1, 1]], [[4, 0], [1, 0]], [[2, 2]] * 5, [[5, 0]])]
VOICE = np.array([0, 1, 0, 1, 1, 0])


def recordings(held: int = 0) -> Recordings:
    """Sample i of clip c has the value 200·c + i + 1; the last `held` clips are held out."""
    starts = np.concatenate([[0], np.cumsum(LENGTHS)]).astype(np.int64)
    samples = np.concatenate([200 * c + np.arange(n) + 1 for c, n in enumerate(LENGTHS)]).astype(np.int16)
    rows, names = np.arange(6), tuple(map(str, range(6)))
    train, heldout = rows[: 6 - held], rows[6 - held :]
    return Recordings("some", samples, starts, 8000, names, names, ("a", "b"), VOICE, train, heldout, "", [], [])


def stream(batch=3, seed=0, held=0, rows=None, **more):
    found = recordings(held)
    return TranscribedStream(found, SAID, MEL, found.train if rows is None else rows, batch, seed, **more)


def clips_of(real: torch.Tensor) -> list[int]:
    """Which clip each row is, from its first sample."""
    return ((real[:, 0, 0] * 32_768).round().long() // 200).tolist()


def test_a_batch_is_whole_frames_and_silence():
    """Tails shorter than a frame are left out, and what is said is said of the same recording."""
    batch = stream(6)(0)
    assert batch.real.dtype == torch.float32 and batch.real.shape == (6, 1, 160)
    for wave, cond, clip in zip(batch.real[:, 0], batch.cond, clips_of(batch.real), strict=True):
        frames = LENGTHS[clip] // 16
        wanted = np.zeros(160)
        wanted[: 16 * frames] = 200 * clip + np.arange(16 * frames) + 1
        assert ((wave * 32_768).numpy() == wanted).all()
        assert cond[0].tolist() == [VOICE[clip], frames, 0]
        units = len(SAID[clip])
        assert cond[1 : 1 + units, :2].tolist() == SAID[clip].tolist() and not cond[1 + units :].any()
        assert not cond[1:, 2].any(), "units have no frames yet"


def test_a_whole_item_gives_all_frames_to_its_first_unit():
    cond = stream(6, whole=True)(0).cond
    assert torch.equal(cond[:, 1, 2], total_of(cond)) and not cond[:, 2:, 2].any()


def test_an_epoch_has_each_recording_once_and_orders_are_new():
    plain = stream(2)
    epochs = [[clip for draw in range(3 * e, 3 * e + 3) for clip in clips_of(plain(draw).real)] for e in range(4)]
    assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    some = stream(2, rows=np.array([1, 4, 5]))
    assert {clip for draw in range(9) for clip in clips_of(some(draw).real)} == {1, 4, 5}


def test_draws_are_a_function_of_seed_and_number():
    forward, back = stream(segment=2), stream(segment=2)
    first = [forward(draw) for draw in range(8)]
    for draw in reversed(range(8)):
        again = back(draw)
        assert torch.equal(again.real, first[draw].real) and torch.equal(again.cond, first[draw].cond)
    others = [stream(seed=1, segment=2)(draw) for draw in range(4)]
    assert [clips_of(b.real) for b in others] != [clips_of(b.real) for b in first[:4]]
    held = [stream(split="heldout", segment=2)(draw) for draw in range(4)]
    assert [clips_of(b.real) for b in held] != [clips_of(b.real) for b in first[:4]]


def test_segments_begin_everywhere_and_end_inside():
    """0 where the item is shorter; each possible frame equally often."""
    plain, seen = stream(6, segment=4), {}
    for draw in range(300):
        batch = plain(draw)
        for clip, start in zip(clips_of(batch.real), batch.cond[:, 0, 2].tolist(), strict=True):
            seen.setdefault(clip, []).append(start)
    for clip, starts in seen.items():
        room = max(LENGTHS[clip] // 16 - 4, 0) + 1
        counts = np.bincount(starts, minlength=room)
        assert len(counts) == room and len(starts) == 300
        assert (np.abs(counts - 300 / room) < 5 * (300 / room) ** 0.5).all(), clip
    assert set(seen[0]) == {0} and set(seen[4]) == set(range(7))


def test_log_mels_of_the_same_draws():
    """Inside an item that of the recording; behind the end the last window fades, and then there is silence."""
    found = MelOf(stream(6))(0)
    waves = stream(6)(0)
    assert torch.equal(found.cond, waves.cond) and torch.equal(found.real, MEL(waves.real))
    for mel, clip in zip(found.real, clips_of(waves.real), strict=True):
        frames = LENGTHS[clip] // 16
        start = sum(LENGTHS[:clip])
        alone = torch.from_numpy(recordings().samples[start : start + 16 * frames] / np.float32(32_768))
        assert torch.allclose(mel[:, :frames], MEL(alone[None])[0], atol=1e-5)
        assert (mel[:, frames + 1 :] == LOWEST).all()


def test_conditions_of_rows():
    found = conditions(recordings(), SAID, MEL, np.array([4, 0]), whole=False)
    assert found.dtype == torch.int64 and found.shape == (2, 6, 3)
    assert found[1].tolist() == [[0, 2, 0], [1, 0, 0], *[[0, 0, 0]] * 4]


def test_prefetched_draws_are_the_same(monkeypatch):
    """As on a GPU: one draw ahead, in a thread of its own, in any order; with mels and with segments."""
    monkeypatch.setattr(Prefetch, "active", True)
    plain, ahead = stream(segment=2), Prefetch(stream(segment=2))
    for draw in (0, 1, 2, 7, 3, 3, 4):
        a, b = plain(draw), ahead(draw)
        assert torch.equal(a.real, b.real) and torch.equal(a.cond, b.cond)
    mels = MelOf(Prefetch(stream()))
    assert torch.equal(mels(2).real, MelOf(stream())(2).real) and mels.device.type == "cpu"


@pytest.mark.parametrize(("batch", "split", "what"), [(0, "train", "to train on"), (5, "heldout", "held out")])
def test_a_batch_that_is_not_there(batch, split, what):
    rows = recordings(held=2).train if split == "train" else recordings(held=2).heldout
    with pytest.raises(PoiseError, match=f"--batch {batch} is not possible with the {len(rows)} recordings of some "
                       f"that are {what}: give a batch from 1 to {len(rows)}"):  # fmt: skip
        stream(batch, rows=rows, split=split)
