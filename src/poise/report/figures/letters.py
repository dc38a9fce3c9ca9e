"""Letters of any script in figures: fonts that this machine has for them, and what is drawn where there is none.

matplotlib draws what its first font lacks in the next one of a list. `lettered(texts)` makes that list for some texts;
within it `drawable` leaves their letters alone. What no font has, and what this matplotlib would draw out of order (one
without libraqm joins no Arabic), becomes a box, and is told by `untold`.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

BOX = "□"
FIRST = ("noto sans", "source han sans", "wenquanyi", "droid sans fallback", "pingfang", "microsoft yahei", "symbola")
NO_LETTERS = "Last Resort"  # a font of boxes for everything
# Scripts in which letters are joined or change places: first and last letter of blocks, Syriac to Khmer.
JOINED = ((0x0700, 0x085F), (0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x17FF))
SELECTORS = range(0xFE00, 0xFE10)  # text or picture: nothing to draw
MOST = 8  # letters that are named


def drawable(text: str) -> str:
    """The text on one line and in letters that the fonts in force have: what they lack in its compatible form, or as a
    box."""
    from matplotlib import rcParams

    known = _letters(tuple(rcParams["font.family"]))
    return "".join(_drawn(letter, known) for letter in _line(text))


def _line(text: str) -> Iterator[str]:
    """Its letters, composed, without line breaks and without what cannot be seen."""
    for letter in unicodedata.normalize("NFC", " ".join(text.split())):
        if unicodedata.category(letter) not in ("Cc", "Cf") and ord(letter) not in SELECTORS:
            yield letter


def _drawn(letter: str, known: frozenset[int]) -> str:
    others = unicodedata.normalize("NFKC", letter)
    fitting = (form for form in (letter, others, BOX) if _in_order(letter) and all(ord(c) in known for c in form))
    return next(fitting, BOX if ord(BOX) in known else "?")


@functools.cache
def _letters(families: Sequence[str]) -> frozenset[int]:
    """The letters of these fonts together."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    found: set[int] = set()
    with quiet():
        for family in families:
            found.update(FT2Font(findfont(FontProperties(family=[family]))).get_charmap())
    return frozenset(found)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """matplotlib does not log which weights a font has not."""
    logger = logging.getLogger("matplotlib.font_manager")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


@functools.cache
def _shapes() -> bool:
    """Whether this matplotlib joins and orders letters as their scripts want it."""
    from matplotlib import ft2font

    return hasattr(ft2font, "__libraqm_version__")


def _in_order(letter: str) -> bool:
    """Whether a letter stands and looks right where letters are drawn one after the other from left to right."""
    joined = any(first <= ord(letter) <= last for first, last in JOINED)
    return _shapes() or not (joined or unicodedata.bidirectional(letter) in ("R", "AL"))


@contextlib.contextmanager
def lettered(texts: Iterable[str]) -> Iterator[list[str]]:
    """Figures that are made within have fonts for these texts, as far as there are some; yields the letters that none
    has. The settings of matplotlib are what they were afterwards."""
    from matplotlib import rc_context, rcParams

    base = list(rcParams["font.family"])
    known = _letters(tuple(base))
    lacking = {c for text in texts for c in _line(text) if _drawn(c, known) in (BOX, "?") and c not in (BOX, "?")}
    more, missing = _fonts_for(frozenset(c for c in lacking if _in_order(c))) if lacking else ((), lacking)
    with rc_context({"font.family": [*base, *more]}), quiet():
        yield sorted(missing | {c for c in lacking if not _in_order(c)})


@functools.cache
def _fonts_for(letters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Families that have these letters, as few as may be, and the letters that no family has."""
    found: list[str] = []
    left = {ord(letter) for letter in letters}
    for look in (_known_families, _new_families):
        for family in look() if left else ():
            if left & (has := _letters_of(family)):
                found.append(family)
                left -= has
    return tuple(found), frozenset(map(chr, left))


def _known_families() -> list[str]:
    """Those that matplotlib knows, those of many letters first."""
    from matplotlib.font_manager import fontManager

    names = sorted({entry.name for entry in fontManager.ttflist if not entry.name.startswith(NO_LETTERS)})
    return sorted(names, key=lambda name: not name.lower().startswith(FIRST))


def _new_families() -> list[str]:
    """Those of font files that were installed after matplotlib made its list."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    names = {entry.name for entry in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        with contextlib.suppress(
            OSError, RuntimeError, ValueError
        ):  # no font that can be scaled, such as emoji in colour
            fontManager.addfont(path)
    return sorted({entry.name for entry in fontManager.ttflist} - names)


def _letters_of(family: str) -> frozenset[int]:
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        return _letters((family,))
    return frozenset()


def untold(missing: Sequence[str]) -> str:
    """One line on letters that have no font; nothing where all have one."""
    if not missing:
        return ""
    shown = " ".join(missing[:MOST]) + (" …" if len(missing) > MOST else "")
    letters = "1 letter is" if len(missing) == 1 else f"{len(missing)} letters are"
    if not all(map(_in_order, missing)):
        return f"{letters} drawn as {BOX} ({shown}): matplotlib before 3.11 cannot join them; update it"
    return f"{letters} drawn as {BOX} ({shown}): no font here has them; install one that does, such as fonts-noto-cjk"
