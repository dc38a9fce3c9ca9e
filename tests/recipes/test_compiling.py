"""--compile: what plays is compiled, in every recipe; a network that is not is said to be, and why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from poise.audio.spectrograms import Mel
from poise.core import Player, Term
from poise.models.heads import Resolution
from poise.models.rnn import Recurrent, RelationalMemory
from poise.models.speech import AcousticModel
from poise.models.vae import AutoEncoder
from poise.models.vocoders import Vocos
from poise.penalties import L2, R1, R2
from poise.recipes.common.notes import compiled
from poise.recipes.common.options import RunOptions


class Net(nn.Linear):
    """Counts how often it was asked to be compiled."""

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.asked = 0

    def compile(self, *args: Any, **kwargs: Any) -> None:
        self.asked += 1


def player(name: str, net: nn.Module, *penalties: Any) -> Player:
    terms = [Term("own", lambda round: round), *(term for penalty in penalties for term in penalty.terms())]
    return Player(name, net, SimpleNamespace(), terms=terms)  # type: ignore[arg-type]


def stages(*games: list[Player]) -> Any:
    return [SimpleNamespace(game=SimpleNamespace(players=players)) for players in games]


def test_nothing_is_compiled_unless_asked_for():
    net = Net()
    assert compiled(RunOptions(), stages([player("generator", net)])) == [] and net.asked == 0


def test_a_network_that_plays_in_several_stages_is_compiled_once():
    net = Net()
    games = stages([player("generator", net)], [player("generator", net, L2())])
    assert compiled(RunOptions(compile=True), games) == []
    assert net.asked == 1


def test_a_network_that_cannot_be_compiled_is_named():
    judge, maker = Net(), Net()
    games = stages([player("discriminator", judge)], [player("discriminator", judge, L2(), R1(), R2()),
                                                      player("generator", maker, L2())])  # fmt: skip
    assert compiled(RunOptions(compile=True), games) == [
        "--compile: the discriminator is not compiled, for the gradients of gradients of r1 and r2"
    ]
    assert (judge.asked, maker.asked) == (0, 1)


LEFT = {
    "lstm": (Recurrent(5, 4, 4), "its recurrent layers"),
    "relational": (RelationalMemory(5, 4, 4), "its recurrent layers"),
    "vocos": (Vocos(Mel(8000, 64, 16, 8), 4, 1), "its Fourier transforms"),
    "speaker": (AcousticModel(3, 2, 1, 8, 0.01, True, 4, 1, 2), "its lengths, which differ from batch to batch"),
    "spectrograms": (Resolution(64, 2), "its Fourier transforms"),
}


@pytest.mark.parametrize(("net", "why"), LEFT.values(), ids=LEFT)
def test_what_torch_compile_cannot_make_is_left_as_it_is(net, why):
    assert compiled(RunOptions(compile=True), stages([player("model", nn.Sequential(net))])) == [
        f"--compile: the model is not compiled, for {why}"
    ]


def test_an_auto_encoder_compiles_what_its_methods_call():
    encoder, decoder = Net(), Net()
    AutoEncoder(encoder, decoder, nn.Identity(), 1).compile()
    assert (encoder.asked, decoder.asked) == (1, 1)
