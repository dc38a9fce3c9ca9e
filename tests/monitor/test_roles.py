"""A stage whose generator and discriminator have other names: what is read, what is advised, what is treated."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from poise.monitor import diagnose
from poise.monitor.findings.advice import rate_flag
from poise.monitor.findings.finding import Finding, Record
from poise.recipes.common.recipe import Acting
from poise.record import RunFolder
from poise.report.live import Silent
from poise.runs import session
from poise.runs.rollback import Remedies, Sick

ROLES = {"late": {"generator": "singer", "discriminator": "singer_discriminator"}}
SPEC = {
    "recipe": "speech",
    "arguments": {
        "l2_discriminator": 1.0, "l2_singer_discriminator": 2.0, "discriminator": {"lr": 3.0, "penalties": []},
        "singer_discriminator": {"lr": 4.0, "penalties": []}, "singer": {"lr": 5.0, "warm_lr": 6.0}, "loss": "hinge",
    },
    "facts": {"stages": [["early", 100], ["late", 4000]], "roles": ROLES},
}  # fmt: skip


def rows(overfits: bool):
    """A discriminator in the later stage, with an L2 of its own; that of the earlier one had another."""
    early = [{"step": s, "discriminator/l2.strength": 0.5} for s in range(0, 100, 20)]
    gap = 0.4 if overfits else 0.0
    late = [
        {
            "step": s, "singer_discriminator/l2.strength": 1e-4, "singer_discriminator/grad_norm": 1.0,
            "singer/grad_norm": 1.0, "discriminator/auc_training": 0.95, "discriminator/auc_heldout": 0.95 - gap,
            "discriminator/auc_gap": gap, "discriminator/auc_seen": 0.5 + gap, "discriminator/alive": 1.0,
            "discriminator/contrast": 0.5, "data/training": 500.0, "data/heldout": 500.0,
        }
        for s in range(100, 3000, 20)
    ]  # fmt: skip
    return early + late


def test_rows_have_the_roles_and_arguments_the_players():
    record = Record.of(rows(False), SPEC)
    assert record.series("discriminator/l2.strength").values[:3] == [1e-4] * 3
    assert set(record.players()) == {"generator", "discriminator"} and record.stage.name == "late"
    assert record.argument("l2_discriminator") == 2.0 and record.argument("discriminator.lr") == 4.0
    assert record.offers("--generator.warm_lr") and not record.offers("--generator.noise")
    early = Record.of(rows(False)[:5], SPEC)
    assert early.argument("discriminator.lr") == 3.0 and not early.roles
    assert early.series("discriminator/l2.strength").values == [0.5] * 5


def test_what_is_advised_has_the_flags_and_the_names_of_the_players():
    (found,) = [f for f in diagnose(Record.of(rows(True), SPEC)) if f.name == "discriminator overfitting"]
    assert found.sentence.startswith("The singer's discriminator ranks training items above")
    assert "--l2-singer-discriminator 0.001" in found.action
    assert "--singer-discriminator.penalties+=R1 --singer-discriminator.penalties.gamma=" in found.action
    assert "--l2-discriminator" not in found.action and "--discriminator" not in found.action
    assert not [f for f in diagnose(Record.of(rows(False), SPEC)) if f.name == "discriminator overfitting"]


def test_where_no_names_differ_nothing_is_changed():
    finding = Finding("a", "note", 0, "The generator.", "Try --generator.lr 1.")
    plain = Record.of(rows(False), {**SPEC, "facts": {"stages": SPEC["facts"]["stages"]}})
    assert plain.told(finding) is finding
    assert Record.of(rows(False), SPEC).told(finding) == Finding("a", "note", 0, "The singer.", "Try --singer.lr 1.")


def test_the_players_are_treated(tmp_path):
    """A rollback weakens the penalties of the one who is the discriminator in this stage."""
    (tmp_path / "run").mkdir()
    checkpoints = [tmp_path / f"step-{step:08d}" for step in (0, 100)]
    dead = Finding("dead discriminator", "critical", 120, "It is dead.", "", {"killed by its penalty": 1.0})
    remedy = Remedies(RunFolder(tmp_path / "run"), 3).roll_back(Sick.of(dead, 130, ROLES["late"]), checkpoints, 100)
    assert (remedy.what, remedy.back_to) == ("singer_discriminator/penalties", 100)
    assert Sick.of(dead, 130).treatment[0] == "discriminator/penalties"
    assert Sick("not finite", "x", 1, 1, ROLES["late"]).treatment[0] == "lr"


def test_a_run_that_is_rolled_back_knows_the_roles_of_its_stage(monkeypatch):
    dead = Finding("dead discriminator", "critical", 120, "It is dead.", "", {"killed by its penalty": 1.0})
    monkeypatch.setattr(session, "diagnose", lambda record: [dead])
    one = session.Session.__new__(session.Session)
    one.rows, one.spec, one.told, one.view = rows(False), SPEC, {dead.name}, Silent()
    one.recipe = SimpleNamespace(acting=Acting("rollback"))
    with pytest.raises(Sick) as caught:
        one._look(130)
    assert caught.value.treatment[0] == "singer_discriminator/penalties"


@pytest.mark.parametrize(("stage", "flag"), [("acoustic", "warm_lr"), ("spectral", "warm_lr"), ("adversarial", "lr")])
def test_the_rate_of_a_stage_before_the_game_has_its_own_flag(stage, flag):
    spec = {"arguments": {"generator": {"lr": 1, "warm_lr": 2}}, "facts": {"stages": [[stage, 10]]}}
    assert rate_flag(Record.of([{"step": 0}], spec), "generator") == f"--generator.{flag}"
