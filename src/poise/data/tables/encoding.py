"""In which encoding a text is, and its lines: UTF-8 as a rule, else by a mark, by its zero bytes, or by a guess."""

from __future__ import annotations

import codecs
import io
import itertools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from poise.data.tables.encoding_guess import guessed
from poise.errors import PoiseError

LONGEST_LINE = 16 << 20  # bytes
PIECE = 1 << 20
UNUSED = ("Cn", "Co", "Cs")  # categories of code points that no text holds, and every other file does
FEW = 0.01  # share of the first bytes or signs up to which odd ones are damage, and the file still a text
SURE = ("UTF-8", "by its mark", "by its zero bytes")  # encodings of which a line that does not fit is damaged
MARKS = (  # the longer ones first: the mark of UTF-32-LE begins with that of UTF-16-LE
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
NAMED = 5


@dataclass
class LeftOut:
    """Lines, rows or files that cannot be used: how many, and the first five with the reason."""

    what: str
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, where: str, why: str) -> None:
        self.count += 1
        if len(self.first) < NAMED:
            self.first.append(f"{where} ({why})")

    def __str__(self) -> str:
        what = self.what if self.count != 1 else self.what.removesuffix("s")
        return f"{self.count:,} {what}: {self.named()}"

    def named(self) -> str:
        """The first ones, and how many more there are."""
        more = self.count - len(self.first)
        return ", ".join(self.first) + (f" and {more:,} more" if more else "")


@dataclass(frozen=True)
class Encoding:
    """`name`, for `codecs`; `basis`, how it is known: "asked for", "UTF-8", "by its mark", "by its zero bytes",
    "by its escapes", "a guess"."""

    name: str
    basis: str
    damaged: bool = False  # a few lines are not in it, and are left out
    most: int | None = None  # characters after which no further line is read

    def __str__(self) -> str:
        if self.basis == "UTF-8":
            return "UTF-8"
        if self.basis == "a guess":
            return f"{self.name} (a guess; --encoding sets it)"
        return f"{self.name} {self.basis}"


def encoding_of(path: Path, asked: str | None = None) -> Encoding:
    """The encoding of a text file; the whole file is looked at once where nothing else tells.

    Args: asked, by the user: any that Python knows.

    Errors: PoiseError for one that is not known, a file that is no text, and one whose encoding cannot be told.
    """
    if asked is not None:
        return Encoding(_known(asked), "asked for")
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
            for mark, name in MARKS:
                if head.startswith(mark):
                    return Encoding(name, "by its mark")
            if b"\0" in head and not _few_controls(head):
                return _by_zeros(path, head)
            file.seek(0)
            bad = _first_bad_line(file)
            if bad is None:
                escapes = _by_escapes(head) if b"\x1b" in head and head.isascii() else ""
                return Encoding(escapes, "by its escapes") if escapes else Encoding("utf-8", "UTF-8")
            file.seek(0)
            return _guess(path, file, bad)
    except OSError as error:
        raise PoiseError(f"{path} cannot be read ({error.strerror}): put that right and try again") from None


def _known(asked: str) -> str:
    try:
        found = codecs.lookup(asked)
        "".encode(found.name)  # not every codec is of text
    except (LookupError, ValueError):
        raise PoiseError(f"--encoding {asked} is not known: give utf-8, gb18030, big5, shift_jis, utf-16 ...") from None
    return found.name


def _by_zeros(path: Path, head: bytes) -> Encoding:
    """UTF-16 without a mark: the zero bytes of its line ends and Latin letters are on one side, and it holds no control
    characters and hardly a code point that is not in use, as any other file with zero bytes does."""
    sides = {"utf-16-le": head[1::2].count(0), "utf-16-be": head[::2].count(0)}
    for name in sorted(sides, key=lambda name: -sides[name]):
        text = head[: len(head) // 2 * 2].decode(name, "replace").removesuffix("\ufffd")  # the last one may be half
        controls = any(c < " " and c not in "\t\r\n\f" for c in text)
        unused = sum(unicodedata.category(c) in UNUSED or c == "\ufffd" for c in text)
        if text and sides[name] and not controls and unused <= FEW * len(text):
            return Encoding(name, "by its zero bytes")
    raise PoiseError(f"{path} is no text (it holds zero bytes): give a text file, or say its --encoding")


def _few_controls(head: bytes) -> bool:
    """Whether zero bytes and other control characters are so few that they are damage to a text."""
    controls = sum(byte < 32 and byte not in b"\t\r\n\f\x1b" for byte in head)
    return controls <= FEW * len(head)


def _by_escapes(head: bytes) -> str:
    """The member of ISO 2022 whose escape sequences are there, "" for none."""
    signs = {b"\x1b$)C": "iso2022_kr", b"\x1b$B": "iso2022_jp", b"\x1b$@": "iso2022_jp", b"\x1b(J": "iso2022_jp"}
    return next((name for sign, name in signs.items() if sign in head), "")


def _first_bad_line(file: io.BufferedReader) -> int | None:
    """Where UTF-8 ends, as the number of the line; None where it does not."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    for piece in itertools.chain(iter(partial(file.read, PIECE), b""), [b""]):
        try:
            line += decoder.decode(piece, final=not piece).count("\n")
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
    return None


def _guess(path: Path, file: io.BufferedReader, bad: int) -> Encoding:
    name = guessed(file)
    if not name:
        raise PoiseError(
            f"{path}: line {bad} is not UTF-8, and its encoding cannot be told: save the file as UTF-8, or give "
            "--encoding, such as windows-1252, gb18030, big5 or shift_jis"
        )
    return Encoding(name, "UTF-8", damaged=True) if name == "utf-8" else Encoding(name, "a guess")


def lines_in(path: Path, encoding: Encoding, bad: LeftOut | None = None) -> Iterator[tuple[int, str]]:
    """Numbers and decoded lines without their ends: LF, CRLF, or CR in a file that has no other.

    Python would also split at U+2028 and the like, which are text. Args: bad, where lines that cannot be decoded, or
    that hold a zero byte, are counted; without it they are an error.

    Errors: PoiseError for a line of more than 16 MB, for one that cannot be decoded, and a file that cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(PIECE)
            file.seek(0)
            wide = encoding.name.startswith(("utf-16", "utf-32", "iso2022"))
            newline = _newline(head, wide)
            if wide or newline == "\r":
                lines = _decoded_first(path, file, encoding, newline, bad)
            else:
                lines = _decoded_by_line(path, file, encoding, bad)
            read = 0
            for number, line in lines:
                if "\0" in line:
                    if bad is None:
                        raise PoiseError(f"{path}: line {number} holds a zero byte, which no text does: remove it")
                    bad.add(f"line {number}", "it holds a zero byte")
                    continue
                yield number, line
                read += len(line) + 1
                if encoding.most is not None and read >= encoding.most:
                    return
    except OSError as error:
        raise PoiseError(f"{path} cannot be read ({error.strerror}): put that right and try again") from None


def _newline(head: bytes, wide: bool) -> str:
    plain = head.replace(b"\0", b"") if wide else head
    return "\r" if b"\r" in plain and b"\n" not in plain else "\n"


def _decoded_by_line(
    path: Path, file: io.BufferedReader, encoding: Encoding, bad: LeftOut | None
) -> Iterator[tuple[int, str]]:
    name = "utf-8" if encoding.name == "utf-8-sig" else encoding.name
    for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE + 1), b""), 1):
        if len(line) > LONGEST_LINE:
            raise _too_long(path, number)
        if number == 1 and name == "utf-8":
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield number, line.decode(name).removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            if bad is None:
                raise _undecodable(path, number, encoding, line[error.start]) from None
            bad.add(f"line {number}", f"not {name}: byte 0x{line[error.start]:02x}")


def _decoded_first(
    path: Path, file: io.BufferedReader, encoding: Encoding, newline: str, bad: LeftOut | None
) -> Iterator[tuple[int, str]]:
    """Where the bytes of a line's end may be those of a letter, or lines end in CR."""
    errors = "strict" if bad is None else "replace"
    with io.TextIOWrapper(file, encoding.name, errors, newline=newline) as text:
        number = 1
        try:
            for number, line in enumerate(iter(partial(text.readline, LONGEST_LINE + 1), ""), 1):
                if len(line) > LONGEST_LINE:
                    raise _too_long(path, number)
                if bad is not None and "\ufffd" in line:
                    bad.add(f"line {number}", f"not {encoding.name}")
                    continue
                yield number, line.removesuffix(newline).removesuffix("\r")
        except UnicodeError:
            raise _undecodable(path, number, encoding, None) from None


def _too_long(path: Path, number: int) -> PoiseError:
    return PoiseError(
        f"{path}: line {number} has more than {LONGEST_LINE / 1e6:,.0f} MB: break the text into lines, one sentence or "
        "paragraph each"
    )


def _undecodable(path: Path, number: int, encoding: Encoding, byte: int | None) -> PoiseError:
    which = "" if byte is None else f" (byte 0x{byte:02x})"
    return PoiseError(
        f"{path}: line {number} is not {encoding.name}{which}: save the file as UTF-8, or give another --encoding"
    )


def lines_of(path: Path, encoding: str | None = None) -> Iterator[str]:
    """Decoded lines without their ends, in whichever encoding the file is."""
    for _, line in lines_in(path, encoding_of(path, encoding)):
        yield line
