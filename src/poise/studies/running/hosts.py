"""Where the workers of a study or a search run: on this machine, by Slurm, by Dask, or wherever somebody starts them.

All but those of this machine are processes `poise worker FOLDER`, which speak with the study through its folder
(`desk.py`). Slurm and Dask start them; whether one has died, and who takes up its run, is decided here and not there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poise.errors import PoiseError
from poise.installing import install
from poise.terminal import pasted

DAY = 24 * 60  # minutes that Slurm gives a worker by default
MOST = 4096


@dataclass(frozen=True)
class Workers:
    """How many workers, and who starts them.

    local: processes of this machine. far: how many Slurm starts. dask: the address of a scheduler, each of whose
    workers starts one. slurm: options of a job. text: how it was written.
    """

    local: int = 1
    far: int = 0
    dask: str = ""
    slurm: Mapping[str, str] = field(default_factory=dict)
    text: str = field(default="", compare=False, repr=False)

    @property
    def count(self) -> int:
        """How many there are to reckon with, at least 1."""
        return max(self.local + self.far, 1)

    def start(self, folder: Path, say: Callable[[str], None]) -> None:
        """Have those started that are not of this machine. Errors: PoiseError where what starts them is not there."""
        folder = folder.resolve()
        if self.far:
            self._by_slurm(folder, say)
        elif self.dask:
            self._by_dask(folder, say)
        elif not self.local:
            say(f"waiting for workers: start them with poise worker {pasted(str(folder))}")

    def _by_slurm(self, folder: Path, say: Callable[[str], None], cluster: str = "slurm") -> list[Any]:
        submitit = _imported("submitit", "slurm")
        if cluster == "slurm" and shutil.which("sbatch") is None:
            raise PoiseError("--workers slurm: this machine has no sbatch; start the command where jobs are submitted")
        more = dict(self.slurm)
        minutes = int(more.pop("time", DAY))
        executor = submitit.AutoExecutor(folder=folder / "desk" / "slurm", cluster=cluster)
        executor.update_parameters(timeout_min=minutes, cpus_per_task=int(more.pop("cpus", 1)), name="poise")
        if cluster == "slurm" and more:
            executor.update_parameters(slurm_additional_parameters=more)
        with executor.batch():
            jobs = [executor.submit(attended, str(folder)) for _ in range(self.far)]
        say(f"{len(jobs)} workers were given to Slurm; they join when they begin")
        return jobs

    def _by_dask(self, folder: Path, say: Callable[[str], None]) -> None:
        distributed = _imported("distributed", "cluster")
        try:
            client = distributed.Client(self.dask.replace("dask://", "tcp://", 1), timeout="10s")
        except OSError as error:
            raise PoiseError(f"--workers {self.dask}: no scheduler of Dask answers there ({error})") from None
        with client:
            places = list(client.scheduler_info(n_workers=-1)["workers"])
            if not places:
                raise PoiseError(f"--workers {self.dask}: that scheduler has no workers; start some with dask worker")
            futures = [client.submit(attended, str(folder), workers=[place], pure=False) for place in places]
            distributed.fire_and_forget(futures)  # they go on when this client has left
        say(f"{len(places)} workers were given to Dask; they join when they begin")


def attended(folder: str) -> int:
    """A worker at a folder's desk, in a process of its own of one thread, until its parent has ended. Its exit code."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    words = [sys.executable, "-m", "poise", "worker", folder, "--once"]
    return subprocess.run(words, env={**os.environ, **one}).returncode


def _imported(name: str, extra: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise PoiseError(f"--workers: {name} is not installed: {install(extra, name)}") from None


def asked(text: str) -> Workers:
    """What is written behind --workers.

        4                             processes of this machine
        0                             none of this machine: those that join by `poise worker FOLDER`
        slurm:8,partition=gpu,time=60     so many jobs of Slurm; time in minutes, other words as sbatch takes them
        dask://host:8786              one on each worker of a Dask scheduler

    Errors: PoiseError for anything else.

    Example:
        >>> asked("slurm:8,partition=gpu,time=60")
        Workers(local=0, far=8, dask='', slurm={'partition': 'gpu', 'time': '60'})
    """
    wrong = PoiseError(
        f"--workers {text[:60]}: give a number from 0 to {MOST}, slurm:NUMBER with options such as ,partition=gpu, or "
        f"dask://HOST:PORT"
    )
    if text.isascii() and text.isdigit() and int(text) <= MOST:
        return Workers(int(text), text=text)
    if text.startswith("dask://") and len(text) > len("dask://"):
        return Workers(0, dask=text, text=text)
    kind, _, rest = text.partition(":")
    number, *options = rest.split(",")
    pairs = dict(option.partition("=")[::2] for option in options)
    sensible = number.isascii() and number.isdigit() and 1 <= int(number) <= MOST and all(pairs) and all(pairs.values())
    if kind != "slurm" or not sensible or not all(pairs.get(name, "1").isdigit() for name in ("time", "cpus")):
        raise wrong
    return Workers(0, int(number), slurm=pairs, text=text)
