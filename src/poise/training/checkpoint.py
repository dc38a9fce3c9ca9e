"""Checkpoints that are whole or absent.

    checkpoints/step-00000500/
      generator.safetensors, discriminator.safetensors, generator.ema.safetensors    weights, cannot run code
      resume.pt          optimisers, counters, states of terms and penalties; loaded with weights_only=True
      manifest.json      step, format, and the sha256 and size of each file

A checkpoint is written under a temporary name, each file and the folder are synced, and then it is renamed. The
last two and the best are kept, and where a run may be rolled back a few more.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from poise import disk
from poise.core import Game, Stateful
from poise.errors import PoiseError
from poise.record import CHECKPOINTS
from poise.terminal import pasted
from poise.training.checked import FORMAT, REST, checked_step, load_weights, no_state, resume_state, step_of
from poise.training.ema import Ema
from poise.training.moves import memory
from poise.training.precision import Execution

__all__ = [
    "all_checkpoints", "begin", "check_newest", "checked_step", "initial", "latest", "load", "load_weights", "prune",
    "save", "step_of",
]  # fmt: skip


def _modules(kept: Mapping[str, Stateful]) -> dict[str, nn.Module]:
    found = {name: part.module if isinstance(part, Ema) else part for name, part in kept.items()}
    return {name: part for name, part in found.items() if isinstance(part, nn.Module)}


def _apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in one piece each; a tied weight, or one under two names, once for each name."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in state.items():
        whole = tensor.contiguous()
        place = whole.untyped_storage().data_ptr()
        found[name] = whole.clone() if place in seen else whole
        seen.add(place)
    return found


def _contents(game: Game[Any], execution: Execution) -> dict[str, bytes]:
    """File name -> content. Weights go into safetensors, everything else into one file that runs no code."""
    kept = memory(game)
    modules = _modules(kept)
    files = {
        f"{name}.safetensors": safetensors.torch.save(_apart(module.state_dict())) for name, module in modules.items()
    }
    rest = {name: part.state_dict() for name, part in kept.items() if name not in modules}
    rest |= {name: {"moves": part.moves} for name, part in kept.items() if isinstance(part, Ema)}
    buffer = io.BytesIO()
    torch.save(
        {
            "parts": rest,
            "spent": {player.name: dict(player.cumulative_decay) for player in game.players},
            "scalers": {name: scaler.state_dict() for name, scaler in execution.scalers.items()},
        },
        buffer,
    )
    return files | {"resume.pt": buffer.getvalue()}


def save(folder: Path, step: int, game: Game[Any], execution: Execution) -> Path:
    """Write `folder/step-NNNNNNNN`: the state after `step` steps."""
    final = folder / f"step-{step:08d}"
    if (final / "manifest.json").exists():
        return final
    if final.exists():  # it is not whole
        disk.remove(final)
    temporary = None
    try:
        temporary = disk.temporary_folder(final)
        files = _contents(game, execution)
        listed = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in files.items()}
        manifest = json.dumps({"format": FORMAT, "step": step, "files": listed}, indent=2)
        for name, content in [*files.items(), ("manifest.json", manifest.encode())]:
            with open(temporary / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(temporary)
        os.replace(temporary, final)
        _sync(folder)
    except OSError as error:
        if temporary is not None:
            disk.remove(temporary)
        last = latest(folder)
        good = f"the last good one is {last.name}" if last else "there is no earlier one"
        raise PoiseError(
            f"cannot write the checkpoint {final}: {error.strerror or error}; {good}; "
            f"free some space and go on with poise resume {pasted(str(folder.parent))}"
        ) from error
    return final


def _sync(folder: Path) -> None:
    """Make a rename durable; not every system can open a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def all_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(p for p in folder.glob(CHECKPOINTS) if (p / "manifest.json").exists())


def check_newest(folder: Path) -> None:
    """PoiseError where the newest checkpoint is not whole, as after a copy that was broken off: to go on from an older
    one would forget what came after it."""
    newest = max(folder.glob(CHECKPOINTS), default=None)
    if newest is None or (newest / "manifest.json").exists() or not newest.exists():  # it may have been taken back
        return
    whole, run = latest(folder), pasted(str(folder.parent))
    before = step_of(whole) if whole else 0
    raise PoiseError(
        f"{newest} is not whole (it has no manifest.json): copy it once more, or go on from step {before} with poise "
        f"resume {run} --from-step {before}"
    )


def latest(folder: Path) -> Path | None:
    found = all_checkpoints(folder)
    return found[-1] if found else None


def initial(game: Game[Any]) -> dict[str, Any]:
    """The state of a game that has not begun, to begin it with again: name -> state."""
    return {name: copy.deepcopy(part.state_dict()) for name, part in memory(game).items()}


def begin(game: Game[Any], state: dict[str, Any], after: Game[Any]) -> None:
    """Put a game into its initial state, except for what it shares with the game before it: those weights stay."""
    shared = {id(part) for part in memory(after).values()}
    for name, part in memory(game).items():
        if id(part) not in shared:
            part.load_state_dict(copy.deepcopy(state[name]))
    for player in game.players:
        player.cumulative_decay.clear()


def prune(folder: Path, also: Collection[int | None], keep: int = 2) -> None:
    """Remove all but the last `keep` and those of the steps in `also`; leftovers of killed processes go too."""
    found = all_checkpoints(folder)
    names = {f"step-{step:08d}" for step in also if step is not None}
    for old in found[:-keep]:
        if old.name not in names:
            disk.remove(old)
    disk.sweep(folder)


def _by_position(game: Game[Any]) -> dict[str, str]:
    """Hooks that keep a state -> what older checkpoints call one that has no `name` of its own."""
    found: dict[str, str] = {}
    for player in game.players:
        names = {id(hook): name for name, hook in player.hooks()}
        places = {names[id(hook)]: i for i, hook in enumerate(player.after) if id(hook) in names}
        found |= {f"{player.name}.{name}": f"{player.name}.after{i}" for name, i in places.items()}
    return found


class SavedBeside(NamedTuple):
    """Of a state what is no part's own: sums of lr·λ by player and penalty, and scalers by player."""

    spent: dict[str, dict[str, float]]
    scalers: dict[str, dict[str, Any]]


def beside(state: SavedBeside, game: Game[Any], execution: Execution) -> None:
    """Put back what is no part's own: sums of lr·λ, and scalers, of which there are none before the first step."""
    for player in game.players:
        player.cumulative_decay.clear()
        player.cumulative_decay.update(state.spent[player.name])
    execution.scalers.clear()
    for name, scaler in state.scalers.items():
        execution.scaler(name).load_state_dict(scaler)


def load(checkpoint: Path, game: Game[Any], execution: Execution) -> int:
    """Put the state of a checkpoint into the game; returns the number of steps it had made."""
    step = checked_step(checkpoint)
    kept = memory(game)
    modules, formerly = _modules(kept), _by_position(game)
    for name, module in modules.items():
        path = checkpoint / f"{name}.safetensors"
        old = checkpoint / f"{formerly.get(name)}.safetensors"
        load_weights(module, old if old.exists() and not path.exists() else path)
    weights = [value for module in modules.values() for value in module.state_dict().values()]
    most = 16 * sum(value.numel() * value.element_size() for value in weights) + REST
    path = checkpoint / "resume.pt"
    try:
        state = resume_state(path, most, execution.device)
        parts = state["parts"]
        for name, part in kept.items():
            if isinstance(part, Ema):
                part.moves = parts[name]["moves"]
            elif name not in modules:
                part.load_state_dict(parts[name if name in parts else formerly.get(name, name)])
        beside(SavedBeside(state["spent"], state["scalers"]), game, execution)
    except (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise no_state(path, error) from None
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise no_state(path, error) from error
    return step
