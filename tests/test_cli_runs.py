"""The command line and what it does with runs: what is printed while they train, lists, Ctrl-C, samples, findings."""

from __future__ import annotations

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

import pytest

from poise.cli import main
from poise.cli.train import summary
from poise.record import RunFolder
from poise.registry import names
from poise.runs.report import RunReport
from tests.commands import made, printed, said, train  # noqa: F401  (a fixture)

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


@pytest.mark.slow
def test_a_finished_run_says_so(place, capsys):
    assert "finished before; nothing to do" in said(capsys, "resume", "last")
    before = {p: p.stat().st_mtime_ns for p in (place / "runs").rglob("*")}
    assert "finished before; nothing to do" in said(capsys, *train("--out", "runs/images-alpha"))
    assert {p: p.stat().st_mtime_ns for p in (place / "runs").rglob("*")} == before


@pytest.mark.slow
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
        out, error = process.communicate(timeout=300)
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
    steps = int(found[1])
    assert [p.name for p in folder.checkpoints.iterdir()] == [f"step-{steps:08d}"]
    assert folder.state() == f"unfinished, step {steps:,} saved"
    shorten(folder, steps + 3)
    assert main([*found[2].split(), "--quiet"]) == 0
    assert folder.done
    assert folder.report()["steps_this_sitting"] == 3


def shorten(folder: RunFolder, steps: int) -> None:
    """Let the run end sooner, as its length changes nothing about the steps before."""
    spec = folder.spec()
    folder.describe(replace(spec, arguments={**spec.arguments, "steps": steps}))


# Samples.


@pytest.mark.slow
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
