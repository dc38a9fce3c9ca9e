"""Streams of text: sentences once an epoch, windows that go on where the last ended; pure functions of the draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.data.text.sentences import SentenceStream, WindowStream, joined
from poise.errors import PoiseError

# Sentences.


def table(count=29, length=4):
    """Sentence i is i + 1 and ends."""
    found = np.zeros((count, length), np.int32)
    found[:, 0] = np.arange(count) + 1
    return found


def firsts(stream, draws):
    return np.concatenate([stream(draw).real[:, 0].numpy() for draw in draws])


def test_a_batch_is_what_it_says():
    batch = SentenceStream(table(), 5, seed=1)(3)
    assert batch.real.shape == (5, 4) and batch.real.dtype == torch.int64
    assert batch.cond is None
    assert not batch.real[:, 1:].any()


@given(count=st.integers(1, 40), data=st.data(), seed=st.integers(0, 2**40))
@settings(max_examples=40, deadline=None)
def test_each_epoch_shows_each_sentence_once(count, data, seed):
    batch = data.draw(st.integers(1, count))
    stream = SentenceStream(table(count), batch, seed)
    drawn = firsts(stream, range(-(-3 * count // batch)))
    for epoch in range(3):
        assert sorted(drawn[epoch * count : (epoch + 1) * count]) == list(range(1, count + 1))


def test_draws_do_not_depend_on_history():
    forward = SentenceStream(table(), 5, seed=7)
    expected = [forward(draw).real for draw in range(12)]
    for order in (range(11, -1, -1), [5, 5, 0, 11, 5, 3]):
        stream = SentenceStream(table(), 5, seed=7)
        assert all(torch.equal(stream(draw).real, expected[draw]) for draw in order)


def test_epochs_seeds_and_splits_differ():
    def order(seed, split, draw):
        return tuple(SentenceStream(table(), 29, seed, split=split)(draw).real[:, 0].tolist())

    found = {order(seed, split, draw) for seed in (0, 1) for split in ("train", "heldout") for draw in (0, 1)}
    assert len(found) == 8


def test_the_order_is_the_same_on_every_machine():
    assert firsts(SentenceStream(table(10), 10, seed=0), [0]).tolist() == [1, 9, 10, 4, 8, 6, 2, 3, 7, 5]


@pytest.mark.parametrize(
    ("batch", "split", "said"), [(0, "train", "to train on"), (30, "train", "to train on"), (30, "heldout", "held out")]
)
def test_batches_that_cannot_be(batch, split, said):
    with pytest.raises(PoiseError, match=f"--batch {batch} is not possible with 29 sentences {said}: give a batch fro"):
        SentenceStream(table(), batch, 0, split=split)


# Windows.


def stream_of(units, batch, window, seed=0):
    return WindowStream(np.arange(units), batch, window, seed)


def test_a_window_is_what_it_says():
    batch = stream_of(100, 3, 8)(0)
    assert batch.real.shape == (3, 9) and batch.real.dtype == torch.int64
    assert batch.cond.tolist() == [True] * 3
    assert stream_of(100, 3, 8)(1).cond.tolist() == [False] * 3


@given(units=st.integers(1, 120), data=st.data(), seed=st.integers(0, 2**30))
@settings(max_examples=60, deadline=None)
def test_windows_go_on_and_no_unit_is_guessed_twice_in_an_epoch(units, data, seed):
    """With text i = i: each window is a stretch of the ring; the first unit of one is the last of the one before; all
    that is guessed in an epoch differs, and less than a window for each reader is left out."""
    batch = data.draw(st.integers(1, units))
    window = data.draw(st.integers(1, units // batch))
    stream = stream_of(units, batch, window, seed)
    for epoch in range(2):
        guessed, last = [], None
        for place in range(stream.windows):
            real, anew = stream(epoch * stream.windows + place)
            assert ((real[:, 1:] - real[:, :-1]) % units == 1 % units).all()
            assert anew.tolist() == [place == 0] * batch
            assert last is None or torch.equal(real[:, 0], last)
            last = real[:, -1]
            guessed += real[:, 1:].flatten().tolist()
        assert len(set(guessed)) == len(guessed)
        assert units - len(guessed) < batch * window + batch
    assert stream(2 * stream.windows).cond.all()


def test_each_epoch_begins_elsewhere_and_every_unit_is_guessed_some_time():
    stream = stream_of(50, 4, 5)
    starts = {int(stream(epoch * stream.windows).real[0, 0]) for epoch in range(20)}
    assert len(starts) > 10
    guessed = {unit for draw in range(20 * stream.windows) for unit in stream(draw).real[:, 1:].flatten().tolist()}
    assert guessed == set(range(50))


def test_windows_do_not_depend_on_history():
    forward = stream_of(97, 3, 6, seed=5)
    expected = [forward(draw) for draw in range(14)]
    for order in (range(13, -1, -1), [5, 5, 0, 11, 5, 3]):
        stream = stream_of(97, 3, 6, seed=5)
        for draw in order:
            real, anew = stream(draw)
            assert torch.equal(real, expected[draw].real) and torch.equal(anew, expected[draw].cond)
    assert not torch.equal(stream_of(97, 3, 6, seed=6)(0).real, expected[0].real)


def test_the_windows_are_the_same_on_every_machine():
    assert stream_of(100, 2, 3)(0).real[:, 0].tolist() == STARTS


STARTS = [99, 49]


@pytest.mark.parametrize(
    ("units", "batch", "window", "said"),
    [
        (10, 0, 3, "must be at least 1, not 0 and 3"),
        (10, 3, 0, "must be at least 1, not 3 and 0"),
        (10, -1, 2, "must be at least 1, not -1 and 2"),
        (10, 3, 4, "--batch 3 of --window 4 needs 12 units, and the training text has 10: give a smaller --batch"),
        (10, 11, 1, "needs 11 units"),
        (0, 1, 1, "has 0: "),
    ],
)
def test_windows_that_cannot_be(units, batch, window, said):
    with pytest.raises(PoiseError, match=said):
        stream_of(units, batch, window)


# One text.


def test_sentences_are_joined_with_their_ends():
    assert joined([np.array([3, 4], np.int32), np.array([5])]).tolist() == [3, 4, 0, 5, 0]
    assert joined([]).tolist() == []
    assert joined([np.array([3])]).dtype == np.int64
