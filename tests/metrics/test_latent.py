"""What is told of auto-encoders, against closed forms of linear models and posteriors made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from poise.errors import PoiseError
from poise.metrics.core.metric import find_metrics
from poise.metrics.core.statistics import frechet
from poise.metrics.latent.judge import heldout_scores, look
from poise.metrics.latent.metric import LatentMetric
from poise.models.likelihoods import GaussianLikelihood
from tests.metrics.linear_vae import Linear, given

pytestmark = pytest.mark.usefixtures("float64")


def measured(looked, name):
    (member,) = find_metrics(LatentMetric, [name])
    (estimate,) = member.measure(looked).values()
    return estimate


@pytest.mark.parametrize("samples", [1, 7])
def test_the_true_posterior_gives_the_exact_likelihood_with_any_number_of_samples(samples):
    linear = Linear()
    looked = look(linear.model(), linear.x, seed=3, samples=samples)
    assert looked.samples == samples
    torch.testing.assert_close(looked.nll, linear.nll)
    assert measured(looked, "NLL").value == pytest.approx(float(linear.nll.mean()))


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [{"gain": 0.7}, {"log_variance": 0.7}, {"shift": 0.5, "log_variance": 0.4}])
def test_a_wrong_posterior_bounds_the_likelihood_and_more_samples_come_nearer(wrong):
    linear = Linear(n=100)
    model = linear.model(**wrong)
    found = [float(look(model, linear.x, 0, samples).nll.mean()) for samples in (1, 8, 1000)]
    exact = float(linear.nll.mean())
    assert found[0] > found[1] > found[2]
    assert found[2] == pytest.approx(exact, abs=0.01) and found[0] > exact + 0.1
    one = look(model, linear.x, 0, 1)
    torch.testing.assert_close(float(one.nll.mean()), float((one.distortion - one.log_weights[:, 0]).mean()))


def test_rate_and_distortion_have_their_closed_forms():
    """E_q|x − Wz − b|² = |x − Wm − b|² + tr(W S Wᵀ); for the true posterior rate + distortion is the NLL on average."""
    linear = Linear(n=200)
    looked = look(linear.model(), linear.x, seed=1, samples=400)
    mean, log_variance = linear.posterior
    kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
    torch.testing.assert_close(looked.kl.sum(1), kl)
    assert measured(looked, "rate").value == pytest.approx(float(kl.mean()))
    away = (linear.flat - linear.b - mean @ linear.w.T).square().sum(1)
    blur = float((linear.w.square() * log_variance[0].exp()).sum())
    constant = 6 * (math.log(linear.sigma) + math.log(2 * math.pi) / 2)
    distortion = (away + blur) / (2 * linear.sigma**2) + constant
    assert measured(looked, "distortion").value == pytest.approx(float(distortion.mean()), abs=0.02)
    assert measured(looked, "ELBO").value == pytest.approx(-float(linear.nll.mean()), abs=0.02)
    assert measured(looked, "squared error").value == pytest.approx(float(away.mean()) / 6)
    assert measured(looked, "bits per dimension").value == pytest.approx(float(linear.nll.mean()) / 6 / math.log(2))


def test_the_kl_is_what_monte_carlo_says():
    q = torch.distributions.Normal(torch.tensor([0.3, -2.0]), torch.tensor([0.5, 1.7]))
    model, x = given(q.mean.expand(2, 2), q.variance.log().expand(2, 2))
    torch.manual_seed(0)
    z = q.sample((200_000,))
    drawn = (q.log_prob(z) - torch.distributions.Normal(0.0, 1.0).log_prob(z)).mean(0)
    torch.testing.assert_close(look(model, x, 0, 1).kl[0], drawn, atol=0.02, rtol=0.0)


def test_posteriors_that_never_meet_share_all_that_can_be_told_of_n_pictures():
    n = 12
    model, x = given(100.0 * torch.eye(n), torch.zeros(n, n))
    looked = look(model, x, 0, 8)
    assert measured(looked, "mutual information").value == pytest.approx(math.log(n), abs=1e-9)
    rate = measured(looked, "rate").value
    assert measured(looked, "aggregate KL").value == pytest.approx(rate - math.log(n))


def test_posteriors_that_are_all_one_share_nothing():
    model, x = given(torch.ones(12, 3), torch.full((12, 3), -1.0))
    looked = look(model, x, 0, 8)
    assert measured(looked, "mutual information").value == pytest.approx(0.0, abs=1e-9)
    assert measured(looked, "rate").value == pytest.approx(1.5 * (1 + math.exp(-1)))
    assert measured(looked, "active units") == (0.0, 0.0, 0.0, 12, 12, None)


def test_the_information_of_two_overlapping_posteriors_is_that_of_a_channel():
    """Of N(±a, 1) with even odds: log 2 − E log(1 + exp(−2a(a + ε)))."""
    a, n = 0.8, 400
    mean = torch.tensor([a, -a]).repeat(n // 2)[:, None]
    model, x = given(mean, torch.zeros(n, 1))
    noise = torch.linspace(-8, 8, 4001)
    weight = torch.exp(-noise.square() / 2) / torch.exp(-noise.square() / 2).sum()
    exact = math.log(2) - float((weight * torch.log1p(torch.exp(-2 * a * (a + noise)))).sum())
    estimate = measured(look(model, x, 0, 4), "mutual information")
    assert estimate.value == pytest.approx(exact, abs=0.03)
    assert estimate.low < exact < estimate.high


def test_active_units_are_those_whose_means_vary():
    """The variance of ±s is s² n/(n − 1): 0.0101 and 0.0099 lie on either side of 0.01."""
    n = 40
    signs = torch.tensor([1.0, -1.0]).repeat(n // 2)
    scale = torch.tensor([1.0, math.sqrt(0.0101 * (n - 1) / n), math.sqrt(0.0099 * (n - 1) / n), 0.0])
    model, x = given(signs[:, None] * scale + 5.0, torch.zeros(n, 4))
    looked = look(model, x, 0, 1)
    assert looked.active.tolist() == [True, True, False, False]
    estimate = measured(looked, "active units")
    assert estimate.value == 2 and 1 <= estimate.low <= 2 <= estimate.high <= 3


def test_the_result_does_not_depend_on_how_many_are_decoded_at_once():
    linear = Linear(n=70)
    model = linear.model(gain=0.7)
    a, b = (look(model, linear.x, 5, 9, rows=rows) for rows in (1, 50))
    torch.testing.assert_close(a.nll, b.nll)
    torch.testing.assert_close(a.information, b.information)
    less = look(model, linear.x[:50], 5, 9)
    torch.testing.assert_close(less.nll, a.nll[:50])
    noise = (a.drawn - a.mean[:, None]).flatten(1)
    assert torch.pdist(noise).min() > 1e-3, "two pictures have the same draws"
    other = look(model, linear.x, 6, 9)
    assert not torch.allclose(other.nll, a.nll)


class Flat:
    """Pixels as features."""

    name, dim, digest, modality = "Flat@2", 6, "flat", "image"

    def __call__(self, items):
        return items.flatten(1).float()


def test_rfd_is_nothing_for_perfect_reconstructions_and_else_the_distance_to_them():
    linear = Linear(n=30)
    looked = look(linear.model(), linear.x.clamp(-1, 1), 0, 1, extractors=[Flat()])
    real, made = looked.features["Flat@2"]
    (member,) = find_metrics(LatentMetric, ["rFD"])
    assert member.measure(looked)["rFD-Flat"].value == pytest.approx(frechet(made, real)) and frechet(made, real) > 1
    linear.w = torch.eye(6) * 1e-3
    linear.m, linear.sigma, linear.b = torch.full((6,), 1e-6), 1e-9, torch.zeros(6)
    perfect = look(linear.model(), linear.x.clamp(-1, 1), 0, 1, extractors=[Flat()])
    assert (perfect.features["Flat@2"][0] == perfect.features["Flat@2"][1]).all()
    assert member.measure(perfect)["rFD-Flat"].value == pytest.approx(0.0, abs=1e-6)
    assert measured(perfect, "squared error").value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("name", [metric.name for metric in find_metrics(LatentMetric)])
def test_every_metric_says_what_it_is_and_gives_numbers_with_intervals(name):
    linear = Linear(n=30)
    (member,) = find_metrics(LatentMetric, [name])
    looked = look(linear.model(gain=0.9), linear.x, 0, 5, extractors=[Flat()])
    found = member.measure(looked)
    assert found and member.title.endswith(".") and member.better in ("lower", "higher", "none")
    for estimate in found.values():
        assert estimate.low <= estimate.value <= estimate.high and estimate.n == 30
    again = member.measure(look(linear.model(gain=0.9), linear.x, 0, 5, extractors=[Flat()]))
    assert again == found
    mean = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    plain = look(*given(mean, None), 0, 5)
    assert plain.samples == 1
    if member.applies(plain) and name != "rFD":
        assert all(math.isfinite(e.value) for e in member.measure(plain).values())


def test_scores_of_a_run():
    linear = Linear(n=60)
    model = linear.model(gain=0.8).train()
    found = heldout_scores(model, linear.x, seed=0, samples=16, most=50)
    assert model.training
    assert set(found) == {
        "NLL", "NLL.low", "NLL.high", "bits per dimension", "rate", "distortion", "active units", "mutual information",
        "squared error",
    }  # fmt: skip
    assert found["NLL.low"] < found["NLL"] < found["NLL.high"]
    assert found["NLL"] < found["rate"] + found["distortion"]
    model.decoder = nn.Sequential(model.decoder, nn.Dropout(0.5)).train()
    assert found == heldout_scores(model, linear.x, seed=0, samples=16, most=50)
    assert found["active units"] == 3 and 0 < found["mutual information"] < min(found["rate"], math.log(50))
    mean = torch.zeros(9, 2)
    assert set(heldout_scores(*given(mean, None), seed=0)) == {"distortion", "squared error"}


def test_the_squared_error_is_of_pictures_and_not_of_what_the_decoder_says():
    linear = Linear(n=12)
    model = linear.model()
    model.likelihood = GaussianLikelihood(0.5)
    mean, _ = linear.posterior
    away = torch.tanh(mean @ linear.w.T + linear.b) - linear.flat
    torch.testing.assert_close(look(model, linear.x, 0, 1).errors, away.square().mean(1))


def test_grey_levels_are_pixels_from_minus_one_to_one():
    linear = Linear(n=12)
    levels = ((linear.x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    model = linear.model()
    torch.testing.assert_close(look(model, levels, 0, 3).nll, look(model, levels / 127.5 - 1.0, 0, 3).nll)


@pytest.mark.parametrize(
    ("x", "samples", "said"),
    [
        (torch.zeros(1, 1, 2, 3), 4, "at least 2 pictures, not 1"),
        (torch.zeros(4, 6), 4, r"pictures \[N,C,H,W\], uint8 or floats in \[-1, 1\], not float32 \[4, 6\]"),
        (np.zeros((4, 1, 2, 3)), 4, "not ndarray"),
        (torch.full((4, 1, 2, 3), math.nan), 4, "NaN or infinite pixels"),
        (torch.zeros(4, 1, 2, 3), 0, "at least 1 sample for each picture, not 0"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(x, samples, said):
    with pytest.raises(PoiseError, match=said):
        look(Linear().model(), x, 0, samples)


def test_a_broken_model_is_said_to_be_broken():
    model = Linear().model()
    model.decoder.w.data[:] = math.nan
    with pytest.raises(PoiseError, match="likelihood is NaN"):
        look(model, Linear().x, 0, 2)
