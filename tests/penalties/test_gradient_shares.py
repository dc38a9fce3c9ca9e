"""R1 and R2 say what they are and what they do: strength and share of the gradient, in the record and in words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from poise.core import Batch, DiscriminatorOutput, Player
from poise.games.adversarial import Adversarial, adversarial_terms
from poise.monitor import Record, diagnose
from poise.penalties import R1, R2
from poise.penalties.base import OnRound
from poise.recipes.common.parts import check_player
from poise.record import RunFolder
from poise.registry import find
from poise.runs.run import run
from poise.training.loop import train
from poise.training.moves import measured, move
from poise.training.precision import Execution
from tests.conftest import Point
from tests.runs.conftest import TINY, pictures, spec  # noqa: F401  (a fixture)


class Critic(nn.Module):
    """D(x) = w·x for x of two numbers: R1 and R2 are (γ/2)‖w‖² and their gradient is γ·w."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[0.3, -0.4]]))

    def forward(self, x, cond=None):
        return DiscriminatorOutput(((x @ self.w.T).squeeze(1),))


class Pairs(Point):
    def noise(self, n):
        return torch.ones(n, 1)

    def forward(self, z, cond=None):
        return super().forward(z).expand(-1, 2)


def game_of(*penalties):
    g, d = Pairs(0.5), Critic()
    to_discriminate, to_generate = adversarial_terms(find("loss", "wasserstein"))
    terms = [to_discriminate, *(term for penalty in penalties for term in penalty.terms())]
    players = (
        Player("discriminator", d, torch.optim.SGD(d.parameters(), 0.01), terms),
        Player("generator", g, torch.optim.SGD(g.parameters(), 0.01), [to_generate]),
    )
    return Adversarial(g, d, players)


X = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0], [2.0, 2.0]])


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("kind", [R1, R2])
def test_the_share_in_closed_form(kind, parts):
    """Wasserstein: the loss's gradient is mean fake − mean real, whatever w is; the penalty's k·γ·w, ‖w‖ = ½."""
    gamma, every = 2.0, 4
    game = game_of(kind(gamma, every=every))
    row = move(game, game.players[0], Batch(X), 0, Execution(micro_batches=parts), detail=True)
    name = kind(gamma).name
    loss = (torch.tensor([0.5, 0.5]) - X.mean(0)).norm().item()
    pull = every * gamma * 0.5
    assert row[f"{name}.strength"] == gamma, "what was asked for, however seldom it is paid"
    assert float(row[f"{name}.share"]) == pytest.approx(pull / (pull + loss), rel=1e-5)


@pytest.mark.parametrize(("every", "log"), [(1, 4), (4, 4), (2, 8), (5, 16), (16, 4), (3, 3)])
def test_it_is_measured_where_it_is_paid_and_about_as_often_as_rows_are_recorded(every, log):
    player = game_of(R1(1.0, every=every)).players[0]
    steps = [step for step in range(160) if measured(player, step, log) == ["r1"]]
    assert all(step % every == 0 for step in steps)
    gaps = {b - a for a, b in pairwise(steps)}
    assert len(gaps) == 1 and max(every, log) / 2 <= gaps.pop() <= max(every, log)
    if log % every == 0:
        assert all(step % log == 0 for step in steps)


def test_measuring_changes_no_weight():
    found = []
    for log in (1, 1000):
        game = game_of(R1(1.0, every=2), R2(0.5, every=3))
        train(game, lambda draw: Batch(X), range(1, 9), detail_every=log)
        found.append(game.discriminator.w.detach())
    assert torch.equal(*found)


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 4, 5])
def test_a_run_records_it_tells_it_and_diagnoses_it(pictures, tmp_path, every):  # noqa: F811
    """Also where it is paid at other steps than those whose rows are recorded."""
    r1 = {"class_path": "R1", "init_args": {"gamma": 1.0, "every": every}}
    report = run(spec(pictures, discriminator={**TINY, "penalties": [r1]}), tmp_path / "a")
    rows = RunFolder(tmp_path / "a").rows()
    shares = {row["step"]: row["discriminator/r1.share"] for row in rows if "discriminator/r1.share" in row}
    assert len(shares) >= 4 and all(step % every == 0 for step in shares)
    assert all(0 < share < 1 for share in shares.values())
    assert {row["discriminator/r1.strength"] for row in rows if "discriminator/r1.strength" in row} == {1.0}
    assert report.penalties["discriminator/r1"].share_largest == max(shares.values())
    assert any(line.startswith("r1 on the discriminator") for line in report.sentences)
    silent = [row | {key: 1e-12 for key in row if key == "discriminator/r1.share"} for row in rows * 3]
    numbered = [row | {"step": i} for i, row in enumerate(silent)]
    found = {finding.name: finding for finding in diagnose(Record(numbered))}
    assert "--discriminator.penalties.gamma" in found["strength without effect"].action


@dataclass(eq=False)
class Small(OnRound):
    """Somebody's own penalty on D's outputs: the mean square of the logits."""

    name: str = "logits"

    def value(self, round):
        return round.on_real.logits[0].square()


def test_a_penalty_of_ones_own_on_the_outputs_of_d_is_accepted_and_recorded():
    """It reads what a turn shows, and not what only a language model has."""
    options = {"width": 4, "depth": 1, "turns": 1, "lr": 1e-3, "clip": None, "betas": (0.5, 0.99)}
    check_player("discriminator", SimpleNamespace(**options, penalties=[Small(0.1)]))
    game = game_of(Small(0.1))
    row = move(game, game.players[0], Batch(X), 0, detail=True)
    assert row["logits.strength"] == 0.1 and 0 < float(row["logits.share"]) < 1
