"""The command line as people use it: quick help, equal ways to say the same thing, Ctrl-C, samples."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from poise.cli.train import summary
from poise.record import RunFolder
from poise.registry import names
from poise.runs.report import RunReport
from poise.specs.spec import parser_for

SMALL = {
    "batch": 8, "noise": 8, "generator.width": 4, "discriminator.width": 4, "log-every": 2, "checkpoint-every": 2,
    "sample-every": 6, "scores": 0, "threads": 1, "precision": "fp32", "device": "cpu",
    "l2-generator": 3e-3, "l2-discriminator": 1e-4,
}  # fmt: skip
FLAGS = [f"--{name}={value}" for name, value in SMALL.items()]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """pictures.npz (40 grey pictures, 16x16) and runs/images-alpha, a finished run of six steps on it."""
    folder = tmp_path_factory.mktemp("made")
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    np.savez(folder / "pictures.npz", images=images)
    with contextlib.chdir(folder):
        assert main(train("--out", "runs/images-alpha", "--quiet")) == 0
    return folder


def train(*words: str, steps: int = 6) -> list[str]:
    return ["train", "images", "pictures.npz", f"--steps={steps}", *FLAGS, *words]


def said(capsys, *argv: str) -> str:
    """What a command that ends well prints."""
    capsys.readouterr()
    assert main(argv) == 0
    return capsys.readouterr().out


def printed(capsys, *argv: str) -> str:
    """What a command prints that argparse ends, such as --help."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 0
    return capsys.readouterr().out


# How quickly it answers, and what it says of itself.

LIGHT = [
    ["--help"],
    ["train"],
    ["train", "images", "--help"],
    ["train", "text", "--help"],
    ["train", "speech", "--help"],
    ["runs"],
    ["data", "list"],
    ["diagnose", "last"],
]


@pytest.mark.slow
def test_help_and_lists_do_not_load_torch(place):
    """Nor torchvision, nor torchmetrics: help comes at once. One process for all of them."""
    script = f"""
import contextlib, io, sys
from poise.cli import main
for argv in {LIGHT!r}:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as out:
        main(argv)
    assert out.getvalue(), argv
    loaded = [name for name in ("torch._C", "torchvision", "torchmetrics") if name in sys.modules]
    assert not loaded, (argv, loaded)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_training_and_scoring_never_load_torchvision(place):
    """Where it is installed it takes seconds to load, and where it is broken it would break what does not need it."""
    (place / "stub/torchvision").mkdir(parents=True)
    (place / "stub/torchvision/__init__.py").write_text("raise SystemExit('torchvision was imported')")
    script = f"""
import sys
from poise.cli import main
assert main({train("--scores=1", "--score-samples=8", "--out=runs/scored", steps=2)!r}) == 0
assert "torch._C" in sys.modules and "torchvision" not in sys.modules
"""
    path = os.pathsep.join(filter(None, [str(place / "stub"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr


def test_help_lists_every_network_and_loss(capsys):
    """Every registered name is in the help, and every flag is written with dashes."""
    text = printed(capsys, "train", "images", "--help")
    for name in [*names("network"), *names("loss")]:
        assert re.search(rf"\b{name}\b", text), name
    flags = re.findall(r"--[\w.\-]+", text)
    assert {"--l2-generator", "--micro-batches", "--generator.lr", "--out", "--quiet"} <= set(flags)
    assert not [flag for flag in flags if "_" in flag]


def test_the_recipes_are_listed(capsys):
    assert "images" in said(capsys, "train")
    assert "resume" in said(capsys)
    assert "check" in said(capsys, "data")
    assert "poise" in printed(capsys, "--version")


# Several ways to say the same thing.


def arguments(*words: str) -> dict:
    return parser_for("images").parse(["pictures.npz", *words])


def test_dashes_and_underscores_are_the_same():
    """In flags; values keep theirs."""
    assert arguments("--l2-generator", "1e-3", "--loss=least_squares") == arguments(
        "--l2_generator", "1e-3", "--loss=least_squares"
    )
    assert arguments("--loss=least_squares")["loss"] == "least_squares"
    assert arguments("--l2-generator", "1e-3")["l2_generator"] == 1e-3


PENALTIES = ["--discriminator.penalties+=R1", "--discriminator.penalties.gamma=0.5"]
YAML = """
l2_generator: cosine:1e-3:1e-5
steps: 12
heldout: 2e-1
generator: {width: 4, lr: 1e-3}
discriminator:
  penalties: [{class_path: R1, init_args: {gamma: 0.5}}]
"""
TOML = """
l2_generator = "cosine:1e-3:1e-5"
steps = 12
heldout = 0.2
generator = {width = 4, lr = 1e-3}
[[discriminator.penalties]]
class_path = "R1"
init_args = {gamma = 0.5}
"""


def test_yaml_toml_and_flags_give_the_same_spec(place):
    """And a flag after --config wins over it."""
    (place / "a.yaml").write_text(YAML)
    (place / "a.toml").write_text(TOML)
    flags = ["--l2-generator=cosine:1e-3:1e-5", "--steps=12", "--heldout=0.2", "--generator.width=4"]
    wanted = arguments(*flags, "--generator.lr=1e-3", *PENALTIES)
    assert wanted["discriminator"]["penalties"][0]["init_args"]["gamma"] == 0.5
    assert arguments("--config", "a.yaml") == wanted
    assert arguments("--config=a.toml") == wanted
    assert arguments("--config=a.toml", "--steps=3") == wanted | {"steps": 3}


@pytest.mark.slow
@pytest.mark.parametrize("word", ["--print-config", "--print_config"])
def test_a_printed_configuration_can_be_fed_back(place, capsys, word):
    """Data, schedules and penalties included: the same folder name, so the same run."""
    more = ["--l2-generator=cosine:1e-3:1e-5", *PENALTIES]
    text = printed(capsys, *train(*more, word))
    (place / "printed.yaml").write_text(text)
    assert main(train(*more, "--quiet")) == 0
    count = len(list((place / "runs").iterdir()))
    again = said(capsys, "train", "images", "pictures.npz", "--config", "printed.yaml")
    assert "finished before; nothing to do" in again
    assert len(list((place / "runs").iterdir())) == count
    assert "finished before; nothing to do" in said(capsys, "train", "images", "--config", "printed.yaml")


@pytest.mark.slow
def test_completion_scripts_know_the_flags(capsys):
    """Of the commands and of the recipe."""
    for shell in ("bash", "zsh"):
        text = said(capsys, "completion", shell)
        for word in ("--l2-generator", "--generator.lr", "evaluate", "images", "--space", "--penalty"):
            assert word in text, (shell, word)
    bash = said(capsys, "completion", "bash")
    assert subprocess.run(["bash", "-n"], input=bash, text=True, capture_output=True).returncode == 0


# What a run prints.


@pytest.mark.slow
def test_plain_output_says_what_matters(place, capsys):
    """λ, its share of the gradient, the speed, and where things are; nothing is coloured or redrawn in a pipe."""
    text = said(capsys, *train("--out", "runs/b"))
    for part in (r"λ 0\.0001", "share of the gradient", "samples/s", "step 6/6", r"Report: +runs/b/report\.json"):
        assert re.search(part, text), part
    assert "\x1b" not in text
    assert "\r" not in text
    for path in re.findall(r"(?:Samples|Report): +(\S+)", text):
        assert Path(path).is_file()


@pytest.mark.parametrize(
    ("recipe", "more"),
    [("images", "more.png"), ("text", "more.txt"), ("language", "more.txt"), ("vocoder", "more"), ("speech", "more")],
)
def test_the_end_says_where_to_look_and_how_to_get_more(tmp_path, capsys, recipe, more):
    """Samples are written in the manner of the recipe; where there is a page to listen to, it is named."""
    folder = RunFolder(tmp_path / "run")
    folder.samples.mkdir(parents=True)
    (folder.samples / "00000004.png").touch()
    report = RunReport("run", recipe, None, None, 4)
    summary(folder, report, already=False)
    out = capsys.readouterr().out
    assert f"More:    poise sample {folder.path} -n 64 --out {more}\n" in out
    assert "Listen" not in out
    (folder.samples / "index.html").touch()
    summary(folder, report, already=False)
    assert f"Listen:  {folder.samples / 'index.html'}\n" in capsys.readouterr().out


def test_speech_is_in_the_help(capsys):
    for words in (["--help"], ["train", "--help"], ["sample", "--help"], ["evaluate", "--help"]):
        text = " ".join((said if words == ["train", "--help"] else printed)(capsys, *words).split())
        assert re.search(r"\bspeech\b", text), words
    assert "--voice" in printed(capsys, "sample", "--help") and "--language" in printed(capsys, "evaluate", "--help")


@pytest.mark.slow
def test_quiet_prints_nothing(place, capsys):
    """Neither on stdout nor on stderr, whether it trains, goes on, or has nothing to do."""
    for argv in (train("--out", "runs/b", "--quiet"), ["resume", "b", "--quiet"]):
        capsys.readouterr()
        assert main(argv) == 0
        assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_terminal_without_greek_letters_is_enough(place):
    """The λ becomes a question mark; the run does not end for it."""
    done = subprocess.run(
        [sys.executable, "-m", "poise", *train("--out", "runs/b")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert b"? 0.0001" in done.stdout


def test_a_finished_run_says_so(place, capsys):
    assert "finished before; nothing to do" in said(capsys, "resume", "last")
    before = {p: p.stat().st_mtime_ns for p in (place / "runs").rglob("*")}
    assert "finished before; nothing to do" in said(capsys, *train("--out", "runs/images-alpha"))
    assert {p: p.stat().st_mtime_ns for p in (place / "runs").rglob("*")} == before


def test_runs_are_listed_and_found(place, capsys):
    """By path, name, the beginning of a name, and `last`, which is the newest."""
    shutil.copytree(place / "runs/images-alpha", place / "runs/images-beta")
    os.utime(place / "runs/images-alpha/spec.json", (1, 1))
    (place / "runs/images-beta/DONE").unlink()
    lines = said(capsys, "runs").splitlines()
    rows = {line.split()[0]: line for line in lines[1:]}
    assert set(rows) == {"images-alpha", "images-beta"}
    assert "finished" in rows["images-alpha"] and "stopped" in rows["images-beta"] and " 6 " in rows["images-beta"]
    for run in ("images-alpha", "images-a", "runs/images-alpha", str(place / "runs/images-alpha")):
        assert "images-alpha" in said(capsys, "sample", run, "-n", "1")
    assert "images-beta" in said(capsys, "sample", "last", "-n", "1")


def test_no_runs_is_no_error(place, capsys):
    shutil.rmtree(place / "runs")
    assert "no runs in runs" in said(capsys, "runs")


# Ctrl-C.


def interrupted(argv: list[str], folder: Path, signum: int) -> tuple[int, str, str]:
    """Start a command, send it a signal once it has recorded something, and let it end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "poise", *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (folder / "record.jsonl").exists() or not (folder / "record.jsonl").stat().st_size:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signum)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, error


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("signum", "quiet"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_stopped_it_saves_and_says_how_to_go_on(place, capsys, signum, quiet):
    """The step is finished and saved, exit code 130; the printed command then finishes the run."""
    words = ["--checkpoint-every=100000", "--log-every=500", "--sample-every=100000", "--out=runs/stopped"]
    folder = RunFolder(place / "runs/stopped")
    code, out, error = interrupted(train(*words, *["--quiet"] * quiet, steps=100_000), folder.path, signum)
    assert code == 130, error
    assert (out == "") == quiet
    found = re.search(r"stopped after step (\d+); go on with: poise (resume \S+)\n", error if quiet else out)
    assert found
    assert "Traceback" not in error
    made = int(found[1])
    assert [p.name for p in folder.checkpoints.iterdir()] == [f"step-{made:08d}"]
    assert folder.state() == f"unfinished, step {made:,} saved"
    shorten(folder, made + 3)
    assert main([*found[2].split(), "--quiet"]) == 0
    assert folder.done
    assert folder.report()["steps_this_sitting"] == 3


def shorten(folder: RunFolder, steps: int) -> None:
    """Let the run end sooner, as its length changes nothing about the steps before."""
    spec = folder.spec()
    folder.describe(replace(spec, arguments={**spec.arguments, "steps": steps}))


# Samples.


def test_samples_in_a_grid_and_in_a_folder(place, capsys):
    """The same seed gives the same bytes, another seed others."""
    for name, seed in (("a.png", "3"), ("b.png", "3"), ("c.png", "4")):
        assert name in said(capsys, "sample", "last", "-n", "9", "--seed", seed, "--out", name)
    a, b, c = ((place / f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    said(capsys, "sample", "last", "-n", "5", "--seed", "3", "--out", "five")
    said(capsys, "sample", "last", "-n", "20", "--seed", "3", "--out", "twenty")
    assert sorted(p.name for p in (place / "five").iterdir()) == [f"0000{i}.png" for i in range(5)]
    assert len(list((place / "twenty").iterdir())) == 20
    for picture in (place / "five").iterdir():
        assert picture.read_bytes() == (place / "twenty" / picture.name).read_bytes()


def test_samples_of_an_earlier_checkpoint(place, capsys):
    """--step chooses among the kept ones, and the pictures differ."""
    said(capsys, "sample", "last", "--step", "4", "--out", "four.png")
    said(capsys, "sample", "last", "--step", "6", "--out", "six.png")
    said(capsys, "sample", "last", "--out", "last.png")
    assert (place / "six.png").read_bytes() == (place / "last.png").read_bytes()
    assert (place / "four.png").read_bytes() != (place / "six.png").read_bytes()


def test_samples_need_no_data(place, capsys):
    (place / "pictures.npz").unlink()
    assert "64 samples" in said(capsys, "sample", "last")
    assert (place / "samples.png").is_file()


def test_data_commands(place, capsys):
    """check reports on a file; list names the catalogue; get fetches a set that is in an installed package."""
    assert re.search(r"npz.*40 readable pictures", said(capsys, "data", "check", "pictures.npz"))
    listed = said(capsys, "data", "list")
    assert {"fashion-mnist", "mandarin-syllables", "asterisk-en"} <= {line.split()[0] for line in listed.splitlines()}
    pytest.importorskip("sklearn", reason="the digits are in scikit-learn")
    where = said(capsys, "data", "get", "digits").strip().removeprefix("digits: ")
    assert Path(where).is_file()
    assert re.search(r"digits +here", said(capsys, "data", "list"))


def test_a_damaged_report_does_not_hide_the_other_runs(tmp_path, monkeypatch, capsys):
    for name, report in (("good", '{"steps": 9, "best": {"score": "KID", "value": 1.5, "step": 3}}'), ("bad", "{")):
        (tmp_path / name).mkdir()
        spec = {"format": 1, "recipe": "images", "arguments": {}, "facts": {}, "versions": {}}
        (tmp_path / name / "spec.json").write_text(json.dumps(spec))
        (tmp_path / name / "report.json").write_text(report)
        (tmp_path / name / "DONE").touch()
    monkeypatch.setenv("POISE_RUNS", str(tmp_path))
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    assert "KID 1.5" in out and re.search(r"^bad .* broken ", out, re.M)
    assert re.search(r"^bad: .*report.json cannot be read .* damaged", out, re.M)


def test_diagnose_says_what_is_wrong_and_what_was(place, capsys):
    """From the record and the events alone: neither data nor weights are needed."""
    healthy = said(capsys, "diagnose", "last")
    assert "images-alpha: done, recorded up to step 4" in healthy
    assert f"Nothing is wrong that could be seen ({len(names('symptom'))} symptoms were looked for)." in healthy
    folder = RunFolder(place / "runs/images-alpha")
    with open(folder.path / "record.jsonl", "a", encoding="utf-8") as file:
        for step in range(6, 30):
            row = {"step": step, "discriminator/alive": 0.0, "discriminator/contrast": 1e-9}
            file.write(json.dumps(row) + "\n")
    folder.event("finding", seen=8, name="oscillation", severity="warning", since=4, sentence="It swings.")
    rollback = {"step": 9, "cause": "not finite", "sentence": "It broke.", "back_to": 4, "what": "lr", "factor": 0.5}
    (folder.path / "remedies.json").write_text(json.dumps([rollback]))
    sick = said(capsys, "diagnose", "last")
    assert "CRITICAL dead discriminator (since step " in sick
    assert "Earlier, seen at step 8 and gone: oscillation. It swings." in sick
    assert "Rolled back from step 9 to 4 (not finite): all learning rates times 0.5" in sick
    facts = json.loads(said(capsys, "diagnose", "last", "--json"))
    assert [finding["name"] for finding in facts["findings"]] == ["dead discriminator"]
    assert facts["rollbacks"][0]["back_to"] == 4


@pytest.mark.slow
def test_what_is_wrong_is_said_while_it_trains(place, capsys):
    """Once, with its step and a flag to try; and at the end it stands in the report."""
    out = said(capsys, *train("--out", "runs/sick", "--heldout", "0", steps=40))
    lines = [line for line in out.splitlines() if "no held-out data" in line]
    assert len([line for line in lines if line.startswith("step 1: warning: no held-out data since step 0")]) == 1
    assert "--heldout 0.1" in lines[0]
    report = RunFolder(place / "runs/sick").report()
    assert [finding["name"] for finding in report["findings"]] == ["no held-out data"]
    events = RunFolder(place / "runs/sick").events()
    assert [event.details["name"] for event in events if event.event == "finding"] == ["no held-out data"]
    assert report["seconds"]["monitoring"] >= 0
