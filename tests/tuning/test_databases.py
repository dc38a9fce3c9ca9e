"""The trials of a search in databases: the same as in the journal. PostgreSQL is Debian's, started here."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from poise.cli import main
from poise.tuning.storage import Marks

pytestmark = [pytest.mark.usefixtures("here"), pytest.mark.slow]
SHRINK = ["tune", "shrink", "x", "--no-scan"]
WORDS = [*SHRINK, "--each", "1", "--confirm", "6", "--steps", "4", "--space", "lr=off"]


def tried(folder):
    return json.loads((folder / "answer.json").read_text())["trials"]


@pytest.fixture(scope="module")
def postgres():
    """The address of a base on a server of this test alone. PostgreSQL refuses to run as root, so root lends it a user,
    and a folder of its own, which that user may enter."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    pytest.importorskip("psycopg", reason="needs psycopg, PostgreSQL's driver")
    users = {user.pw_name: user for user in pwd.getpwall()}
    root = os.geteuid() == 0
    if not programs or (root and ("postgres" not in users or shutil.which("runuser") is None)):
        pytest.skip("needs Debian's postgresql")
    place = Path(tempfile.mkdtemp(prefix="poise-pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if root else []
    if root:
        os.chown(place, users["postgres"].pw_uid, users["postgres"].pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, binaries = place / "data", programs[-1]
    quiet = {"check": True, "capture_output": True, "cwd": "/"}
    server = [*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-l", str(place / "log")]
    flags = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={place} -c fsync=off"
    try:
        subprocess.run([*as_user, str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "poise"], **quiet)
        subprocess.run([*server, "-w", "-o", flags, "start"], **{**quiet, "capture_output": False})
        yield f"postgresql+psycopg://poise@127.0.0.1:{port}/postgres"
        subprocess.run([*server, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def journal(tmp_path):
    """The trials of the journal."""
    assert main([*WORDS, "--out", str(tmp_path / "t"), "--trials", "8", "--quiet"]) == 0
    return tried(tmp_path / "t")


def test_sqlite(tmp_path, journal):
    words = [*WORDS, "--out", str(tmp_path / "u"), "--quiet", "--storage", f"sqlite:///{tmp_path / 'tune.db'}"]
    assert main([*words, "--trials", "4"]) == 0
    assert main([*words, "--trials", "8"]) == 0, "it goes on in the same base"
    assert tried(tmp_path / "u") == journal
    assert (tmp_path / "tune.db").exists() and not (tmp_path / "u" / "trials.journal").exists()


def test_postgresql(tmp_path, journal, postgres):
    words = [*WORDS, "--out", str(tmp_path / "u"), "--quiet", "--storage", postgres]
    assert main([*words, "--trials", "4"]) == 0
    assert main([*words, "--trials", "8"]) == 0
    assert tried(tmp_path / "u") == journal


def test_a_base_holds_several_searches(tmp_path, journal):
    """Neither sees the trials of the other, and each goes on."""
    kept = ["--quiet", "--storage", f"sqlite:///{tmp_path / 'tune.db'}"]
    other = [*WORDS[:-1], "lr=times:0.5:2", "--out", str(tmp_path / "o"), *kept]
    mine = [*WORDS, "--out", str(tmp_path / "u"), *kept]
    assert main([*other, "--trials", "4"]) == 0
    assert main([*mine, "--trials", "4"]) == 0
    assert main([*other, "--trials", "8"]) == 0
    assert main([*mine, "--trials", "8"]) == 0
    assert tried(tmp_path / "u") == journal and len(tried(tmp_path / "o")) == 8
    assert all("lr" in trial["values"] for trial in tried(tmp_path / "o"))


def test_a_base_of_before_goes_on(tmp_path, journal, monkeypatch):
    """It has one search, which is called nothing else."""
    words = [*WORDS, "--out", str(tmp_path / "u"), "--quiet", "--storage", f"sqlite:///{tmp_path / 'tune.db'}"]
    with monkeypatch.context() as before:
        before.setattr(Marks, "name_in", lambda self, kept, alone: "search")
        assert main([*words, "--trials", "4"]) == 0
    assert main([*words, "--trials", "8"]) == 0
    assert tried(tmp_path / "u") == journal
    with sqlite3.connect(tmp_path / "tune.db") as base:
        assert base.execute("select study_name from studies").fetchall() == [("search",)]
