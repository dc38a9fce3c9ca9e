"""Recipes whose best strength is known by a closed form, and searches of them in this process.

shrink: a point is drawn to data whose mean is (1 + INFLATED) times the true one, pays L2 and ends at data/(1 + λ); its
score is the distance from the true mean. The best λ is INFLATED.

dirac: the Wasserstein Dirac-GAN with L2 on D, T steps of alternating descent: z ← M(λ) z. The score is |z| at the end.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch

from poise.core import Batch, Player
from poise.errors import Refused
from poise.games.adversarial import Adversarial, adversarial_terms
from poise.penalties import L2
from poise.recipes.common.recipe import Recipe, RecipeEntry, Stage, StepIntervals, Stopping
from poise.registry import find
from poise.runs.ending import Interrupted
from poise.runs.run import run
from poise.studies.plans.files import executed
from poise.training.ema import Ema
from poise.training.precision import Execution
from tests.conftest import Line, Point
from tests.games.test_dirac import matrix
from tests.studies.here import FILE

INFLATED = 0.5
STEPS, RATE, START = 40, 0.3, (1.0, 0.5)


@functools.cache
def toy() -> dict[str, Any]:
    """A point that is drawn to the data. It enters a recipe of its own, so not before it is needed."""
    return executed(FILE)


def shrink(
    data: str,
    *,
    l2_point: float = 0.0,
    lr: float = 0.2,
    steps: int = 40,
    pause: float = 0.0,
    explodes: bool = False,
    seed: int = 0,
) -> Recipe:
    """Draw a point to data that are too far out.

    Args:
        data: not read.
        l2_point: λ of the penalty (λ/2)‖w‖².
        lr: learning rate.
        steps: moves.
        pause: seconds that a batch takes.
        explodes: whether the loss becomes infinite on the way.
        seed: of the start and the data.
    """
    recipe = toy()["toy"](
        data, l2_point=l2_point, lr=lr, steps=steps, pause=pause, explodes=explodes or lr > 1, seed=seed
    )
    stage = recipe.stages[0]
    inner = stage.stream
    stage.stream = lambda at: Batch(inner(at).real + INFLATED * toy()["MEAN"])
    recipe.cadence = StepIntervals.over(steps, 4, None, 10, 1)
    return recipe


class Length:
    """The judge of the Dirac-GAN: how far both players are from where they should end."""

    noun, n, m = "numbers", 1, 1
    about = "scores are |(θ, ψ)|"

    def __init__(self, game: Adversarial) -> None:
        self.game = game
        self.missing: list[str] = []
        self.extractors: list[object] = []

    def floor(self) -> dict[str, float]:
        return {"length": 0.0}

    def score(self, sample: object) -> dict[str, float]:
        return {"length": float(np.hypot(self.game.generator.theta, self.game.discriminator.slope))}


def dirac(data: str, *, l2_discriminator: float = 0.0, steps: int = STEPS, seed: int = 0) -> Recipe:
    """The Wasserstein Dirac-GAN, with plain descent.

    Args:
        data: not read.
        l2_discriminator: λ on D.
        steps: moves of each player.
        seed: of nothing.
    """
    g, d = Point(START[0]), Line(-START[1])
    to_discriminate, to_generate = adversarial_terms(find("loss", "wasserstein"))
    average = Ema(g, 0.0)
    game = Adversarial(g, d, (
        Player("generator", g, torch.optim.SGD(g.parameters(), RATE), [to_generate], after=[average]),
        Player("discriminator", d, torch.optim.SGD(d.parameters(), RATE), [to_discriminate], [L2(l2_discriminator)]),
    ))  # fmt: skip
    facts = {"data": "zero", "fingerprint": "zero", "device": "cpu", "precision": "fp32", "threads": 1}
    return Recipe(
        stages=[Stage("dirac", game, lambda at: Batch(torch.zeros(1, 1)), steps, (), None)],
        seed=seed,
        execution=Execution(torch.device("cpu"), "fp32", 1),
        cadence=StepIntervals.over(steps, 4, None, 10, 1),
        facts=facts,
        sampler=lambda n, seed: np.zeros((n, 1)),
        show=lambda stem: toy()["shown"](toy()["Place"](), stem),
        judge=lambda: Length(game),
        acting=Stopping(scores=1),
    )


def best_of_dirac(steps: int = STEPS) -> float:
    """The λ of the least |M(λ)ᵗz₀|, from the matrix alone."""
    strengths = np.geomspace(1e-3, 6, 4000)
    ends = [np.linalg.norm(np.linalg.matrix_power(matrix(RATE, one), steps) @ np.array(START)) for one in strengths]
    return float(strengths[int(np.argmin(ends))])


def entries() -> dict[str, RecipeEntry]:
    """The two recipes, as the registry has them."""
    scores = {"shrink": (shrink, "distance"), "dirac": (dirac, "length")}
    return {
        name: RecipeEntry(
            build,
            lambda arguments, facts: toy()["Place"](),
            lambda *given: toy()["draw"](*given),
            lambda *given: toy()["write"](*given),
            "points",
            (score,),
        )
        for name, (build, score) in scores.items()
    }


SHRINK, DIRAC = entries().values()  # named as tests.tuning.surfaces.SHRINK where workers have to find them


class HerePool:
    """A pool without workers: every task in this process; `most` runs, after which somebody presses Ctrl-C."""

    most: int | None = None
    refusals: dict[str, str] | None = None

    def __init__(self, workers: int, runs: Path, code: object, view: object, stop: object, *desk: object) -> None:
        self.runs, self.view, self.trained = runs, view, []

    def finish(self, tasks: object) -> None:
        for task in tasks:
            if self.most is not None and type(self).most == 0:
                raise Interrupted("stopped")
            self.view.began(task)
            try:
                run(task.spec, self.runs / task.name)
                self.view.ended(task, "done")
            except Exception as error:
                if self.refusals is not None and isinstance(error, Refused):
                    self.refusals[task.name] = str(error)
                self.view.ended(task, "diverged", str(error))
            self.trained.append(task.name)
            if self.most is not None:
                type(self).most -= 1

    def dismiss(self) -> None:
        pass

    train = finish
