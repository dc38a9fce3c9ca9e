"""What a run shows while it trains: one stage at a time, terms and signals apart, speed in the unit that is read."""

from __future__ import annotations

import re

import pytest

from poise.disk.description import RunSpec
from poise.monitor.signals import AdversarialMonitor
from poise.report import live
from poise.report.live import Lines
from tests.monitor.test_signals import watched

FACTS = {"data": "d", "device": "cpu", "precision": "fp32", "threads": 1}
STAGED = FACTS | {"stages": [["likelihood", 4], ["critic", 2], ["adversarial", 3]]}
FITTED = {
    "generator/nll": 5.5, "generator/grad_norm": 2.0, "generator/nll_training": 5.25, "generator/nll_heldout": 5.375,
    "generator/nll_gap": 0.125,
}  # fmt: skip
PLAYED = {
    "generator/adversarial": 0.7, "generator/grad_norm": 1.0, "discriminator/adversarial": 1.2,
    "discriminator/grad_norm": 3.0, "discriminator/on_training": 0.5,
}  # fmt: skip


def per_step(unit, size, amount, **stages):
    return {"per_step": {"unit": unit, "size": size, "amounts": {"": amount, **stages}}}


class Wrong:
    severity = "warning"

    def __init__(self, name):
        self.name = name

    def line(self):
        return f"a line: {self.name}"


def opened(tmp_path, facts, total, done=0, **arguments):
    view = Lines(every=0.0)
    view.open(tmp_path / "run", RunSpec(arguments={"batch": 32, **arguments}, facts=facts), done, total)
    return view


def test_numbers_of_a_stage_go_when_the_next_one_begins(tmp_path, capsys):
    view = opened(tmp_path, STAGED, 9)
    view.step(1, FITTED)
    assert "likelihood stage" in view.progress(1)
    for made in (2, 3, 4):
        view.step(made, {})
    assert view.latest == FITTED, "they stay while the stage goes on"
    view.step(5, {"discriminator/adversarial": 1.3, "discriminator/grad_norm": 2.0})
    assert view.table() == [("discriminator", "adversarial 1.300  gradient 2")] and "critic stage" in view.progress(5)
    view.step(6, {})
    view.step(7, PLAYED)
    text = str(view.table())
    assert "nll" not in text and "held-out" not in text and "generator" in text
    assert "adversarial stage" in capsys.readouterr().out.splitlines()[-1]


def test_a_run_that_is_rolled_back_or_resumed_shows_the_stage_it_is_in(tmp_path, capsys):
    view = opened(tmp_path, STAGED, 9, done=6)
    assert view.stage == "adversarial"
    view.step(7, PLAYED)
    view.step(4, FITTED)
    assert view.stage == "likelihood" and view.latest == FITTED


def test_a_run_of_one_stage_names_none(tmp_path, capsys):
    view = opened(tmp_path, FACTS, 9)
    view.step(1, PLAYED)
    assert "stage" not in capsys.readouterr().out.splitlines()[-1]


def test_likelihoods_of_the_probes_are_no_terms_of_the_loss(tmp_path, capsys):
    view = opened(tmp_path, STAGED, 9)
    view.step(1, FITTED | {"generator/output_gradient": 1.0, "generator/inside_z": 0.1})
    assert view.table() == [
        ("generator", "nll 5.500  on training 5.250  on held-out 5.375  gap 0.125  gradient 2"),
    ]


@pytest.mark.parametrize(
    ("more", "said", "how"),
    [
        ({}, "96 samples/s", "of 32 on"),
        (per_step("units", "32 x 10 units", 320), "960 units/s", "of 32 x 10 units on"),
        (per_step("audio seconds", "32 x 0.5 s", 16.25), "48.8 audio seconds/s", "of 32 x 0.5 s on"),
    ],
)
def test_speed_is_told_in_what_a_step_reads(tmp_path, capsys, monkeypatch, more, said, how):
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    view = opened(tmp_path, FACTS | more, 9)
    now[0] = 2.0
    view.step(6, PLAYED)
    out = capsys.readouterr().out
    assert said in out and how in out and "0:01 left" in out


def test_a_stage_may_read_another_amount(tmp_path, capsys, monkeypatch):
    """As many steps a second, twice as much in each."""
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    view = opened(tmp_path, STAGED | per_step("audio seconds", "32", 100.0, adversarial=200.0), 9, done=4)
    now[0] = 1.0
    assert " 100 audio seconds/s" in view.progress(5)
    view.step(7, {})
    now[0] = 3.0
    assert "adversarial stage  100 audio seconds/s" in view.progress(8)


def test_a_finding_of_an_earlier_stage_is_not_said_to_be_gone(tmp_path, capsys):
    view = opened(tmp_path, STAGED, 9)
    view.step(1, FITTED)
    view.findings(1, [Wrong("overfitting")])
    view.findings(2, [])
    view.findings(3, [Wrong("overfitting")])
    view.step(5, PLAYED)
    view.findings(5, [])
    said = [line for line in capsys.readouterr().out.splitlines() if "overfitting" in line]
    assert said == [
        "step 1: a line: overfitting",
        "step 2: no more sign of: overfitting",
        "step 3: a line: overfitting",
    ]


def test_the_pace_of_a_new_stage_is_not_that_of_the_moment(tmp_path, capsys):
    view = opened(tmp_path, STAGED, 9)
    view.step(4, FITTED)
    view.step(5, PLAYED)
    assert "0 samples/s  -:-- left" in capsys.readouterr().out.splitlines()[-1]


def test_no_signal_of_a_monitor_is_taken_for_a_term_of_the_loss(tmp_path, capsys):
    """Whatever a monitor measures, of what plays or of what is shown, stands under its own label or not at all."""
    signals = {key: value for key, value in AdversarialMonitor(watched())(0).items() if not key.startswith("data/")}
    assert "generator/shown_inside_z" in signals
    view = opened(tmp_path, FACTS, 9)
    view.step(1, signals | PLAYED)
    labels = {"adversarial", "gradient", "AUC gap", "diversity", "diversity as shown"}
    for player, text in view.table():
        if player in ("generator", "discriminator"):
            assert {re.sub(r" -?[\d.e-]+$", "", part) for part in text.split("  ")} <= labels
