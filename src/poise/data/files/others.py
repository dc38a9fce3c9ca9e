"""Files that are no pictures which can be read: what they are by their first bytes, and what to do with them."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

HEAD = 1024  # bytes that are looked at: an <svg> may come after a comment
SOUNDS = frozenset({"WAV sound", "FLAC sound", "Ogg sound", "MP3 sound", "MPEG-4 sound", "AIFF sound"})

EXPORT = "export it as PNG, JPEG or TIFF"
UNPACK = "unpack it, or give it by itself"
FRAMES = "save its frames as pictures, for example with ffmpeg"
NO_PICTURE = "it is no picture"
_BY_START: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "PDF", "save its pages as PNG"),
    (b"%!PS", "PostScript", EXPORT),
    (b"\xc5\xd0\xd3\xc6", "EPS", EXPORT),
    (b"\xd7\xcd\xc6\x9a", "WMF", EXPORT),
    (b"FUJIFILMCCD-RAW", "camera raw", EXPORT),
    (b"IIRO", "camera raw", EXPORT),
    (b"IIU\0", "camera raw", EXPORT),
    (b"FOVb", "camera raw", EXPORT),
    (b"v/1\x01", "OpenEXR", EXPORT),
    (b"#?RADIANCE", "Radiance HDR", EXPORT),
    (b"#?RGBE", "Radiance HDR", EXPORT),
    (b"gimp xcf", "GIMP XCF", EXPORT),
    (b"II\xbc\x01", "JPEG XR", EXPORT),
    (b"BPG\xfb", "BPG", EXPORT),
    (b"FLIF", "FLIF", EXPORT),
    (b"AT&TFORM", "DjVu", EXPORT),
    (b"\x1aE\xdf\xa3", "Matroska or WebM video", FRAMES),
    (b"FLV\x01", "Flash video", FRAMES),
    (b"\0\0\x01\xba", "MPEG video", FRAMES),
    (b"\0\0\x01\xb3", "MPEG video", FRAMES),
    (b"0&\xb2u\x8ef\xcf\x11", "Windows media", FRAMES),
    (b"fLaC", "FLAC sound", NO_PICTURE),
    (b"OggS", "Ogg sound", NO_PICTURE),
    (b"ID3", "MP3 sound", NO_PICTURE),
    (b"PK\x03\x04", "zip archive", UNPACK),
    (b"\x1f\x8b", "gzip file", UNPACK),
    (b"BZh", "bzip2 file", UNPACK),
    (b"\xfd7zXZ\0", "xz file", UNPACK),
    (b"7z\xbc\xaf'\x1c", "7z archive", UNPACK),
    (b"Rar!\x1a\x07", "rar archive", UNPACK),
    (b"\x93NUMPY", "numpy array", "give it by itself"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 file", "save its pictures as an .npz file"),
    (b"PAR1", "Parquet file", "save its pictures as files or as an .npz file"),
    (b"SQLite format 3\0", "SQLite file", NO_PICTURE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Microsoft compound file", NO_PICTURE),
    (b"\x7fELF", "program", NO_PICTURE),
    (b"MZ", "program", NO_PICTURE),
)  # fmt: skip
_BY_KIND = {  # the four letters after RIFF or FORM and a length
    b"WAVE": ("WAV sound", NO_PICTURE), b"AVI ": ("AVI video", FRAMES),
    b"AIFF": ("AIFF sound", NO_PICTURE), b"AIFC": ("AIFF sound", NO_PICTURE),
}  # fmt: skip
_MPEG_FRAME = {0xFB, 0xFA, 0xF3, 0xF2}  # of MP3, after 0xFF


class Content(NamedTuple):
    """What a file holds. `format`: Pillow's name where it can be read as a picture, else empty."""

    format: str
    name: str  # such as PNG, HEIC, MP4 video, text
    advice: str = ""  # what to do with what is not read

    def __str__(self) -> str:
        return f"{self.name}: {self.advice}" if self.advice else self.name


def other(head: bytes) -> Content:
    """What is no picture that Pillow reads, as far as it can be told."""
    if head[:4] in (b"RIFF", b"RF64", b"FORM") and head[8:12] in _BY_KIND:
        return Content("", *_BY_KIND[head[8:12]])
    for start, name, advice in _BY_START:
        if head.startswith(start):
            return Content("", name, advice)
    if head[0] == 0xFF and len(head) > 1 and head[1] in _MPEG_FRAME:
        return Content("", "MP3 sound", NO_PICTURE)
    if head[257:262] == b"ustar":
        return Content("", "tar archive", UNPACK)
    if re.search(rb"<svg[\s>]", head):
        return Content("", "SVG", "draw it as PNG, for example with rsvg-convert or Inkscape")
    if b"\0" not in head:
        with suppress(UnicodeDecodeError):
            head[: HEAD - 4].decode()
            return Content("", "text", NO_PICTURE)
    return Content("", "unknown content", NO_PICTURE)


NAMED = 5  # files that are named


@dataclass
class Others:
    """Files of a folder or an archive that are not read: how many of which kind, and the first ones by name.

    What may be pictures (HEIC, SVG, video) comes before what is none (text, sound).
    """

    kinds: Counter[Content] = field(default_factory=Counter)
    first: dict[Content, list[str]] = field(default_factory=dict)

    def add(self, name: str, content: Content) -> None:
        self.kinds[content] += 1
        names = self.first.setdefault(content, [])
        if len(names) < NAMED:
            names.append(name)

    def __len__(self) -> int:
        return sum(self.kinds.values())

    def named(self) -> list[tuple[str, Content]]:
        """The first few files and what they are, one of each kind before a second one of any."""
        kinds = sorted(self.kinds, key=lambda told: (told.advice == NO_PICTURE, -self.kinds[told]))
        rounds = [(i, kind) for i in range(NAMED) for kind in kinds if i < len(self.first[kind])]
        return [(self.first[kind][i], kind) for i, kind in rounds[:NAMED]]

    def line(self) -> str:
        """All in one line; empty where there are none."""
        if not len(self):
            return ""
        some = "; ".join(f"{name} ({told})" for name, told in self.named())
        more = len(self) - min(len(self), len(self.named()))
        rest = f"; and {more:,} more" if more else ""
        return f"{len(self):,} file{'s are' if len(self) != 1 else ' is'} not read: {some}{rest}"
