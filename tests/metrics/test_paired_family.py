"""Every registered metric of pairs: the same rules for all; and the numbers that are made of those of pairs."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.installing import install
from poise.intervals import mean_interval, t_quantile
from poise.metrics.core.metric import find_metrics
from poise.metrics.speech import heard as heard_members
from poise.metrics.speech.metric import Context, Pair, PairedMetric, bootstrap, measure_pairs
from tests.metrics.sounds import RATE, noise, spoken

REAL = spoken(seconds=0.8)
METRICS = find_metrics(PairedMetric)
HISS = np.square(np.diff(REAL.samples)).sum()
BEST = {"lower": 0.0, "higher": 1.0}


@pytest.fixture(autouse=True)
def _a_recogniser_that_hears_noise(monkeypatch) -> None:
    """Two words in clean speech, one in noisy speech: the real recogniser is tested in `test_heard`."""

    def recognised(wave: Wave) -> str:
        return "hello" if np.square(np.diff(wave.samples)).sum() > 2 * HISS else "hello there"

    monkeypatch.setattr(heard_members, "recognised", recognised)


def installed(metric: PairedMetric) -> bool:
    try:
        metric.ready()
    except PoiseError:
        return False
    return True


@pytest.fixture(params=METRICS, ids=lambda m: m.name)
def metric(request: pytest.FixtureRequest) -> PairedMetric:
    """Each that can be computed here."""
    if not installed(request.param):
        pytest.skip(f"{request.param.name}: its package is not installed")
    found: PairedMetric = request.param
    return found


def context() -> Context:
    return Context(text="Hello there!", language="en")


def noisy(height: float) -> Wave:
    return Wave(REAL.samples + noise(0.8, 5, height).samples, RATE)


def test_the_family_is_complete() -> None:
    expected = {
        *("log-mel L1", "MR-STFT", "MCD", "STOI", "PESQ", "WER", "F0 RMSE", "V/UV error", "periodicity"),
        *("tone contour", "heard otherwise"),
    }
    assert {metric.name for metric in METRICS} >= expected


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_it_says_what_it_is(metric: PairedMetric) -> None:
    assert metric.title.endswith(".") or metric.title.endswith("?")
    assert metric.better in BEST
    assert metric.function.__doc__
    assert installed(metric) or metric.name == "PESQ"  # the one whose package has to be compiled


@pytest.mark.slow
def test_equal_clips_are_best_and_another_one_under_noise_is_worse(metric: PairedMetric) -> None:
    def value(made: Wave) -> tuple[str, float]:
        found = measure_pairs([Pair(REAL, made, "Hello there!", "en")] * 2, metrics=[metric.name]).found[metric.name]
        name, estimate = next(iter(found.items()))
        assert estimate.low <= estimate.value <= estimate.high
        return name, estimate.value

    other = spoken(150, 0.8, seed=3, slope=-1)
    worse_clip = Wave(other.samples + noise(0.8, 5, 0.1).samples, RATE)
    (name, equal), (_, worse) = value(REAL), value(worse_clip)
    assert equal == pytest.approx(4.6439 if name == "PESQ wb" else BEST[metric.better], abs=1e-4)
    assert worse > equal + 0.01 if metric.better == "lower" else worse < equal - 0.01


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 200, 3000])
def test_short_and_silent_clips_are_numbers_or_left_out(metric: PairedMetric, count: int) -> None:
    short, still = Wave(REAL.samples[5000 : 5000 + count], RATE), Wave(np.zeros(count, np.float32), RATE)
    for real, made in ((short, short), (still, still), (short, still), (still, short), (REAL, short)):
        for value in metric.of_pair(real, made, context()).values():
            assert np.isfinite(value).all()


@pytest.mark.slow
def test_other_rates_change_little_and_the_waves_not_at_all(metric: PairedMetric) -> None:
    """The made clip at 48 kHz, by repeating the spectrum: what lies above 8 kHz is empty."""
    made = noisy(0.02)
    spectrum = np.pad(np.fft.rfft(made.samples), (0, len(made.samples)))
    faster = Wave((np.fft.irfft(spectrum, 3 * len(made.samples)) * 3).astype(np.float32), 3 * RATE)
    before = faster.samples.copy()
    one, other = (metric.of_pair(REAL, wave, context()) for wave in (made, faster))
    assert one.keys() == other.keys()
    np.testing.assert_array_equal(faster.samples, before)
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], rtol=0.1, atol=0.1)


def test_means_have_the_t_interval() -> None:
    found = measure_pairs([Pair(REAL, noisy(h)) for h in (0.01, 0.02, 0.05)], metrics=["log-mel L1"])
    values = found.values["log-mel L1"]
    estimate = found.found["log-mel L1"]["log-mel L1"]
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.high - estimate.value == pytest.approx(4.30265 * values.std(ddof=1) / math.sqrt(3), rel=1e-5)
    assert (estimate.n, estimate.m) == (3, 3)
    assert not found.notes


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 12.7062047),
        (2, 4.3026527),
        (3, 3.1824463),
        (4, 2.7764451),
        (9, 2.2621572),
        (30, 2.0422725),
        (1000, 1.9623391),
    ],
)
def test_students_t(freedom: int, expected: float) -> None:
    """Printed tables, and scipy.stats.t.ppf(0.975, freedom)."""
    assert t_quantile(0.975, freedom) == pytest.approx(expected, abs=1e-6)


def test_the_t_interval_covers() -> None:
    rng = np.random.default_rng(0)
    draws = [mean_interval(rng.normal(size=5)) for _ in range(2000)]
    assert np.mean([low <= 0 <= high for _, low, high in draws]) == pytest.approx(0.95, abs=0.015)


def test_the_bootstrap_is_about_the_t_interval_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(3, 2, size=(200, 1))
    voices = np.zeros(200, np.int64)
    low, high = bootstrap(lambda v, _: float(v.mean()), values, voices, float(values.mean()), 0)
    _, expected_low, expected_high = mean_interval(values.ravel())
    assert low == pytest.approx(expected_low, abs=0.06)
    assert high == pytest.approx(expected_high, abs=0.06)
    assert (low, high) == bootstrap(lambda v, _: float(v.mean()), values, voices, float(values.mean()), 0)


def test_pairs_without_a_value_are_counted_and_told() -> None:
    short = Wave(REAL.samples[:3000], RATE)
    pairs = [Pair(REAL, REAL), Pair(REAL, short), Pair(REAL, noisy(0.01))]
    found = measure_pairs(pairs, metrics=["log-mel L1", "MCD"])
    assert found.found["log-mel L1"]["log-mel L1"].n == 2
    assert found.found["log-mel L1"]["log-mel L1"].m == 3
    assert np.isnan(found.values["log-mel L1"]).tolist() == [False, True, False]
    assert found.found["MCD"]["MCD"].n == 3
    assert found.notes == [
        "log-mel L1 is left out of 1 of 3 pairs: clips that differ in length by more than a hop, or hold less than "
        "a frame."
    ]
    alone = measure_pairs(pairs[:2], metrics=["log-mel L1"])
    assert alone.found["log-mel L1"] == {}
    assert "fewer than 2 pairs" in alone.notes[-1]


def test_pairs_may_come_one_by_one_and_nothing_else_is_asked() -> None:
    told: list[int] = []
    found = measure_pairs((Pair(REAL, noisy(h)) for h in (0.01, 0.02)), metrics=["MCD"], tell=told.append)
    assert told == [1, 2]
    assert list(found.found) == ["MCD"]


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [("pystoi", "STOI", "speech"), ("pesq", "PESQ", "pesq"), ("pocketsphinx", "WER", "eval")],
)
def test_a_missing_package_is_a_note(monkeypatch, module: str, name: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    found = measure_pairs([Pair(REAL, REAL, "hello there", "en")] * 2, metrics=[name, "MCD"])
    assert list(found.found) == ["MCD"]
    assert install(extra, "" if module == "pesq" else module) in found.notes[0]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(PoiseError, match="the made clip of pair 2 is empty or holds NaN"):
        measure_pairs([Pair(REAL, REAL), Pair(REAL, Wave(np.full(9, np.nan, np.float32), RATE))], metrics=["MCD"])
    with pytest.raises(PoiseError, match="no pair of clips"):
        measure_pairs([])
    with pytest.raises(PoiseError, match="did you mean 'MCD'"):
        measure_pairs([Pair(REAL, REAL)], metrics=["MDC"])
