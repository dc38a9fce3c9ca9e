"""Which files hold sound, told by how they begin and not by their names, and who can read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from poise.data.files.others import HEAD as HEAD_OF_OTHERS
from poise.data.files.others import other

HEAD = 64  # bytes of a file that tell what it is
# Names that say "sound": a file that has one and cannot be read is counted and named.
SUFFIXES = (
    ".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".aac", ".oga",
    ".wma", ".amr", ".ape", ".wv", ".mka", ".weba", ".webm", ".w64", ".rf64", ".voc", ".sph", ".mp2", ".m4b", ".3gp",
    ".3ga", ".tta", ".dsf", ".mpc", ".ac3", ".spx", ".nist", ".gsm", ".pcm",
)  # fmt: skip
TAGS = (b"TAG", b"ID3", b"APETAGEX")  # as music players write behind the sound
MOST_CHUNKS = 1000  # before the sound
STRAY = 4096  # bytes behind the end of the sound that may be anything
SOUND = "sound files (.wav, .flac, .ogg, .mp3, .m4a, .opus ...)"


class Container(NamedTuple):
    """A kind of file: its name for people, how FFmpeg calls it, and whether it may hold something else than sound."""

    name: str
    demuxer: str
    sure: bool = True


_BEGINNINGS = {
    rb"(RIFF|RIFX|RF64)....WAVE|riff\x2e\x91\xcf\x11": Container("WAV", "wav"),
    rb"FORM....(AIF[FC]|8SVX)": Container("AIFF", "aiff"),
    rb"\.snd|dns\.": Container("AU", "au"),
    rb"fLaC": Container("FLAC", "flac"),
    rb"OggS": Container("Ogg", "ogg"),
    rb"caff\0": Container("CAF", "caf"),
    rb"ID3[\x02-\x04]|\xff[\xe2\xe3\xf2-\xf5\xfa-\xfd]": Container("MP3", "mp3"),
    rb"\xff[\xf0\xf1\xf8\xf9]": Container("AAC", "aac"),
    rb"....ftypM4[AB]": Container("M4A", "mp4"),
    rb"....ftyp": Container("MP4", "mp4", sure=False),
    rb"\x1a\x45\xdf\xa3": Container("Matroska", "matroska", sure=False),
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11": Container("WMA", "asf", sure=False),
    rb"#!AMR": Container("AMR", "amr"),
    rb"MAC ": Container("Monkey's Audio", "ape"),
    rb"wvpk": Container("WavPack", "wv"),
    rb"TTA1": Container("True Audio", "tta"),
    rb"MPCK": Container("Musepack", "mpc8"),
    rb"MP\+": Container("Musepack", "mpc"),
    rb"DSD ": Container("DSF", "dsf"),
    rb"\x0b\x77": Container("AC-3", "ac3", sure=False),
    rb"NIST_1A": Container("SPHERE", "nistsphere"),
    rb"Creative Voice File": Container("VOC", "voc"),
}
_COMPILED = {re.compile(pattern, re.DOTALL): container for pattern, container in _BEGINNINGS.items()}


def container_of(head: bytes) -> Container | None:
    """What a file is that begins with these bytes, None where it is no known kind of sound."""
    return next((container for pattern, container in _COMPILED.items() if pattern.match(head)), None)


def head_of(file: Path, count: int = HEAD) -> bytes:
    """The first bytes of a file, none where it cannot be read."""
    try:
        with open(file, "rb") as opened:
            return opened.read(count)
    except OSError:
        return b""


def no_sound(file: Path) -> str:
    """What a file is whose first bytes say that it is none of sound; "" where they do not tell."""
    head = head_of(file, HEAD_OF_OTHERS)
    found = other(head) if head else None
    return "" if found is None or found.name == "unknown content" else f"no sound, by its content {found.name}"


def claims_too_little(file: Path) -> bool:
    """Whether the header of a WAV file says that its sound ends where more of it follows: recorders that were cut off
    leave it so, and programs that wrote into a pipe. What is behind the end is then neither a chunk nor a tag."""
    try:
        size = file.stat().st_size
        with open(file, "rb") as opened:
            head = opened.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                return False
            end = 12
            for _ in range(MOST_CHUNKS):
                opened.seek(end)
                head = opened.read(8)
                if len(head) < 8:
                    return False
                name, length = head[:4], int.from_bytes(head[4:], "little")
                end += 8 + length
                if name == b"data":
                    break
                end += length % 2
            else:
                return False
            opened.seek(end)
            rest = opened.read(9)
    except OSError:
        return False
    if size - end < (STRAY if length else 9):
        return False
    tagged = rest.startswith(TAGS) or rest[1:].startswith(TAGS)
    return not tagged and not any(_is_chunk(rest[at : at + 8], size - end) for at in (length % 2, 0))


def _is_chunk(head: bytes, left: int) -> bool:
    """Whether a chunk may begin with these bytes where so many are left."""
    return all(32 <= byte < 127 for byte in head[:4]) and int.from_bytes(head[4:], "little") <= left


def is_sound(file: Path) -> bool:
    """Whether a file is taken for sound: by how it begins, or, readable or not, by its name."""
    if file.name.lower().endswith(SUFFIXES):
        return True
    found = container_of(head_of(file))
    return found is not None and found.sure
