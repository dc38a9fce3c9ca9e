"""Subword units, learnt by SentencePiece's unigram model (Kudo 2018) in memory."""

from __future__ import annotations

import base64
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Self

from poise.data.tokenizers.alphabet import END, LEAST_SIZE, SPECIAL, UNKNOWN, Units
from poise.data.tokenizers.joining import joined_pieces
from poise.errors import PoiseError
from poise.installing import install
from poise.registry import register

USUAL_SIZE = 4000  # where nobody asks for another, and the data are enough for it
LEAST_COVERAGE = 0.98  # of the running characters: what SentencePiece asks for
LONGEST_BYTES = 100_000  # longer sentences are not learnt from


@register("units", "piece")
class Pieces(Units):
    """Pieces of words; frequent words are one piece. "▁" in a name is the space before it.

    Of the characters, the most frequent ones up to half of the vocabulary have a piece of their own. Needs the package
    sentencepiece. Args: model, the trained model's bytes.
    """

    kind = "piece"
    plural = "pieces"

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._processor = _package().SentencePieceProcessor(model_proto=model)
        super().__init__([self._processor.id_to_piece(i) for i in range(self._processor.get_piece_size())])

    @classmethod
    def fit(cls, sentences: Sequence[str], size: int | None = None, least: int = 1) -> Self:
        """`least` has to be 1: what is kept is up to the model. `size` None is 4,000. On few data there are fewer."""
        if size is not None and size < LEAST_SIZE:
            raise PoiseError(f"a vocabulary of {size} is too small: give at least {LEAST_SIZE}")
        if least != 1:
            raise PoiseError(f"pieces are chosen by their model and not by a least count of {least}: leave it out")
        texts = [tidied(sentence) for sentence in sentences]
        wanted = USUAL_SIZE if size is None else size
        model, _ = _largest(texts, wanted, lambda _: wanted)
        return cls(model)

    def split(self, sentence: str) -> list[str]:
        found: list[str] = self._processor.encode(tidied(sentence), out_type=str)
        return found

    def encode(self, sentence: str) -> list[int]:
        found: list[int] = self._processor.encode(tidied(sentence))
        return found

    @property
    def joining(self) -> tuple[Callable[..., str], tuple[object, ...]]:
        return joined_pieces, ()

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "model": base64.b64encode(self.model).decode()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        return cls(base64.b64decode(content["model"]))


def tidied(sentence: str) -> str:
    """Composed (NFC), with single spaces between words."""
    return " ".join(unicodedata.normalize("NFC", sentence).split())


def _trained(texts: list[str], size: int, wanted: int) -> bytes:
    """A model of `size` ids. At most half of the `wanted` ones are characters, unless they are too few for that."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    most = sum(n for _, n in counts.most_common(wanted // 2))
    model = io.BytesIO()
    _package().SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="unigram",
        vocab_size=size,
        character_coverage=max(LEAST_COVERAGE, most / max(1, counts.total())),
        normalization_rule_name="identity",
        pad_id=END,
        unk_id=UNKNOWN,
        bos_id=-1,
        eos_id=-1,
        pad_piece=SPECIAL[END],
        unk_piece=SPECIAL[UNKNOWN],
        unk_surface=SPECIAL[UNKNOWN],
        max_sentence_length=LONGEST_BYTES,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def _largest(texts: list[str], size: int, wanted: Callable[[int], int]) -> tuple[bytes, int]:
    """A model of `size` ids, or of as many as these texts have pieces, and how many those are.

    SentencePiece names a bound when it fails, which may still be too high, so it is asked again.
    """
    while True:
        try:
            return _trained(texts, size, wanted(size)), size
        except RuntimeError as error:
            most = re.search(r"too high.*<= (\d+)", str(error))
            least = re.search(r"required_chars\D+\d+ vs (\d+)", str(error))
            if least is not None:
                raise PoiseError(
                    f"a vocabulary of {size:,} pieces is too small for the characters of these sentences: give more "
                    f"than {least[1]}, or take characters for units"
                ) from None
            if most is None or not LEAST_SIZE <= int(most[1]) < size:
                raise PoiseError(
                    f"no pieces can be learnt from {len(texts):,} sentences: give more of them, or take characters "
                    "for units"
                ) from None
            size = int(most[1])


def _package() -> Any:
    try:
        import sentencepiece
    except ImportError:
        raise PoiseError(
            f"pieces of words need the package sentencepiece: type `{install('text', 'sentencepiece')}`, or take words"
        ) from None
    return sentencepiece
