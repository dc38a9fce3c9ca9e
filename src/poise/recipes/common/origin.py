"""First weights out of a run that is there, for networks of the same kind. Loads torch.

What is taken is kept in the folder of the new run, as it lay in the checkpoint, with a sha256 of each file: a run that
goes on finds it there and needs the other run no more.

    RUN/origin/generator.safetensors, generator.ema.safetensors ...    files of the checkpoint
    RUN/origin/origin.json                                             run, step, sha256 of each file, and `OriginKnown`
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from poise import disk
from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.recipes.common.facts import OriginFacts
from poise.recipes.common.options import OriginOptions
from poise.recipes.common.origin_checkpoint import origin_checkpoint
from poise.training.checked import FILE, REST, checked_step, no_state, resume_state
from poise.training.ema import Ema

KEPT = "origin.json"
SHOWN = 3  # names of fresh tensors that are told
DAMAGED = (
    pickle.UnpicklingError, zipfile.BadZipFile, EOFError, OSError, KeyError, TypeError, AttributeError, ValueError,
    RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class OriginKnown:
    """What else is known of the other run: the `moves` of each average, its `network` where that has a name, and the
    names of its `classes`. Runs of before have not kept it."""

    moves: Mapping[str, int] = field(default_factory=dict)
    network: str | None = None
    classes: Sequence[str] = ()


@dataclass
class Origin:
    """What a run begins with: `facts` of where it is from, `files` by name, what else is `known`, `notes` on what of it
    was taken, and the players of which that was `whole`, so that nothing of them is fresh."""

    facts: OriginFacts
    files: Mapping[str, bytes]
    known: OriginKnown = OriginKnown()
    notes: list[str] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)

    def keeps(self) -> dict[str, bytes]:
        """File name -> content, for the folder of the new run."""
        return {**self.files, KEPT: json.dumps({**asdict(self.facts), **asdict(self.known)}, indent=2).encode()}


def origin_of(options: OriginOptions, recipe: str, averaged: Sequence[str]) -> Origin | None:
    """Read the weights that are asked for; None where none are.

    Args: options; recipe, of which the run must be; averaged, the players that have an average, which is read too.
    Errors: PoiseError for another kind of run, no such checkpoint, or one that is damaged.
    """
    options.check()
    if options.from_run is None:
        return None
    names = [f"{part}.safetensors" for part in options.parts]
    names += [f"{part}.ema.safetensors" for part in options.parts if part in averaged]
    place = Path(options.from_run)
    if os.path.lexists(place / KEPT):
        return _kept(place, names)
    folder, step = origin_checkpoint(options.from_run, options.from_step)
    spec = folder.spec()
    if spec.recipe != recipe:
        raise PoiseError(f"--from-run {options.from_run} is a run of {spec.recipe}: name one of poise train {recipe}")
    checkpoint = folder.checkpoints / f"step-{step:08d}"
    if not (checkpoint / "manifest.json").exists():
        raise PoiseError(f"--from-run {options.from_run} keeps no checkpoint of step {step}: see {folder.checkpoints}")
    checked_step(checkpoint)
    files = {name: _content(checkpoint / name) for name in names}
    known = OriginKnown(_moves(checkpoint, options.parts), _network(spec), list(spec.facts.get("classes") or []))
    return Origin(OriginFacts(str(folder.path), step, _digests(files)), files, known)


def _moves(checkpoint: Path, parts: Sequence[str]) -> dict[str, int]:
    """How many moves are behind each average: those of the run itself, and of what it began with."""
    try:
        path = checkpoint / "resume.pt"
        kept = resume_state(path, min(2 * path.lstat().st_size + REST, FILE), torch.device("cpu"))["parts"]
        return {part: int(kept[f"{part}.ema"]["moves"]) for part in parts if f"{part}.ema" in kept}
    except DAMAGED as error:
        raise no_state(checkpoint / "resume.pt", error) from None


def _network(spec: RunSpec) -> str | None:
    """That of a run, where it is one that has a name."""
    asked = spec.facts.get("network") or spec.arguments.get("network")
    return asked if isinstance(asked, str) and "." not in asked else None


def _kept(place: Path, names: Sequence[str]) -> Origin:
    """What a run kept when it began."""
    damaged = PoiseError(
        f"{place} does not hold the weights that the run began with: it is damaged; put it back, or start a new run"
    )
    try:
        content = dict(disk.read_json(place / KEPT))
        known = OriginKnown(
            **{name.name: content.pop(name.name) for name in fields(OriginKnown) if name.name in content}
        )
        facts = OriginFacts(**content)
    except (TypeError, ValueError):
        raise damaged from None
    if not (isinstance(facts.run, str) and isinstance(facts.step, int)):
        raise damaged
    files = {name: _content(place / name) for name in names}
    if facts.files != _digests(files):
        raise damaged
    return Origin(facts, files, known)


def _content(path: Path) -> bytes:
    try:
        return disk.read_bytes(path, min(path.lstat().st_size, FILE))
    except OSError as error:
        raise PoiseError(
            f"{path} cannot be read ({error.strerror or error}): no weights can be taken from it"
        ) from None


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def take(origin: Origin | None, networks: Mapping[str, nn.Module]) -> None:
    """Put what fits by name and shape into the networks, in place, and note what was taken; the rest stays fresh.

    Call it before averages are made of the networks, and `take_average` then. Args: origin, None for nothing; networks,
    by player. Errors: PoiseError where nothing of a network fits.
    """
    for part, net in networks.items():
        if origin is not None and f"{part}.safetensors" in origin.files:
            _take(origin, net, part)


@torch.no_grad()
def take_average(origin: Origin | None, part: str, average: Ema) -> None:
    """Let an average begin with averaged weights where they fit.

    Of a player that was taken whole it has as many moves behind it as these, so that it does not forget them as it
    forgets fresh weights.
    """
    if origin is None or f"{part}.ema.safetensors" not in origin.files:
        return
    own = average.module.state_dict()
    for name, value in _fitting(origin, f"{part}.ema.safetensors", own).items():
        own[name].copy_(value)
    average.stale = True
    if part in origin.whole:
        average.moves = origin.known.moves.get(part, origin.facts.step)


def foreign_classes(origin: Origin | None, classes: Sequence[str]) -> list[str]:
    """A line where vectors of classes were taken for others: they fit where there are as many, whatever they mean."""
    known = list(origin.known.classes) if origin is not None else []
    if not classes or len(known) != len(classes) or known == list(classes):
        return []
    pairs = [f"{one} for {other}" for one, other in zip(known, classes, strict=True) if one != other]
    more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    return [f"the vectors of other classes were taken, by their order: {', '.join(pairs[:SHOWN])}{more}"]


def _fitting(origin: Origin, file: str, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file that a network has too, in the same shape. Errors: PoiseError for what is no number."""
    try:
        found = safetensors.torch.load(origin.files[file])
    except safetensors.SafetensorError as error:
        raise PoiseError(f"{file} of {origin.facts.described} cannot be read as safetensors ({error})") from None
    fitting = {name: value for name, value in found.items() if name in own and _alike(value, own[name])}
    for name, value in fitting.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise PoiseError(
                f"{file} of {origin.facts.described} has numbers in {name} that are not finite: take an earlier step"
            )
    return fitting


@torch.no_grad()
def _take(origin: Origin, net: nn.Module, part: str) -> None:
    """Put what fits into a network, and note what that was."""
    described, own = origin.facts.described, net.state_dict()
    fitting = _fitting(origin, f"{part}.safetensors", own)
    weights = dict(net.named_parameters())
    taken = [name for name in weights if name in fitting]
    if not taken:
        raise PoiseError(
            f"--from-run: nothing of the {part} of {described} fits this run: no tensor has the same name and shape; "
            f"give this run its --network, --size and widths, or use other --from-parts"
        )
    for name, value in fitting.items():
        own[name].copy_(value)
    share = sum(weights[name].numel() for name in taken) / sum(value.numel() for value in weights.values())
    fresh = [name for name in weights if name not in fitting]
    more = f" and {len(fresh) - SHOWN} more" if len(fresh) > SHOWN else ""
    left = f"; fresh: {', '.join(fresh[:SHOWN])}{more}" if fresh else ""
    counted = f"took {len(taken)} of {len(weights)} tensors of the {part} ({_percent(share)} of its parameters)"
    origin.notes.append(f"{counted} from {described}{left}")
    if not fresh:
        origin.whole.add(part)


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype


def _percent(share: float) -> str:
    """A share that is not all of it is never told as 100 %."""
    if share == 1:
        return "100 %"
    return f"{min(100 * share, 99.9):.3g} %"
