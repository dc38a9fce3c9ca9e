"""The monitor of auto-encoders, and what is found in their records."""

from __future__ import annotations

import math

import pytest
import torch

from poise.core import Batch
from poise.disk.description import RunSpec
from poise.games.vae import objective
from poise.monitor import Record, diagnose
from poise.monitor.findings.windows import WEIGHTS
from poise.monitor.latent import LatentMonitor, nats_fact
from tests.metrics.linear_vae import Linear, given
from tests.monitor.records import encoded
from tests.monitor.test_diagnose import falls, late, scored

FACTS = {"nats": nats_fact(784)}


def streams(x, held=None):
    found = {"training": lambda number: Batch(x + number)}
    return found if held is None else found | {"heldout": lambda number: Batch(held + number)}


def named(rows, **spec):
    return [finding.name for finding in diagnose(Record(rows, RunSpec(**{"facts": FACTS, **spec})))]


def test_the_objective_of_a_probe_is_that_of_training_at_its_step(float64):
    linear, held = Linear(n=24, seed=0), Linear(n=24, seed=1)
    model = linear.model(gain=0.8).train()
    watch = LatentMonitor(model, streams(linear.x, held.x), lambda step: step / 100, 0.3, every=20, seed=5)
    found = watch(3)
    assert model.training and watch.seconds > 0
    for name, x in (("training", linear.x), ("heldout", held.x)):
        wanted = objective(model, x, 0.6, 0.3, 5)
        assert found[f"autoencoder/nll_{name}"] == pytest.approx(wanted["nll"])
        assert found[f"autoencoder/objective_{name}"] == pytest.approx(wanted["objective"])
    mean, log_variance = linear.model(gain=0.8).encode(linear.x)
    kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
    assert found["autoencoder/rate"] == pytest.approx(float(kl.mean()))
    assert found["autoencoder/active_units"] == 3 and found["autoencoder/beta"] == 0.6
    gap = found["autoencoder/nll_heldout"] - found["autoencoder/nll_training"]
    assert found["autoencoder/nll_gap"] == pytest.approx(gap)
    assert "autoencoder/units" not in found and watch(0)["autoencoder/units"] == 3
    assert watch(3) == found, "the same pictures and draws at every probe"
    lighter = LatentMonitor(model, streams(linear.x), 0.6, 0.3, seed=5, pixels=lambda step: 0.25 + step)(0)
    rest = found["autoencoder/objective_training"] - found["autoencoder/nll_training"]
    assert lighter["autoencoder/objective_training"] == pytest.approx(0.25 * found["autoencoder/nll_training"] + rest)
    assert lighter["autoencoder/pixels_weight"] == 0.25 and "autoencoder/pixels_weight" not in found


def test_only_units_that_vary_are_active_and_nothing_need_be_held_out(float64):
    n = 20
    signs = torch.tensor([1.0, -1.0]).repeat(n // 2)
    model, x = given(signs[:, None] * torch.tensor([0.2, 0.05, 0.0]) + 1.0, torch.zeros(n, 3))
    found = LatentMonitor(model, {"training": lambda number: Batch(x)})(0)
    assert found["autoencoder/active_units"] == 1
    assert not [key for key in found if "heldout" in key or "gap" in key]


def test_a_deterministic_encoder_has_costs_alone(float64):
    model, x = given(torch.randn(12, 2, generator=torch.Generator().manual_seed(0)), None)
    both = {"training": lambda number: Batch(x), "heldout": lambda number: Batch(x[:6])}
    found = LatentMonitor(model, both, latent=0.5, player="model")(1)
    assert {key.removeprefix("model/") for key in found} == {
        "nll_training", "nll_heldout", "nll_gap", "objective_training", "objective_heldout",
    }  # fmt: skip
    wanted = objective(model, x, latent=0.5)
    assert found["model/objective_training"] == pytest.approx(wanted["objective"])
    assert wanted["objective"] > wanted["nll"]


@pytest.mark.parametrize("seed", range(3))
def test_healthy_auto_encoders_are_left_in_peace_at_every_moment(seed):
    rows = encoded(seed=seed)
    for end in range(0, len(rows) + 1, 4):
        assert named(rows[:end]) == []


def test_full_collapse_is_critical_and_tells_its_numbers():
    spec = RunSpec(arguments={"beta": 4.0, "free_bits": None, "l2_decoder": 1e-3, "sigma": 2.0}, facts=FACTS)
    rows = encoded(rate=0.01, active_units=0.0, beta=4.0)
    (found,) = diagnose(Record(rows, spec))
    assert (found.name, found.severity) == ("posterior collapse", "critical")
    assert "0 of 16 units" in found.sentence and found.numbers["rate"] == pytest.approx(0.01, rel=0.1)
    for part in (
        "--beta warmup:4:",
        "--beta 1 (now 4)",
        "--free-bits 0.05",
        "--l2-decoder (now 0.001",
        "--sigma learned",
    ):
        assert part in found.action, found.action
    warm = RunSpec(arguments={"beta": "warmup:1:500", "free_bits": 0.1, "sigma": "learned"}, facts=FACTS)
    (found,) = diagnose(Record(encoded(rate=0.01, active_units=0.0, l2_decoder__strength=0.0), warm))
    assert found.action == "Try --free-bits 0.2."


def test_free_bits_do_not_hide_a_collapse():
    """A unit can have its free nats of KL and tell nothing: its mean does not vary."""
    (found,) = diagnose(Record(encoded(rate=1.6, active_units=0.0), RunSpec(facts=FACTS)))
    assert (found.name, found.severity) == ("posterior collapse", "critical")


def test_most_units_collapsed_is_a_note_late_in_the_run():
    rows = encoded(active_units=3.0, rate=6.0, steps=2048)
    spec = RunSpec(arguments={"steps": 2048}, facts=FACTS)
    (found,) = diagnose(Record(rows, spec))
    assert (found.name, found.severity) == ("posterior collapse", "note") and "3 of 16" in found.sentence
    assert diagnose(Record(rows[:48], spec)) == []
    assert named(encoded(active_units=4.0, rate=6.0)) == []


def test_a_rate_that_still_grows_is_given_time():
    assert named(encoded(rate=falls(0.001, 0.09), active_units=0.0)) == []
    assert named(encoded(rate=falls(5.0, 0.01), active_units=late(5.0, 0.0))) == ["posterior collapse"]


def test_overfitting_of_pictures_is_told_in_nats_of_a_picture():
    spec = RunSpec(
        arguments={
            "l2_encoder": 1e-3,
            "l2_decoder": 1e-3,
            "flip": False,
            "latent_size": 32,
            "steps": 1024,
            "scores": 4,
            "patience": None,
        },
        facts=FACTS,
    )
    rows = encoded(objective_heldout=lambda t: 98 + 60 * max(0.3 - t, 0) + 12 * max(t - 0.3, 0))
    (found,) = diagnose(Record(rows, spec))
    assert found.name == "overfitting" and found.severity == "warning"
    assert "Held-out pictures cost" in found.sentence and "nats each" in found.sentence
    assert found.numbers["lowest around"] == pytest.approx(0.3 * 1024, abs=96)
    assert set(found.numbers) >= {"objective_heldout", "objective_training", "objective_gap", "rise"}
    for part in ("--flip true", "--latent-size 16", "--l2-encoder 0.01", "--l2-decoder 0.01", "more data"):
        assert part in found.action, found.action
    assert "--model" not in found.action


def test_which_rise_is_worth_a_word_is_what_the_facts_say():
    rows = encoded(scatter=0.01, objective_heldout=lambda t: 98 + max(t - 0.3, 0))
    assert named(rows) == [] and nats_fact(784)["worth"] == pytest.approx(1.568)
    assert named(rows, facts={"nats": nats_fact(100)}) == ["overfitting"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_scheduled_weight_is_no_overfitting_and_hides_none(name):
    """The objective is compared at equal weights only."""
    weight = lambda t: min(2 * t, 1.0)  # noqa: E731
    rising = lambda more: lambda t: 80 + 15 * weight(t) + more * max(t - 0.6, 0)  # noqa: E731
    falling = lambda t: 80 + 15 * weight(t) - 10 * t  # noqa: E731
    both = {name: weight, "objective_training": falling}
    assert named(encoded(objective_heldout=rising(0.0), **both)) == []
    assert named(encoded(objective_heldout=rising(30.0), **both)) == ["overfitting"]


def test_an_auto_encoder_is_past_its_best_by_the_score_that_keeps_the_best_checkpoint():
    """NLL where there is one, whatever becomes of KID; KID for a deterministic encoder."""
    worse, better = [4.0, 1.0, 2.0, 3.0, 3.0], [5.0, 4.0, 3.0, 2.0, 1.0]
    assert named(scored(scored(encoded(), worse), better, "score/NLL")) == []
    assert named(scored(scored(encoded(), better), worse, "score/NLL")) == ["past its best"]
    assert named(scored(encoded(), worse)) == ["past its best"]


def test_costs_that_are_not_numbers_yet_are_no_finding():
    rows = encoded(rate=math.nan, active_units=math.nan)
    assert named(rows) == []
