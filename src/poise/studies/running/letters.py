"""Messages through files that two machines see, a line of JSON each, for those who know the words of a pipe's end."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import Any


class Letters:
    """Messages through two files, with the words of a pipe's end: `send`, `recv`, `poll`, `close`."""

    def __init__(self, read: Path, written: Path) -> None:
        self.read, self.written, self.at = read, written, 0
        self.unread: list[Any] = []
        self.unsent = b""  # what a full or unreachable disk has not taken yet
        self.lock = threading.Lock()

    def send(self, message: Any) -> None:
        """Errors: OSError where the disk does not take it now; the next `send` or `poll` tries again."""
        line = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with self.lock:
            self.unsent += line
            self._sent()

    def _sent(self) -> None:
        if not self.unsent:
            return
        with open(self.written, "ab", buffering=0) as file:
            while self.unsent:  # a disk that is nearly full takes a part
                self.unsent = self.unsent[file.write(self.unsent) or 0 :]

    def poll(self) -> bool:
        """Whether there is a message to read: a line that is whole."""
        with contextlib.suppress(OSError), self.lock:
            self._sent()
        if not self.unread:
            with contextlib.suppress(OSError):
                self._read()
        return bool(self.unread)

    def _read(self) -> None:
        with open(self.read, "rb") as file:  # opened, and not only asked for its size: NFS then looks anew
            file.seek(self.at)
            new = file.read()
        for line in new[: new.rfind(b"\n") + 1].splitlines(keepends=True):
            if b"\0" in line:  # NFS showed the length before the content
                return
            self.at += len(line)
            with contextlib.suppress(ValueError):  # a line of somebody else's
                self.unread.append(json.loads(line.decode("utf-8", "surrogatepass")))

    def recv(self) -> Any:
        """The next message. Errors: EOFError where there is none."""
        if not self.poll():
            raise EOFError
        return self.unread.pop(0)

    def close(self) -> None:
        """Nothing to give back."""
