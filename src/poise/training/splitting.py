"""Which trainings several processes may share: those that come out as by one. The others are refused in a sentence."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from poise.core import Batch, Game, Player
from poise.errors import PoiseError
from poise.rows.drawn import Slice, computing
from poise.training.checkpoint import initial
from poise.training.loop import reseed
from poise.training.moves import memory
from poise.training.precision import Execution
from poise.training.ranks import Ranks

ITEMS = 4  # of a batch by which it is tried whether its pieces are the whole
NEAR = 1e-3  # of the largest value: rounding is no more, of second derivatives neither
TINY = 1e-5  # beside that, where all values are next to nothing


class Staged(Protocol):
    """A stage: its game, and draw number -> batch."""

    @property
    def game(self) -> Any: ...
    @property
    def stream(self) -> Any: ...


def share(ranks: Ranks, name: str, unsplit: str, asked: object, stages: Sequence[Staged], execution: Execution) -> str:
    """Have the stages of a recipe computed by these processes; a line that says how.

    Args: name of the recipe; unsplit, why it cannot be; asked, the items of a batch, if the recipe has such a number.
    Errors: PoiseError where it cannot be split.
    """
    if unsplit:
        raise PoiseError(f"poise train {name} by {ranks.count} processes is not possible: {unsplit}; use one process")
    check_device(ranks, execution)
    batches = [asked] if isinstance(asked, int) else [len(stage.stream(0).real) for stage in stages]
    for batch in batches:
        check_batch(ranks, batch, execution.micro_batches)
    check_games([stage.game for stage in stages])
    execution.ranks = ranks
    return ranks.split_of(max(batches))


def check_device(ranks: Ranks, execution: Execution) -> None:
    """One device of CUDA for each process, or the CPU.

    Errors: PoiseError for Apple's GPU, for one device by its number, and for fewer devices than processes.
    """
    device = execution.device
    if device.type not in ("cpu", "cuda"):
        raise PoiseError(
            f"--device {device}: several processes train on CPUs or CUDA; use --device cpu, or one process"
        )
    if device.index is not None:
        raise PoiseError(f"--device {device}: each process takes the device of its own number; use --device cuda")
    if device.type == "cuda" and ranks.here > torch.cuda.device_count():
        raise PoiseError(
            f"--device cuda: {ranks.here} processes and {torch.cuda.device_count()} devices; start as many processes "
            f"as there are devices, or use --device cpu"
        )


def check_batch(ranks: Ranks, batch: int, micro_batches: int) -> None:
    """Every process has an item of each piece of a batch. Errors: PoiseError."""
    ranks.rows(batch // micro_batches)


def check_games(games: Iterable[Any]) -> None:
    """No network mixes the items of a batch or draws by itself, and no term keeps what it saw of other items.

    Errors: PoiseError that names the part and what to do.
    """
    for player in (player for game in games for player in game.players):
        _check_network(player)
        for term in player.terms:
            if term.whole or hasattr(term.value, "commit"):
                raise PoiseError(
                    f"the term '{term.name}' of the {player.name} needs the mean over a whole batch, which several "
                    f"processes would take apart: train by one process, or leave it out"
                )


def _check_network(player: Player[Any]) -> None:
    for layer in player.module.modules():
        kind, flag = type(layer).__name__, f"--{player.name.replace('_', '-')}"
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            raise PoiseError(
                f"the {player.name} has batch normalisation ({kind}), whose statistics several processes would take "
                f"of their own rows: use {flag}.norm none, or train by one process"
            )
        dropped = isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0
        if dropped or (isinstance(layer, nn.RNNBase) and layer.dropout > 0):
            raise PoiseError(
                f"the {player.name} has dropout ({kind}), which several processes would draw for their own rows alone: "
                f"set it to 0, or train by one process"
            )


def check_values(stages: Iterable[Staged], count: int, device: torch.device) -> None:
    """Every term has the same values for the items of a batch, computed together and in two pieces.

    What mixes items, draws random numbers by itself or keeps what it has seen, in a network or a term of anybody's, is
    found so, but for what acts only later. The first batch and the present weights, in full precision; the games are
    used up by it.

    Errors: PoiseError that says what and what to do.
    """
    for stage in stages:
        batch = stage.stream(0)
        n = min(ITEMS, len(batch.real))
        cond = None if batch.cond is None else batch.cond[:n]
        piece = Batch(batch.real[:n], cond)
        halves = [Slice(0, n // 2, n), Slice(n // 2, n, n)]
        state = initial(stage.game)
        for player in stage.game.players:
            computed = partial(_values, stage.game, player, piece, state, device, Ranks(0, count))
            whole = computed(None)
            parts, kept = [], []
            for half in halves:
                parts.append(computed(half))
                kept.append([(name, x.clone()) for name, x in player.module.named_buffers() if x.is_floating_point()])
            for name, values in whole.items():
                if not _same(values, [part[name] for part in parts], n):
                    raise PoiseError(
                        f"the term '{name}' of the {player.name} has other values for the items of a batch in two "
                        f"pieces: a network or a term mixes items or draws by itself, which {count} processes would do "
                        f"with their own rows alone; train by one process, or leave that out"
                    )
            for (name, one), (_, other) in zip(*kept, strict=True):
                if not _near(one, other):
                    raise PoiseError(
                        f"the network of the {player.name} keeps {name} of the items that it has seen, and each of "
                        f"{count} processes sees its own rows alone: train by one process, or leave that out"
                    )


def _values(
    game: Game[Any],
    player: Player[Any],
    batch: Batch,
    state: dict[str, Any],
    device: torch.device,
    ranks: Ranks,
    rows: Slice | None,
) -> dict[str, Tensor]:
    """The values of a player's terms for these rows of a batch, from a state of the game and always the same draws."""
    for name, kept in memory(game).items():
        kept.load_state_dict(copy.deepcopy(state[name]))
    with torch.random.fork_rng(devices=None if device.type == "cuda" else []):
        reseed(0, device)
        part = ranks.part(batch, rows)
        with computing(rows):
            round, n = game.round(player, part, player.terms), len(part.real)
            return {term.name: ranks.of_items(term, term.value(round), n).detach() for term in player.terms}


def _same(whole: Tensor, parts: Sequence[Tensor], n: int) -> bool:
    """Whether values for n items, k for each of them one after another [k·n, ...], are those of the two pieces."""
    halves, times = (n // 2, n - n // 2), len(whole) // n
    if [len(part) for part in parts] != [times * half for half in halves]:
        return False
    together = torch.cat([part.reshape(times, half, -1) for part, half in zip(parts, halves, strict=True)], 1)
    return _near(whole.reshape(times, n, -1), together)


def _near(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors of one shape differ by rounding alone; what is not finite in both is told elsewhere."""
    if not one.numel():
        return True
    return not bool((one - other).abs().max() > NEAR * one.abs().max() + TINY)
