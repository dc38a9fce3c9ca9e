"""How much of what is written is different: distinct n-grams and distinct sentences, with intervals in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poise.metrics.core.statistics import Floats
from poise.metrics.text.grams import Sentence, flat, grams


def distinct(sentences: Sequence[Sentence], n: int) -> tuple[float, float]:
    """Number of different n-grams over the number of all n-grams in the sentences (Li et al. 2016), and its variance.

    It falls as sentences are added, so only values of equally many sentences of similar length can be compared. The
    variance is that of the delete-one jackknife over sentences, exact: without sentence i the runs that only i has are
    gone. 0 where there is no n-gram.

    Example:
        >>> share, _ = distinct([[2, 3, 2, 3], [2, 3]], n=2)
        >>> share  # 2 different pairs, 23 and 32, of 4
        0.5
    """
    gram, sentence = grams(flat(sentences), n)
    if not len(gram):
        return 0.0, 0.0
    size, count = int(gram.max()) + 1, len(sentences)
    pairs = np.unique(gram * count + sentence)
    holders = np.bincount(pairs // count, minlength=size)
    owner = pairs % count
    alone = np.bincount(owner[holders[pairs // count] == 1], minlength=count)
    rest = len(gram) - np.bincount(sentence, minlength=count)
    left_out = (size - alone[rest > 0]) / rest[rest > 0]
    return size / len(gram), jackknife(left_out)


def distinct_sentences(sentences: Sequence[Sentence]) -> float:
    """Number of different sentences over the number n of sentences; 0 for none. It can only fall as n grows.

    Example:
        >>> distinct_sentences([[2, 3], [2, 3], [4]]) == 2 / 3
        True
    """
    different = {np.asarray(s, np.int64).tobytes() for s in sentences}
    return len(different) / max(len(sentences), 1)


def jackknife(left_out: Floats) -> float:
    """Delete-one jackknife variance (n-1)/n sum (t_i - mean)^2 of the n values with one sentence left out each.

    Example:
        >>> jackknife(np.array([1.0, 3.0]))  # 1/2·((−1)² + 1²)
        1.0
    """
    n = len(left_out)
    return (n - 1) / n * float(np.square(left_out - left_out.mean()).sum()) if n > 1 else 0.0
