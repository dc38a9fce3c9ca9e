"""The judge: what it compares, what it keeps on the disk, and that it is repeatable."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.distributions.judge import Judge
from poise.metrics.distributions.modes import effective_classes
from poise.metrics.features import classifier as classifiers
from poise.metrics.features.features import PACKAGE


class Counting:
    """Random projection of the pixels; counts the pictures that it sees."""

    dim = 6

    def __init__(self) -> None:
        self.name, self.digest, self.seen = "plain@8", "plain, 8", 0
        self._weight = torch.randn(64, 6, generator=torch.Generator().manual_seed(0)) / 8

    def __call__(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return images.flatten(1).float() / 255 @ self._weight


def squares(n: int, seed: int) -> NDArray[np.uint8]:
    """uint8 [n,8,8,1]: bright above or below the middle, with noise; the row is the class n % 2."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 100, (n, 8, 8, 1))
    x[::2, :4] += 150
    x[1::2, 4:] += 150
    return x.astype(np.uint8)


IMAGES = squares(5000, 0)
LABELS = np.arange(5000) % 2
TRAIN, HELDOUT = np.arange(2600), np.arange(2600, 5000)


def judge(folder: Path, extractor: Counting | None = None, **changes: Any) -> Judge:
    extractors = [Counting() if extractor is None else extractor]
    arguments: dict[str, Any] = {"n": 300, "cache": folder, "fingerprint": "f", "extractors": extractors}
    return Judge(IMAGES, TRAIN, HELDOUT, **{**arguments, **changes})


def good(n: int, seed: int) -> NDArray[np.uint8]:
    return squares(n, 100 + seed)


def bad(n: int, seed: int) -> Tensor:
    """Only one of the two classes, as floats [n,C,H,W] in [-1, 1]."""
    return torch.from_numpy(squares(2 * n, 200 + seed)[::2]).permute(0, 3, 1, 2) / 127.5 - 1


def test_good_samples_score_like_the_floor_and_bad_ones_do_not(tmp_path: Path) -> None:
    made = judge(tmp_path)
    floor, fine, poor = made.floor(), made.score(good), made.score(bad)
    expected = {"KID-plain", "KID-plain.low", "KID-plain.high", "FD-plain", "FD-plain.low", "FD-plain.high"}
    expected |= {"plain.n", "plain.m"}
    assert set(floor) == expected and set(fine) == expected | {"KID-plain.flat"}
    assert fine["KID-plain.flat"] == poor["KID-plain.flat"] > floor["KID-plain.high"]
    assert floor["KID-plain.low"] < 0 < floor["KID-plain.high"]
    assert fine["KID-plain.low"] < 0 < fine["KID-plain.high"]
    assert poor["KID-plain.low"] > floor["KID-plain.high"]
    assert poor["FD-plain"] > 3 * floor["FD-plain"]
    assert (fine["plain.n"], fine["plain.m"]) == (300, 300)
    assert made.seconds > made.last_seconds > 0


def test_second_judge_computes_no_real_features(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    one = judge(tmp_path, first)
    floor, score = one.floor(), one.score(good)
    assert first.seen == 1028, "300 training, 300 held-out and 300 generated pictures, each once, and plain colours"
    other = judge(tmp_path, second)
    assert other.floor() == floor
    assert second.seen == 0
    assert other.score(good) == score
    assert second.seen == 428


@pytest.mark.parametrize("change", [{"fingerprint": "g"}, {"seed": 1}, {"n": 200}])
def test_what_differs_is_not_taken_from_the_cache(tmp_path: Path, change: dict[str, Any]) -> None:
    judge(tmp_path).floor()
    counting = Counting()
    judge(tmp_path, counting, **change).floor()
    assert counting.seen == 2 * change.get("n", 300)


def test_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    floor = judge(tmp_path).floor()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:-50])
    assert judge(tmp_path).floor() == floor


def test_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    made = judge(blocked / "below")
    assert made.floor()
    assert any("not kept" in sentence for sentence in made.missing)


def test_equal_seeds_give_equal_scores_and_train_rows_are_not_the_reference(tmp_path: Path) -> None:
    made = judge(tmp_path)
    assert made.score(good, seed=4) == made.score(good, seed=4) != made.score(good, seed=5)
    assert set(made._held_rows) <= set(HELDOUT)
    assert set(made._train_rows) <= set(TRAIN)


def test_small_sets_are_used_whole(tmp_path: Path) -> None:
    made = Judge(
        IMAGES,
        TRAIN[:50],
        HELDOUT[:40],
        n=300,
        cache=tmp_path,
        fingerprint="f",
        extractors=[Counting()],
        labels=LABELS,
    )
    assert (made.n, made.m) == (50, 40)
    assert made.score(good)["plain.m"] == 40
    assert "needs 2,000 held-out pictures" in made.missing[0]


@pytest.mark.slow
def test_labelled_set_trains_a_classifier_on_held_out_pictures_that_are_not_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on: list[NDArray[np.uint8]] = []

    def quick(images: NDArray[np.uint8], labels: NDArray[Any], seed: int) -> classifiers.SmallClassifier:
        trained_on.append(images)
        return classifiers.train_classifier(images, labels, seed, steps=20)

    monkeypatch.setattr("poise.metrics.features.cache.train_classifier", quick)
    made = judge(tmp_path, labels=LABELS)
    block = {image.tobytes() for image in trained_on[0]}
    assert len(trained_on[0]) == 1200
    assert block.isdisjoint(image.tobytes() for image in IMAGES[made._held_rows])
    assert block.isdisjoint(image.tobytes() for image in IMAGES[TRAIN])
    assert made.classifier is not None
    assert made.classifier.accuracy > 0.9

    scores = made.score(bad)
    assert scores["KID-classifier.low"] > made.floor()["KID-classifier.high"]
    assert scores["class_share.min"] < 0.05 < 0.4 < made.floor()["class_share.min"]
    assert scores["class_share.effective"] == pytest.approx(0.5, abs=0.1), "one of two classes"
    assert made.floor()["class_share.effective"] == pytest.approx(1, abs=0.02)
    assert sum(made.shares) == pytest.approx(1)
    again = judge(tmp_path, labels=LABELS)
    assert len(trained_on) == 1, "the second judge reads the classifier"
    assert again.score(bad) == scores


def test_without_the_weights_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    made = judge(tmp_path, extractors=None)
    assert (made.score(good), made.floor()) == ({}, {})
    assert install("scores") in made.missing[0]


def test_without_held_out_pictures_the_run_goes_on(tmp_path: Path) -> None:
    made = Judge(IMAGES, TRAIN, HELDOUT[:0], cache=tmp_path, fingerprint="f")
    assert (made.score(good), made.floor(), made.m) == ({}, {}, 0)
    assert "held-out" in made.missing[0]


def test_wrong_pictures_are_refused(tmp_path: Path) -> None:
    made = judge(tmp_path)
    with pytest.raises(PoiseError, match=r"\[300, 1, 8, 8\].*made \[299, 1, 8, 8\]"):
        made.score(lambda n, seed: good(n - 1, seed))
    with pytest.raises(PoiseError, match="NaN"):
        made.score(lambda n, seed: torch.full((n, 1, 8, 8), float("nan")))
    with pytest.raises(PoiseError, match="at least 4"):
        judge(tmp_path, n=3)
    with pytest.raises(PoiseError, match="did you mean 'KID'"):
        judge(tmp_path, metrics=["KIDD"])


@pytest.mark.slow
def test_default_extractor_is_efflite0(tmp_path: Path) -> None:
    pytest.importorskip(PACKAGE)
    made = judge(tmp_path, extractors=None, n=70)
    assert [e.name for e in made.extractors] == ["EffLite0@64"]
    assert {"KID-EffLite0", "FD-EffLite0"} <= set(made.score(good))


def test_effective_number_of_classes() -> None:
    assert effective_classes(np.full(8, 1 / 8)) == pytest.approx(8, rel=1e-12)
    assert effective_classes(np.array([1.0, 0.0, 0.0])) == 1
    assert 1 < effective_classes(np.array([0.9, 0.1])) < 2


def test_metrics_that_need_the_training_set_get_other_rows_than_the_floor(tmp_path: Path) -> None:
    made = judge(tmp_path, metrics=["copying", "AuthPct_gap", "KID"])
    assert set(made._other_rows).isdisjoint(made._train_rows)
    assert set(made._other_rows) <= set(TRAIN)
    assert len(made._other_rows) == made.n
    floor = made.floor()
    assert floor["copying-plain.low"] < 0.5 < floor["copying-plain.high"]
    copied = made.score(lambda n, seed: IMAGES[made._other_rows])
    assert copied["copying-plain"] == 1
    assert copied["AuthPct_gap-plain.high"] < 0
    assert copied["KID-plain.low"] < 0 < copied["KID-plain.high"], "copies are real pictures"
    assert made.missing == []


def test_too_few_training_rows_leave_the_floor_of_those_metrics_out(tmp_path: Path) -> None:
    few = Judge(
        IMAGES,
        TRAIN[:50],
        HELDOUT[:40],
        cache=tmp_path,
        fingerprint="f",
        extractors=[Counting()],
        metrics=["KID", "copying", "C_T"],
    )
    floor, scores = few.floor(), few.score(good)
    assert "copying-plain" not in floor
    assert "copying-plain" in scores
    assert "C_T-plain" not in scores
    assert any("no floor of copying" in sentence for sentence in few.missing)
    assert any("no C_T: it needs 61 pictures on either side" in sentence for sentence in few.missing)


@pytest.mark.slow
def test_a_class_too_rare_for_the_classifier_costs_its_scores_alone(tmp_path: Path) -> None:
    """Two of 2,400 held-out pictures are of the other class, none of them in the half that would train it."""
    rare = np.zeros(5000, int)
    rare[HELDOUT[:2]] = 1
    seeds = [judge(tmp_path, labels=rare, seed=seed) for seed in range(6)]
    alone = [one for one in seeds if one.classifier is None]
    assert alone, "or chance took one of them six times"
    assert alone[0].missing == [
        "no scores of a small classifier: the 1,200 held-out pictures that would train it are of one class"
    ]
    assert len(alone[0]._held_rows) and "KID-plain" in alone[0].score(good)
