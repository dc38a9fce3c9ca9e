"""Small games with sentences, and all that they can say."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from poise.core import Batch, Player, Term
from poise.games.adversarial import adversarial_terms
from poise.games.likelihood import sentence_term
from poise.games.text import Reinforce, TextGame, TextRound
from poise.models.rnn import Dropouts, Recurrent
from poise.models.text import END, MultiRepresentation, RecurrentDiscriminator, TextGenerator, counted
from poise.registry import find

V, T = 3, 2


def game_of(ends=True, critic="reader", vocabulary=V, length=T, dropout=0.0, scale=1.0):
    torch.manual_seed(0)
    net = Recurrent(vocabulary, 3, 4, dropouts=Dropouts(input=dropout, output=dropout))
    for parameter in net.parameters():
        nn.init.uniform_(parameter, -scale, scale)
    d = RecurrentDiscriminator(vocabulary, 3, 4, ends, dropout=0.0)
    if critic == "whole":
        d = MultiRepresentation(vocabulary, length, 4, 2, 3, hidden=4, dropout=0.0)
    for parameter in d.parameters():
        nn.init.uniform_(parameter, -scale, scale)
    return TextGame(TextGenerator(net, length, ends), d, counted=lambda ids: counted(ids, ends))


def every(ends, vocabulary=V, length=T):
    found = torch.tensor(list(itertools.product(range(vocabulary), repeat=length)))
    return found[((found == END) | counted(found)).all(1)] if ends else found


def round_of(game, ids):
    """The generator's turn, in which these sentences were sampled."""
    made = TextRound(game, True, Batch(ids), ())
    made.__dict__["ids"] = ids
    return made


def probabilities(game, ids):
    logs = game.generator.logits(ids).log_softmax(2).gather(2, ids.unsqueeze(2)).squeeze(2)
    return (logs * game.counted(ids)).sum(1).exp()


def rewards(game, ids):
    """Σ_t r_t of each sentence, r = 2σ(D) − 1, by hand: after each unit that counts, or once on the whole."""
    verdict = game.discriminator(ids)
    opinion = 2 * verdict.logits[0].sigmoid() - 1
    if not verdict.weights:
        return 2 * verdict.logits[0].mean(1).sigmoid() - 1
    return (opinion * game.counted(ids)).sum(1)


SENTENCES = torch.tensor([[2, 1, 0, 0, 0, 0], [1, 1, 2, 2, 1, 0], [0] * 6, [2, 2, 2, 0, 0, 0]] * 4)


def played(loss="relativistic", length=6, extra=(), estimator="gumbel", critic="reader", likelihood=0.0):
    """A game with players, of one SGD step each."""
    game = game_of(length=length, critic=critic)
    to_discriminate, to_generate = adversarial_terms(find("loss", loss))
    value = Reinforce(discount=0.5)
    also = [sentence_term(3.0)] if likelihood else []
    sgd = torch.optim.SGD
    game.players = (
        Player("discriminator", game.discriminator, sgd(game.discriminator.parameters(), 0.1),
               [to_discriminate, *extra]),
        Player("generator", game.generator, sgd(game.generator.parameters(), 0.1),
               [to_generate if estimator == "gumbel" else Term("adversarial", value), *also],
               after=() if estimator == "gumbel" else (value.commit,)),
    )  # fmt: skip
    return game
