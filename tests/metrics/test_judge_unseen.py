"""A judge that has the last word looks at held-out pictures that the other one has left out."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.test_judge import HELDOUT, LABELS, TRAIN, Counting, good, judge


@pytest.mark.parametrize("labels", [None, LABELS])
@pytest.mark.parametrize("n", [300, 700, 1000])
def test_it_looks_at_other_pictures(tmp_path, monkeypatch, labels, n):
    """Also where they are fewer; and none that trained the small classifier, nor any that the generator has seen."""
    trained = []
    monkeypatch.setattr(
        "poise.metrics.features.cache.Cache.classifier",
        lambda self, images, labels, rows, seed: trained.append(rows) or Counting(),
    )
    seen, unseen = (judge(tmp_path, n=n, labels=labels, unseen=which) for which in (False, True))
    left = len(HELDOUT) if labels is None else len(HELDOUT) // 2
    assert (seen.m, unseen.m) == (n, min(n, left - n))
    rows = set(unseen._held_rows.tolist())
    assert len(rows) == unseen.m and rows <= set(HELDOUT.tolist()) and not rows & set(TRAIN.tolist())
    assert not rows & set(seen._held_rows.tolist())
    assert not rows & {int(row) for each in trained for row in each}
    assert (seen.n, seen._train_rows.tolist()) == (unseen.n, unseen._train_rows.tolist())
    again = judge(tmp_path, n=n, labels=labels, unseen=True)
    assert again._held_rows.tolist() == unseen._held_rows.tolist()


def test_its_scores_are_of_those_pictures(tmp_path):
    """The cache keeps both sets of features; equal samples score differently, and the same each time."""
    seen, unseen = (judge(tmp_path, unseen=which) for which in (False, True))
    first, last = seen.score(good), unseen.score(good)
    assert last["plain.m"] == 300 and last["KID-plain"] != first["KID-plain"]
    extractor = Counting()
    assert judge(tmp_path, extractor, unseen=True).score(good) == last and extractor.seen == 428, (
        "generated ones and plain colours"
    )
    assert abs(last["KID-plain"]) < 0.02, "of good samples, as that of the other is"


def test_without_pictures_left_it_says_nothing(tmp_path):
    found = judge(tmp_path, n=len(HELDOUT) - 3, unseen=True)
    assert found.m == 3 and found.score(good) == {} and found.floor() == {}
    assert found.missing == ["no last word: every held-out picture was looked at by the other scores"]
    least = judge(tmp_path, n=len(HELDOUT) - 4, unseen=True)
    assert least.m == 4 and not any("last word" in line for line in least.missing)
    assert np.isin(least._held_rows, HELDOUT).all()
