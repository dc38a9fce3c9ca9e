"""A worker: a process of its own that trains one run after the other, each through `poise.runs.run.run`.

It reads tasks from a pipe. When the other end is gone, because the parent was killed, it saves and ends: nobody else
may take its run up while it still trains. What it is told to do and what it tells are tuples:

    (name, spec, folder) -> ("step", name, made, total)*, then one of
                            ("done", name), ("diverged", name, why), ("failed", name, why), ("stopped", name),
                            ("held", name, why): another process has it,
                            ("refused", name, why): there can be no such run
    None                 -> it saves and ends
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from poise.disk.description import AskedRun, RunSpec
from poise.errors import Busy, PoiseError, Refused, is_out_of_memory
from poise.record import RunFolder
from poise.report.live import Silent
from poise.runs.ending import Interrupted, Stop
from poise.runs.run import run
from poise.specs.sources import trust_all
from poise.studies.plans.files import executed
from poise.studies.running.tasks import state_of

EVERY = 1.0  # seconds between two words about the same run
PATIENCE = 60.0  # seconds that another process may still hold a run: one that was orphaned ends after its step
SHORTEST, LONGEST = 0.2, 5.0  # seconds between two looks whether it still does


class Hearing(Protocol):
    """The worker's end of a pipe, or what behaves like one."""

    def send(self, message: Any, /) -> None: ...
    def recv(self) -> Any: ...


class Telling(Silent):
    """Tells the parent how far the run is."""

    def __init__(self, connection: Hearing, name: str) -> None:
        self.connection, self.name, self.total, self.sent = connection, name, 0, 0.0

    def open(self, folder: Path, spec: RunSpec, done: int, total: int) -> None:
        self.total = total
        tell(self.connection, "step", self.name, done, total)

    def step(self, made: int, entry: Mapping[str, float]) -> None:
        now = time.monotonic()
        if now - self.sent > EVERY:
            self.sent = now
            tell(self.connection, "step", self.name, made, self.total)


def tell(connection: Hearing, *message: Any) -> None:
    """A parent that is gone hears nothing; the listener has noticed, and the run ends."""
    with contextlib.suppress(OSError):
        connection.send(message)


def work(connection: Connection, code: str | None) -> None:
    """The whole life of a worker. `code`: a Python file of the study, which may register recipes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who tells us to end
    serve(connection, code, Stop())


def serve(connection: Hearing, code: str | None, stop: Stop) -> None:
    """Train what is asked for until nothing more comes; `stop` is asked when the parent says so or is gone."""
    tasks = queue.SimpleQueue[Any]()
    threading.Thread(target=_listen, args=(connection, tasks, stop), daemon=True).start()
    fault = _prepared(code)
    while (task := tasks.get()) is not None:
        name, spec, path = task
        tell(connection, *(("failed", name, fault) if fault else _one(connection, name, spec, path, stop)))


def _prepared(code: str | None) -> str:
    """What keeps this worker from working: a file that has changed since the study began may not run any more."""
    try:
        if code is not None:
            executed(code)
        import torch

        torch.set_num_threads(1)
    except Exception as error:
        return f"a worker cannot begin ({code or 'torch'} stops with {type(error).__name__}: {error}): put that right"
    return ""


def _listen(connection: Hearing, tasks: queue.SimpleQueue[Any], stop: Stop) -> None:
    message: Any = ()
    while message is not None:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            message = None
        except Exception:  # a worker that hears nothing more must not look as if it did
            if os.environ.get("POISE_TRACEBACK"):
                traceback.print_exc()
            message = None
        if message is None:
            stop.asked = True
        tasks.put(message)


def _sentence_of(error: Exception) -> str:
    """What is no `PoiseError` in a sentence: memory and disks first, which nobody can foresee."""
    if is_out_of_memory(error):
        return f"out of memory ({str(error)[:120]}); use fewer --workers, a smaller batch or narrower networks"
    if isinstance(error, OSError):
        return f"{error.filename or 'the disk'}: {error.strerror or error}; put that right and go on"
    return f"a fault of Poise itself ({type(error).__name__}: {error}); POISE_TRACEBACK=1 shows where"


def _one(connection: Hearing, name: str, spec: AskedRun, path: str, stop: Stop) -> tuple[str, ...]:
    """One run; returns what to tell of its end."""
    began, pause = time.monotonic(), SHORTEST
    while not stop.asked:
        try:
            # Its parent was asked; the cache may be closed.
            trust_all(spec.get("recipe", ""), spec.get("arguments", {}))
            run(spec, path, Telling(connection, name), stop)
            return ("done", name)
        except Interrupted:
            break
        except Busy as error:
            if time.monotonic() - began > PATIENCE:
                return ("held", name, str(error))
            time.sleep(pause)
            pause = min(2 * pause, LONGEST)  # each look builds the run, and whoever keeps it may sleep for hours
        except Refused as error:
            return ("refused", name, str(error))
        except PoiseError as error:
            return ("diverged" if state_of(RunFolder(Path(path))) == "diverged" else "failed", name, str(error))
        except Exception as error:
            if os.environ.get("POISE_TRACEBACK"):
                traceback.print_exc()
            return ("failed", name, _sentence_of(error))
    return ("stopped", name)
