"""Loops of several processes."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from loop_parts import (
    loop,
    network,
    pieces,
    scaler_of,
    sgd,
)
from torch import nn
from torch.nn.functional import mse_loss

from poise.errors import PenaltyWarning
from poise.penalties import L2, attach


@contextlib.contextmanager
def gloo(rank: int, world: int, port: int) -> Iterator[None]:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def in_processes(work: Callable[..., Any], world: int, *arguments: Any) -> nn.Module:
    """Run `work(rank, ...)` in `world` processes and return the network with the weights that the first one keeps."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "weights.pt"
        torch.multiprocessing.spawn(_worker, (work, world, port, kept, arguments), nprocs=world)
        net = network()
        net.load_state_dict(torch.load(kept))
        return net


def _worker(rank: int, work: Callable[..., Any], world: int, port: int, kept: Path, arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("error", PenaltyWarning)
    with gloo(rank, world, port):
        state = work(rank, world, *arguments)
        if rank == 0:
            torch.save(state, kept)
        torch.distributed.barrier()
    os._exit(0)  # threads of the process group that are not joined would abort an ordinary end now and then


def _ddp(rank: int, world: int, k: int, scaled: bool) -> dict[str, Any]:
    net, loader, scaler = network(), pieces(k, rank, world), scaler_of(scaled)
    # recipe: ddp
    net = nn.parallel.DistributedDataParallel(net)
    optimizer = sgd(net)
    attach(optimizer, net, L2(0.1))

    for i, (x, y) in enumerate(loader, 1):
        complete = i % k == 0
        with contextlib.nullcontext() if complete else net.no_sync():
            scaler.scale(mse_loss(net(x), y) / k).backward()
        if complete:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    # end
    return net.module.state_dict()


@loop("ddp, attach")
def ddp(k: int, scaled: bool) -> nn.Module:
    return in_processes(_ddp, 2, k, scaled)


def _fsdp(rank: int, world: int, k: int, scaled: bool) -> dict[str, Any]:
    from torch.distributed.device_mesh import init_device_mesh

    net, loader, scaler = network(), pieces(k, rank, world), scaler_of(scaled)
    mesh = init_device_mesh("cpu", (world,))
    # recipe: fsdp
    from torch.distributed.fsdp import fully_shard

    for layer in (net.first, net.last):
        fully_shard(layer, mesh=mesh)
    fully_shard(net, mesh=mesh)
    optimizer = sgd(net)  # after sharding: the parameters are others now
    attach(optimizer, net, L2(0.1))

    for i, (x, y) in enumerate(loader, 1):
        net.set_requires_gradient_sync(i % k == 0)
        scaler.scale(mse_loss(net(x), y) / k).backward()
        if i % k == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    # end
    return {name: value.full_tensor() for name, value in net.state_dict().items()}


@loop("fsdp, attach")
def fsdp(k: int, scaled: bool) -> nn.Module:
    return in_processes(_fsdp, 2, k, scaled)
