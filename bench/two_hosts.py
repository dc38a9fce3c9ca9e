"""One training by two hosts is that by one process: two network namespaces, joined by a cable, each with one process.

Needs root, `ip` (iproute2) and no data: it makes 240 pictures. The hosts have the disk in common, and nothing else:
each sees its own loopback and its end of the cable. What is compared is every number of the record and every weight, in
double precision; then the process of the second host is killed (kill -9) and the run goes on by one.

    python bench/two_hosts.py --out A
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HOSTS, PORT = ("10.231.7.1", "10.231.7.2"), "29517"
FLAGS = [
    *(
        "images",
        "squares.npz",
        "--device",
        "cpu",
        "--precision",
        "fp32",
        "--threads",
        "1",
        "--scores",
        "0",
        "--batch",
        "9",
    ),
    *("--generator.width", "2", "--generator.norm", "none", "--discriminator.width", "2", "--log-every", "1"),
    *("--discriminator.penalties+=R1", "--discriminator.penalties.every", "3", "--quiet", "--checkpoint-every", "10"),
]


def pictures(path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 60, (240, 16, 16), dtype=np.uint8)
    for i, pixel in enumerate(pixels):
        y, x = divmod(i % 4, 2)
        pixel[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] += 150
    np.savez(path, images=pixels)


def in_double() -> None:
    """`poise` with every picture and weight in double precision: what this file does when it is given words."""
    import torch

    from poise.cli import main
    from poise.data.images import stream

    torch.set_default_dtype(torch.float64)
    plain = stream.as_trained
    stream.as_trained = lambda pixels: plain(pixels).double()
    raise SystemExit(main(sys.argv[2:]))


def cable(names: tuple[str, str]) -> None:
    """Two hosts and a cable between them."""
    for name in names:
        subprocess.run(["ip", "netns", "add", name], check=True)
    ends = [f"{name}e" for name in names]
    subprocess.run(["ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1]], check=True)
    for name, end, host in zip(names, ends, HOSTS, strict=True):
        subprocess.run(["ip", "link", "set", end, "netns", name], check=True)
        for words in (
            ["addr", "add", f"{host}/24", "dev", end],
            ["link", "set", end, "up"],
            ["link", "set", "lo", "up"],
        ):
            subprocess.run(["ip", "-n", name, *words], check=True)


def by_two(names: tuple[str, str], folder: Path, words: list[str]) -> list[subprocess.Popen[bytes]]:
    """torchrun on each host, with one process; what it says is in host0.txt and host1.txt."""
    started = []
    for rank, name in enumerate(names):
        start = ["--nnodes", "2", "--nproc-per-node", "1", "--node-rank", str(rank), "--master-addr", HOSTS[0]]
        torchrun = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            *start,
            "--master-port",
            PORT,
            str(Path(__file__).resolve()),
        ]
        with open(folder / f"host{rank}.txt", "wb") as said:
            started.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", name, *torchrun, "in-double", *words],
                    cwd=folder,
                    stdout=said,
                    stderr=said,
                    env={**os.environ, "GLOO_SOCKET_IFNAME": f"{name}e", "OMP_NUM_THREADS": "1"},
                    start_new_session=True,
                )
            )
    return started


def numbers(run: Path) -> dict[str, np.ndarray]:
    """Every number of the record and every tensor of the weights. The monitor's signals are single precision."""
    from safetensors.numpy import load_file

    from poise.record import RunFolder
    from poise.training.checkpoint import latest

    ends = ("on_training", "on_heldout", "on_generated")
    rows = RunFolder(run).rows()
    found = {f"{row['step']}/{n}": np.asarray(row[n]) for row in rows for n in row if not n.endswith(ends)}
    last = latest(run / "checkpoints")
    assert last is not None
    for path in last.glob("*.safetensors"):
        found |= {f"{path.name}/{name}": value for name, value in load_file(path).items()}
    return found


def apart(one: Path, other: Path) -> float:
    """The largest difference of any number, in its own size or in 1."""
    a, b = numbers(one), numbers(other)
    assert a.keys() == b.keys(), "other numbers were recorded"
    pairs = [(np.asarray(a[name], float), np.asarray(b[name], float)) for name in a if a[name].size]
    return max(float((abs(x - y) / np.maximum(abs(x), 1)).max()) for x, y in pairs)


def child_of(torchrun: int) -> int:
    """The process that a torchrun has started, once it is there."""
    while True:
        found = Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split()
        if found:
            return int(found[0])
        time.sleep(0.05)


def said(folder: Path, host: int) -> list[str]:
    return [line for line in (folder / f"host{host}.txt").read_text(errors="replace").splitlines() if "poise: " in line]


def measured(folder: Path, names: tuple[str, str]) -> None:
    alone = [sys.executable, str(Path(__file__).resolve()), "in-double"]
    train = ["train", *FLAGS, "--steps", "50", "--out"]
    subprocess.run([*alone, *train, "one"], cwd=folder, check=True)
    codes = [process.wait(300) for process in by_two(names, folder, [*train, "two"])]
    off = apart(folder / "one", folder / "two")
    print(f"exit codes {codes}; 50 steps of two hosts differ from those of one process by {off:.1e}")
    running = by_two(names, folder, [*train, "killed"])
    record = folder / "killed" / "checkpoints" / "step-00000020"
    while not record.exists() and running[0].poll() is None:
        time.sleep(0.01)
    os.kill(child_of(running[1].pid), signal.SIGKILL)
    codes = [process.wait(300) for process in running]
    print(f"killed on the second host: exit codes {codes}; said by the first {said(folder, 0)}")
    print(f"and by the second {said(folder, 1)}")
    subprocess.run([*alone, "resume", "killed", "--quiet"], cwd=folder, check=True)
    print(f"resumed by one process: differs from one process by {apart(folder / 'one', folder / 'killed'):.1e}")


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--out", type=Path, required=True, help="folder for the runs, which must not be there")
    folder = asked.parse_args().out
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("bench/two_hosts.py makes network namespaces: start it as root, with iproute2 installed", file=sys.stderr)
        return 2
    names = (f"poise{os.getpid()}a"[-12:], f"poise{os.getpid()}b"[-12:])
    folder.mkdir(parents=True)
    pictures(folder / "squares.npz")
    try:
        try:
            cable(names)
        except subprocess.CalledProcessError:
            print(
                "bench/two_hosts.py: network namespaces are not allowed here: start it as root of a real machine",
                file=sys.stderr,
            )
            return 2
        measured(folder, names)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["in-double"]:
        in_double()
    sys.exit(main())
