"""A stage whose generator and discriminator have other names: what is read, what is advised, what is treated."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from poise.disk.description import RunSpec
from poise.monitor import diagnose
from poise.monitor.findings.advice import rate_option
from poise.monitor.findings.finding import Finding, Record
from poise.recipes.common.recipe import Stopping
from poise.record import RunFolder
from poise.report.live import Silent
from poise.runs import session
from poise.runs.rollback import Divergence, Rollbacks
from tests.monitor.test_advice import ADVERSARIAL, MADE, players, spec_of

ROLES = {"late": {"generator": "singer", "discriminator": "singer_discriminator"}}
SPEC = RunSpec(
    "speech",
    {
        "l2_discriminator": 1.0, "l2_singer_discriminator": 2.0, "discriminator": {"lr": 3.0, "penalties": []},
        "singer_discriminator": {"lr": 4.0, "penalties": []}, "singer": {"lr": 5.0, "warm_lr": 6.0}, "loss": "hinge",
    },
    {"stages": [["early", 100], ["late", 4000]], "roles": ROLES},
)  # fmt: skip


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
    assert record.offers("generator.warm_lr") and not record.offers("generator.noise")
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


def test_flags_and_words_have_the_names_of_the_players():
    plain = Record.of(rows(False), replace(SPEC, facts={"stages": SPEC.facts["stages"]}))
    record, options = Record.of(rows(False), SPEC), ("generator.lr", "l2-discriminator", "l2-decoder", "steps")
    assert [plain.flag(option) for option in options] == [f"--{option}" for option in options]
    flags = ["--singer.lr", "--l2-singer-discriminator", "--l2-decoder", "--steps"]
    assert [record.flag(option) for option in options] == flags
    assert [plain.called("discriminator"), record.called("discriminator")] == [
        "discriminator",
        "singer's discriminator",
    ]
    assert record.called("model") == "model"


def told(finding):
    """What is said of generator and discriminator, said of the players who are that."""

    def said(text):
        for role, player in ROLES["late"].items():
            flag, name = player.replace("_", "-"), player.replace("_", "'s ")
            text = re.sub(rf"--(l2-|){role}\b", rf"--\g<1>{flag}", text)
            text = re.sub(rf"\b([Tt]he) {role}\b", rf"\1 {name}", text)
        return text

    return replace(finding, sentence=said(finding.sentence), action=said(finding.action))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["images", "text", "speech", ""])
@pytest.mark.parametrize("case", [case for case, made in MADE.items() if players(made) <= ADVERSARIAL])
def test_every_finding_is_the_same_under_the_names_of_the_players(case, recipe):
    arguments = spec_of(recipe, steps=800).arguments if recipe else {}
    for role, player in ROLES["late"].items() if recipe else ():
        arguments = arguments | {player: arguments[role], f"l2_{player}": arguments[f"l2_{role}"]}
    facts = {"stages": [["late", 4000]]}
    plain = diagnose(Record(MADE[case], RunSpec(arguments=arguments, facts=facts)))
    named = diagnose(Record(MADE[case], RunSpec(arguments=arguments, facts=facts | {"roles": ROLES})))
    assert named == [told(finding) for finding in plain]


def test_the_players_are_treated(tmp_path):
    """A rollback weakens the penalties of the one who is the discriminator in this stage."""
    (tmp_path / "run").mkdir()
    checkpoints = [tmp_path / f"step-{step:08d}" for step in (0, 100)]
    dead = Finding("dead discriminator", "critical", 120, "It is dead.", "", {"killed by its penalty": 1.0})
    remedy = Rollbacks(RunFolder(tmp_path / "run"), 3).roll_back(
        Divergence.of(dead, 130, ROLES["late"]), checkpoints, 100
    )
    assert (remedy.what, remedy.back_to) == ("singer_discriminator/regularisers", 100)
    assert Divergence.of(dead, 130).treatment[0] == "discriminator/regularisers"
    assert Divergence("not finite", "x", 1, 1, ROLES["late"]).treatment[0] == "lr"


def test_a_run_that_is_rolled_back_knows_the_roles_of_its_stage(monkeypatch):
    dead = Finding("dead discriminator", "critical", 120, "It is dead.", "", {"killed by its penalty": 1.0})
    monkeypatch.setattr(session, "diagnose", lambda record: [dead])
    one = session.Session.__new__(session.Session)
    one.rows, one.spec, one.reported, one.view = rows(False), SPEC, {dead.name}, Silent()
    one.recipe = SimpleNamespace(acting=Stopping("rollback"))
    with pytest.raises(Divergence) as caught:
        one._look(130)
    assert caught.value.treatment[0] == "singer_discriminator/regularisers"


@pytest.mark.parametrize(("stage", "flag"), [("acoustic", "warm_lr"), ("spectral", "warm_lr"), ("adversarial", "lr")])
def test_the_rate_of_a_stage_before_the_game_has_its_own_flag(stage, flag):
    spec = RunSpec(arguments={"generator": {"lr": 1, "warm_lr": 2}}, facts={"stages": [[stage, 10]]})
    assert rate_option(Record.of([{"step": 0}], spec), "generator") == f"generator.{flag}"
