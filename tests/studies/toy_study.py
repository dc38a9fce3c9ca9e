"""A game from outside the package, and a study of it: one point w is drawn to the data by ½‖x − w‖², and pays L2.

Its rest is known: w = mean/(1 + λ), so the distance from the mean is |mean|·λ/(1 + λ).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poise.core import Batch, Player, Term
from poise.errors import PoiseError
from poise.penalties import L2
from poise.recipes.common.recipe import Recipe, RecipeEntry, Stage, StepIntervals, Stopping
from poise.registry import register
from poise.training.ema import Ema
from poise.training.loop import fold_seed
from poise.training.precision import Execution

MEAN = torch.tensor([3.0, 4.0])


class Place(nn.Module):
    """A generator that is one point: z [n,1] of ones -> w [n,2]."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 2, bias=False)

    def noise(self, n: int) -> Tensor:
        return torch.ones(n, 1)

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.layer(z)


@dataclass
class Look:
    """What a turn may look at."""

    place: Place
    real: Tensor

    @property
    def loss(self) -> Tensor:
        return 0.5 * (self.real - self.place(torch.ones(len(self.real), 1))).square().sum(1)


@dataclass
class Attraction:
    """The game."""

    place: Place
    players: list[Player] = field(default_factory=list)

    def round(self, player: Player, batch: Batch, due: Any) -> Look:
        return Look(self.place, batch.real)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.place(self.place.noise(n))


class Distance:
    """The judge: how far the samples are from the mean of the data."""

    noun, n, m = "points", 4, 1000
    about = "scores are distances from the mean"

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.extractors: list[Any] = []

    def floor(self) -> dict[str, float]:
        return {"distance": 0.0}

    def score(self, sample: Any) -> dict[str, float]:
        return {"distance": float(np.linalg.norm(np.asarray(sample(self.n, 0)).mean(0) - MEAN.numpy()))}


class Watch:
    """The monitor: where the point is."""

    seconds = 0.0

    def __init__(self, place: Place) -> None:
        self.place = place

    def __call__(self, probe: int) -> dict[str, float]:
        return {"point/reach": float(self.place.layer.weight.detach().norm())}


def stream(seed: int, batch: int, pause: float, draw: int) -> Batch:
    time.sleep(pause)
    rng = torch.Generator().manual_seed(fold_seed(seed, draw))
    return Batch(MEAN + torch.randn(batch, 2, generator=rng))


def toy(
    data: str,
    *,
    l2_point: float = 0.0,
    lr: float = 0.2,
    steps: int = 60,
    batch: int = 64,
    pause: float = 0.0,
    explodes: bool = False,
    seed: int = 0,
) -> Recipe:
    """Draw a point to the data.

    Args:
        data: not read.
        l2_point: λ of the penalty (λ/2)‖w‖².
        lr: learning rate.
        steps: moves.
        batch: points per move.
        pause: seconds that a batch takes.
        explodes: whether the loss becomes infinite on the way.
        seed: of the start and the data.
    """
    if lr <= 0:
        raise PoiseError(f"--lr must be above 0, not {lr}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        place = Place()
    average = Ema(place, 0.5)
    game = Attraction(place)
    term = Term("attraction", (lambda r: r.loss / (0.0 if explodes else 1.0)))
    optim = torch.optim.SGD(place.parameters(), lr)
    game.players = [Player("generator", place, optim, [term], [L2(l2_point)], after=[average])]
    facts = {
        "data": "points", "fingerprint": "points", "device": "cpu", "precision": "fp32",
        "threads": torch.get_num_threads(),
    }  # fmt: skip
    return Recipe(
        stages=[Stage("attraction", game, partial(stream, seed, batch, pause), steps, (), lambda: Watch(place))],
        seed=seed,
        execution=Execution(torch.device("cpu"), "fp32", 1),
        cadence=StepIntervals.over(steps, 4, None, 10, 3),
        facts=facts,
        sampler=lambda n, seed: draw(average.module, facts, n, seed),
        show=lambda stem: shown(average.module, stem),
        judge=Distance,
        final=Distance,
        acting=Stopping(scores=3),
    )


@torch.no_grad()
def draw(generator: Any, facts: dict[str, Any], n: int, seed: int) -> np.ndarray:
    return generator(generator.noise(n)).numpy()


def shown(generator: Any, stem: Path) -> Path:
    path = stem.with_suffix(".json")
    write(draw(generator, {}, 1, 0), path)
    return path


def write(samples: np.ndarray, path: Path) -> str:
    path.write_text(json.dumps(np.asarray(samples).tolist()))
    return f"{len(samples)} points"


register("recipe", "toy")(
    RecipeEntry(toy, lambda arguments, facts: Place(), draw, write, "points", ("distance",), default_out="points.json")
)

STUDY = {
    "name": "toy",
    "question": "Does L2 pull a point to the origin?",
    "seeds": int(os.environ.get("TOY_SEEDS", 6)),
    "against": "none",
    "recipe": "toy",
    "arguments": {
        "data": "points",
        "pause": float(os.environ.get("TOY_PAUSE", 0)),
        "steps": int(os.environ.get("TOY_STEPS", 60)),
    },
    "arms": {"none": {"l2_point": 0}, "strong": {"l2_point": 1.0}},
    "endpoints": {
        "distance": {"score": "distance", "at": "end", "better": "lower", "margin": 0.5},
        "reach": {"mean": "point/reach", "over": "last quarter", "better": "higher"},
    },
    "claims": [{"says": "L2 pulls the point away", "tests": [{"endpoint": "distance", "arm": "strong",
                                                              "expect": "higher"}]}],
}  # fmt: skip
