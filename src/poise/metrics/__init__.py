"""How good are the pictures: features -> statistics -> value, each layer pure, and a judge that runs them."""

from __future__ import annotations

from poise.metrics.classifier import SmallClassifier, train_classifier
from poise.metrics.features import EffLite0, Extractor, MissingFeatures
from poise.metrics.judge import Judge
from poise.metrics.statistics import Estimate, frechet, kid

__all__ = [
    "EffLite0",
    "Estimate",
    "Extractor",
    "Judge",
    "MissingFeatures",
    "SmallClassifier",
    "frechet",
    "kid",
    "train_classifier",
]
