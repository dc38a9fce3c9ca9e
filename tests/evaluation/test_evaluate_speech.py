"""Evaluation of speech: recordings beside what is made of them, in closed form (the command: test_evaluate_clips)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from poise.audio.spectrograms import Mel
from poise.data.speech.speech import Wave
from poise.evaluation.choice import EvaluationOptions
from poise.evaluation.items import Remade
from poise.evaluation.lines import evaluation_lines
from poise.evaluation.report import EvaluationReport, Section
from poise.evaluation.sides import SideNames
from poise.evaluation.speech import section_of, speech_section
from poise.metrics.core.metric import find_metrics
from poise.metrics.speech.comparison import Beside, Comparison, Trained
from poise.metrics.speech.metric import Context, Pair, PairedMetric
from tests.evaluation.evaluations import stubs  # noqa: F401  (a fixture for all)
from tests.evaluation.speech_clips import RATE, clip, rows

N = 6
MEL = Mel(RATE, 256, 64, 30)


def silent(what: str) -> Callable[[int, int], None]:
    return lambda done, total: None


def louder(place: int, by: float = np.e) -> Wave:
    return Wave(np.float32(by) * clip(place).samples, RATE)


def comparison(made: Callable[[int], Wave] = clip, **more: Any) -> Comparison:
    def real(place: int) -> Pair:
        return Pair(clip(place), clip(place), f"number {place}", voice="A")

    return Comparison("clips", N, MEL, real, made, "fingerprint", **more)


def section(of: Comparison, *metrics: str, **more: Any) -> Section:
    return section_of(of, find_metrics(PairedMetric, metrics), 0, silent, **more)


def lines_of(found: Section) -> str:
    counts = {"made": N, "heldout": N}
    return "\n".join(evaluation_lines(EvaluationReport(SideNames("run", "x"), "clips", counts, sections=[found])))


def notes(found: Section) -> list[str]:
    return [str(note) for note in found.notes]


# Closed forms.


@pytest.mark.slow
def test_what_is_the_recording_itself_has_no_distance() -> None:
    found = rows(section(comparison(), "log-mel L1", "MCD", "tone contour", "F0 RMSE"))
    for name in ("log-mel L1", "MCD", "F0 RMSE"):
        assert found[name]["made"]["value"] == 0 and found[name]["better"] == "low", name
    assert found["tone contour"]["made"]["value"] == pytest.approx(1) and found["tone contour"]["better"] == "high"
    assert {row["made"]["n"] for row in found.values()} == {N}


def test_other_columns_are_measured_alike_and_compared_recording_by_recording() -> None:
    """Twice as loud is ln 2 in log-mel, e times 1; where a baseline lacks recordings the others count."""
    beside = {
        "twice": Beside(lambda place: louder(place, 2.0), range(N), "Twice as loud."),
        "half of them": Beside(lambda place: louder(place, 8.0), [1, 3, 5], "Eight times as loud."),
    }
    found = section(comparison(louder, beside=beside), "log-mel L1")
    (row,) = rows(found).values()
    made, twice, some = row["made"], row["beside"]["twice"], row["beside"]["half of them"]
    assert made["value"] == pytest.approx(1, rel=0.01) and made["n"] == made["m"] == N
    assert twice["value"] / made["value"] == pytest.approx(np.log(2), rel=0.01)
    assert some["n"] == some["m"] == 3 and some["value"] / made["value"] == pytest.approx(np.log(8), rel=0.01)
    assert row["difference"]["twice"]["low"] > 0 > row["difference"]["half of them"]["high"]
    text = lines_of(found)
    assert re.search(r"METRIC +VALUE \[95 % interval\] +N +TWICE +HALF OF THEM +BETTER", text)
    assert re.search(r"log-mel L1 .* 6 +0\.6\S+ \[\S+ \S+\] ahead +\S+ \[\S+ \S+\] \(of 3\) beaten +lower", text)
    assert "Twice as loud." in text and "beaten: what was made is better than this on the same recordings" in text
    assert "A perfect generator is fresh" not in text, "there is none in this table"


def test_differences_are_of_the_same_recordings() -> None:
    """Each recording is louder than the one before, and the baseline e times that: the difference is -1 in each."""
    of = comparison(
        lambda place: louder(place, np.e ** (1 + place / 10)),
        beside={"louder": Beside(lambda place: louder(place, np.e ** (2 + place / 10)), [1, 4, 5], "Louder.")},
    )
    apart = rows(section(of, "log-mel L1"))["log-mel L1"]["difference"]["louder"]
    assert apart["low"] == pytest.approx(-1, abs=0.01) and apart["high"] == pytest.approx(-1, abs=0.01)


def test_what_is_equally_good_is_neither_beaten_nor_ahead() -> None:
    other = Beside(lambda place: louder(place, np.e ** (1 + 0.1 * (-1) ** place)), range(N), "Now more, now less.")
    found = section(comparison(louder, beside={"other": other}), "log-mel L1")
    apart = rows(found)["log-mel L1"]["difference"]["other"]
    assert apart["low"] < 0 < apart["high"]
    assert not re.search(r"\] (beaten|ahead)", lines_of(found))


@pytest.mark.slow
def test_the_higher_one_is_better_where_higher_is_better() -> None:
    """What follows the pitch beats what falls where it should rise; the other way round it is behind."""
    falls = Beside(lambda place: clip(place, -1.0), range(N), "It falls.")
    follows = Beside(clip, range(N), "It follows.")
    name = "tone contour by clip"
    better = section(comparison(beside={"other": falls}), "tone contour")
    worse = section(comparison(lambda place: clip(place, -1.0), beside={"other": follows}), "tone contour")
    assert rows(better)[name]["difference"]["other"]["low"] > 1.5
    assert re.search(rf"{name} .*\] beaten", lines_of(better)) and re.search(rf"{name} .*\] ahead", lines_of(worse))
    assert rows(better)["tone contour"]["difference"] == {}, "a pooled number has none"


def test_what_is_kept_of_clips_depends_on_weights_and_recordings() -> None:
    of = comparison(louder)
    made = Remade("run", "weights", of)
    assert len(made) == N and made.modality == "speech" and made.split()[0].tolist() == list(range(N))
    assert [wave.samples.tolist() for wave in made.take(np.array([4, 1]))] == [
        louder(place).samples.tolist() for place in (4, 1)
    ]
    others = [Remade("run", "other", of), Remade("run", "weights", replace(of, fingerprint="other"))]
    assert len({items.fingerprint for items in (made, *others)}) == 3
    assert Remade("renamed", "weights", of).fingerprint == made.fingerprint


def test_numbers_of_few_recordings_are_no_sample() -> None:
    """Only two of six clips have the length of their recording: what needs that is left out, and said once."""

    def longer(place: int) -> Wave:
        return clip(place) if place < 2 else Wave(np.tile(clip(place).samples, 2), RATE)

    found = section(comparison(longer), "log-mel L1", "MR-STFT", "MCD")
    assert set(rows(found)) == {"MCD"} and set(found.titles) == {"MCD"}
    (note,) = [note for note in notes(found) if note.startswith("log-mel L1")]
    assert note.startswith("log-mel L1 is left out: it could be computed of fewer than half of the recordings")


def test_words_are_counted_where_the_language_is_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recogniser is asked once for each clip; what it gets wrong of the real ones stands beside it."""
    heard = {"made": "number", "real": "number 3"}
    from poise.metrics.speech import heard as heard_members

    real = {clip(place).samples.tobytes() for place in range(N)}
    monkeypatch.setattr(
        heard_members, "recognised", lambda wave: heard["real" if wave.samples.tobytes() in real else "made"]
    )
    assert rows(section(comparison(louder), "WER")) == {}
    found = rows(section(comparison(louder), "WER", language="en"))
    assert found["WER"]["made"]["value"] == 0.5
    assert found["WER of the real clips"]["made"]["value"] == pytest.approx(5 / 12)
    assert found["WER"]["better"] == "low" and found["WER of the real clips"]["better"] == ""


def trained(*slopes: float) -> Trained:
    clips = [clip(place, slope) for slope in slopes for place in range(N)]
    return Trained(len(clips), clips.__getitem__, [place for _ in slopes for place in range(N)])


@pytest.mark.slow
def test_copies_of_training_clips_are_found() -> None:
    """Training clips that rise less: what plays them back is at distance 0, the recording itself is as far as it is."""
    known = trained(0.5, 0.6)
    copies = rows(section(comparison(lambda place: clip(place, 0.5), trained=known)))
    assert copies["nearest training clip"]["made"]["value"] == 0 and copies["nearest training clip"]["better"] == "at"
    assert copies["closer than half"]["made"]["value"] == 1 and copies["closer than half"]["better"] == "low"
    fresh = section(comparison(trained=known))
    assert rows(fresh)["nearest training clip"]["made"]["value"] == 1
    assert rows(fresh)["closer than half"]["made"]["value"] == 0
    assert rows(fresh)["closer than two recordings, real clips"]["better"] == ""
    assert re.search(r"nearest training clip +Distance to the nearest training clip over that of the", lines_of(fresh))


def test_copying_looks_at_as_much_as_time_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    from poise.evaluation import speech as evaluate_speech

    monkeypatch.setattr(evaluate_speech, "CELLS", 0.0)
    monkeypatch.setattr(evaluate_speech, "LEAST_PAIRS", 2)
    monkeypatch.setattr(evaluate_speech, "MOST_TRAINED", 5)
    found = section(comparison(trained=trained(0.5, 0.6)))
    assert rows(found)["closer than half"]["made"]["n"] == 2
    assert "Copying looks at 2 of 6 recordings and 5 of 12 training clips, chosen by the seed." in notes(found)


@pytest.mark.parametrize(("package", "name"), [("pesq", "PESQ"), ("pystoi", "STOI")])
def test_a_missing_package_costs_its_own_row_alone(package: str, name: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    found = section(comparison(lambda place: louder(place, 1.1)), "MCD", name)
    assert list(rows(found)) == ["MCD"]
    assert any(note.startswith(f"{name} needs {package}") and "pip install" in note for note in notes(found))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(metric.name for metric in find_metrics(PairedMetric)))
def test_every_member_has_a_row_or_a_reason(name: str) -> None:
    """Or nothing at all, where it does not apply to any of them: their language is not known."""
    found = section(comparison(lambda place: louder(place, 1.1)), name)
    (member,) = find_metrics(PairedMetric, [name])
    left_out = any("is left out" in note for note in notes(found))
    assert bool(found.rows or left_out) == member.applies(Context(MEL, "number 0"))
    assert all(row["title"] and row["better"] in ("low", "high") for row in rows(found).values())


def named(of: Comparison | None, *metrics: str) -> list[str]:
    """The notes of a section for metrics that are named."""
    given = SimpleNamespace(comparison=of)
    found = speech_section(given, EvaluationOptions(metrics=list(metrics)), silent)
    return [] if found is None else notes(found)


def test_a_metric_that_is_named_and_is_not_about_these_clips_says_so() -> None:
    """Not of English ones, or not of pairs; what is not named is not told of."""
    assert "WER is left out: none of the recordings is known to be English and has a text." in named(
        comparison(louder), "WER", "MCD"
    )
    unpaired = "is left out: no clip has a real one that it should be."
    assert named(None, "WER", "MCD") == [f"WER {unpaired}", f"MCD {unpaired}"]
    assert named(None, "KID") == []
    whole = speech_section(SimpleNamespace(comparison=comparison(louder)), EvaluationOptions(), silent)
    assert whole is not None and not any("English" in note for note in notes(whole))
