"""Shared pieces: one thread, a cache of its own, and the smallest possible networks."""

from __future__ import annotations

import gc
import itertools
import os
import random
import shutil
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from poise.core import DiscriminatorOutput
from poise.specs import sources

torch.set_num_threads(1)
if hasattr(os, "register_at_fork"):  # in a child garbage stays: threads that its end would wait for are not there
    os.register_at_fork(after_in_child=gc.freeze)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--order", type=int, metavar="SEED", help="run the modules, and the tests of each, in a drawn order"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the order that `--order SEED` draws, the same in each process: a test may count on none before it."""
    seed = config.getoption("--order")
    if seed is None:
        return
    drawn = random.Random(seed)
    modules = [list(tests) for _, tests in itertools.groupby(items, key=lambda item: item.path)]
    drawn.shuffle(modules)
    for tests in modules:
        drawn.shuffle(tests)
    items[:] = itertools.chain.from_iterable(modules)


@pytest.fixture
def place(made, tmp_path, monkeypatch) -> Path:
    """A copy of the folder that the module's own fixture `made` filled once, as the current folder."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("POISE_RUNS", "runs")
    return tmp_path / "here"


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """No test writes into the user's cache; POISE_TEST_CACHE names a cache with real data that may be read."""
    before = os.environ.get("POISE_CACHE")
    os.environ["POISE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("POISE_CACHE")
    if before is not None:
        os.environ["POISE_CACHE"] = before


@pytest.fixture(autouse=True)
def _own_code(tmp_path_factory):
    """What a test imported from a folder of its own, and the code that it trusted, is unknown to the next one."""
    loaded, trusted = set(sys.modules), set(sources._HERE)
    yield
    sources._HERE.intersection_update(trusted)
    for name in set(sys.modules) - loaded:
        place = getattr(sys.modules[name], "__file__", None)
        if place is not None and Path(place).is_relative_to(tmp_path_factory.getbasetemp()):
            del sys.modules[name]


@pytest.fixture()
def float64():
    """Everything in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Point(nn.Module):
    """A generator that is one number θ: G(z) = θ·z with z = 1 (the Dirac-GAN of Mescheder et al. 2018)."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.layer.weight, theta)

    def noise(self, n: int) -> Tensor:
        return torch.ones(n, 1)

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.layer(z)

    @property
    def theta(self) -> float:
        return self.layer.weight.item()


class Line(nn.Module):
    """A discriminator D(x) = ψ_L ··· ψ_1·x without bias."""

    def __init__(self, *psi: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in psi))
        for layer, value in zip(self.layers, psi, strict=True):
            nn.init.constant_(layer.weight, value)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput((self.layers(x).squeeze(1),))

    @property
    def slope(self) -> float:
        return float(np.prod([layer.weight.item() for layer in self.layers]))


class TinyGenerator(nn.Module):
    """noise [n,4] -> picture [n,1,4,4], no batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.Tanh())

    def noise(self, n: int) -> Tensor:
        return torch.randn(n, 4)

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.net(z).view(-1, 1, 4, 4)


class TinyDiscriminator(nn.Module):
    """picture [n,1,4,4] -> one logit [n] and one feature [n,8]."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 8), nn.Linear(8, 1)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> DiscriminatorOutput:
        h = nn.functional.leaky_relu(self.first(x.flatten(1)), 0.2)
        return DiscriminatorOutput((self.last(h).squeeze(1),), ((h,),))
