"""What a disk does between a study and its workers: full, slow, and out of reach for a moment."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from poise import __version__
from poise.studies.running import desk as desks
from poise.studies.running import letters
from poise.studies.running.desk import FarCrew, Seat
from poise.studies.running.letters import Letters
from tests.studies.desks import wait_for

LONG = 30.0  # seconds, longer than any of this takes


def seated(folder: Path, name: str = "w", **told: object) -> Path:
    """The place of a worker that only pretends."""
    place = folder / "desk" / name
    place.mkdir(parents=True)
    (place / "beat").touch()
    (place / "hello.json").write_text(json.dumps({"host": "far", "process": 7, "version": __version__, **told}))
    return place


def test_a_full_disk_loses_no_word_and_leaves_no_half_line(tmp_path, monkeypatch):
    near, far = Letters(tmp_path / "a", tmp_path / "b"), Letters(tmp_path / "b", tmp_path / "a")
    room = [5]

    class Full:
        def __init__(self, path, *rest, **more):
            self.file = open(path, *rest, **more)  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, content):
            if not room[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            part = content[: room[0]]
            room[0] -= len(part)
            return self.file.write(part)

    with monkeypatch.context() as patched:
        patched.setattr(letters, "open", lambda path, mode, **more: Full(path, mode, **more), raising=False)
        for message in (["done", "a"], ["step", "b", 1, 2]):
            with pytest.raises(OSError, match="No space"):
                far.send(message)
        assert (tmp_path / "a").read_bytes() == b'["don'
        room[0] = 1000
        assert not far.poll()  # which sends what is left
    assert [near.recv(), near.recv()] == [["done", "a"], ["step", "b", 1, 2]] and not near.poll()


def test_a_length_that_is_seen_before_the_content_and_lines_of_others(tmp_path):
    near = Letters(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a").write_bytes(b'["x"]\n' + b"\0" * 9 + b"\n")
    assert near.recv() == ["x"] and not near.poll()
    (tmp_path / "a").write_bytes(b'["x"]\n["later"]\nno JSON\n7\n["end"]\n')
    assert near.recv() == ["later"]
    crew = FarCrew(seated(tmp_path), "far", LONG)
    (crew.place / "out").write_bytes(b'7\n[]\nnull\n["done", "a"]\n')
    assert crew.heard() == [["done", "a"]]


def test_a_disk_that_is_out_of_reach_for_a_moment_sends_nobody_home(tmp_path, monkeypatch):
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "parent").write_text("me")
    with Seat(tmp_path, 0.4) as seat:
        seat.parent = "me"
        assert not seat.alone()
        with monkeypatch.context() as patched:
            beats: list[Path] = []

            def fails(path):
                beats.append(path)
                raise OSError(errno.ESTALE, "Stale file handle")

            patched.setattr(desks, "touched", fails)
            seat.looked = 0.0
            assert not seat.alone()
            wait_for(lambda: len(beats) > 3)
            assert not seat.left.is_set()
            seat.looked, seat.reached = 0.0, seat.reached - 1.0
            assert seat.alone(), "for longer than that the parent counts as lost"
        seat.looked = 0.0
        (tmp_path / "desk" / "parent").unlink()
        assert seat.alone(), "a parent that has ended"
