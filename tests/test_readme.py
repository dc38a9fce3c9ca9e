"""The README is true: its Python runs, its commands exist, its tree is the disk's."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from poise.cli import tree, tune
from poise.cli.train import parser_of

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code, tmp_path):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_there_are_blocks():
    assert len(blocks("python")) >= 2 and len(blocks("console")) >= 2 and len(blocks("text")) == 2


COMMANDS = [
    line[2:].split("  #")[0].strip() for block in blocks("console") for line in block.splitlines() if line.strip()
]

TREE = functools.cache(lambda: tree()[0])
TRAINING, SEARCHING = functools.cache(parser_of), functools.cache(tune.parser_of)  # the same for every command
DATA = {
    "images": ["photos/"],
    "text": ["chinese-quatrains", "poems.txt"],
    "language": ["web-bible"],
    "vocoder": ["asterisk-en"],
    "speech": ["mandarin-syllables", "voice/"],
    "vae": ["photos/"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist(command, capsys):
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M)
        return
    assert words[0] == "poise"
    if words[1] == "train":
        parsed = TRAINING(words[2]).parse(words[3:])
        assert parsed["data"] in DATA[words[2]]
        return
    if words[1] == "tune":
        assert SEARCHING("tune", words[2]).parse(words[3:])["data"] in DATA[words[2]]
        return
    assert callable(TREE().parse_args(words[1:]).function)


def test_the_tree_is_the_disk():
    (tree,) = [block for block in blocks("text") if block.startswith("src/")]
    lines = tree.splitlines()
    assert lines[0] == "src/poise/"
    named = {line.split()[0] for line in lines[1:] if line.startswith("  ")}
    package = ROOT / "src" / "poise"
    found = {p.name for p in package.glob("*.py")} - {"__init__.py", "__main__.py"}
    found |= {f"{p.name}/" for p in package.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert named == found
    for line in lines[1:]:
        if not line.startswith("  "):
            assert (ROOT / line.split()[0]).exists()


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target
