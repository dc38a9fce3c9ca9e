"""What is in a set of pictures, before anybody trains on it: `poise data check PATH`.

Sentences: see `check_text`; recordings: see `check_speech`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from poise.data.check_report import EXAMPLES, Report
from poise.data.check_speech import check_speech
from poise.data.check_text import check_text
from poise.data.chosen import side_of, usable_labels
from poise.data.decode import Unreadable, content_hash, largest, quiet
from poise.data.depth import Deep, checked
from poise.data.examples import class_of, found, values
from poise.data.formats import idx_folder
from poise.data.images import listed, locate
from poise.data.plain import counted
from poise.data.reading import reading
from poise.data.sources import Job, Progress, Source, in_order
from poise.data.text import is_text
from poise.data.turns import turns
from poise.errors import PoiseError


def facts(
    source: str | Path,
    column: str | None = None,
    progress: Progress | None = None,
    bits: int | None = None,
    splits: str = "auto",
) -> list[str]:
    """Lines about a folder, a file or a catalogued set, of pictures, of recordings, or of sentences (in a `column`).

    `bits`, `splits`: of pictures, as in `open_images`. What most files of a folder are is what it is read as.
    """
    name, path, _ = locate(source)
    if is_text(path):
        return check_text(source, column).lines()
    if column is not None:
        raise PoiseError(f"{source} has no columns: leave out --column {column}, or give a .jsonl or .csv file")
    found = counted(path) if path.is_dir() and not idx_folder(path) else None
    beside = [f"{file}: {reason}" for file, reason in found.minority()] if found else []
    if found and found.kind == "speech":
        if bits is not None:
            raise PoiseError(f"--bits {bits} is for pictures and {source} holds sound: leave it out")
        return check_speech(name, path, progress).lines() + beside
    return check(source, progress, bits, splits).lines() + beside


def check(
    source: str | Path, progress: Progress | None = None, bits: int | None = None, splits: str = "auto"
) -> Report:
    """Decode every picture of a source (see `open_images`) once and report on them; nothing is written.

    `progress`, `bits`, `splits`: as in `open_images`.

    PoiseError where the source is none, or where not one picture can be read.
    """
    name, path, titles = locate(source)
    bits = checked(bits)
    with quiet(), reading(name, shown=progress is None) as told, listed(path, splits, told) as opened:
        opened.bits = bits
        report = Report(name, opened.kind, own_test=opened.own_test, others=opened.others, notes=list(opened.notes))
        told.begin("decoding")
        first = _read(opened, report, progress or told)
        report.classes = _classes(opened, titles)
        if not report.count:
            file, reason = report.unreadable[0]
            raise PoiseError(
                f"{path}: none of {len(report.unreadable):,} pictures can be read, the first being "
                f"{file} ({reason}); give a source with readable pictures"
            )
        report.deep.check(path, bits)
        report.deep = Deep() if bits else report.deep
        report.notes += usable_labels(opened)[1]
        report.flags = _suggest(opened, report)
        report.examples = _examples(opened, report, first)
    return report


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


def _read(source: Source, report: Report, progress: Progress) -> list[tuple[int, _Seen]]:
    """Fill in the report, and return the first picture of each format and mode."""
    formats: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    first: dict[bytes, int] = {}
    copies: Counter[bytes] = Counter()
    kinds: dict[tuple[str, str], tuple[int, _Seen]] = {}
    report.unreadable = list(source.lost)
    for i, facts in enumerate(in_order(_facts, source.jobs(count_frames=True))):
        progress(i + 1, len(source))
        if isinstance(facts, str):
            report.unreadable.append((source.picture_name(i), facts))
            continue
        report.count += 1
        formats[facts.form] += 1
        modes[facts.mode] += 1
        sizes[facts.size] += 1
        kinds.setdefault((facts.form, facts.mode), (i, facts))
        report.grey += facts.kept in ("L", "LA")
        report.transparent += facts.kept in ("LA", "RGBA")
        report.non_square += facts.size[0] != facts.size[1]
        report.animated += facts.animated
        report.deep.add(facts.deep, facts.largest)
        if first.setdefault(facts.digest, i) != i:
            copies[facts.digest] += 1
            if len(report.duplicates) < EXAMPLES:
                report.duplicates.append((source.picture_name(first[facts.digest]), source.picture_name(i)))
    report.duplicate_groups, report.redundant = len(copies), sum(copies.values())
    report.formats, report.modes = dict(formats.most_common()), dict(modes.most_common())
    report.sizes = dict(sizes.most_common())
    return list(kinds.values())


def _facts(job: Job) -> _Seen | str:
    try:
        with turns():
            picture = job()
            image = picture.image
            digest = content_hash(image)[:16]  # half is enough to tell millions apart
    except Unreadable as error:
        return str(error)
    return _Seen(picture.format, picture.mode, image.size, image.mode, picture.animated, digest, values(picture),
                 picture.deep, largest(picture))  # fmt: skip


def _examples(source: Source, report: Report, first: list[tuple[int, _Seen]]) -> list[str]:
    """A line for the first picture of each format and mode, with what it becomes where no flag says otherwise."""
    sizes = np.array([size for size, n in report.sizes.items() for _ in range(n)])
    side = side_of(sizes[:, 0], sizes[:, 1])
    colour = "grey" if report.grey == report.count else "colour"
    how = "file" if _labels(source, "file") else "none"
    lines = []
    for row, seen in first[:EXAMPLES]:
        said = found(source.picture_name(row), seen.form, seen.mode, seen.size, seen.kept, seen.ends)
        becomes = f"{side}x{side} (--size), {colour} (--channels), --fit crop, {class_of(source, row, how)}"
        lines.append(f"example: {said} -> {becomes}")
    return lines


def _classes(source: Source, titles: tuple[str, ...]) -> dict[str, int]:
    """Files per class, from what comes with the data, else from the sub-folders, else nothing."""
    found = _labels(source, "file") or _labels(source, "folders")
    return dict(zip(titles, found.values(), strict=True)) if len(titles) == len(found) else found


def _labels(source: Source, how: str) -> dict[str, int]:
    try:
        found = source.labels(how)
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
        flags.append(f"--background white (or another colour: {report.transparent:,} have transparency)")
    rules: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("file", lambda: bool(_labels(source, "file"))),
        ("folders", lambda: len(_labels(source, "folders")) > 1),
    )
    how = next((how for how, there in rules if there()), None)
    if how:
        flags.append(f"--labels {how} ({len(report.classes):,} classes)")
    return flags
