"""Descriptions of runs that earlier versions made, in the words of today. No torch in here.

What a run was asked for is kept with every default filled in, and some of these words came to mean something else:

- The network `dcgan` got a 3×3 convolution at the end of either player; the one of before is called `short_dcgan`. The
  name alone does not tell which one a run has: its weights do.
- Runs of `vae` whose objective has no discriminator keep options of one, at the defaults of their time. They meant
  nothing, and those of today are no others' business either.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

from poise.disk.description import RunSpec
from poise.disk.reading import open_file
from poise.errors import PoiseError

HEADER = 1 << 22  # bytes of the names in a file of weights
LAST = {"images": ("generator", "last.weight"), "vae": ("autoencoder", "decoder.generator.last.weight")}


def in_words_of_today(spec: RunSpec, newest: Path | None) -> RunSpec:
    """The checked description of a run whose newest checkpoint this is; itself where nothing has to be said anew.

    Every run since both changes has an argument `bits`.
    """
    if spec.recipe not in LAST or "bits" in spec.arguments:
        return spec
    changed = dict(spec.arguments)
    player, name = LAST[spec.recipe]
    if changed.get("network") == "dcgan" and newest is not None:
        names = _names(newest / f"{player}.safetensors")
        if names and name not in names:
            changed["network"] = "short_dcgan"
    if spec.recipe == "vae" and changed.get("objective") in ("vae", "rae"):
        changed.pop("discriminator", None)
    return replace(spec, arguments=changed)


def _names(path: Path) -> set[str]:
    """The names of the tensors in a file; none where it cannot be read, which is told where the weights are needed."""
    with contextlib.suppress(OSError, ValueError, PoiseError, RecursionError), open_file(path) as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(min(length, HEADER)))
        return set(header) if isinstance(header, dict) else set()
    return set()
