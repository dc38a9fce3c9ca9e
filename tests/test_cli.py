"""The command line as a person uses it: help at once, flags and files alike, Ctrl-C, sampling."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import poise.losses
import poise.models  # noqa: F401
from poise.cli import main
from poise.registry import names
from poise.study.spec import parser_for

SMALL = ["--batch", "8", "--noise", "8", "--generator.width", "4", "--discriminator.width", "4", "--scores", "0"]
SMALL += ["--threads", "1", "--device", "cpu", "--log-every", "2"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with pictures.npz and one finished run."""
    folder = tmp_path_factory.mktemp("home")
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    np.savez(folder / "pictures.npz", images=images)
    with contextlib.chdir(folder):
        assert main(["train", "images", "pictures.npz", "--steps", "4", "--quiet", *SMALL]) == 0
    return folder


@pytest.fixture(autouse=True)
def _at_home(home, monkeypatch):
    monkeypatch.chdir(home)


@pytest.mark.parametrize(
    "command", ["--help", "train images --help", "train --help", "runs", "data list", "data --help", "resume nothing"]
)
def test_help_lists_and_mistakes_do_not_load_torch(command):
    script = (
        "import sys\nfrom poise.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "assert 'torch._C' not in sys.modules and 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, *command.split()], check=True, capture_output=True)


def test_help_names_every_network_and_loss():
    text = parser_for("images").format_help()
    for name in [*names("network"), *names("loss"), "R1", "R2", "WeightDecay", "L2Towards"]:
        assert name in text
    assert "--l2-generator" in text and "--l2_generator" not in text


def test_flags_files_and_their_own_output_give_the_same_arguments(tmp_path, capsys):
    flags = ["pictures.npz", "--steps", "7", "--l2_generator=1e-2", "--discriminator.penalties+=R1"]
    flags += ["--discriminator.penalties.gamma=0.5"]
    expected = parser_for("images").parse(flags)
    assert expected["l2_generator"] == 1e-2
    (tmp_path / "a.yaml").write_text(
        "steps: 7\nl2_generator: 0.01\ndiscriminator:\n  penalties:\n  - class_path: R1\n    init_args: {gamma: 0.5}\n"
    )
    (tmp_path / "a.toml").write_text(
        "steps = 7\nl2_generator = 0.01\n[[discriminator.penalties]]\nclass_path = 'R1'\ninit_args = {gamma = 0.5}\n"
    )
    for name in ("a.yaml", "a.toml"):
        assert parser_for("images").parse(["pictures.npz", "--config", str(tmp_path / name)]) == expected
    with pytest.raises(SystemExit):
        main(["train", "images", *flags, "--print-config"])
    (tmp_path / "printed.yaml").write_text(capsys.readouterr().out)
    assert parser_for("images").parse(["pictures.npz", "--config", str(tmp_path / "printed.yaml")]) == expected


def test_a_run_is_named_by_path_name_beginning_and_last(home, tmp_path):
    (run,) = [p.name for p in (home / "runs").iterdir()]
    made = []
    for i, way in enumerate([str(home / "runs" / run), run, run[:12], "last"]):
        out = tmp_path / f"{i}.png"
        assert main(["sample", way, "-n", "4", "--out", str(out)]) == 0
        made.append(out.read_bytes())
    assert len(set(made)) == 1


def test_samples_depend_on_the_seed_alone(tmp_path):
    for name, n, seed in (("a", 20, 3), ("b", 5, 3), ("c", 5, 4)):
        assert main(["sample", "last", "-n", str(n), "--seed", str(seed), "--out", str(tmp_path / name)]) == 0
    first = [(tmp_path / name / "00000.png").read_bytes() for name in "abc"]
    assert first[0] == first[1] != first[2]
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == [f"{i:05d}.png" for i in range(5)]


def test_a_finished_run_says_so_and_runs_are_listed(capsys):
    assert main(["resume", "last"]) == 0
    assert "finished before" in capsys.readouterr().out
    assert main(["runs"]) == 0
    assert re.search(r"images-pictures-\w{8}\s+done", capsys.readouterr().out)


def test_plain_output_shows_strength_share_and_speed(capsys):
    assert main(["train", "images", "pictures.npz", "--steps", "5", *SMALL]) == 0
    out = capsys.readouterr().out
    assert re.search(r"step 5/5  [\d,]+ samples/s  0:00 left", out)
    assert re.search(r"l2: λ 0\.003  share of the gradient [\d.e-]+", out)
    assert "on the generator (λ = 0.003) acted" in out
    assert re.search(r"training [+-][\d.]+  heldout [+-][\d.]+  generated [+-]", out)
    assert main(["train", "images", "pictures.npz", "--steps", "6", "--quiet", *SMALL]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_the_recipe_s_flags(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "--l2-generator" in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(home):
    command = [sys.executable, "-m", "poise", "train", "images", "pictures.npz", "--steps", "100000", *SMALL]
    process = subprocess.Popen([*command, "--out", "long"], stdout=subprocess.PIPE, text=True)
    record = home / "long" / "record.jsonl"
    deadline = time.monotonic() + 60
    while not (record.exists() and record.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    made = int(re.search(r"stopped after step (\d+); go on with: poise resume long", out)[1])
    (checkpoint,) = (home / "long" / "checkpoints").glob("step-*")
    assert json.loads((checkpoint / "manifest.json").read_text())["step"] == made
    assert not (home / "long" / "DONE").exists()
