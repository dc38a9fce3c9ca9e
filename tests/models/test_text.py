"""The generator of text: exact samples, and the straight-through gradient; discriminators of text."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from poise.models.rnn import Dropouts, Recurrent
from poise.models.text import END, RecurrentDiscriminator, TextGenerator, before, counted, drawn, gumbel
from poise.registry import find, names

V, T = 3, 2
LEVEL = {2: 13.8, 4: 18.5, 6: 22.5, 8: 26.1}  # of χ² at p = 0.001, by degrees of freedom


def generator(vocabulary=V, length=T, ends=False, never=(), scale=3.0, cell="lstm"):
    """A network whose distributions are far from uniform and depend on what was read."""
    torch.manual_seed(1)
    net = Recurrent(vocabulary, 4, 5, 1, cell)
    for parameter in net.parameters():
        nn.init.uniform_(parameter, -scale, scale)
    return TextGenerator(net, length, ends, never)


def every(vocabulary, length, ends):
    """All sequences; where sentences end, those that have nothing but ends after the first one."""
    found = torch.tensor(list(itertools.product(range(vocabulary), repeat=length)))
    if not ends:
        return found
    return found[((found == END) | counted(found)).all(1)]


def probabilities(g, sequences):
    logs = g.logits(sequences).log_softmax(2).gather(2, sequences.unsqueeze(2)).squeeze(2)
    return (logs * counted(sequences, g.ends)).sum(1).exp()


def chi_square(drawn_ids, sequences, expected):
    counts = torch.stack([(drawn_ids == row).all(1).sum() for row in sequences]).double()
    assert counts.sum() == len(drawn_ids), "something was drawn that cannot be"
    wanted = expected.double() * len(drawn_ids)
    return float(((counts - wanted).square() / wanted).sum())


# Samples are exact.


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("how", ["gumbel", "inversion"])
@torch.no_grad()
def test_samples_have_the_law_of_the_softmax(how, ends):
    """χ² of 20,000 samples over all sequences; probabilities of all of them add up to 1."""
    g = generator(ends=ends, scale=1.5)
    sequences = every(V, T, ends)
    expected = probabilities(g, sequences)
    assert expected.sum().item() == pytest.approx(1, abs=1e-5)
    assert expected.max() < 0.7
    torch.manual_seed(7)
    found = g(g.noise(20_000)).argmax(2) if how == "gumbel" else g.ids(g.uniform(20_000))
    assert chi_square(found, sequences, expected) < LEVEL[len(sequences) - 1]


@torch.no_grad()
def test_a_single_draw_has_the_law_of_the_softmax():
    """argmax(s + g) and the inversion, for one row of logits."""
    s = torch.tensor([1.0, -0.5, 0.2])
    torch.manual_seed(3)
    for found in (
        (s + gumbel(torch.rand(30_000, 3))).argmax(1),
        drawn(s.expand(30_000, 3), torch.rand(30_000)),
    ):
        assert chi_square(found.unsqueeze(1), torch.arange(3).unsqueeze(1), s.softmax(0)) < LEVEL[2]


def test_inversion_takes_the_first_unit_whose_cumulated_probability_exceeds_u():
    logits = torch.tensor([0.2, 0.5, 0.3]).log().repeat(5, 1)
    assert drawn(logits, torch.tensor([0.0, 0.1999, 0.2001, 0.6999, 0.9999])).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("u", [0.0, 1 - 2.0**-24])
def test_inversion_never_draws_what_cannot_be(u):
    """Not at either end of the noise, wherever the impossible unit stands."""
    for place in range(3):
        logits = torch.zeros(1, 3)
        logits[0, place] = -1e9
        assert drawn(logits, torch.tensor([u])).item() != place


def test_gumbel_noise_is_finite_but_for_zero():
    """u = 0 gives −∞, which is never the largest; the largest u gives a finite number."""
    g = gumbel(torch.tensor([0.0, 0.5, 1 - 2.0**-24]))
    assert g[0] == -torch.inf
    assert g[1].item() == pytest.approx(0.36651292)
    assert torch.isfinite(g[2])


def test_noise_at_its_edge_gives_a_finite_gradient():
    g = generator()
    z = g.noise(4)
    z[:, 0, 1] = -torch.inf
    rows = g(z)
    (rows * torch.randn_like(rows)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in g.parameters())


@torch.no_grad()
def test_some_units_are_never_generated():
    g = generator(5, 6, never=[1, 3])
    for found in (g(g.noise(500)).argmax(2), g.ids(g.uniform(500))):
        assert set(found.unique().tolist()) == {0, 2, 4}


@pytest.mark.parametrize("name", names("sequence"))
@pytest.mark.parametrize("graph", [False, True])
def test_rows_are_one_hot_with_and_without_a_graph(name, graph):
    torch.manual_seed(0)
    net = find("sequence", name)(6, 4, 8, 1, Dropouts())
    g = TextGenerator(net, 7, True, [1])
    z = g.noise(9)
    with torch.set_grad_enabled(graph):
        rows = g(z)
    assert rows.requires_grad == graph
    assert ((rows == 0) | (rows == 1)).all() and (rows.sum(2) == 1).all()
    with torch.no_grad():
        assert torch.equal(rows.detach(), g(z))


# The straight-through gradient.


def surrogate(g, z, kept=None):
    """Rows h + (softmax((s + z)/τ) − its value at the point where `kept` was made): differentiable, hard at the point.

    Returns the rows, and the (h, softmax) of each place for `kept`.
    """
    state, x, rows, points = g.net.begin(len(z)), torch.zeros(len(z), dtype=torch.long), [], []
    over = torch.zeros(len(z), 1)
    for t, noise in enumerate(z.unbind(1)):
        logits, state = g.net.step(x, state)
        noisy = logits + g.mask + noise
        soft = (noisy / g.temperature).softmax(1)
        hard, point = kept[t] if kept else (nn.functional.one_hot(noisy.argmax(1), z.shape[2]).double(), soft)
        row = hard + (soft - point)
        if g.ends:
            end = nn.functional.one_hot(torch.zeros(len(z), dtype=torch.long), z.shape[2]).double()
            row = over * end + (1 - over) * row
            over = torch.maximum(over, hard[:, END : END + 1])
        points.append((hard.detach(), soft.detach()))
        rows.append(row)
        x = row
    return torch.stack(rows, 1), points


@pytest.mark.slow
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("temperature", [0.7, 1.5])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_straight_through_gradient_is_that_of_the_relaxed_samples(ends, temperature, cell, float64):
    """Central differences of the surrogate in every weight, through the feedback of the rows over two places."""
    g = generator(ends=ends, scale=0.8, cell=cell)
    g.temperature = temperature
    torch.manual_seed(4)
    z, weights = g.noise(6), torch.randn(6, T, V)
    rows = g(z)
    parameters = list(g.parameters())
    gradients = torch.autograd.grad((rows * weights).sum(), parameters, allow_unused=True)
    with torch.no_grad():
        same, kept = surrogate(g, z)
        assert torch.equal(same, rows)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            slopes = torch.zeros_like(parameter).flatten()
            flat, eps = parameter.data.view(-1), 1e-6
            for i in range(len(flat)):
                before_, sums = flat[i].item(), []
                for sign in (1, -1):
                    flat[i] = before_ + sign * eps
                    sums.append((surrogate(g, z, kept)[0] * weights).sum())
                flat[i] = before_
                slopes[i] = (sums[0] - sums[1]) / (2 * eps)
            found = torch.zeros_like(slopes) if gradient is None else gradient.flatten()
            assert (found - slopes).abs().max() < 1e-8 * max(1.0, slopes.abs().max().item())


def test_the_gradient_of_a_row_is_the_jacobian_of_the_softmax(float64):
    """∂row/∂logits = (diag(p) − p·pᵀ)/τ at p = softmax((s + g)/τ), for a network that is its bias alone."""
    s = torch.randn(V, requires_grad=True)
    net = SimpleNamespace(vocabulary=V, begin=lambda n: (), step=lambda x, state: (s.expand(len(x), -1), state))
    g = TextGenerator(net, 1, ends=False)
    g.temperature = 0.6
    z = g.noise(1)
    row = g(z)[0, 0]
    p = ((s.detach() + z[0, 0]) / 0.6).softmax(0)
    expected = (p.diag() - p.outer(p)) / 0.6
    jacobian = torch.stack([torch.autograd.grad(row[i], s, retain_graph=True)[0] for i in range(V)])
    assert (jacobian - expected).abs().max() < 1e-14


def test_after_the_end_only_ends_follow_without_gradient():
    """Noise that ends the first sentence at once and the second after one unit."""
    g = generator(4, 5, ends=True)
    g.temperature = 1e3  # so that there is a gradient where the noise is this large
    z = g.noise(3)
    z[0, 0, END] = z[1, 1, END] = z[1, 0, 2] = 1e3
    z[2, :, 2] = 1e3
    rows = g(z)
    ids = rows.argmax(2)
    assert ids.tolist() == [[0] * 5, [2, 0, 0, 0, 0], [2] * 5]
    weights = list(g.parameters())
    for sentence, first in ((0, 1), (1, 2)):
        value = (rows[sentence, first:] * torch.randn(5 - first, 4)).sum()
        found = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
        assert all(gradient is None or not gradient.any() for gradient in found)
        value = (rows[sentence, first - 1] * torch.randn(4)).sum()
        found = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
        assert any(gradient is not None and gradient.any() for gradient in found)


@torch.no_grad()
def test_after_the_end_only_ends_follow_in_ids():
    g = generator(4, 8, ends=True, scale=0.3)
    found = g.ids(g.uniform(300))
    assert ((found == END).long().cumsum(1)[:, :-1].clamp_max(1) <= (found[:, 1:] == END).long()).all()
    assert (found == END).any() and (found != END).any()


def test_dropout_acts_on_likelihood_and_not_where_it_is_turned_off():
    torch.manual_seed(0)
    g = TextGenerator(Recurrent(V, 4, 5, dropouts=Dropouts(input=0.5, output=0.5, weight=0.5)), T).train()
    x = every(V, T, True)
    assert torch.equal(g.logits(x, dropping=False), g.eval().logits(x))
    assert not torch.equal(g.train().logits(x), g.logits(x))


# Which places count.


def test_places_up_to_the_first_end_count():
    ids = torch.tensor([[2, 3, 0, 0], [0, 0, 0, 0], [2, 2, 2, 2], [2, 0, 3, 0]])
    assert counted(ids).tolist() == [
        [True, True, True, False],
        [True, False, False, False],
        [True, True, True, True],
        [True, True, False, False],
    ]
    assert counted(ids, ends=False).all()


def test_what_has_been_read_begins_with_zero():
    assert before(torch.tensor([[4, 5, 6]])).tolist() == [[0, 4, 5]]


# Discriminators.


def options(**changes):
    return SimpleNamespace(**{"embed": 8, "representations": 2, "width": 3, "hidden": 5, "dropout": 0.0,
                              "spectral": False, **changes})  # fmt: skip


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("name", names("critic"))
def test_a_discriminator_reads_ids_and_one_hot_rows_alike(name, spectral, ends, float64):
    torch.manual_seed(0)
    d = find("critic", name)(6, 7, ends, options(spectral=spectral)).eval()
    ids = torch.randint(0, 6, (5, 7))
    a, b = d(ids), d(nn.functional.one_hot(ids, 6).double())
    for x, y in zip((*a.logits, *a.weights), (*b.logits, *b.weights), strict=True):
        assert x.shape == y.shape and (x - y).abs().max() < 1e-12
    assert a.means().shape == (5,)


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("name", names("critic"))
def test_a_discriminator_of_very_short_sentences(name, length):
    d = find("critic", name)(6, length, True, options())
    assert torch.isfinite(d(torch.randint(0, 6, (3, length))).means()).all()


def test_a_reader_weighs_nothing_after_the_end(float64):
    torch.manual_seed(0)
    d = RecurrentDiscriminator(6, 4, 5, dropout=0.0)
    a = torch.tensor([[2, 3, 0, 0, 0], [4, 4, 4, 4, 4]])
    b = torch.tensor([[2, 3, 0, 5, 2], [4, 4, 4, 4, 4]])
    assert d(a).weights[0].tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert torch.equal(d(a).means(), d(b).means())
    assert RecurrentDiscriminator(6, 4, 5, ends=False)(a).weights[0].tolist() == [[1] * 5] * 2
