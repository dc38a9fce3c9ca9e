"""What can be done with a run that exists: find its checkpoints, draw samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from poise.data.text.text import shortened
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report.conclude import best
from poise.runs.place import opened
from poise.runs.trust import without_classes
from poise.specs.spec import instantiated, kind_of

SHOWN = 5  # texts that are printed


def checkpoint_of(folder: RunFolder, step: str) -> Path:
    """The checkpoint that "last", "best" or a number of steps names."""
    from poise.training.checkpoint import all_checkpoints

    kept = all_checkpoints(folder.checkpoints)
    if not kept:
        raise PoiseError(f"{folder.path} has no checkpoint yet; go on training with: poise resume {folder.quoted}")
    if step == "last":
        return kept[-1]
    primary = kind_of(folder.spec()["recipe"]).primary
    wanted = (
        best(folder.rows(), primary).get("step")
        if step == "best"
        else int(step)
        if step.isascii() and step.isdecimal() and len(step) < 16
        else None
    )
    if wanted is None:
        raise PoiseError(f"--step {step}: use last, best (of a scored run) or a number")
    for checkpoint in kept:
        if checkpoint.name == f"step-{wanted:08d}":
            return checkpoint
    steps = ", ".join(str(int(c.name.removeprefix("step-"))) for c in kept)
    raise PoiseError(f"{folder.path} keeps no checkpoint of step {wanted}; it has {steps}")


def generator_of(folder: RunFolder, step: str) -> tuple[Any, dict[str, Any], Any]:
    """The averaged generator of a run, its facts and its recipe; the data is not needed."""
    from poise.training.checkpoint import load_weights, manifest_of

    spec = opened(folder)
    kind = kind_of(spec["recipe"])
    checkpoint = checkpoint_of(folder, step)
    manifest_of(checkpoint)
    try:
        generator = kind.generator(instantiated(spec["recipe"], without_classes(spec["arguments"])), spec["facts"])
    except (AttributeError, LookupError, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        raise PoiseError(
            f"{folder.path / 'spec.json'} does not say what was trained ({type(error).__name__}: "
            f"{(str(error).splitlines() or [''])[0][:100]}): it is damaged; put it back, or start a new run with --out"
        ) from None
    for player in kind.players:
        part = generator if len(kind.players) == 1 else getattr(generator, player)
        load_weights(part, checkpoint / f"{player}.ema.safetensors")
    return generator.eval(), spec, kind


def sample_to(folder: RunFolder, n: int, seed: int, out: str | None, step: str, asked: dict[str, Any]) -> list[str]:
    """Draw n samples into a file or a folder; returns what to tell the user.

    `asked`: options that only some recipes know, None where nothing was said.
    """
    if n < 1:
        raise PoiseError(f"-n must be at least 1, not {n}")
    kind = kind_of(folder.spec()["recipe"])
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given:
        if name not in kind.asks:
            known = ", ".join(f"--{other.replace('_', '-')}" for other in kind.asks)
            raise PoiseError(
                f"--{name.replace('_', '-')} does nothing for {folder.name}, a run of {folder.spec()['recipe']}: "
                f"leave it out{f' or use {known}' if known else ''}"
            )
    generator, spec, kind = generator_of(folder, step)
    samples = kind.draw(generator, spec["facts"], n, seed, **given)
    path = Path(out or kind.default_out)
    said = f"{path}: {kind.write(samples, path)} of {folder.name}"
    return [said, *(f"  {shortened(text)}" for text in samples[:SHOWN])] if kind.modality == "text" else [said]
