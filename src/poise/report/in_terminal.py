"""A picture in the terminal itself: half blocks of colour anywhere, its own pixels where the terminal says it can.

blocks   two pixels in each cell, the upper half block ▀ with a colour above and one below
kitty    the graphics protocol of kitty, which Ghostty and WezTerm have too
sixel    what DEC terminals drew, at most 256 colours: foot, mlterm, xterm -ti vt340, Windows Terminal ...
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from poise.errors import PoiseError

if TYPE_CHECKING:
    from PIL import Image

WAYS = ("auto", "blocks", "kitty", "sixel")
CHUNK = 4096  # characters of base64 in one sequence of kitty's
ANSWERS = 0.3  # seconds in which a terminal says what it can
ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")
WIDEST = 960  # pixels
CELLS = (8, 16)  # pixels of a cell, where the terminal is not asked


def picture_in(path: Path) -> Path | None:
    """The picture among samples: the file itself, the first of a folder (a spectrogram); None for sentences."""
    if path.is_dir():
        return next(iter(sorted(path.rglob("*.png"))), None)
    return path if path.suffix == ".png" else None


def way_of(asked: str, terminal: IO[str]) -> str:
    """The way that is meant: what was asked for, or the best that the terminal says it can."""
    if asked not in WAYS:
        raise PoiseError(f"--show {asked}: use {', '.join(WAYS)}")
    if asked != "auto":
        return asked
    kind, program = os.environ.get("TERM", ""), os.environ.get("TERM_PROGRAM", "").lower()
    if "KITTY_WINDOW_ID" in os.environ or kind in ("xterm-kitty", "xterm-ghostty") or program in ("ghostty", "wezterm"):
        return "kitty"
    return "sixel" if says_sixel(terminal) else "blocks"


def says_sixel(terminal: IO[str]) -> bool:
    """Ask a terminal for its attributes (DA1); the fourth is sixel. False where it does not answer in time."""
    try:
        import select
        import termios
        import tty

        if sys.stdin is None or not (sys.stdin.isatty() and terminal.isatty()):
            return False
        inside = sys.stdin.fileno()
        if os.tcgetpgrp(inside) != os.getpgrp() or select.select([inside], [], [], 0)[0]:
            return False  # in the background, or somebody has typed something: that is not ours to read
        before = termios.tcgetattr(inside)
    except (ImportError, OSError, ValueError, AttributeError):
        return False
    except termios.error:
        return False
    answer = b""
    try:
        tty.setcbreak(inside)
        terminal.write("\x1b[c")
        terminal.flush()
        while select.select([inside], [], [], ANSWERS)[0] and not ANSWER.search(answer) and len(answer) < 64:
            answer += os.read(inside, 1)
    finally:
        termios.tcsetattr(inside, termios.TCSADRAIN, before)
    return has_sixel(answer)


def has_sixel(answer: bytes) -> bool:
    r"""Whether an answer such as b"\x1b[?62;4;22c" names attribute 4."""
    found = ANSWER.search(answer)
    return found is not None and b"4" in found[1].split(b";")[1:]


def drawn(path: Path, columns: int, rows: int, way: str) -> str:
    """The picture as what is written to a terminal: at most so many cells wide and high, with a line feed at the end.

    Errors: PoiseError where the file is no picture.
    """
    import numpy as np
    from PIL import Image

    from poise.report.picture import opaque

    try:
        with Image.open(path) as opened:
            image = Image.fromarray(opaque(np.asarray(opened.convert("RGBA"))))
    except (OSError, ValueError):
        raise PoiseError(f"{path} cannot be shown: it is no picture") from None
    if way == "blocks":
        return "".join(f"{line}\x1b[0m\n" for line in blocks(_within(image, columns, 2 * rows)))
    image = _within(image, min(WIDEST, columns * CELLS[0]), rows * CELLS[1], enlarge=True)
    return "".join(kitty(image) if way == "kitty" else sixel(image)) + "\n"


def _within(image: Image.Image, width: int, height: int, enlarge: bool = False) -> Image.Image:
    """The picture no larger than that, its sides in proportion; small ones by whole factors, so that pixels stay."""
    from PIL import Image

    scale = min(width / image.width, height / image.height)
    if scale >= 1:
        factor = int(scale) if enlarge else 1
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    size = max(1, int(image.width * scale)), max(1, int(image.height * scale))
    return image.resize(size, Image.Resampling.BOX)


def blocks(image: Image.Image) -> Iterable[str]:
    """Lines of upper half blocks: the foreground is the upper pixel, the background the lower one."""
    pixels: Any = image.load()
    for y in range(0, image.height, 2):
        line = []
        for x in range(image.width):
            r, g, b = pixels[x, y]
            line.append(f"\x1b[38;2;{r};{g};{b}m")
            if y + 1 < image.height:
                r, g, b = pixels[x, y + 1]
                line.append(f"\x1b[48;2;{r};{g};{b}m")
            else:
                line.append("\x1b[49m")
            line.append("▀")
        yield "".join(line)


def kitty(image: Image.Image) -> Iterable[str]:
    """The PNG in base64, in pieces; all but the last say that more come."""
    file = io.BytesIO()
    image.save(file, "PNG")
    data = base64.standard_b64encode(file.getvalue()).decode()
    pieces = [data[i : i + CHUNK] for i in range(0, len(data), CHUNK)]
    for i, piece in enumerate(pieces):
        control = f"m={int(i + 1 < len(pieces))}"
        yield f"\x1b_G{'a=T,f=100,q=2,' if i == 0 else ''}{control};{piece}\x1b\\"


def sixel(image: Image.Image) -> Iterable[str]:
    """Bands of six rows; in each band every colour once, as runs of the same column of six bits."""
    import numpy as np

    quantised = image.quantize(256)
    palette = np.asarray(quantised.getpalette() or [], np.int64).reshape(-1, 3)
    indices = np.asarray(quantised)
    yield f'\x1bP0;1q"1;1;{image.width};{image.height}'
    for colour in np.unique(indices).tolist():
        r, g, b = (round(value * 100 / 255) for value in palette[colour].tolist())
        yield f"#{colour};2;{r};{g};{b}"
    for top in range(0, image.height, 6):
        band = indices[top : top + 6]
        weights = 1 << np.arange(len(band))[:, None]
        for colour in np.unique(band).tolist():
            columns = ((band == colour) * weights).sum(0).tolist()
            yield f"#{colour}{_runs(columns)}$"
        yield "-"
    yield "\x1b\\"


def _runs(columns: list[int]) -> str:
    """Columns of six bits as sixel's characters, `!N` before one that is repeated N times."""
    out, i = [], 0
    while i < len(columns):
        j = i
        while j < len(columns) and columns[j] == columns[i]:
            j += 1
        sign = chr(63 + columns[i])
        out.append(f"!{j - i}{sign}" if j - i > 3 else sign * (j - i))
        i = j
    return "".join(out)
