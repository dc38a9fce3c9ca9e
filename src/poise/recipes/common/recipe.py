"""What a recipe returns: everything a run needs, and nothing that depends on how it is watched. No torch in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from poise.errors import PoiseError
from poise.recipes.common.facts import RunFacts

if TYPE_CHECKING:
    from torch import nn

    from poise.core import Batch, Game, ScheduledValue
    from poise.data.speech.recordings import Recordings
    from poise.data.speech.speech import Wave
    from poise.metrics.speech.comparison import Comparison
    from poise.models.vae import AutoEncoder
    from poise.recipes.common.portable import Portable
    from poise.training.precision import Execution

Arguments = Mapping[str, Any]  # of a run, by name


@dataclass(frozen=True)
class NoisePlace:
    """Where a picture's noise is: sample `index` of `seed`, or the share `toward` in [0, 1] of the way from it to the
    sample of the same index of the next seed. `label`: its class by name (None: as classes take turns)."""

    seed: int
    index: int = 0
    toward: float = 0.0
    label: str | None = None


@dataclass
class Stage:
    """A stretch of training: one game on one stream. Stages follow each other over shared modules.

    `monitor` is built before anything is trained or loaded; None where there is nothing to watch.
    """

    name: str
    game: Game[Any]
    stream: Callable[[int], Batch]
    steps: int
    dials: Sequence[ScheduledValue] = ()
    monitor: Callable[[], Monitor] | None = None


@dataclass(frozen=True)
class StepIntervals:
    """How often things happen, in steps."""

    log: int  # a row of the record
    probe: int  # the monitor's signals
    sample: int  # a picture of samples
    checkpoint: int | None  # None: once a minute
    scores: tuple[int, ...]  # steps after which samples are scored

    @classmethod
    def over(
        cls, steps: int, log: int, sample: int | None, checkpoint: int | None, scores: int, *also: int
    ) -> StepIntervals:
        """A cadence for a run of `steps`: scores after 5 % and then evenly to the end, and `also` after these steps; 20
        files of samples."""
        if scores < 0:
            raise PoiseError(f"--scores must be at least 0, not {scores}")
        for name, every in (("sample-every", sample), ("checkpoint-every", checkpoint)):
            if every is not None and every < 1:
                raise PoiseError(f"--{name} must be at least 1, not {every}")
        shares = [0.05, *((i + 1) / (scores - 1) for i in range(scores - 1))] if scores > 1 else [1.0] * scores
        at = tuple(sorted({max(1, round(share * steps)) for share in shares} | set(also if scores else ())))
        return cls(log, 4 * log, sample or max(1, steps // 20), checkpoint, at)


class Monitor(Protocol):
    """Measures signals while training: the number of a probe -> name -> number, for the record."""

    seconds: float  # spent so far

    def __call__(self, probe: int) -> dict[str, float]: ...


class Scorer(Protocol):
    """Scores samples: name -> number, and lines for people."""

    noun: str  # what is scored: pictures, sentences ...
    missing: list[str]  # sentences: what could not be scored, and why
    n: int  # samples in a score
    m: int  # held-out items they are compared with
    extractors: list[Any]  # each with a name that says its input size

    def floor(self) -> dict[str, float]:
        """The same scores of real against real."""
        ...

    def score(self, sample: Callable[[int, int], Any]) -> dict[str, float]: ...


@dataclass(frozen=True)
class Stopping:
    """What a run does about what it finds: stop early, or roll back."""

    on_divergence: str = "stop"  # or "rollback"
    rollbacks: int = 3  # at most
    patience: int | None = None  # scores in a row without a better one after which the run ends
    scores: int = 0  # how often the run is scored

    def checkpoint_every(self, asked: int | None, steps: int) -> int | None:
        """Steps between checkpoints: by steps and not by the clock where a rollback has to be repeatable."""
        return max(1, steps // 20) if asked is None and self.on_divergence == "rollback" else asked

    def __post_init__(self) -> None:
        if self.on_divergence not in ("stop", "rollback"):
            raise PoiseError(f"--on-divergence {self.on_divergence} is unknown; use stop or rollback")
        for name, count in (("rollbacks", self.rollbacks), ("patience", self.patience)):
            if count is not None and count < 1:
                raise PoiseError(f"--{name} must be at least 1, not {count}")
        if self.patience is not None and self.patience >= self.scores:
            raise PoiseError(
                f"--patience {self.patience} never ends a run that is scored {self.scores} times: "
                f"raise --scores above it"
            )


@dataclass
class Recipe:
    """Stages to train, and how to look at what comes out."""

    stages: Sequence[Stage]
    seed: int
    execution: Execution
    cadence: StepIntervals
    facts: RunFacts | dict[str, Any]  # what rebuilds the generator without the data, and what the data was
    sampler: Callable[
        [int, int], Any
    ]  # (n, seed) -> n samples of the averaged generator to judge: uint8 [n,H,W,C], or texts
    show: Callable[[Path], Path]  # writes the samples of this moment to a path without a suffix; returns the file
    real: Callable[[Path], Path] | None = (
        None  # writes real items in the same way, where `show` has none beside its own
    )
    judge: Callable[[], Scorer] | None = None  # built when first needed
    final: Callable[[], Scorer] | None = None  # one that compares with held-out items that the other leaves out
    acting: Stopping = Stopping()
    notes: list[str] = field(default_factory=list)  # sentences for the user: unreadable files, missing packages
    origin: Mapping[str, bytes] = field(default_factory=dict)  # files of first weights, for the folder of a new run

    @property
    def table(self) -> dict[str, Any]:
        """The facts as they stand in spec.json."""
        return self.facts.to_dict() if isinstance(self.facts, RunFacts) else self.facts

    def __post_init__(self) -> None:
        if self.acting.patience is not None and self.judge is None:
            raise PoiseError("--patience goes by scores, and nothing is held out to score against: use --heldout 0.1")


@dataclass(frozen=True)
class RecipeEntry:
    """A recipe as the registry knows it (family "recipe").

    `build(**arguments)` returns a `Recipe`; its signature is the command line. `facts` is the class of what its runs
    keep, None where that is a plain table. `generator(arguments, facts)` rebuilds
    the generator of a finished run without its data; `draw(generator, facts, n, seed, **asked)` samples it, where
    `asked` are options of `poise sample` whose names are in `asks`; `write(samples, path)` puts samples into a file or
    a folder and says what was written. `modality` is that of its data. `primary` names the scores by which checkpoints
    are compared, the first that was taken; lower is better. `players` are
    those whose averages are sampled, into `default_out` unless told otherwise: one is the whole generator, of several
    each is the part of that name. `corpus(arguments)`
    opens the sentences of a recipe of text as its runs read them.
    `say(generator, facts, text, voice=None, seed=0, speed=1.0)` returns the `Wave` of a text, and
    `vocode(generator, facts, wave)` that of a `Wave` at the rate of the run; None in a recipe that cannot.
    `recordings(facts)` opens those of a recipe of speech as its runs read them, split as then, and
    `pairs(generator, facts, n, seed)` compares at most n held-out ones (None: all) with what the generator makes of
    each; both raise PoiseError for recordings that have changed since.
    `reads(arguments, look=None)` opens the data as a run does and says in a line what it is; `look` sees each picture.
    `autoencoder(generator, facts)` is what encodes and decodes pictures in a recipe that has such; its likelihood and
    latents are then measured. `interpolate(generator, facts, rows, between, seed)` are ways from one sample to another,
    uint8 [rows, between, H, W, C], `by_class(generator, facts, n, seed, **asked)` n samples of each class, uint8
    [classes, n, H, W, C], and `encode(generator, facts, pictures)` the latents of pictures, float32 [n,Z].
    `walk(generator, facts, starts, ends, at, **asked)` are pictures on the ways between places of noise, at shares of
    them: uint8 [ways, shares, H, W, C]. `portable(arguments, facts, generator)` is what `poise export` hands over.
    `unsplit` says why several processes cannot share a training; it is "" where they can: each item is computed by
    itself, and every draw of a round is made by `poise.rows.drawn`.
    """

    build: Callable[..., Recipe]
    generator: Callable[[Arguments, Any], nn.Module]
    draw: Callable[..., Any]
    write: Callable[[Any, Path], str]
    modality: str
    primary: tuple[str, ...]
    asks: tuple[str, ...] = ()
    default_out: str = "samples.png"
    players: tuple[str, ...] = ("generator",)
    corpus: Callable[[Arguments], Any] | None = None
    say: Callable[..., Wave] | None = None
    vocode: Callable[..., Wave] | None = None
    recordings: Callable[[Any], Recordings] | None = None
    pairs: Callable[..., Comparison] | None = None
    autoencoder: Callable[[Any, Any], AutoEncoder] | None = None
    reads: Callable[..., str] | None = None
    interpolate: Callable[..., Any] | None = None
    walk: Callable[..., Any] | None = None
    encode: Callable[..., Any] | None = None
    by_class: Callable[..., Any] | None = None
    portable: Callable[[Arguments, Any, Any], Portable] | None = None
    facts: type[RunFacts] | None = None
    unsplit: str = "its RecipeEntry does not say that its batches can be split"
