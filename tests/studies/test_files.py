"""What a study's file says, in three languages; what cannot be is one sentence that names the file and the place."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path

import pytest
import yaml

from poise.errors import PoiseError
from poise.studies.plans.files import plan_of, read_plan
from poise.studies.running.tasks import merged, tasks_of

TABLE = {
    "name": "small",
    "question": "Does it help?",
    "seeds": "10..12",
    "against": "none",
    "recipe": "images",
    "arguments": {"data": "photos", "steps": 100, "discriminator": {"width": 8}},
    "arms": {
        "none": {"l2_discriminator": 0},
        "L2": {"l2_discriminator": 1e-3, "discriminator": {"depth": 2}},
        "R1": {"discriminator": {"penalties": [{"class_path": "R1", "init_args": {"gamma": 1}}]}},
    },
    "endpoints": {"KID": {"score": "KID-classifier", "at": "best", "better": "lower", "margin": "10%"}},
    "claims": [{"says": "L2 helps", "tests": [{"endpoint": "KID", "arm": "L2", "expect": "lower"}]}],
}
TOML = """
name = "small"
question = "Does it help?"
seeds = "10..12"
against = "none"
recipe = "images"
arguments = {data = "photos", steps = 100, discriminator = {width = 8}}
endpoints.KID = {score = "KID-classifier", at = "best", better = "lower", margin = "10%"}
[arms]
none = {l2_discriminator = 0}
L2 = {l2_discriminator = 1e-3, discriminator = {depth = 2}}
R1 = {discriminator = {penalties = [{class_path = "R1", init_args = {gamma = 1}}]}}
[[claims]]
says = "L2 helps"
tests = [{endpoint = "KID", arm = "L2", expect = "lower"}]
"""


def test_three_languages_say_the_same(tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(TABLE, sort_keys=False))
    (tmp_path / "a.toml").write_text(TOML)
    (tmp_path / "a.py").write_text(f"STUDY = {TABLE!r}\n")
    assert tomllib.loads(TOML) == TABLE
    plans = [read_plan(tmp_path / f"a.{end}") for end in ("yaml", "toml", "py")]
    assert plans[0] == plans[1] == plans[2]
    assert plans[0].parts[0].seeds == [10, 11, 12]
    assert plans[0].parts[0].endpoints[0].margin == pytest.approx(0.1) and plans[0].parts[0].endpoints[0].relative
    json.dumps(plans[0].to_dict())


def test_numbers_with_an_exponent_are_numbers_in_yaml(tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(TABLE, sort_keys=False).replace("0.001", "1e-3"))
    assert "1e-3" in (tmp_path / "a.yaml").read_text()
    assert read_plan(tmp_path / "a.yaml").parts[0].arms[1].arguments["l2_discriminator"] == 1e-3


def test_arms_are_paired_by_seed_and_change_what_they_say_alone():
    tasks = tasks_of(plan_of(TABLE))
    assert [(t.seed, t.arm) for t in tasks] == [(s, a) for s in (10, 11, 12) for a in ("none", "L2", "R1")]
    by = {(t.arm, t.seed): t.arguments for t in tasks}
    assert by["L2", 10]["discriminator"]["width"] == 8 and by["L2", 10]["discriminator"]["depth"] == 2
    assert by["none", 10]["threads"] == 1 and by["none", 11]["seed"] == 11
    different = {key for key in by["L2", 10] if by["L2", 10][key] != by["R1", 10][key]}
    assert different == {"discriminator", "l2_discriminator"}, "the default λ comes back where an arm does not set it"
    assert len({t.name for t in tasks}) == 9


def test_equal_specs_are_one_run():
    table = copy.deepcopy(TABLE)
    table["arms"]["again"] = dict(table["arms"]["none"])
    assert len({t.name for t in tasks_of(plan_of(table))}) == 9


def test_merging_goes_into_groups_and_replaces_lists():
    below = {"a": {"x": 1, "y": [1]}, "b": 2}
    assert merged(below, {"a": {"y": [3]}, "c": 4}) == {"a": {"x": 1, "y": [3]}, "b": 2, "c": 4}
    assert below == {"a": {"x": 1, "y": [1]}, "b": 2}


def changed(*path_and_value):
    *path, value = path_and_value
    table = copy.deepcopy(TABLE)
    place = table
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return table


BAD = {
    "no table": ([1], "a study is a table"),
    "unknown key": (changed("sedes", 3), "the study has no 'sedes'; did you mean 'seeds'"),
    "no recipe": (changed("recipe", None), "needs a recipe"),
    "unknown recipe": (changed("recipe", "imagse"), "'imagse'; did you mean 'images'"),
    "one arm": (changed("arms", {"none": {}}), "at least two arms"),
    "arms are no table": (changed("arms", [1]), "needs arms"),
    "an arm is no table": (changed("arms", "L2", 3), "arm 'L2' must be a table of arguments"),
    "unknown argument": (changed("arms", "L2", "l2_discriminato", 1), "part 'images', arm 'L2'"),
    "against nothing": (changed("against", "nine"), "no arm 'nine'; did you mean 'none'"),
    "no seeds": (changed("seeds", None), "seeds must be"),
    "seeds backwards": (changed("seeds", "5..1"), "seeds must be"),
    "seeds of three ends": (changed("seeds", "1..2..3"), "seeds must be"),
    "seeds of raised digits": (changed("seeds", "²..5"), "seeds must be"),
    "negative seeds": (changed("seeds", [1, -1]), "seeds must be"),
    "a seed twice": (changed("seeds", [1, 1]), "one twice"),
    "no seeds at all": (changed("seeds", 0), "seeds must be"),
    "unknown reading": (changed("endpoints", "KID", {"scoer": "x", "better": "lower"}), "did you mean 'score'"),
    "reading lacks": (changed("endpoints", "KID", {"score": "x", "better": "lower"}), "missing a required argument"),
    "at where": (changed("endpoints", "KID", "at", "worst"), "use best or end"),
    "over what": (changed("endpoints", "KID", {"mean": "a/b", "over": "last bit", "better": "lower"}), "whole run"),
    "better": (changed("endpoints", "KID", "better", "greener"), "better must be lower or higher"),
    "scale": (changed("endpoints", "KID", "scale", "log"), "scale must be difference or ratio"),
    "margin": (changed("endpoints", "KID", "margin", "-10%"), "margin must be a number above 0"),
    "margin of words": (changed("endpoints", "KID", "margin", "some"), "margin must be a number above 0"),
    "alpha": (changed("alpha", 5.0), "alpha must be above 0"),
    "claims": (changed("claims", "L2 helps"), "claims must be a list"),
    "claim says nothing": (changed("claims", [{"tests": []}]), "claim 1 must be a table with says and tests"),
    "claim without tests": (changed("claims", [{"says": "x"}]), "claim 1 needs tests"),
    "test lacks": (changed("claims", 0, "tests", [{"arm": "L2"}]), "test 1 needs endpoint and expect"),
    "test of an unknown arm": (changed("claims", 0, "tests", 0, "arm", "L3"), "no arm 'L3'; did you mean 'L2'"),
    "test of itself": (changed("claims", 0, "tests", 0, "arm", "none"), "with itself"),
    "test expects": (changed("claims", 0, "tests", 0, "expect", "magic"), "expect must be"),
    "guard": (changed("claims", 0, "tests", 0, "provided", {"KID": "much"}), "provided must be"),
    "guard unknown": (changed("claims", 0, "tests", 0, "provided", {"KIT": 1}), "no endpoint 'KIT'; did you mean"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD)
def test_bad_studies_are_told_in_one_sentence(case, tmp_path):
    table, expected = BAD[case]
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(table))
    with pytest.raises(PoiseError, match=r"^[^\n]*$") as told:
        tasks_of(read_plan(tmp_path / "bad.yaml"))
    assert expected in str(told.value)


def test_no_worse_needs_a_margin():
    table = changed("claims", 0, "tests", 0, "expect", "no worse")
    assert plan_of(table).claims[0].tests[0].expect == "no worse"
    del table["endpoints"]["KID"]["margin"]
    with pytest.raises(PoiseError, match="needs a margin"):
        plan_of(table)


def test_a_study_of_several_parts(tmp_path):
    part = {key: TABLE[key] for key in ("recipe", "arguments", "arms", "endpoints")}
    table = {"seeds": 2, "parts": {"a": part, "b": {**part, "seeds": 3, "against": "L2"}}}
    plan = plan_of(table, "both")
    assert (plan.name, [p.name for p in plan.parts], [p.against for p in plan.parts]) == (
        "both",
        ["a", "b"],
        ["none", "L2"],
    )
    order = [(t.seed, t.part) for t in tasks_of(plan)]
    assert order == [(0, "a")] * 3 + [(0, "b")] * 3 + [(1, "a")] * 3 + [(1, "b")] * 3 + [(2, "b")] * 3
    with pytest.raises(PoiseError, match="must say which part"):
        plan_of({**table, "claims": TABLE["claims"]})


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.yaml", None, "there is no such file"),
        ("a.yaml", "a: [", "a.yaml cannot be read"),
        ("a.toml", "a = ", "a.toml cannot be read"),
        ("a.py", "x = 1", "must set STUDY"),
        ("a.py", "1 / 0", "stops with ZeroDivisionError"),
        ("a.py", "def (", "stops with SyntaxError"),
    ],
)
def test_files_that_are_no_study(name, content, expected, tmp_path):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(PoiseError, match=r"^[^\n]*$") as told:
        read_plan(tmp_path / name)
    assert expected in str(told.value)


def test_what_a_claim_says_is_what_is_tested():
    """The arm that it names stands before that of the part; a margin of a ratio is a part, also without the sign."""
    table = changed("claims", 0, "tests", 0, "against", "R1")
    table["claims"][0] |= {"because": "theory"}
    table["claims"][0]["tests"][0]["provided"] = {"KID": 1}
    table["endpoints"] |= {
        "until": {"steps_until": "KID", "below": 3, "better": "lower", "scale": "ratio", "margin": 0.2},
        "gap": {"mean": "d/gap", "over": "whole run", "better": "lower", "margin": 0.2},
    }
    plan = plan_of({**table, "alpha": 0.01, "notes": "Seeds are fixed."})
    ((test,), because) = plan.claims[0].tests, plan.claims[0].because
    assert (test.part, test.endpoint, test.arm, test.against, test.expect) == ("images", "KID", "L2", "R1", "lower")
    assert test.provided == ("KID", 1.0) and because == "theory"
    kid, until, gap = plan.parts[0].endpoints
    assert [(e.scale, e.margin, e.relative) for e in (kid, until, gap)] == [
        ("difference", 0.1, True), ("ratio", 0.2, True), ("difference", 0.2, False)
    ]  # fmt: skip
    assert (plan.alpha, plan.facts, plan.name) == (0.01, {"notes": "Seeds are fixed."}, "small")


@pytest.mark.parametrize("name", ["4e-3", "1.0e-3", "off", "010", "2026-11-29", "1_000", "0x10", "1:30", "~x"])
def test_whatever_looks_like_a_number_is_a_name_wherever_names_stand(tmp_path, name):
    """Parts, arms and endpoints, where they are named and where they are meant."""
    (tmp_path / "a.yaml").write_text(
        f"against: {name}\nseeds: 5\n"
        f"parts:\n  {name}:\n    recipe: images\n    arguments: {{steps: 1e3}}\n"
        f"    arms: {{{name}: {{}}, L2: {{l2_generator: 1e-3}}}}\n"
        f"    endpoints: {{{name}: {{score: KID, at: best, better: lower}}}}\n"
        f"claims:\n  - says: yes\n"
        f"    tests: [{{part: {name}, endpoint: {name}, arm: L2, against: {name}, expect: lower}}]\n"
    )
    plan = read_plan(tmp_path / "a.yaml")
    part, test = plan.parts[0], plan.claims[0].tests[0]
    assert [part.name, part.against, part.arms[0].name, part.endpoints[0].name] == [name] * 4
    assert [test.part, test.against, test.endpoint] == [name] * 3
    assert part.arguments == {"steps": 1000.0} and part.arms[1].arguments == {"l2_generator": 0.001}


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "studies").glob("*.yaml")), ids=lambda p: p.stem)
def test_each_study_of_our_own_is_a_plan(path):
    assert read_plan(path).parts
