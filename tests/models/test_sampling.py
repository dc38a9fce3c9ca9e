"""Sampling: temperature, top-k, top-p, units that are given; and exactly these distributions."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from poise.errors import PoiseError
from poise.models.rnn import Recurrent
from poise.models.sampling import Sampling, after_a_sentence, generate
from poise.models.text import END, TextGenerator, counted, drawn

V, T = 6, 7


def network(scale=1.0, vocabulary=V):
    torch.manual_seed(2)
    net = Recurrent(vocabulary, 4, 5).eval()
    for parameter in net.parameters():
        nn.init.uniform_(parameter, -scale, scale)
    return net


def noise(n=400, seed=0):
    return torch.rand(n, T, generator=torch.Generator().manual_seed(seed))


def greedy(net, ends):
    """The likeliest unit at each place, by hand."""
    state, x, found = net.begin(1), torch.zeros(1, dtype=torch.long), []
    for _ in range(T):
        logits, state = net.step(x, state)
        x = logits.argmax(1)
        found.append(int(x))
        if ends and found[-1] == END:
            break
    return found


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=0.01), Sampling(top_k=1), Sampling(top_p=1e-6)], ids=["τ → 0", "k = 1", "p → 0"]
)
@torch.no_grad()
def test_the_greedy_limits(sampling, ends):
    net = network(3.0)
    found = generate(net, noise(), sampling, ends=ends)
    expected = greedy(net, ends)
    assert found[:, : len(expected)].tolist() == [expected] * len(found)


@torch.no_grad()
def test_a_plain_sample_is_that_of_the_generator():
    """The same noise gives the same sentences as the generator that is trained, whose law is tested by itself."""
    net = network()
    expected = TextGenerator(net, T, True, [1]).ids(noise())
    found = generate(net, noise(), never=[1])
    assert torch.equal(nn.functional.pad(found, (0, T - found.shape[1])), expected)


def probabilities(logits, sampling):
    return sampling(torch.tensor([logits]).log()).softmax(1)[0].tolist()


def test_temperature_by_hand():
    """p^(1/τ), normalised."""
    p = [0.5, 0.3, 0.2]
    for tau in (0.5, 2.0):
        powers = [x ** (1 / tau) for x in p]
        assert probabilities(p, Sampling(tau)) == pytest.approx([x / sum(powers) for x in powers], rel=1e-5)


def test_top_k_by_hand():
    assert probabilities([0.2, 0.5, 0.3], Sampling(top_k=2)) == pytest.approx([0, 5 / 8, 3 / 8])
    assert probabilities([0.2, 0.5, 0.3], Sampling(top_k=3)) == pytest.approx([0.2, 0.5, 0.3])
    assert probabilities([0.2, 0.5, 0.3], Sampling(top_k=99)) == pytest.approx([0.2, 0.5, 0.3])


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.4, [0, 1, 0, 0]),
        (0.5, [0, 1, 0, 0]),
        (0.51, [0, 5 / 8, 3 / 8, 0]),
        (0.79, [0, 5 / 8, 3 / 8, 0]),
        (0.81, [1.5 / 9.5, 5 / 9.5, 3 / 9.5, 0]),
        (0.96, [0.15, 0.5, 0.3, 0.05]),
        (1.0, [0.15, 0.5, 0.3, 0.05]),
    ],
)
def test_top_p_by_hand(p, expected):
    """The smallest set of likeliest units that reaches p."""
    assert probabilities([0.15, 0.5, 0.3, 0.05], Sampling(top_p=p)) == pytest.approx(expected, rel=1e-5)


def test_top_p_acts_after_temperature_and_top_k():
    """At τ = 0.5: p² = (.0225, .25, .09, .0025); of the two likeliest, .25/.34 reaches 0.7."""
    p = [0.15, 0.5, 0.3, 0.05]
    assert probabilities(p, Sampling(0.5, top_k=2, top_p=0.7)) == pytest.approx([0, 1, 0, 0])
    assert probabilities(p, Sampling(0.5, top_k=2, top_p=0.75)) == pytest.approx([0, 0.25 / 0.34, 0.09 / 0.34, 0])


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=9), st.floats(0.01, 1))
@settings(max_examples=80, deadline=None)
def test_the_nucleus_is_the_smallest_set_that_reaches_p(logits, p):
    plain = torch.tensor([logits]).softmax(1)[0].double()
    kept = Sampling(top_p=p)(torch.tensor([logits])).softmax(1)[0] > 0
    assert plain[kept].sum() >= p - 1e-5
    assert plain[kept].sum() - plain[kept].min() < p + 1e-5
    assert not (~kept).any() or plain[kept].min() >= plain[~kept].max()


def test_options_that_cannot_be():
    for bad in (0, -1, float("nan"), float("inf"), 1e-3, 101):
        with pytest.raises(PoiseError, match=r"--temperature \S+ is out of reach: give 0.01 to 100"):
            Sampling(temperature=bad)
    for bad in (0, -3):
        with pytest.raises(PoiseError, match="--top-k must be at least 1"):
            Sampling(top_k=bad)
    for bad in (0.0, -0.5, 1.01, float("nan")):
        with pytest.raises(PoiseError, match="--top-p must be above 0 and at most 1"):
            Sampling(top_p=bad)


# Units that are given.


@torch.no_grad()
def test_given_units_stand_and_are_read():
    """What follows a given beginning has the law of what follows it when it was drawn: χ² of the next unit."""
    net = network()
    found = generate(net, torch.rand(20_000, T, generator=torch.Generator().manual_seed(1)), ends=False, given=[3, 4])
    assert (found[:, :2] == torch.tensor([3, 4])).all()
    state = net.begin(1)
    for unit in (0, 3, 4):
        logits, state = net.step(torch.tensor([unit]), state)
    expected = 20_000 * logits.softmax(1)[0].double()
    counts = torch.bincount(found[:, 2], minlength=V).double()
    assert ((counts - expected).square() / expected).sum() < 20.5  # p = 0.001 at 5 degrees of freedom


@torch.no_grad()
def test_a_form_keeps_its_free_places_free_of_signs_and_ends():
    form = [None, None, 5, None, 5, END]
    found = generate(network(), noise(), never=[1], given=form, bare=[END, 5])
    assert found.shape[1] == 6
    for place, unit in enumerate(form):
        drawn = set(found[:, place].tolist())
        assert drawn == ({unit} if unit is not None else {2, 3, 4})


@torch.no_grad()
def test_signs_and_ends_are_free_after_a_beginning():
    found = generate(network(), noise(), never=[1], given=[3], bare=[END, 5])
    assert set(found[:, 1].tolist()) == {0, 2, 3, 4, 5}


@torch.no_grad()
def test_only_ends_follow_an_end():
    found = generate(network(), noise())
    assert (found[~counted(found)] == END).all() and (found == END).any()


@torch.no_grad()
def test_a_sentence_may_begin_after_another_one():
    """The state is that of reading 0 and the units of a sentence, but not its end, which the next sentence reads."""
    net = network()
    state = after_a_sentence(net, noise(60), never=[1])
    sentences = TextGenerator(net, T, True, [1]).ids(noise(60))
    lengths = set()
    for i, row in enumerate(sentences.tolist()):
        units = row[: row.index(END)] if END in row else row[:-1]
        lengths.add(len(units))
        expected = net(torch.tensor([[0, *units]]), net.begin(1)).state
        assert all(torch.allclose(part[i], e[0], atol=1e-6) for part, e in zip(state, expected, strict=True))
    assert len(lengths) > 3
    found = generate(net, noise(60, seed=1), ends=False, state=state)
    logits, _ = net.step(torch.zeros(60, dtype=torch.long), state)
    assert torch.equal(found[:, 0], drawn(logits, noise(60, seed=1)[:, 0]))


# All sequences of a small language.


@torch.no_grad()
def test_probabilities_of_all_sentences_add_up_to_one():
    """Whatever the sampling: with temperature, top-k and top-p as well."""
    net, sampling = network(vocabulary=3), Sampling(0.7, top_k=2, top_p=0.95)
    total = 0.0
    for row in itertools.product(range(3), repeat=3):
        state, x, p = net.begin(1), torch.zeros(1, dtype=torch.long), 1.0
        for unit in row:
            logits, state = net.step(x, state)
            p *= sampling(logits).softmax(1)[0, unit].item()
            x = torch.tensor([unit])
        total += p
    assert total == pytest.approx(1, abs=1e-6)
