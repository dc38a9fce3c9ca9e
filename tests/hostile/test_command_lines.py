"""Command lines and configuration files that no one should write: one sentence, soon, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.guard import attack
from tests.refusals import train

pytestmark = pytest.mark.slow

ESCAPE = "\x1b[31mred\x07"
HUGE = "9" * 400
NUMBERS = [
    "--noise",
    "--threads",
    "--heldout",
    "--batch",
    "--steps",
    "--seed",
    "--generator.width",
    "--generator.depth",
    "--generator.turns",
    "--generator.lr",
    "--l2-generator",
    "--ema",
    "--scores",
    "--limit",
    "--size",
    "--micro-batches",
    "--generator.clip",
    "--score-samples",
    "--log-every",
    "--patience",
]
VALUES = {"400 digits": HUGE, "minus 400 digits": f"-{HUGE}", "not a number": "nan", "infinite": "inf", "nothing": "",
          "a blank": " ", "null": "null", "escape": ESCAPE, "superscript": "²", "list": "[1]", "object": "{a: 1}",
          "1e400": "1e400"}  # fmt: skip


def names() -> list[str]:
    return sorted(str(p) for p in Path().rglob("*"))


MAY_BE_NOTHING = ("--threads", "--limit", "--size", "--generator.clip", "--patience")


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("flag", NUMBERS)
def test_numbers_that_are_none(place, outside, capsys, flag, value):
    """`null` is a value where a number may be left out; everything else is refused, and the flag is named."""
    before = names()
    right = value == "null" and flag in MAY_BE_NOTHING
    said = attack(train(f"{flag}={value}", "--out", "new", "--steps=2"), outside, capsys, code=0 if right else 2)
    if not right:
        assert flag in said
        assert names() == before


OF_RUNS = {
    "sample -n": ["sample", "done", "-n"], "sample --seed": ["sample", "done", "--seed"],
    "sample --step": ["sample", "done", "--step"], "evaluate -n": ["evaluate", "done", "-n"],
    "evaluate --seed": ["evaluate", "done", "--seed"], "resume --from-step": ["resume", "done", "--from-step"],
    "curve -n": ["curve", "done", "-n"], "study --workers": ["study", "no.yaml", "--workers"],
}  # fmt: skip


@pytest.mark.parametrize("value", [HUGE, f"-{HUGE}", "-1", "1.5", "nan", "inf", "", "²", ESCAPE, "0x10", "１２"])
@pytest.mark.parametrize("words", OF_RUNS.values(), ids=OF_RUNS)
def test_numbers_of_commands_that_are_none(place, outside, capsys, words, value):
    before = names()
    said = attack(
        [*words[:-1], f"{words[-1]}={value}"] if words[-1].startswith("--") else [*words, value], outside, capsys
    )
    assert words[-1].lstrip("-") in said
    assert names() == before


WORDS = [
    ["train", ESCAPE],
    ["train", "images", ESCAPE],
    ["train", "images", "pictures.npz", ESCAPE],
    [ESCAPE],
    ["train", "images", "pictures.npz", f"--{ESCAPE}"],
    ["train", "images", "pictures.npz", f"--{ESCAPE}=1"],
    ["train", "images", "pictures.npz", "--network", ESCAPE],
    ["train", "images", "pictures.npz", "--loss", ESCAPE],
    ["train", "images", "pictures.npz", "--augment", ESCAPE],
    ["train", "images", "pictures.npz", "--device", ESCAPE],
    ["train", "images", "pictures.npz", "--out", ""],
    ["train", "images", "pictures.npz", "--out", " "],
    ["train", "images", ""],
    ["train", "images", "\0"],
    ["train", "images", "pictures.npz", "--out", "a\0b"],
    ["train", "images", "a" * 5000],
    ["train", "images", "pictures.npz", "--out", "a" * 5000],
    ["train", "images", "pictures.npz", "--out", "pictures.npz"],
    ["train", "images", "pictures.npz", "--out", "."],
    ["train", "images", "/dev/null"],
    ["train", "images", "/dev/zero"],
    ["train", "images", "pictures.npz", "--out", "/dev/null"],
    ["train", "images", "pictures.npz", "--batch", "8", "--micro-batches", "9"],
    ["train", "images", "pictures.npz", "--generator.betas", "[0.5]"],
    ["train", "images", "pictures.npz", "--generator.betas", "[2,3]"],
    ["train", "images", "pictures.npz", "--generator.lr", "linear:1:2:3:4"],
    ["train", "images", "pictures.npz", "--generator.lr", "cosine:"],
    ["train", "images", "pictures.npz", "--generator.penalties+=os.system"],
    ["train", "images", "pictures.npz", "--generator.penalties+=builtins.eval"],
    ["train", "images", "pictures.npz", "--generator.penalties+=" + ESCAPE],
    ["train", "images", "pictures.npz", "--generator", "no.yaml"],
    ["train", "images", "pictures.npz", "--generator", "{"],
    ["sample", ESCAPE],
    ["sample", ""],
    ["sample", "done", "--out", ""],
    ["sample", "done", "--out", "a\0b"],
    ["sample", "done", "--out", "runs/done/spec.json"],
    ["sample", "done", "--out", "no/such/folder/x.png"],
    ["sample", "done", "--out", "/dev/null/x.png"],
    ["sample", "done", "--step", ESCAPE],
    ["sample", "done", "--label", ESCAPE],
    ["evaluate", ESCAPE],
    ["evaluate", "done", "--metrics", ESCAPE],
    ["evaluate", "done", "--features", ESCAPE],
    ["evaluate", "done", "--out", "pictures.npz"],
    ["evaluate", "/dev/zero"],
    ["evaluate", ""],
    ["diagnose", ESCAPE],
    ["diagnose", "/dev/zero"],
    ["resume", "\0"],
    ["curve", "done", "--temperatures", ESCAPE],
    ["curve", "done", "--temperatures", "1,nan"],
    ["study", ESCAPE],
    ["study", "/dev/zero"],
    ["study", ""],
    ["study", "."],
    ["data", "check", ESCAPE],
    ["data", "check", ""],
    ["data", "get", ESCAPE],
    ["data", ESCAPE],
    ["vocode", ESCAPE, "x.wav"],
    ["completion", ESCAPE],
]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: " ".join(words)[:60].encode("unicode_escape").decode())
def test_words_that_are_none(place, outside, capsys, words):
    before = names()
    attack(words, outside, capsys)
    assert names() == before


def bomb(levels: int = 9) -> str:
    """Aliases of aliases: nine levels of nine are 400 million words."""
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels + 1)]
    return "\n".join(lines)


CONFIGS = {
    "a bomb of aliases": bomb(),
    "a bomb of values": bomb() + "\nsteps: *a9",
    "an alias of itself": "a: &a [*a]\nsteps: *a",
    "a table of itself": "a: &a {b: *a}\ngenerator: *a",
    "deep": "steps: " + "[" * 50_000,
    "deep tables": "".join(" " * i + "a:\n" for i in range(3_000)),
    "python": "steps: !!python/object/apply:os.system ['echo executed > executed']",
    "null": "steps: null", "a word": "steps: many", "a key twice": "steps: 4\nsteps: 5",
    "a key twice inside": "generator: {width: 4, width: 5}",
    "a number": "5", "a list": "[]", "nothing": "", "binary": "\0\1\2", "a tab": "\tsteps: 1",
    "a lone surrogate": 'data: "\\ud83d"', "an escape": f'"{ESCAPE!r}": 1', "400 digits": f"steps: {HUGE}",
    "infinite": "steps: .inf", "unknown": "stepz: 4", "a config in a config": "config: other.yaml",
    "two documents": "steps: 4\n---\nsteps: 5", "a date": "steps: 2020-01-01", "a set": "steps: !!set {1}",
    "one long line": "data: " + "x" * 3_000_000,
}  # fmt: skip


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", ["config", "study"])
def test_configurations_that_are_none(place, outside, capsys, kind, text):
    Path("bad.yaml").write_text(text)
    before = names()
    words = train("--config=bad.yaml", "--out", "new") if kind == "config" else ["study", "bad.yaml", "--out", "new"]
    if kind == "config":
        words = [word for word in words if not word.startswith("--steps") and word != "6"]
    attack(words, outside, capsys)
    assert names() == before


TOMLS = {"a key twice": "steps = 4\nsteps = 5", "deep": "steps = " + "[" * 50_000, "null": "steps = ''",
         "dates": "steps = 1979-05-27", "binary": "\0"}  # fmt: skip


@pytest.mark.parametrize("text", TOMLS.values(), ids=TOMLS)
def test_toml_that_is_none(place, outside, capsys, text):
    Path("bad.toml").write_text(text)
    before = names()
    attack([w for w in train("--config=bad.toml") if w not in ("--steps", "6")], outside, capsys)
    assert names() == before


@pytest.mark.parametrize(
    "code", ["raise SystemExit(7)", "exit('x')", "1/0", "STUDY = 5", "def f(:", "", "STUDY = STUDY"]
)
def test_a_study_of_python_that_ends_otherwise(place, outside, capsys, code):
    Path("bad.py").write_text(code)
    before = names()
    attack(["study", "bad.py", "--out", "new"], outside, capsys)
    assert [n for n in names() if "__pycache__" not in n] == before


def piped(argv: list[str], lines: int) -> tuple[int, str]:
    """A command whose reader goes away after some lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "poise", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout and process.stderr
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read().decode()
        return process.wait(timeout=100), err


def test_training_goes_on_when_nobody_reads_any_more(place):
    code, err = piped(train("--out", "new", "--steps=40"), 1)
    assert (code, Path("new/DONE").exists()) == (0, True), err
    assert "nobody reads" in err and "Traceback" not in err


def test_a_list_that_nobody_reads_to_its_end_has_another_code(place):
    for i in range(3):
        (Path("runs") / f"copy{i}").symlink_to("done")
    code, err = piped(["train", "images", "--help"], 0)
    assert (code, err) == (141, "")
