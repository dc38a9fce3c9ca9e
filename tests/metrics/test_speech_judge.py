"""The judge of a speech run: each made clip beside its own recording, in the order in which they were drawn."""

from __future__ import annotations

import sys

import pytest

from poise.audio.spectrograms import Mel
from poise.installing import install
from poise.metrics.core.metric import find_metrics
from poise.metrics.speech.judge import STRICT, WARPED, SpeechJudge
from poise.metrics.speech.metric import Pair, PairedMetric, measure_pairs
from tests.metrics.sounds import RATE, harmonics

REAL = [harmonics(hertz, 0.3) for hertz in (110.0, 150.0, 220.0)]
PAIRS = [Pair(wave, wave, "a", voice="v") for wave in REAL]
TWO = ("log-mel L1", "MCD")


def test_recordings_that_come_back_are_perfect():
    judge = SpeechJudge(PAIRS, Mel(RATE), "copies", 5, TWO)
    asked = []
    found = judge.score(lambda n, seed: asked.append((n, seed)) or list(REAL))
    assert asked == [(3, 5)] and judge.n == judge.m == 3
    assert found["log-mel L1"] == 0 and found["MCD"] == pytest.approx(0, abs=1e-6)
    assert (found["MCD.n"], found["MCD.m"]) == (3, 3) and {"MCD.low", "MCD.high"} <= set(found)
    assert judge.about == "scores compare 3 copies with the held-out recordings themselves" and judge.floor() == {}


def test_each_is_compared_with_its_own():
    """Not with itself, nor with another."""
    judge = SpeechJudge(PAIRS, Mel(RATE), "copies", 0, TWO)
    turned = [REAL[1], REAL[2], REAL[0]]
    wanted = measure_pairs([p._replace(made=w) for p, w in zip(PAIRS, turned, strict=True)], Mel(RATE), TWO)
    assert judge.score(lambda n, seed: turned)["MCD"] == wanted.found["MCD"]["MCD"].value > 1
    with pytest.raises(ValueError, match="shorter"):
        judge.score(lambda n, seed: REAL[:2])


@pytest.mark.slow
def test_its_metrics_are_there_and_those_of_texts_need_no_equal_length():
    assert set(STRICT + WARPED) <= {metric.name for metric in find_metrics(PairedMetric)}
    judge = SpeechJudge(PAIRS, Mel(RATE), "texts said", 0, WARPED)
    longer = [harmonics(hertz, 0.45) for hertz in (110.0, 150.0, 220.0)]
    found = judge.score(lambda n, seed: longer)
    assert found["MCD.n"] == 3 and "log-mel L1" not in found and "STOI" not in found


@pytest.mark.slow
def test_a_missing_package_is_told_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "pystoi", None)
    judge = SpeechJudge(PAIRS, Mel(RATE), "copies", 0, ("MCD", "STOI"))
    assert len(judge.missing) == 1 and install("speech", "pystoi") in judge.missing[0]
    assert "STOI" not in judge.score(lambda n, seed: list(REAL))


def test_one_recording_gives_no_score_and_says_why():
    judge = SpeechJudge(PAIRS[:1], Mel(RATE), "copies", 0, TWO)
    assert judge.missing == ["no scores: they need 2 recordings, and 1 is compared (--score-samples, --heldout)"]
    assert judge.score(lambda n, seed: pytest.fail("nothing is to be made")) == {}
