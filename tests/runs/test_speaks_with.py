"""A run that speaks with a finished vocoder goes on whatever became of that, and by whichever name it was called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from poise.cli import main
from poise.record import RunFolder
from poise.runs.run import Interrupted, Stop, run
from tests.evaluation.voices import speech_spec, vocoder_spec
from tests.runs.conftest import Stopping, assert_same, state

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unseen")]


@pytest.fixture
def place(syllables, tmp_path, monkeypatch):
    """The current folder, with a finished vocoder in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", "runs")
    run(vocoder_spec(syllables), "runs/lent")
    return tmp_path


@pytest.mark.parametrize("name", ["last", "lent", "runs/lent"])
@pytest.mark.parametrize("gone", [False, True])
def test_it_goes_on_where_it_was_stopped(name: str, gone: bool, place: Path, syllables: str) -> None:
    """It knows of the vocoder what it has written down; "last" would be the run itself by then."""
    run(speech_spec(syllables, speak_with="runs/lent"), "whole")
    shutil.move("whole", "elsewhere")  # so that the vocoder is the last run
    stop = Stop()
    with pytest.raises(Interrupted):
        run(speech_spec(syllables, speak_with=name), "runs/stopped", Stopping(5, stop), stop)
    if gone:
        shutil.rmtree("runs/lent")
    assert main(["resume", "runs/stopped", "--quiet"]) == 0
    assert_same(state(Path("elsewhere")), state(Path("runs/stopped")))
    assert RunFolder(Path("runs/stopped")).spec().arguments["speak_with"] == "runs/lent"
    if not gone:  # the same command once more finds it done, by any name but "last"
        run(speech_spec(syllables, speak_with="lent"), "runs/stopped")
    assert main(["say", "runs/stopped", "ma1", "--out", "said.wav"]) == 0
