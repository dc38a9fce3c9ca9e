"""What comes out of an auto-encoder while it trains and afterwards: samples, grids, the monitor, the judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from poise.data.images.images import ImageSet
from poise.data.images.stream import ImageStream
from poise.errors import PoiseError
from poise.metrics.latent.judge import heldout_scores
from poise.models.vae import AutoEncoder
from poise.monitor.latent import LatentMonitor
from poise.pixels.transparency import as_pixels
from poise.recipes.common.recipe import NoisePlace
from poise.recipes.images import outputs as image_outcomes
from poise.recipes.images import walking
from poise.recipes.vae.build import Drawing, no_prior
from poise.recipes.vae.facts import VaeFacts
from poise.registry import find, names
from poise.report.picture import save_grid
from poise.training.precision import Execution
from poise.training.schedules import number_or_schedule

PAIRS = 32  # pictures beside their reconstructions
ROWS, BETWEEN = 8, 8  # interpolations, and pictures in each between its ends
ACROSS = 8  # pictures in a row of reconstructions
WATCHED = 64  # pictures of each split that the monitor looks at: more would take over 2 % of the time
MEASURED = 500  # held-out pictures whose likelihood is measured in a score


def draw(model: AutoEncoder, facts: VaeFacts, n: int, seed: int, latents: str | None = None) -> np.ndarray:
    """n samples as uint8 [n,H,W,C]; sample i depends on (seed, i) alone. `latents`: prior or mixture; by default those
    that the run was judged with."""
    return image_outcomes.draw(_decoder(model, facts, latents), facts, n, seed)


def _decoder(model: AutoEncoder, facts: VaeFacts, latents: str | None) -> Any:
    """What makes pictures of noise: the model behind the latents that are asked for."""
    which = latents or facts.latents
    if which not in names("latents"):
        raise PoiseError(f"--latents {which} is unknown; use {' or '.join(names('latents'))}")
    if which == "prior" and facts.deterministic:
        raise PoiseError(no_prior(facts.objective))
    return find("latents", which)(model)


def show(model: AutoEncoder, facts: VaeFacts, stem: Path, pictures: ImageSet) -> Path:
    """STEM.png, samples of the same noise as always; STEM-reconstructions.png, held-out pictures and below each what
    comes back of it; STEM-interpolations.png. Training pictures stand in where nothing is held out."""
    path = stem.with_suffix(".png")
    save_grid(draw(model, facts, image_outcomes.GRID, image_outcomes.GRID_SEED), path)
    some = chosen(pictures, PAIRS)
    save_grid(reconstructions(model, some), stem.with_name(f"{stem.name}-reconstructions.png"), ACROSS)
    save_grid(interpolations(model, some), stem.with_name(f"{stem.name}-interpolations.png"), BETWEEN + 2)
    return path


def chosen(pictures: ImageSet, n: int) -> np.ndarray:
    """At most n held-out pictures, the same in every run on this data: uint8 [n,H,W,C]."""
    rows = pictures.heldout if len(pictures.heldout) else pictures.train
    picked = np.random.default_rng(image_outcomes.GRID_SEED).permutation(rows)[:n]
    return np.asarray(pictures.images[picked])


@torch.no_grad()
def reconstructions(model: AutoEncoder, real: np.ndarray, across: int = ACROSS) -> np.ndarray:
    """Rows of `across` pictures, and below each row what comes back of their posterior means: uint8 [2n,H,W,C]."""
    made = as_pixels(model(_means(model, real)))
    pairs = [(real[i : i + across], made[i : i + across]) for i in range(0, len(real) - len(real) % across, across)]
    return np.concatenate([part for pair in pairs for part in pair] or [real, made])


@torch.no_grad()
def interpolations(model: AutoEncoder, real: np.ndarray, rows: int = ROWS, between: int = BETWEEN) -> np.ndarray:
    """Rows from one picture to another: the picture, its reconstruction, straight on through the latents to the other's
    reconstruction, and the other: uint8 [rows·(between + 2),H,W,C]."""
    rows = min(rows, len(real) // 2)
    z = _means(model, real[: 2 * rows])
    found = []
    for row in range(rows):
        start, end = z[2 * row], z[2 * row + 1]
        way = torch.linspace(0, 1, between, device=z.device).unsqueeze(1)
        made = as_pixels(model(torch.lerp(start, end, way)))
        found += [real[2 * row, None], made, real[2 * row + 1, None]]
    return np.concatenate(found) if found else real


def interpolate(model: AutoEncoder, facts: VaeFacts, rows: int, between: int, seed: int) -> np.ndarray:
    """Ways from one sample to another through the latents that the run was judged with: see `images`."""
    return image_outcomes.interpolate(find("latents", facts.latents)(model), facts, rows, between, seed)


def walk(
    model: AutoEncoder,
    facts: VaeFacts,
    starts: Sequence[NoisePlace],
    ends: Sequence[NoisePlace],
    at: Sequence[float],
    latents: str | None = None,
) -> np.ndarray:
    """Pictures on the ways between samples: see `images`; `latents`, as of `draw`."""
    return walking.walk(_decoder(model, facts, latents), facts, starts, ends, at)


@torch.no_grad()
def encode(model: AutoEncoder, facts: VaeFacts, pictures: np.ndarray) -> np.ndarray:
    """Means of the latents of pictures uint8 [n,H,W,C]: float32 [n,Z]. Errors: PoiseError for another size."""
    channels, height, width = facts.shape
    if not isinstance(pictures, np.ndarray):
        raise PoiseError(f"pictures to encode are an array, uint8 [n,H,W,C], not a {type(pictures).__name__}")
    if pictures.dtype != np.uint8 or pictures.shape[1:] != (height, width, channels):
        raise PoiseError(
            f"this run encodes pictures as uint8 [n, {height}, {width}, {channels}], not as {pictures.dtype} "
            f"{list(pictures.shape)}"
        )
    parts = [_means(model, pictures[at : at + PAIRS]).float().cpu().numpy() for at in range(0, len(pictures), PAIRS)]
    return np.concatenate(parts) if parts else np.empty((0, model.noise_size), np.float32)


def _means(model: AutoEncoder, real: np.ndarray) -> Tensor:
    """Posterior means of pictures uint8 [n,H,W,C]: [n,Z]."""
    device = next(model.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(real)).to(device).permute(0, 3, 1, 2)
    return model.encode(x.float() / 127.5 - 1).mean


class JointMonitor:
    """Two monitors as one."""

    def __init__(self, *monitors: Any) -> None:
        self.monitors = monitors

    @property
    def seconds(self) -> float:
        value: float = sum(monitor.seconds for monitor in self.monitors)
        return value

    def __call__(self, probe: int) -> dict[str, float]:
        return {name: value for monitor in self.monitors for name, value in monitor(probe).items()}


def monitor(
    game: Any,
    drawing: Drawing,
    pictures: ImageSet,
    facts: VaeFacts,
    batch: int,
    every: int,
    seed: int,
    execution: Execution,
) -> Callable[[], Any]:
    """The monitor of this game, probing each `every` steps, built when first needed: likelihood and latents, and beside
    a discriminator what is watched of every adversarial game."""
    steps = facts.stages[0][1]

    def weight(name: str, otherwise: float = 0.0) -> Any:
        return number_or_schedule(facts.asked.get(name, otherwise), f"--{name}", steps)

    def built() -> Any:
        streams = {}
        for name, split in (("training", "train"), ("heldout", "heldout")):
            if rows := len(getattr(pictures, split)):
                streams[name] = ImageStream(pictures, min(WATCHED, rows), seed + 1, execution.device, split=split)
        latent = LatentMonitor(
            game.model,
            streams,
            weight("beta"),
            float(facts.asked.get("free_bits", 0.0)),
            every,
            seed,
            lambda: execution.autocast(False),
            weight("latent"),
            weight("pixels", 1.0),
            averaged=drawing.module,
        )
        if getattr(game, "discriminator", None) is None:
            return latent
        roles = {"autoencoder": "generator"}
        beside = image_outcomes.monitor(game, drawing.module, pictures, facts, batch, seed, execution, roles)()
        free = beside.free["generator"]  # found by looking at samples, in which the encoder has no part
        beside.free["generator"] = {name: free[name] for name in free if name.startswith("decoder.")}
        return JointMonitor(latent, beside)

    return built


class VaeJudge:
    """Scores of samples, beside those of the averaged auto-encoder on held-out pictures (`heldout_scores`)."""

    def __init__(self, samples: Any, model: AutoEncoder, x: Tensor, seed: int) -> None:
        """Args: samples, their judge; x, held-out pictures uint8 [N,C,H,W]."""
        self.samples, self.model, self.x, self.seed = samples, model, x, seed

    def __getattr__(self, name: str) -> Any:
        """What is said of the comparison is that of the samples."""
        return getattr(self.samples, name)

    @property
    def about(self) -> str:
        """What is compared, and of how many pictures the likelihood is."""
        parts = [f"likelihood and latents are of {len(self.x):,} held-out pictures"] if len(self.x) > 1 else []
        if (of := self.samples).extractors:
            by = " and ".join(extractor.name for extractor in of.extractors)
            parts.insert(0, f"scores compare {of.n:,} samples with {of.m:,} held-out {of.noun} by {by}")
        return ", ".join(parts)

    def score(self, sample: Callable[[int, int], Any]) -> dict[str, float]:
        likelihood = heldout_scores(self.model, self.x, self.seed) if len(self.x) > 1 else {}
        scores: dict[str, float] = likelihood | self.samples.score(sample)
        return scores


def judge(
    pictures: ImageSet, drawing: Drawing, n: int, seed: int, unseen: bool = False
) -> Callable[[], VaeJudge] | None:
    """The judge of this data set, built when first needed; None where nothing is held out.

    `unseen`: one that looks at other held-out pictures than the other does, where there are more.
    """
    samples = image_outcomes.judge(pictures, n, seed, unseen)
    if samples is None:
        return None
    order = np.random.default_rng((seed, 6)).permutation(len(pictures.heldout))
    rows = pictures.heldout[np.sort(order[MEASURED : 2 * MEASURED] if unseen else order[:MEASURED])]

    def built() -> VaeJudge:
        x = torch.from_numpy(np.asarray(pictures.images[rows])).permute(0, 3, 1, 2)
        return VaeJudge(samples(), drawing.module, x, seed)

    return built
