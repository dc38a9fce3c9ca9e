"""Options that several recipes have, each documented once. No torch in here.

A `Group` is one parameter of a recipe's function, and on the command line, in files and in the spec its fields stand
beside the recipe's own: --steps, not --run.steps. The recipe gives it defaults (`run: RunOptions =
RunOptions(steps=4000)`), and its docstring may describe one of the fields anew where it means something else there.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from poise.errors import PoiseError
from poise.penalties import Penalty
from poise.recipes.common.recipe import StepIntervals, Stopping
from poise.training.schedules import Scheduled


@dataclass(frozen=True)
class Group:
    """Options that are flags of their own. `without` names fields that mean nothing to a recipe and are no flags."""

    without: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def flags(cls) -> list[str]:
        return [option.name for option in dataclasses.fields(cls) if option.name not in cls.without]

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Self:
        """The group out of all arguments of a run; those that are not there are as in the class."""
        return cls(**{name: arguments[name] for name in cls.flags() if name in arguments})

    @classmethod
    def kept(cls, arguments: Mapping[str, object]) -> dict[str, object]:
        """Those of its own arguments that a run keeps otherwise than they may be written, as it keeps them. Errors:
        PoiseError for what cannot be read."""
        return {}


def groups(build: Callable[..., Any]) -> dict[str, Group]:
    """The groups that a recipe's function takes, by parameter, each with the recipe's defaults."""
    taken = inspect.signature(build).parameters
    return {name: parameter.default for name, parameter in taken.items() if isinstance(parameter.default, Group)}


def parameters(build: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What a user can give a recipe: the parameters of its function, and the fields of a group in the group's place."""
    found = {}
    for name, parameter in inspect.signature(build).parameters.items():
        group = parameter.default
        if not isinstance(group, Group):
            found[name] = parameter
            continue
        kinds = {option.name: option.type for option in dataclasses.fields(group)}
        for flag in group.flags():
            found[flag] = parameter.replace(name=flag, default=getattr(group, flag), annotation=kinds[flag])
    return found


def grouped(build: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as a user gives them -> as the recipe's function takes them: `build(**grouped(build, arguments))`."""
    found = dict(arguments)
    for name, group in groups(build).items():
        given = {flag: found.pop(flag) for flag in group.flags() if flag in found}
        found[name] = dataclasses.replace(group, **given)
    return found


def check_counts(**counts: int | None) -> None:
    """Each must be at least 1 where it is given."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise PoiseError(f"--{name.replace('_', '-')} must be at least 1, not {count}")


@dataclass(frozen=True)
class RunOptions(Group):
    """How long, where and under what eyes a run trains.

    Args:
        steps: how often each player moves (times its turns).
        batch: items per move.
        micro_batches: pieces in which a batch is computed, to save memory; penalties still count once.
        ema: decay of the moving average of the generator's weights, from which samples are drawn.
        ema_half_life: items in whose moves the average forgets half of what it was, whatever the batch; instead of ema.
        seed: of the weights, the order of the data and the noise.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: auto (bf16 where the hardware has it), fp32, bf16 or fp16.
        threads: CPU threads; by default torch's choice.
        compile: compile the networks with torch.compile; not together with R1 or R2 on the discriminator.
        capture: tell a GPU each kind of step once and have it repeated (CUDA graphs): on, off, or auto, which is off.
        log_every: steps between rows of the record.
        sample_every: steps between files of samples; by default 20 in a run.
        checkpoint_every: steps between checkpoints; by default once a minute.
        scores: how often samples are scored: once after 5 % of the run, then evenly to the end; 0 for never.
        score_samples: number of items drawn and compared each time.
        patience: end the run when so many scores in a row were no better than the best; by default it runs to the end.
        on_divergence: stop, or roll back to a checkpoint from before the trouble and go on with halved learning rates.
        rollbacks: how often a run may be rolled back before it stops.
    """

    steps: int = 1000
    batch: int = 32
    micro_batches: int = 1
    ema: float = 0.999
    ema_half_life: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    threads: int | None = None
    compile: bool = False
    capture: Literal["auto", "on", "off"] = "auto"
    log_every: int = 16
    sample_every: int | None = None
    checkpoint_every: int | None = None
    scores: int = 4
    score_samples: int = 1000
    patience: int | None = None
    on_divergence: Literal["stop", "rollback"] = "stop"
    rollbacks: int = 3

    def check(self, **counts: int | None) -> None:
        """PoiseError for numbers that no run can have; `counts` are more that must be at least 1."""
        check_counts(
            steps=self.steps, batch=self.batch, micro_batches=self.micro_batches, threads=self.threads,
            log_every=self.log_every, score_samples=self.score_samples, **counts,
        )  # fmt: skip
        if not 0 <= self.seed < 2**63:  # both torch and numpy take it
            raise PoiseError(f"--seed must be at least 0 and below 2^63, not {self.seed}")
        if not 0 <= self.ema < 1:
            raise PoiseError(f"--ema must be at least 0 and below 1, not {self.ema}")
        check_counts(ema_half_life=self.ema_half_life)

    @property
    def decay(self) -> float:
        """β of the moving average, for each move: 0.5^(batch/half-life) where that is given.

        Example:
            >>> RunOptions(batch=100, ema_half_life=200).decay ** 2  # two moves
            0.5000000000000001
        """
        return self.ema if self.ema_half_life is None else 0.5 ** (self.batch / self.ema_half_life)

    @property
    def acting(self) -> Stopping:
        return Stopping(self.on_divergence, self.rollbacks, self.patience, self.scores)

    def cadence(self, steps: int, *also: int) -> StepIntervals:
        """How often things happen in a run of so many steps; it is scored after those of `also` too."""
        checkpoint = self.acting.checkpoint_every(self.checkpoint_every, steps)
        return StepIntervals.over(steps, self.log_every, self.sample_every, checkpoint, self.scores, *also)


@dataclass(frozen=True)
class OriginOptions(Group):
    """With which weights a run begins.

    Args:
        from_run: begin with the networks of a run: its path, its name, a unique beginning of its name, or last; what
            has the same name and shape in them is taken, the rest is fresh.
        from_step: of which of its checkpoints: last, best, or the step of one that is kept.
        from_parts: which networks: generator (and its average), discriminator or both.
    """

    from_run: str | None = None
    from_step: int | str = "last"
    from_parts: Literal["generator", "discriminator", "both"] = "both"

    @property
    def parts(self) -> tuple[str, ...]:
        """The players whose weights are taken."""
        return ("generator", "discriminator") if self.from_parts == "both" else (self.from_parts,)

    def check(self) -> None:
        """PoiseError for options that would do nothing."""
        if self.from_run is not None:
            return
        for name, default in (("from_step", "last"), ("from_parts", "both")):
            if getattr(self, name) != default:
                flag = f"--{name.replace('_', '-')}"
                raise PoiseError(f"{flag} {getattr(self, name)} does nothing without --from-run RUN: add it")


@dataclass(frozen=True)
class SingleRunOptions(RunOptions):
    """How long, where and under what eyes a run trains, in single precision unless told otherwise.

    Args:
        precision: fp32, bf16 or fp16.
    """

    precision: Literal["fp32", "bf16", "fp16"] = "fp32"


@dataclass
class AdamOptions:
    """A network that Adam trains.

    Args:
        lr: learning rate of Adam: a number, or a schedule over the run such as linear:4e-4:4e-5.
        betas: Adam's decay rates of the first and second moment; that of the second may follow a schedule, as in
            [0, cosine:0.9:0.99].
        penalties: further penalties by name.
        clip: largest norm of the gradient; none by default.
    """

    lr: Scheduled = 2e-4
    betas: tuple[float, Scheduled] = (0.5, 0.999)
    penalties: list[Penalty] = field(default_factory=list)
    clip: float | None = None


Options = Mapping[str, Any]  # player -> its `AdamOptions`, of the class of its recipe


@dataclass
class GeneratorAdam(AdamOptions):
    """A generator that Adam trains.

    Args:
        penalties: further penalties by name, for example --generator.penalties+=WeightDecay.
        turns: moves per step.
    """

    turns: int = 1


@dataclass
class DiscriminatorAdam(AdamOptions):
    """A discriminator that Adam trains.

    Args:
        penalties: further penalties by name, for example --discriminator.penalties+=R1
            --discriminator.penalties.gamma=1.
        turns: moves per step (n_critic).
    """

    turns: int = 1
