"""The metrics of pairs that stand for a listener: STOI, PESQ, and words that are recognised."""

from __future__ import annotations

import importlib
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.data.speech.speech import Wave, resampled
from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.core.statistics import Floats
from poise.metrics.speech.features import same_length
from poise.metrics.speech.metric import Context, PairedMetric, Value

SHORTEST = 0.39  # seconds: 30 frames of STOI take 0.397
WIDE, NARROW = 16_000, 8_000  # samples a second for PESQ
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def _needs(package: str, metric: str, extra: str, more: str = "") -> Callable[[], None]:
    """What raises PoiseError where the package is missing that a metric is computed by."""

    def ready() -> None:
        try:
            importlib.import_module(package)
        except ImportError:
            command = install(extra, package)
            raise PoiseError(f"{metric} needs {package}, so it is left out: {command}{more}") from None

    return ready


_sphinx_ready = _needs("pocketsphinx", "WER", "eval")


@PairedMetric.define(
    "STOI",
    "Short-time objective intelligibility: how well the envelopes of 15 bands follow those of the real clip.",
    "higher",
    unless="clips that differ in length by more than a hop, or with less than about 0.4 s of sound",
    ready=_needs("pystoi", "STOI", "speech"),
)
def stoi(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """STOI in [-1, 1], 1 for equal clips (Taal et al. 2011), by the package pystoi at 10 kHz.

    It looks at stretches of 30 frames (0.4 s) without silence; clips without one have no value. Clips of one length up
    to a hop; the shorter one counts.

    Example:
        >>> noise = Wave(np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32), 16_000)
        >>> {name: round(value, 3) for name, value in stoi.of_pair(noise, noise, Context()).items()}
        {'STOI': 1.0}
    """
    from pystoi import stoi as of

    waves = same_length(real, made, context)
    if waves is None or len(waves.real) < SHORTEST * context.mel.rate or not waves.real.any():
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = float(of(*(wave.astype(np.float64) for wave in waves), context.mel.rate))
        except RuntimeWarning:  # "Not enough STFT frames", after which it returns 1e-5
            return {}
    return {"STOI": found} if np.isfinite(found) else {}


@PairedMetric.define(
    "PESQ",
    "Perceptual evaluation of speech quality: an estimate, from 1 to 4.6, of the opinion that listeners would have.",
    "higher",
    unless="clips that differ in length by more than a hop, are shorter than 0.25 s or have no speech that PESQ finds",
    ready=_needs("pesq", "PESQ", "pesq", " (with a C compiler)"),
)
def pesq(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """Either "PESQ wb", at 16 kHz (ITU-T P.862.2), where the context's rate is 16 kHz or more, or "PESQ nb", at 8 kHz
    (P.862.1).

    By the package pesq. Equal clips have 4.64 (wb) and 4.55 (nb), whatever their length. It was made for sentences of
    8 to 12 s in telephony; clips of a single syllable are far from that. Clips of one length up to a hop; the shorter
    one counts.

    Example:
        >>> noise = Wave(np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32), 16_000)
        >>> {name: round(value, 2) for name, value in pesq.of_pair(noise, noise, Context()).items()}
        {'PESQ wb': 4.64}
    """
    from pesq import BufferTooShortError, NoUtterancesError
    from pesq import pesq as of

    waves = same_length(real, made, context)
    if waves is None or not waves.real.any() or not waves.made.any():
        return {}
    kind, rate = ("wb", WIDE) if context.mel.rate >= WIDE else ("nb", NARROW)
    first, second = (resampled(Wave(wave, context.mel.rate), rate) for wave in waves)
    try:
        return {f"PESQ {kind}": float(of(rate, first, second, kind))}
    except (BufferTooShortError, NoUtterancesError):
        return {}


def words(text: str) -> list[str]:
    """Lower-case words of letters and digits, apostrophes kept within: "Don't -- U.S." -> don't, u, s.

    Example:
        >>> words("Don't -- U.S.")
        ["don't", 'u', 's']
    """
    return WORD.findall(unicodedata.normalize("NFKC", text).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def edits(wanted: Sequence[str], heard: Sequence[str]) -> int:
    """The least number of insertions, deletions and substitutions (Levenshtein 1966) between two lists.

    Example:
        >>> edits(words("the cat sat"), words("a cat"))  # one word is another, one is missing
        2
    """
    row = list(range(len(heard) + 1))
    for i, word in enumerate(wanted, 1):
        before, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


@cache
def _decoder() -> Any:
    import pocketsphinx

    return pocketsphinx.Decoder(samprate=float(WIDE), cmn="batch", loglevel="FATAL")


def recognised(wave: Wave) -> str:
    """What pocketsphinx hears in a clip of English, with the acoustic and language model that it brings.

    A function of this clip alone: what the decoder learnt of the noise of earlier clips is forgotten.

    Example:
        >>> recognised(Wave(np.zeros(16_000, np.float32), 16_000))  # silence
        ''
    """
    samples: NDArray[np.float32] = resampled(wave, WIDE)
    if not samples.any():
        return ""
    decoder = _decoder()
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return heard.hypstr if heard else ""


def word_errors(counts: Floats, voices: NDArray[np.int64]) -> float:
    """[N,2], edits and words of each clip -> edits over words of all.

    Example:
        >>> counts = np.array([[edits(["the", "cat"], ["a", "cat"]), 2.0], [0.0, 2.0]])  # of two clips
        >>> word_errors(counts, np.zeros(2, np.int64))
        0.25
    """
    return float(counts[:, 0].sum() / counts[:, 1].sum())


@PairedMetric.define(
    "WER",
    "Words that a recogniser of English gets wrong, over those that were to be said; read it beside the real clips.",
    "lower",
    unless="clips whose text has no words",
    applies=lambda context: context.language == "en" and bool(context.text),
    otherwise="none of the recordings is known to be English and has a text",
    ready=_sphinx_ready,
    pools={"WER": word_errors, "WER of the real clips": word_errors},
)
def wer(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """Word error rate of "en" clips with a text: insertions, deletions and substitutions over words, pooled over clips.

    Recogniser: `recognised`, an old and weak one, so the rate of the real recordings is told beside it as "WER of the
    real clips". It may be above 1.

    Example:
        >>> silence = Wave(np.zeros(16_000, np.float32), 16_000)
        >>> wer.of_pair(silence, silence, Context(text="the cat sat", language="en"))["WER"].tolist()  # of 3 words
        [3.0, 3.0]
    """
    wanted = words(context.text)
    if not wanted:
        return {}
    in_real, in_made = _heard_in(real, made, context)
    heard = {"WER": in_made, "WER of the real clips": in_real}
    return {name: np.array([edits(wanted, found), len(wanted)], np.float64) for name, found in heard.items()}


def _heard_in(real: Wave, made: Wave, context: Context) -> tuple[list[str], list[str]]:
    """The words that are heard in both clips."""

    def make() -> tuple[list[str], list[str]]:
        return words(recognised(real)), words(recognised(made))

    found: tuple[list[str], list[str]] = context.keep("words heard", make)
    return found


@PairedMetric.define(
    "heard otherwise",
    "Words that a recogniser of English hears otherwise than in the real clip, over those it hears there.",
    "lower",
    unless="clips in which the real one has no words",
    applies=lambda context: context.language == "en",
    otherwise="none of the recordings is known to be English",
    ready=_sphinx_ready,
    pools={"heard otherwise": word_errors},
)
def heard_otherwise(real: Wave, made: Wave, context: Context) -> Mapping[str, Value]:
    """As "WER", with what is heard in the real clip, right or wrong, for the text; so it needs none. Pooled over clips.

    The recogniser is unsure of itself: a copy that nobody could tell from the recording does not have 0 here, so read
    it beside that of another kind of copy.

    Example:
        >>> silence = Wave(np.zeros(16_000, np.float32), 16_000)
        >>> heard_otherwise.of_pair(silence, silence, Context(language="en"))  # the real clip has no words
        {}
    """
    in_real, in_made = _heard_in(real, made, context)
    return {"heard otherwise": np.array([edits(in_real, in_made), len(in_real)], np.float64)} if in_real else {}
