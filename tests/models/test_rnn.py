"""Recurrent networks: one step at a time and all at once are the same network; dropout; weight drop; a linear one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from poise.errors import PoiseError
from poise.models.rnn import Dropouts, Recurrent, RelationalMemory, embedded, variational_dropout
from poise.registry import find, names

V, B, T = 7, 4, 9


def ids(seed=0, places=T):
    return torch.randint(0, V, (B, places), generator=torch.Generator().manual_seed(seed))


def member(name, layers=2):
    torch.manual_seed(1)
    return find("sequence", name)(V, 6, 8, layers, Dropouts())


def one_by_one(net, read, state):
    """Logits [B,T,V] and the last state, by `step`; `read` ids [B,T] or rows [B,T,V]."""
    found = []
    for x in read.unbind(1):
        logits, state = net.step(x, state)
        found.append(logits)
    return torch.stack(found, 1), state


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("name", names("sequence"))
def test_steps_equal_one_pass(name, rows, float64):
    """From a state that is not the first one, and for one-hot rows in place of ids."""
    net = member(name)
    state = tuple(part + 0.1 for part in net.begin(B))
    expected = net(ids(), state)
    logits, last = one_by_one(net, nn.functional.one_hot(ids(), V).double() if rows else ids(), state)
    assert (logits - expected.logits).abs().max() < 1e-12
    for a, b in zip(last, expected.state, strict=True):
        assert a.shape == b.shape and (a - b).abs().max() < 1e-12
    assert expected.logits.shape == (B, T, V)
    assert expected.raw.shape[:2] == (B, T)


@pytest.mark.parametrize("name", names("sequence"))
def test_no_unit_sees_the_future(name, float64):
    net, other = member(name), ids()
    other[:, 5] = (other[:, 5] + 1) % V
    a, b = (net(x, net.begin(B)).logits for x in (ids(), other))
    assert torch.equal(a[:, :5], b[:, :5])
    assert not torch.equal(a[:, 5], b[:, 5])


@pytest.mark.parametrize("name", names("sequence"))
def test_two_passes_with_the_state_handed_on_equal_one(name, float64):
    net = member(name)
    whole = net(ids(), net.begin(B))
    first = net(ids()[:, :4], net.begin(B))
    second = net(ids()[:, 4:], first.state)
    assert (torch.cat([first.logits, second.logits], 1) - whole.logits).abs().max() < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", names("sequence"))
def test_a_network_learns_what_comes_next(name):
    """Units that follow each other in a ring: from ln 7 = 1.95 nats to below 0.1."""
    net = member(name, layers=1)
    optim = torch.optim.Adam(net.parameters(), 0.02)
    ring = (torch.arange(T + 1) + torch.arange(V).unsqueeze(1)) % V
    losses = []
    for _ in range(120):
        logits = net(ring[:, :-1], net.begin(V)).logits
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), ring[:, 1:].flatten())
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    assert losses[0] > 1.5
    assert losses[-1] < 0.1


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("tied", [False, True])
def test_layers_fit_together(cell, tied, float64):
    """Three layers, one embedding; with tied weights the last layer is as wide as the embedding."""
    net = Recurrent(V, 6, 8, 3, cell, tied)
    read = net(ids(), net.begin(B))
    assert read.raw.shape == (B, T, 6 if tied else 8)
    assert len(read.state) == 3 * (2 if cell == "lstm" else 1)
    logits, _ = one_by_one(net, ids(), net.begin(B))
    assert (logits - read.logits).abs().max() < 1e-12


def test_tied_weights_are_one_tensor(float64):
    """The readout is the embedding: logits = h·Eᵀ + b, and its gradient reaches both uses."""
    net = Recurrent(V, 6, 8, 1, tied=True)
    assert [name for name, _ in net.named_parameters()].count("embedding.weight") == 1
    assert not any("readout" in name for name, _ in net.named_parameters())
    read = net(ids(), net.begin(B))
    assert (read.logits - (read.raw @ net.embedding.weight.T + net.bias)).abs().max() < 1e-12
    (x := ids())[x == 3] = 0
    net(x, net.begin(B)).logits[..., 3].sum().backward()
    assert net.embedding.weight.grad[3].abs().sum() > 0, "unit 3 is guessed and never read"
    assert net.embedding.weight.grad[0].abs().sum() > 0, "unit 0 is read and not guessed here"
    with torch.no_grad():
        net.embedding.weight.zero_()
    assert torch.equal(net(ids(), net.begin(B)).logits, torch.zeros(B, T, V))


class Linear(nn.Module):
    """h_t = W·h_{t−1} + U·x_t in place of a recurrent layer."""

    def __init__(self, hidden, inputs):
        super().__init__()
        self.hidden_size, self.w, self.u = hidden, nn.Parameter(torch.randn(hidden, hidden)), nn.Linear(inputs, hidden)

    def forward(self, x, h):
        h, out = h[0], []
        for place in x.unbind(1):
            h = h @ self.w.T + self.u(place)
            out.append(h)
        return torch.stack(out, 1), h.unsqueeze(0)


def linear_network(hidden, w):
    net = Recurrent(V, 6, hidden, 1, "gru")
    net.layers[0] = Linear(hidden, 6)
    net.layers[0].w.data = w
    return net


@pytest.mark.parametrize("w", [0.5, 1.0, -1.2])
def test_how_far_a_linear_network_remembers(w, float64):
    """‖∂h_T/∂h_0‖ = |w|^T: what L2 on the recurrent weight shortens."""
    net = linear_network(1, torch.tensor([[w]]))
    start = torch.zeros(B, 1, requires_grad=True)
    (end,) = net(ids(), (start,)).state
    (slope,) = torch.autograd.grad(end.sum(), start)
    assert slope.abs().flatten().tolist() == pytest.approx([abs(w) ** T] * B, rel=1e-12)


def test_how_far_a_linear_network_of_several_units_remembers(float64):
    """∂h_T/∂h_0 = W^T, whatever is read."""
    torch.manual_seed(3)
    w = torch.randn(3, 3)
    net = linear_network(3, w)

    def last(start):
        return net(ids()[:1], (start,)).state[0][0]

    jacobian = torch.autograd.functional.jacobian(last, torch.zeros(1, 3))[:, 0]
    expected = torch.linalg.matrix_power(w, T)
    assert (jacobian - expected).abs().max() < 1e-12 * expected.abs().max()


def test_a_mixture_of_rows_is_embedded_as_a_mixture(float64):
    weight = torch.randn(V, 6)
    rows = torch.rand(B, V).softmax(1)
    assert (embedded(rows, weight) - sum(rows[:, i : i + 1] * weight[i] for i in range(V))).abs().max() < 1e-14


# Dropout.


def test_a_locked_mask_is_the_same_at_all_places():
    """Whole columns are 0 or 1/(1 − share), each sequence has its own."""
    torch.manual_seed(0)
    x = variational_dropout(torch.ones(200, 5, 30), 0.4, True)
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert x.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert (x[:, 0] == 0).float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert not torch.equal(x[0], x[1])
    assert torch.equal(variational_dropout(torch.ones(2, 2, 2), 0.4, False), torch.ones(2, 2, 2))


ALL = Dropouts(embedding=0.3, input=0.3, hidden=0.3, output=0.3, weight=0.3)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_evaluation_drops_nothing(cell):
    torch.manual_seed(0)
    net = Recurrent(V, 6, 8, 2, cell, dropouts=ALL).eval()
    with torch.random.fork_rng():
        a = net(ids(), net.begin(B))
    net.dropouts = Dropouts()
    b = net.train()(ids(), net.begin(B))
    assert torch.equal(a.logits, b.logits)
    assert torch.equal(a.dropped, a.raw)


def test_steps_drop_nothing():
    """What is generated is generated by the whole network, also while it is trained."""
    net = Recurrent(V, 6, 8, 2, dropouts=ALL).train()
    a, _ = one_by_one(net, ids(), net.begin(B))
    b = net.eval()(ids(), net.begin(B)).logits
    assert (a - b).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["embedding", "input", "hidden", "output", "weight"])
def test_each_dropout_acts_by_itself(name):
    net = Recurrent(V, 6, 8, 2, dropouts=Dropouts(**{name: 0.5})).train()
    torch.manual_seed(0)
    a, b = (net(ids(), net.begin(B)) for _ in range(2))
    assert not torch.equal(a.logits, b.logits)
    assert torch.equal(a.raw, b.raw) == (name == "output")
    assert torch.equal(a.dropped, a.raw) == (name != "output")


def test_dropped_units_are_dropped_in_the_whole_batch(monkeypatch):
    """A unit whose embedding is dropped reads as zeros wherever it stands."""
    seen = []
    monkeypatch.setattr("poise.models.rnn.variational_dropout", lambda x, share, training: seen.append(x) or x)
    torch.manual_seed(2)
    net = Recurrent(V, 6, 8, 1, dropouts=Dropouts(embedding=0.5)).train()
    net(ids(), net.begin(B))
    zero = (seen[0] == 0).all(2)
    by_unit = [zero[ids() == unit] for unit in range(V) if unit in ids()]
    assert all(places.all() or not places.any() for places in by_unit)
    assert 0 < sum(bool(places.all()) for places in by_unit) < len(by_unit)
    kept = ~zero
    assert torch.allclose(seen[0][kept], 2 * net.embedding(ids())[kept])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_weight_drop_acts_on_the_hidden_to_hidden_weights_alone(cell, float64):
    """The same numbers as a network whose weights were dropped by hand; the gradient of a dropped weight is 0, that of
    a kept one twice what it would be; afterwards the network has its own weights again."""
    torch.manual_seed(0)
    net = Recurrent(V, 6, 8, 1, cell, dropouts=Dropouts(weight=0.5)).train()
    layer = net.layers[0]
    own = layer.weight_hh_l0.detach().clone()
    torch.manual_seed(5)
    read = net(ids(), net.begin(B))
    read.logits.square().sum().backward()
    gradient, others = layer.weight_hh_l0.grad.clone(), layer.weight_ih_l0.grad.clone()
    torch.manual_seed(5)
    mask = nn.functional.dropout(torch.ones_like(own), 0.5)
    assert 0.3 < (mask == 0).double().mean() < 0.7
    assert torch.equal(layer.weight_hh_l0, own)

    net.dropouts = Dropouts()
    net.zero_grad()
    layer.weight_hh_l0.data = own * mask
    by_hand = net(ids(), net.begin(B))
    by_hand.logits.square().sum().backward()
    assert (by_hand.logits - read.logits).abs().max() < 1e-12
    assert (layer.weight_hh_l0.grad * mask - gradient).abs().max() < 1e-12 * gradient.abs().max()
    assert (layer.weight_ih_l0.grad - others).abs().max() < 1e-12 * others.abs().max()
    assert gradient.abs().sum() > 0


def test_a_step_of_the_optimiser_is_seen_after_weight_drop():
    """The layer keeps its weights in a list of its own: it must not go on with those of the last window."""
    torch.manual_seed(0)
    net = Recurrent(V, 6, 8, 1, dropouts=Dropouts(weight=0.5)).train()
    net(ids(), net.begin(B)).logits.sum().backward()
    before = net.eval()(ids(), net.begin(B)).logits.detach()
    with torch.no_grad():
        net.layers[0].weight_hh_l0.add_(1.0)
    after = net(ids(), net.begin(B)).logits
    fresh = Recurrent(V, 6, 8, 1).eval()
    fresh.load_state_dict(net.state_dict())
    assert not torch.equal(before, after)
    assert torch.equal(after, fresh(ids(), fresh.begin(B)).logits)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_shares_that_cannot_be(share):
    with pytest.raises(PoiseError, match=r"dropout\.hidden must be at least 0 and below 1"):
        Dropouts(hidden=share)


def test_networks_that_cannot_be():
    with pytest.raises(PoiseError, match="cell rnn is unknown; use lstm or gru"):
        Recurrent(V, cell="rnn")
    with pytest.raises(PoiseError, match="hidden 9 must be a multiple of the 2 heads"):
        RelationalMemory(V, hidden=9)
    with pytest.raises(PoiseError, match="a relational memory has no dropout"):
        find("sequence", "relational")(V, 6, 8, 1, Dropouts(input=0.1))


def test_a_relational_memory_begins_with_slots_that_differ():
    net = RelationalMemory(V, 6, 8, slots=3)
    (memory,) = net.begin(2)
    assert memory.shape == (2, 3, 8)
    assert torch.equal(memory[0], torch.eye(3, 8))
    assert torch.linalg.matrix_rank(net(ids()[:2], net.begin(2)).state[0][0]) == 3
