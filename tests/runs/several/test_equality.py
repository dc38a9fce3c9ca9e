"""One training by two processes is that by one: recipes, stages, rollbacks, other numbers of processes."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest
import torch

from poise.cli import main
from poise.disk.rows import LoggedEvent
from poise.record import RunFolder
from poise.runs.ending import trained_by
from poise.runs.place import folder_of
from poise.runs.run import Interrupted, run
from poise.specs.sources import trust_all
from poise.specs.spec import completed, instantiated, kind_of
from poise.training.checkpoint import latest
from poise.training.loop import train
from poise.training.torchrun import joined, world
from tests.evaluation.voices import vocoder_spec, write_syllables
from tests.runs.several.processes import (
    MARKS,
    PLAIN,
    R1_AND_MORE,
    D,
    apart,
    asked_of,
    by_two,
    command,
    numbers,
    said,
    stopped_at,
    whole_run,
)

pytestmark = MARKS


OWN = "tests.runs.several.own"
IN_SINGLE = ("one's own",)  # apart by a rounding of single precision, 3e-8, somewhere on the way
GAMES = {
    "everything": ("images", {**PLAIN, "discriminator": D | R1_AND_MORE, "l2_discriminator": "cosine:1e-2:1e-4",
                              "micro_batches": 2, "batch": 9}),
    "by class": ("images", {**PLAIN, "discriminator": D, "conditional": True, "network": "residual",
                            "loss": "relativistic", "flip": True}),
    "steered": ("images", {**PLAIN, "discriminator": D, "network": "modern", "augment_probability": "steered",
                           "loss": "wasserstein"}),
    "one's own": ("images", {"network": f"{OWN}.Plain", "loss": "hinge", "batch": 7, "discriminator": {
        "penalties": [{"class_path": f"{OWN}.Between"}, {"class_path": f"{OWN}.Level", "init_args": {"shape": "each"}}]
    }}),
    "scheduled": ("images", {**PLAIN, "discriminator": D, "augment_probability": "linear:0:1", "batch": 5}),
    "one generated batch": ("images", {**PLAIN, "discriminator": D | R1_AND_MORE | {"turns": 1}, "batch": 7,
                                       "reuse_generated": True, "micro_batches": 2, "conditional": True,
                                       "network": "residual"}),
    "vae": ("vae", {"autoencoder": {"width": 2, "norm": "none"}}),
    "vae_gan": ("vae", {"autoencoder": {"width": 2, "norm": "none"}, "objective": "vae_gan", "discriminator": D,
                        "features": 0.0}),  # feature matching is computed in single precision
    "rae": ("vae", {"autoencoder": {"width": 2, "norm": "none"}, "objective": "rae"}),
}  # fmt: skip


def weights_after(recipe: str, arguments: dict, steps: int, kept: Path, ranks=None) -> int:
    """Train every stage of a recipe in the default precision; the weights and the rows of the first process."""
    trust_all(recipe, arguments)
    _, whole = folder_of(recipe, completed(recipe, arguments), "unused")
    made = kind_of(recipe).build(**instantiated(recipe, whole))
    rows = []
    if ranks is not None:
        made.execution.ranks = ranks
    for stage in made.stages:

        def wide(draw, stream=stage.stream):
            batch = stream(draw)
            return batch._replace(real=batch.real.to(torch.get_default_dtype()))

        def watch(step, row):
            rows.append({name: float(value) for name, value in row.items()})

        train(stage.game, wide, steps, 3, stage.dials, watch, made.execution, detail_every=7)
    if ranks is None or ranks.first:
        nets = {p.name: p.module.state_dict() for stage in made.stages for p in stage.game.players}
        found = {f"{name}/{key}": value for name, net in nets.items() for key, value in net.items()}
        found |= {f"{i}/{name}": value for i, row in enumerate(rows) for name, value in row.items()}
        torch.save(found, kept)
    return 0


def shared_weights(*asked) -> int:
    return weights_after(*asked, ranks=joined(world()))


def one_and_two(recipe, arguments, steps, folder) -> float:
    """How far the training by two processes is from that by one."""
    weights_after(recipe, arguments, steps, folder / "one")
    assert by_two(partial(shared_weights, recipe, arguments, steps, folder / "two"), folder) == [0, 0], said(folder, 0)
    return apart(torch.load(folder / "one"), torch.load(folder / "two"))


@pytest.mark.parametrize("name", GAMES)
def test_two_processes_are_one_in_double_precision(name, pictures, tmp_path, double):
    recipe, changes = GAMES[name]
    sizes = {"steps": 50, "batch": 8, "scores": 0, "precision": "fp32", "device": "cpu", "checkpoint_every": None}
    arguments = {"data": pictures, **sizes, **changes}
    near = 1e-6 if name in IN_SINGLE else 1e-10
    assert one_and_two(recipe, arguments, 50, tmp_path) < near


def test_a_vocoder_by_two_is_that_by_one_as_far_as_single_precision_goes(tmp_path):
    """Its spectra are single precision always; both of its stages."""
    asked = vocoder_spec(write_syllables(tmp_path / "voices"), batch=5)
    assert one_and_two(asked["recipe"], asked["arguments"], 4, tmp_path) < 1e-3


def test_stages_follow_each_other_and_a_run_gets_longer_by_two(tmp_path, monkeypatch):
    """A vocoder through both of its stages, and three steps more."""
    monkeypatch.chdir(tmp_path)
    asked = vocoder_spec(write_syllables(tmp_path / "voices"))
    run(asked, tmp_path / "one")
    assert main(["resume", "one", "--steps", "3", "--quiet"]) == 0
    assert by_two(lambda: whole_run(asked, tmp_path / "two"), tmp_path) == [0, 0], said(tmp_path, 0)
    assert command("resume", "two", "--steps", "3", "--quiet", folder=tmp_path) == [0, 0], said(tmp_path, 0)
    rows = [RunFolder(tmp_path / name).rows() for name in ("one", "two")]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    for name in ("generator/mel", "generator/stft"):
        assert any(name in row for row in rows[0])
        assert [row.get(name) for row in rows[0]] == pytest.approx([row.get(name) for row in rows[1]], rel=1e-4)
    assert latest(tmp_path / "two" / "checkpoints").name == latest(tmp_path / "one" / "checkpoints").name


def test_two_one_and_two_processes_are_one_run(whole, pictures, tmp_path, double):
    """Stopped by two, gone on with by one and then by two again: record, weights and optimisers are those of one."""
    asked, out = asked_of(pictures), tmp_path / "run"
    assert by_two(lambda: whole_run(asked, out, *stopped_at(7)), tmp_path) == [130, 2]
    with pytest.raises(Interrupted):
        run(asked, out, *stopped_at(16))
    assert by_two(lambda: whole_run(asked, out), tmp_path) == [0, 0]
    assert said(tmp_path, 0) == said(tmp_path, 1) == []
    assert apart(numbers(whole), numbers(out)) < 1e-10
    assert (out / "spec.json").read_bytes() == (whole / "spec.json").read_bytes(), "no trace of processes in the spec"
    report = json.loads((out / "report.json").read_text())
    told = "Processes that trained the run together: 2 from step 0 on, 1 from step 7 on, 2 from step 16 on."
    assert told in report["sentences"]
    assert "trained by 2 processes: each computes 4 or 5 of the 9 items of a batch" in report["notes"]
    plain = json.loads((whole / "report.json").read_text())
    assert not [line for line in [*plain["sentences"], *plain["notes"]] if "processes" in line.lower()]
    assert "processes" not in (whole / "events.jsonl").read_text()
    stamp = (out / "report.json").stat().st_mtime_ns
    assert by_two(lambda: whole_run(asked, out), tmp_path) == [0, 0], "it is done: nothing is told to anybody"
    assert (out / "report.json").stat().st_mtime_ns == stamp


def test_a_divergence_is_rolled_back_by_all_as_by_one(pictures, tmp_path, double, once):
    """The loss of the discriminator is infinite once, at a draw that every process counts alike."""
    asked = asked_of(pictures, loss="once", on_divergence="rollback", scores=0)
    asked["arguments"]["discriminator"] = dict(D)
    once["left"] = 13
    run(asked, tmp_path / "one")
    once["left"] = 13

    def work():
        once["left"] += 3 * (
            os.environ["RANK"] == "0"
        )  # calls of the first process, which tries a batch and its pieces
        return whole_run(asked, tmp_path / "two")

    assert by_two(work, tmp_path) == [0, 0], said(tmp_path, 0)
    events = [event.event for event in RunFolder(tmp_path / "two").events()]
    assert events == [event.event for event in RunFolder(tmp_path / "one").events()] and "rolled back" in events
    assert apart(numbers(tmp_path / "one"), numbers(tmp_path / "two")) < 1e-10


def test_how_many_processes_trained_which_steps():
    def event(what, step, **more):
        return LoggedEvent(what, "", {"step": step, **more})

    assert trained_by([]) == trained_by([event("started", 0), event("goes on", 5), event("finished", 9)]) == []
    told = trained_by([
        event("started", 0, processes=2), event("goes on", 8), event("goes on", 4, processes=4), event("finished", 9)
    ])  # fmt: skip
    assert told == ["Processes that trained the run together: 2 from step 0 on, 4 from step 4 on."], "8 was forgotten"
