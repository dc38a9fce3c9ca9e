"""A run of the recipe language: complete, resumable bit for bit with the state that it carries, and exactly scored."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
import torch

from poise.data.text.corpus import open_corpus
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import Interrupted, Stop, run
from poise.runs.write import sample_to
from poise.training.checkpoint import all_checkpoints
from tests.evaluation.texts import MODEL, PLAYER, language_spec
from tests.runs.conftest import Stopping, assert_same, needs_bf16, state, variants

DROPS = {
    "dropout_embedding": 0.1,
    "dropout_input": 0.2,
    "dropout_hidden": 0.2,
    "dropout_output": 0.3,
    "weight_drop": 0.3,
}
EVERYTHING = {
    "model": {
        **PLAYER, "cell": "gru", "layers": 2, "tied": False, **DROPS,
        "penalties": [{"class_path": "L2Towards", "init_args": {"reference": "average", "strength": 0.01}}],
    },
    "ar": "linear:2:1", "tar": 1.0, "l2_recurrent": "cosine:1e-2:1e-4", "l2_output": 1e-3, "l2_embedding": 1e-3,
}  # fmt: skip
VARIANTS = {
    "tied lstm": {"l2_recurrent": 1e-3},
    "gru, all dropouts, AR, TAR, weight drop": EVERYTHING,
    "lstm, all of it": {**EVERYTHING, "model": {**EVERYTHING["model"], "cell": "lstm"}, "units": "character"},
    "bf16": {**EVERYTHING, "model": {**MODEL, **DROPS}, "l2_output": 0, "precision": "bf16"},
    "no average": {"ema": 0.0, "heldout": 0.0},
}
FAST = ("gru, all dropouts, AR, TAR, weight drop",)


@pytest.mark.slow
def test_a_run_leaves_what_it_promises(grammar, tmp_path):
    report = run(language_spec(grammar, scores=3, **EVERYTHING), tmp_path / "a")
    folder = RunFolder(tmp_path / "a")
    assert folder.done
    rows = folder.rows()
    assert [row["step"] for row in rows if "model/nll" in row] == [0, 3, 6, 9, 12, 15]
    names = ("l2_recurrent", "l2_output", "l2_embedding", "ar", "tar", "l2_towards")
    assert all(f"model/{name}.share" in rows[0] and f"model/{name}.strength" in rows[0] for name in names)
    assert [rows[i]["model/ar.strength"] for i in (0, -2)] == pytest.approx([2.0, 2 - 15 / 18])
    assert {"model/nll_training", "model/nll_heldout", "model/nll_gap"} <= set(rows[0])
    assert [entry["step"] for entry in report.scores] == [1, 9, 18]
    assert report.best.score == "perplexity"
    assert len(report.penalties) == 6
    out = tmp_path / "more.jsonl"
    said = sample_to(Run(folder), 3, 0, str(out), {"start": "the"})
    assert said[0] == f"{out}: 3 sentences, drawn by a" and len(said) == 4


@pytest.mark.slow
def test_the_score_is_the_perplexity_of_the_heldout_text(grammar, tmp_path):
    """By hand: the averaged network reads all held-out sentences one unit at a time, each with its end."""
    report = run(language_spec(grammar, scores=1, units="character"), tmp_path / "a")
    loaded = Run(RunFolder(tmp_path / "a"))
    net, spec = loaded.generator, loaded.spec
    corpus = open_corpus(grammar, units="character", vocabulary=5000, heldout=0.1, unknown="keep")
    text = [i for row in corpus.heldout for i in [*corpus.of(row).tolist(), 0]]
    total, carried = 0.0, net.begin(1)
    with torch.no_grad():
        for unit, following in pairwise(text):
            logits, carried = net.step(torch.tensor([unit]), carried)
            total -= logits.double().log_softmax(1)[0, following].item()
    found = report.scores[-1]
    assert found["NLL"] == pytest.approx(total / (len(text) - 1), rel=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(total / (len(text) - 1)), rel=1e-5)
    characters = sum(len(corpus.sentences[row]) + 1 for row in corpus.heldout)
    assert found["bits per character"] == pytest.approx(total / math.log(2) / characters, rel=1e-5)
    assert spec.facts["fingerprint"] == corpus.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("name", variants(VARIANTS, FAST))
def test_resumed_equals_uninterrupted_bit_for_bit(grammar, tmp_path, name):
    """Stopped twice, within a reading of the text: weights, optimiser, record and the carried state."""
    changes = VARIANTS[name]
    run(language_spec(grammar, **changes), tmp_path / "whole")
    moments = random.Random(name)
    for step in sorted({moments.randrange(2, 9), moments.randrange(9, 17)}):
        with pytest.raises(Interrupted):
            run(language_spec(grammar, **changes), tmp_path / "parts", Stopping(step, stop := Stop()), stop)
    run(language_spec(grammar, **changes), tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    carried = state(tmp_path / "whole")[2]["parts"]["model.carried"]
    assert carried and all(part.shape[0] == 4 and part.any() for part in carried.values())


@pytest.mark.slow
def test_without_the_carried_state_a_resumed_run_would_differ(grammar, tmp_path, monkeypatch):
    """So the test above can fail."""
    run(language_spec(grammar), tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(language_spec(grammar), tmp_path / "parts", Stopping(7, stop := Stop()), stop)
    monkeypatch.setattr("poise.games.likelihood.Carried.load_state_dict", lambda self, state: None)
    run(language_spec(grammar), tmp_path / "parts")
    assert state(tmp_path / "whole")[0] != state(tmp_path / "parts")[0]


@pytest.mark.slow
def test_strengths_of_zero_are_no_penalties_bit_for_bit(grammar, tmp_path):
    none = [{"class_path": kind, "init_args": {"strength": 0.0}} for kind in ("L2", "L2Rows", "AR", "TAR")]
    run(language_spec(grammar, l2_recurrent=0), tmp_path / "a")
    run(language_spec(grammar, l2_recurrent=0, model={**MODEL, "penalties": none}), tmp_path / "b")
    assert state(tmp_path / "a")[1] == state(tmp_path / "b")[1]


@pytest.mark.slow
def test_the_same_spec_is_the_same_run_and_seeds_differ(grammar, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(language_spec(grammar, seed=seed), tmp_path / name)
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))
    assert state(tmp_path / "a")[1] != state(tmp_path / "c")[1]


@pytest.mark.slow
def test_shares_are_recorded_without_changing_the_run(grammar, tmp_path):
    """Rows every step, or one at the beginning alone: the weights are equal to the last bit."""
    for every in (1, 1000):
        run(language_spec(grammar, **{**EVERYTHING, "log_every": every}), tmp_path / str(every))
    assert state(tmp_path / "1")[1] == state(tmp_path / "1000")[1]


@needs_bf16
@pytest.mark.slow
def test_bf16_follows_full_precision(grammar, tmp_path):
    found = {}
    for precision in ("fp32", "bf16"):
        run(language_spec(grammar, precision=precision, **{**EVERYTHING, "model": {**MODEL}, "l2_output": 0}),
            tmp_path / precision)  # fmt: skip
        rows = RunFolder(tmp_path / precision).rows()
        found[precision] = np.array([row["model/nll"] for row in rows if "model/nll" in row])
    assert np.abs(found["fp32"] - found["bf16"]).max() < 0.02
    assert all_checkpoints(tmp_path / "bf16" / "checkpoints")
