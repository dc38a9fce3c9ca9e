"""A run folder may be looked through while another process trains in it."""

import os
import threading

import pytest

from poise import disk
from poise.disk import reading
from poise.errors import PoiseError


@pytest.mark.slow
def test_what_vanishes_while_it_is_looked_at_is_no_fault(tmp_path):
    """Checkpoints are made, renamed and removed all the time."""
    over, made_and_removed = threading.Event(), 0

    def train() -> None:
        nonlocal made_and_removed
        while not over.is_set():
            made = disk.temporary_folder(tmp_path / "step")
            (made / "weights").write_bytes(b"x")
            os.rename(made, tmp_path / "step")
            disk.remove(tmp_path / "step")
            made_and_removed += 1

    worker = threading.Thread(target=train)
    worker.start()
    faults = []
    try:
        while made_and_removed < 200 and worker.is_alive():
            try:
                disk.inspect(tmp_path)
            except PoiseError as error:
                faults.append(str(error))
    finally:
        over.set()
        worker.join()
    assert not faults
    assert made_and_removed >= 200  # nothing ended the training either


def test_a_link_beside_something_that_vanishes_is_still_found(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    (tmp_path / "z").symlink_to("a")
    kind = reading._kind_of
    monkeypatch.setattr(reading, "_kind_of", lambda entry: "" if entry.name == "b" else kind(entry))
    with pytest.raises(PoiseError, match="z is a link"):
        disk.inspect(tmp_path)


def test_a_folder_that_is_gone_is_told(tmp_path):
    with pytest.raises(PoiseError, match="not there any more"):
        disk.inspect(tmp_path / "gone")


@pytest.mark.parametrize("name", ["O_BINARY", "O_NOFOLLOW"])
def test_the_flags_are_those_of_the_system(name):
    expected = getattr(os, name, 0)
    assert (reading.SAFE | reading.BINARY) & expected == expected
