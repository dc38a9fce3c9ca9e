"""A word that a user gives and that stands in no table is a PoiseError with the word and what there is: no KeyError."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import poise
from poise.data.catalogue import catalogue
from poise.data.files.items import Items, noun_of
from poise.errors import PoiseError
from poise.evaluation.choice import EvaluationOptions, extractors_for, fitting_extractors, fitting_metrics
from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.metric import family_of, metric_called
from poise.metrics.core.statistics import Estimate
from poise.registry import _TABLES, find
from poise.training.precision import Execution


class Points(Items):
    """Items of a modality that nobody knew before."""

    modality = "points"

    def __init__(self):
        super().__init__("mine", "0" * 64)

    def __len__(self):
        return 9

    def take(self, rows):
        return np.zeros((len(rows), 2))

    def split(self, heldout=0.1):
        return np.arange(8), np.arange(8, 9)


@dataclass(frozen=True)
class OfPoints(FeatureMetric):
    modality = "points"


def centre(better="lower", kind=FeatureMetric):
    return kind("centre", "Distance of the means.", better, lambda sets, seed: Estimate(0, 0, 0, 1, 1))


def metric_of_points(monkeypatch):
    metric_called("KID")  # the others are there
    monkeypatch.setitem(_TABLES[family_of("features")], "centre", centre(kind=OfPoints))
    pictures = SimpleNamespace(modality="image", name="photos", noun="pictures")
    fitting_metrics(["centre"], SimpleNamespace(made=SimpleNamespace(items=pictures), autoencoder=None))


def extractor_of_points(monkeypatch):
    fitting_extractors(
        {"mine": SimpleNamespace(modality="points")}, SimpleNamespace(modality="speech", name="x", noun="c")
    )


def run_of_points(monkeypatch):
    fitting_extractors({"EffLite0": find("extractor", "EffLite0")}, Points())


WORDS = {
    "load, run": (lambda patch: poise.load("nothing"), "there is no run"),
    "train, recipe": (lambda patch: poise.train("imagess", "x.npy"), "did you mean 'images'"),
    "train, class path": (lambda patch: poise.train("nowhere.MINE", "x.npy"), "nowhere"),
    "train, option": (lambda patch: poise.train("images", "x.npy", stepss=1), "did you mean"),
    "train, network": (lambda patch: poise.train("images", "x.npy", network="dcgam"), "did you mean"),
    "train, loss": (lambda patch: poise.train("images", "x.npy", loss="hing"), "hing"),
    "train, penalty": (
        lambda patch: poise.train("images", "x.npy", discriminator={"penalties": [{"class_path": "R7"}]}),
        "R7",
    ),
    "evaluate, option": (lambda patch: poise.evaluate("x.npy", metricks=["KID"]), "did you mean 'metrics'"),
    "evaluate, metric": (lambda patch: poise.evaluate("x.npy", against="x.npy", metrics=["KIT"]), "KIT"),
    "evaluate, features": (lambda patch: poise.evaluate("x.npy", against="x.npy", features=["EffLite1"]), "EffLite1"),
    "catalogue": (lambda patch: catalogue.find("fashion-mnits"), "did you mean 'fashion-mnist'"),
    "own metric, direction": (lambda patch: centre("lowr"), "better='lowr'; did you mean 'lower'"),
    "own metric, modality": (metric_of_points, "centre is for points and photos holds pictures"),
    "own features, modality": (extractor_of_points, "mine is for points"),
    "own items, features": (run_of_points, "mine holds points: choose --features of your own"),
    "own items, no features": (
        lambda patch: extractors_for("points", EvaluationOptions(), {}),
        "points have no features of Poise's own (it knows image, text, speech)",
    ),
    "own recipe, precision": (lambda patch: Execution(torch.device("cpu"), "fp23", 1), "--precision fp23 is unknown"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", WORDS)
def test_a_word_that_is_not_known(case, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).integers(0, 255, (24, 16, 16)).astype(np.uint8))
    ask, said = WORDS[case]
    with pytest.raises(PoiseError) as caught:
        ask(monkeypatch)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_what_items_are_called():
    assert (noun_of("image"), noun_of("points"), Points().noun) == ("pictures", "points", "points")
