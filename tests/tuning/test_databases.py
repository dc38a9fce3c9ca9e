"""The trials of a search in databases: the same as in the journal. PostgreSQL is Debian's, started here."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from poise.cli import main

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


def test_a_base_that_another_search_has_begun_is_refused(tmp_path, capsys):
    """Its trials are of other options: what is tried would be nonsense."""
    address = f"sqlite:///{tmp_path / 'tune.db'}"
    assert main([*WORDS, "--out", str(tmp_path / "t"), "--trials", "4", "--quiet", "--storage", address]) == 0
    other = [*WORDS[:-1], "lr=times:0.5:2", "--out", str(tmp_path / "u"), "--trials", "4", "--storage", address]
    assert main(other) == 2
    assert "holds the trials of another search" in capsys.readouterr().err
