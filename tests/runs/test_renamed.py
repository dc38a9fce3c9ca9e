"""An array file may be renamed: the fingerprint of a run holds its name, and is looked for under the name of then."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from poise.evaluation.sources import OWN
from poise.record import RunFolder
from poise.runs.load import Run
from tests.test_bad_speech import command
from tests.test_bad_text import PICTURES

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
OTHERS = np.random.default_rng(1).integers(0, 256, (40, 16, 16), dtype=np.uint8)
LABELS = np.arange(40, dtype=np.uint8) % 4


def npy(path: Path, images: np.ndarray) -> None:
    np.save(path, images)


def npz(path: Path, images: np.ndarray) -> None:
    np.savez(path, images=images, labels=LABELS)


def idx(path: Path, images: np.ndarray) -> None:
    """Pictures, and their labels beside them where the name is one that has a place for that."""
    for file, rows in ((path, images), (path.with_name(path.name.replace("images-idx3", "labels-idx1")), LABELS)):
        if rows is images or file != path:
            data = struct.pack(f">HBB{rows.ndim}I", 0, 8, rows.ndim, *rows.shape) + rows.tobytes()
            file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)


KINDS: dict[str, tuple[Callable[[Path, np.ndarray], None], str, str]] = {
    "npy": (npy, "a.npy", "b.npy"),
    "npz": (npz, "a.npz", "b.npz"),
    "IDX": (idx, "a.idx", "b.idx"),
    "IDX with labels": (idx, "a-images-idx3-ubyte", "b-images-idx3-ubyte"),
    "packed IDX with labels": (idx, "a-images-idx3-ubyte.gz", "b-images-idx3-ubyte.gz"),
}


@pytest.mark.parametrize("kind", [
    pytest.param(name, marks=[] if name == "npy" else pytest.mark.slow) for name in KINDS
])  # fmt: skip
def test_a_renamed_file_is_the_same(tmp_path: Path, monkeypatch, capsys, kind: str) -> None:
    write, old, new = KINDS[kind]
    monkeypatch.chdir(tmp_path)
    write(Path(old), IMAGES)
    assert main(command("images", PICTURES, old, "--out", "run", "--quiet")) == 0
    before = json.loads(Path("run/spec.json").read_text())
    for file in Path().glob("a*"):
        file.rename(file.name.replace("a", "b", 1))
    Path("run/DONE").unlink()
    assert main(["resume", "run", "--quiet"]) == 2
    assert f"are not in {tmp_path / old} any more" in capsys.readouterr().err
    assert main(["resume", "run", "--data", new, "--quiet"]) == 0
    after = json.loads(Path("run/spec.json").read_text())
    assert after == {**before, "data_path": str(tmp_path / new)}  # the fingerprint stays, and what was typed
    Path("run/DONE").unlink()
    assert main(["resume", "run", "--quiet"]) == 0  # from now on it is known
    train, heldout = OWN["image"](Run(RunFolder(tmp_path / "run")))
    assert train.items.fingerprint == before["facts"]["fingerprint"] and len(train.rows) + len(heldout.rows) == 40

    Path("c").mkdir()
    write(Path("c") / new, OTHERS)
    assert main(["resume", "run", "--data", f"c/{new}", "--quiet"]) == 2
    assert "its content is another" in capsys.readouterr().err
    assert json.loads(Path("run/spec.json").read_text()) == after
