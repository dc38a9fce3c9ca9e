"""The recipe vae: every registered objective trains, samples and reconstructs; grids, latents, what acts where."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.games.vae import VaeRound, weighed
from poise.recipes.common.options import grouped
from poise.recipes.images import data as image_data
from poise.recipes.images.options import PictureOptions
from poise.recipes.vae import build as vae_parts
from poise.recipes.vae import outputs as outcomes
from poise.recipes.vae.objectives import chosen
from poise.recipes.vae.signature import AutoencoderOptions, vae
from poise.registry import find, names
from poise.training.checkpoint import load, save
from poise.training.loop import train

OBJECTIVES = names("autoencoder")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """80 pictures 16x16: a bright half, left or right."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (80, 16, 16), dtype=np.uint8)
    images[::2, :, :8] += 150
    images[1::2, :, 8:] += 150
    path = tmp_path_factory.mktemp("data") / "halves.npy"
    np.save(path, images)
    return str(path)


def recipe(data, objective="vae", steps=4, width=2, **changes):
    given = {
        "latent_size": 3, "batch": 8, "threads": 1, "precision": "fp32", "device": "cpu", "scores": 0,
        "autoencoder": AutoencoderOptions(width=width, lr=1e-2), "ema": 0.5, **changes,
    }  # fmt: skip
    return vae(**grouped(vae, {"data": data, "objective": objective, "steps": steps, **given}))


def trained(made, rows=None):
    stage = made.stages[0]
    keep = (lambda step, row: None) if rows is None else (lambda step, row: rows.append(row))
    train(stage.game, stage.stream, stage.steps, made.seed, stage.dials, keep, made.execution, detail_every=1)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains_samples_and_reconstructs(pictures, tmp_path, objective):
    """Weights of every player move; penalties, one for each part, have a share; samples, grids, and a checkpoint that
    gives the same samples again."""
    made, rows = recipe(pictures, objective), []
    players = made.stages[0].game.players
    assert tuple(player.name for player in players) == find("autoencoder", objective).players
    before = [p.detach().clone() for player in players for p in player.module.parameters()]
    trained(made, rows)
    after = [p for player in players for p in player.module.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    own = players[-1]
    parts = {rule.name: {name.partition(".")[0] for name in rule.covered(own.module)} for rule in own.penalties}
    assert parts == {"l2_encoder": {"encoder"}, "l2_decoder": {"decoder"}}
    shares = {f"{player.name}/{rule.name}.share" for player in players for rule in player.penalties}
    assert len(shares) == len(players) + 1 and all(float(rows[-1][share]) > 0 for share in shares)
    samples = made.sampler(5, 0)
    assert samples.shape == (5, 16, 16, 1) and samples.dtype == np.uint8
    assert made.show(tmp_path / "00000004") == tmp_path / "00000004.png"
    assert {p.name for p in tmp_path.glob("*.png")} == {
        "00000004.png", "00000004-reconstructions.png", "00000004-interpolations.png",
    }  # fmt: skip
    signals = made.stages[0].monitor()(0)
    assert {"autoencoder/nll_training", "autoencoder/nll_heldout", "autoencoder/objective_heldout"} <= set(signals)
    assert ("discriminator/auc_training" in signals) == ("discriminator" in find("autoencoder", objective).players)
    free = {key.partition("effective_lr.")[2].partition(".")[0] for key in signals if "/effective_lr." in key}
    assert free == ({"decoder"} if len(players) > 1 else set())
    saved = save(tmp_path / "checkpoints", 4, made.stages[0].game, made.execution)
    other = recipe(pictures, objective, seed=7)
    load(saved, other.stages[0].game, other.execution)
    for latents in ("prior", "mixture") if not made.facts.deterministic else ("mixture",):
        drawn = [outcomes.draw(part.stages[0].game.players[-1].after[0].module, made.facts, 4, 1, latents)
                 for part in (made, other)]  # fmt: skip
        assert np.array_equal(*drawn) and len(np.unique(drawn[0])) > 1


@pytest.mark.slow
def test_an_autoencoder_learns_the_two_halves(pictures):
    """After 60 steps reconstructions are far nearer to the pictures than their mean is."""
    made = trained(recipe(pictures, "rae", steps=60, width=4))
    model = made.stages[0].game.players[0].after[0].module
    data = open_set(pictures)
    real = outcomes.chosen(data, 8)
    assert len(data.heldout) >= 8
    assert all((data.images[data.heldout] == picture).all((1, 2, 3)).any() for picture in real)
    pairs = outcomes.reconstructions(model, real).astype(float)
    error = np.square(pairs[:8] - pairs[8:]).mean()
    assert np.array_equal(pairs[:8], real)
    assert error < 0.5 * np.square(real - real.mean(0)).mean()
    rows = outcomes.interpolations(model, real, rows=2, between=3)
    assert len(rows) == 10
    assert np.array_equal(rows[[0, 4, 5, 9]], real[:4])
    assert np.array_equal(rows[1], pairs[8]) and np.array_equal(rows[3], pairs[9])


def open_set(data, heldout=0.1):
    return image_data.pictures(data, PictureOptions(heldout=heldout), seed=0)


def test_no_heldout_pictures_no_scores_and_grids_of_training_pictures(pictures, tmp_path):
    made = trained(recipe(pictures, heldout=0.0, scores=2, steps=2))
    assert made.judge is None and made.final is None
    made.show(tmp_path / "a")
    assert len(list(tmp_path.glob("a*.png"))) == 3
    assert "autoencoder/nll_heldout" not in made.stages[0].monitor()(0)


def test_options_have_the_defaults_of_their_objective_and_schedules_are_followed(pictures):
    assert chosen("vae", {"beta": None, "free_bits": None})[1] == {"beta": 1.0, "free_bits": 0.0}
    assert chosen("vae", {"beta": 4.0, "latent": None})[1]["beta"] == 4.0
    made = recipe(pictures, "vae", beta="warmup:2:4", l2_decoder="cosine:1:0.1", steps=8, flip=True)
    (player,) = made.stages[0].game.players
    assert [player.penalties[1].strength_at(step) for step in (0, 8)] == pytest.approx([1, 0.1])
    assert made.stages[0].stream.flip
    assert [player.terms[1].scale(step) for step in (0, 2, 4, 8)] == [0, 1, 2, 2]
    assert made.facts.asked["beta"] == "warmup:2:4"
    monitor = made.stages[0].monitor()
    assert [monitor(probe)["autoencoder/beta"] for probe in (0, 1)] == [0, 2]  # a probe is 64 steps


@pytest.mark.parametrize(
    ("objective", "asked"),
    [
        ("vae", {"beta": 0.7, "free_bits": 0.3}),
        ("rae", {"latent": "warmup:3:64"}),
        ("vae_gan", {"pixels": 0.25, "beta": 2.0}),
    ],
)
def test_the_monitor_weighs_the_terms_as_training_does(pictures, objective, asked):
    """Probe 1 is at step 64: the objective by the terms of the player that are of the auto-encoder alone."""
    made = recipe(pictures, objective, steps=65, **asked)
    player = made.stages[0].game.players[-1]
    player.module.encoder.head.weight.data *= 100  # so that latents are no dust
    watch = made.stages[0].monitor()
    found = watch(1)
    latent = watch.monitors[0] if objective == "vae_gan" else watch
    round = VaeRound(player.module.eval(), latent.pictures["heldout"], torch.Generator().manual_seed(made.seed))
    terms = [term for term in player.terms if term.name in ("nll", "kl", "latent")]
    with torch.no_grad():
        wanted = weighed(terms, round, step=64)
    assert len(terms) == 2
    assert found["autoencoder/objective_heldout"] == pytest.approx(float(wanted["objective"]))
    assert float(wanted["objective"]) != pytest.approx(float(wanted["nll"]))


def test_scores_are_of_the_averaged_weights_on_held_out_pictures_and_the_last_word_on_others(pictures, monkeypatch):
    monkeypatch.setattr(outcomes, "MEASURED", 10)
    made = recipe(pictures, heldout=0.4, scores=1, score_samples=8)
    looked = [made.judge(), made.final()]
    data = open_set(pictures, 0.4)
    rows = []
    for judge in looked:
        assert judge.model is made.stages[0].game.players[0].after[0].module
        match = (judge.x.permute(0, 2, 3, 1).numpy()[:, None] == data.images[None]).all((2, 3, 4))
        rows.append(set(match.argmax(1).tolist()))
    assert len(rows[0] | rows[1]) == 20 and rows[0] | rows[1] <= set(data.heldout.tolist())
    of = looked[0].samples
    by = of.extractors[0].name
    assert looked[0].about == (
        f"scores compare 8 samples with {of.m} held-out pictures by {by}, likelihood and latents are of 10 held-out "
        "pictures"
    )
    looked[1].samples.extractors = []
    assert looked[1].about == "likelihood and latents are of 10 held-out pictures"


def test_latents_and_sigma_are_chosen_by_the_objective(pictures):
    found = {name: recipe(pictures, name).facts for name in ("vae", "rae", "vae_gan")}
    assert {name: facts.latents for name, facts in found.items()} == {
        "vae": "prior", "rae": "mixture", "vae_gan": "prior",
    }  # fmt: skip
    assert [found[name].sigma for name in ("vae", "rae", "vae_gan")] == ["learned", 1.0, 1.0]
    assert recipe(pictures, likelihood="bernoulli").facts.sigma is None
    assert recipe(pictures, sigma=0.3, latents="mixture").facts.latents == "mixture"


def test_the_mixture_is_fitted_to_a_draw_from_the_posterior_of_each_training_picture(pictures):
    made, data = recipe(pictures, limit=40), open_set(pictures)
    model = made.stages[0].game.players[0].after[0].module
    model.encoder.head.weight *= 100
    limited = image_data.pictures(pictures, PictureOptions(limit=40), seed=0)
    assert len(limited.train) == 40 and set(limited.train) < set(data.train)
    x = torch.from_numpy(np.asarray(data.images[limited.train])).permute(0, 3, 1, 2) / 127.5 - 1
    mean, log_variance = model.encode(x)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    z = vae_parts.latents(model, limited, 0, made.execution)()
    torch.testing.assert_close(z, mean + (log_variance / 2).exp() * noise, rtol=1e-4, atol=1e-4)


def test_sample_i_depends_on_the_seed_and_i_alone(pictures):
    made = trained(recipe(pictures, latents="mixture"))
    assert np.array_equal(made.sampler(3, 5), made.sampler(7, 5)[:3])
    assert not np.array_equal(made.sampler(3, 5), made.sampler(3, 6))


def test_equal_seeds_give_encoder_and_decoder_the_same_beginning_with_or_without_a_discriminator(pictures):
    states = [recipe(pictures, name, sigma=0.5).stages[0].game.model.state_dict() for name in ("vae", "vae_gan")]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
