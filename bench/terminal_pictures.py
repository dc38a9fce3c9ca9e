"""Pictures of what stands in a terminal: the live view at three sizes, `poise runs`, `poise runs diff`.

    python bench/terminal_pictures.py --out docs/terminal     # makes a few small runs, in a folder that goes away

The program runs in a pseudo-terminal of that size, what it writes is obeyed by a terminal emulator (pyte), and the
screen is drawn with a fixed-width font.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import pyte
from PIL import Image, ImageDraw, ImageFont

SIZES = ((80, 24), (120, 40), (48, 24))
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
CELL = (9, 18)
COLOURS = {"default": "#d8d8d8", "red": "#e06c75", "green": "#98c379", "brown": "#e5c07b", "blue": "#61afef",
           "magenta": "#c678dd", "cyan": "#56b6c2", "black": "#5c6370", "white": "#ffffff"}  # fmt: skip


def screen_of(
    words: Sequence[str],
    columns: int,
    rows: int,
    folder: Path,
    until: Callable[[pyte.Screen], bool] | None = None,
    limit: float = 240.0,
    **environment: str,
) -> pyte.Screen:
    """Run a program in a terminal of that size and return the screen at its end, or when `until` says so (it is stopped
    then)."""
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    clean = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    clean |= {"TERM": "xterm-256color", **environment}
    program = subprocess.Popen(words, stdin=child, stdout=child, stderr=child, cwd=folder, env=clean)
    os.close(child)
    end = time.monotonic() + limit
    try:
        while time.monotonic() < end:
            if not select.select([parent], [], [], 0.2)[0]:
                if program.poll() is not None:
                    break
                continue
            try:
                data = os.read(parent, 65536)
            except OSError:  # the other side is gone
                break
            if not data:
                break
            stream.feed(data)
            if until is not None and until(screen):
                break
    finally:
        if program.poll() is None:
            program.terminate()
        program.wait(60)
        os.close(parent)
    return screen


def lines_of(screen: pyte.Screen) -> list[str]:
    return [line.rstrip() for line in screen.display]


def drawn(screen: pyte.Screen, path: Path) -> None:
    """The screen as a picture."""
    (w, h), font = CELL, ImageFont.truetype(str(FONT), 15)
    image = Image.new("RGB", (screen.columns * w + 16, screen.lines * h + 16), "#282c34")
    draw = ImageDraw.Draw(image)
    for y in range(screen.lines):
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            at = (8 + x * w, 8 + y * h)
            fore, back = _colour(cell.fg, "#d8d8d8"), _colour(cell.bg, "")
            if back:
                draw.rectangle((*at, at[0] + w - 1, at[1] + h - 1), fill=back)
            if cell.data.strip():
                draw.text(at, cell.data, font=font, fill=fore)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def _colour(name: str, otherwise: str) -> str:
    if name == "default":
        return otherwise
    return COLOURS.get(name) or (f"#{name}" if len(name) == 6 else otherwise)


def poise(*words: str) -> list[str]:
    return [sys.executable, "-m", "poise", *words]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--steps", default="600")
    asked = parser.parse_args()
    small = ["--steps", asked.steps, "--generator.width", "16", "--discriminator.width", "16", "--scores", "2",
             "--score-samples", "200", "--l2-generator", "1e-4"]  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for i, (columns, rows) in enumerate(SIZES):
            words = poise("train", "images", asked.data, *small, "--seed", str(i))
            screen = screen_of(words, columns, rows, folder, lambda screen: _late(screen, int(asked.steps)))
            drawn(screen, asked.out / f"live-{columns}x{rows}.png")
            print("\n".join(lines_of(screen)), "\n" + "-" * columns)
        words = poise("train", "images", asked.data, *small, "--seed", "9", "--show", "blocks")
        drawn(
            screen_of(words, 100, 50, folder, lambda screen: _late(screen, int(asked.steps))), asked.out / "shown.png"
        )
        subprocess.run(poise("train", "images", asked.data, *small, "--seed", "3", "--quiet"), cwd=folder, check=True)
        subprocess.run(poise("train", "images", asked.data, *small, "--seed", "4", "--out", "mine/strong", "--quiet",
                             "--l2-discriminator", "1e-3"), cwd=folder, check=True)  # fmt: skip
        for name, more in (("runs", ["runs"]), ("runs-diff", ["runs", "diff", "last", "images-fashion-mnist"])):
            if name == "runs-diff":
                first = next(p for p in (folder / "runs").iterdir() if (p / "DONE").exists())
                more = ["runs", "diff", first.name, "mine/strong"]
            screen = screen_of(poise(*more), 100, 34 if name == "runs-diff" else 10, folder)
            drawn(screen, asked.out / f"{name}.png")
            print("\n".join(lines_of(screen)))


def _late(screen: pyte.Screen, steps: int) -> bool:
    """In the last third of a run."""
    import re

    found = re.search(r"step ([\d,]+)/", "\n".join(screen.display))
    return found is not None and int(found[1].replace(",", "")) > 2 * steps // 3


if __name__ == "__main__":
    main()
