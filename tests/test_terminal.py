"""What is printed cannot act, and what is printed to be pasted means what it says."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from poise.terminal import escaped, pasted

NAMES = [
    "photos", "my photos", "it's", "a\\b", "-x", "\x1b[31mred", "two\nlines", "tab\there", os.fsdecode(b"caf\xe9"),
    os.fsdecode(b"it's \\ caf\xe9"), "מב\u202eגד", "$HOME `x`", "",
]  # fmt: skip


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash to paste into")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_pasted_word_is_the_name(name: str) -> None:
    word = pasted(name)
    assert escaped(word) == word, "printing it changes nothing"
    done = subprocess.run(
        ["bash", "-c", f"printf %s {word}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert os.fsdecode(done.stdout) == name
