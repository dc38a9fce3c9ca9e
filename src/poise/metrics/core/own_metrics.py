"""Metrics of a user's own, written MODULE.NAME or MODULE.NAME:OPTION=VALUE:... where a metric's name may stand."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import yaml  # type: ignore[import-untyped]

from poise.errors import PoiseError
from poise.lazy import loaded
from poise.metrics.core.metric import Metric, MetricInput, entered, family_of, metric_called, metric_names
from poise.registry import register

BROUGHT: dict[str, str] = {}  # the name of a metric that something of a user's own made -> MODULE.NAME of that


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
    if not isinstance(found, Metric) or found.reads not in get_args(MetricInput):
        raise PoiseError(f"--metrics {word}: {path} gives a {type(found).__name__}, which is no metric")
    if found.name not in metric_names():
        BROUGHT[entered(found).name] = path
    elif BROUGHT.get(found.name) == path:  # asked for once more, perhaps with other options
        register(family_of(found.reads), found.name, again=True)(found)
    elif metric_called(found.name) is not found:
        raise PoiseError(f"--metrics {word}: there is a metric called '{found.name}' already; give it another name")
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
