"""From the package of a set of recordings to sound files in a folder, with `metadata.csv`. Nothing is run or installed.

metadata.csv has fields with "|" between them, and their names in the first line: file|text, or more.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from poise.data.catalogue.unpack import deb_data, members, need, take
from poise.data.speech.speech import soundfile_module
from poise.data.transcripts.prompts import spelled_out
from poise.data.transcripts.syllables import parse, to_pinyin, to_zhuyin
from poise.errors import PoiseError
from poise.installing import install

METADATA = "metadata.csv"
RATE = 16_000  # of G.722
_SYLLABLE = re.compile(r"(?:\./)?usr/share/gcin-voice/ogg/([\u3105-\u312f]+)([1-4]?)/([35])\.ogg")
_VOICES = {"3": "A", "5": "B"}
_TONES = {"": "", "1": "˙", "2": "ˊ", "3": "ˇ", "4": "ˋ"}  # what ends the name of a folder -> the mark
_PUBLISHED_PROMPT = re.compile(r"(?:\./)?((?:[a-z]+/)?[\w-]+)\.g722")
_PROMPT = re.compile(r"(?:\./)?usr/share/asterisk/sounds/[A-Za-z_]+/((?:[a-z]+/)?[\w-]+)\.g722")
# Tones, chimes, screams and stillness among the prompts.
_NO_SPEECH = re.compile(r"beep(err)?|(a|de)scending-2tone|confbridge-(join|leave)|tt-monkeys|silence/.*")


def mandarin_syllables(archive: Path, folder: Path) -> None:
    """A/ma3.ogg and B/ma3.ogg, as they are in the package, for each syllable of either voice; and its copyright.

    metadata.csv: file|text|voice|zhuyin, the text being pinyin with the number of the tone (5: neutral, v: ü).
    """
    found: dict[str, str] = {}  # file -> zhuyin

    def rename(member: str) -> str | None:
        match = _SYLLABLE.fullmatch(member)
        if not match:
            return None
        syllable = parse(match[1] + _TONES[match[2]])[0]
        file = f"{_VOICES[match[3]]}/{to_pinyin(syllable)}.ogg"
        found[file] = to_zhuyin(syllable)
        return file

    for voice in _VOICES.values():
        (folder / voice).mkdir()
    with io.BytesIO(deb_data(archive)) as data:
        for file, content in members(archive, data, rename):
            (folder / file).write_bytes(content)
        _copyright(archive, data, "gcin-voice", folder)
    rows = [(file, Path(file).stem, file[0], zhuyin) for file, zhuyin in sorted(found.items())]
    _write(archive, folder, ("file", "text", "voice", "zhuyin"), rows)


def asterisk(archive: Path, folder: Path, language: str) -> None:
    """The spoken prompts of a telephone system as FLAC of 16 bits at 16 kHz, decoded from G.722; and its copyright.

    Args: language, two letters. metadata.csv: file|text. The names of the files are English in every language, so only
    English has texts, where its names spell out what is said (see `prompts.spelled_out`).

    Left out are tones and stillness, and empty files. Errors: `PoiseError` without the packages av and soundfile, and
    for a package that is damaged or another one.
    """
    _decoders()
    with io.BytesIO(deb_data(archive)) as data:
        _prompts(archive, data, _PROMPT, language, folder)
        _copyright(archive, data, f"asterisk-core-sounds-{language}-g722", folder)


def asterisk_published(files: Path, folder: Path, language: str) -> None:
    """The same of the publisher's archive, the one file there is in `files`."""
    _decoders()
    (archive,) = files.iterdir()
    licence = re.compile(rf"(?:\./)?LICENSE-asterisk-core-{language}-[\d.]+")
    with open(archive, "rb") as data:
        _prompts(archive, data, _PUBLISHED_PROMPT, language, folder)
        data.seek(0)
        found = take(archive, data, lambda member: "LICENSE" if licence.fullmatch(member) else None, folder)
    need(archive, found, {"LICENSE"})


def _prompts(archive: Path, data: io.BufferedIOBase, prompt: re.Pattern[str], language: str, folder: Path) -> None:
    """The recordings of an archive whose members match `prompt`, and metadata.csv."""
    soundfile, av = _decoders()

    def rename(member: str) -> str | None:
        match = prompt.fullmatch(member)
        return None if match is None or _NO_SPEECH.fullmatch(match[1]) else match[1]

    rows = []
    for name, content in members(archive, data, rename):
        if not content:
            continue
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / f"{name}.flac", _decoded(av, content), RATE, subtype="PCM_16")
        rows.append((f"{name}.flac", spelled_out(name) if language == "en" else ""))
    _write(archive, folder, ("file", "text"), sorted(rows))


def _decoders() -> tuple[ModuleType, ModuleType]:
    """The packages soundfile and av. Errors: PoiseError where one is not there."""
    return soundfile_module(), _av()


def _decoded(av: ModuleType, content: bytes) -> NDArray[np.int16]:
    """[S], two samples for each byte: whatever the bytes are, they are G.722."""
    with av.open(io.BytesIO(content), format="g722") as opened:
        return np.concatenate([frame.to_ndarray()[0] for frame in opened.decode(audio=0)]).astype(np.int16)


def _av() -> ModuleType:
    try:
        import av
    except ImportError:
        raise PoiseError(f"decoding G.722 needs the package av: {install('speech', 'av')}") from None
    return av


def _copyright(archive: Path, data: io.BytesIO, package: str, folder: Path) -> None:
    data.seek(0)
    wanted = {f"usr/share/doc/{package}/copyright": "LICENSE"}
    need(archive, take(archive, data, lambda member: wanted.get(member.removeprefix("./")), folder), {"LICENSE"})


def _write(archive: Path, folder: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = ["|".join(row) for row in rows]
    if not lines:
        raise PoiseError(f"{archive.name} holds no recordings: this is not the package that is meant")
    (folder / METADATA).write_text("".join(f"{line}\n" for line in ["|".join(header), *lines]), encoding="utf-8")
