"""Sentences out of a trained network: with a beginning, in a fixed form, into a file. No training in here."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from poise.data.text.corpus import Corpus, open_corpus
from poise.data.text.text import on_one_line
from poise.data.tokenizers.alphabet import END, UNKNOWN, Units
from poise.disk import check_parent, write_atomically
from poise.errors import PoiseError
from poise.recipes.common.recipe import Arguments
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.text.options import SentenceOptions

if TYPE_CHECKING:
    from torch import nn

ORACLE = "oracle"  # the data of a made-up language
SHOWN = 20  # sentences in a file of samples
SHOWN_SEED = 1_234_567  # the same noise in every run
ASKS = ("temperature", "top_k", "top_p", "start", "form")


def draw(
    network: nn.Module,
    facts: SentenceFacts,
    n: int,
    seed: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    start: str | None = None,
    form: str | None = None,
) -> list[str]:
    """n sentences; sentence i depends on (seed, i) and the options alone, whatever n is.

    Args: network, of the family "sequence" or a `TextGenerator` around one; facts, of the run; see
    `poise.models.sampling.Sampling` for the first options; start: a beginning that every sentence has; form: see
    `places`.

    Errors: `PoiseError` for options that are out of reach, and a start or a form that this vocabulary cannot write.
    """
    units, length = facts.vocabulary, facts.length
    if not facts.ends and (start is not None or form is not None):
        raise PoiseError("--start and --form are for sentences, and this run generates rows of numbers: leave them out")
    given = _fixed_units(units, start, form, length)
    ids = draw_ids(network, facts, n, seed, given=given, temperature=temperature, top_k=top_k, top_p=top_p)
    return [units.decode(row) for row in ids]


def draw_ids(
    network: Any,
    facts: SentenceFacts,
    n: int,
    seed: int,
    *,
    given: Sequence[int | None] = (),
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> list[list[int]]:
    """The same as ids, without the end."""
    from poise.models.sampling import Sampling
    from poise.recipes.text.drawing import drawn_ids

    units, net = facts.vocabulary, getattr(network, "net", network)
    bare = [END, *(i for i, name in enumerate(units.names) if not any(map(str.isalnum, name)))] if given else []
    was_training = network.training
    network.eval()
    found = drawn_ids(
        net,
        n,
        seed,
        facts.length,
        Sampling(temperature, top_k, top_p),
        ends=facts.ends,
        running=facts.running,
        never=[UNKNOWN] if facts.ends else [],
        given=given,
        bare=bare,
    )
    network.train(was_training)
    return found


def corpus_of(arguments: Arguments, unknown: str) -> Corpus:
    """The sentences that a run with these arguments reads."""
    if arguments["data"] == ORACLE:
        raise PoiseError("oracle is a made-up language without texts: its runs are scored exactly while they train")
    known = {name: arguments[name] for name in SentenceOptions.flags() if name in arguments}  # older runs have fewer
    return open_corpus(arguments["data"], **known, unknown=unknown)


def places(form: str, units: Units) -> list[int | None]:
    """What stands where in a fixed form such as `7，7。7，7。`: a number n is n free places, everything else is text
    that stands as it is, and the sentence ends after it. A sign may be written in the width that is at hand: 7,7."""
    found: list[int | None] = []
    for word in re.findall(r"\d+|\D+", form):
        if word.isdigit():
            found += [None] * (int(word) if len(word) < 6 else 100_000)  # more than any sentence has
        elif word.strip():
            found += known(units, word.strip(), "--form", begins=not found)
    if None not in found:
        raise PoiseError(f"--form {form!r} leaves nothing to write: give numbers of {units.plural}, such as 7，7。")
    return found


def known(units: Units, text: str, flag: str, begins: bool = True) -> list[int]:
    """The ids of a text that this vocabulary can write; `begins`: a sentence begins with it."""
    parts, ids = (units.split(text), units.encode(text)) if begins else units.inside(text)
    other = [_other_width(part, units) for part in parts]
    if other != parts:
        parts, ids = other, [i for part in other for i in units.inside(part)[1]]
    if not ids:
        raise PoiseError(f"{flag} {text!r} holds no {units.plural}: write some, or leave it out")
    strange = [part for part, i in zip(parts, ids, strict=False) if i == UNKNOWN]
    if strange:
        named = ", ".join(f"'{part}'" for part in dict.fromkeys(strange))
        raise PoiseError(f"{flag} {text!r}: the vocabulary of this run does not know {named}; write it differently")
    return ids


WIDE = dict(zip(",.;:!?()", "，。；：！？（）", strict=True))
NARROW = {wide: narrow for narrow, wide in WIDE.items()}


def _other_width(part: str, units: Units) -> str:
    """A sign that a vocabulary does not know, in the width in which it does."""
    other = WIDE.get(part) or NARROW.get(part)
    return other if other and units.is_unknown(part) and not units.is_unknown(other) else part


def _fixed_units(units: Units, start: str | None, form: str | None, length: int) -> list[int | None]:
    """The places that a start and a form fill or leave free; empty where there is neither."""
    begun: list[int | None] = [] if start is None else list(known(units, start, "--start"))
    if form is None:
        if len(begun) >= length:
            raise PoiseError(
                f"--start {start!r} has {len(begun)} {units.plural}, and sentences have {length - 1} at most; cut it"
            )
        return begun
    found = places(form, units)
    if len(found) >= length:
        raise PoiseError(f"--form {form!r} is too long: sentences of this run have {length - 1} {units.plural} at most")
    for place, unit in enumerate(begun):
        if place >= len(found) or found[place] not in (None, unit):
            raise PoiseError(f"--start {start!r} does not fit into --form {form!r}: change one of them")
        found[place] = unit
    return [*found, END]


def write(sentences: list[str], path: Path) -> str:
    """One sentence a line (.txt, where / stands for line breaks in it), or one object a line (.jsonl)."""
    if path.suffix not in (".txt", ".jsonl") or path.is_dir():
        raise PoiseError(f"--out {path}: name a .txt or a .jsonl file for sentences")
    plain = path.suffix == ".txt"
    lines = [on_one_line(s) if plain else json.dumps({"text": s}, ensure_ascii=False) for s in sentences]
    check_parent(path)
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
    if plain and lines != sentences:
        return f"{len(sentences):,} sentences, / for their line breaks (a .jsonl file has them as they are)"
    return f"{len(sentences):,} sentences"


def show_real(sentences: Sequence[str], stem: Path) -> Path:
    """Training sentences, to compare with: the same in every run on the data."""
    path = stem.with_suffix(".txt")
    picked = np.random.default_rng(SHOWN_SEED).permutation(len(sentences))[:SHOWN]
    write([sentences[i] for i in picked], path)
    return path


def show(network: nn.Module, facts: SentenceFacts, stem: Path) -> Path:
    """The sentences of this moment, always of the same noise."""
    path = stem.with_suffix(".txt")
    write(draw(network, facts, SHOWN, SHOWN_SEED), path)
    return path
