"""How figures look, and how they are kept: colours that most colour-blind people can tell apart, dark on white."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from poise.disk import check_parent, write_atomically
from poise.errors import PoiseError
from poise.report.figures.letters import quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's, without their yellow, which is too light for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6D1F")
REFERENCE = "#000000"
DASHES = ("solid", "dashed", "dotted", "dashdot")
GRID = "#dddddd"
SUFFIXES = (".png", ".svg")
DPI = 100


def check_figure(path: Path) -> None:
    """PoiseError unless `path` is a name for a .png or .svg file in a folder that exists; before any work."""
    if path.suffix.lower() not in SUFFIXES or path.is_dir():
        raise PoiseError(f"--out {path}: name a file that ends in .png or .svg")
    check_parent(path)


def save_figure(figure: Figure, path: Path) -> None:
    """A PNG or an SVG by the file's ending, whole or not at all; letters of an SVG are outlines, which need no font."""
    check_figure(path)
    write_atomically(path, as_png(figure) if path.suffix.lower() == ".png" else as_svg(figure))


def as_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The same bytes for the same figure."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with quiet(), rc_context({"agg.path.chunksize": 10_000}):  # long curves that go up and down
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def as_svg(figure: Figure) -> bytes:
    """The same bytes for the same figure."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with quiet(), rc_context({"svg.fonttype": "path", "svg.hashsalt": "poise"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def bare(axes: Axes) -> None:
    """Without a frame above and at the right, with a light grid."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
