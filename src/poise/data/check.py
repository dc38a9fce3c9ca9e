"""What is in a set of pictures, before anybody trains on it: `poise data check PATH`.

Sentences: see `check_text`; recordings: see `check_speech`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from poise.data.check_speech import check_speech
from poise.data.check_text import check_text
from poise.data.decode import Unreadable, content_hash, quiet
from poise.data.images import locate, open_source
from poise.data.plain import counted
from poise.data.sources import Job, Progress, Source, in_order
from poise.data.text import is_text
from poise.data.turns import turns
from poise.errors import PoiseError

EXAMPLES = 5  # pairs of duplicates, sizes and unreadable files that `lines` names


@dataclass
class Report:
    """Facts about a source. Counts are of readable pictures; examples are the first found."""

    source: str
    kind: str  # folder, zip, npy, npz or IDX
    count: int = 0
    formats: dict[str, int] = field(default_factory=dict)  # PNG, JPEG ...
    modes: dict[str, int] = field(default_factory=dict)  # Pillow's modes in the files, or dtype and axes of arrays
    sizes: dict[tuple[int, int], int] = field(default_factory=dict)  # (width, height), upright; the most frequent first
    grey: int = 0  # pictures without colour channels
    transparent: int = 0  # pictures with an alpha channel, opaque or not
    non_square: int = 0
    animated: int = 0  # of which only the first frame is used
    duplicate_groups: int = 0  # sets of two or more pictures with equal pixels
    redundant: int = 0  # pictures beyond the first of each group
    duplicates: list[tuple[str, str]] = field(default_factory=list)  # example pairs
    unreadable: list[tuple[str, str]] = field(default_factory=list)  # (file, reason), all of them
    ignored: int = 0  # files that are no pictures by their name
    classes: dict[str, int] = field(default_factory=dict)  # sub-folder or label -> files, readable or not
    own_test: int = 0  # pictures at the end that are the set's own test split
    flags: list[str] = field(default_factory=list)  # suggested flags, each with its reason

    def lines(self) -> list[str]:
        """The report for people, one fact a line."""
        sizes = [f"{w}x{h} ({n:,})" for (w, h), n in list(self.sizes.items())[:EXAMPLES]]
        more = len(self.sizes) - len(sizes)
        text = [
            f"{self.source} ({self.kind}): {self.count:,} readable pictures",
            f"formats: {_counts(self.formats)}",
            f"modes: {_counts(self.modes)}",
            f"sizes: {', '.join(sizes)}" + (f" and {more:,} more" if more else ""),
            f"channels: {self.grey:,} grey, {self.count - self.grey:,} colour, {self.transparent:,} with transparency",
            f"not square: {self.non_square:,}",
        ]
        if self.animated:
            text.append(f"animated: {self.animated:,} (the first frame is used)")
        if self.classes:
            text.append(f"classes: {len(self.classes):,}: {_counts(self.classes)}")
        if self.own_test:
            text.append(f"own test split: {self.own_test:,}")
        text.append(f"duplicates: {self.redundant:,} in {self.duplicate_groups:,} groups")
        text += [f"  {first} = {second}" for first, second in self.duplicates]
        if self.ignored:
            text.append(f"files that are no pictures: {self.ignored:,}")
        text.append(f"unreadable: {len(self.unreadable):,}")
        text += [f"  {name}: {reason}" for name, reason in self.unreadable]
        return text + [f"suggested: {flag}" for flag in self.flags]


def facts(source: str | Path, column: str | None = None, progress: Progress | None = None) -> list[str]:
    """Lines about a folder, a file or a catalogued set, of pictures, of recordings, or of sentences (in a `column`)."""
    name, path, _ = locate(source)
    if is_text(path):
        return check_text(source, column).lines()
    if column is not None:
        raise PoiseError(f"{source} has no columns: leave out --column {column}, or give a .jsonl or .csv file")
    pictures, sounds, _ = counted(path) if path.is_dir() else (0, 0, [])
    return (check_speech(name, path, progress) if sounds and not pictures else check(source, progress)).lines()


def check(source: str | Path, progress: Progress | None = None) -> Report:
    """Decode every picture of a source (see `open_images`) once and report on them; nothing is written.

    PoiseError where the source is none, or where not one picture can be read.
    """
    name, path, titles = locate(source)
    with quiet(), open_source(path) as opened:
        report = Report(name, opened.kind, ignored=opened.ignored, own_test=opened.own_test)
        _read(opened, report, progress)
        report.classes = _classes(opened, titles)
        if not report.count:
            file, reason = report.unreadable[0]
            raise PoiseError(
                f"{path}: none of {len(report.unreadable):,} pictures can be read, the first being "
                f"{file} ({reason}); give a source with readable pictures"
            )
        report.flags = _suggest(opened, report)
    return report


def _read(source: Source, report: Report, progress: Progress | None) -> None:
    formats: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    first: dict[bytes, int] = {}
    copies: Counter[bytes] = Counter()
    report.unreadable = list(source.lost)
    for i, facts in enumerate(in_order(_facts, source.jobs(count_frames=True))):
        if progress:
            progress(i + 1, len(source))
        if isinstance(facts, str):
            report.unreadable.append((source.picture_name(i), facts))
            continue
        form, mode, size, kept_mode, animated, digest = facts
        report.count += 1
        formats[form] += 1
        modes[mode] += 1
        sizes[size] += 1
        report.grey += kept_mode in ("L", "LA")
        report.transparent += kept_mode in ("LA", "RGBA")
        report.non_square += size[0] != size[1]
        report.animated += animated
        if first.setdefault(digest, i) != i:
            copies[digest] += 1
            if len(report.duplicates) < EXAMPLES:
                report.duplicates.append((source.picture_name(first[digest]), source.picture_name(i)))
    report.duplicate_groups, report.redundant = len(copies), sum(copies.values())
    report.formats, report.modes = dict(formats.most_common()), dict(modes.most_common())
    report.sizes = dict(sizes.most_common())


def _facts(job: Job) -> tuple[str, str, tuple[int, int], str, bool, bytes] | str:
    try:
        with turns():
            picture = job()
            image = picture.image
            digest = content_hash(image)[:16]  # half is enough to tell millions apart
    except Unreadable as error:
        return str(error)
    return picture.format, picture.mode, image.size, image.mode, picture.animated, digest


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


def _counts(table: dict[str, int]) -> str:
    parts = [f"{key} ({n:,})" for key, n in list(table.items())[: 2 * EXAMPLES]]
    more = len(table) - len(parts)
    return ", ".join(parts) + (f" and {more:,} more" if more else "")
