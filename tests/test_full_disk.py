"""A full disk: one sentence, nothing half-written, and the run goes on to the same end once there is room."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from poise.cli import main
from poise.record import RunFolder
from poise.training.checkpoint import all_checkpoints, checked_step
from tests.refusals import leftovers, pictures_and_a_run, snapshot, told, train

resource = pytest.importorskip("resource", reason="limits of a process are those of POSIX")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return pictures_and_a_run(tmp_path_factory.mktemp("made"))


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: the kernel refuses the write, as a full disk would."""
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def whole(folder: Path) -> list[str]:
    """The names of the checkpoints, each of which is as its manifest says; nothing is half-written."""
    run = RunFolder(folder)
    for checkpoint in all_checkpoints(run.checkpoints):
        checked_step(checkpoint)
    assert not leftovers(folder)
    assert {p.name for p in run.checkpoints.iterdir()} == {p.name for p in all_checkpoints(run.checkpoints)}
    return [p.name for p in all_checkpoints(run.checkpoints)]


def assert_same_end(folder: Path, other: Path) -> None:
    """The record and every file of the last checkpoint are equal, byte for byte; resume.pt by its tensors."""
    assert (folder / "record.jsonl").read_bytes() == (other / "record.jsonl").read_bytes()
    last, expected = (all_checkpoints(f / "checkpoints")[-1] for f in (folder, other))
    assert last.name == expected.name
    for file in expected.glob("*.safetensors"):
        assert (last / file.name).read_bytes() == file.read_bytes()
    states = [torch.load(f / "resume.pt", weights_only=True) for f in (last, expected)]
    assert flat(states[0]) == flat(states[1])


def flat(value: object, prefix: str = "") -> dict[str, object]:
    """Nested tables as one, with the bytes of tensors."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, item in items for k, v in flat(item, f"{prefix}/{key}").items()}
    return {prefix: value.numpy().tobytes() if isinstance(value, torch.Tensor) else value}


def fails_from_now_on(monkeypatch, suffix: str) -> None:
    """fsync finds no space left for every file whose name ends in `suffix`."""
    honest = os.fsync

    def fsync(handle: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}").endswith(suffix):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        honest(handle)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.slow
def test_no_room_for_the_first_checkpoint(place, capsys):
    """The write of the weights fails for real; afterwards the run goes on and ends as if nothing had happened."""
    with files_up_to(6_000):
        assert main(train("--out", "runs/full", "--quiet")) == 2
    assert re.search(
        r"cannot write the checkpoint runs/full/checkpoints/step-00000002: .*no earlier one.*resume runs/full",
        told(capsys),
    )
    assert whole(place / "runs/full") == []
    assert not (place / "runs/full/DONE").exists()
    assert main(["resume", "full", "--quiet"]) == 0
    assert_same_end(place / "runs/full", place / "runs/done")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks the kernel for the names of open files")
def test_no_room_for_a_later_checkpoint(place, capsys, monkeypatch):
    """The last good checkpoint is named and stays; the run goes on from it to the same end, byte for byte."""
    with monkeypatch.context() as patch:
        patch.setattr("poise.runs.run.Session._save", saving_until(4, patch))
        assert main(train("--out", "runs/full", "--quiet")) == 2
    assert re.search(r"step-00000004: No space left.*the last good one is step-00000002.*free some space", told(capsys))
    assert whole(place / "runs/full") == ["step-00000002"]
    assert main(["resume", "full", "--quiet"]) == 0
    assert whole(place / "runs/full")[-1] == "step-00000006"
    assert_same_end(place / "runs/full", place / "runs/done")


def saving_until(step: int, patch: pytest.MonkeyPatch) -> Callable:
    """`Session._save` that meets a full disk from checkpoint `step` on."""
    from poise.runs.run import Session

    honest = Session._save

    def save(self: Session, made: int, row: dict) -> None:
        if made == step:
            fails_from_now_on(patch, ".safetensors")
        honest(self, made, row)

    return save


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 300, 1_000])
def test_no_room_for_the_run_folder(place, capsys, size, monkeypatch):
    """Not even the description of the run fits: no folder appears, and the same command works later."""
    # What was changed seconds ago is looked at again, and noted down: not here.
    monkeypatch.setattr("poise.data.files.index.TOO_FRESH", 0)
    assert main(["data", "check", "pictures.npz"]) == 0
    assert main(train("--out", "runs/warm", "--quiet", steps="1")) == 0  # so that the pictures are in the cache
    capsys.readouterr()
    before = snapshot(place)
    with files_up_to(size):
        assert main(train("--out", "runs/full", "--quiet")) == 2
    assert re.search(r"runs/full", told(capsys))
    assert snapshot(place) == before
    assert main(train("--out", "runs/full", "--quiet")) == 0
    assert_same_end(place / "runs/full", place / "runs/done")


@pytest.mark.slow
def test_no_room_for_the_record(place, capsys, monkeypatch):
    """A row that does not fit is told once, and the row that was cut off is made again."""
    with monkeypatch.context() as patch:
        patch.setattr("poise.recipes.images.outputs.save_grid", lambda *_: None)
        patch.setattr("poise.runs.run.Session._save", lambda *_: None)
        spec = (place / "runs/done/spec.json").stat().st_size
        with files_up_to(max(spec, 2_600)):
            assert main(train("--out", "runs/full", "--quiet", "--log-every", "1")) == 2
    assert re.search(r"cannot write runs/full/record\.jsonl: .*resume runs/full", told(capsys))
    assert main(["resume", "full", "--quiet"]) == 0
    assert [row["step"] for row in RunFolder(place / "runs/full").rows()] == list(range(6))


@pytest.mark.slow
def test_no_room_for_the_decoded_pictures(place, capsys, monkeypatch):
    """The cache keeps nothing of a set that did not fit, and the sentence names it."""
    monkeypatch.setenv("POISE_CACHE", str(place / "cache"))
    with files_up_to(4_000):
        assert main(train("--out", "runs/full", "--quiet")) == 2
    assert re.search(r"cannot write in \S*cache\S* .*POISE_CACHE", told(capsys))
    assert not leftovers(place)
    assert not list((place / "cache").rglob("images.npy"))
    assert not (place / "runs/full").exists()


def test_no_room_for_samples(place, capsys):
    """A grid is there whole or not at all."""
    before = snapshot(place)
    with files_up_to(100):
        assert main(["sample", "done", "-n", "4", "--out", "grid.png"]) == 2
    assert re.search(r"cannot write grid\.png: .*free some space", told(capsys))
    assert snapshot(place) == before
