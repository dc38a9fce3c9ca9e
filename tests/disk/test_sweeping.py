"""What killed processes left is swept up; what others call by similar names stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from poise.data.files import store
from poise.disk import host, sweep
from poise.disk.writing import ABANDONED_AFTER

RANDOM = "0123456789abcdef"
DEAD = 4_000_000  # above the largest process number of Linux
OURS = {"file": f".a.json.{host()}-{DEAD}-{RANDOM}.tmp", "folder": f".run.{host()}-{DEAD}-{RANDOM}.tmp"}
FOREIGN = [
    ".backup.tmp", ".old.2023.tmp", ".notes.1999.tmp", ".bash_history-01234.tmp", ".x.4000000.tmp", ".tmp",
    f".x.{host()}-{DEAD}.tmp", f".x.{host()}-{DEAD}-{RANDOM}.tmp.bak", f"x.{host()}-{DEAD}-{RANDOM}.tmp",
    f".x.{host()}-{DEAD}-{RANDOM[:8]}.tmp", ".building-materials", ".building-4000000-x",
]  # fmt: skip


def made(folder: Path) -> None:
    """Ours and theirs, all of them old."""
    old = time.time() - 2 * ABANDONED_AFTER
    for i, name in enumerate([*OURS.values(), *FOREIGN]):
        place = folder / name
        if name == OURS["file"] or (i % 2 and name != OURS["folder"]):
            place.write_text("mine")
        else:
            place.mkdir()
            (place / "inside").write_text("mine")
        os.utime(place, (old, old))


@pytest.mark.parametrize("sweeping", [sweep, store.sweep], ids=["runs", "cache"])
def test_what_is_not_ours_stays(sweeping, tmp_path):
    made(tmp_path)
    (tmp_path / f"{store.TEMPORARY}{host()}-{DEAD}-aa").mkdir()
    sweeping(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left >= set(FOREIGN)
    gone = set(OURS.values()) if sweeping is sweep else {f"{store.TEMPORARY}{host()}-{DEAD}-aa"}
    assert not left & gone


@pytest.mark.parametrize("age", [0, 2 * ABANDONED_AFTER])
def test_what_a_process_of_another_machine_left_has_a_day(age, tmp_path):
    place = tmp_path / f".a.elsewhere-1-{RANDOM}.tmp"
    place.write_text("x")
    os.utime(place, (time.time() - age,) * 2)
    sweep(tmp_path)
    assert place.exists() == (age == 0)


@pytest.mark.slow
def test_a_run_is_made_beside_whatever_lies_there(tmp_path, monkeypatch):
    """The folder around --out is a user's own, often the home or the project."""
    monkeypatch.chdir(tmp_path)
    np.save("p.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8))
    home = tmp_path / "home"
    home.mkdir()
    made(home)
    size = ["--generator.width", "2", "--discriminator.width", "2", "--batch", "8", "--scores", "0", "--threads", "1"]
    assert main(["train", "images", "p.npy", *size, "--steps", "2", "--quiet", "--out", "home/run"]) == 0
    assert {path.name for path in home.iterdir()} == {*FOREIGN, "run"}
