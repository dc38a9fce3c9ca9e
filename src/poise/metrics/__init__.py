"""How good are the samples: features -> statistics -> value, each layer pure, and a judge that runs them."""

from __future__ import annotations

from poise.metrics import c2st, copying, gaussians, kernels, likelihood, neighbours
from poise.metrics.classifier import SmallClassifier, train_classifier
from poise.metrics.features import EffLite0, Extractor, MissingFeatures
from poise.metrics.judge import Judge
from poise.metrics.metric import Metric
from poise.metrics.modes import centre_modes, class_modes
from poise.metrics.sets import Compared, Features, compare
from poise.metrics.statistics import Estimate, frechet, frechet_bias, kid

__all__ = [
    "Compared",
    "EffLite0",
    "Estimate",
    "Extractor",
    "Features",
    "Judge",
    "Metric",
    "MissingFeatures",
    "SmallClassifier",
    "c2st",
    "centre_modes",
    "class_modes",
    "compare",
    "copying",
    "frechet",
    "frechet_bias",
    "gaussians",
    "kernels",
    "kid",
    "likelihood",
    "neighbours",
    "train_classifier",
]
