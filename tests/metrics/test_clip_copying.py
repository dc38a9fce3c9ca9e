"""Do generated clips come from the training set? Copies show, new recordings and blurred ones do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from poise.audio.griffin_lim import griffin_lim
from poise.audio.spectrograms import Mel
from poise.data.catalogue import fetch
from poise.data.speech.recordings import open_recordings
from poise.errors import PoiseError
from poise.metrics.speech.clip_copying import Copying, copied_clips, nearest_clip
from poise.metrics.speech.features import cepstra, log_mel

Clip = NDArray[np.float64]


def recordings(count: int, seed: int, things: int = 20) -> list[Clip]:
    """Each is one of so many things, said a little differently and in another time."""
    clips = []
    for i in range(count):
        thing = np.random.default_rng(i % things).normal(size=(8, 3)).cumsum(0)
        rng = np.random.default_rng((seed, i))
        clips.append(np.repeat(thing, rng.integers(1, 4, 8), axis=0) + 0.3 * rng.normal(size=3))
    return clips


TRAIN, REAL = recordings(60, 0), recordings(20, 1)
LABELS = [i % 20 for i in range(60)]


def test_the_nearest_clip_is_found_whatever_its_length() -> None:
    slow = [np.repeat(clip, 2, axis=0) for clip in TRAIN[5:10]]
    distance, row = nearest_clip(slow, TRAIN)
    assert row.tolist() == [5, 6, 7, 8, 9]
    assert distance.tolist() == [0] * 5
    distance, row = nearest_clip(REAL, TRAIN)
    assert (row % 20 == np.arange(20)).mean() > 0.8
    assert distance.min() > 0


def test_real_clips_are_the_measure() -> None:
    told: list[int] = []
    found = copied_clips(REAL, REAL, TRAIN, LABELS, told.append)
    assert told == list(range(1, 41))
    assert (found.ratio == 1).all()
    assert (found.to_same == 1).all()
    assert found.estimates()["closer than half"].value == 0


@pytest.mark.slow
def test_copies_show_and_new_recordings_do_not() -> None:
    copied = copied_clips([TRAIN[i] for i in range(20)], REAL, TRAIN, LABELS).estimates()
    assert copied["nearest training clip"].value == 0
    assert copied["closer than half"].value == 1
    assert copied["closer than two recordings"].value == 1
    again = copied_clips(recordings(20, 2), REAL, TRAIN, LABELS).estimates()
    assert 0.6 < again["nearest training clip"].value < 1.6
    assert again["closer than half"].value < 0.4
    assert again["closer than half"].high < copied["closer than half"].low
    assert again["closer than two recordings, real clips"].value < 0.9
    for estimate in again.values():
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.n == 20


@pytest.mark.slow
def test_the_floor_is_the_least_distance_of_two_recordings_of_one_thing() -> None:
    found = copied_clips(REAL, REAL, TRAIN, LABELS)
    pairs = [nearest_clip([TRAIN[i]], [TRAIN[j]])[0][0] for i in range(60) for j in range(i) if (i - j) % 20 == 0]
    assert found.floor == pytest.approx(min(pairs))
    without = copied_clips(REAL, REAL, TRAIN)
    assert np.isnan(without.floor)
    assert "closer than two recordings" not in without.estimates()


def test_a_real_clip_that_is_in_the_training_set_divides_by_nothing() -> None:
    found = copied_clips([TRAIN[0], REAL[0]], [TRAIN[0], TRAIN[1]], TRAIN)
    assert found.ratio.tolist() == [1, np.inf]
    assert isinstance(found, Copying)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(PoiseError, match="not 3 with 20"):
        copied_clips(REAL[:3], REAL, TRAIN)
    with pytest.raises(PoiseError, match="60 training clips come with 2 labels"):
        copied_clips(REAL, REAL, TRAIN, ["a", "b"])
    with pytest.raises(PoiseError, match="give at least one"):
        nearest_clip(REAL, [])


@pytest.mark.real
def test_copies_show_through_a_vocoder() -> None:
    """Held-out syllables of one voice through Griffin-Lim are no copies; their nearest training clips are."""
    fetch.get("mandarin-syllables")
    clips, mel = open_recordings("mandarin-syllables", voice="B"), Mel()
    train = [cepstra(log_mel(clips.clip(row), mel)) for row in clips.train]
    heldout = clips.heldout[:40]
    real = [cepstra(log_mel(clips.clip(row), mel)) for row in heldout]
    _, near = nearest_clip(real, train)

    def resynthesised(row: int) -> Clip:
        samples = torch.from_numpy(log_mel(clips.clip(row), mel).T)
        return cepstra(log_mel(griffin_lim(samples, mel).numpy(), mel))

    new = copied_clips([resynthesised(row) for row in heldout], real, train).estimates()
    copies = copied_clips([resynthesised(clips.train[row]) for row in near], real, train).estimates()
    assert 0.9 < new["nearest training clip"].value < 1.1
    assert new["closer than half"].value == 0
    assert copies["nearest training clip"].value < 0.4
    assert copies["closer than half"].value > 0.9
