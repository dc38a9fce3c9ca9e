"""Ids of sentences out of a recurrent network, by draws that depend on a seed. Loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from poise.models.sampling import Sampling, after_a_sentence, generate
from poise.models.text import END
from poise.training.loop import fold_seed

CHUNK = 256  # sentences drawn at a time
PLAIN = Sampling()


def drawn_ids(
    net: Any,
    n: int,
    seed: int,
    length: int,
    sampling: Sampling = PLAIN,
    *,
    ends: bool = True,
    running: bool = False,
    never: Sequence[int] = (),
    given: Sequence[int | None] = (),
    bare: Sequence[int] = (),
) -> list[list[int]]:
    """n sentences of at most `length` units without their end; sentence i depends on (seed, i), whatever n is.

    Args: net, of the family "sequence", in evaluation mode; running: each begins after a sentence of the network's own;
    the others as of `generate`.
    """
    device = next(net.parameters()).device
    found: list[list[int]] = []
    for chunk in range(-(-n // CHUNK)):
        rng = torch.Generator().manual_seed(fold_seed(seed, chunk))
        noise = torch.rand(CHUNK, length, generator=rng).to(device)  # whole chunks, so that n changes nothing
        before = None
        if running:
            before = after_a_sentence(net, torch.rand(CHUNK, length, generator=rng).to(device), never)
        made = generate(net, noise, sampling, ends=ends, never=never, given=given, bare=bare, state=before)
        found += made[: n - chunk * CHUNK].tolist()
    return [row[: row.index(END)] if ends and END in row else row for row in found]
