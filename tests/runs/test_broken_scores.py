"""Scores that are infinite, and networks of which nothing can be measured: the run knows what to do with either."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from poise.errors import NothingToMeasure, PoiseError, measurable
from poise.games.likelihood import perplexity
from poise.metrics.features.features import to_uint8
from poise.metrics.latent.look import look
from poise.recipes.language.outputs import LanguageJudge
from poise.record import RunFolder
from poise.report.live import Silent
from poise.runs.run import Interrupted, Stop, run
from poise.training.checkpoint import all_checkpoints
from tests.evaluation.texts import language_spec, text_spec
from tests.metrics.linear_vae import Linear
from tests.runs.conftest import Stopping, assert_same, spec, state
from tests.runs.test_vae_run import spec as vae_spec


def events(folder):
    return [event.event for event in RunFolder(folder).events()]


def test_a_perplexity_that_no_number_holds_is_infinite():
    assert perplexity(0.0) == 1.0 and perplexity(709.0) == np.exp(709.0)
    assert perplexity(710.0) == np.inf


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_cannot_be_measured(value):
    assert measurable(2.5, "it") == 2.5
    with pytest.raises(NothingToMeasure, match=r"the rate is .*, so there is nothing to measure"):
        measurable(value, "the rate")


def broken_vae():
    linear = Linear(n=8, seed=0)
    model = linear.model(gain=0.9)
    with torch.no_grad():
        next(model.decoder.parameters()).fill_(float("nan"))
    look(model, linear.x, 0)


def broken_language():
    class Model(torch.nn.Module):
        def begin(self, n):
            return ()

        def forward(self, ids, state):
            return SimpleNamespace(logits=torch.full((*ids.shape, 3), float("nan")), state=())

    text = SimpleNamespace(
        heldout=np.zeros(9, np.int64), corpus=SimpleNamespace(units=SimpleNamespace(plural="words")), spelling=0.0,
        characters=9,
    )  # fmt: skip
    LanguageJudge(Model(), text, SimpleNamespace(device="cpu")).score(lambda n, seed: None)


def broken_pictures():
    to_uint8(torch.full((1, 1, 2, 2), torch.nan))


@pytest.mark.parametrize("measure", [broken_pictures, broken_vae, broken_language])
def test_whoever_measures_a_broken_network_says_so_in_one_kind(measure):
    with pytest.raises(NothingToMeasure):
        measure()


def breaks_once(monkeypatch, at):
    """Nothing can be measured of the samples after `at` steps, the first time."""
    from poise.metrics.distributions.judge import Judge

    score, calls = Judge.score, []

    def broken(self, sample, seed=0):
        calls.append(1)
        if len(calls) == at:
            raise NothingToMeasure("the generator's pictures hold NaN or infinite pixels, so there is nothing to score")
        return score(self, sample, seed)

    monkeypatch.setattr(Judge, "score", broken)


class Listening(Silent):
    """Keeps what is said."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.mark.slow
def test_what_scores_are_of_is_said_once_though_the_first_one_breaks(pictures, tmp_path, monkeypatch):
    breaks_once(monkeypatch, 1)
    view = Listening()
    asked = {"scores": 3, "score_samples": 20, "steps": 12, "sample_every": 1000}
    run(spec(pictures, on_divergence="rollback", **asked), tmp_path / "a", view)
    assert sum(line.startswith("scores compare 20 samples") for line in view.lines) == 1


@pytest.mark.slow
def test_a_score_that_cannot_be_taken_is_a_divergence(pictures, tmp_path, monkeypatch):
    """Rolled back where that was asked for; else the run ends with where it was good, and its event."""
    scored = {"scores": 4, "score_samples": 20, "steps": 24, "sample_every": 1000}
    breaks_once(monkeypatch, 3)
    report = run(spec(pictures, on_divergence="rollback", **scored), tmp_path / "a")
    (back,) = [event.details for event in RunFolder(tmp_path / "a").events() if event.event == "rolled back"]
    assert back["cause"] == "not finite" and back["what"] == "lr" and back["back_to"] <= back["step"]
    assert report.steps == 24 and len(report.scores) == 4
    breaks_once(monkeypatch, 3)
    with pytest.raises(PoiseError, match=r"NaN or infinite pixels.*the last good checkpoint is .*step-"):
        run(spec(pictures, **scored), tmp_path / "b")
    assert events(tmp_path / "b")[-1] == "diverged"


@pytest.mark.slow
def test_an_auto_encoder_whose_likelihood_breaks_is_rolled_back(pictures, tmp_path):
    """At a rate of 30 the training loss is a number where the likelihood of pictures is none."""
    wild = {"autoencoder": {"width": 2, "lr": 30.0}, "steps": 12, "scores": 3, "log_every": 1}
    with contextlib.suppress(PoiseError):  # it may be more than rollbacks can mend
        run(vae_spec(pictures, **wild, on_divergence="rollback"), tmp_path / "a")
    assert "rolled back" in events(tmp_path / "a")


@pytest.mark.slow
@pytest.mark.parametrize("patience", [None, 2])
def test_an_infinite_perplexity_may_be_the_best(grammar, tmp_path, patience):
    """Its checkpoint is kept, the end is told, and a run that was stopped is the same."""
    wild = {"steps": 40, "scores": 4, "model": {"embed": 6, "lr": 1000.0}, "ema": 0.0}
    asked = language_spec(grammar, **wild, patience=patience)
    report = run(asked, tmp_path / "a")
    rows = RunFolder(tmp_path / "a").rows()
    taken = [row["score/perplexity"] for row in rows if "score/perplexity" in row]
    assert np.inf in taken, "or the rate is too low for this test"
    kept = [int(path.name.removeprefix("step-")) for path in all_checkpoints(RunFolder(tmp_path / "a").checkpoints)]
    assert report.best.step in kept
    stop = Stop()
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "b", Stopping(10, stop), stop)
    run(asked, tmp_path / "b")
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))


@pytest.mark.slow
def test_patience_counts_the_scores_of_the_last_stage_alone(grammar, tmp_path):
    """The generator learnt more while it was warmed up; the game is given as many scores as were asked for."""
    still = {"generator": {"embed": 4, "hidden": 6, "lr": 1e-30}, "warm_steps": 12, "critic_steps": 12, "steps": 24}
    report = run(text_spec(grammar, **still, scores=12, score_samples=12, patience=2), tmp_path / "a")
    begins = 24
    in_game = [entry["step"] for entry in report.scores if entry["step"] > begins]
    assert len(in_game) == 2 and report.steps == in_game[-1] < 48
