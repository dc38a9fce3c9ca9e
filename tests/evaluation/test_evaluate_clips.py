"""`poise evaluate` of folders of clips and of runs of speech, through the command line."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from poise.cli import main
from poise.data.speech.speech import Wave
from poise.runs.run import run
from tests.evaluation.evaluations import refused, said, stubs  # noqa: F401  (stubs is a fixture for all)
from tests.evaluation.speech_clips import RATE, clip, rows

# Two folders.


def folder(name: str, waves: dict[str, Wave]) -> str:
    for file, wave in waves.items():
        Path(name, file).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(Path(name, file), wave.samples, wave.rate)
    return name


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", "runs")
    monkeypatch.setenv("POISE_CACHE", str(tmp_path / ".cache"))
    return tmp_path


def clips(n: int, by: float = 1.0) -> list[Wave]:
    return [Wave(np.float32(by) * clip(i % 12, 0.1 + i / n).samples, RATE) for i in range(n)]


FEW = "--metrics=KID,MCD"


@pytest.mark.slow
def test_clips_of_equal_names_are_compared_one_by_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the suffix; voices come from a metadata.csv of the real ones."""
    made = folder("made", {f"v/{i:02}.wav": wave for i, wave in enumerate(clips(24))})
    real = folder("real", {f"v/{i:02}.flac": wave for i, wave in enumerate([*clips(24), *clips(6, 0.5)])})
    table = "".join(f"v/{i:02}|it is {i}|{'AB'[i % 2]}\n" for i in range(30))
    Path(real, "metadata.csv").write_text("file|text|voice\n" + table)
    text = said(capsys, made, "--against", real, FEW)
    assert "Recording by recording, 24 clips of the same names:" in text and "By Stub" in text
    assert "Clips are compared by their names, at 16,000 Hz with 80 mel bands" in text
    report = json.loads(Path("report.json").read_text())
    (found,) = report["sections"]
    assert rows(found)["MCD"]["made"]["value"] < 0.2 and rows(found)["MCD"]["made"]["n"] == 24
    text = said(capsys, made, "--against", real, "-n", "9", "--metrics=MCD")
    assert "Recording by recording, 9 clips" in text and "By Stub" not in text
    (found,) = json.loads(Path("report.json").read_text())["sections"]
    assert rows(found)["MCD"]["made"]["value"] < 0.2, "each beside its own"
    again = Path("report.json").read_bytes()
    said(capsys, made, "--against", real, "-n", "9", "--metrics=MCD")
    assert Path("report.json").read_bytes() == again


@pytest.mark.slow
def test_clips_without_namesakes_are_compared_as_sets(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = folder("made", {f"{i:02}.wav": wave for i, wave in enumerate(clips(24))})
    other = folder("other", {f"x{i:02}.wav": wave for i, wave in enumerate(clips(24, 0.5))})
    text = said(capsys, made, "--against", other, FEW)
    assert "Recording by recording" not in text and "namesake" not in text
    some = folder("some", {f"{i:02}.wav": wave for i, wave in enumerate(clips(22, 0.5))})
    text = said(capsys, made, "--against", some, FEW)
    assert "22 of 24 clips of made have a namesake in some: they are compared one by one only where all have" in text
    twice = folder("twice", {f"{i:02}.{s}": w for i, w in enumerate(clips(24, 0.5)) for s in ("wav", "flac")})
    assert "Recording by recording" not in said(capsys, made, "--against", twice, FEW)


@pytest.mark.slow
def test_a_table_of_texts_that_is_damaged_is_told_and_no_trouble(here: Path, capsys: pytest.CaptureFixture) -> None:
    made = folder("made", {f"{i:02}.wav": wave for i, wave in enumerate(clips(24))})
    real = folder("real", {f"{i:02}.wav": wave for i, wave in enumerate(clips(24, 0.9))})
    Path(real, "metadata.csv").write_text("nobody|hello\n")
    text = said(capsys, made, "--against", real, "--metrics=MCD", "--language=en")
    assert "What is said in real is not known: real/metadata.csv: 1 of 1 lines cannot be used" in text
    assert "line 1 (names 'nobody'" in text


def test_metrics_and_languages_of_clips_want_clips(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.txt").write_text("one\ntwo\n" * 30)
    Path("b.txt").write_text("three\nfour\n" * 30)
    args = ("a.txt", "--against", "b.txt")
    assert "MCD is for clips and a.txt holds sentences: leave it out of --metrics" in refused(
        capsys, *args, "--metrics=MCD"
    )
    assert "--language en is for clips of speech and a.txt holds sentences" in refused(capsys, *args, "--language=en")
    assert "there is no metric called 'MCDD'; did you mean 'MCD'?" in refused(capsys, *args, "--metrics=MCDD")


# Runs.

TINY = {
    "rate": RATE, "window": 256, "hop": 64, "bands": 30, "segment": 1024, "batch": 4, "warm_steps": 1, "steps": 1,
    "scores": 0, "heldout": 0.4, "trim": False, "threads": 1, "precision": "fp32", "device": "cpu", "log_every": 1,
}  # fmt: skip
NET, CRITIC = {"width": 8, "depth": 1}, {"width": 2}
SYLLABLES = [f"{base}{tone}" for base in ("ma", "ba", "da", "la", "pa", "ta", "na", "fa") for tone in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """voices/{A,B}/SYLLABLE.wav, and the runs "copies" of a vocoder and "says" of speech, hardly trained."""
    at = tmp_path_factory.mktemp("made")
    with contextlib.chdir(at), pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISE_CACHE", str(at / ".cache"))
        tones = {str(tone): slope for tone, slope in enumerate((0.0, 0.6, -0.3, -0.9), 1)}
        folder("voices", {
            f"{voice}/{name}.wav": clip(i // 4, tones[name[-1]], "AB".index(voice))
            for voice in "AB" for i, name in enumerate(SYLLABLES)
        })  # fmt: skip
        own = {"data": "voices", "labels": "{voice}/{text}", **TINY}
        players = {"generator": NET, "discriminator": CRITIC}
        run({"recipe": "vocoder", "arguments": {**own, **players}}, "runs/copies")
        both = {**players, "vocoder": NET, "vocoder_discriminator": CRITIC}
        steps = {"vocoder_warm_steps": 1, "vocoder_steps": 1}
        run({"recipe": "speech", "arguments": {**own, **both, **steps}}, "runs/says")
    return at


@pytest.fixture
def runs(made: Path, here: Path) -> Path:
    for name in ("voices", "runs", ".cache"):
        shutil.copytree(made / name, here / name)
    return here


@pytest.mark.slow
def test_a_vocoder_is_told_beside_griffin_lim(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "copies", "--metrics=KID,log-mel L1,MCD")
    assert re.search(r"copies \(step-00000002\): (\d+) clips against \1 real ones of voices \(held-out part\)", text)
    assert re.search(r"METRIC +VALUE \[95 % interval\] +N +GRIFFIN-LIM +BETTER", text)
    assert re.search(r"log-mel L1 .*\] ahead +lower", text), "nothing is trained"
    assert "score better without sounding better: these numbers alone prove nothing about how anything" in text
    report = json.loads(Path("runs/copies/report.json").read_text())
    by = report["evaluations"][0]["by"]["speech"]["log-mel L1"]
    assert by["beside"]["Griffin-Lim"]["value"] < by["made"]["value"] and by["perfect"] is None
    assert "Recording by recording, 5 copies" in said(capsys, "copies", "-n", "5", "--metrics=MCD")


@pytest.mark.slow
def test_speech_is_told_beside_training_clips_that_could_be_played(runs: Path, capsys: pytest.CaptureFixture) -> None:
    text = said(capsys, "says", "--metrics=MCD,tone contour,copying")
    assert re.search(r"METRIC +VALUE \[95 % interval\] +N +OTHER TONE +NEAREST LABEL +BETTER", text)
    assert re.search(r"Recording by recording, \d+ texts said:", text)
    (found,) = json.loads(Path("runs/says/evaluation-step-00000004.json").read_text())["sections"]
    assert rows(found)["MCD"]["difference"]["nearest label"]["low"] > 0, "nothing is trained"
    assert rows(found)["tone contour"]["beside"]["nearest label"]["n"] > 10
    assert rows(found)["closer than half"]["made"]["value"] == 0
    assert {"nearest training clip", "training clip of the real one", "MCD"} <= set(rows(found))


@pytest.mark.slow
def test_samples_for_all_texts_and_voices(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "says", "-n", "3", "--voice", "B"]) == 0
    assert "samples: 3 clips and index.html, drawn by says" in capsys.readouterr().out
    texts = json.loads(Path("samples/texts.json").read_text())
    assert len(texts) == 3 and all(text.endswith("(B)") for text in texts)
    assert main(["sample", "copies", "-n", "3", "--voice", "B"]) == 2
    assert "--voice does nothing for copies, a run of vocoder" in capsys.readouterr().err
    assert main(["sample", "says", "--voice", "C"]) == 2
    assert "--voice C is unknown" in capsys.readouterr().err


@pytest.mark.slow
def test_recordings_that_changed_are_not_compared(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With real data from elsewhere a run of speech can be scored all the same: it remembers its texts."""
    for name in ("copies", "says"):  # of which the data came along
        path = runs / f"runs/{name}/spec.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "data_path": str(runs / "voices")}))
    (runs / "voices/A/ma1.wav").unlink()
    for name in ("copies", "says"):
        assert "voices have changed since the run: put the old ones back" in refused(capsys, name)
    folder("real", {f"{i:02}.wav": wave for i, wave in enumerate(clips(24, 0.5))})
    text = said(capsys, "says", "--against", "real", "-n", "8", "--metrics=KID")
    assert "Recordings are not compared one by one: the recordings in " in text
    assert "Recording by recording" not in text


@pytest.mark.slow
def test_a_run_that_does_not_say_its_recordings_is_damaged(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = runs / "runs/copies/spec.json"
    spec = json.loads(path.read_text())
    del spec["facts"]["recordings"]
    path.write_text(json.dumps(spec))
    assert "spec.json does not say what was trained (its facts lack 'recordings')" in refused(capsys, "copies")


@pytest.mark.slow
def test_without_held_out_recordings_real_ones_have_to_be_given(
    made: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = json.loads((runs / "runs/copies/spec.json").read_text())["arguments"]
    run({"recipe": "vocoder", "arguments": {**arguments, "heldout": 0.0}}, "runs/all")
    assert "runs/all was trained without held-out data (--heldout 0): give some real data with --against" in refused(
        capsys, "all"
    )
    folder("real", {f"{i:02}.wav": wave for i, wave in enumerate(clips(24, 0.5))})
    text = said(capsys, "all", "--against", "real", "-n", "8", "--metrics=MCD")
    assert "Recording by recording, 8 copies of recordings that were trained on:" in text
    assert "Nothing is held out, so the recordings are those that were trained on" in text
