"""The command line as people use it: quick help, and equal ways to say the same thing."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from poise.cli import data, demo, main, reporting, runs, sampling, serve, study, tree, tune
from poise.cli import train as training
from poise.cli.parser import CommandParser, commands_of
from poise.registry import names
from poise.specs.spec import parser_for
from tests.commands import made, printed, said, train  # noqa: F401  (a fixture)

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


@pytest.mark.slow
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


@pytest.mark.parametrize("part", [training, demo, sampling, runs, reporting, serve, study, tune, data])
def test_each_file_of_commands_says_which_it_enters(part):
    """By that a command is found without entering all others."""
    commands = commands_of(CommandParser())
    part.add(commands)
    assert set(commands.choices) == set(part.COMMANDS)
    assert set(tree(part.COMMANDS[0])[1].choices) == {*part.COMMANDS, "completion"}


@pytest.mark.slow
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
