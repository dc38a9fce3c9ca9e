"""What a run can be asked to draw, from its description alone. No torch here, and no code of others."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.record import CHECKPOINTS, RunFolder
from poise.runs.load import check_classes, without_classes
from poise.serve.asked import LETTERS
from poise.specs.spec import kind_of

NAMES = 1_000  # classes or voices that are told
OFFERED = 8  # texts to say that are offered


@dataclass
class Abilities:
    """What a run can, for its page: `draws`, names of drawings; `asks`, options of its recipe; `steps`, checkpoints
    that are kept, and `made`, what tells each from another of that step; `size`, of pictures: channels, height, width;
    `trouble`, why there is nothing to play with."""

    name: str
    recipe: str | None = None
    draws: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    voices: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    trouble: str = ""


def abilities_of(folder: RunFolder) -> Abilities:
    """What a run can; a damaged one, and one of code that nobody has trusted, says its trouble."""
    found = Abilities(folder.name)
    try:
        folder.check()
        spec = folder.spec()
        found.recipe = spec.recipe
        check_classes(folder, replace(spec, arguments=without_classes(spec.arguments)))  # before any of it is imported
        found.steps = kept_steps(folder)
        found.made = [made_of(folder, step) for step in found.steps]
        if not found.steps:
            raise PoiseError(f"{folder.name} has no checkpoint yet: it can be played with once it has one")
        _enter(found, spec)
    except PoiseError as error:
        found.trouble = str(error).replace(str(folder.path), folder.name)
    return found


def _enter(found: Abilities, spec: RunSpec) -> None:
    """What the recipe can, and what the facts of the run say of it."""
    kind, facts = kind_of(spec.recipe), spec.facts
    found.asks = list(kind.asks)
    if kind.modality == "image":
        found.draws = ["grid.png", "picture.png"] + (["way.png", "between.png"] if kind.walk else [])
    elif kind.modality == "text":
        found.draws = ["sentences.txt"]
    elif kind.modality == "speech":
        found.draws = ["clip.wav", "clips.json"] + (["say.wav"] if kind.say else [])
    found.classes, found.voices = _learnt(facts), _names(facts.get("voices"))
    texts = facts.get("texts")
    if isinstance(texts, list):
        said = [one[0] for one in texts[:100] if isinstance(one, list | tuple) and one and isinstance(one[0], str)]
        found.texts = [one for one in dict.fromkeys(said) if 0 < len(one) <= LETTERS][:OFFERED]
    shape = getattr(kind.facts, "shape", None)
    if shape is not None and kind.facts is not None:
        with contextlib.suppress(KeyError, TypeError, ValueError, PoiseError):
            found.size = list(kind.facts.from_dict(facts).shape)  # type: ignore[attr-defined]
    if "label" in found.asks and not found.classes:
        found.asks.remove("label")


def _learnt(facts: Mapping[str, object]) -> list[str]:
    """Classes, without those of which a run says that no picture was trained on."""
    known, counts = _names(facts.get("classes")), facts.get("class_counts")
    if not isinstance(counts, list) or len(counts) < len(known):
        return known
    return [name for name, count in zip(known, counts, strict=False) if count]


def _names(value: object) -> list[str]:
    return [str(name)[:LETTERS] for name in value[:NAMES]] if isinstance(value, list | tuple) else []


def kept_steps(folder: RunFolder) -> list[int]:
    """Numbers of the checkpoints that are whole, oldest first."""
    places = [path for path in folder.checkpoints.glob(CHECKPOINTS) if (path / "manifest.json").is_file()]
    return sorted(int(path.name.removeprefix("step-")) for path in places)


def made_of(folder: RunFolder, step: int) -> str:
    """The time of a checkpoint in nanoseconds, as JSON has no numbers so large; empty for one that is gone."""
    try:
        return str((folder.checkpoints / f"step-{step:08d}" / "manifest.json").stat().st_mtime_ns)
    except OSError:
        return ""
