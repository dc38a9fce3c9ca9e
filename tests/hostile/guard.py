"""What each hostile case is held to: soon over, little memory, a sentence or a right result, nothing else touched."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

from poise.cli import main

SECONDS = 20
BYTES = 2 << 30  # over what the interpreter had when the case began
RIGHT = 0  # the exit code of a case that must end in a right result


class Outside:
    """A folder beside the one that is attacked, and what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "deep").mkdir(parents=True)
        (folder / "victim").write_bytes(b"what was there before\n")
        (folder / "deep/kept.json").write_text('{"kept": true}')
        (folder / "weights.safetensors").write_bytes(bytes(100))
        self.before = self._state()

    def _state(self) -> dict[str, object]:
        found = {}
        for path in [self.folder, *sorted(self.folder.rglob("*"))]:
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else None
            found[str(path)] = (status.st_mode, status.st_ino, content)
        return found

    def check(self) -> None:
        assert self._state() == self.before, "something outside was touched"


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Fails where the block takes too long or too much memory."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024
    assert grown < BYTES, f"{grown / 1e9:.1f} GB more than before"


def attack(argv: list[str], outside: Outside, capsys, code: int | None = 2) -> str:
    """What a command says under attack; `code`: the exit code that it must end with, None for 0 or 2."""
    capsys.readouterr()
    with bounded():
        found = main(argv)
    out, err = capsys.readouterr()
    outside.check()
    said = out + err
    assert "a fault of Poise itself" not in said, said[-600:]
    assert "Traceback" not in said, said[-600:]
    assert not any(ord(c) < 32 and c not in "\n\t" for c in said), repr(said[:600])
    assert found in ((0, 2) if code is None else (code,)), f"exit code {found}: {said[-600:]}"
    if found == 2:
        last = err.splitlines()[-1]
        assert last.startswith("poise: ") and len(last) < 600, err[-900:]
        assert sum(line.startswith("poise: ") for line in err.splitlines()) == 1, err
    assert not [p for p in Path(os.environ["POISE_CACHE"]).rglob("*") if p.name.startswith((".building", ".writing"))]
    return said
