"""A run of the recipe text: complete, resumable bit for bit, and as different as its options."""

from __future__ import annotations

import random

import pytest

from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import Interrupted, Stop, run
from poise.runs.write import sample_to
from poise.specs.spec import completed, instantiated, kind_of
from poise.training.checkpoint import all_checkpoints
from tests.evaluation.texts import ALONE, GAME, PLAYER, WARM, text_spec
from tests.runs.conftest import Stopping, assert_same, state, variants

D = {**PLAYER, "width": 3, "dropout": 0.1}
R1 = {"class_path": "R1", "init_args": {"gamma": 0.1, "every": 3}}
TOWARDS = {"class_path": "L2Towards", "init_args": {"reference": "average", "strength": 0.01}}
TOTAL = WARM + ALONE + GAME
VARIANTS = {
    "lstm, gumbel": {},
    "relational": {"network": "relational", "generator": {"embed": 4, "hidden": 6, "layers": 2}, "micro_batches": 2},
    "reinforce, R1": {
        "estimator": "reinforce",
        "network": "gru",
        "loss": "nonsaturating",
        "discriminator": {**D, "penalties": [R1, TOWARDS], "turns": 2},
        "generator": {**PLAYER, "penalties": [TOWARDS]},
        "l2_generator": "cosine:1e-2:1e-4",
        "l2_embedding": 1e-3,
    },
    "spectral, no anchor": {
        "critic": "recurrent",
        "discriminator": {**D, "spectral": True, "penalties": [R1]},
        "likelihood": 0,
        "temperature": "exponential:2:0.5",
        "units": "character",
        "longest": 60,
    },
    "bf16": {"precision": "bf16"},
    "bf16, reinforce": {"precision": "bf16", "estimator": "reinforce", "discriminator": {**D, "penalties": [R1]}},
}
FAST = ("reinforce, R1",)


@pytest.mark.slow
def test_a_run_leaves_what_it_promises(grammar, tmp_path):
    report = run(text_spec(grammar, scores=2, score_samples=12, l2_embedding=1e-3), tmp_path / "a")
    folder = RunFolder(tmp_path / "a")
    assert folder.done
    rows = folder.rows()
    by_stage = {
        "generator/nll": [0, 3, 6],
        "generator/l2_rows.share": [0, 3, 6],
        "generator/adversarial": [11, 14, 17],
        "discriminator/adversarial": [7, 10, 11, 14, 17],
        "generator/l2.share": [0, 3, 6, 11, 14, 17],
    }
    for key, steps in by_stage.items():
        assert [row["step"] for row in rows if key in row] == (
            steps if key != "generator/nll" else [*steps, 11, 14, 17]
        )
    assert {"generator/nll_training", "generator/nll_heldout", "generator/nll_gap"} <= set(rows[0])
    assert "discriminator/on_heldout" in rows[-1] or any("discriminator/on_heldout" in row for row in rows)
    assert [entry["step"] for entry in report.scores] == [1, WARM, TOTAL]
    assert {"NLL_gen", "perplexity", "bits per character", "reverse perplexity"} <= set(report.scores[-1])
    assert report.best.score == "reverse perplexity"
    assert folder.spec().facts["stages"] == [["likelihood", WARM], ["critic", ALONE], ["adversarial", GAME]]
    assert sorted(p.name for p in folder.samples.iterdir())[-1] == f"{TOTAL:08d}.txt"
    kept = {int(c.name[5:]) for c in all_checkpoints(folder.checkpoints)}
    assert {WARM, WARM + ALONE, TOTAL, report.best.step} <= kept
    out = tmp_path / "more.txt"
    said = sample_to(Run(folder), 5, 0, str(out), {"temperature": 0.5})
    assert said == [f"{out}: 5 sentences, drawn by a", *(f"  {line}" for line in out.read_text().splitlines())]
    assert len(out.read_text().splitlines()) == 5


@pytest.mark.slow
def test_the_same_spec_is_the_same_run(grammar, tmp_path, monkeypatch):
    monkeypatch.setenv("POISE_RUNS", str(tmp_path))
    first = run(text_spec(grammar))
    assert run(text_spec(grammar)) == first
    assert len(list(tmp_path.iterdir())) == 1
    run(text_spec(grammar), tmp_path / "again")
    assert_same(state(next(tmp_path.glob("text-*"))), state(tmp_path / "again"))
    run(text_spec(grammar, seed=1), tmp_path / "other")
    assert state(tmp_path / "other")[0] != state(tmp_path / "again")[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", variants(VARIANTS, FAST))
def test_resumed_equals_uninterrupted_bit_for_bit(grammar, tmp_path, name):
    """Stopped in each stage and exactly where stages meet; continued each time by a fresh game."""
    changes = VARIANTS[name]
    run(text_spec(grammar, **changes), tmp_path / "whole")
    moments = random.Random(name)
    within = [moments.randrange(2, WARM), WARM + moments.randrange(1, ALONE), WARM + ALONE + moments.randrange(1, GAME)]
    for step in sorted({*within, WARM, WARM + ALONE}):
        with pytest.raises(Interrupted):
            run(text_spec(grammar, **changes), tmp_path / "parts", Stopping(step, stop := Stop()), stop)
        assert all_checkpoints(tmp_path / "parts" / "checkpoints")[-1].name == f"step-{step:08d}"
    run(text_spec(grammar, **changes), tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["gumbel", "reinforce"])
def test_strengths_of_zero_are_no_penalties_bit_for_bit(grammar, tmp_path, estimator):
    """L2 left out, and L2 that is there with strength 0."""
    off = {"l2_generator": 0, "l2_discriminator": 0, "estimator": estimator}
    none = {"penalties": [{"class_path": "L2", "init_args": {"strength": 0.0, "name": "nothing"}}]}
    run(text_spec(grammar, **off), tmp_path / "a")
    run(text_spec(grammar, **off, generator={**PLAYER, **none}, discriminator={**D, **none}), tmp_path / "b")
    assert state(tmp_path / "a")[1] == state(tmp_path / "b")[1]


@pytest.mark.slow
def test_a_made_up_language_has_exact_scores(tmp_path):
    report = run(text_spec("oracle", scores=1, score_samples=20, share=0.01), tmp_path / "a")
    found = report.scores[-1]
    assert {"NLL_oracle", "NLL_oracle.low", "NLL_oracle.high", "NLL_gen"} <= set(found)
    assert 2 < report.floor["NLL_oracle"] < found["NLL_oracle"] < 20
    assert report.best.score == "NLL_gen"


@pytest.mark.slow
def test_the_likelihood_falls_in_the_first_stage(grammar, tmp_path):
    player = {"embed": 8, "hidden": 16}
    run(text_spec(grammar, generator=player, warm_steps=60, critic_steps=1, steps=1), tmp_path / "a")
    losses = [row["generator/nll"] for row in RunFolder(tmp_path / "a").rows() if "generator/nll" in row]
    assert losses[0] > 2.4
    assert min(losses) < losses[0] - 0.4


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("warmup:1e-3", 0.0, 1e-3),
        ("warmup:1e-3:2", 0.0, 1e-3),
        ("linear:1e-3:1e-5", 1e-3, 1e-3),
        ("cosine:1e-3:1e-5:2", 1e-3, 1e-3),
    ],
)
def test_the_critic_stage_learns_at_a_rate_of_its_own_length(grammar, asked, first, last):
    """A rate that rises over a far longer stage would teach the discriminator nothing before the game begins; one that
    falls has not begun to, whatever its length."""
    spec = text_spec(grammar, discriminator={**PLAYER, "lr": asked})
    recipe = kind_of("text").build(**instantiated("text", completed("text", spec["arguments"])))
    (dial,) = recipe.stages[1].dials
    assert dial.name == "discriminator/lr" and dial.schedule(0) == pytest.approx(first)
    assert dial.schedule(ALONE) == pytest.approx(last, rel=1e-4)
