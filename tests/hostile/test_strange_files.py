"""Links, pipes and sockets in each place of a run from somebody else: refused before anything is touched."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.foreign import RUN, unfinished
from tests.hostile.guard import Outside, attack

pytestmark = pytest.mark.slow

PLACES = [
    ".lock", "spec.json", "record.jsonl", "events.jsonl", "report.json", "DONE", "remedies.json", "threads.json",
    "samples", "samples/00000006.png", "checkpoints", "checkpoints/step-00000006",
    "checkpoints/step-00000006/manifest.json", "checkpoints/step-00000006/resume.pt",
    "checkpoints/step-00000006/generator.ema.safetensors", "anything", ".hidden/deep",
]  # fmt: skip


def link_to_file(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "victim")


def link_to_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "deep")


def link_to_nothing(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "not there")


def link_to_itself(path: Path, outside: Path) -> None:
    path.symlink_to(path.name)


def pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def local_socket(path: Path, outside: Path) -> None:
    before = os.getcwd()
    os.chdir(path.parent)  # its address must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(before)


STRANGE = [link_to_file, link_to_folder, link_to_nothing, link_to_itself, pipe, local_socket]


def put(name: str, strange: Callable[[Path, Path], None], outside: Path) -> None:
    path = RUN / name
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    path.parent.mkdir(exist_ok=True)
    strange(path, outside)


@pytest.mark.parametrize("strange", STRANGE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_regular_file_is_refused_before_anything_is_touched(place, outside, capsys, name, strange):
    put(name, strange, outside.folder)
    if name != "DONE" and strange in (link_to_file, pipe):
        (RUN / "DONE").unlink(missing_ok=True)
    for argv in (["resume", str(RUN)], ["sample", str(RUN), "-n", "1"], ["diagnose", str(RUN)]):
        said = attack(argv, outside, capsys)
        assert name.partition("/")[0] in said
    said = attack(["runs"], outside, capsys, code=0)
    assert "no runs" in said or "broken" in said


@pytest.mark.parametrize("name", ["samples.png", "more", "x/y.png"])
def test_samples_are_not_written_through_a_planted_name(place, outside, capsys, name):
    """Others may write in the folder: they know which temporary name a process could take."""
    Path("x").mkdir()
    for pid in range(os.getpid() - 2, os.getpid() + 3):
        for kind in ("", ".new", ".old"):
            (Path(name).parent / f".{Path(name).name}.{pid}{kind}.tmp").symlink_to(outside.folder / "victim")
    Path(name).symlink_to(outside.folder / "victim")
    said = attack(["sample", str(RUN), "-n", "2", "--out", name], outside, capsys, code=None)
    assert Path(name).is_symlink() or name in said


def test_a_record_with_a_second_name_becomes_a_copy(place, outside, capsys):
    """As backups make them: going on with a run must not write into the backup."""
    unfinished()
    kept = {}
    for name in ("record.jsonl", "events.jsonl", ".lock"):
        os.link(RUN / name, outside.folder / name)
        kept[name] = (outside.folder / name).read_bytes()
    assert attack(["resume", str(RUN), "--from-step", "4"], Outside(place / "other"), capsys, code=0)
    assert {name: (outside.folder / name).read_bytes() for name in kept} == kept
