"""What a file holds, told by its first bytes and not by its name: a picture that Pillow reads, or what else.

Formats with a signature are recognised by Pillow's own tests of the first bytes. A few old ones have none or a weak
one (TGA, PCX ...): they count where the name says so, or where the whole picture can be decoded. Formats whose reading
runs other programs, or of which Pillow knows nothing but the size, are never opened.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL import Image
from PIL.SpiderImagePlugin import isSpiderHeader

from poise.data.files.others import EXPORT, FRAMES, NO_PICTURE, other
from poise.data.files.others import HEAD as HEAD
from poise.data.files.others import Content as Content

READER = 2  # of what can be read: an earlier one knew the usual formats alone
USUAL = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM")
SIGNED = ("AVIF", "BLP", "DCX", "DDS", "FITS", "FTEX", "HEIF", "ICNS", "JPEG2000", "JXL", "MSP", "PIXAR", "PSD", "QOI",
          "XPM")  # fmt: skip
WEAK = ("CUR", "FLI", "GBR", "ICO", "IM", "PCD", "PCX", "SGI", "SPIDER", "SUN", "TGA", "XBM")
PLUGINS = {"HEIF": ("pillow_heif", "pillow-heif"), "JXL": ("pillow_jxl", "pillow-jxl-plugin")}  # module, package
RAW = (
    ".3fr",
    ".arw",
    ".cr2",
    ".dcr",
    ".dng",
    ".erf",
    ".iiq",
    ".kdc",
    ".mef",
    ".mos",
    ".nef",
    ".nrw",
    ".pef",
    ".sr2",
    ".srw",
)  # TIFF files whose first picture is a preview; fmt: skip
_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}


@functools.lru_cache
def installed(form: str) -> bool:
    """Whether this Pillow can open a format, with the plugin that adds it, if there is one."""
    Image.init()
    if form not in Image.OPEN and form in PLUGINS:
        with suppress(Exception):  # a plugin that cannot be loaded is as good as none
            module = importlib.import_module(PLUGINS[form][0])
            getattr(module, "register_heif_opener", lambda: None)()
    return form in Image.OPEN


@functools.lru_cache
def _tests() -> dict[str, Callable[[bytes], object]]:
    """Format with a signature -> Pillow's test of the first bytes."""
    installed("PNG")
    tests = {form: Image.OPEN[form][1] for form in (*USUAL, *SIGNED) if form not in PLUGINS and form in Image.OPEN}
    return {form: test for form, test in tests.items() if test is not None}


@functools.lru_cache
def suffixes(form: str) -> frozenset[str]:
    """The suffixes that Pillow knows for a format."""
    installed(form)
    return frozenset(suffix for suffix, known in Image.EXTENSION.items() if known == form)


def content(head: bytes, name: str, whole: Callable[[], bytes] | None = None) -> Content:
    """What the file `name` holds that begins with `head` (its first `HEAD` bytes).

    whole: reads all of it, for formats without a signature; without it they are told by the suffix alone. What it
    raises is let through.
    """
    if not head:
        return Content("", "empty", "it holds nothing")
    suffix = os.path.splitext(name)[1].lower()
    if boxed := _box(head):
        return boxed
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return _through_plugin("JXL", "JPEG XL")
    if suffix in RAW and head[:4] in (b"II*\0", b"MM\0*"):
        return Content("", "camera raw", EXPORT)
    for form, accepts in _tests().items():
        if _accepted(accepts, head) and _STRICT.get(form, _any)(head):
            return Content(form, form)
    return _by_name_or_trial(head, suffix, whole) or other(head)


def _accepted(accepts: Callable[[bytes], object], head: bytes) -> bool:
    """Pillow's test, which may return a reason (a text) why it cannot read what it recognises."""
    try:
        return accepts(head[:16]) is True
    except (IndexError, ValueError, TypeError, ArithmeticError, struct.error):
        return False


def _any(head: bytes) -> bool:
    return True


def _bitmap(head: bytes) -> bool:
    """The header of a DIB: its size, and one plane of a depth that there is."""
    size = int.from_bytes(head[:4], "little")
    planes = head[8:12] if size == 12 else head[12:16]
    return size in (12, 40, 52, 56, 64, 108, 124) and planes[:2] == b"\1\0" and planes[2:3] in b"\1\4\x08\x10\x18\x20"


_STRICT: dict[str, Callable[[bytes], object]] = {  # where Pillow's test would let text or anything pass
    "PPM": lambda head: re.match(rb"(P[1-6]|P0CMYK|Py(P|RGBA|CMYK)|P[fF])\s+(\d|#)", head),
    "BMP": lambda head: _bitmap(head[14:]),
    "DIB": _bitmap,
    "FITS": lambda head: re.match(rb"SIMPLE {2}= +T", head),
}  # fmt: skip


def _box(head: bytes) -> Content | None:
    """The media files that begin with a box of type `ftyp`: HEIC, AVIF, camera raw, video and sound."""
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4], "big")
    brand, others = head[8:12], {head[i : i + 4] for i in range(16, min(size, len(head)) - 3, 4)}
    if brand in (b"avif", b"avis") or (brand in (b"mif1", b"msf1") and {b"avif", b"avis"} & others):
        if installed("AVIF"):
            return Content("AVIF", "AVIF")
        return Content("", "AVIF", "pip install --upgrade pillow (11.3 or later)")
    if brand in _HEIC:
        return _through_plugin("HEIF", "HEIC")
    if brand == b"crx ":
        return Content("", "camera raw", EXPORT)
    if brand[:3] == b"M4A" or brand[:3] == b"M4B":
        return Content("", "MPEG-4 sound", NO_PICTURE)
    if brand == b"jp2 " or brand == b"jpx ":
        return None
    return Content("", "MP4 or QuickTime video", FRAMES)


def _through_plugin(form: str, name: str) -> Content:
    if installed(form):
        return Content(form, name)
    return Content("", name, f"pip install {PLUGINS[form][1]}")


def _by_name_or_trial(head: bytes, suffix: str, whole: Callable[[], bytes] | None) -> Content | None:
    """A format without a signature: by the suffix; else where the whole can be decoded as one."""
    for form in WEAK:
        if installed(form) and suffix in suffixes(form) and _LIKELY.get(form, _any)(head):
            return Content(form, form)
    likely = [form for form, test in _LIKELY.items() if installed(form) and test(head)]
    if whole is None or not likely:
        return None
    found = decoded_as(whole(), likely)
    return Content(found, found) if found else None


def decoded_as(data: bytes, forms: list[str]) -> str:
    """The first of the formats as which all of `data` can be decoded, or nothing."""
    for form in forms:
        if form == "TGA" and not data.rstrip(b"\0").endswith(b"TRUEVISION-XFILE."):
            continue  # only the newer TGA has a signature, and that is at its end
        try:
            with Image.open(io.BytesIO(data), formats=(form,)) as image:
                if image.width * image.height <= 1 << 26:
                    image.load()
                    return image.format or form
        except Exception:  # Pillow's readers raise anything; then it is none of this format
            continue
    return ""


def _tga(head: bytes) -> bool:
    kinds, depths = (1, 2, 3, 9, 10, 11), (1, 8, 15, 16, 24, 32)
    return len(head) >= 18 and head[1] in (0, 1) and head[2] in kinds and head[16] in depths


def _spider(head: bytes) -> bool:
    if len(head) < 108:
        return False
    return any(isSpiderHeader(struct.unpack(f"{order}27f", head[:108])) for order in "><")


_LIKELY: dict[str, Callable[[bytes], bool]] = {  # whether a trial is worth its while
    "ICO": lambda head: head[:4] == b"\0\0\x01\0" and 0 < int.from_bytes(head[4:6], "little") < 100,
    "CUR": lambda head: head[:4] == b"\0\0\x02\0" and 0 < int.from_bytes(head[4:6], "little") < 100,
    "IM": lambda head: head.startswith(b"Image type:"),
    "SGI": lambda head: head[:2] == b"\x01\xda" and head[2:3] in (b"\0", b"\1") and head[3:4] in (b"\1", b"\2"),
    "SUN": lambda head: head[:4] == b"\x59\xa6\x6a\x95",
    "PCX": lambda head: head[:1] == b"\n" and head[1:2] in (b"\0", b"\2", b"\3", b"\5") and head[2:3] in (b"\0", b"\1"),
    "XBM": lambda head: re.match(rb"\s*#define[ \t]+\S*_width[ \t]+\d", head) is not None,
    "FLI": lambda head: head[4:6] in (b"\x11\xaf", b"\x12\xaf"),
    "SPIDER": _spider,
    "TGA": _tga,
}  # fmt: skip


NOT_KNOWN = "not a picture in a known format, whatever its name says"


def why_not(data: bytes) -> str:
    """Why a file that is called a picture cannot be opened as one."""
    told = content(data[:HEAD], "")
    if told.format == "TIFF":
        return "a TIFF of a kind that Pillow does not read: save it with whole numbers of 8 or 16 bits"
    if told.format or told.name in ("text", "unknown content"):
        return NOT_KNOWN
    return f"{NOT_KNOWN}; by its content {told}"


def now_readable(reason: str, reader: int) -> bool:
    """Whether a file that was left out for this reason, by a reader of that version, may be read now."""
    if reader < READER and reason == NOT_KNOWN:
        return True
    return any(reason.endswith(f"pip install {package}") and installed(form) for form, (_, package) in PLUGINS.items())


def is_idx(path: Path) -> bool:
    """Whether a file is IDX by its name: ...-ubyte, ....idx or ....idx3, maybe with .gz."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith("ubyte") or name.rpartition(".")[2] in ("idx", "idx1", "idx3", "idx4")
