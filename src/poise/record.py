"""The run folder: what a run was asked to do, what it recorded, and whether it is done. No torch in here.

RUN/
  spec.json       recipe, arguments, seed, versions, what the data was
  record.jsonl    one line per recorded step: {"step": 16, "discriminator/adversarial": 1.38, ...}
  events.jsonl    started, stopped, went on, what was found, rolled back, finished: with the time
  remedies.json   what was changed when the run was rolled back, if it was
  threads.json    from which step on how many CPU threads computed it, where that was chosen by measuring
  samples/        STEP.png, always the same noise
  checkpoints/    step-00000500/ ...: see poise.training.checkpoint
  report.json     scores, strengths, shares, what to say about them
  DONE            empty; the only sign that the run is complete
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poise.errors import Busy, PoiseError, nearest

FORMAT = 1
CHECKPOINTS = "step-" + 8 * "[0-9]"  # the names of checkpoints, as a glob
SPEC_TABLES = ("arguments", "facts", "versions")


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, fsync, rename: a reader sees the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise PoiseError(
            f"cannot write {path}: {error.strerror or error}; free some space or write elsewhere"
        ) from error


def write_json(path: Path, content: Any) -> None:
    write_atomically(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The content of a JSON file; a missing or damaged one is named."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PoiseError(f"{path} is missing; is {path.parent} a run folder?") from None
    except (OSError, ValueError) as error:
        raise PoiseError(f"{path} cannot be read ({error}): it is damaged; put it back, or start a new run") from None


class RunFolder:
    """One run on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._record: Any = None

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def done(self) -> bool:
        return (self.path / "DONE").exists()

    def state(self) -> str:
        """done, diverged, or how many steps are in the newest checkpoint."""
        if self.done:
            return "done"
        kept = sorted(path.name for path in self.checkpoints.glob(CHECKPOINTS))
        made = int(kept[-1].removeprefix("step-")) if kept else 0
        events = self.events()
        if events and events[-1]["event"] == "diverged":
            return f"diverged after step {made:,}"
        return f"unfinished, step {made:,} saved"

    def outcome(self) -> tuple[str, dict[str, Any]]:
        """State and report, for a list of runs: one that is damaged is told and does not hide the others."""
        try:
            return self.state(), self.report() if self.done else {}
        except PoiseError:
            return "done, but its report.json is damaged", {}

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def create(self, spec: dict[str, Any]) -> None:
        """Make the folder under a temporary name and rename it: it is there with its `spec.json`, or not at all."""
        new = RunFolder(self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp"))
        try:
            for folder in (new.samples, new.checkpoints):
                folder.mkdir(parents=True)
            write_json(new.path / "spec.json", {"format": FORMAT, **spec})
            if self.path.is_dir():
                self.path.rmdir()  # empty, or the caller would not make a run of it
            os.rename(new.path, self.path)
        except (OSError, PoiseError) as error:
            shutil.rmtree(new.path, ignore_errors=True)
            reason = error.strerror if isinstance(error, OSError) else error
            raise PoiseError(f"cannot make the run folder {self.path}: {reason}; choose another --out") from None

    def spec(self) -> dict[str, Any]:
        """What the run was asked to do; a folder written by a newer version is refused."""
        spec = read_json(self.path / "spec.json")
        damaged = PoiseError(
            f"{self.path / 'spec.json'} is not the description of a run: it is damaged; start a new run with --out"
        )
        if not isinstance(spec, dict) or not isinstance(spec.get("format"), int):
            raise damaged
        if spec["format"] > FORMAT:
            raise PoiseError(
                f"{self.path} was written by a newer version (format {spec['format']}, this one reads up to {FORMAT}): "
                f"update poise"
            )
        if not isinstance(spec.get("recipe"), str) or not all(isinstance(spec.get(k), dict) for k in SPEC_TABLES):
            raise damaged
        return spec

    def report(self) -> dict[str, Any]:
        return read_json(self.path / "report.json")

    def rows(self) -> list[dict[str, Any]]:
        """The record; a last line that was cut off by a crash is left out."""
        rows = []
        with (
            contextlib.suppress(FileNotFoundError),
            open(self.path / "record.jsonl", encoding="utf-8") as file,
        ):
            for line in file:
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    break
        return rows

    def rewind(self, step: int) -> None:
        """Forget recorded steps from `step` on: they are about to be made again."""
        kept = [row for row in self.rows() if row["step"] < step]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        write_atomically(self.path / "record.jsonl", text.encode())

    def sweep(self) -> None:
        """Remove what killed processes left half-written. Only for the holder of the lock."""
        for leftover in [*self.path.glob(".*.tmp"), *self.samples.glob(".*.tmp")]:
            shutil.rmtree(leftover, ignore_errors=True) if leftover.is_dir() else leftover.unlink(missing_ok=True)

    def add(self, row: dict[str, Any]) -> None:
        """Append one row to the record."""
        try:
            if self._record is None:
                self._record = open(self.path / "record.jsonl", "a", encoding="utf-8")  # noqa: SIM115
            self._record.write(json.dumps(row) + "\n")
            self._record.flush()
        except OSError as error:
            raise PoiseError(
                f"cannot write {self.path / 'record.jsonl'}: {error.strerror}; free some space and go on with "
                f"poise resume {self.path}"
            ) from None

    def events(self) -> list[dict[str, Any]]:
        """What happened, oldest first; a line that was cut off by a crash is left out."""
        try:
            lines = (self.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [entry for entry in found if isinstance(entry, dict) and "event" in entry]

    def event(self, what: str, /, **details: Any) -> None:
        """Append a line to `events.jsonl`, with the time."""
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": what, **details})
        with contextlib.suppress(OSError), open(self.path / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def close(self) -> None:
        if self._record is not None:
            with contextlib.suppress(OSError):  # a full disk: `add` has said so, and closing would try once more
                self._record.close()
            self._record = None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process trains in a folder; the lock goes when the process does, however it ends."""
        try:
            import fcntl
        except ImportError:  # Windows: no advisory locks of this kind
            yield
            return
        with open(self.path / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Busy(f"{self.path} is being trained by another process; wait for it or stop it") from None
            yield


def runs_root() -> Path:
    """Where runs live: POISE_RUNS, or ./runs."""
    return Path(os.environ.get("POISE_RUNS", "runs"))


def all_runs(root: Path | None = None) -> list[RunFolder]:
    """Every run under the root, oldest first."""
    root = root or runs_root()
    found = [p.parent for p in root.glob("*/spec.json")] if root.is_dir() else []
    return [RunFolder(p) for p in sorted(found, key=lambda p: (p / "spec.json").stat().st_mtime)]


def find_run(run: str, root: Path | None = None) -> RunFolder:
    """RUN as users write it: a path, a name, a unique beginning of a name, or `last`."""
    path = Path(run)
    if (path / "spec.json").exists():
        return RunFolder(path)
    known = all_runs(root)
    where = root or runs_root()
    if not known:
        raise PoiseError(f"there is no run in {where}; train one with: poise train images DATA")
    if run == "last":
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
