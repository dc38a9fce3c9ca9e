"""What reaches a terminal, a log or a page: text in which nothing can act.

Names of files, columns, classes and events come from anywhere. A terminal obeys escape sequences in them, a page or an
editor shows text the wrong way round where it holds marks of direction. `escaped` writes all of these out; the command
line sends every line through `Printed`, which does that, says it in the language that is asked for, and outlives a
reader that goes away.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from poise.words import translated

# Control characters but for tab and line feed, marks that override the direction of writing, halves of pairs.
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    r"""The text with each character that acts written out: "\x1b[31mred" becomes "\\x1b[31mred".

    A byte of a file name that is no text (a surrogate from \udc80 to \udcff) is written as that byte, \xe9.
    """
    return _ACTS.sub(_written_out, text)


def pasted(text: str) -> str:
    r"""The text as one word that can be pasted into a shell: quoted where it must be, and as $'caf\xe9' where it holds
    what `escaped` writes out."""
    if not _ACTS.search(text):
        return shlex.quote(text)
    plain = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return f"$'{escaped(plain)}'"


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Printed:
    """A text stream on which `translated` and `escaped` text is printed. `raw` is what it prints on, for what draws on
    a terminal.

    When its reader goes away (a closed pipe), `lost` is set, the rest is dropped, and `message` is told once.
    """

    def __init__(self, raw: TextIO, message: str = "") -> None:
        self.raw, self.message, self.lost, self.translates = raw, message, False, True

    def write(self, text: str) -> int:
        if not self.lost:
            try:
                self.raw.write(escaped(translated(text) if self.translates else text))
            except BrokenPipeError:
                self._lose()
        return len(text)

    def flush(self) -> None:
        if not self.lost:
            try:
                self.raw.flush()
            except BrokenPipeError:
                self._lose()

    def _lose(self) -> None:
        self.lost = True
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, self.raw.fileno())  # what is still in its buffer goes there, at the end too
        os.close(silent)
        if self.message and sys.stderr is not self:
            print(self.message, file=sys.stderr, flush=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


@contextlib.contextmanager
def verbatim(stream: Any) -> Iterator[None]:
    """Within it, what is printed on a stream is read by programs: it is said in no other language."""
    if not isinstance(stream, Printed):
        yield
        return
    stream.translates = False
    try:
        yield
    finally:
        stream.translates = True


def raw(stream: Any) -> Any:
    """The stream below a `Printed` one, for code that draws on a terminal and escapes what it is given itself."""
    return stream.raw if isinstance(stream, Printed) else stream
