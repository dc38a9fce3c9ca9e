"""The cache folder and its atomic writes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from poise.data.files import store
from poise.errors import PoiseError


def test_cache_dir_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert store.cache_dir() == tmp_path / "cache"
    monkeypatch.setenv("POISE_CACHE", "~/here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.cache_dir() == tmp_path / "here"
    monkeypatch.delenv("POISE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert store.cache_dir() == tmp_path / "xdg" / "poise"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setattr(sys, "platform", "linux")
    assert store.cache_dir() == tmp_path / ".cache" / "poise"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert store.cache_dir() == tmp_path / "Library" / "Caches" / "poise"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert store.cache_dir() == tmp_path / "local" / "poise"


def test_no_home_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("POISE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(PoiseError, match="set POISE_CACHE"):
        store.cache_dir()


def test_atomic_write_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "b.bin"
    store.atomic_write(path, b"one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PoiseError, match=r"No space left on device.*POISE_CACHE"):
        store.atomic_write(path, b"two")
    assert path.read_bytes() == b"one"
    assert [p.name for p in path.parent.iterdir()] == ["b.bin"]


def test_building_renames_only_at_the_end(tmp_path: Path) -> None:
    final = tmp_path / "final"
    with store.building(final) as folder:
        (folder / "x").write_text("1")
        assert not final.exists()
    assert (final / "x").read_text() == "1"
    with pytest.raises(ZeroDivisionError), store.building(tmp_path / "other"):
        raise ZeroDivisionError
    with store.building(final) as folder:  # somebody was quicker: their copy stays
        (folder / "x").write_text("2")
    assert (final / "x").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir() if p.name != "cache"] == ["final"]


def test_sweep_removes_what_the_dead_left(tmp_path: Path) -> None:
    host = store.host()
    dead = 4_000_000  # above the largest process number of Linux
    gone = [f"{store.TEMPORARY}{host}-{dead}-aa", f"{store.TEMPORARY}elsewhere-1-aa"]
    kept = [f"{store.TEMPORARY}{host}-{os.getpid()}-aa", f"{store.TEMPORARY}elsewhere-1-bb"]
    for name in gone + kept:
        (tmp_path / name).mkdir()
    old = time.time() - 2 * store.ABANDONED_AFTER
    os.utime(tmp_path / gone[1], (old, old))
    store.sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept)


@pytest.mark.parametrize("count", [0, 1, 12345])
def test_row_writer_makes_a_plain_npy(count: int, tmp_path: Path) -> None:
    rows = np.arange(count * 6, dtype=np.int64).reshape(count, 2, 3)
    with store.RowWriter(tmp_path / "a.npy", (2, 3), np.int64) as writer:
        for row in rows:
            writer.append(row)
    loaded = np.load(tmp_path / "a.npy", mmap_mode="r" if count else None)
    assert np.array_equal(loaded, rows)
    with pytest.raises(ValueError), store.RowWriter(tmp_path / "b.npy", (2, 3), np.int64) as writer:
        writer.append(np.zeros((3, 2), np.int64))


def named(folder: Path) -> str:
    return (folder / "name").read_text()


def build(final: Path, name: str, anew: bool = True) -> None:
    with store.building(final, anew) as folder:
        (folder / "name").write_text(name)


def test_a_folder_takes_the_place_of_one_that_was_there(tmp_path: Path) -> None:
    final = tmp_path / "final"
    build(final, "first")
    with open(final / "name") as held:
        build(final, "second")
        assert named(final) == "second" and held.read() == "first"
    build(final, "third", anew=False)
    assert named(final) == "second"
    with store.building(final, anew=True) as folder:
        (folder / "name").write_text("fourth")
        build(final, "of another process")
    assert named(final) == "of another process"  # it came there after we had looked
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_who_reads_while_it_is_exchanged_reads_again(tmp_path: Path) -> None:
    final = tmp_path / "final"
    build(final, "first")
    seen: list[str] = []

    def read(folder: Path) -> str:
        seen.append(named(folder))
        if len(seen) == 1:
            build(final, "second")
        return seen[-1]

    assert store.sound(final, read) == "second" and seen == ["first", "second"]


def test_a_folder_that_is_gone_for_a_moment_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process is between its two renames, when we look for ours."""
    final, aside = tmp_path / "final", tmp_path / "aside"
    build(final, "first")
    final.rename(aside)
    monkeypatch.setattr(store.time, "sleep", lambda _: aside.rename(final))
    assert store.built(final, named) == "first"
