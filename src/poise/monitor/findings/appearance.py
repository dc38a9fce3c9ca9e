"""A symptom of the pictures that are shown: they are lighter, paler or of another colour than the data.

Thresholds lie between what pilot runs showed that were healthy and that had been made sick (docs/monitor.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from poise.monitor.findings.advice import advice, idea
from poise.monitor.findings.finding import Finding, Record
from poise.monitor.findings.generator import NARROW
from poise.monitor.findings.windows import Series, holding
from poise.registry import register

LOOKS = 3  # at the averaged generator in a window, of which the median counts
YOUNG = 1 / 3  # of the run: until then nothing is said


class Trait(NamedTuple):
    """One number of `poise.monitor.appearance`: from where on it is off, and how that is said."""

    off: Callable[[float], bool]
    sentence: Callable[[float], str]


def _lightness(value: float) -> str:
    word = "lighter" if value > 0 else "darker"
    return f"they are {word} by {abs(value):.2f} standard deviations of training pictures"


TRAITS = {
    "lightness": Trait(lambda v: abs(v) > 0.75, _lightness),
    "contrast": Trait(lambda v: not 0.75 <= v <= 1.33, lambda v: f"their contrast is {v:.0%} of what it should be"),
    "saturation": Trait(lambda v: not 0.6 <= v <= 1.6, lambda v: f"their saturation is {v:.0%} of what it should be"),
    "tint": Trait(
        lambda v: v > 0.75,
        lambda v: f"one colour channel is off by {v:.2f} standard deviations of training pictures",
    ),
}


@register("symptom", "lightness or colour off")
def appearance(record: Record) -> Finding | None:
    """Pictures of the averaged generator are not as light, rich in contrast or colourful as those of the data.

    A young generator is grey, so nothing is said of the first third of a run; nor of a collapsed one, for which one
    picture stands for all.
    """
    diversity = record.series("generator/shown_diversity")
    if len(diversity) and diversity.smoothed(min(LOOKS, len(diversity))).last < NARROW:
        return None
    found: dict[str, tuple[int, float]] = {}
    for name, trait in TRAITS.items():
        level = _grown(record, record.series(f"generator/shown_{name}")).smoothed(LOOKS)
        since = holding(level, trait.off, least=2)
        if since is not None:
            found[name] = since, level.last
    if not found:
        return None
    *told, last = [TRAITS[name].sentence(value) for name, (_, value) in found.items()]
    all_told = f"{', '.join(told)} and {last}" if told else last
    return Finding(
        "lightness or colour off",
        "warning",
        min(since for since, _ in found.values()),
        f"Pictures of the averaged generator, which is what is shown, do not look like training pictures: {all_told}.",
        advice(
            record,
            idea("looking at samples/ beside samples/real.png"),
            idea("more {}", "steps"),
            idea("{} translation,cutout", "augment") if "color" in (record.fact("augment") or "") else None,
            idea("a larger {}", "batch"),
        ),
        {name: round(value, 4) for name, (_, value) in found.items()},
    )


def _grown(record: Record, s: Series) -> Series:
    """What was seen after the first third of the run."""
    kept = [i for i, step in enumerate(s.steps) if record.part_done(step) >= YOUNG]
    return Series([s.steps[i] for i in kept], [s.values[i] for i in kept])
