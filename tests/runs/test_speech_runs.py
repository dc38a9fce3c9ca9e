"""Runs of the recipes vocoder and speech: complete, resumable bit for bit, and as different as their options."""

from __future__ import annotations

import json
import os
import random
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from poise.models.speech import AcousticModel
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.rollback import Rollbacks
from poise.runs.run import Interrupted, Stop, run
from poise.runs.write import sample_to
from poise.specs.spec import completed, instantiated, kind_of
from poise.training import checkpoint
from poise.training.checkpoint import all_checkpoints
from tests.evaluation.voices import (
    GAME,
    PLAYER,
    WARM,
    D,
    sentences_spec,
    speech_spec,
    vocoder_spec,
    write_sentences,
    write_syllables,
)
from tests.runs.conftest import Stopping, assert_same, state

R1 = {"class_path": "R1", "init_args": {"gamma": 0.1, "every": 2}}
TOWARDS = {"class_path": "L2Towards", "init_args": {"reference": "average", "strength": 0.01}}
ENDS = {"vocoder": (WARM, WARM + GAME), "speech": (4, 7, 10, 13), "joint": (4, 7, 10, 13, 16), "borrowed": (4, 7)}


@pytest.fixture(scope="session")
def syllables(tmp_path_factory):
    return str(write_syllables(tmp_path_factory.mktemp("syllables") / "voices"))


@pytest.fixture(scope="session")
def sentences(tmp_path_factory):
    return str(write_sentences(tmp_path_factory.mktemp("sentences") / "words"))


@pytest.fixture(scope="session")
def finished(syllables, tmp_path_factory):
    """A finished run of a vocoder under weight norm."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("poise.recipes.vocoder.sounds.show", lambda rows, mel, stem, page: stem)
        run(vocoder_spec(syllables, generator={**PLAYER, "norm": "weight"}), out)
    return str(out)


@pytest.fixture
def unseen(monkeypatch):
    """No pictures and sounds, which take longer than everything else."""
    monkeypatch.setattr("poise.recipes.vocoder.sounds.show", lambda rows, mel, stem, page: stem)


HIFIGAN = {"network": "hifigan", "generator": {**PLAYER, "norm": "weight", "penalties": [TOWARDS]}}
VARIANTS = {
    "vocos": ("vocoder", {}),
    "hifigan, weight norm, R1": ("vocoder", {
        **HIFIGAN, "discriminator": {**D, "norm": "spectral", "penalties": [R1, TOWARDS], "turns": 2},
        "loss": "least_squares", "l2_generator": "cosine:1e-2:1e-4", "mel": "linear:1:3", "critic": "period",
        "micro_batches": 2,
    }),
    "bf16": ("vocoder", {"precision": "bf16", "critic": "resolution"}),
    "syllables": ("speech", {}),
    "joint, weight norm": ("joint", {
        "joint_steps": 3, "discriminator": {**D, "norm": "weight", "penalties": [R1, TOWARDS]},
        "generator": {**PLAYER, "noise": 2, "penalties": [TOWARDS]}, "vocoder": {**PLAYER, "penalties": [TOWARDS]},
        "vocoder_network": "hifigan", "loss": "relativistic", "micro_batches": 2, "features": "linear:1:3",
    }),
    "sentences": ("sentences", {"joint_steps": 3}),
    "sentences, bf16": ("sentences", {"joint_steps": 3, "precision": "bf16", "micro_batches": 2}),
    "sentences, fp16": ("sentences", {"joint_steps": 3, "precision": "fp16", "critic": "projection"}),
    "borrowed": ("borrowed", {}),
}  # fmt: skip


@pytest.fixture
def wanted(request, syllables):
    """Name of a variant -> its spec, and the ends of its stages."""

    def spec(name):
        kind, changes = VARIANTS[name]
        made = {
            "vocoder": lambda: vocoder_spec(syllables, **changes),
            "speech": lambda: speech_spec(syllables, **changes),
            "joint": lambda: speech_spec(syllables, **changes),
            "sentences": lambda: sentences_spec(request.getfixturevalue("sentences"), **changes),
            "borrowed": lambda: speech_spec(syllables, speak_with=request.getfixturevalue("finished"), **changes),
        }[kind]()
        return made, ENDS["joint" if kind == "sentences" else kind]

    return spec


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


@pytest.mark.slow
def test_a_vocoder_run_leaves_what_it_promises(syllables, tmp_path):
    run(vocoder_spec(syllables, labels="{voice}/{text}"), tmp_path / "a")
    folder = RunFolder(tmp_path / "a")
    assert folder.done
    rows = folder.rows()

    def steps(key):
        return [row["step"] for row in rows if key in row]

    assert steps("generator/mel") == steps("generator/stft") == [0, 2, 4, 6, 8]
    assert steps("generator/adversarial") == steps("generator/features") == steps("discriminator/l2.share") == [4, 6, 8]
    assert steps("generator/distance_gap") == steps("discriminator/auc_heldout") == [4]
    assert steps("generator/lr") == [0, 2, 4, 6, 8] and steps("discriminator/lr") == [4, 6, 8]
    facts = folder.spec().facts
    assert facts["stages"] == [["spectral", WARM], ["adversarial", GAME]] and facts["mel"]["hop"] == 16
    names = {path.name for path in folder.samples.iterdir()}
    ends = [f"{WARM:08d}", f"{WARM + GAME:08d}"]
    assert names == {*ends, *(f"{end}.png" for end in ends), "index.html"}
    heard = sorted(path.name for path in (folder.samples / ends[0]).glob("*.wav"))
    assert heard[:2] == ["000-generated.wav", "000-real.wav"] and len(heard) % 2 == 0
    out = tmp_path / "more"
    assert sample_to(Run(folder), 2, 0, str(out), {}) == [f"{out}: 2 clips and index.html of a"]
    assert len(list(out.glob("*.wav"))) == 2 and len(json.loads((out / "texts.json").read_text())) == 2
    assert Run(folder).generator.trained == WARM + GAME


@pytest.mark.slow
def test_a_speech_run_leaves_what_it_promises(syllables, unseen, tmp_path):
    """Every checkpoint has all weights, of those who rest too; what rests does not move."""
    run(speech_spec(syllables, checkpoint_every=100, joint_steps=3), tmp_path / "a")
    folder = RunFolder(tmp_path / "a")
    rows, ends = folder.rows(), ENDS["joint"]

    def steps(key):
        return [row["step"] for row in rows if key in row]

    assert steps("generator/mel") == steps("generator/duration") == [0, 2, 4, 6, 13, 15]
    assert steps("discriminator/adversarial") == [4, 6]
    assert steps("vocoder/stft") == [7, 9, 10, 12, 13, 15]
    assert steps("vocoder_discriminator/adversarial") == [10, 12, 13, 15]
    assert steps("generator/features") == [4, 6, 13, 15]
    assert not steps("generator/units")
    assert steps("discriminator/auc_training") == [4, 10]
    assert [name for name, _ in folder.spec().facts["stages"]] == [
        "acoustic", "adversarial", "spectral", "vocoder", "joint"
    ]  # fmt: skip
    weights = {}
    for path in all_checkpoints(folder.checkpoints):
        files = {file.stem: file.read_bytes() for file in path.glob("*.safetensors")}
        assert set(files) == {
            "generator", "generator.ema", "discriminator", "vocoder", "vocoder.ema", "vocoder_discriminator"
        }  # fmt: skip
        weights[checkpoint.step_of(path)] = files
    assert set(ends) == set(weights)
    moving = {
        4: {"generator", "generator.ema"}, 7: {"generator", "generator.ema", "discriminator"},
        10: {"vocoder", "vocoder.ema"}, 13: {"vocoder", "vocoder.ema", "vocoder_discriminator"},
        16: {"generator", "generator.ema", "vocoder", "vocoder.ema", "vocoder_discriminator"},
    }  # fmt: skip
    for first, end in pairwise(ends):
        changed = {name for name in weights[end] if weights[first][name] != weights[end][name]}
        assert changed == moving[end], end
    assert Run(folder, "4").generator.vocoder.trained == 0
    assert Run(folder).generator.vocoder.trained == 3 + 3 + 3, "on its own turns"


@pytest.mark.slow
def test_stages_are_built_as_asked(syllables):
    """No two stages have the same order of data; scores come at the end of each, monitors where there is a game."""
    for spec, ends, watched in (
        (speech_spec(syllables, joint_steps=3, scores=2), ENDS["joint"], {"adversarial", "vocoder"}),
        (vocoder_spec(syllables, labels="{voice}/{text}", scores=2), ENDS["vocoder"], {"adversarial"}),
    ):
        asked = completed(spec["recipe"], spec["arguments"])
        built = kind_of(spec["recipe"]).build(**instantiated(spec["recipe"], asked))
        assert set(ends) <= set(built.cadence.scores) and built.cadence.scores[-1] == ends[-1]
        assert {stage.name for stage in built.stages if stage.monitor} == watched
        drawn = {stage.name: stage.stream(0).real.flatten(1)[:, :80] for stage in built.stages}
        pairs = [("acoustic", "adversarial"), ("spectral", "vocoder"), ("spectral", "adversarial")]
        for one, other in pairs if spec["recipe"] == "speech" else pairs[2:]:
            assert drawn[one].shape != drawn[other].shape or not torch.equal(drawn[one], drawn[other])


@pytest.mark.slow
def test_a_borrowed_vocoder_is_the_same_at_the_end(wanted, finished, unseen, tmp_path):
    spec, _ = wanted("borrowed")
    run(spec, tmp_path / "a")
    ours = torch.cat([p.flatten() for p in Run(RunFolder(tmp_path / "a")).generator.vocoder.parameters()])
    lent = torch.cat([p.flatten() for p in Run(RunFolder(Path(finished))).generator.parameters()])
    assert torch.equal(ours, lent)


@pytest.mark.slow
def test_scores_are_of_pairs(syllables, tmp_path, unseen):
    """Held-out recordings beside what is made of them, after each stage."""
    report = run(vocoder_spec(syllables, scores=1, score_samples=4), tmp_path / "a")
    assert [entry["step"] for entry in report.scores] == [WARM, WARM + GAME]
    assert {"log-mel L1", "log-mel L1.low", "MCD", "MR-STFT"} <= set(report.scores[-1])
    assert report.best.score == "log-mel L1"
    report = run(speech_spec(syllables, scores=1, score_samples=4), tmp_path / "b")
    assert [entry["step"] for entry in report.scores] == list(ENDS["speech"])
    assert report.best.score == "MCD"
