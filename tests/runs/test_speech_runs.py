"""Runs of the recipes vocoder and speech: resumable bit for bit, and as different as their options."""

from __future__ import annotations

import os
import random
import shutil

import pytest
import torch

from poise.models.speech import AcousticModel
from poise.record import RunFolder
from poise.runs.rollback import Rollbacks
from poise.runs.run import Interrupted, Stop, run
from poise.training import checkpoint
from poise.training.checkpoint import all_checkpoints
from tests.evaluation.voices import (
    PLAYER,
    speech_spec,
)
from tests.runs.conftest import Stopping, assert_same, state
from tests.runs.speech_variants import TOWARDS, VARIANTS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "few"),
    [("vocos", 1), *(pytest.param(name, 99, marks=pytest.mark.slow) for name in VARIANTS)],
)
def test_resumed_equals_uninterrupted_bit_for_bit(wanted, unseen, tmp_path, name, few):
    """Stopped inside each stage and exactly where stages meet, or at the last of these places; continued each time by
    fresh games."""
    spec, ends = wanted(name)
    run(spec, tmp_path / "whole")
    moments = random.Random(name)
    within = [moments.randrange(first + 1, end) for first, end in zip((0, *ends), ends, strict=False)]
    for step in sorted({*within, *ends[:-1]})[-few:]:
        with pytest.raises(Interrupted):
            run(spec, tmp_path / "parts", Stopping(step, stop := Stop()), stop)
        assert all_checkpoints(tmp_path / "parts" / "checkpoints")[-1].name == f"step-{step:08d}"
    run(spec, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vocos", "joint, weight norm"])
def test_the_same_spec_is_the_same_run_and_another_seed_another(wanted, unseen, tmp_path, name):
    spec, _ = wanted(name)
    run(spec, tmp_path / "a")
    run(spec, tmp_path / "b")
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))
    run({**spec, "arguments": {**spec["arguments"], "seed": 1}}, tmp_path / "c")
    assert state(tmp_path / "c")[0] != state(tmp_path / "a")[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a child at once")
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before the checkpoint", "after the checkpoint", "after the stage has begun"])
@pytest.mark.parametrize("name", ["vocos", "joint, weight norm"])
def test_killed_where_stages_meet_it_ends_the_same(wanted, unseen, tmp_path, monkeypatch, name, moment):
    """The process dies at each boundary, three times differently; what is on the disk is enough."""
    spec, ends = wanted(name)
    run(spec, tmp_path / "whole")
    for end in ends[:-1]:
        if (child := os.fork()) == 0:
            try:
                dying(moment, end, tmp_path / "parts")
                run(spec, tmp_path / "parts")
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    run(spec, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


def dying(moment, end, folder):
    """Make this process end at this boundary."""
    import poise.runs.session as session

    if moment == "before the checkpoint":
        save = session.Session._save
        session.Session._save = lambda self, made, row: os._exit(9) if made == end else save(self, made, row)
        return
    begin = checkpoint.begin

    def ending(game, fresh, after):
        newest = checkpoint.latest(folder / "checkpoints")
        if checkpoint.step_of(newest) != end:
            return begin(game, fresh, after)
        if moment == "after the stage has begun":
            begin(game, fresh, after)
        os._exit(9)

    checkpoint.begin = ending


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "step", "back_to"),
    [
        (1, 4, 3),  # the first step of the adversarial stage: into the acoustic one
        (3 + 6, 10, 9),  # the first step of the vocoder's game: into the spectral stage
        (3 + 18 + 6 * 1, 13, 12),  # the first step of both together
    ],
)
def test_rolled_back_across_a_boundary_equals_a_run_from_that_checkpoint(
    syllables, unseen, tmp_path, monkeypatch, once, calls, step, back_to
):
    """Each learning rate is halved in all stages that follow; what rests is as it was."""
    original = Rollbacks.roll_back

    def roll_back(self, *arguments):
        remedy = original(self, *arguments)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        return remedy

    monkeypatch.setattr(Rollbacks, "roll_back", roll_back)
    spec = speech_spec(
        syllables, loss="once", on_divergence="rollback", joint_steps=3,
        vocoder={**PLAYER, "lr": 2e-4, "warm_lr": 1e-3, "penalties": [TOWARDS]},
    )  # fmt: skip
    once["left"] = calls
    run(spec, tmp_path / "a")
    (event,) = [e.details for e in RunFolder(tmp_path / "a").events() if e.event == "rolled back"]
    assert (event["step"], event["back_to"]) == (step, back_to)
    once["left"] = -1
    run(spec, tmp_path / "b")
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))
    last = torch.load(checkpoint.latest(tmp_path / "a" / "checkpoints") / "resume.pt", weights_only=True)
    assert last["parts"]["vocoder.optim"]["param_groups"][0]["lr"] == pytest.approx(1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vocos", "sentences"])
def test_strengths_of_zero_are_no_penalties_bit_for_bit(wanted, unseen, tmp_path, name):
    """L2 left out, and L2 that is there with strength 0."""
    spec, _ = wanted(name)
    own = [
        key for key in spec["arguments"] if key in ("generator", "discriminator", "vocoder", "vocoder_discriminator")
    ]
    none = {"penalties": [{"class_path": "L2", "init_args": {"strength": 0.0, "name": "nothing"}}]}
    off = {f"l2_{key}": 0 for key in own}
    plain = {**spec, "arguments": {**spec["arguments"], **off}}
    twice = {**spec, "arguments": {**plain["arguments"], **{key: {**spec["arguments"][key], **none} for key in own}}}
    run(plain, tmp_path / "a")
    run(twice, tmp_path / "b")
    run(spec, tmp_path / "c")
    assert state(tmp_path / "a")[1] == state(tmp_path / "b")[1] != state(tmp_path / "c")[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vocos", "syllables", "sentences"])
def test_pieces_of_a_batch_are_the_batch(wanted, unseen, tmp_path, monkeypatch, name):
    """To rounding: two moves with small steps of Adam, the noise of both runs being the same."""
    monkeypatch.setattr(AcousticModel, "noise", lambda self, n: torch.full((n, self.noise_size), 0.3))
    spec, _ = wanted(name)
    short = {"warm_steps": 1, "steps": 1, "vocoder_warm_steps": 1, "vocoder_steps": 1, "joint_steps": 1}
    records = []
    for pieces in (1, 4):
        arguments = {**spec["arguments"], **{k: v for k, v in short.items() if k in spec["arguments"]}}
        run({**spec, "arguments": {**arguments, "micro_batches": pieces}}, tmp_path / str(pieces))
        records.append(RunFolder(tmp_path / str(pieces)).rows())
    assert len(records[0]) == len(records[1]) >= 2
    for one, other in zip(*records, strict=True):
        assert one.keys() == other.keys()
        numbers = {key: value for key, value in one.items() if key.rpartition("/")[2] in NUMBERS}
        assert numbers and numbers == pytest.approx({key: other[key] for key in numbers}, rel=2e-3, abs=2e-4)


NUMBERS = ("mel", "stft", "adversarial", "features", "duration", "units", "grad_norm")
