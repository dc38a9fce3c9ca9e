"""What a page shows of runs, as JSON: computed once for all viewers, and again only when the files have changed."""

from __future__ import annotations

import hashlib
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from poise import disk
from poise.disk.reading import DOCUMENT
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report.figures.panels import Panel, PlottedCurve
from poise.results.curves import RunCurves
from poise.runs.diagnosis import diagnosis
from poise.runs.listing import about

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
        return self._kept("", lambda before: self._list(before))

    def run(self, name: str) -> Reply:
        """One run: curves, findings, samples. Errors: PoiseError for one that is not there, or is damaged."""
        folder = self.folder(name)
        return self._kept(f"run {name}", lambda before: self._detail(folder, before))

    def folder(self, name: str) -> RunFolder:
        """The run of a name. Errors: PoiseError where there is none."""
        for folder in self._folders():
            if folder.name == name:
                return folder
        raise PoiseError(f"there is no run {name[:80]!r} in {self.root}")

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

    def _kept(self, key: str, make: Callable[[Reply | None], Reply]) -> Reply:
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
            row = about(folder).to_dict()
            del row["path"]  # of this machine
            row["why"] = row["why"].replace(str(folder.path), folder.name)
            row["picture"] = next((file for file in reversed(samples_of(folder)) if file.endswith(".png")), None)
            rows.append(row)
        return Reply({"root": self.root.name, "runs": plain(rows)}, version_of(rows))

    def _detail(self, folder: RunFolder, before: Reply | None) -> Reply:
        version = version_of(_stamp(folder))
        if before is not None and before.version == version:
            return before
        row = about(folder).to_dict()
        del row["path"]
        row["why"] = row["why"].replace(str(folder.path), folder.name)
        content: dict[str, Any] = {"about": row, "panels": [], "happenings": [], "findings": [], "earlier": []}
        content["samples"] = samples_of(folder)
        content["real"] = [name for name in ("real.png", "real.txt") if (folder.samples / name).is_file()]
        try:
            content["data"] = folder.spec().facts.get("data")
            curves = RunCurves.of(folder)
            content["panels"] = [_panel(panel) for panel in curves.panels()]
            content["happenings"] = [asdict(one) for one in curves.happenings]
            known = diagnosis(folder)
            content["findings"] = [{**one.to_dict(), "numbers": {}} for one in known.findings]
            content["earlier"] = [asdict(one) for one in known.earlier]
        except PoiseError as error:
            content["trouble"] = str(error).replace(str(folder.path), folder.name)
        return Reply(plain(content), version)


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


def _stamp(folder: RunFolder) -> list[object]:
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


def _panel(panel: Panel) -> dict[str, Any]:
    curves = [_curve(curve) for curve in panel.curves]
    return {"title": panel.title, "unit": panel.unit, "curves": curves, "levels": dict(panel.levels)}


def _curve(curve: PlottedCurve) -> dict[str, Any]:
    """At most `POINTS` points: of a longer curve the smallest and the largest of each stretch: no peak is lost."""
    kept: list[int] = list(range(len(curve.x)))
    if len(kept) > POINTS:
        bins = POINTS // 2
        kept = []
        for i in range(bins):
            inside = range(i * len(curve.x) // bins, (i + 1) * len(curve.x) // bins)
            kept += sorted({min(inside, key=curve.y.__getitem__), max(inside, key=curve.y.__getitem__)})
    found = {"name": curve.name, "x": [curve.x[i] for i in kept], "y": [curve.y[i] for i in kept]}
    if curve.low and curve.high:
        found |= {"low": [curve.low[i] for i in kept], "high": [curve.high[i] for i in kept]}
    return found


def plain(value: Any) -> Any:
    """As JSON has it: numbers that are not finite are nothing."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
