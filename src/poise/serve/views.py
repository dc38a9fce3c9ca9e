"""What a page shows of runs, as JSON: computed once for all viewers, and again only when the files have changed."""

from __future__ import annotations

import hashlib
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from poise import disk
from poise.disk.reading import DOCUMENT
from poise.errors import PoiseError
from poise.monitor import Finding
from poise.record import RunFolder
from poise.report.figures.panels import Happening, Panel, PlottedCurve
from poise.results.curves import RunCurves
from poise.runs.diagnosis import PastFinding, diagnosis
from poise.runs.listing import ListedRun, about

MOST = 1_000  # runs in a list
POINTS = 600  # of a curve
FRESH = 0.5  # seconds for which an answer is given again without looking at the disk
KEPT = 64  # runs whose answers are kept
SAMPLE = re.compile(r"(\d{8})(-[a-z]+)?\.(png|txt)|real\.(png|txt)")
CLIPS = re.compile(r"\d{8}")
SOUND = re.compile(r"[\w .-]{1,120}\.wav")
TYPES = {".png": "image/png", ".txt": "text/plain; charset=utf-8", ".wav": "audio/wav"}


@dataclass(frozen=True)
class Reply:
    """JSON that can be sent, and its version: the same as long as the files are the same."""

    content: dict[str, object]
    version: str


@dataclass
class SeenRun:
    """What the page of a run shows. `samples` and `real`: names of files; `trouble`: why there is no more."""

    about: ListedRun
    samples: Sequence[str]
    real: Sequence[str]
    data: str | None = None
    panels: Sequence[Panel] = ()
    happenings: Sequence[Happening] = ()
    findings: Sequence[Finding] = ()
    earlier: Sequence[PastFinding] = ()
    trouble: str = ""


class Views:
    """The runs right below a folder. Nothing else is ever opened: a run is found by its name in the list of the folder.

    Args: root, the folder; clock, seconds.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.root, self._clock = root, clock
        self._known: dict[str, tuple[float, Reply]] = {}
        self._lock = threading.Lock()

    def runs(self) -> Reply:
        """All runs: what is known at a glance, and the newest picture of samples."""
        return self.kept("", lambda before: self._list(before))

    def run(self, name: str) -> Reply:
        """One run: curves, findings, samples. Errors: PoiseError for one that is not there, or is damaged."""
        folder = self.folder(name)
        return self.kept(f"run {name}", lambda before: self._detail(folder, before))

    def folder(self, name: str) -> RunFolder:
        """The run of a name. Errors: PoiseError where there is none."""
        for folder in self._folders():
            if folder.name == name:
                return folder
        raise PoiseError(f"there is no run {name[:80]!r} in {self.root.name}")

    def sample(self, name: str, file: str) -> tuple[bytes, str]:
        """The content of a file of samples, and its type. Errors: PoiseError where there is none."""
        folder = self.folder(name)
        first, slash, second = file.partition("/")
        wanted = SOUND.fullmatch(second) and CLIPS.fullmatch(first) if slash else SAMPLE.fullmatch(file)
        if not wanted:
            raise PoiseError(f"{name} has no file of samples {file[:80]!r}")
        try:
            return disk.read_bytes(folder.samples / file, DOCUMENT), TYPES[Path(file).suffix]
        except OSError:
            raise PoiseError(f"{name} has no file of samples {file[:80]!r}") from None

    def _folders(self) -> Iterator[RunFolder]:
        """Folders with a spec.json, none of them a link."""
        try:
            entries = sorted(self.root.iterdir())
        except OSError:
            return
        for path in entries:
            if not path.name.startswith(".") and not path.is_symlink() and (path / "spec.json").is_file():
                yield RunFolder(path)

    def kept(self, key: str, make: Callable[[Reply | None], Reply]) -> Reply:
        """One computation at a time; an answer that is fresh is given again."""
        with self._lock:
            now = self._clock()
            known = self._known.get(key)
            if known is not None and now - known[0] < FRESH:
                return known[1]
            answer = make(known[1] if known else None)
            self._known.pop(key, None)
            self._known[key] = (self._clock(), answer)
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
            return answer

    def _list(self, before: Reply | None) -> Reply:
        rows = []
        for folder in list(self._folders())[:MOST]:
            pictures = [file for file in samples_of(folder) if file.endswith(".png")]
            rows.append({**glance(folder).to_dict(), "picture": pictures[-1] if pictures else None})
        return Reply({"root": self.root.name, "runs": plain(rows)}, version_of(rows))

    def _detail(self, folder: RunFolder, before: Reply | None) -> Reply:
        version = version_of(stamp_of(folder))
        if before is not None and before.version == version:
            return before
        real = [name for name in ("real.png", "real.txt") if (folder.samples / name).is_file()]
        seen = SeenRun(glance(folder), samples_of(folder), real)
        try:
            seen.data = folder.spec().facts.get("data")
            curves = RunCurves.of(folder)
            seen.panels = [replace(one, curves=[thinned(curve) for curve in one.curves]) for one in curves.panels()]
            seen.happenings = curves.happenings
            known = diagnosis(folder)
            seen.findings, seen.earlier = known.findings, known.earlier
        except PoiseError as error:
            seen.trouble = str(error).replace(str(folder.path), folder.name)
        return Reply(plain(asdict(seen)), version)


def glance(folder: RunFolder) -> ListedRun:
    """What there is to know of a run, without paths on this machine."""
    found = about(folder)
    data = Path(found.data).name if found.data else found.data
    return replace(found, path="", data=data, why=found.why.replace(str(folder.path), folder.name))


def samples_of(folder: RunFolder) -> list[str]:
    """Files of samples by step, oldest first: pictures, sentences, sounds as STEP/NAME.wav."""
    found = []
    with_sounds = []
    try:
        for path in sorted(folder.samples.iterdir()):
            if SAMPLE.fullmatch(path.name) and path.is_file() and not path.name.startswith("real"):
                found.append(path.name)
            elif CLIPS.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                with_sounds += [
                    f"{path.name}/{one.name}" for one in sorted(path.iterdir()) if SOUND.fullmatch(one.name)
                ]
    except OSError:
        return []
    return found + with_sounds


def stamp_of(folder: RunFolder) -> list[object]:
    """What changes when a run does."""
    found: list[object] = [folder.busy]
    for name in ("record.jsonl", "events.jsonl", "spec.json", "report.json", "DONE", "samples"):
        try:
            known = (folder.path / name).stat()
            found.append((name, known.st_mtime_ns, known.st_size))
        except OSError:
            found.append((name, None))
    return found


def version_of(value: object) -> str:
    """A short name of a state."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:20]


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


def plain(value: Any) -> Any:
    """As JSON has it: numbers that are not finite are nothing."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
