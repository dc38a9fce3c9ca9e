"""The winner of a search against the default, on seeds that the search never saw, as an ordinary study.

What is best of many trials is partly luck, so nothing is told of the trials themselves. The study has the arms
"default", "found", and for each penalty of what was found one without it: what it adds beside everything else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from poise.disk import write_atomically
from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.report.table import number
from poise.studies.comparison.outcome import Contrast, StudyOutcome
from poise.studies.comparison.text import change_text, seeds
from poise.studies.plans.plan import fits_a_folder
from poise.studies.running.attempt import FirstStepsFail, attempt
from poise.studies.study import Study
from poise.tuning.asked import FRESH, Asked, leaves
from poise.tuning.space import Value, at, put
from poise.tuning.trials import Tried
from poise.tuning.view import told_values

FILE, STUDY = "confirm.yaml", "confirm"
FOUND, DEFAULT = "found", "default"


def changes(asked: Asked, values: Mapping[str, Value]) -> Arguments:
    """The arguments that differ from those of the search, as tables."""
    placed = asked.space.placed(asked.arguments, values)
    found: Arguments = {}
    for name in leaves(placed):
        if at(placed, name) != at(asked.arguments, name):
            put(found, name, at(placed, name))
    return found


def refused_without(asked: Asked, best: Tried) -> dict[str, str]:
    """Name of a penalty -> why there can be no run of what was found without it."""
    found = {}
    for name in asked.space.strengths:
        values = {**best.values, name: asked.defaults[name]}
        if values in (best.values, asked.defaults):
            continue
        try:
            attempt(asked.recipe, asked.run_arguments(values, asked.first))
        except FirstStepsFail:  # an arm that diverges is one, too
            continue
        except PoiseError as error:
            found[name] = str(error)
    return found


def arms(asked: Asked, best: Tried, refused: Collection[str] = ()) -> dict[str, Arguments]:
    """Name -> arguments: found, default, and found without each of its penalties that the default does not have so, but
    for those without which runs are refused."""
    defaults = asked.defaults
    found: dict[str, Arguments] = {FOUND: changes(asked, best.values), DEFAULT: {}}
    for name in asked.space.strengths:
        if best.values[name] != defaults[name] and name not in refused:
            without = changes(asked, {**best.values, name: defaults[name]})
            if without:  # else it is the default itself
                found[f"without {name}"] = without
    return found


def _name(asked: Asked, folder: Path) -> str:
    """What the study is called: after its folder, whose name may be one that no study can have."""
    name = f"{folder.name}-confirmed"
    return name if fits_a_folder(name) else f"tune-{asked.digest}-confirmed"


def study_of(asked: Asked, best: Tried, folder: Path, refused: Collection[str] = ()) -> Study:
    """The study, whose plan is written as a file that `poise study` takes too."""
    endpoint = asked.endpoint
    shared = {name: value for name, value in asked.arguments.items() if name != "seed"}
    table = {
        "name": _name(asked, folder),
        "question": f"Is {told_values(best.values)} better than the default on fresh seeds?",
        "recipe": asked.recipe,
        "arguments": shared,
        "seeds": f"{FRESH + asked.first}..{FRESH + asked.first + asked.confirm - 1}",
        "against": FOUND,
        "arms": arms(asked, best, refused),
        "endpoints": {endpoint.name: {**endpoint.reads, "better": endpoint.better}},
        "claims": [
            {
                "says": "what was found is better than the default",
                "tests": [{"endpoint": endpoint.name, "arm": FOUND, "against": DEFAULT, "expect": endpoint.better}],
            }
        ],
    }
    write_atomically(folder / FILE, yaml.safe_dump(table, sort_keys=False, allow_unicode=True).encode())
    return Study.of(folder / FILE, folder / STUDY)


@dataclass
class TuneAnswer:
    """What a search comes to.

    `gain`: whether what was found is better than the default. `use`: option -> value of what should be used.
    `sentences`: for people, the first one being the answer. `optimism`: by how much the search's own number of the
    winner flatters it, in per cent of the mean on fresh seeds; None where that mean is 0.
    """

    gain: bool
    use: dict[str, Value]
    sentences: list[str]
    best: int
    found: dict[str, Value]
    verdict: str
    optimism: float | None = None
    importance: dict[str, float] = field(default_factory=dict)


def no_other(asked: Asked, best: Tried, importance: dict[str, float]) -> TuneAnswer:
    """Of a search whose best trial is the default."""
    said = f"No gain found: of all trials the default has the best {asked.endpoint.name} ({number(best.mean)})."
    return TuneAnswer(
        False, asked.defaults, [said, USE_DEFAULT], best.number, dict(best.values), "default", None, importance
    )


USE_DEFAULT = "Use the defaults."


def answer(asked: Asked, best: Tried, outcome: StudyOutcome, importance: dict[str, float]) -> TuneAnswer:
    """What the confirmation says."""
    claim = outcome.claims[0]
    test = claim.tests[0]
    gain = claim.verdict == "supported"
    named = {name: value for name, value in best.values.items() if value != asked.defaults[name]}
    change = f"{asked.endpoint.name} {change_text(test.change)}"
    if gain:
        first = f"{told_values(named)}: {change} against the default ({seeds(test.n)})."
    else:
        first = (
            f"No gain found: {told_values(named)} was the best of the trials, and on {seeds(test.n)} that the search "
            f"had not seen it has {change} against the default: {test.reason}."
        )
    sentences = [first]
    for row in outcome.comparisons:
        if row.arm.startswith("without "):
            sentences.append(_without(asked, best, row, outcome.plan.alpha))
    for name in asked.space.strengths:
        if best.values[name] == 0 and asked.defaults[name] == 0:
            sentences.append(f"{name}: the best trial has none.")
    optimism = None
    if test.change is not None and test.change.mean:
        better = (test.change.mean - best.mean) if asked.lower else (best.mean - test.change.mean)
        optimism = 100 * better / abs(test.change.mean)
        ours, fresh = number(best.mean), number(test.change.mean)
        if better > 0 and ours != fresh:
            sentences.append(
                f"The search itself had it at {ours}, fresh seeds at {fresh}: the best of many trials is partly luck."
            )
        else:
            sentences.append(f"The search itself had it at {ours}, fresh seeds at {fresh}.")
    sentences.append("Use best.yaml: --config best.yaml." if gain else USE_DEFAULT)
    use = dict(best.values) if gain else asked.defaults
    return TuneAnswer(gain, use, sentences, best.number, dict(best.values), claim.verdict, optimism, importance)


def _without(asked: Asked, best: Tried, row: Contrast, alpha: float) -> str:
    """What a penalty adds to what was found: the arm without it, against what was found.

    Something is said of it where the 95 % interval leaves 0 out and p, adjusted for all such arms, is at most alpha.
    """
    name = row.arm.removeprefix("without ")
    value, default = best.values[name], asked.defaults[name]
    label = told_values({name: value})
    other = "without it" if default == 0 else f"at its default, {default},"
    change = row.change
    if change is None:
        return f"{label}: nothing can be said yet."
    both = change.low is not None and change.high is not None and change.adjusted <= alpha
    ends = (change.low or 0.0, change.high or 0.0) if asked.lower else (-(change.high or 0.0), -(change.low or 0.0))
    if both and ends[0] > 0:
        return f"{label}: {other} {asked.endpoint.name} is {change_text(change)}: it helps."
    if both and ends[1] < 0:
        use = "leave it out" if default == 0 else "use the default"
        return f"{label}: {other} {asked.endpoint.name} is {change_text(change)}: it does harm here; {use}."
    return f"{label}: no effect found ({other} {asked.endpoint.name} is {change_text(change)})."
