"""A report as a PDF: pages of A4, text wrapped between words, pictures as wide as the text."""

from __future__ import annotations

import io
from collections.abc import Sequence

from poise.report.figures.letters import lettered
from poise.results.forms import document
from poise.results.forms.pages import (
    BELOW,
    HIGH,
    LEADING,
    MARGIN,
    ROOM,
    SIZE,
    SMALL,
    Pages,
    inches_of,
    plain,
    width_of,
    wrapped,
)

OF_KIND = {"critical": "#D55E00", "refuted": "#D55E00", "warning": "#E69F00", "supported": "#009E73"}
STEP = 0.6 * SMALL / 72  # inches of a letter of even width
GAP = 0.12  # inches between columns


def _table(pages: Pages, block: document.Cells) -> None:
    """Rows of wrapped cells; columns as wide as they need to be, the widest cut down to what there is."""
    if block.title:
        pages.write(block.title, SIZE, bold=True)
    rows = [[plain(cell) for cell in row] for row in block.rows]
    head = [plain(cell) for cell in block.head]
    widths = _columns([head, *rows])
    for i, row in enumerate([head, *rows]):
        cells = [wrapped(cell, width - GAP + 0.01, SMALL, bold=i == 0) for cell, width in zip(row, widths, strict=True)]
        if i == 0 and not any(head):
            continue
        lines = max(map(len, cells))
        pages.room(min(lines, 40) * SMALL * LEADING / 72)
        for j in range(lines):
            pages.room(SMALL * LEADING / 72)
            x = MARGIN
            for cell, width in zip(cells, widths, strict=True):
                if j < len(cell) and cell[j]:
                    pages.put(x, cell[j], SMALL, **({"fontweight": "bold"} if i == 0 else {}))
                x += width
            pages.gap(SMALL * LEADING / 72)


def _columns(rows: Sequence[Sequence[str]]) -> list[float]:
    """Inches of the columns: what their longest cells need; where that is too much they give in turn what their longest
    words do not need, and where that is not enough the widest gives."""
    columns = list(zip(*rows, strict=True))
    needed = [max(width_of(cell, SMALL, False, True) for cell in column) + GAP for column in columns]
    words = [max((_longest_word(cell) for cell in column), default=0.0) + GAP for column in columns]
    while (over := sum(needed) - ROOM) > 1e-6:
        slack = [have - word for have, word in zip(needed, words, strict=True)]
        widest = max(range(len(needed)), key=lambda i: (slack[i] > 1e-6, needed[i]))
        needed[widest] -= min(over, 0.1, slack[widest]) if slack[widest] > 1e-6 else min(over, 0.1)
        words[widest] = min(words[widest], needed[widest])
    return needed


def _longest_word(cell: str) -> float:
    return max((width_of(word, SMALL, False, True) for word in cell.split()), default=0.0)


def _leading(line: str) -> int:
    """How many spaces a line begins with, as far as they leave it room."""
    return min(40, len(line) - len(line.lstrip(" ")))


def _draw(pages: Pages, block: document.Block) -> None:
    before = (len(pages.figures) - 1, pages.top)
    match block:
        case document.Heading():
            pages.gap(0.12)
            pages.room(1.2)
            pages.write(block.text, 13, bold=True)
        case document.Paragraph():
            pages.write(block.text, SMALL if block.quiet else SIZE)
        case document.Points():
            for text in block.texts:
                pages.room(SIZE * LEADING / 72)
                pages.put(MARGIN, "•", SIZE)
                pages.write(text, indent=0.18)
        case document.Remark():
            pages.room(0.6)
            before = (len(pages.figures) - 1, pages.top)
            pages.write(f"{block.kind.upper()}: {block.title}", indent=0.15, bold=True)
            for text in block.texts:
                pages.write(text, indent=0.15)
            pages.bar(before, OF_KIND.get(block.kind, "#777777"))
        case document.Cells():
            _table(pages, block)
        case document.Verbatim():
            if block.title:
                pages.write(block.title, bold=True)
            for line in block.text.splitlines():
                pages.write(line or " ", SMALL, 0.15 + STEP * _leading(line), mono=line.isascii())
        case document.Image():
            pages.picture(block)
        case document.Sounds():
            pages.write(f"{block.text} (to be heard in the report as HTML: {', '.join(n for n, _ in block.versions)})")
    pages.gap(0.08)


def as_pdf(whole: document.Document) -> bytes:
    """The content of the file; the same document gives the same bytes."""
    from matplotlib.backends.backend_pdf import PdfPages

    buffer = io.BytesIO()
    with lettered(_texts(whole)):
        width_of.cache_clear()
        pages = Pages()
        pages.write(whole.title, 17, bold=True)
        pages.write(whole.lead, 11)
        pages.gap(0.1)
        for block, after in zip(whole.blocks, [*whole.blocks[1:], None], strict=True):
            if isinstance(block, document.Heading) and isinstance(after, document.Image):
                pages.room(0.6 + inches_of(after)[1] + BELOW)
            _draw(pages, block)
        about = {"Title": plain(whole.title), "CreationDate": None, "Creator": None, "Producer": None}
        with PdfPages(buffer, metadata=about) as file:
            for i, figure in enumerate(pages.figures):
                said = f"{wrapped(plain(whole.title), ROOM - 1, SMALL)[0]}   {i + 1} of {len(pages.figures)}"
                figure.text(0.5, 0.45 / HIGH, said, fontsize=SMALL, ha="center", color="#444444", parse_math=False)
                file.savefig(figure)
    return buffer.getvalue()


def _texts(whole: document.Document) -> list[str]:
    """Everything that is written."""
    found = [whole.title, whole.lead]
    for block in whole.blocks:
        found += [value for value in vars(block).values() if isinstance(value, str)]
        found += [text for name in ("texts", "head") for text in getattr(block, name, ())]
        found += [cell for row in getattr(block, "rows", ()) for cell in row]
    return found
