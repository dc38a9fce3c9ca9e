"""What is asked of an evaluation: its metrics, and the extractors that were named, or those that can be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from poise.data.files.items import Items, noun_of
from poise.errors import PoiseError
from poise.evaluation.items import Side
from poise.evaluation.sides import Sides
from poise.metrics.core.metric import AnyMetric, find_metrics, metric_called
from poise.metrics.core.own_metrics import own_metric, own_metric_help
from poise.metrics.features.classifier import SmallClassifier
from poise.metrics.features.feature_files import kept_network
from poise.metrics.features.features import Extractor, Material, MissingFeatures
from poise.registry import find, names
from poise.specs.sources import digest_of

DEFAULTS = {"image": ("EffLite0",), "text": ("USE",), "speech": ("Resemblyzer", "DNSMOS")}
INSTEAD = {"text": "MiniLM"}  # where none of the defaults is installed; for pictures a small network is trained
BLOCK = 10_000  # held-out pictures at most that train a small network
BLOCK_BYTES = 1 << 28
BETTER_THAN_CHANCE = 1.3  # times the share of right answers that guessing has


@dataclass(frozen=True)
class EvaluationOptions:
    """The options of `poise evaluate`; None is "not said"."""

    metrics: list[str] | None = None
    against: str | None = None
    trained_on: str | None = None
    features: list[str] | None = None
    n: int | None = None
    seed: int = 0
    step: str = "last"
    out: str | None = None
    inception: str | None = None
    column: str | None = None
    language: str | None = None
    bits: int | None = None


def named_metrics(kind: type[AnyMetric], wanted: Sequence[str] | None) -> list[AnyMetric]:
    """The metrics of a kind that are asked for by name; all of them where nothing is."""
    return [metric for metric in find_metrics(kind) if wanted is None or metric.name in wanted]


def with_own_metrics(wanted: EvaluationOptions) -> tuple[EvaluationOptions, dict[str, str | None]]:
    """The options with the names of metrics in the place of the paths of a user's own, and those paths, as they were
    written, with the sha256 of their sources."""
    if wanted.metrics is None:
        return wanted, {}
    own = {word: digest_of(word.partition(":")[0]) for word in wanted.metrics if "." in word}
    called: dict[str, str] = {}  # name -> as it was written
    for word in wanted.metrics:
        name = own_metric(word) if word in own else word
        if called.setdefault(name, word) != word:
            both = f"{called[name]},{word}"
            raise PoiseError(f"--metrics {both}: both are called '{name}'; give one of them another name")
    return replace(wanted, metrics=list(called)), own


def help_on_metrics(names: str) -> str:
    """For --help: what the metrics of a user's own tell, among names with commas between them, and their options."""
    return " ".join(own_metric_help(word) for word in names.split(",") if "." in word)


def fitting_metrics(wanted: Sequence[str] | None, sides: Sides) -> None:
    """PoiseError for a metric that is named and is about other items, or about an auto-encoder where there is none."""
    items = sides.made.items
    for name in wanted or ():
        metric = metric_called(name)
        if metric.reads == "autoencoder" and sides.autoencoder is None and items.modality == "image":
            raise PoiseError(f"{name} is for runs of auto-encoders and {items.name} is none: leave it out of --metrics")
        if metric.modality not in ("", items.modality):
            raise PoiseError(
                f"{name} is for {noun_of(metric.modality)} and {items.name} holds {items.noun}: "
                "leave it out of --metrics"
            )


def fitting_extractors(members: Mapping[str, type[Extractor]], items: Items) -> None:
    """PoiseError for an extractor that is named and reads other items."""
    for name, member in members.items():
        if member.modality != items.modality:
            others = [other for other in names("extractor") if find("extractor", other).modality == items.modality]
            raise PoiseError(
                f"{name} is for {noun_of(member.modality)} and {items.name} holds {items.noun}: "
                f"choose --features of {', '.join(others) or 'your own'}"
            )


def extractors_for(
    modality: str, options: EvaluationOptions, networks: dict[str, SmallClassifier]
) -> tuple[list[Extractor], list[str]]:
    """Those that were asked for; else the defaults whose weights are here, with a sentence for each other one."""
    material = Material(weights=Path(options.inception) if options.inception else None)
    if options.features:
        chosen = dict.fromkeys([*options.features, *(["Inception"] if options.inception else [])])
        return [networks[name] if name in networks else find("extractor", name).made(material) for name in chosen], []
    found: list[Extractor] = []
    missing: list[str] = []
    errors: list[MissingFeatures] = []
    if modality not in DEFAULTS:
        raise PoiseError(
            f"{noun_of(modality)} have no features of Poise's own (it knows {', '.join(DEFAULTS)}): give --metrics "
            "that read them, or --features of your own"
        )
    for name in DEFAULTS[modality]:
        try:
            found.append(find("extractor", name).made(material))
        except MissingFeatures as error:
            errors.append(error)
            missing.append(str(error))
    if options.inception:
        found.append(find("extractor", "Inception").made(material))
    found += networks.values()
    if not found:
        if modality not in INSTEAD:
            raise errors[0]
        found.append(find("extractor", INSTEAD[modality]).made(material))
    return found, missing


def small_networks(sides: Sides, options: EvaluationOptions) -> tuple[Sides, dict[str, SmallClassifier], list[str]]:
    """Train what is to be trained on half of the held-out pictures, and leave the other half to be compared with.

    The classifier is taken where there are labels and enough pictures; the network of rotations where it is asked for,
    or where the default extractor is not installed. One that learnt nothing is refused: its features would mean
    nothing, and every score on them would look perfect.
    """
    heldout = sides.heldout
    wanted = _wanted(sides, options) if heldout.items.modality == "image" else []
    if not wanted:
        return sides, {}, []
    order = np.random.default_rng((options.seed, 0)).permutation(heldout.rows)
    each = int(np.prod(heldout.items.take(order[:1]).shape[1:]))
    size = min(len(order) // 2, BLOCK, BLOCK_BYTES // each)
    block = np.sort(order[:size])
    labels = None if sides.labels is None else sides.labels[block]
    notes = []
    if "classifier" in wanted and labels is not None and len(np.unique(labels)) < 2:
        notes = [f"no small classifier: the {size:,} held-out pictures that would train it are of one class"]
        if options.features:
            raise PoiseError(f"{notes[0]}; leave it out of --features")
        wanted = _rotations(sides, options)
    material = Material(heldout.items.take(block), labels, seed=options.seed)
    trained = [kept_network(find("extractor", n), material, heldout.items.fingerprint, block) for n in wanted]
    learnt = {net.kind: net for net in trained if net.accuracy > BETTER_THAN_CHANCE / net.classes}
    failed = [
        f"{net.name} learnt nothing (right on {100 * net.accuracy:.0f} % of {net.classes} kinds), so it gives no scores"
        for net in trained
        if net.kind not in learnt
    ]
    if failed and options.features:
        raise PoiseError(f"{failed[0]}: leave it out of --features")
    if not learnt:
        return sides, {}, [*notes, *failed]
    rest = replace(sides, heldout=Side(heldout.items, np.sort(order[size:])))
    about = ", ".join(f"{net.name} (right on {100 * net.accuracy:.0f} % of others)" for net in learnt.values())
    note = f"{size:,} held-out pictures trained {about}, and the {len(rest.heldout):,} others are compared."
    return rest, learnt, [*notes, note, *failed]


def _wanted(sides: Sides, options: EvaluationOptions) -> list[str]:
    """The small networks to train: those that were asked for, which must be possible, or the one that is of use."""
    if options.features is not None:
        named = [name for name in options.features if issubclass(find("extractor", name), SmallClassifier)]
        for name in named:
            if reason := _enough(name, sides):
                raise PoiseError(reason)
        return named
    if _enough("classifier", sides) is None:
        return ["classifier"]
    return _rotations(sides, options)


def _rotations(sides: Sides, options: EvaluationOptions) -> list[str]:
    """The network of rotations, where there would be no extractor without it and it can be trained."""
    alone = not options.inception and not _installed("EffLite0")
    return ["rotations"] if alone and _enough("rotations", sides) is None else []


def _enough(name: str, sides: Sides) -> str | None:
    """Why a small network cannot be trained, or None."""
    member, heldout = find("extractor", name), sides.heldout
    if name == "rotations" and not _square(heldout):
        return "rotations are learnt from square pictures, and these are rectangles: use other --features"
    if len(heldout) < member.least:
        return f"{name} needs {member.least:,} held-out pictures, half of them to be trained on, not {len(heldout):,}"
    if _colours(sides.made) > _colours(heldout):
        return f"{name} would be trained on grey pictures and {sides.made.items.name} has colours: make them alike"
    if name == "classifier" and (sides.labels is None or len(np.unique(sides.labels[heldout.rows])) < 2):
        return f"a classifier needs labels, and {heldout.items.name} has none of 2 or more classes: use rotations"
    return None


def _colours(side: Side) -> int:
    return int(side.items.take(side.rows[:1]).shape[3])


def _square(side: Side) -> bool:
    _, height, width, _ = side.items.take(side.rows[:1]).shape
    return bool(height == width)


def _installed(name: str) -> bool:
    try:
        find("extractor", name).made(Material())
    except MissingFeatures:
        return False
    return True
