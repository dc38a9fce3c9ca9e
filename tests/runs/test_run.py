"""A run through the one door: complete, resumable bit for bit, and whole after kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import time

import numpy as np
import pytest
import torch

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.report import RunReport
from poise.runs.run import Interrupted, Stop, run
from poise.training.checkpoint import all_checkpoints
from tests.runs.conftest import TINY, Stopping, assert_same, spec, state

R1_AND_MORE = {
    "discriminator": {
        **TINY,
        "spectral": True,
        "penalties": [
            {"class_path": "R1", "init_args": {"gamma": 0.1, "every": 3}},
            {"class_path": "L2Towards", "init_args": {"reference": "average", "strength": 0.01}},
            {"class_path": "LeCam", "init_args": {"strength": 0.1}},
        ],
        "turns": 2,
        "clip": 1.0,
    },
    "l2_generator": "cosine:1e-2:1e-4",
    "micro_batches": 2,
}
VARIANTS = {
    "plain": {},
    "everything": R1_AND_MORE,
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "conditional": {"conditional": True, "flip": True, "augment": "color,translation,cutout"},
    "residual": {"network": "residual", "loss": "relativistic"},
    "steered": {"augment_probability": "steered", "network": "modern", "ema_half_life": 50},
    "scheduled augmentation": {"augment": "color,cutout", "augment_probability": "linear:0:0.5"},
}


@pytest.mark.slow
def test_a_run_leaves_what_it_promises(pictures, tmp_path):
    report = run(spec(pictures, scores=2, score_samples=20), tmp_path / "a")
    folder = RunFolder(tmp_path / "a")
    assert folder.done
    assert {p.name for p in folder.path.iterdir()} >= {
        "spec.json", "record.jsonl", "samples", "checkpoints", "report.json", "DONE", "events.jsonl"
    }  # fmt: skip
    assert [c.name for c in all_checkpoints(folder.checkpoints)][-2:] == ["step-00000020", "step-00000024"]
    assert list(folder.samples.glob("*.png"))
    rows = folder.rows()
    assert [row["step"] for row in rows if "generator/adversarial" in row] == [0, 4, 8, 12, 16, 20]
    for player in ("generator", "discriminator"):
        for what in ("adversarial", "grad_norm", "l2.strength", "l2.value", "l2.share", "l2.spent", "norm"):
            assert f"{player}/{what}" in rows[0]
        assert report.penalties[f"{player}/l2"].strength_first == (3e-3 if player == "generator" else 1e-4)
    assert {"discriminator/on_training", "discriminator/on_heldout", "discriminator/on_generated"} <= set(rows[0])
    assert [entry["step"] for entry in report.scores] == [1, 24]
    assert len(report.sentences) == 2
    assert report == RunReport.of(folder)
    assert json.loads((folder.path / "spec.json").read_text())["facts"]["size"] == 16


@pytest.mark.slow
def test_the_same_spec_is_the_same_run(pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("POISE_RUNS", str(tmp_path))
    first = run(spec(pictures))
    stamp = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert run(spec(pictures)) == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == stamp
    run(spec(pictures, seed=1))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_by_default_no_penalty_is_on_and_the_run_says_so(pictures, tmp_path):
    wanted = spec(pictures, steps=2)
    del wanted["arguments"]["l2_generator"], wanted["arguments"]["l2_discriminator"]
    report = run(wanted, tmp_path / "a")
    assert [line for line in report.notes if "no penalty is on, which is the default" in line]
    assert [line for line in report.sentences if "was off" in line] == report.sentences
    for name, value in (("l2_generator", 1e-4), ("l2_discriminator", "cosine:1e-3:1e-5")):
        quiet = run({**wanted, "arguments": wanted["arguments"] | {name: value}}, tmp_path / name)
        assert not [line for line in quiet.notes if "no penalty" in line]


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_resumed_equals_uninterrupted_bit_for_bit(pictures, tmp_path, name):
    """Stopped after a random step and continued by a fresh game: record, weights, optimiser and average are equal."""
    changes = VARIANTS[name]
    run(spec(pictures, **changes), tmp_path / "whole")
    step = random.Random(name).randrange(2, 23)
    with pytest.raises(Interrupted):
        run(spec(pictures, **changes), tmp_path / "parts", Stopping(step, stop := Stop()), stop)
    assert not (tmp_path / "parts" / "DONE").exists()
    run(spec(pictures, **changes), tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a child at once")
@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_still_ends_the_same(pictures, tmp_path):
    """kill -9 of the training process: what is on the disk is always a whole checkpoint or none."""
    settings = R1_AND_MORE | {"steps": 60, "checkpoint_every": 3, "sample_every": 7, "scores": 2, "score_samples": 8}
    whole = spec(pictures, **settings)
    run(whole, tmp_path / "whole")
    moments = random.Random(1)
    kills = 0
    while not (tmp_path / "parts" / "DONE").exists():
        child = os.fork()
        if child == 0:
            try:
                run(whole, tmp_path / "parts")
            finally:
                os._exit(0)
        if kills < 20:
            time.sleep(moments.uniform(0.02, 0.35))
            os.kill(child, signal.SIGKILL)
            kills += 1
        os.waitpid(child, 0)
        if kills < 20 and (tmp_path / "parts" / "DONE").exists():
            (tmp_path / "parts" / "DONE").unlink()  # finished too soon: go on killing from the last checkpoint but one
            for checkpoint in all_checkpoints(tmp_path / "parts" / "checkpoints")[1:]:
                for file in checkpoint.iterdir():
                    file.unlink()
                checkpoint.rmdir()
    assert kills == 20
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    assert not list((tmp_path / "parts").rglob("*.tmp"))


def test_a_run_that_diverges_says_where_and_keeps_the_last_good_checkpoint(pictures, tmp_path):
    explode = {"generator": {**TINY, "lr": 1e30}, "loss": "wasserstein", "discriminator": {**TINY, "lr": 1e30}}
    with pytest.raises(PoiseError, match=r"step \d+: (generator|discriminator)/\w+ became (nan|inf|-inf)") as caught:
        run(spec(pictures, **explode, checkpoint_every=1), tmp_path / "a")
    assert "checkpoint" in str(caught.value)
    for checkpoint in all_checkpoints(tmp_path / "a" / "checkpoints"):
        for file in checkpoint.glob("*.safetensors"):
            import safetensors.torch

            assert all(torch.isfinite(t).all() for t in safetensors.torch.load_file(file).values())
    assert RunFolder(tmp_path / "a").state().startswith("diverged")


@pytest.mark.slow
def test_a_strength_that_does_nothing_is_said_to(pictures, tmp_path):
    report = run(spec(pictures, l2_generator=1e-14, l2_discriminator=0.01), tmp_path / "a")
    by_player = {("generator" if "generator" in line else "discriminator"): line for line in report.sentences}
    assert "did nothing" in by_player["generator"]
    assert " acted" in by_player["discriminator"]


@pytest.mark.slow
def test_changed_data_and_foreign_folders_are_refused(pictures, tmp_path):
    with pytest.raises(Interrupted):
        run(spec(pictures), tmp_path / "a", Stopping(5, stop := Stop()), stop)
    with pytest.raises(PoiseError, match="other arguments"):
        run(spec(pictures, seed=5), tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("dear")
    with pytest.raises(PoiseError, match="not a run folder"):
        run(spec(pictures), tmp_path / "b")
    changed = tmp_path / "changing.npz"
    arrays = np.load(pictures)
    np.savez(changed, **arrays)
    with pytest.raises(Interrupted):
        run(spec(str(changed)), tmp_path / "c", Stopping(5, stop := Stop()), stop)
    np.savez(changed, images=arrays["images"][::-1], labels=arrays["labels"])
    with pytest.raises(PoiseError, match="has changed since"):
        run(spec(str(changed)), tmp_path / "c")


@pytest.mark.slow
def test_two_processes_cannot_train_one_run(pictures, tmp_path):
    with pytest.raises(Interrupted):
        run(spec(pictures), tmp_path / "a", Stopping(5, stop := Stop()), stop)
    with RunFolder(tmp_path / "a").locked(), pytest.raises(PoiseError, match="another process"):
        run(spec(pictures), tmp_path / "a")


@pytest.mark.slow
def test_the_best_checkpoint_is_kept(pictures, tmp_path):
    report = run(spec(pictures, steps=40, scores=4, score_samples=20), tmp_path / "a")
    kept = {int(c.name[5:]) for c in all_checkpoints(tmp_path / "a" / "checkpoints")}
    assert report.best.step in kept
    assert report.best.value == min(entry[report.best.score] for entry in report.scores)
