"""Files over HTTPS from the publisher of a data set: checked by their sums, gone on with where they were cut off."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from poise import __version__
from poise.data.files import store
from poise.disk import locked
from poise.errors import Busy, PoiseError

Progress = Callable[[int, int], object]  # bytes here, bytes in all
TRIES = 5  # connections in a row that bring nothing before it is given up
WAIT = 1.0  # seconds before the next one, doubled each time
TIMEOUT = 60.0  # seconds without a byte
SLACK = 2.0  # times the size that is known, above which a file is not what is meant


class WebFile(NamedTuple):
    """One file of a publisher. `sha256` is that of its content, unpacked where its name ends in .gz: a publisher may
    pack the same again."""

    url: str
    name: str
    size: int  # bytes, about: as it is sent
    sha256: str


def bring(files: tuple[WebFile, ...], parts: Path, folder: Path, progress: Progress | None = None) -> None:
    """Download files into `folder`, each under its name.

    Args: files; parts, a folder in which what is here stays for the next time until all are; folder, where whole and
    checked files go then; progress(bytes here, bytes in all).

    Errors: PoiseError, with the address: nobody answers, a file of another content (which is thrown away), a full disk.
    """
    with _alone(parts):
        _bring(files, parts, folder, progress)


@contextlib.contextmanager
def _alone(parts: Path) -> Iterator[None]:
    """Only one process downloads into a folder; another waits for it."""
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise store.cannot_write(parts, error) from None
    while True:
        with contextlib.suppress(Busy), locked(parts / ".lock"):
            yield
            return
        time.sleep(WAIT)


def _bring(files: tuple[WebFile, ...], parts: Path, folder: Path, progress: Progress | None) -> None:
    whole = sum(file.size for file in files)
    done, ready = 0, []
    for file in files:
        part, start = parts / f"{file.sha256[:16]}-{file.name}.part", done

        def here(count: int, start: int = start) -> None:
            if progress:
                progress(min(start + count, whole), whole)

        _download(file, part, here)
        if (found := _digest(part, file)) != file.sha256:
            part.unlink(missing_ok=True)
            raise PoiseError(
                f"{file.url} is not what is meant: its content has sha256 {found[:16]}... and not "
                f"{file.sha256[:16]}..., so it was thrown away"
            )
        ready.append((part, folder / file.name))
        done += file.size
    for part, final in ready:
        try:
            part.replace(final)
        except OSError as error:
            raise store.cannot_write(folder, error) from None


def _download(file: WebFile, part: Path, here: Callable[[int], None]) -> None:
    """Fill `part`, from where it ends, in as many connections as it takes."""
    left, wait, most = TRIES, WAIT, part.stat().st_size if part.exists() else 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _one_connection(file, part, before, here):
                return
            reason = "the connection was closed before the end"
        except (HTTPException, OSError, ValueError) as error:  # URLError and ssl.SSLError are OSErrors
            if isinstance(error, urllib.error.HTTPError) and error.code == 416 and before:
                return  # there is nothing after what is here; the sum decides
            if isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code not in (408, 429):
                raise PoiseError(f"{file.url} is not there (HTTP {error.code})") from None
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        after = part.stat().st_size if part.exists() else 0
        left, wait = (TRIES, WAIT) if after > most else (left - 1, 2 * wait)
        most = max(most, after)
        if left <= 0:
            raise PoiseError(
                f"{urlsplit(file.url).hostname} does not bring {file.name} ({reason}); what is here is kept"
            )
        time.sleep(wait)


def _one_connection(file: WebFile, part: Path, before: int, here: Callable[[int], None]) -> bool:
    """One answer of the server, appended to what is here or, where it cannot go on, from the beginning. Returns
    whether it was whole."""
    request = urllib.request.Request(file.url, headers={"User-Agent": f"poise/{__version__}"})
    if before:
        request.add_header("Range", f"bytes={before}-")
    with _opener().open(request, timeout=TIMEOUT) as answer:
        goes_on = answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {before}-")
        length = answer.headers.get("Content-Length")
        start = before if goes_on else 0
        wanted = None if length is None else start + int(length)
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            out = part.open("ab" if goes_on else "wb")
        except OSError as error:
            raise store.cannot_write(part.parent, error) from None
        with out:
            count = _copied(answer, out, start, int(SLACK * file.size) + store.CHUNK, here, file)
    return wanted is None or count == wanted


def _copied(answer: HTTPResponse, out: Any, count: int, most: int, here: Callable[[int], None], file: WebFile) -> int:
    while data := answer.read(store.CHUNK):
        try:
            out.write(data)
        except OSError as error:
            raise store.cannot_write(Path(out.name).parent, error) from None
        count += len(data)
        here(count)
        if count > most:
            raise PoiseError(f"{file.url} is not what is meant: it is longer than {most:,} bytes")
    return count


class _StaysSafe(urllib.request.HTTPRedirectHandler):
    """No address but https, whatever a server says; http on this very machine alone, for those who test."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        _safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        _safe(request.full_url)
        return request


def _safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise urllib.error.URLError(f"{parts.scheme}://{parts.hostname} is not https")


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_StaysSafe())


def _digest(path: Path, file: WebFile) -> str:
    """sha256 of the content, unpacked where it is packed; of what is there where it cannot be unpacked."""
    try:
        if not file.name.endswith(".gz"):
            return store.sha256_of(path)
        found = hashlib.sha256()
        with gzip.open(path, "rb") as packed:
            while data := packed.read(store.CHUNK):
                found.update(data)
        return found.hexdigest()
    except (EOFError, zlib.error, OSError):
        return "damaged".ljust(16, "-")
