"""What an evaluation found: sections of rows and notes, the same for all modalities, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.evaluation.sides import Sides
from poise.metrics.core.rows import AGAINST_REAL, Note, ScoreRow
from poise.metrics.distributions.evaluation import Evaluation
from poise.metrics.distributions.modes import class_modes as modes_of
from poise.metrics.features.classifier import SmallClassifier
from poise.report.table import number

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

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "title": self.title}
        if self.columns is not None:
            found["columns"] = list(self.columns)
        if self.samples is not None:
            found["samples"] = self.samples
        found |= {"rows": [row.to_dict(self.keys) for row in self.rows], "titles": dict(self.titles)}
        if self.columns is not None:
            found["about"] = list(self.about)
        return {**found, "notes": [str(note) for note in self.notes]}


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

    def to_dict(self) -> dict[str, Any]:
        means = {"means": self.means} if self.means else {}
        return {"extractor": self.extractor, "digest": self.digest, **self.evaluation.to_dict(), **means}


def place_of(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


@dataclass(frozen=True)
class EvaluationReport:
    """Everything that was found.

    `facts`, what was compared: "what", "against", and where it is known "checkpoint", "modality", "trained_on"; `noun`
    of the items; `counts` of each side; `class_shares`, class -> share of generated and of real items, as a small
    classifier sees them, and `class_modes`, of these shares; `own_metrics`, MODULE.NAME of a user's own as it was
    written -> sha256 of its source.
    """

    facts: Mapping[str, Any]
    noun: str
    counts: Mapping[str, int]
    seed: int = 0
    features: Sequence[ByFeatures] = ()
    sections: Sequence[Section] = ()
    class_shares: Sequence[Mapping[str, Any]] = ()
    class_modes: Mapping[str, Any] | None = None
    notes: Sequence[Note] = ()
    own_metrics: Mapping[str, str | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; notes are sentences there."""
        own = {"own_metrics": dict(self.own_metrics)} if self.own_metrics else {}
        return {
            **self.facts,
            "noun": self.noun,
            "seed": self.seed,
            "counts": dict(self.counts),
            "evaluations": [found.to_dict() for found in self.features],
            "sections": [section.to_dict() for section in self.sections],
            "class_shares": list(self.class_shares),
            "class_modes": self.class_modes,
            "notes": [str(note) for note in self.notes],
            **own,
        }


def class_shares(classifier: SmallClassifier, made: NDArray[np.float32], sides: Sides) -> list[dict[str, Any]]:
    """How often the classifier sees each class in the generated pictures, and how often it is among the real ones."""
    if sides.labels is None:
        return []
    labels = sides.labels[sides.heldout.rows]
    count = max(classifier.classes, int(labels.max()) + 1)  # a rare class may be on one side only
    seen = np.bincount(classifier.classes_of(np.asarray(made)), minlength=count) / len(made)
    real = np.bincount(labels, minlength=count) / len(sides.heldout)
    titles = sides.classes if len(sides.classes) == count else tuple(map(str, range(count)))
    return [
        {"class": title, "made": float(a), "real": float(b)} for title, a, b in zip(titles, seen, real, strict=True)
    ]


def class_modes(
    classifier: SmallClassifier, made: NDArray[np.float32], heldout: NDArray[np.float32]
) -> dict[str, Any] | None:
    """How many classes are generated, and how far their shares are from the real ones, as the classifier sees both.

    None where it sees a class in no real item: a share of nothing cannot be compared with.
    """
    seen, real = (classifier.classes_of(np.asarray(rows)) for rows in (made, heldout))
    known = np.bincount(real, minlength=classifier.classes) / len(real)
    if known.min() <= 0:
        return None
    found = modes_of(seen, known)
    by_chance = (classifier.classes - 1) / (2 * len(made))
    return {**found._asdict(), "of": classifier.classes, "n": len(made), "kl_by_chance": by_chance}
