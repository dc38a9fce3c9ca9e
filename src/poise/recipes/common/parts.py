"""What every recipe puts together in the same way: players, learning rates, checks of options. Loads torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict

import torch
from torch import nn

from poise.core import Player, ScheduledValue, Term, WeightPenalty, value_at
from poise.errors import PoiseError
from poise.penalties import L2, Penalty
from poise.recipes.common.affordable import check_affordable
from poise.recipes.common.options import Options, RunOptions, check_counts
from poise.recipes.common.recipe import Stage, StepIntervals, Stopping
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.training.capture.choice import captures_of
from poise.training.precision import Execution, keep_freed_memory, pick_device, pick_precision
from poise.training.schedules import Scheduled, bounds, number_or_schedule


def l2(name: str, strength: Scheduled, steps: int, kind: Callable[[Any], Penalty] = L2) -> Penalty:
    """The L2 penalty that a flag asks for, its schedule stretched over a stage of `steps`."""
    return kind(number_or_schedule(strength, f"--l2-{name.replace('_', '-')}", steps))


def own_penalties(asked: PlayerSetup, steps: int) -> list[Penalty]:
    """A player's own L2 and what else was asked for, each with schedules over a stage of `steps`; no stage shares one
    with another. Its own gives way to one of that name among the others, unless it has a strength too."""
    own, others = l2(asked.name, asked.l2, steps), [penalty.over(steps) for penalty in asked.options.penalties]
    off = number_or_schedule(asked.l2, "its own L2", steps) == 0
    return others if off and any(getattr(other, "name", "") == own.name for other in others) else [own, *others]


def weighed(name: str, weight: Scheduled, steps: int, value: Callable[[Any], torch.Tensor]) -> list[Term[Any]]:
    """A term with the weight or the schedule of its flag; none where the weight is 0."""
    asked = number_or_schedule(weight, f"--{name}", steps)
    return [] if asked == 0 else [Term(name, value, asked)]


OF_A_DISCRIMINATOR = {  # a player that does not discriminate -> where a penalty on slopes or outputs belongs instead
    "model": "leave it out",
    "encoder": "leave it out",
    "decoder": "leave it out",
    "generator": "use --discriminator.penalties+={kind}",
    "vocoder": "use --vocoder-discriminator.penalties+={kind}",
    "autoencoder": "use --discriminator.penalties+={kind} with --objective vae_gan",
}


def check_player(name: str, options: Any, sizes: Sequence[str] = ("width", "depth", "turns")) -> None:
    """The options that every player has; `sizes` names those that count something."""
    check_counts(**{f"{name}.{key}": getattr(options, key) for key in sizes})
    for flag, rate in ((f"--{name}.{key.replace('_', '-')}", getattr(options, key, 1)) for key in ("lr", "warm_lr")):
        lr = number_or_schedule(rate, flag, steps=1)
        if not value_at(lr, 0) + value_at(lr, 1) > 0:
            raise PoiseError(f"{flag} must be above 0, not {rate}")
    if options.clip is not None and not options.clip > 0:
        raise PoiseError(f"--{name}.clip must be above 0, not {options.clip}; leave it out to clip nothing")
    _check_betas(name, options.betas)
    for penalty in options.penalties:
        kind = type(penalty).__name__
        if penalty.reads in ("slopes", "outputs") and name in OF_A_DISCRIMINATOR:
            raise PoiseError(
                f"--{name}.penalties+={kind}: {kind} is a penalty on a discriminator and would do nothing here; "
                + OF_A_DISCRIMINATOR[name].format(kind=kind)
            )
        if name != "model" and penalty.reads == "states":
            raise PoiseError(
                f"--{name}.penalties+={kind}: {kind} reads a language model and the {name} shows nothing of the kind; "
                f"leave it out, or name one on the weights such as WeightDecay"
            )


def execution_of(run: RunOptions) -> Execution:
    """Where and in what numbers a run is computed; sets torch's threads if they are given."""
    where = pick_device(run.device)
    if where.type == "cpu":
        keep_freed_memory()
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    precision = pick_precision(run.precision, where)
    return Execution(where, precision, run.micro_batches, captures=captures_of(run.capture, where))


def built(setup: Setup, makers: Mapping[str, Callable[[], nn.Module]]) -> list[Any]:
    """The networks of these players where the run is computed, with fresh weights of its seed; made in this order.

    Errors: PoiseError where their training would take more memory than is free.
    """
    check_affordable(setup.execution.device, makers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setup.seed)
        return [make().to(setup.execution.device) for make in makers.values()]


class Machine(TypedDict):
    """By what a run is computed."""

    device: str
    precision: str
    threads: int


def machine(execution: Execution) -> Machine:
    """For the facts of a run: by what it is computed."""
    return {"device": str(execution.device), "precision": execution.precision, "threads": torch.get_num_threads()}


class RunFields(TypedDict):
    """The fields of a `Recipe` that the options of its run decide."""

    stages: Sequence[Stage]
    seed: int
    execution: Execution
    cadence: StepIntervals
    acting: Stopping


def run_fields(run: RunOptions, execution: Execution, stages: Sequence[Stage], *scored_after: int) -> RunFields:
    """Those of a run through these stages, which is scored after `scored_after` steps too."""
    cadence = run.cadence(sum(stage.steps for stage in stages), *scored_after)
    return {"stages": stages, "seed": run.seed, "execution": execution, "cadence": cadence, "acting": run.acting}


def recurrent_execution(run: RunOptions) -> Execution:
    """`execution_of` for recurrent layers, which not every CPU computes in half precision: it is tried."""
    execution = execution_of(run)
    try:
        with torch.random.fork_rng(devices=[]), execution.autocast(False):
            out, _ = nn.LSTM(2, 2, device=execution.device)(torch.zeros(1, 1, 2, device=execution.device))
        out.sum().backward()
    except RuntimeError:
        raise PoiseError(
            f"--precision {run.precision}: recurrent layers cannot be computed in it on {execution.device}; use "
            "fp32 or another --device"
        ) from None
    return execution


def player(
    name: str,
    net: nn.Module,
    options: Any,
    term: Term[Any],
    penalties: list[Penalty],
    after: tuple[Any, ...] = (),
    lr: Scheduled | None = None,
    also: Sequence[Term[Any]] = (),
) -> Player[Any]:
    """Adam on all weights; `also` and the penalties' terms beside its own. `lr` stands in for that of the options."""
    flag = f"--{name.replace('_', '-')}"
    first_lr = value_at(number_or_schedule(options.lr if lr is None else lr, f"{flag}.lr", steps=1), 0)
    rules: list[WeightPenalty] = []
    extra: list[Term[Any]] = []
    for penalty in penalties:
        terms, on_weights = penalty.terms(), penalty.weight_penalties()
        if not terms and not on_weights:
            raise PoiseError(f"{flag}.penalties: {type(penalty).__name__} penalises nothing; name one that does")
        for rule in on_weights:
            rule.covered(net)  # one that does not fit the network is refused here, not at the first step
        rules += on_weights
        extra += terms
    settle = [found.value.commit for found in extra if hasattr(found.value, "commit")]  # once after each move
    betas = options.betas[0], value_at(number_or_schedule(options.betas[1], f"{flag}.betas", steps=1), 0)
    return Player(
        name,
        net,
        torch.optim.Adam(net.parameters(), first_lr, betas=betas, fused=True),
        terms=[term, *also, *extra],
        penalties=rules,
        turns=getattr(options, "turns", 1),
        clip=options.clip,
        after=(*after, *settle),
    )


def _check_betas(name: str, betas: tuple[float, Scheduled]) -> None:
    flag = f"--{name}.betas"
    second = bounds(number_or_schedule(betas[1], flag, steps=1), 1)
    if not all(0 <= beta < 1 for beta in (betas[0], *second)):
        raise PoiseError(f"{flag} must be at least 0 and below 1, not {list(betas)}")


def adam_dials(players: Sequence[Player[Any]], options: Options, steps: int) -> list[ScheduledValue]:
    """A dial for each learning rate and each β₂ that follows a schedule over a stage of `steps`."""
    return dials_of_rates(players, {player.name: options[player.name].lr for player in players}, options, steps)


def dials_of_rates(
    players: Sequence[Player[Any]], rates: Mapping[str, Scheduled], options: Options, steps: int
) -> list[ScheduledValue]:
    """The same with other learning rates, by player, than those of their options."""
    dials = []
    for player in players:
        flag = f"--{player.name.replace('_', '-')}"
        rate = number_or_schedule(rates[player.name], f"{flag}.lr", steps)
        second = number_or_schedule(options[player.name].betas[1], f"{flag}.betas", steps)
        if callable(rate):
            dials.append(ScheduledValue(f"{player.name}/lr", rate, partial(_set_rate, player.optim)))
        if callable(second):
            player.optim.second_beta_varies = True  # type: ignore[attr-defined]
            dials.append(ScheduledValue(f"{player.name}/beta2", second, partial(_set_beta2, player.optim)))
    return dials


def _set_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = value


def _set_beta2(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["betas"] = (group["betas"][0], value)


def learning_rate(optim: torch.optim.Optimizer) -> float:
    """The rate of an optimiser now."""
    return float(optim.param_groups[0]["lr"])
