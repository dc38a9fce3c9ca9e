"""Bad input gets one clear sentence that names the file, the value and what to do; exit code 2; nothing half-written.

Each case prepares a folder and returns the words of a command line. The command runs in this process, and the test
compares the whole folder, names and bytes, before and after. Runs that are damaged or unknown: test_bad_runs.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from tests.bad_data import DATA, config
from tests.refusals import flags, pictures_and_a_run, refusal, told, train, words


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return pictures_and_a_run(tmp_path_factory.mktemp("made"))


def foreign_folder(here: Path) -> list[str]:
    (here / "mine").mkdir()
    (here / "mine/thesis.tex").write_text("dear")
    return train("--out", "mine")


D, G = "--discriminator.penalties", "--generator.penalties"

ARGUMENTS = [
    ("unknown way to act", flags("--on-divergence", "rolback"), r"--on-divergence must be one of stop, rollback"),
    ("rollbacks of none", flags("--rollbacks", "0"), r"--rollbacks must be at least 1, not 0"),
    ("rollbacks in words", flags("--rollbacks", "many"), r"--rollbacks must be a whole number, not many"),
    ("patience of none", flags("--patience", "0", "--scores", "4"), r"--patience must be at least 1, not 0"),
    ("patience without scores", flags("--patience", "3"), r"--patience 3 never ends .* scored 0 times: raise --scores"),
    ("λ negative", flags("--l2-generator", "-1"), r"--l2-generator must .*at least 0, not -1\.0"),
    ("λ NaN", flags("--l2-generator", "nan"), r"--l2-generator must .*finite.*, not nan"),
    ("λ infinite", flags("--l2-discriminator", "inf"), r"--l2-discriminator must .*finite.*, not inf"),
    ("λ beyond single precision", flags("--l2-generator", "1e39"), r"--l2-generator must be at most 3e\+38, .*1e\+39"),
    ("λ in words", flags("--l2-generator", "little"), r"--l2-generator must .*cosine:1e-3:1e-5, not 'little'"),
    ("λ of no player", flags("--l2", "1"), r"unknown option --l2: here that is --l2-generator and --l2-discriminator"),
    ("flag not whole", flags("--step", "3"), r"option --step; did you mean '--steps'\?"),
    ("schedule unknown", flags("--l2-generator", "cosin:1:2"), r"--l2-generator.*'cosin'.*did you mean 'cosine'\?"),
    ("schedule unlike any", flags("--l2-generator", "zzz:1:2"), r"'zzz' is no schedule\. Known: linear"),
    ("schedule too short", flags("--l2-generator", "cosine:1"), r"--l2-generator cosine:1: .*cosine:START:END:STEPS"),
    ("schedule too long", flags("--l2-generator", "warmup:1:2:3:4"), r"warmup:END:STEPS"),
    ("schedule through zero", flags("--l2-generator", "exponential:1:0"), r"--l2-generator exponential:1:0: .*above 0"),
    ("rate through zero", flags("--generator.lr", "exponential:1:0"), r"--generator\.lr exponential:1:0: .*above 0"),
    ("schedule of no steps", flags("--l2-generator", "linear:1:2:0"), r"--l2-generator linear:1:2:0: .*at least 1"),
    ("lr zero", flags("--generator.lr", "0"), r"--generator\.lr must be .*above 0, not 0"),
    ("lr NaN", flags("--generator.lr", "nan"), r"--generator\.lr must be a finite number of at least 0, not nan"),
    ("lr NaN for YAML", flags("--generator.lr", ".nan"), r"--generator\.lr must be .*not nan"),
    (
        "lr in words",
        flags("--discriminator.lr", "fast"),
        r"--discriminator\.lr must be a number or a schedule .*, not 'fast'",
    ),
    ("clip negative", flags("--generator.clip", "-1"), r"--generator\.clip must be above 0, not -1"),
    ("turns zero", flags("--discriminator.turns", "0"), r"--discriminator\.turns must be at least 1, not 0"),
    ("batch zero", flags("--batch", "0"), r"--batch must be at least 1, not 0"),
    ("batch beyond the data", flags("--batch", "999"), r"--batch 999 .*3\d pictures.*give a batch from 1 to 3\d"),
    ("batch in floats", flags("--batch", "8.5"), r"--batch must be a whole number, not 8\.5"),
    ("micro-batches zero", flags("--micro-batches", "0"), r"--micro-batches must be at least 1, not 0"),
    ("steps zero", flags("--steps", "0"), r"--steps must be at least 1, not 0"),
    ("steps without value", flags("--steps"), r"--steps needs a value"),
    ("help of a network of ours", flags("--network.help", "modern"), r"--network.help modern: name MODULE.CLASS"),
    ("help of no penalty", flags("--generator.penalties.help", "R9"), r"there is no penalty called 'R9'"),
    ("size too small", flags("--size", "8"), r"--size 8 .*16 to 256"),
    ("size too large", flags("--size", "512"), r"--size 512 .*16 to 256"),
    ("size zero", flags("--size", "0"), r"--size 0 "),
    ("size in words", flags("--size", "big"), r"--size 'big' is no size: give .* such as 64, or WIDTHxHEIGHT"),
    ("size of one side", flags("--size", "96x"), r"--size '96x' is no size: give .*WIDTHxHEIGHT, such as 96x64"),
    ("size of three sides", flags("--size", "96x64x3"), r"--size '96x64x3' is no size"),
    ("size with a sign", flags("--size=-96x64"), r"--size '-96x64' is no size"),
    ("size with a fraction", flags("--size", "64.0"), r"--size '64.0' is no size"),
    ("size that might be hexadecimal", flags("--size", "0x64"), r"--size 0x64 is out of reach: each side .*16 to 256"),
    ("size too narrow", flags("--size", "8x64"), r"--size 8x64 is out of reach: each side .* 16 to 256 pixels"),
    ("size too wide", flags("--size", "300x64"), r"--size 300x64 is out of reach: each side .* 16 to 256 pixels"),
    ("size too low", flags("--size", "64x15"), r"--size 64x15 is out of reach"),
    ("size in a file", config("c.yaml", "size: 64x512\n"), r"--config c.yaml: --size 64x512 is out of reach"),
    ("channels two", flags("--channels", "2"), r"--channels must be one of 1, 3, 4 or null, not 2"),
    ("background unknown", flags("--background", "nocolour"), r"background 'nocolour' .*#rrggbb"),
    ("flag unknown", flags("--stesp", "3"), r"option --stesp; did you mean '--steps'\?"),
    ("flag unlike any", flags("--zzzzzz", "3"), r"option --zzzzzz; see --help"),
    (
        "nested flag unknown",
        flags("--generator.widht", "3"),
        r"--generator\.widht; did you mean '--generator\.width'\?",
    ),
    ("value for a group", flags("--generator", "3"), r"--generator must hold options.* not 3"),
    ("two data", flags("more"), r"'more'.*one DATA"),
    ("no data", words("train", "images"), r"DATA is missing.*--help"),
    ("network unknown", flags("--network", "dcgna"), r"network called 'dcgna'; did you mean 'dcgan'\?"),
    ("loss unknown", flags("--loss", "hinges"), r"loss called 'hinges'; did you mean 'hinge'\?"),
    ("penalty unknown", flags(f"{G}+=WeightDcay"), r"penalty called 'WeightDcay'; did you mean 'WeightDecay'\?"),
    ("R1 on the generator", flags(f"{G}+=R1"), r"--generator\.penalties\+=R1: .*use --discriminator\.penalties\+=R1"),
    ("penalty that is none", flags(f"{G}+=math.sin"), r"penalty called 'math\.sin'.* Known: "),
    ("penalties as a word", flags(G, "L2"), r"--generator\.penalties must be a list, not L2"),
    (
        "penalty's option unknown",
        flags(f"{D}+=R1", f"{D}.gama", "1"),
        r"R1 has no option 'gama'; did you mean 'gamma'\?",
    ),
    (
        "penalty's option in words",
        flags(f"{D}+=R1", f"{D}.every", "x"),
        r"penalties\.every must be a whole number, not x",
    ),
    ("R1 never", flags(f"{D}+=R1", f"{D}.every", "0"), r"every of R1 must be at least 1, not 0"),
    ("R1 negative", flags(f"{D}+=R1", f"{D}.gamma", "-2"), r"gamma of R1 must be .*at least 0, not -2"),
    ("penalty of nothing", flags(f"{D}+=Penalty"), r"--discriminator\.penalties: Penalty penalises nothing"),
    ("R1 twice", flags(f"{D}+=R1", f"{D}+=R1"), r"'discriminator' has two parts called 'r1': give"),
    ("rate above one", flags(f"{D}+=L2Towards", f"{D}.rate", "2"), r"rate of L2Towards .*at most 1, not 2"),
    (
        "covers nothing",
        flags(f"{G}+=L2", f"{G}.name=q", f"{G}.covers=z*"),
        r"'q' covers no weight.*'z\*'.*start\.weight",
    ),
    ("decay of spectral norm", flags(f"{D}+=WeightDecay", "--discriminator.spectral", "true"), r"spectral.*use L2"),
    ("norm unknown", flags("--generator.norm", "layer"), r"--generator\.norm must be one of batch, none, not layer"),
    ("betas above one", flags("--generator.betas", "[1,2]"), r"--generator\.betas .*below 1, not \[1"),
    ("betas too few", flags("--generator.betas", "[0.1]"), r"--generator\.betas must be a tuple with 2 elements"),
    ("ema one", flags("--ema", "1"), r"--ema must be .*below 1, not 1"),
    ("device absent", flags("--device", "mps"), r"--device mps: .*--device cpu"),
    ("device of nonsense", flags("--device", "toaster"), r"--device toaster .*use auto, cpu"),
    ("device that cannot train", flags("--device", "meta"), r"--device meta .*use auto, cpu"),
    ("device beyond the last", flags("--device", "cpu:3"), r"--device cpu:3: .*cpu:0"),
    ("precision unknown", flags("--precision", "int4"), r"--precision must be one of auto, fp32, bf16, fp16, not int4"),
    ("threads zero", flags("--threads", "0"), r"--threads must be at least 1, not 0"),
    (
        "width beyond all memory",
        flags("--generator.width", str(10**12)),
        r"--generator\.width must be at most 8,192, not 1000",
    ),
    ("width zero", flags("--generator.width", "0"), r"--generator\.width must be at least 1, not 0"),
    ("depth zero", flags("--discriminator.depth", "0"), r"--discriminator\.depth must be at least 1, not 0"),
    ("noise zero", flags("--noise", "0"), r"--noise must be at least 1, not 0"),
    ("augment unknown", flags("--augment", "colour"), r"--augment colour .*did you mean 'color'\?"),
    ("scores negative", flags("--scores", "-1"), r"--scores must be at least 0, not -1"),
    ("score samples zero", flags("--score-samples", "0"), r"--score-samples must be at least 1, not 0"),
    ("score samples too few", flags("--scores=1", "--score-samples=3"), r"at least 4 .*--score-samples\), not 3"),
    ("seed negative", flags("--seed", "-1"), r"--seed must be at least 0 .*not -1"),
    ("seed too large", flags("--seed", str(2**63)), r"--seed must be .*below 2\^63, not 9223"),
    ("log never", flags("--log-every", "0"), r"--log-every must be at least 1, not 0"),
    ("sample never", flags("--sample-every", "0"), r"--sample-every must be at least 1, not 0"),
    ("checkpoint never", flags("--checkpoint-every", "0"), r"--checkpoint-every must be at least 1, not 0"),
    ("recipe unknown", words("train", "imagse", "x"), r"recipe called 'imagse'; did you mean 'images'\?"),
    ("command unknown", words("trian"), r"'trian'.*did you mean 'train'\?"),
    ("command unlike any", words("zzz"), r"'zzz'.*poise --help"),
    ("data command unknown", words("data", "chek", "x"), r"'chek'.*did you mean 'check'\?"),
    ("command without its argument", words("sample"), r"required: run; see poise sample --help"),
    ("shell unknown", words("completion", "bsh"), r"'bsh'.*did you mean 'bash'\?"),
]

CONFIGS = [
    ("missing", flags("--config", "none.yaml"), r"--config none\.yaml: there is no such file"),
    ("unnamed", flags("--config"), r"--config \(nothing\): there is no such file"),
    ("a folder", flags("--config", "runs"), r"--config runs: there is no such file"),
    ("not YAML", config("a.yaml", "steps: [1\n b: }{"), r"--config a\.yaml is not valid YAML: "),
    ("not text", config("a.yaml", bytes(range(256))), r"--config a\.yaml is not valid YAML: "),
    ("not TOML", config("a.toml", "steps = = 2"), r"--config a\.toml is not valid TOML: .*line 1"),
    ("unknown key", config("a.yaml", "stesp: 3"), r"--config a\.yaml: .*'stesp'; did you mean 'steps'\?"),
    ("unknown key in TOML", config("a.toml", "stesp = 3"), r"--config a\.toml: .*'stesp'; did you mean 'steps'\?"),
    ("unknown nested key", config("a.yaml", "generator: {widht: 3}"), r"'generator\.widht'; did you mean 'width'\?"),
    ("wrong type", config("a.yaml", "steps: many"), r"--config a\.yaml: --steps must be a whole number, not many"),
    ("number for a group", config("a.yaml", "generator: 3"), r"a\.yaml: --generator must hold options.*not 3"),
    ("a list", config("a.yaml", "[1, 2]"), r"--config a\.yaml must hold arguments .*not '\[1, 2\]'"),
    ("nothing in it", config("a.yaml", ""), r"--config a\.yaml must hold arguments"),
    ("negative λ", config("a.yaml", "l2_generator: -1"), r"--l2-generator must .*, not -1"),
]

OUTPUTS = [
    ("out is a file", flags("--out", "pictures.npz"), r"pictures\.npz exists and is not a run folder; choose"),
    ("out below a file", flags("--out", "pictures.npz/run"), r"run folder pictures\.npz/run: .*choose another --out"),
    ("out in /proc", flags("--out", "/proc/poise"), r"run folder /proc/poise: .*choose another --out"),
    ("out too long", flags("--out", "x" * 300), r"x{300}.*put that right"),
    (
        "out holds another run",
        flags("--out", "runs/done", "--seed", "1"),
        r"runs/done holds a run with other arg.*--out",
    ),
    ("out is somebody's", foreign_folder, r"mine exists and is not a run folder; choose another --out"),
    ("samples as jpg", words("sample", "done", "--out", "x.jpg"), r"--out x\.jpg: name a \.png"),
    (
        "samples below a file",
        words("sample", "done", "--out", "pictures.npz/x.png"),
        r"--out pictures\.npz/x\.png: there is no folder pictures\.npz",
    ),
    (
        "sample folder below a file",
        words("sample", "done", "--out", "pictures.npz/x"),
        r"folder pictures\.npz/x: .*--out",
    ),
]
CASES = [(f"{group}: {case[0]}", *case[1:]) for group, table in (
    ("data", DATA), ("arguments", ARGUMENTS), ("config", CONFIGS), ("output", OUTPUTS)
) for case in table]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "match"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_gets_one_sentence(place, capsys, prepare, match):
    """Exit code 2, one line on stderr that names what is wrong, and every byte of the folder as it was."""
    assert re.search(match, refusal(place, capsys, prepare(place)))


NOBODY = "~nobodyatall/x"  # of no user, so that it is a path like any other
NAMED = {
    "train images": ["train", "images", NOBODY],
    "train vae": ["train", "vae", NOBODY],
    "train text": ["train", "text", NOBODY],
    "train language": ["train", "language", NOBODY],
    "train vocoder": ["train", "vocoder", NOBODY],
    "train speech": ["train", "speech", NOBODY],
    "data check": ["data", "check", NOBODY],
    "evaluate": ["evaluate", NOBODY],
    "evaluate against": ["evaluate", "pictures.npz", "--against", NOBODY],
    "evaluate with a column": ["evaluate", NOBODY, "--column", "x"],
    "evaluate with weights": ["evaluate", "pictures.npz", "--against", "other.npz", "--inception", NOBODY],
    "evaluate out": ["evaluate", "pictures.npz", "--against", "other.npz", "--out", NOBODY],
    "sample": ["sample", NOBODY],
    "resume": ["resume", NOBODY],
}


@pytest.mark.parametrize("argv", NAMED.values(), ids=NAMED)
def test_the_home_of_nobody_is_not_there(tmp_path, monkeypatch, capsys, argv):
    """`~name` of no user: `Path.expanduser` raises RuntimeError for it, which was a fault of Poise itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", "runs")
    rng = np.random.default_rng(0)
    for name in ("pictures.npz", "other.npz"):
        np.savez(name, images=rng.integers(0, 256, (40, 16, 16), dtype=np.uint8))
    assert re.search(rf"{NOBODY}|no run in runs", refusal(tmp_path, capsys, argv))


def test_there_are_enough_cases():
    """The table is at least as long as was promised, and no case is there twice."""
    assert len(CASES) >= 50
    assert len({case[0] for case in CASES}) == len(CASES)


@pytest.mark.slow
def test_a_fault_of_poise_is_one_line_too(place, capsys, monkeypatch):
    """No traceback reaches a user; one who asks for it gets it."""

    monkeypatch.setattr("poise.record.all_runs", lambda **_: [None])
    assert main(["runs"]) == 1
    assert re.search(r"a fault of Poise itself \(AttributeError: .*\); POISE_TRACEBACK=1", told(capsys))

    def fails(*_: object, **__: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr("poise.record.all_runs", fails)
    assert main(["runs"]) == 2
    assert re.search(
        r"a fault in \S+test_bad_input.py, line \d+ \(KeyError: 'a fault'\); POISE_TRACEBACK=1", told(capsys)
    )
    monkeypatch.setenv("POISE_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(["runs"])
