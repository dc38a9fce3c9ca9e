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
import runpy
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from poise.errors import PoiseError, nearest
from poise.trials import readings
from poise.trials.plan import Arm, Claim, Endpoint, Part, Plan, Test, named

STUDY_KEYS = ("name", "question", "seeds", "against", "parts", "claims", "alpha", "notes")
PART_KEYS = ("recipe", "arguments", "arms", "seeds", "against", "endpoints")
CLAIM_KEYS = ("says", "because", "tests")
TEST_KEYS = ("part", "endpoint", "arm", "against", "expect", "provided")
OF_ENDPOINT = ("better", "scale", "margin")
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
EXPECTED = ("lower", "higher", "no worse")


def read_plan(path: str | Path) -> Plan:
    """The plan in a file. Errors: PoiseError, one sentence that names the file, the key and what to do."""
    path = Path(path)
    table = _table(path)
    try:
        return plan_of(table, path.stem)
    except PoiseError as error:
        raise PoiseError(f"{path}: {error}") from None


def _table(path: Path) -> Any:
    if not path.is_file():
        raise PoiseError(f"{path}: there is no such file; name a study's .yaml, .toml or .py file")
    try:
        if path.suffix == ".py":
            found = executed(str(path))
            if "STUDY" not in found:
                raise PoiseError(f"{path} must set STUDY to a table with name, recipe, arms, seeds and endpoints")
            return found["STUDY"]
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else _numbers(yaml.safe_load(text))
    except PoiseError:
        raise
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PoiseError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    except Exception as error:  # what a user's own Python file may raise
        raise PoiseError(f"{path} stops with {type(error).__name__}: {' '.join(str(error).split())}") from None


def executed(path: str) -> dict[str, Any]:
    """What a Python file sets. Once in a process as long as it stays as it is: it may register recipes."""
    return _executed(path, Path(path).read_bytes())


@lru_cache
def _executed(path: str, content: bytes) -> dict[str, Any]:
    return runpy.run_path(path)


def _numbers(value: Any) -> Any:
    """1e-3 is a number, whatever the YAML of 2005 says."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value


def plan_of(table: Any, name: str = "study") -> Plan:
    """The plan that a table describes; `name` where it has none."""
    if not isinstance(table, Mapping):
        raise PoiseError(f"a study is a table with name, recipe, arms, seeds and endpoints, not {str(table)[:40]!r}")
    single = "parts" not in table
    _only(table, (*STUDY_KEYS, *PART_KEYS) if single else STUDY_KEYS, "the study")
    parts = {str(table.get("recipe", "study")): table} if single else _mapping(table, "parts", "the study")
    built = [_part(str(key), value, table) for key, value in parts.items()]
    if not built:
        raise PoiseError("parts: there is none; give at least one with recipe, arms, seeds and endpoints")
    claims = [_claim(entry, built, i) for i, entry in enumerate(_list(table, "claims", "the study"))]
    alpha = table.get("alpha", 0.05)
    if not isinstance(alpha, float) or not 0 < alpha < 1:
        raise PoiseError(f"alpha must be above 0 and below 1, such as 0.05, not {alpha!r}")
    facts = {"notes": table["notes"]} if "notes" in table else {}
    return Plan(str(table.get("name", name)), str(table.get("question", "")), built, claims, alpha, facts)


def _part(name: str, table: Any, study: Mapping[str, Any]) -> Part:
    where = f"part '{name}'"
    if not isinstance(table, Mapping):
        raise PoiseError(f"{where} must be a table with recipe, arms and endpoints, not {str(table)[:40]!r}")
    if table is not study:
        _only(table, PART_KEYS, where)
    if not isinstance(table.get("recipe"), str):
        raise PoiseError(f"{where} needs a recipe, such as recipe: images")
    arms = [Arm(str(key), dict(value or {})) for key, value in _mapping(table, "arms", where).items()]
    endpoints = [_endpoint(str(key), value, where) for key, value in _mapping(table, "endpoints", where).items()]
    if len(arms) < 2 or not endpoints:
        raise PoiseError(f"{where} needs at least two arms and one endpoint")
    against = table.get("against", study.get("against", arms[0].name))
    named(arms, str(against), f"{where}: against: there is no arm")
    arguments = _mapping(table, "arguments", where) if "arguments" in table else {}
    seeds = _seeds(table.get("seeds", study.get("seeds")), where)
    return Part(name, table["recipe"], dict(arguments), arms, seeds, str(against), endpoints)


def _endpoint(name: str, table: Any, where: str) -> Endpoint:
    where = f"{where}, endpoint '{name}'"
    if not isinstance(table, Mapping):
        raise PoiseError(f"{where} must say what it reads, such as {{score: NLL, at: best, better: lower}}")
    reads = {key: value for key, value in table.items() if key not in OF_ENDPOINT}
    readings.check(reads, where)
    better, scale, margin = table.get("better"), table.get("scale", "difference"), table.get("margin")
    if better not in ("lower", "higher"):
        raise PoiseError(f"{where}: better must be lower or higher, not {better!r}")
    if scale not in ("difference", "ratio"):
        raise PoiseError(f"{where}: scale must be difference or ratio, not {scale!r}")
    relative = isinstance(margin, str) and margin.strip().endswith("%")
    try:
        size = None if margin is None else float(str(margin).strip().removesuffix("%")) / (100 if relative else 1)
    except ValueError:
        size = -1.0
    if size is not None and not 0 < size < float("inf"):
        raise PoiseError(f"{where}: margin must be a number above 0 or a percentage such as 10%, not {margin!r}")
    return Endpoint(name, reads, better, scale, size, relative or (scale == "ratio" and size is not None))


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
    if entry["expect"] not in EXPECTED:
        raise PoiseError(f"{where}: expect must be {', '.join(EXPECTED[:2])} or {EXPECTED[2]}, not {entry['expect']!r}")
    if entry["expect"] == "no worse" and endpoint.margin is None:
        raise PoiseError(f"{where}: 'no worse' needs a margin of the endpoint '{endpoint.name}', such as margin: 10%")
    provided = None
    if "provided" in entry:
        guards = list(_mapping(entry, "provided", where).items())
        if len(guards) != 1 or not isinstance(guards[0][1], int | float):
            raise PoiseError(f"{where}: provided must be one endpoint and its least mean, such as {{D alive: 1}}")
        provided = (part.endpoint(str(guards[0][0])).name, float(guards[0][1]))
    return Test(part.name, endpoint.name, arm.name, against.name, entry["expect"], provided)


def _seeds(value: Any, where: str) -> list[int]:
    """A number of them, the first and the last, or a list."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return list(range(value))
    if isinstance(value, str) and all(part.strip().isdigit() for part in value.split("..")) and ".." in value:
        first, last = (int(part) for part in value.split(".."))
        if last >= first:
            return list(range(first, last + 1))
    if isinstance(value, Sequence) and value and all(isinstance(s, int) and s >= 0 for s in value):
        if len(set(value)) != len(value):
            raise PoiseError(f"{where}: seeds has one twice: {list(value)}")
        return list(value)
    raise PoiseError(f"{where}: seeds must be a number of them, FIRST..LAST or a list of numbers, not {value!r}")


def _mapping(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    found = table.get(key)
    if not isinstance(found, Mapping) or not all(isinstance(v, Mapping) or key != "arms" for v in found.values()):
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
