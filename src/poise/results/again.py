"""The command that makes a run again, and the file that makes a study again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from poise.disk.description import Arguments, RunSpec
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.further.lengthening import line_of
from poise.runs.load import check_classes
from poise.specs.spec import completed, of_before, parser_for
from poise.studies.comparison.content import json_safe
from poise.studies.plans.plan import Claim, Endpoint, Part, Plan
from poise.terminal import pasted


def again(folder: RunFolder) -> str:
    """`poise train RECIPE DATA --flag=value ...` with what differs from the defaults, which gives the same run by its
    arguments; where that cannot be written as a command, the arguments as YAML for --config. Nothing is executed that
    the user has not named before."""
    spec = folder.spec()
    longer = f"\nLengthened {line_of(spec.lengthened)}: poise resume RUN --steps MORE" if spec.lengthened else ""
    try:
        check_classes(folder, spec)
        words = _words(spec)
        if parser_for(spec.recipe).parse(words[3:]) == of_before(spec.recipe, spec.arguments):
            return " ".join(map(pasted, words)) + longer
    except (PoiseError, KeyError, TypeError, ValueError):
        pass
    command = f"poise train {pasted(spec.recipe)} --config FILE"
    return f"{command}    with this in FILE, a .yaml:\n\n{_yaml(spec.arguments)}{longer}"


def _words(spec: RunSpec) -> list[str]:
    data = str(spec.arguments["data"])
    known = of_before(spec.recipe, spec.arguments)
    defaults = completed(spec.recipe, {"data": data})
    mine, theirs = _flat(known), _flat(defaults)
    flags = [
        f"--{name.replace('_', '-')}={_written(value)}"
        for name, value in mine.items()
        if name != "data" and (name not in theirs or theirs[name] != value)
    ]
    return ["poise", "train", spec.recipe, data, *flags]


def _flat(table: Mapping[str, object], above: str = "") -> Arguments:
    """Groups as generator.lr; what has a class path stays a table."""
    found: Arguments = {}
    for name, value in table.items():
        if isinstance(value, Mapping) and value and "class_path" not in value:
            found |= _flat(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = value
    return found


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def plan_again(plan: Plan) -> str:
    """The plan as a study's file in YAML: what `poise study FILE` reads is the same plan."""
    table = {"name": plan.name, "question": plan.question, "alpha": plan.alpha, **plan.facts}
    parts = {part.name: _part(part) for part in plan.parts}
    return _yaml(json_safe({**table, "parts": parts, "claims": [_claim(claim) for claim in plan.claims]}))


def _part(part: Part) -> dict[str, object]:
    arms = {arm.name: arm.arguments for arm in part.arms}
    endpoints = {endpoint.name: _endpoint(endpoint) for endpoint in part.endpoints}
    more = {"against": part.against, "seeds": list(part.seeds), "arguments": part.arguments}
    return {"recipe": part.recipe, **more, "arms": arms, "endpoints": endpoints}


def _endpoint(endpoint: Endpoint) -> dict[str, object]:
    found = {**endpoint.reads, "better": endpoint.better, "scale": endpoint.scale}
    if endpoint.margin is not None:
        per_cent = endpoint.relative and endpoint.scale != "ratio"
        found["margin"] = f"{100 * endpoint.margin:.15g}%" if per_cent else endpoint.margin
    return found


def _claim(claim: Claim) -> dict[str, object]:
    tests = []
    for test in claim.tests:
        kept = {name: value for name, value in vars(test).items() if name != "provided"}
        tests.append({**kept, "provided": dict([test.provided])} if test.provided else kept)
    return {"says": claim.says, "because": claim.because, "tests": tests}


def _yaml(content: object) -> str:
    import yaml  # type: ignore[import-untyped]

    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))
