"""The newest samples of a run as parts of a report: pictures, sentences, clips to listen to."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pictures

from poise import disk
from poise.errors import PoiseError
from poise.report.page import clips_in
from poise.report.picture import png
from poise.results.forms.document import Block, Image, Paragraph, Sounds, Verbatim

SIDE = 1400  # pixels of a picture, at most
LINES, LONGEST = 24, 400  # sentences; letters of each
CLIPS, CLIP, ALL = 4, 400_000, 2_000_000  # items with sounds; bytes of a sound; of all
STEP = re.compile(r"(\d{8})(-[a-z]+)?(\.png|\.txt)?")  # of an auto-encoder also 00001000-reconstructions.png


def newest_samples(folder: Path) -> list[Block]:
    """What lies in `folder` of the last step with samples, real items beside it; nothing where there is none."""
    named = (
        {path: found for path in sorted(folder.iterdir()) if (found := STEP.fullmatch(path.name))}
        if folder.is_dir()
        else {}
    )
    last = max((int(found[1]) for found in named.values()), default=None)
    if last is None:
        return []
    blocks: list[Block] = []
    for path, found in named.items():
        if int(found[1]) == last:
            what = (found[2] or "-samples").removeprefix("-")
            blocks += _shown(path, f"{what[0].upper()}{what[1:]} after step {last:,}")
    if blocks:
        blocks += _shown(folder / "real.png", "Real ones") + _shown(folder / "real.txt", "Real ones")
    return blocks


def _shown(path: Path, title: str) -> list[Block]:
    if path.is_dir():
        return _heard(path)
    if not path.is_file():
        return []
    if path.suffix == ".txt":
        return [Verbatim(_sentences(path), title)]
    content = fitting_png(path) if path.suffix == ".png" else None
    return (
        [Image(title, content)] if content else [Paragraph(f"{title}: {path.name} cannot be shown here.", quiet=True)]
    )


def fitting_png(path: Path) -> bytes | None:
    """A picture of at most `SIDE` pixels a side as PNG; None where the file is no picture that can be read."""
    try:
        content = disk.read_bytes(path)
        with Pictures.open(io.BytesIO(content), formats=["PNG"]) as picture:
            if max(picture.size) <= SIDE:
                picture.verify()
                return content
            picture.thumbnail((SIDE, SIDE))
            return png(picture)
    except (OSError, PoiseError, SyntaxError, ValueError, Pictures.DecompressionBombError):
        return None


def _sentences(path: Path) -> str:
    with disk.open_file(path) as file:
        text = file.read(LINES * LONGEST * 4).decode(errors="replace")
    return "\n".join(line[:LONGEST] for line in text.splitlines()[:LINES])


def _heard(folder: Path) -> list[Block]:
    """The first items with all their versions, as far as the sounds are short."""
    blocks: list[Block] = []
    left, rows = ALL, clips_in(folder)
    for row in rows[:CLIPS]:
        files = [(version, folder.parent / file) for version, file in row["sounds"].items()]
        versions = _sounds(files, left)
        left -= sum(len(content) for _, content in versions)
        if versions:
            blocks.append(Sounds(row["text"], versions))
    if len(blocks) < len(rows):
        blocks.append(
            Paragraph(
                f"{len(blocks)} of {len(rows)} items: the others, and long ones, lie in the run's folder.", quiet=True
            )
        )
    return blocks


def _sounds(files: Sequence[tuple[str, Path]], left: int) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for version, path in files:
        size = path.stat().st_size
        if size <= min(CLIP, left - sum(len(content) for _, content in found)):
            content = disk.read_bytes(path)
            if content[:4] == b"RIFF":
                found.append((version, content))
    return found
