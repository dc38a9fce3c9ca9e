"""Likelihoods against torch.distributions; auto-encoders of every network; samples from a mixture."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import distributions

from poise.errors import PoiseError
from poise.installing import install
from poise.models.likelihoods import FLOOR, BernoulliLikelihood, GaussianLikelihood
from poise.models.vae import AutoEncoder, FromMixture, ImageDecoder, ImageEncoder, mixture
from poise.recipes.vae.mixture import Fitted, LatentMixture, fit
from poise.registry import find, names
from poise.training.ema import Ema


def raw_and_x(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(3, 2, 4, 4, generator=rng), torch.rand(3, 2, 4, 4, generator=rng) * 2 - 1


@pytest.mark.parametrize("sigma", [0.3, 1, "learned"])
def test_the_gaussian_is_that_of_torch(sigma):
    raw, x = raw_and_x()
    likelihood = GaussianLikelihood(sigma)
    expected = -distributions.Normal(torch.tanh(raw), likelihood.sigma).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.nll(raw, x), expected)
    torch.testing.assert_close(likelihood.picture(raw), torch.tanh(raw))
    half = raw.bfloat16()
    torch.testing.assert_close(likelihood.nll(half, x), likelihood.nll(half.float(), x), rtol=0, atol=0)


def test_a_learned_sigma_ends_at_the_root_of_the_mean_squared_error():
    raw, x = raw_and_x()
    likelihood = GaussianLikelihood("learned")
    optim = torch.optim.LBFGS(likelihood.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optim.zero_grad()
        value = likelihood.nll(raw, x).mean()
        value.backward()
        return value

    optim.step(loss)
    assert likelihood.sigma == pytest.approx((x - torch.tanh(raw)).square().mean().sqrt().item(), rel=1e-3)


def test_a_learned_sigma_stays_above_its_floor_and_can_come_back():
    likelihood = GaussianLikelihood("learned")
    assert likelihood.sigma == pytest.approx(0.5)
    with torch.no_grad():
        likelihood.free.fill_(-50.0)
    assert likelihood.sigma == pytest.approx(FLOOR)
    with torch.no_grad():
        likelihood.free.fill_(math.log(FLOOR))
    raw, x = raw_and_x()
    likelihood.nll(raw, x).mean().backward()
    assert likelihood.free.grad < 0  # a descent step raises it


def test_the_bernoulli_is_that_of_torch():
    raw, x = raw_and_x()
    x = x.sign()
    expected = -distributions.Bernoulli(logits=2 * raw).log_prob((x + 1) / 2).flatten(1).sum(1)
    torch.testing.assert_close(BernoulliLikelihood().nll(raw, x), expected)
    torch.testing.assert_close(BernoulliLikelihood().picture(raw), 2 * torch.sigmoid(2 * raw) - 1)


@pytest.mark.parametrize("sigma", [0, -1.0, float("nan"), float("inf"), "wide"])
def test_a_sigma_that_cannot_be(sigma):
    with pytest.raises(PoiseError, match=f"--sigma must be a number above 0, learned or auto, not {sigma}"):
        GaussianLikelihood(sigma)


def autoencoder(network="dcgan", likelihood="gaussian", size=16, norm="batch", deterministic=False):
    torch.manual_seed(0)
    pair = find("network", network)
    encoder = ImageEncoder(pair.discriminator(size=size, channels=1, width=2, norm=norm), 3 if deterministic else 6)
    decoder = ImageDecoder(pair.generator(size=size, channels=1, width=2, noise=3, norm=norm))
    return AutoEncoder(encoder, decoder, find("likelihood", likelihood)(sigma=None), 3, deterministic)


@pytest.mark.parametrize("likelihood", names("likelihood"))
@pytest.mark.parametrize("network", names("network"))
def test_every_network_and_likelihood_makes_an_autoencoder(network, likelihood):
    """Shapes, −log p, the picture between −1 and 1, and a gradient to every weight of encoder and decoder."""
    model = autoencoder(network, likelihood, 20)
    x = torch.rand(4, 1, 20, 20).round() * 2 - 1
    mean, log_variance = model.encode(x)
    assert mean.shape == log_variance.shape == (4, 3)
    raw = model.decode(mean)
    assert model.nll(raw, x).shape == (4,)
    picture = model.picture(raw)
    assert picture.shape == x.shape and picture.abs().max() <= 1
    torch.testing.assert_close(model(mean), picture, atol=1e-5, rtol=1e-3)
    model.nll(raw, x).mean().backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert not [name for name in silent if ".narrow." not in name]  # of blocks that begin as the identity
    assert model.noise(5).shape == (5, 3)


def test_codes_are_in_single_precision_where_the_network_is_not():
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert {part.dtype for part in autoencoder().encode(torch.zeros(2, 1, 16, 16))} == {torch.float32}


def test_a_deterministic_encoder_has_no_variance():
    mean, log_variance = autoencoder(deterministic=True).encode(torch.zeros(2, 1, 16, 16))
    assert mean.shape == (2, 3) and log_variance is None


# Mixtures.


def test_one_gaussian_is_the_mean_and_the_covariance(float64):
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) @ torch.tensor(
        [[1.0, 0.5, 0], [0, 2, 0], [0, 0, 0.1]]
    )
    found = fit(z, 1, 0)
    torch.testing.assert_close(found.means[0], z.mean(0))
    covariance = found.factors[0] @ found.factors[0].T
    torch.testing.assert_close(covariance, torch.cov(z.T, correction=0), rtol=1e-4, atol=1e-5)
    assert found.weights.tolist() == [1.0]


def test_clusters_far_apart_are_found():
    """Two of three, weighted ⅔ and ⅓, each with its own mean and covariance; and the same again from the same seed."""
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(900, 2, generator=rng) * torch.tensor([1.0, 0.1]) + 8 * torch.eye(3, 2)[:, [1, 0]].repeat(300, 1)
    found = fit(z, 3, 0)
    order = found.means.sum(1).argsort()
    torch.testing.assert_close(found.weights, torch.full((3,), 1 / 3).double(), atol=0.01, rtol=0)
    expected = torch.tensor([[0.0, 0], [0, 8], [8, 0]]).double()
    assert torch.cdist(found.means, expected).min(0).values.max() < 0.15
    covariance = (found.factors @ found.factors.transpose(1, 2))[order[0]]
    torch.testing.assert_close(covariance, torch.diag(torch.tensor([1.0, 0.01])).double(), atol=0.15, rtol=0.2)
    again = fit(z, 3, 0)
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))


def feed(model, i):
    """Fixed pictures, there and back."""
    x = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(i)) * 2 - 1
    model.decode(model.encode(x).mean)


def test_without_scikit_learn_a_fit_is_refused_and_a_checkpoint_has_no_mixture(monkeypatch):
    monkeypatch.setattr("poise.recipes.vae.mixture.installed", lambda: False)
    with pytest.raises(PoiseError, match=re.escape(install("vae", "scikit-learn"))):
        fit(torch.randn(20, 2), 3, 0)
    average = Ema(autoencoder(), 0.5, feed)
    Fitted(average.module, lambda: torch.randn(20, 3), 0)
    assert not average.module.state_dict()["mixture_fitted"]


@pytest.mark.parametrize("z", [torch.zeros(1, 2), torch.ones(7, 2), torch.eye(3)])
def test_few_items_or_equal_ones_still_make_a_mixture(z):
    found = fit(z, 10, 0)
    assert all(torch.isfinite(part).all() for part in found)
    assert found.weights.sum().item() == pytest.approx(1)
    assert (found.weights > 0).sum() == len(z.unique(dim=0))


def test_draws_from_the_mixture_have_its_moments():
    model = autoencoder()
    means = torch.tensor([[3.0, 0, 0], [-1, 0, 0]])
    weights = torch.tensor([0.25, 0.75])
    factor = torch.tensor([[1.0, 0, 0], [0.5, 2, 0], [0, 0, 0.1]])
    model.mixture_weights.zero_()[:2] = weights
    model.mixture_means.zero_()[:2] = means
    model.mixture_factors[:] = factor
    model.mixture_fitted.fill_(1)
    drawn = FromMixture(model).latents(torch.randn(40_000, 4, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(drawn.mean(0), torch.zeros(3), atol=0.05, rtol=0)
    expected = factor @ factor.T + torch.diag(torch.tensor([3.0, 0, 0]))  # ¼·3² + ¾·1²
    torch.testing.assert_close(torch.cov(drawn.T), expected, atol=0.1, rtol=0.02)


def test_no_draw_is_of_a_component_without_weight():
    """Weights whose sum is rounded to less than 1, and the largest chance there is."""
    model = autoencoder()
    model.mixture_weights.zero_()[:2] = torch.tensor([0.5, 0.49999])
    model.mixture_means.zero_()[1] = 50.0
    model.mixture_fitted.fill_(1)
    assert FromMixture(model).latents(torch.tensor([[0.0, 0, 0, 9]])).tolist() == [[50.0, 50, 50]]


def test_a_mixture_that_was_never_fitted_is_refused():
    with pytest.raises(PoiseError, match="no mixture was fitted"):
        mixture(autoencoder())


def test_drawing_from_the_mixture_leaves_the_mode_of_the_model_alone():
    model = autoencoder().eval()
    model.mixture_fitted.fill_(1)
    source = FromMixture(model)
    source.train(source.training)
    assert not model.training


def test_the_mixture_in_a_checkpoint_belongs_to_its_weights():
    """Fitted when the state is taken; forgotten with the next move; not fitted again where nothing has moved."""
    model, calls = autoencoder(), []
    average = Ema(model, 0.5, feed)
    x = torch.rand(32, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def latents():
        calls.append(1)
        return average.module.encode(x).mean

    Fitted(average.module, latents, 0)
    for moves in range(2):
        with torch.no_grad():
            for p in model.parameters():
                p += 0.1 * (moves + 1)
        average()
        assert not average.module.mixture_fitted
        state = average.module.state_dict()
        expected: LatentMixture = fit(average.module.encode(x).mean.detach(), 10, 0)
        torch.testing.assert_close(state["mixture_means"], expected.means.float())
        torch.testing.assert_close(state["mixture_factors"], expected.factors.float())
        average.module.state_dict()
    assert len(calls) == 2
    assert not model.state_dict()["mixture_fitted"]


def test_latents_that_are_not_finite_leave_the_mixture_alone():
    average = Ema(autoencoder(), 0.5, feed)
    Fitted(average.module, lambda: torch.full((20, 3), float("nan")), 0)
    state = average.module.state_dict()
    assert not state["mixture_fitted"] and not state["mixture_means"].any()
