"""What a run says at its end: the content of `report.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from poise.disk.description import RunSpec
from poise.disk.rows import StepRow
from poise.monitor import Finding
from poise.record import RunFolder
from poise.report.conclude import BestScore, PenaltyEffect, best, norms, penalties, scores, sentences


@dataclass(frozen=True)
class FinalScores:
    """Scores at the end and at the best step, on held-out items that no score had seen before; `about`, a sentence on
    them; `steps`, "end" and "best" -> step."""

    about: str
    end: Mapping[str, float]
    best: Mapping[str, float]
    steps: Mapping[str, int]


@dataclass
class RunReport:
    """The report of a run.

    `penalties`, player/penalty -> what it did; `weight_norms`, player -> [‖w‖ at the first recorded step, at the last];
    `scores` while training, "step" being after how many steps; `floor`, those of real against real; `final`, where
    the recipe has such; `rollbacks` and `notes`, sentences; `seconds`, "this sitting", and of it "scoring" and
    "monitoring"; `threads`, from which step on how many were used, and why.
    """

    run: str
    recipe: str
    data: str | None
    counts: Mapping[str, Any] | None
    steps: int
    penalties: Mapping[str, PenaltyEffect] = field(default_factory=dict)
    weight_norms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    scores: Sequence[StepRow] = ()
    floor: Mapping[str, float] = field(default_factory=dict)
    best: BestScore | None = None
    sentences: list[str] = field(default_factory=list)
    versions: Mapping[str, str] = field(default_factory=dict)
    final: FinalScores | None = None
    notes: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    rollbacks: Sequence[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    steps_this_sitting: int | None = None
    threads: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, folder: RunFolder) -> RunReport:
        """Of a run that is done, also by an earlier version, which said less."""
        content = folder.report()
        known = {one.name: content[one.name] for one in fields(cls) if one.name in content}
        found = cls(**{"run": folder.name, "recipe": "", "data": None, "counts": None, **known})
        acted = found.penalties.items() if isinstance(found.penalties, dict) else ()
        effects = {name: _read(PenaltyEffect, effect) for name, effect in acted}
        found.penalties = {name: effect for name, effect in effects.items() if effect is not None}
        found.scores = [StepRow(entry) for entry in found.scores]
        found.best, found.final = _read(BestScore, found.best), _read(FinalScores, found.final)
        findings = [_read(Finding, {"numbers": {}, **finding}) for finding in content.get("findings", ())]
        found.findings = [finding for finding in findings if finding is not None]
        return found

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = asdict(self)
        return found | {name: found[name] or {} for name in ("best", "final")}


Part = TypeVar("Part", BestScore, FinalScores, PenaltyEffect, Finding)


def _read(kind: type[Part], content: Any) -> Part | None:
    """A part of the file; None where it is left empty, as by a run without scores, or lacks something."""
    names = [one.name for one in fields(kind)]
    whole = isinstance(content, dict) and all(name in content for name in names)
    return kind(**{name: content[name] for name in names}) if whole else None


def conclude(
    folder: RunFolder, spec: RunSpec, steps: int, floor: Mapping[str, float], primary: Sequence[str]
) -> RunReport:
    """What can be told from the record alone."""
    rows = folder.rows()
    acted = penalties(rows)
    return RunReport(
        folder.name, spec.recipe, spec.facts.get("data"), spec.facts.get("counts"), steps, acted, norms(rows),
        scores(rows), floor, best(rows, primary), sentences(acted), spec.versions,
    )  # fmt: skip
