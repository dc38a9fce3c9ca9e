"""What is in a set of pictures, before anybody trains on it: `poise data check PATH`.

Sentences: see `check_text`; recordings: see `check_speech`. What a run would read of it: see `study.checking`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from poise.data.catalogue.locate import locate
from poise.data.files.reading import reading
from poise.data.files.walking import Progress
from poise.data.images.cache import look_again
from poise.data.images.check_report import EXAMPLES, Report
from poise.data.images.chosen import side_of, usable_labels
from poise.data.images.examples import class_of, description, values
from poise.data.images.images import listed
from poise.data.images.sources.decode import Decoded, largest, quiet
from poise.data.images.sources.depth import Deep, checked
from poise.data.images.sources.opening import Unreadable
from poise.data.images.sources.source import Source
from poise.errors import PoiseError
from poise.limits import LARGEST_SIDE, SMALLEST_SIDE


def check(
    source: str | Path, progress: Progress | None = None, bits: int | None = None, splits: str = "auto"
) -> Report:
    """Decode every picture of a source (see `open_images`) once and report on them; nothing is written.

    `progress`, `bits`, `splits`: as in `open_images`.

    PoiseError where the source is none, or where not one picture can be read.
    """
    name, path, _ = locate(source)
    looking = Looking(source, checked(bits))
    with quiet(), reading(name, shown=progress is None) as told, listed(path, splits, told) as opened:
        opened.bits = looking.bits
        told.begin("decoding")
        look_again(opened, looking, progress or told)
        looking.finish(opened)
    return looking.report


class _Seen(NamedTuple):
    """About one picture that can be read."""

    form: str
    mode: str
    size: tuple[int, int]
    kept: str  # the mode that it is brought to
    animated: bool
    digest: bytes
    ends: tuple[float, float]  # the least and the largest value
    deep: str
    largest: float | None


class Looking:
    """Sees every picture while it is decoded (see `cache.Look`), and then has a report.

    Args: source, as the user named it; bits, as in `open_images`. `done` is whether there is a report.
    """

    def __init__(self, source: str | Path, bits: int | None) -> None:
        self.name, self.path, self._titles = locate(source)
        self.bits, self.done = bits, False
        self.report = Report(self.name, "")
        self._first: dict[tuple[str, str], tuple[int, _Seen]] = {}  # of each format and mode
        self._digests: dict[bytes, tuple[int, str]] = {}
        self._formats, self._modes, self._copies = Counter[str](), Counter[str](), Counter[bytes]()
        self._sizes = Counter[tuple[int, int]]()

    def describe(self, picture: Decoded, digest: bytes) -> Any:
        half = digest[:16]  # half is enough to tell millions apart
        return _Seen(
            picture.format, picture.mode, picture.image.size, picture.image.mode, picture.animated, half,
            values(picture), picture.deep, largest(picture),
        )  # fmt: skip

    def add(self, name: str, row: int, found: Any | Unreadable) -> None:
        report = self.report
        if isinstance(found, Unreadable):
            report.unreadable.append((name, str(found)))
            return
        report.count += 1
        self._formats[found.form] += 1
        self._modes[found.mode] += 1
        self._sizes[found.size] += 1
        self._first.setdefault((found.form, found.mode), (row, found))
        report.grey += found.kept in ("L", "LA")
        report.transparent += found.kept in ("LA", "RGBA")
        report.non_square += found.size[0] != found.size[1]
        report.animated += found.animated
        report.deep.add(found.deep, found.largest)
        first, named = self._digests.setdefault(found.digest, (row, name))
        if first != row:
            self._copies[found.digest] += 1
            if len(report.duplicates) < EXAMPLES:
                report.duplicates.append((named, name))

    def finish(self, source: Source) -> None:
        """Fill in what is known at the end. Errors: PoiseError where not one picture can be read."""
        report = self.report
        report.kind, report.own_test, report.others = source.kind, source.own_test, source.others
        report.unreadable = [*source.lost, *report.unreadable]
        report.duplicate_groups, report.redundant = len(self._copies), self._copies.total()
        report.formats, report.modes = dict(self._formats.most_common()), dict(self._modes.most_common())
        report.sizes = dict(self._sizes.most_common())
        report.classes = _classes(source, self._titles)
        if not report.count:
            file, reason = report.unreadable[0]
            raise PoiseError(
                f"{self.path}: none of {len(report.unreadable):,} pictures can be read, the first being "
                f"{file} ({reason}); give a source with readable pictures"
            )
        report.deep.check(self.path, self.bits)
        report.deep = Deep() if self.bits else report.deep
        report.notes = [*source.notes, *usable_labels(source)[1]]
        report.flags = _suggest(source, report)
        report.examples = _examples(source, report, list(self._first.values()))
        self.done = True


def _examples(source: Source, report: Report, first: list[tuple[int, _Seen]]) -> list[str]:
    """A line for the first picture of each format and mode, with what it becomes where no flag says otherwise."""
    sizes = np.array([size for size, n in report.sizes.items() for _ in range(n)])
    side = max(SMALLEST_SIDE, side_of(sizes[:, 0], sizes[:, 1], LARGEST_SIDE))  # as a run takes it
    colour = "grey" if report.grey == report.count else "colour"
    where = "file" if _labels(source, "file") else "none"
    lines = []
    for row, seen in first[:EXAMPLES]:
        text = description(source.picture_name(row), seen.form, seen.mode, seen.size, seen.kept, seen.ends)
        becomes = f"{side}x{side} (--size), {colour} (--channels), --fit crop, {class_of(source, row, where)}"
        lines.append(f"example: {text} -> {becomes}")
    return lines


def _classes(source: Source, titles: tuple[str, ...]) -> dict[str, int]:
    """Files per class, from what comes with the data, else from the sub-folders, else nothing."""
    found = _labels(source, "file") or _labels(source, "folders")
    return dict(zip(titles, found.values(), strict=True)) if len(titles) == len(found) else found


def _labels(source: Source, where: str) -> dict[str, int]:
    try:
        found = source.labels(where)
    except PoiseError:
        return {}
    if found is None:
        return {}
    numbers, names = found
    count = Counter(numbers.tolist())
    return {name: count[i] for i, name in enumerate(names)}


def _suggest(source: Source, report: Report) -> list[str]:
    count, flags = report.count, []
    if len(report.sizes) > 1 or report.non_square:
        shorter = sorted(min(size) for size, n in report.sizes.items() for _ in range(n))[count // 2]
        side = next((s for s in (256, 128, 64, 32) if s <= shorter), 16)
        flags.append(f"--size {side} (half of the pictures have a shorter side of at least {shorter})")
    long = sum(n for (w, h), n in report.sizes.items() if max(w, h) > 1.5 * min(w, h))
    if 2 * long > count:
        flags.append(f"--fit pad ({long:,} pictures are more than half as long again as wide, and would lose much)")
    if report.grey == count and report.transparent:
        flags.append("--channels 1 (all are grey)")
    if report.transparent:
        flags.append(
            f"--background white (or another colour: {report.transparent:,} have transparency; poise train images "
            "--channels 4 keeps it)"
        )
    rules: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("file", lambda: bool(_labels(source, "file"))),
        ("folders", lambda: len(_labels(source, "folders")) > 1),
    )
    how = next((how for how, there in rules if there()), None)
    if how:
        flags.append(f"--labels {how} ({len(report.classes):,} classes)")
    return flags
