"""What an evaluation compares: generated items, real ones held out, and those that were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.data.files.items import NOUNS, Items
from poise.data.files.store import sha256_of
from poise.data.images.sources.fitting import colour_of
from poise.data.plain import Pictures
from poise.errors import PoiseError
from poise.evaluation.items import Drawn, Remade, Side, by_name
from poise.evaluation.known import told_of_known
from poise.evaluation.sources import OWN, Real, background_of, intact, same_place
from poise.metrics.speech.comparison import Comparison
from poise.pixels.transparency import WITH_ALPHA, over
from poise.runs.load import Run
from poise.runs.place import check_there

if TYPE_CHECKING:
    from poise.metrics.features.features import Extractor
    from poise.models.vae import AutoEncoder

MOST_HELD = 20_000  # held-out items whose features are computed, unless more are evaluated
MOST_TRAINED = 10_000  # training items, likewise: no metric over pairs of rows uses more
LEAST_HELD, LEAST_MADE = 20, 4


class SideFeatures(NamedTuple):
    """The features [N,d] of each side; None where no training items were given."""

    made: NDArray[np.float32]
    heldout: NDArray[np.float32]
    train: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class SideNames:
    """What was compared: `what` (the path of a run, whose `checkpoint` was taken) against what, trained on what."""

    what: str
    against: str
    modality: str | None = None
    trained_on: str | None = None
    checkpoint: str | None = None

    def to_dict(self) -> dict[str, str]:
        """What is known of it, for JSON."""
        found = {name: getattr(self, name) for name in ("what", "checkpoint", "modality", "against", "trained_on")}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Sides:
    """Generated, held-out and training items. `labels` and `classes` are those of the held-out items, by row.
    `comparison`, where each generated item has a real one that it should be, compares them one by one. `autoencoder`,
    of a run that has one, encodes real items. `extractors` are those that the features of all sides are computed by."""

    made: Side
    heldout: Side
    train: Side | None
    names: SideNames
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    trained: Side | None = None  # all training items, where `train` is a draw of them
    comparison: Comparison | None = None
    autoencoder: AutoEncoder | None = None
    extractors: Sequence[Extractor] = ()


def sides_of_run(run: Run, n: int | None, seed: int, real: Real) -> Sides:
    """Samples of the averaged generator; held-out and training parts are the run's own where none are given."""
    modality, size = run.recipe.modality, run.spec.facts.get("size")
    if modality not in OWN:
        raise PoiseError(
            f"{run.path} makes {modality} and poise evaluate compares {', '.join(NOUNS[m] for m in OWN)}: its "
            f"scores while training are in {run.path / 'report.json'}"
        )
    made, comparison, notes = _of_generator(run, n, seed, own=real.against is None)
    if _has_alpha(run):
        real = replace(real, background=background_of(run))
        notes.append(f"Samples and real pictures are compared over {real.background}, the --background of the run.")
    autoencoder = run.recipe.autoencoder(run.generator, run.facts) if run.recipe.autoencoder else None
    what, checkpoint = str(run.path), run.checkpoint.name
    if real.against is not None:
        sides = _with_real(made, what, real, size, seed, run)
        names = replace(sides.names, checkpoint=checkpoint)
        return replace(sides, names=names, comparison=comparison, autoencoder=autoencoder, notes=sides.notes + notes)
    check_there(run.folder, run.spec)
    train, heldout = OWN[modality](run)
    if not len(heldout):
        share = run.spec.arguments.get("heldout", 0)
        raise PoiseError(
            f"{run.path} was trained without held-out data (--heldout {share:g}): give some real data with --against"
        )
    own = heldout.items
    if real.trained_on is not None:
        _, train = real.trained(size, None)
    names = SideNames(what, f"{own.name} (held-out part)", modality, _named(train), checkpoint)
    labels, classes = (own.set.labels, own.set.classes) if isinstance(own, Pictures) else (None, ())
    sides = _sized(Sides(made, heldout, train, names, labels, classes), seed)
    return replace(sides, comparison=comparison, autoencoder=autoencoder, notes=sides.notes + notes)


def _of_generator(run: Run, n: int | None, seed: int, own: bool) -> tuple[Side, Comparison | None, list[str]]:
    """What the averaged generator makes, of held-out recordings where its recipe does so, and notes.

    `own`: the recordings of the run must be there; else it is only told that they are not.
    """
    recipe, generator = run.recipe, run.generator
    weights = " ".join(sha256_of(run.checkpoint / f"{name}.ema.safetensors") for name in recipe.players)
    notes = []
    if recipe.pairs is not None:
        try:
            comparison = intact(run, recipe.pairs, generator, run.facts, n, seed)
            return Side(Remade(run.name, weights, comparison), np.arange(comparison.n)), comparison, []
        except PoiseError as error:
            if own:
                raise
            notes.append(f"Recordings are not compared one by one: {error}.")
    asked: Any = run.spec.arguments.get("score_samples", 1000)
    n = asked if n is None else n
    drawn = Drawn(run.name, recipe.modality, weights, partial(_seen, run), n, seed)
    return Side(drawn, np.arange(n)), None, notes


def _has_alpha(run: Run) -> bool:
    return run.spec.facts.get("channels") == WITH_ALPHA


def _seen(run: Run, n: int, seed: int) -> Any:
    """n samples of a run, as they are compared: pictures with alpha over the background of the run."""
    samples = run.recipe.draw(run.generator, run.facts, n, seed)
    return over(samples, colour_of(background_of(run))) if _has_alpha(run) else samples


def sides_of_items(items: Items, n: int | None, seed: int, real: Real) -> Sides:
    """A folder or file against real items, which have to be given."""
    if real.against is None:
        raise PoiseError(
            f"{items.name} is no run, so say which real {items.noun} to compare it with: --against DATA, held out "
            "from training"
        )
    made = Side(items, items.rows())
    made = made if n is None else made.at_most(n, seed)
    size = items.set.size if isinstance(items, Pictures) else None
    sides = _with_real(made, items.name, real, size, seed)
    comparison, notes = by_name(sides.made, sides.heldout.items)
    sides = replace(sides, comparison=comparison, notes=sides.notes + notes)
    if sides.heldout.items.fingerprint == items.fingerprint:
        raise PoiseError(f"{items.name} and --against {real.against} are the same {items.noun}: give other real data")
    return sides


def _own_training(run: Run, against: Items, named: str) -> tuple[Side | None, list[str]]:
    """The run's own training items, where they are there and not all of what it is compared with; notes."""
    if same_place(named, str(run.spec.arguments.get("data"))) and not against.own_test:
        return None, [f"Copying is not looked for: {against.name} holds the {against.noun} that were trained on."]
    try:
        check_there(run.folder, run.spec)
        train, _ = OWN[run.recipe.modality](run)
    except PoiseError as error:
        return None, [f"Copying of the run's own training {against.noun} is not looked for: {error}."]
    return train, []


def _with_real(made: Side, what: str, real: Real, size: int | str | None, seed: int, run: Run | None = None) -> Sides:
    """Generated items beside the real ones that were named. `run`, that made them, knows what it was trained on."""
    against = real.reference(size)
    rows, part = (against.split()[1], True) if against.own_test else (against.rows(), False)
    train: Side | None = None
    notes: list[str] = []
    if real.trained_on is not None:
        shared, train = real.trained(size, against)
        if shared is not None:
            rows, part = shared, True
    elif run is not None:
        train, notes = _own_training(run, against, str(real.against))
    trained_on = None if train is None else _named(train)
    named = f"{against.name} (held-out part)" if part else against.name
    names = SideNames(what, named, made.items.modality, trained_on)
    labels = against.set.labels if isinstance(against, Pictures) else None
    classes = against.set.classes if isinstance(against, Pictures) else ()
    sides = _without_known(_sized(Sides(made, Side(against, rows), train, names, labels, classes), seed))
    return replace(sides, notes=sides.notes + notes)


def _without_known(sides: Sides) -> Sides:
    """Told where real items that were named are also among those trained on; without these where that is most."""
    if sides.train is None:
        return sides
    most, notes = told_of_known(sides.heldout, sides.names.against, sides.trained or sides.train)
    sides = replace(sides, notes=sides.notes + notes)
    return replace(sides, train=None, trained=None, names=replace(sides.names, trained_on=None)) if most else sides


def _named(train: Side) -> str:
    return train.items.name if len(train) == len(train.items) else f"{train.items.name} (training part)"


def _sized(sides: Sides, seed: int) -> Sides:
    """Enough on every side, and no more held-out and training items than the metrics read."""
    made, noun = sides.made.items, sides.made.items.noun
    for side in (sides.heldout, sides.train):
        if side is not None and side.items.modality != made.modality:
            raise PoiseError(
                f"{made.name} holds {noun} and {side.items.name} holds {side.items.noun}: compare like with like"
            )
    for side, least, what in ((sides.made, LEAST_MADE, "generated"), (sides.heldout, LEAST_HELD, "held-out")):
        if len(side) < least:
            raise PoiseError(
                f"{side.items.name}: an evaluation needs at least {least} {what} {noun}, and there are {len(side)}"
            )
    notes = [f"left out of {name}: {where} ({reason})" for name, where, reason in _left_out(sides)]
    notes += _data_notes(sides)
    heldout = sides.heldout.at_most(max(MOST_HELD, 2 * len(sides.made)), seed)
    train = sides.train.at_most(max(MOST_TRAINED, len(sides.made)), seed) if sides.train else None
    if train is not None and sides.train is not None and len(train) < len(sides.train):
        notes.append(
            f"{len(train):,} of {len(sides.train):,} training {noun} are looked at, chosen by the seed: features do "
            "not notice copies of the others."
        )
    return Sides(sides.made, heldout, train, sides.names, sides.labels, sides.classes, notes, sides.train)


def _data_notes(sides: Sides) -> list[str]:
    """What a user should know of the data that were named, each set once."""
    items = [side.items for side in (sides.made, sides.heldout, sides.train) if side is not None]
    return list(dict.fromkeys(f"{one.name}: {line}" for one in items for line in one.notes))


def _left_out(sides: Sides, most: int = 5) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for side in (sides.made, sides.heldout, sides.train):
        if side is not None and side.items.fingerprint not in seen:
            seen.add(side.items.fingerprint)
            for where, reason in side.items.left_out[:most]:
                yield side.items.name, where, reason
            if len(side.items.left_out) > most:
                yield side.items.name, f"{len(side.items.left_out) - most:,} more", "unreadable"
