"""Pages of A4 that are filled from the top: lines, bars, pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from PIL import Image as Pictures

from poise.report.figures.letters import drawable, quiet
from poise.results.forms.document import Image
from poise.terminal import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE, HIGH, MARGIN, FOOT = 8.27, 11.69, 0.8, 0.75  # inches
ROOM = WIDE - 2 * MARGIN
LEADING = 1.45  # of lines, over the size of their letters
SIZE, SMALL = 9.5, 8.0  # points
BELOW = 0.3  # of a picture, for its title
PICTURE = 4.6  # inches of a picture that is no figure, the larger side


@lru_cache(maxsize=50_000)
def width_of(text: str, size: float, mono: bool, bold: bool) -> float:
    """Inches of a text."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    family = ["monospace"] if mono else list(rcParams["font.family"])
    font = FontProperties(family=family, size=size, weight="bold" if bold else "normal")
    with quiet():
        return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def wrapped(text: str, width: float, size: float, mono: bool = False, bold: bool = False) -> list[str]:
    """Lines of at most `width` inches, broken between words, or within one that is longer than a line."""
    lines: list[str] = []
    line = ""
    for word in _pieces(text, width, size, mono, bold):
        longer = f"{line} {word}" if line else word
        if line and width_of(longer, size, mono, bold) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def _pieces(text: str, width: float, size: float, mono: bool, bold: bool) -> Iterator[str]:
    """Paragraph, those that are too long in parts."""
    for word in text.split():
        while width_of(word, size, mono, bold) > width and len(word) > 1:
            cut = max(1, int(len(word) * width / width_of(word, size, mono, bold)))
            while cut > 1 and width_of(word[:cut], size, mono, bold) > width:
                cut -= 1
            yield word[:cut]
            word = word[cut:]
        yield word


class Pages:
    """Pages that are filled from the top; `top`, inches from the upper edge of the page to where the next line goes."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.turn()

    def turn(self) -> None:
        """Begin a new page."""
        from matplotlib.figure import Figure

        self.figures.append(Figure(figsize=(WIDE, HIGH)))
        self.top = MARGIN

    def room(self, high: float) -> None:
        """Turn the page where less than `high` inches are left of it."""
        if self.top + high > HIGH - FOOT and self.top > MARGIN:
            self.turn()

    def put(self, x: float, text: str, size: float, **looks: Any) -> None:
        """A line at x inches; the place stays."""
        y = 1 - (self.top + size / 72) / HIGH
        self.figures[-1].text(x / WIDE, y, text, fontsize=size, va="baseline", parse_math=False, **looks)

    def write(
        self, text: str, size: float = SIZE, indent: float = 0.0, bold: bool = False, mono: bool = False, **looks: Any
    ) -> None:
        """Lines of a paragraph, over as many pages as it takes."""
        looks |= {"fontweight": "bold"} if bold else {}
        looks |= {"family": "monospace"} if mono else {}
        for line in wrapped(plain(text), ROOM - indent, size, mono, bold):
            self.room(size * LEADING / 72)
            self.put(MARGIN + indent, line, size, **looks)
            self.top += size * LEADING / 72

    def gap(self, inches: float) -> None:
        self.top += inches

    def bar(self, before: tuple[int, float], colour: str) -> None:
        """A bar at the left from a place (page, top) to here."""
        first, top = before
        for page in range(first, len(self.figures)):
            start = top if page == first else MARGIN
            end = self.top if page == len(self.figures) - 1 else HIGH - FOOT
            place = (MARGIN / WIDE, 1 - end / HIGH, 0.05 / WIDE, max(0.0, end - start) / HIGH)
            axes = self.figures[page].add_axes(place)
            axes.set_facecolor(colour)
            axes.set(xticks=[], yticks=[])
            axes.set_frame_on(True)
            for spine in axes.spines.values():
                spine.set_visible(False)

    def picture(self, image: Image) -> None:
        """As wide as the text, or as high as the page; samples smaller."""
        width, height = inches_of(image)
        self.room(height + BELOW)
        with Pictures.open(io.BytesIO(image.png)) as opened:
            pixels = opened.convert("RGB")
        place = (MARGIN / WIDE, 1 - (self.top + height) / HIGH, width / WIDE, height / HIGH)
        axes = self.figures[-1].add_axes(place)
        axes.imshow(pixels, aspect="auto", interpolation="none")
        axes.set_axis_off()
        self.top += height + 0.05
        self.write(image.title, SMALL, color="#444444")


def inches_of(image: Image) -> tuple[float, float]:
    """Width and height of a picture on paper: that of figures is as wide as the text; few pixels stay small."""
    with Pictures.open(io.BytesIO(image.png)) as opened:
        across, down = opened.size
    most = (ROOM, HIGH - MARGIN - FOOT - BELOW - 0.6) if image.svg else (PICTURE, PICTURE)
    scale = min(most[0] / across, most[1] / down, 1 / 40)
    return across * scale, down * scale


def plain(text: str) -> str:
    return drawable(escaped(text))
