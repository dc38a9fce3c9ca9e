"""What a metric is: a member of the registry's family "metric", and one way from what it reads to estimates.

There is a subclass for each thing that can be read: `FeatureMetric` sets of features, `TextMetric` sentences,
`PairedMetric` clips beside their recordings, `LatentMetric` an auto-encoder's look at pictures.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

import yaml  # type: ignore[import-untyped]

from poise.direction import REAL, Direction
from poise.errors import PoiseError, nearest
from poise.lazy import loaded
from poise.metrics.core.rows import Note, ScoreRow
from poise.metrics.core.statistics import Estimate
from poise.registry import names, table

Input = TypeVar("Input")  # what a metric reads
AnyMetric = TypeVar("AnyMetric", bound="Metric[Any]")
MEMBERS: dict[str, Metric[Any]] = table("metric")
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
    is about; `ready()` raises PoiseError where a package is missing. Each subclass says what it `reads`, and of which
    `modality` that is, "" for any.
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
    ready: Callable[[], None] = at_once

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
        way = self.better if better is None else better
        return ScoreRow(name, self.title if title is None else title, way, made, target=self.target, **more)

    def unfit(self, read: Input) -> str | None:
        """Why it cannot be taken of this, as the end of a sentence; None where it can."""
        return None


def entered(metric: AnyMetric) -> AnyMetric:
    """The metric, registered under its name; a name that is taken is refused."""
    if MEMBERS.setdefault(metric.name, metric) is not metric:
        raise ValueError(f"metric '{metric.name}' is registered twice")
    return metric


def find_metrics(kind: type[AnyMetric], wanted: Iterable[str] | None = None) -> list[AnyMetric]:
    """The metrics of a kind of these names, or all; an unknown name is an error with the nearest one.

    Example:
        >>> from poise.metrics.core.feature_metric import FeatureMetric
        >>> [(metric.name, metric.better) for metric in find_metrics(FeatureMetric, ["FD", "KID"])]
        [('FD', 'lower'), ('KID', 'target')]
    """
    everything = [MEMBERS[name] for name in names("metric")]
    known = {member.name: member for member in everything if isinstance(member, kind)}
    chosen = list(known) if wanted is None else list(wanted)
    check_names(chosen, list(known))
    return [known[name] for name in chosen]


def own_metric(word: str) -> str:
    """The name of a metric of one's own, written MODULE.NAME or MODULE.NAME:OPTION=VALUE:...; it is registered now.

    MODULE.NAME is a metric, or what makes one of the options, such as a function or a class.
    Errors: PoiseError, one sentence, for what cannot be loaded and for what is no metric.

    Example:
        >>> own_metric("poise.metrics.distributions.gaussians.fd")  # any module that can be imported from here
        'FD'
    """
    path, *options = word.split(":")
    found = _load(path, word)
    if options or not isinstance(found, Metric):
        try:
            found = found(**{key: yaml.safe_load(value) for key, _, value in (part.partition("=") for part in options)})
        except (TypeError, ValueError, yaml.YAMLError) as error:
            raise PoiseError(f"--metrics {word} cannot be made ({error}); {_options_of(path, found)}") from None
    if not isinstance(found, Metric):
        raise PoiseError(f"--metrics {word}: {path} gives a {type(found).__name__}, which is no metric")
    if found.name not in names("metric"):
        entered(found)
    return found.name


def own_metric_help(word: str) -> str:
    """What --help says of a metric of one's own: what it tells, and its options with their defaults.

    Example:
        >>> print(own_metric_help("poise.metrics.core.statistics.upper_tail"))
        poise.metrics.core.statistics.upper_tail: P(N(0, 1) > z).
        its options: poise.metrics.core.statistics.upper_tail:z=....
    """
    path = word.partition(":")[0]
    found = _load(path, word)
    about = found.title if isinstance(found, Metric) else (inspect.getdoc(found) or "").partition("\n")[0]
    return f"{path}: {about} {_options_of(path, found)}"


def _load(path: str, word: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return loaded(f"{module}:{name}")
    except (ImportError, AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise PoiseError(f"--metrics {word} cannot be loaded ({error}): name MODULE.NAME of a file here") from None


def _options_of(path: str, maker: Any) -> str:
    """ "its options: mymetric.centre:power=2.0", from the signature of what makes the metric."""
    if isinstance(maker, Metric) or not callable(maker):
        return "it has no options"
    try:
        taken = inspect.signature(maker).parameters.values()
    except ValueError:  # a function written in C may have none
        return "its options are not known"
    words = []
    for option in taken:
        default = "..." if option.default is option.empty else option.default
        words.append(f"{option.name}={default}")
    return f"its options: {path}:{':'.join(words)}" if words else "it has no options"


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
            raise PoiseError(
                f"there is no metric called '{name}'{nearest(name, known, '.')} Known: {', '.join(known)}."
            )


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
