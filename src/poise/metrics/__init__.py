"""How good are the samples: features -> statistics -> value, each layer pure, and a judge that runs them."""

from __future__ import annotations

from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.metric import Metric, find_metrics
from poise.metrics.core.rows import Note, ScoreRow
from poise.metrics.core.sets import Compared, Features, compare
from poise.metrics.core.statistics import Estimate, frechet, frechet_bias, kid
from poise.metrics.distributions import c2st, copying, gaussians, kernels, likelihood, neighbours
from poise.metrics.distributions.judge import Judge
from poise.metrics.distributions.modes import centre_modes, class_modes
from poise.metrics.features.classifier import SmallClassifier, train_classifier
from poise.metrics.features.features import EffLite0, Extractor, MissingFeatures

__all__ = [
    "Compared",
    "EffLite0",
    "Estimate",
    "Extractor",
    "FeatureMetric",
    "Features",
    "Judge",
    "Metric",
    "MissingFeatures",
    "Note",
    "ScoreRow",
    "SmallClassifier",
    "c2st",
    "centre_modes",
    "class_modes",
    "compare",
    "copying",
    "find_metrics",
    "frechet",
    "frechet_bias",
    "gaussians",
    "kernels",
    "kid",
    "likelihood",
    "neighbours",
    "train_classifier",
]
