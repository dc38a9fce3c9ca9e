"""Processes that train together, as children of a test by fork, which costs no import, and what is compared."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from poise.cli import main
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.run import Interrupted, Stop, run, together
from poise.training.checkpoint import latest
from poise.training.torchrun import world
from tests.runs.conftest import Stopping, spec

MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes by fork"),
    pytest.mark.skipif(not torch.distributed.is_available(), reason="a torch without torch.distributed"),
]
PLAIN = {"generator": {"width": 2, "norm": "none"}, "augment": "color,translation,cutout"}
D = {"width": 2}
R1_AND_MORE = {
    "spectral": True, "turns": 2, "clip": 1.0,
    "penalties": [
        {"class_path": "R1", "init_args": {"gamma": 0.1, "every": 3}},
        {"class_path": "R2", "init_args": {"gamma": 0.1, "every": 2}},
        {"class_path": "L2Towards", "init_args": {"reference": "average", "strength": 0.01}},
    ],
}  # fmt: skip
SMALL = ["--steps", "3", "--scores", "0", "--generator.width", "2", "--discriminator.width", "2"]


class Children(list):
    """Their process ids, and the folder of what they say.

    The store by which they find each other is a process of its own, as that of torchrun is: its server is a thread, and
    who forks beside a thread may copy a lock that nobody opens any more.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        told, tell = os.pipe()
        watched, self.here = os.pipe()
        self.serving = os.fork()
        if self.serving == 0:
            os.close(self.here)
            store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
            os.write(tell, str(store.port).encode())
            os.read(watched, 1)  # nothing, when all that may ask are gone
            os._exit(0)
        os.close(tell), os.close(watched)
        self.port = int(os.read(told, 9))
        os.close(told)

    def ended(self):
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in self]
        os.close(self.here)
        os.waitpid(self.serving, 0)
        return codes

    def until(self, true, seconds=300.0):
        """Wait until it is true while all of them run; otherwise fail with what each said, and where it stands."""
        end = time.monotonic() + seconds
        while not true():
            gone = [child for child in self if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)]
            late = time.monotonic() > end
            if gone or late:
                for child in set(self) - set(gone):
                    os.kill(child, signal.SIGUSR1)  # writes down where it stands
                time.sleep(1)
                heard = [f"{rank}: {line}" for rank in range(len(self)) for line in said(self.folder, rank)]
                for child in self:
                    os.kill(child, signal.SIGKILL)
                raise AssertionError("\n".join([f"codes {ended(self)}, it never came, but:", *heard]))
            time.sleep(0.01)


def started(work, folder: Path, count: int = 2) -> Children:
    """Processes that find each other and do `work`; what they say is in folder/0.txt, 1.txt ..."""
    children = Children(folder)
    for rank in range(count):
        child = os.fork()
        if child == 0:
            said = os.open(folder / f"{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1), os.dup2(said, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            faulthandler.register(signal.SIGUSR1, file=sys.stderr)
            here = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
            os.environ |= {name: str(number) for name, number in here.items()}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(children.port)}
            os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
            code = 99
            try:
                code = work()
            except Interrupted:
                code = 130
            except PoiseError as error:
                print(error)
                code = 2
            finally:
                sys.stdout.flush(), sys.stderr.flush()
                os._exit(code)
        children.append(child)
    return children


def ended(children: Children) -> list[int]:
    return children.ended()


def by_two(work, folder: Path) -> list[int]:
    return ended(started(work, folder))


def said(folder: Path, rank: int) -> list[str]:
    return (folder / f"{rank}.txt").read_text().splitlines()


def whole_run(asked, out, view=None, stop=None) -> int:
    """A run by all processes that the environment tells of."""

    def work(ranks):
        run(asked, out, view, stop, ranks=ranks)
        return 0

    return together(world(), work)


def stopped_at(step: int):
    stop = Stop()
    return Stopping(step, stop), stop


SINGLE = ("on_training", "on_heldout", "on_generated")  # signals that are kept in single precision


def numbers(folder: Path) -> dict[str, float | torch.Tensor]:
    """Every number of the record, and every tensor of the last checkpoint."""
    from safetensors.torch import load_file

    last = latest(RunFolder(folder).checkpoints)
    rows = [{name: row[name] for name in row if not name.endswith(SINGLE)} for row in RunFolder(folder).rows()]
    found = {f"{row['step']}/{name}": value for row in rows for name, value in row.items()}
    for path in sorted(last.glob("*.safetensors")):
        found |= {f"{path.name}/{name}": value for name, value in load_file(path).items()}
    kept = torch.load(last / "resume.pt", weights_only=True)["parts"]
    for player in ("generator", "discriminator"):
        for name, parts in kept[f"{player}.optim"]["state"].items():
            found |= {f"{player}/{name}/{part}": value for part, value in parts.items()}
    return found


def apart(a: dict, b: dict) -> float:
    """The largest difference of any number, in its own size or in 1."""
    assert a.keys() == b.keys()
    pairs = [(torch.as_tensor(a[name]).double(), torch.as_tensor(b[name]).double()) for name in a]
    return max(float(((x - y).abs() / x.abs().clamp_min(1)).max()) for x, y in pairs if x.numel())


def asked_of(pictures, **changes):
    more = {**PLAIN, "discriminator": D | R1_AND_MORE, "batch": 9, "scores": 0}
    return spec(pictures, **more | changes)


def command(*words: str, folder: Path) -> list[int]:
    return by_two(lambda: main([*words]), folder)


class Slowly(Stopping):
    """A view that takes a moment at each step, so that there is a moment for a kill."""

    def __init__(self):
        pass

    def step(self, made, entry):
        time.sleep(0.05)


def until(true, seconds=300.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
