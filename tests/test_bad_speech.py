"""Bad input of speech: one clear sentence that names the value and what to do, exit code 2, nothing half-written.

In the style of `test_bad_text`: each case prepares a folder and returns the words of a command line.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from poise.cli import main
from tests.evaluation.voices import RATE, write_sentences, write_syllables
from tests.refusals import refusal

COMMON = {"rate": RATE, "window": 64, "hop": 16, "bands": 8, "segment": 320, "batch": 4, "heldout": 0.3, "log-every": 2,
          "checkpoint-every": 2, "sample-every": 99, "scores": 0, "threads": 1, "device": "cpu", "warm-steps": 1,
          "steps": 1}  # fmt: skip
SMALL = {"generator.width": 4, "generator.depth": 1, "discriminator.width": 2}
VOCODER = {**COMMON, **SMALL}
SPEECH = {**COMMON, **SMALL, "vocoder.width": 4, "vocoder.depth": 1, "vocoder-discriminator.width": 2,
          "vocoder-warm-steps": 1, "vocoder-steps": 1}  # fmt: skip
LABELS = "--labels={voice}/{text}"

Prepare = Callable[[Path], list[str]]


def command(recipe: str, options: dict[str, object], data: str, *words: str) -> list[str]:
    """A small training command; later words win."""
    return ["train", recipe, data, *(f"--{name}={value}" for name, value in options.items()), *words]


def vocoder(*words: str, data: str = "syllables") -> list[str]:
    return command("vocoder", VOCODER, data, *words)


def speech(*words: str, data: str = "syllables") -> list[str]:
    return command("speech", SPEECH, data, LABELS, *words)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """syllables/ and sentences/, silent/ (recordings without texts) and pictures/."""
    folder = tmp_path_factory.mktemp("made")
    write_syllables(folder / "syllables")
    write_sentences(folder / "sentences", 12)
    (folder / "silent").mkdir()
    for i in range(6):
        shutil.copy(folder / "sentences" / f"{i:02d}.wav", folder / "silent" / f"{i}.wav")
    (folder / "pictures").mkdir()
    np.save(folder / "pictures" / "x.npy", np.zeros((8, 16, 16), np.uint8))
    return folder


@pytest.fixture(scope="module")
def ran(made) -> Path:
    """Runs of a vocoder and of speech on syllables/, in a folder beside it."""
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(made):
        patch.setattr("poise.recipes.vocoder.sounds.show", lambda rows, mel, stem, page: stem)
        assert main(vocoder("--out", "../ran/vocoder", "--quiet")) == 0
        assert main(speech("--out", "../ran/speech", "--quiet")) == 0
    return made.parent / "ran"


@pytest.fixture
def runs(ran, place) -> Path:
    """The current folder with those runs in it."""
    shutil.copytree(ran, place / "runs")
    return place


# What a case prepares.


def v(*words: str) -> Prepare:
    """Training a vocoder on good data with a bad flag."""
    return lambda here: vocoder(*words)


def t(*words: str, data: str = "syllables") -> Prepare:
    """The same of speech."""
    return lambda here: speech(*words, data=data)


def words(*argv: str) -> Prepare:
    return lambda here: list(argv)


def texts(*rows: str, more: tuple[str, ...] = ()) -> Prepare:
    """Recordings whose metadata.csv has these texts, in order."""

    def prepare(here: Path) -> list[str]:
        lines = ["file|text", *(f"{i}|{text}" for i, text in enumerate(rows))]
        (here / "silent" / "metadata.csv").write_text("".join(f"{line}\n" for line in lines))
        return command("speech", SPEECH, "silent", *more)

    return prepare


def spoilt(run: str, *argv: str, done: bool = True, **facts: object) -> Prepare:
    """A run whose spec.json has other facts, none where the value is None, or that is not done."""

    def prepare(here: Path) -> list[str]:
        path = here / "runs" / run / "spec.json"
        spec = json.loads(path.read_text())
        gone = {key for key, value in facts.items() if value is None}
        path.write_text(
            json.dumps({**spec, "facts": {k: x for k, x in (spec["facts"] | facts).items() if k not in gone}})
        )
        if not done:
            (here / "runs" / run / "DONE").unlink()
        return list(argv)

    return prepare


def changed(here: Path) -> list[str]:
    """One more recording since the run, whose data came along with it."""
    path = here / "runs/vocoder/spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "data_path": str(here / "syllables")}))
    shutil.copy(next((here / "syllables/low").glob("*.wav")), here / "syllables/low/mo1.wav")
    return ["sample", "vocoder", "--out", "more"]


def damaged_sound(here: Path) -> list[str]:
    for path in (here / "silent").glob("*.wav"):
        path.write_bytes(b"RIFF and nothing else")
    return command("vocoder", VOCODER, "silent")


def quiet(here: Path) -> list[str]:
    for path in (here / "silent").glob("*.wav"):
        soundfile.write(path, np.zeros(4000), RATE)
    return command("vocoder", VOCODER, "silent")


def occupied(here: Path) -> list[str]:
    (here / "full").mkdir()
    (here / "full" / "letter.txt").write_text("dear")
    return ["sample", "speech", "--out", "full", "-n", "2"]


DATA = [
    ("no such folder", lambda here: vocoder(data="nowhere"), r"nowhere"),
    ("a folder of pictures", lambda here: vocoder(data="pictures"), r"pictures holds no sound files .*give a folder"),
    ("a file of pictures", lambda here: vocoder(data="pictures/x.npy"), r"x\.npy holds no recordings: give a folder"),
    ("speech of pictures", lambda here: speech(data="pictures"), r"pictures holds no sound files"),
    ("damaged sounds", damaged_sound, r"silent: none of 6 sound files can be used, the first being 0\.wav"),
    ("silence", quiet, r"silent: none of 6 sound files can be used, .*it is silent"),
    ("no texts", lambda here: command("speech", SPEECH, "silent"), r"silent has no texts.*metadata\.csv.*--labels"),
    ("labels that match nothing", lambda here: speech("--labels", "{voice}-{text}"), r"--labels \{voice\}-\{text\} m"),
    ("labels of no field", lambda here: speech("--labels", "{words}"), r"--labels \{words\}: there is no field"),
    ("texts of no file", texts(*"abcdefghijklm"), r"7 of 13 lines cannot be used, line 8 \(names '6', .*no sound file"),
    ("an empty text each", texts(*[""] * 6), r"silent has no texts"),
    ("signs alone", texts(*["?!", "..."] * 3, more=("--units", "syllables")), r"silent: no recording is left"),
    ("long recordings alone", v("--longest", "0.15"), r"none of 24 sound files can be used, .*longer than 0\.15 s"),
    ("too few", v("--heldout", "0.99"), r"none of 24 clips is left to train on at --heldout 0\.99"),
    ("more units than frames", lambda here: command("speech", SPEECH, "sentences", "--window=1024", "--hop=512",
     "--segment=4096", "--bands=20"), r"sentences: no recording is left to train on"),
]  # fmt: skip

ARGUMENTS = [
    ("rate", v("--rate", "1000"), r"--rate 1000: give 4,000 to 96,000 samples a second"),
    ("odd window", v("--window", "63"), r"--window 63: give an even number of samples"),
    ("hop beyond the window", v("--hop", "48"), r"--hop 48: .*even hop from 8 to 32, such as 16"),
    ("hop 0", t("--hop", "0"), r"--hop 0: .*even hop from 8"),
    ("bands 2", v("--bands", "2"), r"--bands 2: give at least 4"),
    ("too many bands", v("--bands", "80"), r"--bands 80: \d+ of the mel bands .*fewer --bands or a longer --window"),
    ("low above high", v("--low", "3000", "--high", "2000"), r"--low 3000 and --high 2000: .*half of --rate 8000"),
    ("high above the half", t("--high", "5000"), r"--high 5000: .*half of --rate 8000, which is 4000"),
    ("segment of no frames", v("--segment", "330"), r"--segment 330 is no whole number of frames .*give 320 or 336"),
    ("short segment", v("--segment", "64"), r"--segment 64 is shorter than the longest stretch .*at least 320"),
    ("short segment of speech", t("--segment", "64"), r"--segment 64 is shorter"),
    ("segment 0", v("--segment", "0"), r"--segment must be at least 1, not 0"),
    ("steps 0", v("--steps", "0"), r"--steps must be at least 1, not 0"),
    ("warm steps 0", t("--warm-steps", "0"), r"--warm-steps must be at least 1, not 0"),
    ("vocoder steps 0", t("--vocoder-steps", "0"), r"--vocoder-steps must be at least 1, not 0"),
    ("vocoder warm steps 0", t("--vocoder-warm-steps", "0"), r"--vocoder-warm-steps must be at least 1, not 0"),
    ("joint steps below 0", t("--joint-steps", "-1"), r"--joint-steps must be at least 0, not -1"),
    ("batch 0", v("--batch", "0"), r"--batch must be at least 1, not 0"),
    ("batch beyond the segments", v("--batch", "5000"), r"--batch 5000 is not possible with the \d+ segments .* 1 to"),
    ("batch beyond the recordings", t("--batch", "50"), r"--batch 50 is not possible with the \d+ recordings .* 1 to"),
    ("seed", v("--seed", "-1"), r"--seed must be at least 0"),
    ("ema 1", t("--ema", "1"), r"--ema must be at least 0 and below 1, not 1"),
    ("loudness", v("--loudness", "3"), r"--loudness 3 is not possible: give dB from -60 to -3"),
    ("heldout 1", t("--heldout", "1"), r"--heldout 1 is not possible: give a share from 0 to below 1"),
    ("share 0", v("--share", "0"), r"--share 0 is not possible"),
    ("network", v("--network", "hifigann"), r"no vocoder called 'hifigann'; did you mean 'hifigan'\?"),
    ("hop of hifigan", v("--network", "hifigan", "--hop", "22", "--segment", "330"), r"--hop 22: hifigan .* 11 is no"),
    ("critic", v("--critic", "periods"), r"no wave critic called 'periods'; did you mean 'period'\?"),
    ("critic of speech", t("--critic", "both"), r"no mel critic called 'both'"),
    ("vocoder's critic", t("--vocoder-critic", "bot"), r"no wave critic called 'bot'; did you mean 'both'\?"),
    ("loss", t("--loss", "hinges"), r"no loss called 'hinges'; did you mean 'hinge'\?"),
    ("norm", v("--generator.norm", "batch"), r"--generator\.norm must be one of none, weight, spectral, not batch"),
    ("no losses", v("--mel", "0", "--stft", "0"), r"--mel 0 and --stft 0 leave the spectral stage nothing"),
    ("no losses of speech", t("--mel", "0", "--stft", "0"), r"--mel 0 and --stft 0 leave the spectral stage nothing"),
    ("mel below 0", v("--mel", "-1"), r"--mel must be .*not -1"),
    ("schedule of nothing", t("--stft", "cosine:1"), r"--stft.*cosine"),
    ("width 0", v("--generator.width", "0"), r"--generator\.width must be at least 1, not 0"),
    ("noise 0", t("--generator.noise", "0"), r"--generator\.noise must be at least 1, not 0"),
    ("width of its critic", t("--vocoder-discriminator.width", "0"), r"--vocoder-discriminator\.width must be at l"),
    ("rate of the vocoder", t("--vocoder.lr", "-1"), r"--vocoder\.lr must be .*not -1"),
    ("clip of its critic", t("--vocoder-discriminator.clip", "0"), r"--vocoder-discriminator\.clip must be above 0"),
    ("L2 below 0", t("--l2-vocoder-discriminator", "-1"), r"--l2-vocoder-discriminator must .*at least 0, not -1"),
    ("AR on the vocoder", t("--vocoder.penalties+=AR"), r"--vocoder\.penalties\+=AR: .*leave it out"),
    ("decay under weight norm", v("--generator.norm", "weight", "--generator.penalties+=WeightDecay"), r"use L2"),
    ("units", t("--units", "words"), r"--units must be one of auto, syllables, characters, phonemes, not words"),
    ("units that they are not", lambda here: command("speech", SPEECH, "sentences", "--units", "syllables"),
     r"--units syllables: what is said in \d+\.wav: '.*' is no syllable of Mandarin"),
    ("durations", t("--durations", "guess"), r"--durations must be one of auto, frames, alignment, not guess"),
    ("voice", v(LABELS, "--voice", "lo"), r"--voice lo: syllables has no such voice; did you mean 'low'\?; it has:"),
    ("voice where none is named", v("--voice", "low"), r"--voice low: nothing in syllables names voices"),
    ("patience without held-out", v("--heldout", "0", "--scores", "4", "--patience", "2"), r"--patience goes by score"),
    ("misspelt", t("--vocodersteps", "3"), r"'?--vocodersteps'?; did you mean '--vocoder-steps'\?"),
    ("nobody to speak with", t("--speak-with", "nobody"), r"there is no run 'nobody' in runs"),
    ("speaking with speech", t("--speak-with", "speech"), r"--speak-with runs/speech is a run of speech: name one"),
    ("speaking with another mel", t("--speak-with", "vocoder", "--low", "50"), r"with --low 0, and this run has 50"),
    ("speaking with another rate", t("--speak-with", "vocoder", "--rate", "16000"), r"with --rate 8000, and .* 16000"),
    ("speaking with the unfinished", spoilt("vocoder", *speech("--speak-with", "vocoder"), done=False),
     r"--speak-with runs/vocoder is not finished: go on with poise resume runs/vocoder"),
    ("speaking with the damaged", spoilt("vocoder", *speech("--speak-with", "vocoder"), mel=None),
     r"--speak-with runs/vocoder: .*spec\.json does not say what was trained \(KeyError: 'mel'\), so it is damaged"),
    ("joint with a finished one", t("--speak-with", "vocoder", "--joint-steps", "2"),
     r"--joint-steps 2 trains the vocoder too, and --speak-with runs/vocoder has a finished one"),
]  # fmt: skip

USE = [
    ("say what was never heard", words("say", "speech", "zhong1"), r"'zh-' was never heard in training"),
    ("say a tone never heard", words("say", "speech", "ma4"), r"tone '4' was never heard in training; known: 1, 2"),
    ("say a word", words("say", "speech", "hello"), r"'hello' is no syllable of Mandarin"),
    ("say nothing", words("say", "speech", " "), r"TEXT is empty: write what is to be said"),
    ("say signs", words("say", "speech", "?!"), r"there is nothing to say in '\?!': give syllables"),
    ("say in no voice", words("say", "speech", "ma1", "--voice", "hi"), r"--voice hi is unknown.* 'high'\?; this run"),
    ("say into nowhere", words("say", "speech", "ma1", "--out", "no/x.wav"), r"--out no/x\.wav: there is no folder no"),
    ("say into a picture", words("say", "speech", "ma1", "--out", "x.png"), r"--out x\.png: name a \.wav file"),
    ("a vocoder cannot say", words("say", "vocoder", "ma1"), r"vocoder is a run of vocoder, which cannot speak: name"),
    ("vocode nothing", words("vocode", "vocoder", "x.wav"), r"there is no file x\.wav"),
    ("vocode before it is trained", words("vocode", "speech", "silent/0.wav", "--step", "2"),
     r"the vocoder of this run was not trained yet at this step: go on with poise resume"),
    ("samples into a picture", words("sample", "speech", "--out", "x.png"), r"--out x\.png: name a \.wav file for one"),
    ("many samples into a file", words("sample", "speech", "-n", "2", "--out", "x.wav"), r"x\.wav holds one sample"),
    ("samples among other things", occupied, r"full holds something else, letter\.txt: empty it or choose"),
    ("no samples", words("sample", "vocoder", "-n", "0"), r"-n must be at least 1, not 0"),
    ("temperature of speech", words("sample", "speech", "--temperature", "2"), r"--temperature does nothing for sp"),
    ("label of a vocoder", words("sample", "vocoder", "--label", "a"), r"--label does nothing for vocoder"),
    ("samples of other recordings", changed, r"the recordings in .*syllables have changed since the run: put"),
    ("units missing", spoilt("speech", "sample", "speech", "--out", "m", units=None), r"spec\.json .*'units'.*damaged"),
    ("mel missing", spoilt("vocoder", "sample", "vocoder", "--out", "m", mel=None), r"spec\.json .*'mel'.*damaged"),
    ("other units", spoilt("speech", "sample", "speech", "--out", "m",
                           units={"kind": "syllables", "phones": ["a"], "tones": ["1"]}), r"do not fit this network"),
    ("no such step", words("sample", "speech", "--step", "77", "--out", "m"), r"keeps no checkpoint of step 77"),
]  # fmt: skip

CASES = [(f"{group}: {case[0]}", *case[1:]) for group, table in (
    ("data", DATA), ("arguments", ARGUMENTS), ("use", USE)
) for case in table]  # fmt: skip


FAST = {"data: no texts", "arguments: short segment", "arguments: units that they are not"}  # others go the same ways


@pytest.mark.parametrize(
    ("prepare", "match"),
    [pytest.param(*c[1:], id=c[0], marks=() if c[0] in FAST else pytest.mark.slow) for c in CASES],
)
def test_bad_input_gets_one_sentence(place, capsys, request, prepare, match):
    """Exit code 2, one line on stderr that names what is wrong, and every byte of the folder as it was."""
    if not any(prepare is case[1] for case in CASES if case[0] in FAST):
        request.getfixturevalue("runs")
    assert re.search(match, refusal(place, capsys, prepare(place)))


def test_no_case_is_there_twice():
    assert len({case[0] for case in CASES}) == len(CASES)
    assert {case[0] for case in CASES} >= FAST


@pytest.mark.slow
def test_good_input_of_the_same_kind_works(runs):
    """What the table spoils is fine by itself."""
    assert main(["say", "speech", "ma1 ni2!", "--voice", "high", "--out", "a.wav"]) == 0
    assert main(["vocode", "speech", "silent/0.wav", "--out", "b.wav"]) == 0
    assert main(["sample", "speech", "-n", "1", "--voice", "low", "--out", "c.wav"]) == 0
    assert main(["sample", "vocoder", "-n", "2", "--out", "d"]) == 0
    assert {"a.wav", "b.wav", "c.wav", "d"} <= {path.name for path in runs.iterdir()}


@pytest.mark.slow
def test_syllables_can_be_aligned_and_a_vocoder_borrowed(runs, monkeypatch):
    """Texts of one syllable are two units in alignment; --speak-with takes any way to name a run."""
    monkeypatch.setattr("poise.recipes.vocoder.sounds.show", lambda rows, mel, stem, page: stem)
    assert main(speech("--durations", "alignment", "--out", "runs/a", "--quiet")) == 0
    assert main(["say", "a", "ma1 ni2", "--out", "a.wav"]) == 0
    assert main(speech("--speak-with", "runs/vocoder", "--out", "runs/b", "--quiet")) == 0
    shutil.rmtree(runs / "runs" / "vocoder")
    assert main(["say", "b", "ma1", "--out", "b.wav"]) == 0, "a finished run needs no other"
