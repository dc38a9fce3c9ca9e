"""A study that is there, opened by its folder: its plan as it was kept, and what its runs say, without writing
anything."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from poise.disk import inspect, read_json
from poise.errors import PoiseError
from poise.specs.sources import check_trusted
from poise.specs.spec import versions
from poise.studies.comparison.comparison import compare
from poise.studies.comparison.content import json_safe
from poise.studies.comparison.outcome import StudyOutcome
from poise.studies.place import PLAN
from poise.studies.plans.plan import Plan
from poise.studies.running.tasks import results_of, tasks_of
from poise.studies.study import Study, defaults_kept


def plan_of_folder(folder: Path) -> Plan:
    """The plan of the last outcome, or where there is none yet that with which the study began.

    Errors: PoiseError for a damaged one, and for one that names code which its user has not named before.
    """
    inspect(folder)
    file = folder / "study.json" if (folder / "study.json").exists() else folder / PLAN
    content = read_json(file)
    table = content.get("plan") if isinstance(content, dict) else None
    try:
        plan = Plan.from_dict(table)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise PoiseError(
            f"{file} is not what a study writes ({type(error).__name__}): it is damaged; put it back"
        ) from None
    for part in plan.parts:
        recipes = [part.recipe] if "." in part.recipe else []
        for arguments in (part.arguments, *(arm.arguments for arm in part.arms)):
            check_trusted(file, arguments, {}, *recipes)
    return plan


def outcome_of(folder: Path) -> StudyOutcome:
    """What the runs of a study say that are over. Nothing is written. Errors: PoiseError, as of `plan_of_folder`, and
    for runs that are damaged."""
    try:
        return _outcome(folder)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if os.environ.get("POISE_TRACEBACK"):
            raise
        raise PoiseError(
            f"{folder} does not hold what a study writes ({type(error).__name__}: {str(error)[:120]}): its plan is "
            "damaged or another version's; put it back"
        ) from None


def _outcome(folder: Path) -> StudyOutcome:
    plan = plan_of_folder(folder)
    study = Study(folder / PLAN, plan, folder, tasks_of(plan, defaults_kept(folder, plan)))
    compared = compare(plan, results_of(plan, study.tasks, study.runs))
    about = {"folder": folder.name, "versions": versions()}
    return replace(compared, notes=[*compared.notes, *study.notes()], about=json_safe(about))
