"""Pictures of log-mel spectrograms beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poise.disk import write_atomically
from poise.report.figures.letters import drawable, lettered
from poise.report.figures.looks import as_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT, WIDE, APART, RIGHT = 0.6, 2.6, 0.15, 0.8  # inches: beside the panels, of one, between them, for the scale
TOP, LINE, HIGH, BELOW = 0.3, 0.22, 1.1, 0.3  # for the columns' titles; of a row: its title, the panel, its axis
SIZE = 8  # points of all text
TICKS = (250, 500, 1000, 2000, 4000, 8000, 16_000)  # hertz


def save_spectrograms(
    rows: Sequence[tuple[str, Sequence[NDArray[Any]]]],
    column_titles: Sequence[str],
    path: Path,
    seconds_per_frame: float,
    highest_hz: float | None = None,
    lowest_hz: float = 0.0,
) -> None:
    """A PNG with one row for each clip and one column for each version, written whole or not at all.

    All panels share one colour scale, from the least to the greatest finite number; the panels of a row share the time
    axis. The same arguments give the same bytes on one machine. Letters that no font here has are drawn as boxes.

    Args: rows of (title, log-mels [M,F], one for each column; fewer leave panels free); column_titles; path; the
    seconds of a frame; highest_hz and lowest_hz, the last and the first edge of the mel bands, for the frequency axis
    (None: bands are counted). The mel scale is that of Slaney's Auditory Toolbox.
    Errors: PoiseError where it cannot be written.
    """
    with lettered([title for title, _ in rows] + list(column_titles)):
        figure = _figure(rows, column_titles, seconds_per_frame, (lowest_hz, highest_hz))
    write_atomically(path, as_png(figure))


def _figure(
    rows: Sequence[tuple[str, Sequence[NDArray[Any]]]],
    column_titles: Sequence[str],
    seconds_per_frame: float,
    hertz: tuple[float, float | None],
) -> Figure:
    from matplotlib.figure import Figure

    columns = len(column_titles)
    size = LEFT + columns * (WIDE + APART) + RIGHT, TOP + max(1, len(rows)) * (LINE + HIGH + BELOW)
    figure = Figure(figsize=size, dpi=100)
    finite = [mel[np.isfinite(mel)] for _, mels in rows for mel in mels]
    numbers = np.concatenate([np.zeros(0), *finite])
    scale = {"vmin": numbers.min(), "vmax": numbers.max()} if numbers.size else {"vmin": 0.0, "vmax": 1.0}
    for column, title in enumerate(column_titles):
        _write(figure, LEFT + column * (WIDE + APART), 0.05, title, WIDE, fontweight="bold")
    image = None
    for row, (title, mels) in enumerate(rows):
        top = TOP + row * (LINE + HIGH + BELOW)
        _write(figure, LEFT, top, title, size[0] - LEFT)
        seconds = max([mel.shape[1] * seconds_per_frame for mel in mels], default=0.0)
        for column, mel in enumerate(mels[:columns]):
            if not mel.size:
                continue
            axes = _panel(figure, LEFT + column * (WIDE + APART), top + LINE, WIDE)
            extent = (0, mel.shape[1] * seconds_per_frame, -0.5, len(mel) - 0.5)
            image = axes.imshow(mel, origin="lower", aspect="auto", cmap="magma", extent=extent, **scale)
            axes.set_xlim(0, seconds)
            axes.xaxis.set_major_formatter("{x:g} s")
            _frequencies(axes, len(mel), *hertz, column == 0)
    if image is not None:
        bar = figure.colorbar(image, cax=_panel(figure, size[0] - RIGHT, TOP + LINE, 0.12))
        bar.set_label("log mel", fontsize=SIZE)
    return figure


def _panel(figure: Figure, left: float, top: float, width: float) -> Any:
    """Axes at a place in inches from the upper left corner."""
    across, down = figure.get_size_inches()
    axes = figure.add_axes((left / across, 1 - (top + HIGH) / down, width / across, HIGH / down))
    axes.tick_params(labelsize=SIZE, length=2, pad=2)
    return axes


def _write(figure: Figure, left: float, top: float, text: str, width: float, **more: Any) -> None:
    """One line at a place in inches, cut to about `width` inches."""
    across, down = figure.get_size_inches()
    line, room = drawable(text), int(width * 72 / (0.62 * SIZE))
    line = line if len(line) <= room else f"{line[: room - 1]}…"
    figure.text(left / across, 1 - top / down, line, fontsize=SIZE, va="top", parse_math=False, **more)


def _frequencies(axes: Any, bands: int, low: float, high: float | None, labelled: bool) -> None:
    """The axis of the mel bands: band m is centred on edge m + 1 of bands + 2 evenly spaced in mel."""
    if high is not None:
        shown = [hertz for hertz in TICKS if low < hertz < high][-4:]
        places = [(mel_of(hertz) - mel_of(low)) / (mel_of(high) - mel_of(low)) * (bands + 1) - 1 for hertz in shown]
        names = [f"{hertz // 1000} kHz" if hertz >= 1000 else f"{hertz} Hz" for hertz in shown]
        axes.set_yticks(places, names)
        axes.set_ylim(-0.5, bands - 0.5)
    elif labelled:
        axes.set_ylabel("mel band", fontsize=SIZE, labelpad=1)
    axes.tick_params(labelleft=labelled)


def mel_of(hertz: float) -> float:
    """Slaney's mel scale: linear up to 1 kHz (15 mel), then 27 mel for each factor of 6.4."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + float(np.log(hertz / 1000)) * 27 / float(np.log(6.4))
