"""A study's file -> `Plan`: YAML, TOML, or Python that sets STUDY to the same table (and may register recipes).

    name: fewer-pictures
    question: Does L2 help with 2,000 pictures?
    seeds: 10                      # 0 to 9; or 100..109, or a list
    against: none                  # the arm that the others are compared with
    recipe: images
    arguments: {data: fashion-mnist, limit: 2000, steps: 2000}
    arms:
      none: {l2_generator: 0, l2_discriminator: 0}
      both: {l2_generator: 1e-3, l2_discriminator: 1e-3}
    endpoints:
      KID at the best step: {score: KID-classifier, at: best, better: lower, margin: 10%}
    claims:
      - says: L2 on both players improves generalisation
        tests: [{endpoint: KID at the best step, arm: both, expect: lower}]

Instead of recipe, arguments, arms and endpoints there may be `parts`: name -> a table with these, for a study of
several recipes; their seeds and the arm to compare with stand in for those of the study.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from poise.direction import ONE_WAY
from poise.errors import PoiseError, nearest
from poise.studies.plans import readings
from poise.studies.plans.plan import LONGEST, Arm, Claim, Endpoint, Part, Plan, Test, fits_a_folder, named
from poise.studies.plans.tables import executed, table_of

__all__ = ["executed", "plan_of", "read_plan"]

STUDY_KEYS = ("name", "question", "seeds", "against", "parts", "claims", "alpha", "notes")
PART_KEYS = ("recipe", "arguments", "arms", "seeds", "against", "endpoints")
CLAIM_KEYS = ("says", "because", "tests")
TEST_KEYS = ("part", "endpoint", "arm", "against", "expect", "provided")
OF_ENDPOINT = ("better", "scale", "margin")
MOST = 10_000  # seeds
SPAN = re.compile(r"\s*(\d+)\s*\.\.\s*(\d+)\s*")  # FIRST..LAST
EXPECTED = (*ONE_WAY, "no worse")


def read_plan(path: str | Path) -> Plan:
    """The plan in a file. Errors: PoiseError, one sentence that names the file, the key and what to do."""
    path = Path(path)
    table = table_of(path)
    try:
        return plan_of(table, path.stem)
    except PoiseError as error:
        raise PoiseError(f"{path}: {error}") from None


def plan_of(table: Any, name: str = "study") -> Plan:
    """The plan that a table describes; `name` where it has none."""
    if not isinstance(table, Mapping):
        raise PoiseError(f"a study is a table with name, recipe, arms, seeds and endpoints, not {str(table)[:40]!r}")
    if "parts" in table:
        _only(table, STUDY_KEYS, "the study")
        parts = _mapping(table, "parts", "the study")
    else:
        _only(table, (*STUDY_KEYS, *PART_KEYS), "the study")
        parts = {str(table.get("recipe", "study")): table}
    built = [_part(_name(key, "a part"), value, table) for key, value in parts.items()]
    if not built:
        raise PoiseError("parts: there is none; give at least one with recipe, arms, seeds and endpoints")
    claims = [_claim(entry, built, i) for i, entry in enumerate(_list(table, "claims", "the study"))]
    alpha = table.get("alpha", 0.05)
    if not isinstance(alpha, float) or not 0 < alpha < 1:
        raise PoiseError(f"alpha must be above 0 and below 1, such as 0.05, not {alpha!r}")
    facts = {}
    if "notes" in table:
        facts["notes"] = table["notes"]
    called = _name(table.get("name", name), "name")
    if not fits_a_folder(called):
        raise PoiseError(
            f"name: '{called[:40]}' cannot be that of a folder: at most {LONGEST} letters, no / and no dot first"
        )
    return Plan(called, str(table.get("question", "")), built, claims, alpha, facts)


def _part(name: str, table: Any, study: Mapping[str, Any]) -> Part:
    where = f"part '{name}'"
    if not isinstance(table, Mapping):
        raise PoiseError(f"{where} must be a table with recipe, arms and endpoints, not {str(table)[:40]!r}")
    if table is not study:
        _only(table, PART_KEYS, where)
    if not isinstance(table.get("recipe"), str):
        raise PoiseError(f"{where} needs a recipe, such as recipe: images")
    arms = [_arm(_name(key, f"{where}, an arm"), value, where) for key, value in _mapping(table, "arms", where).items()]
    told = _mapping(table, "endpoints", where)
    endpoints = [_endpoint(_name(key, f"{where}, an endpoint"), value, where) for key, value in told.items()]
    if len(arms) < 2 or not endpoints:
        raise PoiseError(f"{where} needs at least two arms and one endpoint")
    called = [arm.name for arm in arms]
    if len(set(called)) < len(called):
        raise PoiseError(f"{where}: two arms have the same name: {', '.join(called)}")
    against = table.get("against", study.get("against", arms[0].name))
    named(arms, str(against), f"{where}: against: there is no arm")
    arguments: Mapping[str, Any] = {}
    if "arguments" in table:
        arguments = _mapping(table, "arguments", where)
    _no_seed(arguments, f"{where}: arguments")
    seeds = _seeds(table.get("seeds", study.get("seeds")), where)
    return Part(name, table["recipe"], dict(arguments), arms, seeds, str(against), endpoints)


def _arm(name: str, arguments: Any, where: str) -> Arm:
    """`arguments`: a table, or nothing for those of the part."""
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        raise PoiseError(
            f"{where}: arm '{name}' must be a table of arguments, such as {{l2_generator: 0}}, not {arguments!r}"
        )
    _no_seed(arguments, f"{where}, arm '{name}'")
    return Arm(name, dict(arguments))


def _no_seed(arguments: Mapping[str, Any], where: str) -> None:
    if "seed" in arguments:
        raise PoiseError(f"{where} sets a seed: take it out, the study's own seeds go to every arm alike (seeds: 10)")


def _name(value: Any, where: str) -> str:
    """A name as it stands in tables and plots: one line of characters that can be seen."""
    name = str(value).strip()
    if not name or not name.isprintable():
        raise PoiseError(f"{where}: {str(value)[:40]!r} is no name: use letters, digits and spaces")
    return name


def _endpoint(name: str, table: Any, where: str) -> Endpoint:
    where = f"{where}, endpoint '{name}'"
    if not isinstance(table, Mapping):
        raise PoiseError(f"{where} must say what it reads, such as {{score: NLL, at: best, better: lower}}")
    reads = {key: value for key, value in table.items() if key not in OF_ENDPOINT}
    readings.check(reads, where)
    better, scale = table.get("better"), table.get("scale", "difference")
    if better not in ONE_WAY:
        raise PoiseError(f"{where}: better must be lower or higher, not {better!r}")
    if scale not in ("difference", "ratio"):
        raise PoiseError(f"{where}: scale must be difference or ratio, not {scale!r}")
    margin = table.get("margin")
    if margin is None:
        return Endpoint(name, reads, better, scale)
    size, per_cent = _margin(margin, where)
    return Endpoint(name, reads, better, scale, size, relative=per_cent or scale == "ratio")


def _margin(margin: Any, where: str) -> tuple[float, bool]:
    """A margin as a number, and whether it was given in per cent."""
    per_cent = isinstance(margin, str) and margin.strip().endswith("%")
    try:
        size = float(str(margin).strip().removesuffix("%"))
    except ValueError:
        size = -1.0
    if per_cent:
        size /= 100
    if not 0 < size < float("inf"):
        raise PoiseError(f"{where}: margin must be a number above 0 or a percentage such as 10%, not {margin!r}")
    return size, per_cent


def _claim(entry: Any, parts: Sequence[Part], number: int) -> Claim:
    where = f"claim {number + 1}"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("says"), str):
        raise PoiseError(f"{where} must be a table with says and tests")
    _only(entry, CLAIM_KEYS, where)
    tests = [_test(test, parts, f"{where}, test {i + 1}") for i, test in enumerate(_list(entry, "tests", where))]
    if not tests:
        raise PoiseError(f"{where} needs tests, such as [{{endpoint: NAME, arm: NAME, expect: lower}}]")
    return Claim(entry["says"], tests, str(entry.get("because", "")))


def _test(entry: Any, parts: Sequence[Part], where: str) -> Test:
    if not isinstance(entry, Mapping):
        raise PoiseError(f"{where} must be a table with endpoint, arm and expect")
    _only(entry, TEST_KEYS, where)
    if "part" not in entry and len(parts) > 1:
        raise PoiseError(f"{where} must say which part it is of: {', '.join(part.name for part in parts)}")
    part = named(parts, str(entry.get("part", parts[0].name)), f"{where}: there is no part")
    missing = [key for key in ("endpoint", "arm", "expect") if key not in entry]
    if missing:
        raise PoiseError(f"{where} needs {' and '.join(missing)}")
    endpoint, arm = part.endpoint(str(entry["endpoint"])), part.arm(str(entry["arm"]))
    against = part.arm(str(entry.get("against", part.against)))
    if arm is against:
        raise PoiseError(f"{where} compares the arm '{arm.name}' with itself; name another with against")
    expect = entry["expect"]
    if expect not in EXPECTED:
        raise PoiseError(f"{where}: expect must be {', '.join(EXPECTED[:2])} or {EXPECTED[2]}, not {expect!r}")
    if expect == "no worse" and endpoint.margin is None:
        raise PoiseError(f"{where}: 'no worse' needs a margin of the endpoint '{endpoint.name}', such as margin: 10%")
    provided = None
    if "provided" in entry:
        guards = list(_mapping(entry, "provided", where).items())
        if len(guards) != 1 or not isinstance(guards[0][1], int | float):
            raise PoiseError(f"{where}: provided must be one endpoint and its least mean, such as {{D alive: 1}}")
        provided = (part.endpoint(str(guards[0][0])).name, float(guards[0][1]))
    return Test(part.name, endpoint.name, arm.name, against.name, expect, provided)


def _seeds(value: Any, where: str) -> list[int]:
    """A number of them, the first and the last, or a list."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST:
        return list(range(value))
    ends = SPAN.fullmatch(value) if isinstance(value, str) else None
    if ends is not None:
        first, last = map(int, ends.groups())
        if first <= last < first + MOST:
            return list(range(first, last + 1))
    if isinstance(value, Sequence) and value and all(map(_is_seed, value)):
        if len(set(value)) != len(value):
            raise PoiseError(f"{where}: seeds has one twice: {list(value)}")
        return list(value)
    raise PoiseError(
        f"{where}: seeds must be a number of them (at most {MOST:,}), FIRST..LAST or a list of numbers, not {value!r}"
    )


def _is_seed(value: Any) -> bool:
    return type(value) is int and value >= 0


def _mapping(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    found = table.get(key)
    if not isinstance(found, Mapping):
        raise PoiseError(f"{where} needs {key}, a table of names and values, not {str(found)[:40]!r}")
    return found


def _list(table: Mapping[str, Any], key: str, where: str) -> Sequence[Any]:
    found = table.get(key, [])
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise PoiseError(f"{where}: {key} must be a list, not {str(found)[:40]!r}")
    return found


def _only(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise PoiseError(f"{where} has no '{key}'{nearest(str(key), known, '.')} Known: {', '.join(known)}.")
