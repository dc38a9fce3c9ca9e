"""What a metric is: a member of the registry, and one way from what it reads to estimates.

There is a subclass for each thing that can be read: `FeatureMetric` sets of features, `TextMetric` sentences,
`PairedMetric` clips beside their recordings, `LatentMetric` an auto-encoder's look at pictures. The metrics of each are
a family of the registry ("features metric"), so that who reads pictures does not load what hears pitch. A name is that
of one metric, whatever it reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

from poise.direction import DIRECTIONS, REAL, Direction, unknown_direction
from poise.errors import PoiseError, nearest
from poise.metrics.core.rows import Note, ScoreRow
from poise.metrics.core.statistics import Estimate
from poise.registry import members, names, register

Input = TypeVar("Input")  # what a metric reads
AnyMetric = TypeVar("AnyMetric", bound="Metric[Any]")
MetricInput = Literal["features", "sentences", "pairs", "autoencoder"]


def always(read: Any) -> bool:
    return True


def at_once() -> None:
    """Nothing is missing."""


@dataclass(frozen=True)
class Metric(ABC, Generic[Input]):
    """One or several numbers about what a generator made, each with a 95 % interval.

    Attributes: `title`, one plain sentence; `better`, a direction, and `target`, at which value where that is
    "target"; `function`, the formula, with its source and interval in its docstring; `unit` of the numbers;
    `needs_train`, whether it reads the training set; `least` items that every set must have; `largest` number of items
    of a set that are used, chosen by the seed, None for all; `applies` says whether what is read is of the kind that it
    is about, and `otherwise` why it is not, where it is not; `ready()` raises PoiseError where a package is missing.
    Each subclass says what it `reads`, and of which `modality` that is, "" for any.
    """

    reads: ClassVar[MetricInput]
    modality: ClassVar[str] = ""

    name: str
    title: str
    better: Direction
    function: Callable[..., Any]
    target: str = REAL
    unit: str = ""
    needs_train: bool = False
    least: int = 4
    largest: int | None = None
    applies: Callable[[Any], bool] = always
    otherwise: str = "these are not what it is about"
    ready: Callable[[], None] = at_once

    def __post_init__(self) -> None:
        if self.better not in DIRECTIONS:
            raise unknown_direction(self.better, self.name)

    @classmethod
    def define(
        cls: type[AnyMetric], name: str, title: str, better: Direction, **more: Any
    ) -> Callable[[Callable[..., Any]], AnyMetric]:
        """Decorator: a function becomes a metric of this kind, registered under its name."""

        def enter(function: Callable[..., Any]) -> AnyMetric:
            return entered(cls(name, title, better, function, **more))

        return enter

    @abstractmethod
    def measure(self, read: Input, seed: int = 0) -> dict[str, Estimate]:
        """name -> estimate; the same input and seed give the same numbers.

        Errors: `PoiseError` for too few items, and for a missing training set where it is needed.
        """

    def row(
        self, name: str, made: Estimate, better: Direction | None = None, title: str | None = None, **more: Any
    ) -> ScoreRow:
        """A row of a report for one of its numbers."""
        told = self.title if title is None else title
        return ScoreRow(name, told, better or self.better, made, target=self.target, **more)

    def unfit(self, read: Input) -> str | None:
        """Why it cannot be taken of this, as the end of a sentence; None where it can."""
        return None


def entered(metric: AnyMetric) -> AnyMetric:
    """The metric, registered under its name; a name that is taken is refused."""
    return register(family_of(metric.reads), metric.name)(metric)


def family_of(reads: MetricInput) -> str:
    """The name in the registry of the metrics that read the same.

    Example:
        >>> family_of("features")
        'features metric'
    """
    return f"{reads} metric"


def metric_names() -> list[str]:
    """The names of all metrics, whatever they read.

    Example:
        >>> [name for name in metric_names() if name.startswith("K")]
        ['KID']
    """
    return [name for reads in get_args(MetricInput) for name in names(family_of(reads))]


def metric_called(name: str) -> Metric[Any]:
    """The metric of this name, whatever it reads; an unknown name is an error with the nearest one.

    Example:
        >>> metric_called("distinct").reads
        'sentences'
    """
    for reads in get_args(MetricInput):
        family: dict[str, Metric[Any]] = members(family_of(reads))
        if name in family:
            return family[name]
    raise unknown_metric(name, metric_names())


def find_metrics(kind: type[AnyMetric], wanted: Iterable[str] | None = None) -> list[AnyMetric]:
    """The metrics of a kind of these names, or all; an unknown name is an error with the nearest one.

    Example:
        >>> from poise.metrics.core.feature_metric import FeatureMetric
        >>> [(metric.name, metric.better) for metric in find_metrics(FeatureMetric, ["FD", "KID"])]
        [('FD', 'lower'), ('KID', 'target')]
    """
    family: dict[str, Any] = members(family_of(kind.reads))
    known = {name: metric for name, metric in family.items() if isinstance(metric, kind)}
    chosen = list(known) if wanted is None else list(wanted)
    check_names(chosen, list(known))
    return [known[name] for name in chosen]


def check_names(wanted: Iterable[str], known: Sequence[str]) -> None:
    """PoiseError with the nearest known name for a name that is not known.

    Example:
        >>> check_names(["FD"], ["FD", "KID"])
        >>> check_names(["KDI"], ["FD", "KID"])
        Traceback (most recent call last):
            ...
        poise.errors.PoiseError: there is no metric called 'KDI'; did you mean 'KID'? Known: FD, KID.
    """
    for name in wanted:
        if name not in known:
            raise unknown_metric(name, known)


def unknown_metric(name: str, known: Sequence[str]) -> PoiseError:
    """What to raise for a name that none of the known metrics has.

    Example:
        >>> print(unknown_metric("KDI", ["FD", "KID"]))
        there is no metric called 'KDI'; did you mean 'KID'? Known: FD, KID.
    """
    return PoiseError(f"there is no metric called '{name}'{nearest(name, known, '.')} Known: {', '.join(known)}.")


def installed(metrics: Iterable[AnyMetric]) -> tuple[list[AnyMetric], list[Note]]:
    """Those whose packages are installed, and a note for each missing package.

    Example:
        >>> from poise.metrics.core.feature_metric import FeatureMetric
        >>> fit, notes = installed(find_metrics(FeatureMetric, ["FD", "KID"]))
        >>> [metric.name for metric in fit], notes
        (['FD', 'KID'], [])
    """
    fit, notes = [], []
    for metric in metrics:
        try:
            metric.ready()
        except PoiseError as error:
            notes.append(Note(str(error)))
        else:
            fit.append(metric)
    return fit, notes


def fitting(metrics: Iterable[AnyMetric], read: Any) -> tuple[list[AnyMetric], list[Note]]:
    """Those that can be taken of this, and a note for each other one that is about such things.

    Example:
        >>> import numpy as np
        >>> from poise.metrics import FeatureMetric, compare
        >>> fit, notes = fitting(find_metrics(FeatureMetric, ["FD", "C2ST"]), compare(np.eye(4), np.eye(4)))
        >>> [metric.name for metric in fit], [str(note) for note in notes]
        (['FD'], ['C2ST is left out: it needs 10 rows of each set for 4 features, and the smallest has 4.'])
    """
    there, notes = installed(metric for metric in metrics if metric.applies(read))
    fit = []
    for metric in there:
        reason = metric.unfit(read)
        if reason is None:
            fit.append(metric)
        else:
            notes.append(Note(f"{reason}.", metric.name))
    return fit, notes


def not_about(metrics: Iterable[AnyMetric], *read: Any) -> list[Note]:
    """A note for each of these metrics that applies to nothing of what is read.

    Example:
        >>> from poise.metrics.text.metric import TextMetric, Texts, TextSets
        >>> prose = Texts([[2]] * 4, ["the cat"] * 4)
        >>> [str(note) for note in not_about(find_metrics(TextMetric, ["form"]), TextSets(prose, prose, None, 3))]
        ['form is left out: the real sentences are no verse of one form.']
    """
    return [Note(f"{one.otherwise}.", one.name) for one in metrics if not any(map(one.applies, read))]


def row_of(metric: Metric[Any], name: str, of: Mapping[str, Estimate | None]) -> ScoreRow | None:
    """A row of what a number is "made", "perfect" and, where it is there, "copied"; None without either of the first
    two.

    Example:
        >>> from poise.metrics.core.feature_metric import FeatureMetric
        >>> (fd,) = find_metrics(FeatureMetric, ["FD"])
        >>> row = row_of(fd, "FD", {"made": Estimate(2.0, 1.5, 2.5, 9, 9), "perfect": Estimate(0.2, 0.1, 0.3, 9, 9)})
        >>> row.differs, row_of(fd, "FD", {"made": None, "perfect": None})
        (True, None)
    """
    made, perfect = of.get("made"), of.get("perfect")
    if made is None or perfect is None:
        return None
    return metric.row(name, made, perfect=perfect, copied=of.get("copied"))
