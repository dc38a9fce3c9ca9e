"""What sentences are made of: words, characters or pieces of words. See `alphabet.Units` for what each can do.

units = fit_units("word", sentences, size=5000)
ids = units.encode("In the beginning, God created the heavens and the earth.")
units.decode(ids)
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence

from poise.data.tokenizers.alphabet import END, UNKNOWN, Characters, Units, Whitespace
from poise.data.tokenizers.pieces import Pieces
from poise.data.tokenizers.words import Words
from poise.errors import PoiseError
from poise.registry import find

__all__ = [
    "END",
    "UNKNOWN",
    "Characters",
    "Pieces",
    "Units",
    "Whitespace",
    "Words",
    "fit_units",
    "suggested_units",
    "units_from",
]

LOOKED_AT = 10_000  # sentences from which the script is told
WITHOUT_SPACES = 0.3  # share of letters from scripts without spaces from which on words cannot be told apart
# Thai and Lao, Burmese, Khmer, kana, Han with its extensions.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)


def fit_units(kind: str, sentences: Sequence[str], size: int | None = None, least: int = 1) -> Units:
    """Units of a kind of the registry, such as "word" or "character", or "auto": see `suggested_units`."""
    member = find("units", suggested_units(sentences) if kind == "auto" else kind)
    found: Units = member.fit(sentences, size, least)
    return found


def units_from(content: Mapping[str, object]) -> Units:
    """The units that `to_dict` wrote down; PoiseError where the content is damaged."""
    try:
        found: Units = find("units", content["kind"]).from_dict(content)
    except (KeyError, TypeError, ValueError, binascii.Error, RuntimeError) as error:
        raise PoiseError(f"the units of this run are damaged ({type(error).__name__}): train it again") from None
    return found


def unspaced_share(sentences: Sequence[str]) -> float:
    """Share of the letters that are of scripts written without spaces (Han, kana, Thai, Khmer, Burmese, Lao)."""
    letters = found = 0
    for sentence in sentences[:LOOKED_AT]:
        letters += sum(map(str.isalpha, sentence))
        found += len(_UNSPACED.findall(sentence))
    return found / max(1, letters)


def suggested_units(sentences: Sequence[str]) -> str:
    """ "character" where at least 0.3 of the letters are of a script without spaces, else "word"."""
    return "character" if unspaced_share(sentences) >= WITHOUT_SPACES else "word"
