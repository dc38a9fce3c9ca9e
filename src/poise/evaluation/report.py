"""What an evaluation found: sections of rows and notes, the same for all modalities, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from poise.disk import write_json
from poise.errors import Busy
from poise.evaluation.sides import SideNames, Sides
from poise.metrics.core.rows import AGAINST_REAL, Note, ScoreRow
from poise.metrics.distributions.evaluation import Evaluation
from poise.metrics.distributions.modes import class_modes as modes_of
from poise.metrics.features.classifier import SmallClassifier
from poise.record import RunFolder
from poise.report.table import number

PATIENCE = 20.0  # seconds for another evaluation to be put into the same report
BESIDE = (*AGAINST_REAL, "beside", "difference")
FIRST = ("KID", "FD")  # to be read first; the others follow in the order of the registry


@dataclass(frozen=True)
class Section:
    """Rows under one heading.

    `columns`, the names of what stands beside each row, keys of its `beside`; None where the rows have a perfect
    generator and copied training data instead. `titles`, name -> what it means, for what is to be explained; `about`,
    sentences right below the table; `keys` of a row in JSON; `samples`, drawn for each item, where some are.
    """

    name: str
    title: str
    rows: Sequence[ScoreRow]
    titles: Mapping[str, str]
    notes: Sequence[Note]
    columns: Sequence[str] | None = None
    about: Sequence[str] = ()
    samples: int | None = None
    keys: Sequence[str] = BESIDE

    def to_dict(self) -> dict[str, object]:
        beside = self.columns is not None
        found = {
            "name": self.name, "title": self.title, "columns": list(self.columns or ()) if beside else None,
            "samples": self.samples, "rows": [row.to_dict(self.keys) for row in self.rows],
            "titles": dict(self.titles), "about": list(self.about) if beside else None,
            "notes": [str(note) for note in self.notes],
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class ByFeatures:
    """An evaluation by one extractor; `means` of features that mean something by themselves: name -> side -> mean."""

    extractor: str
    digest: str
    evaluation: Evaluation
    means: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def section(self) -> Section:
        """For people: `FIRST` first; the Fréchet distance on the standard features, and only that, is called FID."""
        standard = self.extractor == "FID"
        rows = sorted(self.evaluation.rows, key=lambda row: place_of(row.metric))
        if standard:
            rows = [replace(row, metric="FID") if row.metric == "FD" else row for row in rows]
        told = {("FID" if standard and row.metric == "FD" else row.metric): row.title for row in self.evaluation.rows}
        title = f"By {self.extractor}, {self.evaluation.d:,} features{', the standard ones' if standard else ''}"
        means = [f"{name} {number(of['made'])} (real {number(of['heldout'])})" for name, of in self.means.items()]
        about = [f"means: {', '.join(means)}"] if means else []
        return Section(self.extractor, title, rows, told, self.evaluation.remarks, about=about)

    def to_dict(self) -> dict[str, object]:
        means = {"means": self.means} if self.means else {}
        return {"extractor": self.extractor, "digest": self.digest, **self.evaluation.to_dict(), **means}


@dataclass(frozen=True)
class ClassShare:
    """The share of a class among generated and among real items."""

    name: str
    made: float
    real: float

    def to_dict(self) -> dict[str, str | float]:
        return {"class": self.name, "made": self.made, "real": self.real}


@dataclass(frozen=True)
class SeenClasses:
    """How many classes are `seen` `of` all, the share of the rarest, and KL of the shares of n generated items from
    the real ones, in nats; `kl_by_chance`, about that of n real ones."""

    seen: int
    smallest: float
    kl: float
    of: int
    n: int
    kl_by_chance: float


@dataclass(frozen=True)
class EvaluationEntry:
    """The values of an evaluation in a run's own `report.json`; `by`, features or section -> metric -> estimates."""

    checkpoint: str
    against: str
    seed: int
    counts: Mapping[str, int]
    by: Mapping[str, Mapping[str, Mapping[str, object]]]
    items: str = ""  # digest of which real items were compared with

    def to_dict(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name not in ("by", "items") or value}

    def keep(self, run: RunFolder) -> str:
        """Put it into the report of a run that is done: one for each checkpoint and reference. With the seed and the
        items of the one that is there, what is not measured now stays as it is; else that one is replaced, and the
        sentence that is returned says so.

        Errors: Busy where the run goes on meanwhile.
        """
        if not run.done:
            return ""
        with run.locked(PATIENCE):  # somebody else may be putting an evaluation there
            if not run.done:
                raise Busy(f"{run.path} is being worked on by another process")
            known, key = run.report(), (self.checkpoint, self.against)
            entries = known.get("evaluations", [])
            others = [entry for entry in entries if (entry["checkpoint"], entry["against"]) != key]
            before = next((entry for entry in entries if entry not in others), None)
            entry, told = self.to_dict(), ""
            if before is not None and self._as(before):
                entry["by"] = _joined(before.get("by", {}), self.by)
            elif before is not None:
                told = f"the evaluation of {run.name} with another seed or other items is replaced"
            write_json(run.path / "report.json", {**known, "evaluations": [*others, entry]})
        return told

    def _as(self, before: Mapping[str, object]) -> bool:
        """Whether another evaluation drew the same items of each side."""
        known = (before.get("seed"), before.get("counts"), before.get("items", ""))
        return known == (self.seed, dict(self.counts), self.items)


def _joined(before: object, now: Mapping[str, Mapping[str, Mapping[str, object]]]) -> dict[str, object]:
    """By features: the metrics of before and of now, these where both have one."""
    known = before if isinstance(before, dict) else {}
    found = {name: {**metrics, **now.get(name, {})} for name, metrics in known.items()}
    return {**dict(now), **found}


def place_of(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


@dataclass(frozen=True)
class EvaluationReport:
    """Everything that was found.

    `names`, what was compared; `items`, a digest of the real ones; `noun` of the items; `counts` of each side;
    `class_shares`, as a small classifier sees them, and `class_modes`, of these shares; `own_metrics`, MODULE.NAME of a
    user's own as it was written -> sha256 of its source.
    """

    names: SideNames
    noun: str
    counts: Mapping[str, int]
    seed: int = 0
    features: Sequence[ByFeatures] = ()
    sections: Sequence[Section] = ()
    class_shares: Sequence[ClassShare] = ()
    class_modes: SeenClasses | None = None
    notes: Sequence[Note] = ()
    own_metrics: Mapping[str, str | None] = field(default_factory=dict)
    items: str = ""

    def to_dict(self) -> dict[str, object]:
        """For JSON; notes are sentences there."""
        own = {"own_metrics": dict(self.own_metrics)} if self.own_metrics else {}
        return {
            **self.names.to_dict(),
            "noun": self.noun,
            "seed": self.seed,
            "counts": dict(self.counts),
            "evaluations": [found.to_dict() for found in self.features],
            "sections": [section.to_dict() for section in self.sections],
            "class_shares": [share.to_dict() for share in self.class_shares],
            "class_modes": asdict(self.class_modes) if self.class_modes else None,
            "notes": [str(note) for note in self.notes],
            **own,
        }

    def entry(self) -> EvaluationEntry:
        """The values alone, of a run."""
        by = {found.extractor: _values(found.evaluation.rows, AGAINST_REAL) for found in self.features}
        by |= {section.name: _values(section.rows, section.keys) for section in self.sections}
        return EvaluationEntry(str(self.names.checkpoint), self.names.against, self.seed, self.counts, by, self.items)


def _values(rows: Sequence[ScoreRow], keys: Sequence[str]) -> dict[str, Mapping[str, object]]:
    kept = [key for key in ("made", "perfect", "copied", "beside") if key in keys]
    return {row.metric: row.to_dict(kept) for row in rows}


def class_shares(classifier: SmallClassifier, made: NDArray[np.float32], sides: Sides) -> list[ClassShare]:
    """How often the classifier sees each class in the generated pictures, and how often it is among the real ones."""
    if sides.labels is None:
        return []
    labels = sides.labels[sides.heldout.rows]
    count = max(classifier.classes, int(labels.max()) + 1)  # a rare class may be on one side only
    seen = np.bincount(classifier.classes_of(np.asarray(made)), minlength=count) / len(made)
    real = np.bincount(labels, minlength=count) / len(sides.heldout)
    titles = sides.classes if len(sides.classes) == count else tuple(map(str, range(count)))
    return [ClassShare(title, float(a), float(b)) for title, a, b in zip(titles, seen, real, strict=True)]


def class_modes(
    classifier: SmallClassifier, made: NDArray[np.float32], heldout: NDArray[np.float32]
) -> SeenClasses | None:
    """How many classes are generated, and how far their shares are from the real ones, as the classifier sees both.

    None where it sees a class in no real item: a share of nothing cannot be compared with.
    """
    seen, real = (classifier.classes_of(np.asarray(rows)) for rows in (made, heldout))
    known = np.bincount(real, minlength=classifier.classes) / len(real)
    if known.min() <= 0:
        return None
    found = modes_of(seen, known)
    by_chance = (classifier.classes - 1) / (2 * len(made))
    return SeenClasses(*found, classifier.classes, len(made), by_chance)
