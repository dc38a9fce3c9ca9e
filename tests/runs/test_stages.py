"""Runs of several stages: what is handed on, what begins anew, and what happens when a run breaks where stages meet."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from poise.core import Batch, Player, Term
from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.games.text import Reinforce
from poise.monitor.findings.finding import Record
from poise.record import RunFolder
from poise.runs.rollback import Rollbacks
from poise.runs.run import Interrupted, Stop, run
from poise.training import checkpoint
from poise.training.ema import Ema
from poise.training.loop import train
from poise.training.precision import Execution
from tests.evaluation.texts import ALONE, GAME, PLAYER, WARM, text_spec
from tests.runs.conftest import Stopping, assert_same, state

BOUNDARIES = (WARM, WARM + ALONE)
TOTAL = WARM + ALONE + GAME

# What is handed on, on small games.


class Plain:
    """Some players; the round is the batch."""

    def __init__(self, *players):
        self.players = players

    def round(self, player, batch, due):
        return batch


def player(name, net, rate=0.1, after=()):
    term = Term("square", lambda batch: (net(batch.real) - 1).square().mean(1))
    return Player(name, net, torch.optim.Adam(net.parameters(), rate), [term], after=after)


def data(draw):
    return Batch(torch.randn(4, 2, generator=torch.Generator().manual_seed(draw)))


def two_stages():
    torch.manual_seed(0)
    shared, other = nn.Linear(2, 1), nn.Linear(2, 1)
    average = Ema(shared, 0.5)
    return Plain(player("g", shared, after=(average,))), Plain(
        player("d", other), player("g", shared, after=(average,))
    )


def flat(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_a_stage_begins_with_the_weights_it_shares_and_nothing_else():
    """Shared weights and averages stay; weights, optimisers and sums of its own are those of the beginning."""
    first, second = two_stages()
    fresh = checkpoint.initial(second)
    train(first, data, 5)
    trained, averaged = flat(first.players[0].module), flat(first.players[0].after[0].module)
    train(second, data, 3, seed=9)  # a sitting that is rolled back
    second.players[1].module.load_state_dict(first.players[0].module.state_dict())
    expected = flat(two_stages()[1].players[0].module)
    assert not torch.equal(flat(second.players[0].module), expected)
    with torch.no_grad():
        second.players[1].module.weight.copy_(trained[:2].view(1, 2))
        second.players[1].module.bias.copy_(trained[2:])
    second.players[1].cumulative_decay["l2"] = 3.0
    before_average = flat(second.players[1].after[0].module)
    checkpoint.begin(second, fresh, after=first)
    assert torch.equal(flat(second.players[0].module), expected)
    assert torch.equal(flat(second.players[1].module), trained)
    assert torch.equal(flat(second.players[1].after[0].module), before_average)
    assert not second.players[0].optim.state and not second.players[1].optim.state
    assert not second.players[1].cumulative_decay
    assert averaged.shape == before_average.shape


def test_the_initial_state_is_a_copy():
    """It does not follow the weights while they learn."""
    _, second = two_stages()
    fresh = checkpoint.initial(second)
    kept = {name: fresh[name]["weight"].clone() for name in ("d", "g")}
    train(second, data, 3)
    assert all(torch.equal(fresh[name]["weight"], kept[name]) for name in kept)
    assert not fresh["d.optim"]["state"]
    checkpoint.begin(second, fresh, after=Plain())
    train(second, data, 2)
    assert all(torch.equal(fresh[name]["weight"], kept[name]) for name in kept), "nor when a stage began from it"


def test_the_step_of_a_checkpoint_is_its_name(tmp_path):
    game, _ = two_stages()
    assert checkpoint.step_of(checkpoint.save(tmp_path, 1234, game, Execution())) == 1234


def test_a_record_is_that_of_the_last_stage_that_has_begun():
    rows = [{"step": step} for step in range(0, 30, 3)]
    spec = RunSpec(facts={"stages": [["a", 7], ["b", 4], ["c", 19]]})

    def seen(until):
        return [row["step"] for row in Record.of([row for row in rows if row["step"] <= until], spec).rows]

    assert seen(6) == [0, 3, 6]
    assert seen(9) == [9]
    assert seen(12) == [12]
    assert seen(27) == [12, 15, 18, 21, 24, 27]
    assert Record.of([], spec).rows == []
    assert len(Record.of(rows, RunSpec()).rows) == 10


# Runs.


@pytest.mark.slow
def test_stages_follow_each_other(grammar, tmp_path):
    """The generator rests while D learns alone; D is there from its stage on; no two stages share their noise."""
    run(text_spec(grammar, checkpoint_every=1), tmp_path / "a")
    folder = RunFolder(tmp_path / "a").checkpoints
    kept = {checkpoint.step_of(path) for path in checkpoint.all_checkpoints(folder)}
    assert {WARM, WARM + ALONE, TOTAL} <= kept

    def weights(step, name):
        return (folder / f"step-{step:08d}" / f"{name}.safetensors").read_bytes()

    assert not (folder / f"step-{WARM:08d}" / "discriminator.safetensors").exists()
    for name in ("generator", "generator.ema"):
        assert weights(WARM, name) == weights(WARM + ALONE, name) != weights(TOTAL, name)
    assert weights(WARM + ALONE, "discriminator") != weights(TOTAL, "discriminator")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a child at once")
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("before the checkpoint", marks=pytest.mark.slow),
        "after the checkpoint",
        pytest.param("after the stage has begun", marks=pytest.mark.slow),
    ],
)
def test_killed_where_stages_meet_it_ends_the_same(grammar, tmp_path, monkeypatch, moment):
    """The process dies at each boundary, three times differently; what is on the disk is enough."""
    run(text_spec(grammar), tmp_path / "whole")
    for _ in BOUNDARIES:
        if (child := os.fork()) == 0:
            try:
                dying(moment, tmp_path / "parts")
                run(text_spec(grammar), tmp_path / "parts")
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    run(text_spec(grammar), tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


def dying(moment, folder):
    """Make this process end at the first boundary that is not behind it."""
    import poise.runs.session as session

    newest = checkpoint.latest(folder / "checkpoints")
    behind = 0 if newest is None else checkpoint.step_of(newest)
    if moment == "before the checkpoint":
        tried = folder.parent / "tried"
        first = min(b for b in BOUNDARIES if not (tried / str(b)).exists())
        tried.mkdir(exist_ok=True)
        (tried / str(first)).touch()
        save = session.Session._save
        session.Session._save = lambda self, made, row: os._exit(9) if made == first else save(self, made, row)
        return
    begin = checkpoint.begin

    def ending(game, fresh, after):
        now = checkpoint.step_of(checkpoint.latest(folder / "checkpoints"))
        if now == behind and behind:  # goes on from here
            return begin(game, fresh, after)
        if moment == "after the stage has begun":
            begin(game, fresh, after)
        os._exit(9)

    checkpoint.begin = ending


@pytest.mark.slow
def test_a_run_that_breaks_in_a_later_stage_names_the_step_of_the_run(grammar, tmp_path, once):
    once["left"] = 3
    with pytest.raises(PoiseError, match=rf"step {WARM + 2}: discriminator/adversarial became inf"):
        run(text_spec(grammar, loss="once"), tmp_path / "a")
    last = RunFolder(tmp_path / "a").events()[-1]
    assert last.event == "diverged"
    assert (last.details["step"], last.details["player"]) == (WARM + 2, "discriminator")


def copied_when_rolled_back(monkeypatch, to: Path):
    """Copy the run folder as it is after its (only) rollback, for a run that begins there."""
    original = Rollbacks.roll_back

    def roll_back(self, *arguments):
        remedy = original(self, *arguments)
        assert not to.exists(), "rolled back twice"
        shutil.copytree(self.path.parent, to)
        return remedy

    monkeypatch.setattr(Rollbacks, "roll_back", roll_back)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "step", "back_to"),
    [
        (2, WARM + 1, 5),  # from D's stage into the likelihood
        pytest.param(ALONE + 1, WARM + ALONE, 10, marks=pytest.mark.slow),  # from the game's first step into D's stage
        pytest.param(ALONE + 6, WARM + ALONE + 5, 15, marks=pytest.mark.slow),  # within the game
    ],
)
def test_rolled_back_across_a_boundary_equals_a_run_from_that_checkpoint(
    grammar, tmp_path, monkeypatch, once, calls, step, back_to
):
    """And each learning rate is halved in all stages that follow, scheduled or not."""
    copied_when_rolled_back(monkeypatch, tmp_path / "b")
    asked = {"discriminator": {**PLAYER, "width": 3, "lr": 1e-3}, "generator": {**PLAYER, "lr": 2e-4, "warm_lr": 1e-3}}
    wanted = text_spec(grammar, loss="once", on_divergence="rollback", **asked)
    once["left"] = calls
    run(wanted, tmp_path / "a")
    (event,) = [e.details for e in RunFolder(tmp_path / "a").events() if e.event == "rolled back"]
    assert (event["step"], event["back_to"]) == (step, back_to)
    rows = RunFolder(tmp_path / "a").rows()
    last = {key: row[key] for row in rows for key in row if key.endswith("/lr")}
    assert last == pytest.approx({"generator/lr": 1e-4, "discriminator/lr": 5e-4})
    once["left"] = -1
    run(wanted, tmp_path / "b")
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))


@pytest.mark.slow
def test_rolled_back_reinforce_forgets_the_returns_of_the_broken_move(grammar, tmp_path, monkeypatch):
    """The move breaks after the returns were counted and before the baseline moved."""
    copied_when_rolled_back(monkeypatch, tmp_path / "b")
    forward, calls = Reinforce.forward, []

    def breaking(self, round):
        calls.append(1)
        value = forward(self, round)
        return value / 0 if len(calls) == 7 else value

    monkeypatch.setattr(Reinforce, "forward", breaking)
    wanted = text_spec(grammar, estimator="reinforce", on_divergence="rollback")
    run(wanted, tmp_path / "a")
    assert (tmp_path / "b").exists()
    run(wanted, tmp_path / "b")
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))


@pytest.mark.slow
def test_stopped_after_a_rollback_across_a_boundary_it_ends_the_same(grammar, tmp_path, once):
    """The remedy is on the disk: resumed in the first stage, it reaches the later ones."""
    wanted = text_spec(grammar, loss="once", on_divergence="rollback")
    once["left"] = 2
    run(wanted, tmp_path / "whole")
    once["left"] = 2

    class After(Stopping):
        """Asks for a stop at a step, once the run has been rolled back."""

        def step(self, made, entry):
            self.stop.asked = made == self.at and once["left"] <= 0

    with pytest.raises(Interrupted):
        run(wanted, tmp_path / "parts", After(WARM, stop := Stop()), stop)
    run(wanted, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
