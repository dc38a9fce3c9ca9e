"""Texts that are larger than anything: a check looks at a part, says so, and its memory is bounded."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import resource, sys
import torch, poise.cli, poise.data.text.check, poise.cli.checking
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
code = poise.cli.main(["data", "check", sys.argv[1]])
print(code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def checked(path: Path) -> tuple[int, int, str, str]:
    """Exit code, MB over the interpreter with everything imported, and what was said."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, timeout=500)
    *lines, last = done.stdout.splitlines()
    code, megabytes = map(int, last.split())
    return code, megabytes, "\n".join(lines), done.stderr


@pytest.mark.slow
def test_300_megabytes(tmp_path: Path) -> None:
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9))) for _ in range(20_000)]
    piece = "".join(f"{' '.join(draw.choices(words, k=draw.randint(4, 25)))}.\n" for _ in range(30_000)).encode()
    path = tmp_path / "large.txt"
    with open(path, "wb") as file:
        while file.tell() < 300_000_000:
            file.write(piece)
    code, megabytes, said, told = checked(path)
    assert code == 0 and megabytes < 1000
    assert "only the first 34 million characters were looked at" in said
    assert "large.txt: " in told  # what takes more than two seconds is told


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["txt", "csv", "jsonl"])
def test_one_line_of_200_megabytes(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    with open(path, "wb") as file:
        for _ in range(200):
            file.write(b"x" * 1_000_000)
    code, megabytes, _, told = checked(path)
    assert code == 2 and megabytes < 1000
    assert "line 1 has more than 17 MB: break the text into lines" in told
    assert "Traceback" not in told
