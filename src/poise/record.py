"""The run folder: what a run was asked to do, what it recorded, and whether it is done. No torch in here.

RUN/
  spec.json       recipe, arguments, seed, versions, what the data was, how the run was lengthened
  record.jsonl    one line per recorded step: {"step": 16, "discriminator/adversarial": 1.38, ...}
  events.jsonl    started, stopped, went on, what was found, rolled back, finished, lengthened: with the time
  remedies.json   what was changed when the run was rolled back, if it was
  threads.json    from which step on how many CPU threads computed it, where that was chosen by measuring
  samples/        STEP.png, always the same noise
  checkpoints/    step-00000500/ ...: see poise.training.checkpoint
  origin/         the weights that it began with, where they are of another run
  report.json     scores, strengths, shares, what to say about them
  DONE            empty; the only sign that the run is complete

More than 250 lines, because whoever wants to know how a run lies on the disk, and where runs are, finds it here.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from poise import disk
from poise.disk import read_json, write_atomically, write_json
from poise.disk.before import in_words_of_today
from poise.disk.description import RunSpec
from poise.disk.rows import LoggedEvent, StepRow, events_in, rows_before, wrong_report, wrong_row
from poise.errors import Busy, PoiseError, nearest
from poise.terminal import pasted

FORMAT = 1
NEWEST = "last"  # how one names the newest run
CHECKPOINTS = "step-" + 8 * "[0-9]"  # the names of checkpoints, as a glob
LONGEST = 10**8 - 1  # steps of a run, which these names can count
ELSEWHERE = "runs-elsewhere.txt"  # in the cache: a path a line


class RunFolder:
    """One run on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._record: IO[bytes] | None = None

    @property
    def name(self) -> str:
        name = self.path.name
        return os.path.basename(os.path.abspath(self.path)) if name in ("", "..") else name

    @property
    def quoted(self) -> str:
        """The path as it can be pasted into a shell."""
        return pasted(str(self.path))

    @property
    def done(self) -> bool:
        return (self.path / "DONE").exists()

    def state(self) -> str:
        """done, diverged, or how many steps are in the newest checkpoint."""
        if self.done:
            return "done"
        if self.diverged:
            return f"diverged after step {self.saved():,}"
        return f"unfinished, step {self.saved():,} saved"

    @property
    def diverged(self) -> bool:
        """Whether its last sitting ended so."""
        events = self.events()
        return bool(events) and events[-1].event == "diverged"

    def saved(self) -> int:
        """How many steps are in the newest checkpoint."""
        return max(self._kept(), default=0)

    @property
    def busy(self) -> bool:
        """Whether a process trains it at this moment."""
        if not (self.path / ".lock").exists():
            return False
        try:
            with disk.locked(self.path / ".lock"):
                return False
        except Busy:
            return True
        except (OSError, PoiseError):
            return False

    def check(self) -> None:
        """PoiseError unless all that lies in the folder is a regular file or a folder: see `disk.inspect`."""
        disk.inspect(self.path)

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def origin(self) -> Path:
        return self.path / "origin"

    def create(self, spec: RunSpec, origin: Mapping[str, bytes] | None = None) -> None:
        """Make the folder under a temporary name and rename it: it is there with its `spec.json`, or not at all.

        `origin`: file name -> content, of weights that the run begins with.
        """
        new = None
        try:
            disk.sweep(self.path.parent)
            new = RunFolder(disk.temporary_folder(self.path))
            for folder in (new.samples, new.checkpoints):
                folder.mkdir(parents=True)
            for name, content in (origin or {}).items():
                new.origin.mkdir(exist_ok=True)
                write_atomically(new.origin / name, content)
            write_json(new.path / "spec.json", {"format": FORMAT, **spec.to_dict()})
            if self.path.is_dir():
                self.path.rmdir()  # empty, or the caller would not make a run of it
            os.rename(new.path, self.path)
        except (OSError, PoiseError) as error:
            if new is not None:
                disk.remove(new.path)
            reason = error.strerror if isinstance(error, OSError) else error
            raise PoiseError(f"cannot make the run folder {self.path}: {reason}; choose another --out") from None
        except BaseException:
            if new is not None:
                disk.remove(new.path)
            raise

    def describe(self, spec: RunSpec) -> None:
        """Replace the description of a run, whose lock the caller holds."""
        write_json(self.path / "spec.json", {"format": FORMAT, **spec.to_dict()})

    def spec(self) -> RunSpec:
        """What the run was asked to do, in the words of today; a folder written by a newer version is refused."""
        content = read_json(self.path / "spec.json")
        made = content.get("format") if isinstance(content, dict) else None
        if isinstance(made, int) and made > FORMAT:
            raise PoiseError(
                f"{self.path} was written by a newer version (format {made}, this one reads up to {FORMAT}): "
                f"update poise"
            )
        spec = RunSpec.from_dict(content)
        if spec is None or not isinstance(made, int):
            raise PoiseError(
                f"{self.path / 'spec.json'} is not the description of a run: it is damaged; start a new run with --out"
            )
        kept = sorted(self.checkpoints.glob(CHECKPOINTS))
        return in_words_of_today(spec, kept[-1] if kept else None)

    def report(self) -> dict[str, Any]:
        path = self.path / "report.json"
        report = read_json(path)
        if reason := wrong_report(report):
            raise PoiseError(f"{path} is not the report of a run ({reason}): it is damaged; put it back")
        return dict(report)

    def rows(self) -> list[StepRow]:
        """The record; a last line that was cut off by a crash is left out, and any other damage is named."""
        with contextlib.suppress(FileNotFoundError):
            return [StepRow(row) for row in disk.entries(self.path / "record.jsonl", wrong_row, self._advice())]
        return []

    def each_row(self) -> Iterator[StepRow]:
        """The same row by row, for records that are long; nothing where there is none."""
        with contextlib.suppress(FileNotFoundError):
            yield from map(StepRow, disk.each_entry(self.path / "record.jsonl", wrong_row, self._advice()))

    def _advice(self) -> str:
        return f"put it back, or go on from before that line with poise resume {self.quoted} --from-step STEP"

    def rewind(self, step: int) -> None:
        """Forget recorded steps from `step` on: they are about to be made again."""
        with disk.written(self.path / "record.jsonl") as file:
            for row in self.each_row():
                if row.step < step:
                    file.write(f"{json.dumps(row)}\n".encode())

    def _kept(self, whole: bool = True) -> dict[int, Path]:
        """Step -> its checkpoint; if not `whole`, with those of which a broken copy has left a part as well."""
        found = [path for path in self.checkpoints.glob(CHECKPOINTS) if not whole or (path / "manifest.json").exists()]
        return {int(path.name.removeprefix("step-")): path for path in found}

    def check_back_to(self, step: int) -> None:
        """PoiseError where nothing would be left although some steps were asked for."""
        made = sorted(self._kept())
        if step > 0 and made and made[0] > step:
            raise PoiseError(
                f"{self.path} keeps no checkpoint of at most {step:,} steps: take it back to one of "
                f"{', '.join(map(str, made))}, or begin anew with --from-step 0"
            )

    def back_to(self, step: int) -> int:
        """Make the run one that was stopped after its newest checkpoint of at most `step` steps, or has not begun;
        returns the steps that are left. Gone are the lines of the record from there on, or from a damaged one on. Only
        for the holder of the lock."""
        made = self._kept()
        left = max((n for n in made if n <= step), default=0)
        kept = rows_before(self.path / "record.jsonl", left)
        for name in ("DONE", "report.json"):
            (self.path / name).unlink(missing_ok=True)
        write_atomically(self.path / "record.jsonl", kept)
        for n, checkpoint in self._kept(whole=False).items():
            if n > left or n not in made:
                disk.remove(checkpoint)
        return left

    def sweep(self) -> None:
        """Remove what killed processes left half-written. Only for the holder of the lock."""
        for folder in (self.path, self.samples, self.checkpoints):
            disk.sweep(folder)

    def add(self, row: StepRow) -> None:
        """Append one row to the record."""
        try:
            if self._record is None:
                self._record = disk.open_to_append(self.path / "record.jsonl")
            disk.append(self._record, (json.dumps(row) + "\n").encode())
        except OSError as error:
            raise PoiseError(
                f"cannot write {self.path / 'record.jsonl'}: {error.strerror}; free some space and go on with "
                f"poise resume {self.quoted}"
            ) from None

    def events(self) -> list[LoggedEvent]:
        """What happened, oldest first."""
        return events_in(self.path / "events.jsonl")

    def event(self, what: str, /, **details: Any) -> None:
        """Append a line to `events.jsonl`, with the time."""
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": what, **details})
        with contextlib.suppress(OSError), disk.open_to_append(self.path / "events.jsonl") as file:
            disk.append(file, line.encode() + b"\n")

    def close(self) -> None:
        if self._record is not None:
            with contextlib.suppress(OSError):  # a full disk: `add` has said so, and closing would try once more
                self._record.close()
            self._record = None

    @contextlib.contextmanager
    def locked(self, wait: float = disk.WAIT) -> Iterator[None]:
        """Only one process trains in a folder; the lock goes when the process does, however it ends. `wait`: seconds.

        Errors: Busy where another one does; PoiseError where nothing can be written there.
        """
        self.check()
        try:
            with disk.locked(self.path / ".lock", wait):
                yield
        except OSError as error:
            if error.filename != str(self.path / ".lock"):
                raise
            raise PoiseError(f"cannot write in {self.path}: {error.strerror}; put that right first") from None


def runs_root() -> Path:
    """Where runs live: POISE_RUNS, or ./runs where that is not set or empty."""
    return disk.expanded(os.environ.get("POISE_RUNS") or "runs")


def all_runs(root: Path | None = None, everywhere: bool = False) -> list[RunFolder]:
    """Every run under the root, and those that were made elsewhere (`--out`) at or below the current folder, or with
    `everywhere` at any place; oldest first."""
    root = root or runs_root()
    found = [p.parent for p in root.glob("[!.]*/spec.json")] if root.is_dir() else []
    here, known = Path.cwd(), {os.path.realpath(path) for path in found}
    for path in elsewhere():
        if os.path.realpath(path) not in known and (everywhere or path.is_relative_to(here)):
            known.add(os.path.realpath(path))
            found.append(path.relative_to(here) if path.is_relative_to(here) else path)
    begun = {}
    for path in found:
        with contextlib.suppress(FileNotFoundError):  # removed since it was seen
            begun[path] = (path / "spec.json").lstat().st_mtime
    return [RunFolder(path) for path in sorted(begun, key=lambda path: begun[path])]


def elsewhere() -> list[Path]:
    """Runs that were made outside the folder of runs and are there now: absolute paths."""
    return [path for line in _remembered() if os.path.lexists((path := Path(line)) / "spec.json")]


def _remembered() -> list[str]:
    """Every place that was ever kept; it may be there again tomorrow, as on a disk that is not mounted now."""
    try:
        text = (disk.cache_dir() / ELSEWHERE).read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, PoiseError):
        return []
    return list(dict.fromkeys(line for line in text.split("\n") if line))


def remember(path: Path) -> None:
    """Keep the place of a run that is made outside the folder of runs, so that it can be listed. It may fail in
    silence: only the list would miss it."""
    path = path.absolute()
    inside = os.path.realpath(path.parent) == os.path.realpath(runs_root())
    if inside or "\n" in str(path) or str(path) in _remembered():
        return
    with contextlib.suppress(OSError, PoiseError):
        disk.cache_dir().mkdir(parents=True, exist_ok=True)
        line = os.fsencode(f"{path}\n")
        handle = os.open(disk.cache_dir() / ELSEWHERE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, line)  # one write at the end of the file: two processes do not mix
        finally:
            os.close(handle)


def find_run(run: str, root: Path | None = None) -> RunFolder:
    """RUN as users write it: a path, a name, a unique beginning of a name, or `last`."""
    folder = _run_called(run, root)
    folder.check()
    return folder


def _run_called(run: str, root: Path | None) -> RunFolder:
    if not run.strip():
        raise PoiseError("RUN is empty: name what is meant")
    path = disk.expanded(run)
    if os.path.lexists(path / "spec.json"):
        return RunFolder(path)
    known = all_runs(root)
    where = root or runs_root()
    if not known:
        raise PoiseError(f"there is no run in {where}; train one with: poise train images DATA")
    if run == NEWEST:
        return known[-1]
    names = [folder.name for folder in known]
    matches = [f for f in known if f.name == run] or [f for f in known if f.name.startswith(run)]
    if len(matches) > 1:
        raise PoiseError(
            f"'{run}' fits {len(matches)} runs ({', '.join(f.name for f in matches[:4])}): write more of it"
        )
    if not matches:
        raise PoiseError(f"there is no run '{run}' in {where}{nearest(run, names, '.')} See: poise runs")
    return matches[0]
