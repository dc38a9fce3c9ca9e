"""The facts that `poise data check` finds about pictures, and how they are told."""

from __future__ import annotations

from dataclasses import dataclass, field

from poise.data.files.others import Others
from poise.data.images.sources.depth import Deep

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
    others: Others = field(default_factory=Others)  # files that are no pictures, or none that can be read here
    deep: Deep = field(default_factory=Deep)  # pictures of 16 bits
    examples: list[str] = field(default_factory=list)  # one of each format and mode, how it is read
    notes: list[str] = field(default_factory=list)  # what was recognised, and the flag that turns it off
    classes: dict[str, int] = field(default_factory=dict)  # sub-folder or label -> files, readable or not
    own_test: int = 0  # pictures at the end that are the set's own test split
    flags: list[str] = field(default_factory=list)  # suggested flags, each with its reason

    @property
    def ignored(self) -> int:
        return len(self.others)

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
        text += self.notes
        if self.own_test:
            text.append(f"own test split: {self.own_test:,}")
        text.append(f"duplicates: {self.redundant:,} in {self.duplicate_groups:,} groups")
        text += [f"  {first} = {second}" for first, second in self.duplicates]
        if self.ignored:
            text.append(f"files that are not read: {self.ignored:,}")
            text += [f"  {name}: {told}" for name, told in self.others.named()]
        text.append(f"unreadable: {len(self.unreadable):,}")
        text += [f"  {name}: {reason}" for name, reason in self.unreadable]
        return text + self.deep.notes() + self.examples + [f"suggested: {flag}" for flag in self.flags]


def _counts(table: dict[str, int]) -> str:
    parts = [f"{key} ({n:,})" for key, n in list(table.items())[: 2 * EXAMPLES]]
    more = len(table) - len(parts)
    return ", ".join(parts) + (f" and {more:,} more" if more else "")
