"""The command that shows runs in a browser: serve."""

from __future__ import annotations

import argparse
import secrets
import socket
from pathlib import Path
from typing import Any

from poise.cli.parser import command, whole
from poise.errors import PoiseError

COMMANDS = ("serve",)
PORT = 8741


def add(commands: Any) -> None:
    """Enter the command."""
    made = command(commands, "serve", serve, "look at runs and studies in a browser, while they train and afterwards")
    made.add_argument("folder", nargs="?", help="a folder of runs or studies, or a study (default: runs/ and studies/)")
    made.add_argument("--port", type=whole(0, 65535), default=PORT, help=f"default {PORT}; 0: any that is free")
    made.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen at (default 127.0.0.1, this machine alone; with another one a token is asked for)",
    )
    made.add_argument("--token", help="what visitors must know, where the address is not this machine's own")


def serve(options: argparse.Namespace) -> int:
    from poise.installing import install

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise PoiseError(f"poise serve needs {error.name}: {install('web')}") from None
    from poise.serve import app
    from poise.serve.apart import Apart
    from poise.serve.server import serve as server

    runs, studies, told = places(options.folder)
    alone = options.host in app.LOOPBACK
    token = options.token or (None if alone else secrets.token_urlsafe(18))
    if token is not None and len(token) < 8:
        raise PoiseError("--token is too short: give at least 8 letters")
    port = free(options.host, options.port)
    known = f"?token={token}" if token else ""
    name = f"[{options.host}]" if ":" in options.host else options.host
    print(f"{told}: http://{name}:{port}/{known}   (Ctrl-C ends it)", flush=True)
    painter = Apart()
    made = app.application(runs, app.LOOPBACK if alone else None, token, painter, studies=studies)
    server(made, options.host, port, painter.stop)
    return 0


def places(folder: str | None) -> tuple[Path, Path, str]:
    """The folder of runs, that of studies (or a study), and what to tell of them. Errors: PoiseError for none."""
    from poise.record import runs_root
    from poise.studies.place import PLAN, studies_root

    if folder is None:
        known = [place for place in (runs_root(), studies_root()) if place.is_dir()]
        if not known:
            raise PoiseError(f"{runs_root()} is no folder of runs; name one, or train a run first")
        return runs_root(), studies_root(), f"runs and studies in {' and '.join(map(str, known))}"
    place = Path(folder)
    if not place.is_dir():
        raise PoiseError(f"{place} is no folder of runs; name one, or train a run first")
    if (place / PLAN).is_file():
        return place / "runs", place, f"the study in {place}"
    return place, place, f"runs and studies in {place}"


def free(host: str, port: int) -> int:
    """The port, or any that is free for 0. Errors: PoiseError where it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
            found: int = tried.getsockname()[1]
            return found
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PoiseError(f"--host {host} --port {port}: {reason}; give another --port, or 0 for any") from None
