"""`poise evaluate`: a run, or any folder or file of generated things, against real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from poise import disk
from poise.data.files.items import Items
from poise.disk import write_json
from poise.errors import Busy, PoiseError
from poise.evaluation.choice import (
    EvaluationOptions,
    extractors_for,
    fitting_extractors,
    fitting_metrics,
    small_networks,
    with_own_metrics,
)
from poise.evaluation.items import Side
from poise.evaluation.latent import likelihood_section
from poise.evaluation.lines import evaluation_lines
from poise.evaluation.report import (
    ByFeatures,
    ClassShare,
    EvaluationReport,
    Section,
    SeenClasses,
    class_modes,
    class_shares,
)
from poise.evaluation.sides import SideFeatures, Sides, sides_of_items, sides_of_run
from poise.evaluation.sources import Real, TaskProgress, column_of, run_or_items
from poise.evaluation.speech import speech_section
from poise.evaluation.text import text_section
from poise.metrics.core.metric import metric_called
from poise.metrics.core.rows import Note
from poise.metrics.distributions.evaluation import evaluate as evaluate_features
from poise.metrics.features.classifier import SmallClassifier
from poise.metrics.features.feature_files import kept_features
from poise.metrics.features.features import Extractor, MissingFeatures
from poise.metrics.latent.metric import LatentMetric
from poise.registry import find
from poise.report.progress import ProgressView
from poise.runs.load import Run
from poise.words import language

# Modality -> the section of what is read beside features; it is None where it does not apply.
SECTIONS: dict[str, Callable[[Sides, EvaluationOptions, TaskProgress], Section | None]] = {
    "image": likelihood_section,
    "text": text_section,
    "speech": speech_section,
}


def options_of(arguments: Any) -> EvaluationOptions:
    """From the command line, where lists are words with commas."""

    def listed(text: str | None) -> list[str] | None:
        return None if text is None else [word.strip() for word in text.split(",") if word.strip()]

    values = {name: getattr(arguments, name) for name in EvaluationOptions.__dataclass_fields__}
    return EvaluationOptions(**values | {name: listed(values[name]) for name in ("metrics", "features")})


def evaluate(what: str, wanted: EvaluationOptions) -> list[str]:
    """Score `what` and write the report; returns the lines for people. See docs/evaluate.md.

    Errors: `PoiseError`, one sentence for whatever cannot be compared; then no report is written.
    """
    wanted, own = with_own_metrics(wanted)
    with ProgressView() as view:
        found, sides = compared(what, wanted, view.task)
        target = _target(found, sides, wanted.out)
        report = replace(_report(sides, wanted, view.task), own_metrics=own)
    write_json(target, report.to_dict())
    told = [f"written to {target}"]
    if isinstance(found, Run):
        try:
            replaced = report.entry().keep(found.folder)
            told += [replaced] if replaced else []
        except Busy:
            told.append(f"not kept in the report of {found.name}, which goes on meanwhile")
    return [*evaluation_lines(report, language()), "", *told]


def measured(what: str, wanted: EvaluationOptions) -> EvaluationReport:
    """The report of an evaluation, with nothing shown and nothing written. Errors as in `evaluate`."""

    def silent(_: str) -> Callable[[int, int], None]:
        return lambda done, total: None

    wanted, own = with_own_metrics(wanted)
    _, sides = compared(what, wanted, silent)
    return replace(_report(sides, wanted, silent), own_metrics=own)


def compared(what: str, wanted: EvaluationOptions, task: TaskProgress) -> tuple[Run | Items, Sides]:
    """The run or the items to score, and the sides of the comparison; whatever cannot be compared is refused here."""
    _check(what, wanted)
    members = {name: find("extractor", name) for name in wanted.features or ()}
    found = run_or_items(what, wanted.step, wanted.column, task)
    real = Real(wanted.against, wanted.trained_on, wanted.column, task, wanted.bits)
    if isinstance(found, Run):
        sides = sides_of_run(found, wanted.n, wanted.seed, real)
    else:
        sides = sides_of_items(found, wanted.n, wanted.seed, real)
    items = sides.made.items
    fitting_extractors(members, items)
    fitting_metrics(wanted.metrics, sides)
    if wanted.language is not None and items.modality != "speech":
        raise PoiseError(
            f"--language {wanted.language} is for clips of speech and {items.name} holds {items.noun}: leave it out"
        )
    return found, sides


def _check(what: str, wanted: EvaluationOptions) -> None:
    """What is wrong with a request whatever the data are."""
    if wanted.n is not None and wanted.n < 1:
        raise PoiseError(f"-n must be at least 1, not {wanted.n}")
    if not 0 <= wanted.seed < 2**63:
        raise PoiseError(f"--seed must be at least 0 and below 2^63, not {wanted.seed}")
    for flag, named in (("metrics", wanted.metrics), ("features", wanted.features)):
        if named == []:
            raise PoiseError(f"--{flag} names none: leave it out, or give names with commas between them")
    sources = [source for source in (what, wanted.against, wanted.trained_on) if source]
    if wanted.column is not None and not any(column_of(source, wanted.column) for source in sources):
        raise PoiseError(
            f"--column {wanted.column}: neither {' nor '.join(sources)} has columns; leave it out, or give a .jsonl "
            "or .csv file"
        )
    for name in wanted.metrics or ():
        metric_called(name)


def _target(found: Run | Items, sides: Sides, out: str | None) -> Path:
    """Where the report goes; a file that is something else is never written over."""
    default = Path("report.json")
    if isinstance(found, Run):
        default = found.path / f"evaluation-{sides.names.checkpoint}.json"
    target = disk.expanded(out) if out else default
    if target.is_dir() or not target.parent.is_dir():
        raise PoiseError(f"--out {target}: name a file in a folder that exists, such as report.json")
    if target.exists() and not _is_evaluation(target):
        raise PoiseError(f"{target} is there already and is no evaluation: give another name with --out FILE")
    return target


def _is_evaluation(path: Path) -> bool:
    try:
        content = disk.loads(disk.read_bytes(path).decode())
    except (OSError, ValueError, PoiseError):
        return False
    kinds = ({"what", "counts", "evaluations"}, {"checkpoint", "scores", "floor"})  # the second is of older versions
    return isinstance(content, dict) and any(kind <= content.keys() for kind in kinds)


def _report(sides: Sides, options: EvaluationOptions, task: TaskProgress) -> EvaluationReport:
    """Everything that was found. Where no extractor is installed the rest is told, if there is any, with a note."""
    sides, networks, notes = small_networks(sides, options)
    named = None if options.metrics is None else [metric_called(name) for name in options.metrics]
    metrics = None if named is None else [metric.name for metric in named if metric.reads == "features"]
    by_latents = [metric for metric in named or () if isinstance(metric, LatentMetric)]
    extractors: list[Extractor] = []
    missing: list[str] = []
    none: MissingFeatures | None = None
    if metrics != [] or any(metric.features for metric in by_latents):
        try:
            extractors, missing = extractors_for(sides.made.items.modality, options, networks)
        except MissingFeatures as error:
            if options.features or options.metrics is not None:
                raise
            none, missing = error, [str(error)]
    sets = {"made": sides.made, "heldout": sides.heldout} | ({"train": sides.train} if sides.train else {})
    features: list[ByFeatures] = []
    shares: list[ClassShare] = []
    modes: SeenClasses | None = None
    for extractor in extractors if metrics != [] else ():
        rows = _rows(extractor, sets, options.seed, task)
        features.append(_by_features(extractor, rows, sides.made.items.name, metrics, options.seed, task))
        if isinstance(extractor, SmallClassifier) and extractor.kind == "classifier":
            shares = class_shares(extractor, rows.made, sides)
            modes = class_modes(extractor, rows.made, rows.heldout)
    sides = replace(sides, extractors=extractors)
    beside = SECTIONS[sides.made.items.modality](sides, options, task)
    if none is not None and beside is None:
        raise none
    return EvaluationReport(
        names=sides.names,
        noun=sides.made.items.noun,
        counts={name: len(side) for name, side in sets.items()},
        seed=options.seed,
        items=digest_of(sides),
        features=features,
        sections=[] if beside is None else [beside],
        class_shares=shares,
        class_modes=modes,
        notes=[Note(sentence) for sentence in (*sides.notes, *notes, *missing)],
    )


def digest_of(sides: Sides) -> str:
    """Which real items are compared with: hex sha256 of their contents and rows."""
    total = hashlib.sha256()
    for side in (sides.heldout, sides.train):
        if side is not None:
            total.update(side.items.fingerprint.encode() + np.asarray(side.rows, np.int64).tobytes())
    return total.hexdigest()


def _rows(extractor: Extractor, sets: dict[str, Side], seed: int, task: TaskProgress) -> SideFeatures:
    """The features of each side."""
    found = {}
    for name, side in _worth_it(extractor, sets, seed).items():
        tell = task(f"{extractor.name} of {side.items.name}")
        found[name] = kept_features(extractor, side.items, side.rows, tell)
    return SideFeatures(**found)


def _by_features(
    extractor: Extractor, rows: SideFeatures, name: str, metrics: list[str] | None, seed: int, task: TaskProgress
) -> ByFeatures:
    evaluation = evaluate_features(name, *rows, metrics, seed, task(f"metrics by {extractor.name}"))
    return ByFeatures(extractor.name, extractor.digest, evaluation, _means(extractor, rows))


def _worth_it(extractor: Extractor, sets: dict[str, Side], seed: int) -> dict[str, Side]:
    """No more items than an extractor needs that is slow and has few features."""
    most = getattr(extractor, "most", None)
    return sets if most is None else {name: side.at_most(most, seed) for name, side in sets.items()}


def _means(extractor: Extractor, rows: SideFeatures) -> dict[str, dict[str, float]]:
    """For an extractor whose features mean something by themselves: the mean of each."""
    sides = {which: found for which, found in rows._asdict().items() if found is not None}
    return {
        name: {which: float(np.mean(found[:, i], dtype=np.float64)) for which, found in sides.items()}
        for i, name in enumerate(getattr(extractor, "columns", ()))
    }
