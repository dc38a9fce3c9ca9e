"""What can be said of a study before its first run."""

from __future__ import annotations

from poise.errors import PoiseError
from poise.studies.comparison.statistics import least_p, seeds_needed
from poise.studies.comparison.text import bare, level, seeds
from poise.studies.plans.plan import Plan


def check(plan: Plan) -> None:
    """Every claim names what is there and can be tested. Errors: PoiseError."""
    for claim in plan.claims:
        if not claim.tests:
            raise PoiseError(f"claim '{claim.says}' has no test: say what it rests on")
        for test in claim.tests:
            part = plan.part(test.part)
            endpoint = part.endpoint(test.endpoint)
            arms = {part.arm(test.arm).name, part.arm(test.against).name}
            if len(arms) == 1:
                raise PoiseError(f"claim '{claim.says}' compares arm '{test.arm}' with itself: name another one")
            if test.provided:
                part.endpoint(test.provided[0])
            if test.expect == "no worse" and endpoint.margin is None:
                raise PoiseError(
                    f"claim '{claim.says}' says no worse, but '{endpoint.name}' of part '{part.name}' has no margin: "
                    f"give it one"
                )
    for part in plan.parts:
        part.arm(part.against)


def before(plan: Plan) -> list[str]:
    """What to know before a study starts: how many runs it is, and where there are too few seeds to find anything.

    Errors: PoiseError for a claim that cannot be tested.
    """
    check(plan)
    sizes = [(part.name, len(part.arms), len(part.seeds)) for part in plan.parts]
    whole = ", ".join(f"{name}: {arms} arms × {seeds(n)}" for name, arms, n in sizes)
    lines = [f"{sum(arms * n for _, arms, n in sizes):,} runs ({whole})"]
    claims = len(plan.claims)
    asked = {test.part for claim in plan.claims for test in claim.tests}
    alpha = level(plan.alpha)
    for part in plan.parts:
        n, least = len(part.seeds), least_p(max(1, len(part.seeds)))
        said = f"part {part.name}: {seeds(n)} give{'s' * (n == 1)} p = {bare(least)} at least"
        if least >= plan.alpha:
            among = claims if part.name in asked and claims > 1 else 1
            more = f" ({seeds_needed(plan.alpha, among)} or more for the {claims} claims)" if among > 1 else ""
            needed = seeds_needed(plan.alpha)
            lines.append(f"{said}, so no two-sided test can fall below {alpha}: use {needed} or more{more}")
        elif part.name in asked and least >= plan.alpha / claims:
            lines.append(
                f"{said}, and among {claims} claims (Holm) the smallest has to fall below {alpha}/{claims} = "
                f"{bare(plan.alpha / claims)}: use {seeds_needed(plan.alpha, claims)} or more"
            )
    return lines
