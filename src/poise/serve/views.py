"""What a page shows of runs, as JSON: computed once for all viewers, and again only when the files have changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from poise.disk import folders_with
from poise.disk.rows import StepRow
from poise.errors import PoiseError
from poise.monitor import Finding
from poise.record import RunFolder
from poise.report.figures.panels import Happening, Panel, PlottedCurve
from poise.results.curves import RunCurves
from poise.results.long_record import LongRecord
from poise.runs.diagnosis import PastFinding, diagnosis
from poise.runs.listing import ListedRun, about
from poise.serve.answers import Answers, Reply, in_chinese, plain, version_of
from poise.serve.sample_files import file_of_samples, samples_of, words_of

MOST = 1_000  # runs in a list
POINTS = 600  # of a curve
FRESH = 0.5  # seconds for which an answer is given again without looking at the disk
LISTING = 0.4  # seconds in which a list looks at runs that have changed; the others follow in the next answer
KEPT = 64  # runs whose answers are kept


@dataclass
class SeenRun:
    """What the page of a run shows. `samples` and `real`: names of files; `sampled`: whether curves and findings are
    of some rows of a long record; `searched`: the part of it in which scores were looked for; `trouble`: why there is
    no more."""

    about: ListedRun
    samples: Sequence[str]
    real: Sequence[str]
    data: str | None = None
    panels: Sequence[Panel] = ()
    happenings: Sequence[Happening] = ()
    findings: Sequence[Finding] = ()
    earlier: Sequence[PastFinding] = ()
    sampled: bool = False
    searched: float = 1.0
    trouble: str = ""


class Views:
    """The runs right below a folder. Nothing else is ever opened: a run is found by its name in the list of the folder.

    Args: root, the folder; clock, seconds.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.root, self._clock = root, clock
        self._records: dict[Path, LongRecord] = {}
        self._glances: dict[str, tuple[str, dict[str, object]]] = {}
        self._reading = threading.Lock()
        self.answers = Answers(FRESH, KEPT, clock)

    def runs(self) -> Reply:
        """All runs: what is known at a glance, and the newest picture of samples."""
        return self.answers.given("", lambda before: self._list(before))

    def run(self, name: str) -> Reply:
        """One run: curves, findings, samples. Errors: PoiseError for one that is not there, or is damaged."""
        folder = self.folder(name)
        return self.answers.given(f"run {name}", lambda before: self._detail(folder, before))

    def folder(self, name: str) -> RunFolder:
        """The run of a name. Errors: PoiseError where there is none."""
        for folder in self._folders():
            if folder.name == name:
                return folder
        raise PoiseError(f"there is no run {name[:80]!r} here")

    def sample(self, name: str, file: str) -> tuple[bytes, str]:
        """The content of a file of samples, and its type. Errors: PoiseError where there is none."""
        return file_of_samples(self.folder(name), file)

    def _folders(self) -> Iterator[RunFolder]:
        """Folders with a spec.json, none of them a link."""
        return map(RunFolder, folders_with(self.root, "spec.json"))

    def _list(self, before: Reply | None) -> Reply:
        folders = list(self._folders())[:MOST]
        self._look(folders)
        found = [self._glances.get(folder.name) or ("", unread(folder)) for folder in folders]
        version = version_of([(folder.name, state) for folder, (state, _) in zip(folders, found, strict=True)])
        partial = any(not state for state, _ in found)
        return Reply({"root": self.root.name, "runs": [row for _, row in found]}, version, partial)

    def _look(self, folders: Sequence[RunFolder]) -> None:
        """Look at what has changed, for `LISTING` seconds, at what was looked at longest ago first."""
        end = self._clock() + LISTING
        order = {name: i for i, name in enumerate(self._glances)}
        for folder in sorted(folders, key=lambda one: order.get(one.name, -1)):
            stamp = stamp_of(folder)
            state = version_of(stamp)
            known = self._glances.get(folder.name)
            if (known is not None and known[0] == state) or self._clock() > end:
                continue
            row = self._row(folder, stamp.busy)
            record = self._records.get(folder.path)
            if record is not None and record.behind:  # not all of its scores are known: it is looked at again
                state = f"{state}-{record.searched}"
            self._glances.pop(folder.name, None)
            self._glances[folder.name] = state, row
        there = {folder.name for folder in folders}
        self._glances = {name: known for name, known in self._glances.items() if name in there}

    def _row(self, folder: RunFolder, busy: bool) -> dict[str, object]:
        """A run in the list."""
        if not is_text(folder.name):  # no address names it
            return unread(folder) | {"state": "broken", "why": "its name is no text: give the folder another one"}
        samples = samples_of(folder)
        pictures = [file for file in samples if file.endswith(".png")]
        texts = [file for file in samples if file.endswith(".txt")]
        row = glance(folder, lambda run: self.record(run).scored(), busy).to_dict()
        row |= {"picture": pictures[-1] if pictures else None, "words": words_of(folder, texts) if texts else ""}
        return dict(plain(row))

    def record(self, folder: RunFolder) -> LongRecord:
        """The record of a run as far as it was read; that of a few runs is kept."""
        with self._reading:
            if folder.path not in self._records:
                while len(self._records) >= KEPT:
                    del self._records[next(iter(self._records))]
                self._records[folder.path] = LongRecord(folder.path / "record.jsonl")
            return self._records[folder.path]

    def _detail(self, folder: RunFolder, before: Reply | None) -> Reply:
        record = self.record(folder)
        stamp = stamp_of(folder)
        version = version_of(stamp)
        if before is not None and before.version == f"{version}-1.000":
            return before
        real = [name for name in ("real.png", "real.txt") if (folder.samples / name).is_file()]
        try:
            rows: Sequence[StepRow] = record.rows()
            trouble = ""
        except PoiseError as error:
            rows, trouble = [], without_place(error, folder)
        seen = SeenRun(glance(folder, lambda run: rows, stamp.busy), samples_of(folder), real, trouble=trouble)
        seen.sampled, seen.searched = record.sampled, record.searched
        try:
            seen.data = folder.spec().facts.get("data")
            known = diagnosis(folder, rows)
            curves = RunCurves.of(folder, rows, known)
            seen.panels = [replace(one, curves=[thinned(curve) for curve in one.curves]) for one in curves.panels()]
            seen.happenings, seen.findings, seen.earlier = curves.happenings, known.findings, known.earlier
        except PoiseError as error:
            seen.trouble = seen.trouble or without_place(error, folder)
        shown = plain(asdict(seen))
        for key in ("findings", "earlier"):
            shown[key] = [in_chinese(one) for one in shown[key]]
        return Reply(shown, f"{version}-{record.searched:.3f}", record.behind)


def without_place(error: PoiseError, folder: RunFolder) -> str:
    """What is wrong, without the run's path on this machine."""
    return str(error).replace(str(folder.path), folder.name)


def is_text(name: str) -> bool:
    """Whether a name of a file is text, not bytes that are none: only text can stand in an address.

    Example:
        >>> is_text("größe"), is_text("gr\\udcf6\\udcdfe")
        (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def unread(folder: RunFolder) -> dict[str, object]:
    """A run in the list that was not looked at yet."""
    row: dict[str, object] = plain(
        {**ListedRun(folder.name, "", state="reading").to_dict(), "picture": None, "words": ""}
    )
    return row


def glance(folder: RunFolder, rows_of: Callable[[RunFolder], Sequence[StepRow]], busy: bool) -> ListedRun:
    """What there is to know of a run, without paths on this machine."""
    found = about(folder, rows_of, sized=False, busy=busy)
    data = Path(found.data).name if found.data else found.data
    return replace(found, path="", data=data, why=found.why.replace(str(folder.path), folder.name))


@dataclass(frozen=True)
class Stamp:
    """What changes when a run does: time and bytes of its files, and whether it is being trained."""

    busy: bool
    files: Sequence[tuple[str, int, int]]


def stamp_of(folder: RunFolder) -> Stamp:
    found = []
    for name in ("record.jsonl", "events.jsonl", "spec.json", "report.json", "DONE", "samples"):
        try:
            known = os.stat(folder.path / name)
            found.append((name, known.st_mtime_ns, known.st_size))
        except OSError:
            continue
    return Stamp(folder.busy, found)


def thinned(curve: PlottedCurve) -> PlottedCurve:
    """At most `POINTS` points: of a longer curve the smallest and the largest of each stretch: no peak is lost."""
    count, bins = len(curve.x), POINTS // 2
    if count <= POINTS:
        return curve
    kept: list[int] = []
    for i in range(bins):
        inside = range(i * count // bins, (i + 1) * count // bins)
        kept += sorted({min(inside, key=curve.y.__getitem__), max(inside, key=curve.y.__getitem__)})

    def taken(values: Sequence[float]) -> list[float]:
        return [values[i] for i in kept] if values else []

    return PlottedCurve(curve.name, taken(curve.x), taken(curve.y), taken(curve.low), taken(curve.high), curve.look)
