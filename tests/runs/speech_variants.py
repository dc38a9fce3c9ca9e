"""Recordings and runs of the recipes vocoder and speech, as fixtures."""

from __future__ import annotations

import pytest

from poise.runs.run import run
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

R1 = {"class_path": "R1", "init_args": {"gamma": 0.1, "every": 2}}
TOWARDS = {"class_path": "L2Towards", "init_args": {"reference": "average", "strength": 0.01}}
ENDS = {"vocoder": (WARM, WARM + GAME), "speech": (4, 7, 10, 13), "joint": (4, 7, 10, 13, 16), "borrowed": (4, 7)}


@pytest.fixture(scope="session")
def syllables(tmp_path_factory):
    return str(write_syllables(tmp_path_factory.mktemp("syllables") / "voices"))


@pytest.fixture(scope="session")
def spoken_sentences(tmp_path_factory):
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
            "sentences": lambda: sentences_spec(request.getfixturevalue("spoken_sentences"), **changes),
            "borrowed": lambda: speech_spec(syllables, speak_with=request.getfixturevalue("finished"), **changes),
        }[kind]()
        return made, ENDS["joint" if kind == "sentences" else kind]

    return spec
