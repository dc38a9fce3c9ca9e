"""The held-out part: copies on one side, and nothing moves when pictures come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.data.images.images import ImageSet, open_images
from poise.errors import PoiseError

Photos = Callable[..., Path]


@pytest.mark.slow
@given(copies=st.lists(st.integers(0, 30), min_size=20, max_size=60), share=st.floats(0.05, 0.8))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_copies_are_on_one_side(copies: list[int], share: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("copies") / "some.npy"
    np.save(path, np.array([np.full((2, 2), i, np.uint8) for i in copies]))
    try:
        images = open_images(path, heldout=share)
    except PoiseError:  # by chance all are held out
        return
    train, held = ({copies[int(i)] for i in rows} for rows in (images.train, images.heldout))
    assert not train & held
    assert train | held == set(copies)
    again = open_images(path, heldout=share / 2)
    assert {copies[int(i)] for i in again.heldout} <= held  # a smaller share holds out a part of the same


@pytest.mark.slow
def test_share_held_out_is_near_what_was_asked(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, (2000, 4, 4), dtype=np.uint8))
    for share in (0.0, 0.1, 0.5):
        images = open_images(tmp_path / "a.npy", heldout=share)
        deviation = 4 * (share * (1 - share) / 2000) ** 0.5
        assert abs(len(images.heldout) / 2000 - share) <= deviation


def test_pictures_keep_their_side_when_others_come(photos: Photos, tmp_path: Path) -> None:
    def held(images: ImageSet) -> set[bytes]:
        return {images.images[i].tobytes() for i in images.heldout}

    first = held(open_images(photos(30), heldout=0.4))
    photos(30, name="photos/more", seed=1)
    assert first <= held(open_images(tmp_path / "photos", heldout=0.4))
