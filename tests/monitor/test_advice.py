"""No finding advises a flag that the run's recipe does not have."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

import pytest

from poise.disk.description import RunSpec
from poise.monitor import Record, diagnose
from poise.monitor.findings.advice import Idea, advice, idea, r1, rate_option, strength_flag
from poise.registry import HOMES, names
from poise.specs.spec import completed, parser_for
from tests.monitor.records import encoded, fitted, record
from tests.monitor.test_diagnose import CASES, falls, with_share
from tests.monitor.test_likelihood import v

RECIPES = list(HOMES["recipe"])

OTHERS = {
    "few classes": lambda: scored_classes(),
    "exploding model": lambda: fitted(grad_norm=falls(0.5, 5e4)),
    "exploding generator in its likelihood stage": lambda: fitted(player="generator", grad_norm=falls(0.5, 5e4)),
    "overfitting generator": lambda: fitted(player="generator", nll_heldout=v(0.25, 0.8)),
    "overfitting auto-encoder": lambda: encoded(objective_heldout=lambda t: 98 + 30 * abs(t - 0.3)),
    "most units collapsed": lambda: encoded(active_units=1.0, rate=2.0),
    "too large on the model": lambda: fitted(l2_recurrent__share=0.9, norm=falls(15.0, 1.0)),
    "too large on rows": lambda: fitted(l2_embedding__share=0.9, l2_embedding=falls(30.0, 0.3)),
    "killed by its penalty": lambda: with_share(CASES["dead discriminator"](), "discriminator", 1.3),
    "fast discriminator": lambda: record(discriminator__update=0.3),
    "exploding discriminator": lambda: record(discriminator__grad_norm=falls(1.0, 1e6)),
}


FLAG = re.compile(r"--[a-z][\w.-]*\w")
ADVERSARIAL = {"generator", "discriminator"}


def players(rows):
    return {key.partition("/")[0] for row in rows for key in row if key.endswith("/grad_norm")}


def scored_classes():
    rows = record()
    for i in (40, 60, 80):
        rows[i]["score/class_share.effective"] = 0.1
    return rows


@functools.cache
def options_of(recipe):
    return {option.rstrip("+").replace("_", "-") for option in parser_for(recipe).options()}


@functools.cache
def plain(recipe):
    return completed(recipe, {"data": "data"})


def spec_of(recipe, **asked):
    steps_alone = asked.keys() <= {"steps"}
    given = plain(recipe) | asked if steps_alone else completed(recipe, {"data": "data", **asked})
    facts = {"images": {"augment": "none"}, "text": {"not_advised": ["R1"]}}  # as their recipes say
    return RunSpec(recipe, given, facts.get(recipe, {}))


PLAYERS = (
    {"images": ADVERSARIAL, "text": ADVERSARIAL, "language": {"model"}}
    | dict.fromkeys(["vocoder", "speech"], ADVERSARIAL)
    | {"vae": {"autoencoder"}}
)
MADE = {case: made() for case, made in (CASES | OTHERS).items()}
PAIRS = [(case, recipe) for case, rows in MADE.items() for recipe in RECIPES if players(rows) <= PLAYERS[recipe]]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "recipe"), PAIRS)
def test_every_flag_of_an_action_is_an_option_of_the_recipe(case, recipe):
    rows = MADE[case]
    spec = spec_of(recipe, steps=800)
    known = options_of(recipe) | {"--step"}  # of poise sample
    found = diagnose(Record(rows, spec))
    assert found, "the case shows something with arguments too"
    for finding in found:
        assert finding.action.endswith(".")
        for flag in FLAG.findall(finding.action):
            plain = flag.replace("_", "-")
            inside = re.match(r"--\w+\.penalties\.", plain)  # an option of a member of the list
            assert plain in known or (inside and inside[0].rstrip(".") in known), (finding.name, finding.action)


SETTING = re.compile(
    r"(--[a-z][\w.-]*\w) (true|hinge|nonsaturating|learned|[a-z]+(?:,[a-z]+)+|(?<=--patience )2)(?=[ ,.]|$)"
)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "recipe"), PAIRS)
def test_what_a_run_has_already_is_not_advised(case, recipe):
    """Each word that was advised as the value of a flag, once it is taken; and what cannot be less is not made less."""
    rows, spec = MADE[case], spec_of(recipe, steps=800)
    taken = [pair for finding in diagnose(Record(rows, spec)) for pair in SETTING.findall(finding.action)]
    for flag, value in taken:
        *groups, name = flag.removeprefix("--").replace("-", "_").split(".")
        arguments = dict(spec.arguments)
        inside = arguments
        for group in groups:
            inside[group] = dict(inside[group])
            inside = inside[group]
        inside[name] = value == "true" or (int(value) if value.isdigit() else value)
        facts = {**spec.facts, "augment": value} if name == "augment" else spec.facts
        again = " ".join(
            finding.action for finding in diagnose(Record(rows, replace(spec, arguments=arguments, facts=facts)))
        )
        assert f"{flag} {value}" not in again, again


def test_what_cannot_be_less_is_not_made_less():
    spec = spec_of("images", conditional=True, l2_generator=0.0)
    assert spec.arguments["discriminator"]["turns"] == 1
    for case, words in (
        ("generator collapse", "a weaker --l2-generator"), ("vanishing gradient", "fewer --discriminator.turns"),
        ("partial collapse", "--conditional"),
    ):  # fmt: skip
        assert words not in action(CASES[case](), spec), case
    more = spec_of("images", l2_generator=1e-3)
    assert "a weaker --l2-generator" in action(CASES["generator collapse"](), more)


def test_the_likelihood_of_an_auto_encoder_is_a_distribution_and_not_advised_to_be_larger():
    said = action(CASES["generator collapse"](), spec_of("vae", objective="vae_gan"))
    assert "--likelihood" not in said and "a larger --pixels" in said
    assert "a larger --likelihood" in action(CASES["generator collapse"](), spec_of("text", likelihood="linear:2:1"))


@pytest.mark.parametrize(("scores", "advised"), [(0, False), (2, False), (3, True)])
def test_patience_is_advised_where_it_can_end_a_run(scores, advised):
    rows = encoded(objective_heldout=lambda t: 98 + 30 * abs(t - 0.3))
    said = action(rows, spec_of("vae", scores=scores))
    assert ("--patience 2" in said) == advised


@pytest.mark.parametrize(
    ("strength", "share", "advised"),
    [(1e-6, 5e-7, "--l2-discriminator 0.002 for a share of about a thousandth, or 0"),
     (1e-3, 1e-12, "--l2-discriminator 1, or 0"),
     (1.0, 1e-9, "--l2-discriminator 0: it may be left out"), (5.0, 0.0, "--l2-discriminator 0: it may be left out")],
)  # fmt: skip
def test_a_strength_that_does_nothing_is_never_made_less_but_for_0(strength, share, advised):
    rows = with_share(record(), "discriminator", share)
    for row in rows:
        row |= {key: strength for key in row if key.endswith("/l2.strength")}
    said = [one.action for one in diagnose(Record(rows)) if one.name == "strength without effect"]
    assert said and advised in said[0], said


@pytest.mark.parametrize("name", ["L2", "poise.penalties.L2"])
def test_an_l2_among_the_penalties_is_advised_where_it_stands(name):
    listed = [{"class_path": name, "init_args": {"strength": 1e-12}}]
    spec = spec_of("images", discriminator={"penalties": listed})
    said = action(with_share(record(), "discriminator", 1e-13), spec)
    assert "--discriminator.penalties.strength 1 of L2" in said and "--l2-discriminator" not in said


def test_every_symptom_and_every_recipe_is_gone_over():
    assert set(CASES) == set(names("symptom")) and set(PLAYERS) == set(RECIPES)
    assert {case for case, _ in PAIRS} == set(MADE)


def action(rows, spec):
    (finding,) = diagnose(Record(rows, spec))
    return finding.action


def test_what_a_recipe_lacks_is_left_out():
    collapsed = CASES["partial collapse"]
    assert "--conditional" in action(collapsed(), spec_of("images"))
    text = action(collapsed(), spec_of("text"))
    assert "--conditional" not in text and "--likelihood" in text
    overfit = CASES["discriminator overfitting"]
    assert "=R1" in action(overfit(), spec_of("images"))
    text = action(overfit(), spec_of("text"))
    assert "R1" not in text and "--discriminator.dropout" in text, "R1 on one-hot rows silences D"
    copied = CASES["memorisation"]
    assert "--generator.width" in action(copied(), spec_of("images"))
    assert "--generator.hidden" in action(copied(), spec_of("text"))


def test_remedies_for_overfitting_are_those_that_are_not_in_force_yet():
    overfit = fitted(nll_heldout=v(0.25, 0.8))
    said = action(overfit, spec_of("language"))
    for part in ("--model.dropout_output 0.3", "--ar 2", "--l2-recurrent 0.0001", "--patience 2", "--step best"):
        assert part in said, said
    dropped = {"dropout_output": 0.5, "weight_drop": 0.4}
    said = action(overfit, spec_of("language", model=dropped, ar=1.0, patience=2, scores=4))
    assert "--model.dropout_output" not in said and "--model.weight_drop 0.5" in said
    assert "--ar" not in said and "--patience" not in said
    said = action(fitted(player="generator", nll_heldout=v(0.25, 0.8)), spec_of("text", scores=0))
    assert "--generator.dropout 0.4" in said and "--warm-steps" in said and "--step best" not in said
    relational = {"network": "relational", "generator": {"dropout": 0.0}}
    assert "dropout" not in action(fitted(player="generator", nll_heldout=v(0.25, 0.8)), spec_of("text", **relational))


def test_the_learning_rate_of_the_likelihood_stage_has_a_flag_of_its_own():
    spec = replace(spec_of("text"), facts={"stages": [["likelihood", 2000], ["adversarial", 800]]})
    rows = fitted(player="generator")
    assert rate_option(Record(rows, spec), "generator") == "generator.warm_lr"
    late = [row | {"step": row["step"] + 2000} for row in rows]
    assert rate_option(Record(late, spec), "generator") == "generator.lr"
    assert rate_option(Record(rows), "generator") == "generator.lr"


@pytest.mark.parametrize(
    ("recipe", "name", "flag"),
    [
        ("images", "generator/l2", "--l2-generator 0.001"),
        ("images", "generator/weight_decay", "a strength of 0.001 for weight_decay on the generator"),
        ("text", "generator/l2_rows", "--l2-embedding 0.001"),
        ("language", "model/l2_embedding", "--l2-embedding 0.001"),
        ("language", "model/tar", "--tar 0.001"),
    ],
)
def test_a_penalty_is_named_by_its_flag(recipe, name, flag):
    assert strength_flag(Record([], spec_of(recipe)), name, 1e-3) == flag


def test_ideas_are_joined_as_one_says_them():
    images = Record([], spec_of("images"))
    ema, ar, batch, more = idea("{} 0.9", "ema"), idea("{} 2", "ar"), idea("{} 8", "batch"), idea("more data")
    assert advice(images) == advice(images, None, ar) == ""
    assert advice(images, ema, None) == "Try --ema 0.9."
    assert advice(images, ema, more) == "Try --ema 0.9 or more data."
    assert advice(images, ema, ar, batch, more) == "Try --ema 0.9, --batch 8, or more data."
    assert idea("{} or {}", "l2-generator", "generator.lr").text(images) == "--l2-generator or --generator.lr"
    strong = r1(images, "1", "R1 ({})")
    assert strong == Idea("R1 ({}+=R1 {}=1)", ("discriminator.penalties", "discriminator.penalties.gamma"))


def test_a_recipe_says_in_its_facts_what_it_has_and_what_does_not_help_there():
    """And of a run whose facts say nothing of it, it is known from what was asked for."""
    overfit = fitted(player="generator", nll_heldout=v(0.25, 0.8))
    text = spec_of("text")
    assert "--generator.dropout" in action(overfit, text)
    for without in (replace(text, facts={"not_advised": ["dropout"]}), spec_of("text", network="relational")):
        assert not Record([], without).advises("dropout") and "--generator.dropout" not in action(overfit, without)
    stages = [["first", 2000], ["likelihood", 2000]]
    said = replace(text, facts={"stages": stages, "learning_rates": {"first": "warm_lr"}})
    silent = replace(text, facts={"stages": stages})
    for spec, step, name in ((said, 0, "warm_lr"), (said, 2000, "lr"), (silent, 0, "lr"), (silent, 2000, "warm_lr")):
        assert rate_option(Record([{"step": step}], spec), "generator") == f"generator.{name}"
