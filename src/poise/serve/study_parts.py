"""What there is to see of a part of a study: forests of changes, maps, curves, arms with their samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from poise.record import RunFolder
from poise.report.figures.panels import Panel, PlottedCurve
from poise.serve.sample_files import samples_of
from poise.serve.views import thinned
from poise.studies.comparison.outcome import ArmSummary, PartSummary, ScoreCurves, StudyOutcome
from poise.studies.comparison.text import change_text, probability
from poise.studies.report.heat import HeatMap, heat_of
from poise.studies.report.plots import Row, axis_of, rows_of
from poise.studies.report.samples import of_one_seed


@dataclass(frozen=True)
class ForestRow:
    """A contrast on the axis of its plot; `seeds`: of each pair, `worst` where one of its runs counts as the worst."""

    arm: str
    against: str
    estimate: float
    low: float | None
    high: float | None
    seeds: Sequence[float]
    worst: Sequence[bool]
    margin: Sequence[float]  # what is too small to matter: from, to; empty where nobody has said
    text: str
    p: str
    n: int


@dataclass(frozen=True)
class Forest:
    """The changes of an endpoint; `none`, where on the axis nothing has changed."""

    endpoint: str
    better: str
    unit: str
    none: float
    rows: Sequence[ForestRow]


@dataclass(frozen=True)
class SeenHeat:
    """A map with, for each cell, how good it is from 0 to 1."""

    map: HeatMap
    goodness: Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class SeenArm:
    """An arm, with the samples of its run of the seed that most arms have."""

    name: str
    differs: str
    planned: int
    done: int
    diverged: int
    alive: str
    findings: Sequence[str]
    run: str
    samples: Sequence[str]
    real: Sequence[str]


@dataclass(frozen=True)
class SeenPart:
    """What there is to see of a part."""

    name: str
    recipe: str
    seed: int
    against: str
    arms: Sequence[SeenArm]
    forests: Sequence[Forest]
    heats: Sequence[SeenHeat]
    panels: Sequence[Panel]


def seen_part(outcome: StudyOutcome, part: PartSummary, folder: Path) -> SeenPart:
    seed, runs = of_one_seed(outcome, part)
    arms = [_arm(arm, folder, runs.get(arm.name, "")) for arm in part.arms]
    forests = [
        _forest(endpoint.name, rows)
        for endpoint in part.endpoints
        if (rows := rows_of(outcome, part.name, endpoint.name))
    ]
    maps = [found for endpoint in part.endpoints if (found := heat_of(part, endpoint)) is not None]
    heats = [SeenHeat(found, [[found.goodness(cell) for cell in row] for row in found.cells]) for found in maps]
    scores = sorted({score for arm in part.arms for score in arm.curves})
    return SeenPart(
        part.name, part.recipe, seed, part.against, arms, forests, heats, [_panel(part, score) for score in scores]
    )


def _arm(arm: ArmSummary, folder: Path, run: str) -> SeenArm:
    files: list[str] = []
    real: list[str] = []
    if run:
        place = RunFolder(folder / "runs" / run)
        files = samples_of(place)
        real = [name for name in ("real.png", "real.txt") if (place.samples / name).is_file()]
    alive = f"{arm.alive.k} of {arm.alive.n}" if arm.alive else ""
    findings = [f"{name}: {share.k} of {share.n}" for name, share in arm.findings.items()]
    return SeenArm(
        arm.name, arm.differs, arm.planned, arm.done, arm.diverged, alive, findings, run, files, real
    )  # fmt: skip


def _forest(endpoint: str, rows: Sequence[Row]) -> Forest:
    unit, turn = axis_of(rows)
    found = []
    for row, change in rows:
        ends = [turn(change, end) for end in (change.low, change.high) if end is not None]
        margin = [] if change.margin is None else [turn(change, -change.margin), turn(change, change.margin)]
        found.append(
            ForestRow(
                arm=row.arm,
                against=row.against,
                estimate=turn(change, change.estimate),
                low=ends[0] if len(ends) == 2 else None,
                high=ends[1] if len(ends) == 2 else None,
                seeds=[turn(change, difference) for difference in change.differences.values()],
                worst=[seed in row.worst_seeds for seed in change.differences],
                margin=margin,
                text=change_text(change),
                p=probability(change.p),
                n=row.n,
            )
        )
    return Forest(endpoint, rows[0][0].better, unit.strip(), turn(rows[0][1], 0.0), found)


def _panel(part: PartSummary, score: str) -> Panel:
    others = [arm.name for arm in part.arms if arm.name != part.against]
    looks = {name: i for i, name in enumerate([*others, part.against])}  # as the page counts them in its forests
    curves = [
        replace(_curve(arm.name, arm.curves[score]), look=looks[arm.name]) for arm in part.arms if score in arm.curves
    ]
    return Panel(score, "mean of the seeds with 95 % interval", [thinned(curve) for curve in curves])


def _curve(name: str, known: ScoreCurves) -> PlottedCurve:
    """The mean of an arm; its band where every step has one."""
    steps, means = [point.step for point in known.band], [point.mean for point in known.band]
    low, high = [point.low for point in known.band], [point.high for point in known.band]
    if None in low or None in high:
        return PlottedCurve(name, steps, means)
    return PlottedCurve(name, steps, means, [one or 0.0 for one in low], [one or 0.0 for one in high])
