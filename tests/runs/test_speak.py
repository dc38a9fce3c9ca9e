"""`poise say` and `poise vocode`, on a made-up recipe: what it is given, what is written, what is refused."""

from __future__ import annotations

import io
import json
import re
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

import poise
from poise import registry
from poise.cli import main
from poise.core import Player, Term
from poise.data.speech.speech import Wave, resampled
from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.recipes.common.recipe import RecipeEntry
from poise.record import RunFolder
from poise.specs.spec import all_recipes
from poise.training.checkpoint import save
from poise.training.ema import Ema
from poise.training.precision import Execution

RATE = 8000
FACTS = {"mel": {"rate": RATE}, "data": "d", "fingerprint": "f"}
CALLS: list[Any] = []  # what the made-up recipe was asked for


class Loudness(nn.Module):
    """A generator that is one number."""

    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(0.25))


class One:
    """A game of one player."""

    def __init__(self, module: nn.Module) -> None:
        optim = torch.optim.SGD(module.parameters(), 0.1)
        self.players = [Player("generator", module, optim, [Term("none", lambda _: 0)], after=(Ema(module),))]


def build(data: str, *, steps: int = 3) -> Any:
    """A recipe that is never trained."""


def say(generator: Loudness, facts: dict, text: str, *, voice: str | None, seed: int, speed: float) -> Wave:
    CALLS.append((facts, text, voice, seed, speed))
    samples = np.full(round(len(text) * 1000 / speed), generator.by.item(), np.float32)
    return Wave(samples, facts["mel"]["rate"])


def vocode(generator: Loudness, facts: dict, wave: Wave) -> Wave:
    CALLS.append(wave)
    return Wave(wave.samples * generator.by.item(), wave.rate)


RECIPES = {"speaker": {"say": say}, "copier": {"vocode": vocode}, "mute": {}}


@pytest.fixture(scope="module", autouse=True)
def made_up():
    """Three recipes: one speaks, one vocodes, one does neither."""
    all_recipes()  # the real ones first, as always
    for name, more in RECIPES.items():
        kind = RecipeEntry(
            build, lambda arguments, facts: Loudness(), list, lambda samples, path: "", "speech", (), **more
        )
        registry.register("recipe", name)(kind)
    yield
    for name in RECIPES:
        del registry._TABLES["recipe"][name]


@pytest.fixture(scope="module")
def made(made_up, tmp_path_factory) -> Path:
    """runs/speaker, runs/copier and runs/mute with the checkpoints of steps 1 and 2, whose loudness is 0.25 and 0.5;
    in.flac, a stereo recording at 11,025 Hz; out.wav is not there."""
    folder = tmp_path_factory.mktemp("made")
    for name in RECIPES:
        run = RunFolder(folder / "runs" / name)
        run.path.parent.mkdir(exist_ok=True)
        run.create(RunSpec(name, {"data": "d", "steps": 3}, FACTS))
        for step, loudness in ((1, 0.25), (2, 0.5)):
            module = Loudness()
            nn.init.constant_(module.by, loudness)
            save(run.checkpoints, step, One(module), Execution())
    rng = np.random.default_rng(0)
    soundfile.write(folder / "in.flac", rng.uniform(-0.5, 0.5, (1100, 2)), 11_025)
    (folder / "text.wav").write_text("no sound at all")
    return folder


@pytest.fixture(autouse=True)
def nothing_asked():
    CALLS.clear()


def test_a_recording_may_be_named_by_its_path(made, monkeypatch):
    monkeypatch.chdir(made)
    run = poise.load("runs/copier")
    samples, rate = soundfile.read("in.flac", dtype="float32")
    wanted = run.vocode(Wave(samples.mean(1), rate))
    for path in ("in.flac", made / "in.flac"):
        assert np.array_equal(run.vocode(path).samples, wanted.samples)
    either = "is a Wave or the path of a file, not a int"
    for wrong, said in (("no.wav", "there is no file"), ("text.wav", "cannot be read"), (5, either)):
        with pytest.raises(PoiseError, match=said):
            run.vocode(wrong)


def read(path: str) -> tuple[np.ndarray, int]:
    with wave.open(path) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 2**15, file.getframerate()


def test_say_writes_what_the_recipe_says(place, capsys):
    """The last checkpoint unless told otherwise, and every option reaches the recipe."""
    assert main(["say", "speaker", " Hello \n"]) == 0
    assert capsys.readouterr().out == "out.wav: 0.62 s at 8,000 Hz of speaker\n"
    samples, rate = read("out.wav")
    assert (rate, len(samples)) == (RATE, 5000) and (samples == 0.5).all()
    argv = ["say", "runs/speaker", "hi", "--voice", "B", "-o", "b.wav", "--seed", "7", "--speed", "2", "--step", "1"]
    assert main(argv) == 0
    assert (read("b.wav")[0] == 0.25).all() and len(read("b.wav")[0]) == 1000
    assert CALLS == [(FACTS, "Hello", None, 0, 1.0), (FACTS, "hi", "B", 7, 2.0)]


def test_a_dash_reads_standard_input(place, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("你好 world\n"))
    assert main(["say", "speaker", "-", "--out", "a.wav"]) == 0
    assert CALLS[0][1] == "你好 world"


def test_vocode_gives_the_recipe_one_channel_at_its_rate(place, capsys):
    assert main(["vocode", "copier", "in.flac", "-o", "a.wav"]) == 0
    assert capsys.readouterr().out == "a.wav: 0.10 s at 8,000 Hz of copier\n"
    stereo, rate = soundfile.read("in.flac", dtype="float32")
    (heard,) = CALLS
    wanted = resampled(Wave(stereo.mean(1), rate), RATE)
    assert heard.rate == RATE and np.array_equal(heard.samples, wanted)
    samples, rate = read("a.wav")
    assert rate == RATE and np.abs(samples - wanted / 2).max() <= 2**-16
    assert main(["vocode", "copier", "in.flac", "--step", "1", "--out", "b.wav"]) == 0
    assert np.abs(read("b.wav")[0] - wanted / 4).max() <= 2**-16


def damage(place: Path, **facts: Any) -> None:
    spec = json.loads((place / "runs/copier/spec.json").read_text())
    (place / "runs/copier/spec.json").write_text(json.dumps(spec | {"facts": facts}))


REFUSED = {
    "suffix": (["say", "speaker", "hi", "-o", "x.mp3"], r"--out x\.mp3: name a \.wav file$"),
    "folder": (["vocode", "copier", "in.flac", "-o", "no/x.wav"], r"--out no/x\.wav: there is no folder no; make it"),
    "no text": (["say", "speaker", " \n"], "TEXT is empty: write what is to be said"),
    "seed": (["say", "speaker", "hi", "--seed", "-1"], r"--seed must be at least 0, not -1"),
    "slow": (["say", "speaker", "hi", "--speed", "0"], r"--speed must be from 0\.25 to 4, not 0"),
    "no number": (["say", "speaker", "hi", "--speed", "nan"], r"--speed must be from 0\.25 to 4, not nan"),
    "a word": (["say", "speaker", "hi", "--speed", "fast"], "argument --speed: invalid float value: 'fast'"),
    "cannot speak": (["say", "copier", "hi"], "copier is a run of copier, which cannot speak: name a run of .*speaker"),
    "cannot vocode": (["vocode", "mute", "in.flac"], "mute is a run of mute, which cannot vocode: name a run .*copier"),
    "no run": (["say", "nobody", "hi"], "there is no run 'nobody' in runs"),
    "no step": (["say", "speaker", "hi", "--step", "9"], r"keeps no checkpoint of step 9; it has 1, 2"),
    "no recording": (["vocode", "copier", "none.wav"], r"there is no file none\.wav: name a recording"),
    "no sound": (["vocode", "copier", "text.wav"], r"text\.wav cannot be read \(.+\): give a sound file"),
    "itself": (["vocode", "copier", "text.wav", "-o", "text.wav"], r"--out text\.wav is the recording itself"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("argv", "match"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_told_before_any_work(place, capsys, argv, match):
    """One sentence, exit code 2, nothing written and the recipe not asked."""
    before = sorted(place.rglob("*"))
    assert main(argv) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    assert re.search(match, error.strip())
    assert sorted(place.rglob("*")) == before and not CALLS


def test_a_run_that_does_not_say_its_rate_is_damaged(place, capsys):
    damage(place)
    assert main(["vocode", "copier", "in.flac"]) == 2
    assert "spec.json does not say at which rate the run hears: it is damaged" in capsys.readouterr().err


def test_without_a_recipe_that_speaks_nothing_is_promised(place, capsys, monkeypatch):
    table = registry._TABLES["recipe"]
    monkeypatch.setitem(registry.HOMES, "recipe", ())
    monkeypatch.setitem(registry._TABLES, "recipe", {name: kind for name, kind in table.items() if not kind.say})
    assert main(["say", "mute", "hi"]) == 2
    assert "mute is a run of mute, which cannot speak: no recipe can yet" in capsys.readouterr().err


def test_a_sound_that_is_not_finite_is_not_written(place, capsys, monkeypatch):
    broken = lambda *_, **__: Wave(np.array([0, np.nan], np.float32), RATE)  # noqa: E731
    kind = RecipeEntry(
        build, lambda arguments, facts: Loudness(), list, lambda samples, path: "", "speech", (), say=broken
    )
    monkeypatch.setitem(registry._TABLES["recipe"], "speaker", kind)
    assert main(["say", "speaker", "hi"]) == 2
    assert "out.wav was not written: 1 of 2 samples are not finite" in capsys.readouterr().err
    assert not Path("out.wav").exists()


def test_standard_input_that_is_no_text(place, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\xfa"), "utf-8"))
    assert main(["say", "speaker", "-"]) == 2
    assert "standard input is not text in utf-8" in capsys.readouterr().err
