"""The VAE in closed form: probabilistic PCA with L2 on the decoder, the regularised linear auto-encoder, the KL."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import distributions, nn

from poise.core import Batch, DiscriminatorOutput, Player
from poise.games.vae import Vae, VaeRound, kl_term, latent_term, nll_term, objective, weighed
from poise.games.vae_gan import VaeGan, VaeGanRound, vae_gan_terms
from poise.losses.reconstruction import feature_matching
from poise.models.likelihoods import GaussianLikelihood
from poise.models.vae import AutoEncoder
from poise.penalties import L2, R1
from poise.penalties.covers import within
from poise.registry import find, names
from poise.training.loop import train
from poise.training.moves import move
from poise.training.precision import Execution

TWO = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
EIGHT = torch.kron(TWO, torch.kron(TWO, TWO))  # ±1: columns are orthogonal, and all but the first have mean 0


class Encoder(nn.Module):
    """x [B,D,1,1] -> means A·x, and with `variance` log-variances that do not depend on x."""

    def __init__(self, size: int, latents: int, variance: bool) -> None:
        super().__init__()
        self.mean = nn.Linear(size, latents, bias=False)
        self.log_variance = nn.Parameter(torch.zeros(latents)) if variance else None

    def forward(self, x):
        mean = self.mean(x.flatten(1))
        return mean if self.log_variance is None else torch.cat([mean, self.log_variance.expand_as(mean)], 1)


def linear(size, sigma, deterministic=False):
    """Linear maps, no squashing."""
    torch.manual_seed(1)
    decoder = nn.Sequential(nn.Linear(size, size, bias=False), nn.Unflatten(1, (size, 1, 1)))
    likelihood = GaussianLikelihood(sigma, squash=lambda raw: raw)
    return AutoEncoder(Encoder(size, size, not deterministic), decoder, likelihood, size, deterministic)


def small(deterministic=False, seed=0):
    """A small non-linear auto-encoder of pictures [1,4,4] with 3 latents."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3 if deterministic else 6))
    decoder = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 16), nn.Unflatten(1, (1, 4, 4)))
    return AutoEncoder(encoder, decoder, GaussianLikelihood(0.7), 3, deterministic)


def alone(model, terms, penalties=(), optim=None):
    game = Vae(model)
    optim = optim or torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    game.players = (Player("autoencoder", model, optim, terms, penalties),)
    return game


def pictures(n=8, seed=3):
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# Linear models.


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_linear_vae_is_ppca_and_l2_on_its_decoder_raises_the_threshold_of_collapse(float64, monkeypatch, strength):
    """Per picture, min over w of ½(log(w² + σ²) + ℓ/(w² + σ²)) + λ/2·w²: w² = u − σ² with u = ℓ for λ = 0, else
    u = (−1 + √(1 + 4λℓ))/(2λ); no latent is kept where ℓ ≤ σ² + λσ⁴ (Lucas et al. 2019; Tipping & Bishop 1999)."""
    variances, sigma = torch.tensor([3.0, 1.2, 0.5]), 1.0
    real = (EIGHT[:, 1:4] * variances.sqrt()).view(8, 3, 1, 1)
    monkeypatch.setattr(torch, "randn_like", lambda mean: EIGHT[:, 4:7])  # moments of N(0, 1), not those of a draw
    game = alone(linear(3, sigma), [nll_term(), kl_term()], [L2(strength, covers=within("decoder"))])
    train(game, lambda draw: Batch(real), 400, detail_every=1000)
    u = (-1 + (1 + 4 * strength * variances).sqrt()) / (2 * strength) if strength else variances
    expected = (u - sigma**2).clamp_min(0).sqrt()
    assert (expected > 0).tolist() == (variances > sigma**2 + strength * sigma**4).tolist()
    weight = game.model.decoder[0].weight.detach()
    found = torch.linalg.svdvals(weight)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    if not strength:  # the bound is tight: the objective is the exact negative log-likelihood
        covariance = weight @ weight.T + sigma**2 * torch.eye(3)
        exact = -distributions.MultivariateNormal(torch.zeros(3), covariance).log_prob(real.flatten(1)).mean()
        assert weighed(game.players[0].terms, VaeRound(game.model, real))["objective"].item() == pytest.approx(
            exact.item(), abs=1e-3
        )


@pytest.mark.slow
def test_l2_on_both_maps_of_a_linear_autoencoder_shrinks_singular_values(float64):
    """‖X − W₂W₁X‖² + λ(‖W₁‖² + ‖W₂‖²) has W₂W₁ = diag((1 − λ/s²)₊), s the singular values of X (Kunin et al. 2019).

    Ours is 1/(2N) of it at σ = 1: strength λ/N of a penalty with ½.
    """
    s, lam = torch.tensor([3.0, 2.0, 1.0, 0.5]), 0.8
    penalties = [L2(lam / 4, covers=within(part), name=part) for part in ("encoder", "decoder")]
    game = alone(linear(4, 1.0, deterministic=True), [nll_term(), latent_term(0.0)], penalties)
    train(game, lambda draw: Batch(torch.diag(s).view(4, 4, 1, 1)), 400, detail_every=1000)
    product = game.model.decoder[0].weight @ game.model.encoder.mean.weight
    assert product.detach().flatten().tolist() == pytest.approx(
        torch.diag((1 - lam / s**2).clamp_min(0)).flatten().tolist(), abs=1e-6
    )


# Terms.


def test_the_kl_is_that_of_torch_and_of_monte_carlo(float64):
    round = VaeRound(small(), pictures(5).double())
    mean, log_variance = round.posterior
    q = distributions.Normal(mean, (0.5 * log_variance).exp())
    prior = distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(round.kl_units, distributions.kl_divergence(q, prior))
    assert (round.kl > 0).all()
    torch.manual_seed(0)
    z = q.sample((20_000,))
    estimate = (q.log_prob(z) - prior.log_prob(z)).sum(2)
    error = estimate.std(0) / math.sqrt(len(z))
    assert ((estimate.mean(0) - round.kl).abs() < 5 * error).all()


def test_z_is_reparameterised():
    """z = μ + σ·ε: the derivative by μ is 1, by the log-variance ½σε."""
    model = small()
    round = VaeRound(model, pictures(), torch.Generator().manual_seed(0))
    noise = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    mean, log_variance = round.posterior
    torch.testing.assert_close(round.z, mean + (log_variance / 2).exp() * noise)
    by_mean, by_log = torch.autograd.grad(round.z.sum(), [mean, log_variance])
    torch.testing.assert_close(by_mean, torch.ones(8, 3))
    torch.testing.assert_close(by_log, 0.5 * (log_variance / 2).exp() * noise)
    assert VaeRound(small(True), pictures()).z.requires_grad


def test_free_bits_leave_a_latent_below_them_alone():
    """Σ_j max(λ, mean KL_j): the value by hand, and no gradient from latents that are below."""
    model = small()
    round = VaeRound(model, pictures())
    each = round.kl_units.mean(0).detach()
    free = float(each.sort().values[:2].mean())  # between the first and the second
    value = kl_term(free_bits=free).value(round)
    assert value.item() == pytest.approx(sum(max(free, float(kl)) for kl in each))
    (gradient,) = torch.autograd.grad(value, round.posterior.mean)
    assert (gradient.abs().sum(0) > 0).tolist() == (each > free).tolist()


def test_the_objective_of_validation_is_that_of_training():
    """The terms with their weights at this step, of the same draw."""
    model, x = small(), pictures()
    terms = [nll_term(), kl_term(lambda step: step / 10)]
    found = objective(model, x, beta=0.3, seed=5)
    again = weighed(terms, VaeRound(model, x, torch.Generator().manual_seed(5)), step=3)
    assert found == pytest.approx({name: value.item() for name, value in again.items()})
    assert found["objective"] == pytest.approx(found["nll"] + 0.3 * found["kl"])
    plain = objective(small(True), x, latent=2.0)
    assert plain["latent"] == pytest.approx(0.5 * small(True).encode(x).mean.square().sum(1).mean().item())
    assert plain["objective"] == pytest.approx(plain["nll"] + 2.0 * plain["latent"])
    assert "kl" not in plain


@pytest.mark.parametrize("deterministic", [False, True])
def test_micro_batches_are_one_batch(monkeypatch, deterministic):
    """Terms are sums over pixels and means over the batch, so uneven pieces add up; the penalty counts once."""
    monkeypatch.setattr(torch, "randn_like", lambda mean: torch.full_like(mean, 0.5))
    rows, gradients = [], []
    for pieces in (1, 3):
        model = small(deterministic)
        second = latent_term(0.1) if deterministic else kl_term(0.5)
        game = alone(model, [nll_term(), second], [L2(0.3, covers=within("decoder"))])
        rows.append(move(game, game.players[0], Batch(pictures()), 0, Execution(micro_batches=pieces), detail=True))
        gradients.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(*gradients)
    assert {k: float(v) for k, v in rows[1].items()} == pytest.approx(
        {k: float(v) for k, v in rows[0].items()}, rel=1e-4
    )


def test_l2_on_the_decoder_touches_the_weights_of_the_decoder_alone():
    model = small()
    L2(0.5, covers=within("decoder")).add_gradient_(model)
    reached = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert set(reached) == {"decoder.0.weight", "decoder.2.weight"}
    torch.testing.assert_close(reached["decoder.0.weight"], 0.5 * model.decoder[0].weight.detach())


def test_a_strength_of_zero_is_no_penalty_bit_for_bit():
    weights = []
    for penalties in ([], [L2(0.0, covers=within(part), name=part) for part in ("encoder", "decoder")]):
        game = alone(small(), [nll_term(), kl_term()], penalties, None)
        train(game, lambda draw: Batch(pictures(seed=draw)), 5)
        weights.append([p.detach().numpy().tobytes() for p in game.model.parameters()])
    assert weights[0] == weights[1]


# VAE-GAN.


class Features(nn.Module):
    """A discriminator [n,1,4,4] -> logit [n] and a layer of features."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 8), nn.Linear(8, 1)

    def forward(self, x, cond=None):
        h = torch.tanh(self.first(x.flatten(1)))
        return DiscriminatorOutput((self.last(h).squeeze(1),), ((h,),))


def adversary(loss="nonsaturating", penalties=()):
    torch.manual_seed(0)
    judging, making = vae_gan_terms(find("loss", loss))
    game = VaeGan(small(), discriminator=Features())
    optims = [torch.optim.Adam(net.parameters(), 1e-2) for net in (game.discriminator, game.model)]
    extra = [term for penalty in penalties for term in penalty.terms()]
    settle = [term.value.commit for term in extra if hasattr(term.value, "commit")]
    game.players = (
        Player("discriminator", game.discriminator, optims[0], [judging, *extra], after=settle),
        Player("autoencoder", game.model, optims[1], [nll_term(), kl_term()]),
    )
    return game, judging, making


@pytest.mark.parametrize("loss", ["nonsaturating", "relativistic"])
def test_the_adversarial_gradient_moves_the_decoder_and_not_the_encoder(loss):
    game, _, making = adversary(loss)
    round = VaeGanRound(game, True, Batch(pictures()), [])
    making(round).mean().backward()
    assert all(p.grad is None for p in game.model.encoder.parameters())
    assert all(p.grad.abs().sum() > 0 for p in game.model.decoder.parameters())
    assert float(round.noticed["output_gradient"]) > 0
    torch.testing.assert_close(round.on_reconstruction, game.discriminator(torch.tanh(round.raw)))
    matching = feature_matching(round.on_real, round.on_reconstruction)
    matching.mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in game.model.encoder.parameters())


def test_the_discriminators_term_by_hand():
    """½[softplus(−r) + softplus(p) + softplus(−r) + softplus(q)], p from the prior, q of reconstructions."""
    game, judging, _ = adversary()
    torch.manual_seed(4)
    round = VaeGanRound(game, False, Batch(pictures()), [])
    value = judging.value(round)
    torch.manual_seed(4)
    with torch.no_grad():
        prior = game.model(game.model.noise(8))
        again = game.model(VaeRound(game.model, pictures()).z)
    real, p, q = (game.discriminator(x).logits[0] for x in (pictures(), prior, again))
    softplus = nn.functional.softplus
    torch.testing.assert_close(value, softplus(-real) + 0.5 * (softplus(p) + softplus(q)))
    value.mean().backward()
    assert all(p.grad is None for p in game.model.parameters())


def test_r1_reads_the_round_of_a_vae_gan():
    """On D's turn, with slopes at the real pictures; against the gradient by torch."""
    penalty = R1(2.0, every=1)
    game, _, _ = adversary(penalties=[penalty])
    row = move(game, game.players[0], Batch(pictures()), 0)
    x = pictures().requires_grad_()
    fresh, _, _ = adversary()
    (slope,) = torch.autograd.grad(fresh.discriminator(x).logits[0].sum(), x)
    assert float(row["r1"]) == pytest.approx(0.5 * slope.square().flatten(1).sum(1).mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", [n for n in names("penalty") if find("penalty", n).reads in ("slopes", "outputs")])
def test_every_penalty_on_a_discriminator_is_paid_by_that_of_a_vae_gan(name):
    penalty = find("penalty", name)(2.0)
    game, _, _ = adversary(penalties=[penalty])
    rows = [move(game, game.players[0], Batch(pictures(seed=step)), 16 * step) for step in range(9)]
    assert max(float(row[penalty.name]) for row in rows) > 0 and min(float(row[penalty.name]) for row in rows) >= 0


def test_lecam_reads_both_kinds_of_generated_pictures():
    """Real ones once for each kind: the averages are those of all that D has seen."""
    game, _, _ = adversary()
    round = VaeGanRound(game, False, Batch(pictures()), [])
    real, fake = (verdict.means() for verdict in round.on_both)
    torch.testing.assert_close(real, round.on_real.means().repeat(2))
    torch.testing.assert_close(fake, torch.cat([part.on_fake.means() for part in round.against]))


def test_sampling_is_decoding_the_prior():
    game, _, _ = adversary()
    for found in (game, Vae(game.model)):
        torch.manual_seed(2)
        made = found.sample(3)
        torch.manual_seed(2)
        torch.testing.assert_close(made, game.model(torch.randn(3, 3)))
        assert found.generator is game.model
    assert np.isfinite(made.detach().numpy()).all()
