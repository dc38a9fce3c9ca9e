"""What runs of the recipes vocoder and speech leave, and that their stages are those that were asked for."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import run
from poise.runs.write import sample_to
from poise.specs.spec import completed, instantiated, kind_of
from poise.training import checkpoint
from poise.training.checkpoint import all_checkpoints
from tests.evaluation.voices import (
    GAME,
    WARM,
    speech_spec,
    vocoder_spec,
)
from tests.runs.speech_variants import ENDS


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
    assert sample_to(Run(folder), 2, 0, str(out), {}) == [f"{out}: 2 clips and index.html, drawn by a"]
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
