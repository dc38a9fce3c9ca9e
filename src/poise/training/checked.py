"""Reading a checkpoint that may be damaged, or somebody else's: nothing is believed before it was looked at."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from poise import disk
from poise.errors import PoiseError

FORMAT = 1
MANIFEST = 1 << 20  # bytes
FILE = 32 << 30  # bytes of one file
HEADER = 16 << 20  # bytes that a .safetensors file may have beside its tensors
REST = 256 << 20  # bytes of `resume.pt` beside 16 times the weights: optimisers keep 2 numbers a weight


def step_of(checkpoint: Path) -> int:
    """The number of steps that were made before it, from its name."""
    return int(checkpoint.name.removeprefix("step-"))


def checked_step(checkpoint: Path) -> int:
    """The step of a checkpoint; its manifest is of it, every file is there and unchanged, and its format is known."""
    advice = f"remove {checkpoint} to go on from an earlier checkpoint"
    damaged = PoiseError(f"{checkpoint / 'manifest.json'} is missing or damaged; {advice}")
    try:
        manifest = disk.loads(disk.read_bytes(checkpoint / "manifest.json", MANIFEST).decode())
        files = {name: (entry["sha256"], disk.natural(entry["bytes"])) for name, entry in manifest["files"].items()}
        known, step = disk.natural(manifest["format"]), disk.natural(manifest["step"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise damaged from None
    if known is None or step is None or None in [size for _, size in files.values()]:
        raise damaged
    if known > FORMAT:
        raise PoiseError(f"{checkpoint} was written by a newer version (format {known}); update poise")
    if step != step_of(checkpoint):
        raise PoiseError(f"{checkpoint} holds the state after step {step:,}: it was renamed; {advice}")
    for name, (expected, size) in files.items():
        path = checkpoint / name
        if os.path.basename(name) != name or not 0 < len(name) < 100:
            raise PoiseError(f"{checkpoint / 'manifest.json'} names no file of a checkpoint, {name[:80]!r}; {advice}")
        changed = PoiseError(
            f"{path} does not match its sha256 in the manifest: it is damaged or was changed; {advice}"
        )
        try:
            with disk.open_file(path) as file:
                if os.fstat(file.fileno()).st_size != size or size > FILE:
                    raise changed
                digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        except OSError as error:
            raise PoiseError(f"{path} cannot be read ({error.strerror}): the checkpoint is damaged; {advice}") from None
        if digest != expected:
            raise changed
    return step


def load_weights(module: nn.Module, path: Path) -> None:
    """Read a .safetensors file into a module of the same shape. The numbers are looked at: all must be finite."""
    wanted = module.state_dict()
    most = sum(value.numel() * value.element_size() for value in wanted.values()) + HEADER
    misfit = PoiseError(f"the weights in {path} do not fit this network: were its arguments changed?")
    try:
        with disk.open_file(path) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise misfit
            state = safetensors.torch.load(file.read())
    except (OSError, safetensors.SafetensorError) as error:
        raise PoiseError(f"{path} cannot be read as safetensors ({error})") from None
    if any(name in wanted and value.dtype != wanted[name].dtype for name, value in state.items()):
        raise misfit
    bad = next((n for n, v in state.items() if v.is_floating_point() and not bool(torch.isfinite(v).all())), None)
    if bad is not None:
        raise PoiseError(f"{path}: {bad} has numbers that are not finite; take an earlier --step of the run")
    try:
        module.load_state_dict(state)
    except RuntimeError:
        raise misfit from None


def resume_state(path: Path, most: int, device: torch.device) -> dict[str, Any]:
    """What `resume.pt` holds; it cannot run code. Errors: PoiseError where it is too large or no such file."""
    content = disk.read_bytes(path, most)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(entry.file_size for entry in packed.infolist()) > most:
            raise ValueError("it unpacks to more than a network of this size keeps")
    found: dict[str, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    return found


def no_state(path: Path, error: Exception) -> PoiseError:
    reason = " ".join(str(error).split())[:100]
    return PoiseError(
        f"{path} does not hold the state of this run ({type(error).__name__}: {reason}): it is damaged or another "
        f"version's; remove {path.parent} to go on from an earlier checkpoint"
    )
