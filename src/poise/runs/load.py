"""A run that is there, opened for use: its spec, its recipe, and the averaged generator of one of its checkpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.registry import find
from poise.report.conclude import best
from poise.runs.place import opened
from poise.specs.sources import check_trusted
from poise.specs.spec import all_recipes, instantiated, kind_of

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from poise.data.speech.speech import Wave
    from poise.recipes.common.portable import Portable
    from poise.recipes.common.recipe import NoisePlace, RecipeEntry

    Places = Sequence[NoisePlace | int]


# What a recipe does -> how one says it, where that is another word.
VERBS = {"say": "speak", "by_class": "draw by class", "walk": "walk between samples", "portable": "be exported"}


class Run:
    """One run, with the weights of one step; each thing is read from the disk once, when it is first needed.

    Args: folder; step, of the weights: "last", "best" (of a scored run), or the number of a checkpoint that is kept.

    What it can do is what its recipe can: every run can `sample`; runs of pictures `interpolate` and `walk`; image GANs
    that were trained by class `by_class`; auto-encoders `encode`; speech `say` and `vocode`. Errors: PoiseError, one
    sentence, for what this recipe cannot, and for a run that is damaged or has no such checkpoint.

        run = poise.load("last")
        pictures = run.sample(64, seed=3)      # uint8 [64, H, W, C]
    """

    def __init__(self, folder: RunFolder, step: str | int = "last") -> None:
        self.folder, self.step = folder, str(step)

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def name(self) -> str:
        return self.folder.name

    @functools.cached_property
    def written(self) -> RunSpec:
        """What spec.json says. Errors: PoiseError where it is damaged."""
        return self.folder.spec()

    @functools.cached_property
    def spec(self) -> RunSpec:
        """Recipe, arguments, facts and versions, with the path under which the data can be opened from any folder."""
        return opened(self.written)

    @functools.cached_property
    def facts(self) -> Any:
        """What rebuilds the generator without the data, as its recipe has it: its `facts` class, or the plain table."""
        table, kind = self.spec.facts, self.recipe.facts
        try:
            return kind.from_dict(table) if kind else table
        except KeyError as error:
            raise self._damaged(f"what was trained (its facts lack {error})") from None
        except TypeError as error:
            raise self._damaged(f"what was trained ({error})") from None

    @functools.cached_property
    def recipe(self) -> RecipeEntry:
        return kind_of(self.spec.recipe)

    @property
    def report(self) -> dict[str, Any]:
        """The content of `report.json`: scores, strengths, what they did. Errors: PoiseError before the run is done."""
        return self.folder.report()

    @functools.cached_property
    def checkpoint(self) -> Path:
        """The folder of the weights."""
        return checkpoint_of(self.folder, self.step)

    @functools.cached_property
    def generator(self) -> nn.Module:
        """The averaged generator in evaluation mode, on the CPU; the data is not needed."""
        from poise.training.checkpoint import checked_step, load_weights

        checked_step(self.checkpoint)
        arguments = without_classes(self.spec.arguments)
        check_classes(self.folder, replace(self.spec, arguments=arguments))
        try:
            generator = self.recipe.generator(instantiated(self.spec.recipe, arguments), self.facts)
        except (AttributeError, LookupError, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            reason = (str(error).splitlines() or [""])[0][:100]
            raise self._damaged(f"what was trained ({type(error).__name__}: {reason})") from None
        for player in self.recipe.players:
            part = generator if len(self.recipe.players) == 1 else getattr(generator, player)
            load_weights(part, self.checkpoint / f"{player}.ema.safetensors")
        return generator.eval()

    def sample(self, n: int = 64, seed: int = 0, **asked: Any) -> Any:
        """n samples: uint8 [n,H,W,C], or a list of n sentences or of `Wave`s; sample i depends on (seed, i) alone.

        `asked`: the options of `poise sample` that the recipe knows, such as label= or temperature=.
        """
        given = self._known(n, asked)
        return self.recipe.draw(self.generator, self.facts, n, seed, **given)

    def by_class(self, n: int = 8, seed: int = 0, **asked: Any) -> np.ndarray:
        """n samples of each class of a conditional run: uint8 [classes, n, H, W, C], the same noise in each column.

        `asked`: as of `sample`, but for label.
        """
        draw, given = self.able("by_class"), self._known(n, asked)
        if "label" in given:
            raise PoiseError(f"--by-class draws every class of {self.name}: leave out --label {given['label']}")
        found: np.ndarray = draw(self.generator, self.facts, n, seed, **given)
        return found

    def _known(self, n: int, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked of samples, where the recipe knows it."""
        if n < 1:
            raise PoiseError(f"-n must be at least 1, not {n}")
        given = {name: value for name, value in asked.items() if value is not None}
        for name in given:
            if name not in self.recipe.asks:
                raise self._unknown(name)
        return given

    def interpolate(self, rows: int = 8, between: int = 8, seed: int = 0) -> np.ndarray:
        """Ways from one sample to another: uint8 [rows, between, H, W, C], both ends among them."""
        found: np.ndarray = self.able("interpolate")(self.generator, self.facts, rows, between, seed)
        return found

    def walk(self, starts: Places, ends: Places, at: Sequence[float], **asked: Any) -> np.ndarray:
        """Way i from the sample at starts[i] to that at ends[i], at the shares `at` in [0, 1]: uint8 [ways, len(at), H,
        W, C]. A place: i, sample i of seed 0, or a `recipes.common.recipe.NoisePlace`. `asked`: as of `sample`."""
        does, given = self.able("walk"), self._known(1, asked)
        found: np.ndarray = does(self.generator, self.facts, starts, ends, at, **given)
        return found

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures uint8 [n,H,W,C] of the run's size -> means of their latents: float32 [n,Z]."""
        found: np.ndarray = self.able("encode")(self.generator, self.facts, pictures)
        return found

    def say(self, text: str, voice: str | None = None, seed: int = 0, speed: float = 1.0) -> Wave:
        """A text as sound: float32 samples and their rate."""
        found: Wave = self.able("say")(self.generator, self.facts, text, voice=voice, seed=seed, speed=speed)
        return found

    def vocode(self, wave: Wave | str | Path) -> Wave:
        """A recording, or the path of one, through the log-mel of the run and back, at the rate of the run."""
        from poise.data.speech.speech import Wave, heard, resampled

        vocode, wave = self.able("vocode"), heard(wave)
        found: Wave = vocode(self.generator, self.facts, Wave(resampled(wave, self.rate), self.rate))
        return found

    @functools.cached_property
    def portable(self) -> Portable:
        """What `poise export` hands over: the network as code and as graphs."""
        does, generator = self.able("portable"), self.generator  # which is where code of others is refused
        found: Portable = does(
            instantiated(self.spec.recipe, without_classes(self.spec.arguments)), self.facts, generator
        )
        return found

    @property
    def rate(self) -> int:
        """Samples a second of a run of speech."""
        try:
            return int(self.spec.facts["mel"]["rate"])
        except (KeyError, TypeError, ValueError):
            raise self._damaged("at which rate the run hears") from None

    def able(self, what: str) -> Callable[..., Any]:
        """The recipe's `interpolate`, `encode`, `say` or `vocode`. Errors: PoiseError in a recipe that has none."""
        does: Callable[..., Any] | None = getattr(self.recipe, what)
        if does is None:
            able = [name for name in all_recipes() if getattr(find("recipe", name), what)]
            others = f"name a run of {' or '.join(able)}" if able else "no recipe can yet"
            raise PoiseError(
                f"{self.name} is a run of {self.spec.recipe}, which cannot {VERBS.get(what, what)}: {others}"
            )
        return does

    def _unknown(self, option: str) -> PoiseError:
        known = ", ".join(f"--{other.replace('_', '-')}" for other in self.recipe.asks)
        return PoiseError(
            f"--{option.replace('_', '-')} does nothing for {self.name}, a run of {self.spec.recipe}: "
            f"leave it out{f' or use {known}' if known else ''}"
        )

    def _damaged(self, what: str) -> PoiseError:
        return PoiseError(
            f"{self.path / 'spec.json'} does not say {what}: it is damaged; put it back, or start a new run with --out"
        )


def checkpoint_of(folder: RunFolder, step: str) -> Path:
    """The checkpoint that "last", "best" or a number of steps names."""
    from poise.training.checkpoint import all_checkpoints, check_newest

    kept = all_checkpoints(folder.checkpoints)
    if not kept:
        raise PoiseError(f"{folder.path} has no checkpoint yet; go on training with: poise resume {folder.quoted}")
    if step == "last":
        check_newest(folder.checkpoints)
        return kept[-1]
    wanted = None
    if step == "best":
        found = best(folder.rows(), kind_of(folder.spec().recipe).primary)
        wanted = found.step if found else None
    elif step.isascii() and step.isdecimal() and len(step) < 16:
        wanted = int(step)
    if wanted is None:
        raise PoiseError(f"--step {step}: use last, best (of a scored run) or a number")
    for checkpoint in kept:
        if checkpoint.name == f"step-{wanted:08d}":
            return checkpoint
    steps = ", ".join(str(int(c.name.removeprefix("step-"))) for c in kept)
    raise PoiseError(f"{folder.path} keeps no checkpoint of step {wanted}; it has {steps}")


def without_classes(value: Any) -> Any:
    """The arguments without what is given by a class path: penalties, which a generator does not need to draw."""
    if isinstance(value, dict):
        return {key: without_classes(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_classes(part) for part in value if not (isinstance(part, dict) and "class_path" in part)]
    return value


def check_classes(folder: RunFolder, spec: RunSpec) -> None:
    """PoiseError where a run names code, in its arguments or as its recipe, that its user has not named before."""
    recipes = [spec.recipe] if "." in spec.recipe else []
    check_trusted(folder.path / "spec.json", spec.arguments, spec.sources, *recipes)
