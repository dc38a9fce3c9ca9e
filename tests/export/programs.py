"""Programs of folders that were handed over, run where nothing can be imported but torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Runs a program of a folder where nothing can be imported but torch and what it needs itself.
ALONE = """
import runpy, sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("poise", "numpy", "PIL", "safetensors", "scipy", "jsonargparse"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refused())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def alone(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE, str(folder / "generator.py"), *words],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
