"""Records of language models and of the likelihood stage of a text GAN: overfitting, and what holds for any player."""

from __future__ import annotations

from statistics import fmean

import pytest

from poise.disk.description import RunSpec
from poise.monitor import Record, diagnose
from tests.monitor.records import fitted, record


def named(rows, spec=None):
    return [finding.name for finding in diagnose(Record.of(rows, spec or RunSpec()))]


def v(lowest, rise):
    """Nats that fall to 3.5 until `lowest` (a share of the run), and rise by `rise` until its end."""
    return lambda t: 3.5 + 4 * max(lowest - t, 0) + rise * max(t - lowest, 0) / max(1 - lowest, 1e-9)


@pytest.mark.parametrize("player", ["model", "generator"])
def test_overfitting_tells_its_numbers(player):
    (found,) = diagnose(Record(fitted(player=player, scatter=0.0, nll_heldout=v(0.25, 0.8))))
    assert found.name == "overfitting" and player in found.sentence
    assert found.numbers["lowest around"] == pytest.approx(0.25 * 1024, abs=64)
    held = [v(0.25, 0.8)(i / 32) for i in range(32)]
    means = [fmean(held[i : i + 8]) for i in range(25)]
    assert found.numbers["rise"] == pytest.approx(means[-1] - min(means), abs=1e-3)
    assert found.numbers["nll_gap"] == pytest.approx(
        found.numbers["nll_heldout"] - found.numbers["nll_training"], abs=1e-3
    )
    assert 256 < found.since < 640


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "held",
    [v(1.0, 0.0), v(0.5, 0.0), v(0.5, 0.01), lambda t: 3.5 - 0.2 * t],
    ids=["falls", "level", "a trifle", "slowly falls"],
)
def test_healthy_fits_are_left_in_peace_at_every_moment(seed, held):
    rows = fitted(seed=seed, scatter=0.05, nll_heldout=held)
    for end in range(0, len(rows) + 1, 4):
        assert diagnose(Record(rows[:end])) == []


def test_a_rise_that_training_sentences_share_is_no_overfitting():
    """Then training itself went wrong."""
    assert named(fitted(nll_heldout=v(0.25, 0.8), nll_training=v(0.25, 0.8))) == []


def test_what_scatters_more_needs_a_larger_rise():
    rise = {"nll_heldout": v(0.3, 0.15)}
    assert named(fitted(scatter=0.01, **rise)) == ["overfitting"]
    assert named(fitted(scatter=0.3, **rise)) == []


def test_overfitting_that_has_passed_is_no_finding():
    bump = lambda t: 3.5 + 2 * max(0.3 - t, 0) + (0.5 if 0.5 < t < 0.6 else 0.0)  # noqa: E731
    assert named(fitted(nll_heldout=bump)) == []


def test_the_likelihood_stage_is_forgotten_when_the_next_one_begins():
    spec = RunSpec(facts={"stages": [["likelihood", 1024], ["critic", 100], ["adversarial", 800]]})
    rows = fitted(player="generator", nll_heldout=v(0.25, 0.8))
    assert named(rows, spec) == ["overfitting"]
    later = [row | {"step": row["step"] + 1124} for row in record()]
    assert named([*rows, *later], spec) == []
    stages = [Record(rows[:n], spec).stage for n in (1, len(rows))]
    assert [(s.name, s.first, s.steps) for s in stages] == [("likelihood", 0, 1024)] * 2
    last = Record([*rows, *later], spec)
    assert last.stage == ("adversarial", 1124, 800) and last.part_done(1124 + 400) == 0.5


def test_a_young_adversarial_stage_is_young_although_the_run_is_old():
    """Its steps are counted from where it began."""
    spec = RunSpec(arguments={"steps": 1600}, facts={"stages": [["likelihood", 1000], ["adversarial", 1600]]})
    rows = [row | {"step": row["step"] + 1000} for row in record(steps=640, generator__diversity=0.45)]
    assert named(rows, spec) == []
    assert named([row | {"step": row["step"] - 1000} for row in rows], RunSpec(arguments={"steps": 600})) == [
        "partial collapse"
    ]


def falls(first, last):
    return lambda t: first * (last / first) ** t


def test_every_player_is_looked_at():
    assert named(fitted(grad_norm=falls(0.5, 5e4))) == ["exploding gradient"]
    large = {"l2_recurrent__share": 0.9, "norm": falls(15.0, 1.0)}
    assert named(fitted(**large)) == ["strength too large"]
    nothing = fitted()
    for row in nothing:
        row["model/l2_recurrent.share"] = 1e-9
    assert named(nothing) == ["strength without effect"]


def test_a_penalty_on_rows_is_judged_by_the_rows_and_not_by_other_weights():
    strong = {"l2_embedding__share": 0.9}
    assert named(fitted(**strong, norm=falls(15.0, 1.0))) == []
    found = diagnose(Record(fitted(**strong, l2_embedding=falls(30.0, 0.3))))
    assert [finding.name for finding in found] == ["strength too large"]
    assert "l2_embedding" in found[0].sentence


def test_nothing_held_out_is_said_of_a_likelihood_too():
    rows = [{k: x for k, x in row.items() if k.split("/")[-1] not in ("nll_heldout", "nll_gap")} for row in fitted()]
    assert named(rows) == ["no held-out data"]


def test_a_trained_generator_may_be_slow_but_not_fast():
    """In the stage after its likelihood it moves in small steps by design."""
    spec = RunSpec(facts={"stages": [["likelihood", 1000], ["adversarial", 1600]]})

    def later(update):
        return [row | {"step": row["step"] + 1000} for row in record(generator__update=update)]

    assert named(later(0.005 / 50), spec) == []
    assert named(record(generator__update=0.005 / 50)) == ["learning rates out of balance"]
    assert named(later(0.3), spec) == ["learning rates out of balance"]


@pytest.mark.parametrize(("weights", "average"), [(v(0.25, 0.0), v(0.25, 0.8)), (v(0.25, 0.8), v(0.25, 0.0))])
def test_a_finding_says_which_of_the_two_networks_it_is_about(weights, average):
    rows = fitted(steps=4096, scatter=0.01, nll_heldout=weights)
    for i, shown in enumerate(fitted(steps=4096, scatter=0.01, seed=1, nll_heldout=average)):
        if i % 16 == 0:
            rows[i] |= {key.replace("/nll", "/shown_nll"): shown[key] for key in shown if "/nll_" in key}
    (found,) = diagnose(Record(rows))
    of_average = average(1.0) > weights(1.0)
    assert ("the averaged model" in found.sentence) == of_average
    assert ("shown_nll_gap" in found.numbers) == of_average


@pytest.mark.parametrize(("worse", "said"), [(False, []), (True, ["learning rate too large"])])
def test_large_first_steps_are_no_sickness_where_the_held_out_likelihood_became_better(worse, said):
    """As of language models at four times the default rate (docs/log.md)."""
    heldout = (lambda t: 6.0 + t) if worse else (lambda t: 6.0 - 2.5 * t)
    rows = fitted(update=falls(0.2, 0.01), norm=falls(5.0, 30.0), nll_heldout=heldout)
    assert [name for name in named(rows) if name == "learning rate too large"] == said
