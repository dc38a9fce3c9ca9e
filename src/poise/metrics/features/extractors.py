"""All extractors by name; importing this enters every one into the registry."""

from __future__ import annotations

from poise.metrics.features import classifier, features, inception, rotations, speech_features, text_features

__all__ = ["classifier", "features", "inception", "rotations", "speech_features", "text_features"]
