"""What the averaged network, which is drawn from, gives held-out items stands beside what its weights of now give."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from poise.core import Batch
from poise.games.likelihood import heldout_nats, nats
from poise.models.rnn import Recurrent
from poise.monitor.findings.windows import SHOWN_EVERY
from poise.recipes.language.outputs import LanguageMonitor
from poise.recipes.text.outputs import LikelihoodMonitor
from poise.training.precision import Execution


def moved(net: nn.Module) -> nn.Module:
    """The same network with other weights, as an average is."""
    other = deepcopy(net)
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(0.5)
    return other


def of_language(averaged):
    torch.manual_seed(0)
    net = Recurrent(7, embed=4, hidden=5)
    average = averaged(net)
    texts = {"training": torch.randint(7, (40,)), "heldout": torch.randint(7, (30,))}
    monitor = LanguageMonitor(net, average, texts)
    return monitor, "model", lambda network, side, probe: float(heldout_nats(network, texts[side]).mean())


class Bigrams(nn.Module):
    """ids [B,T] -> logits [B,T,V] by the unit before; the first follows unit 0."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 7)

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        return self.table(nn.functional.pad(ids[:, :-1], (1, 0)))


def of_sentences(averaged):
    torch.manual_seed(0)
    net = Bigrams()
    average = averaged(net)
    rows = {"training": torch.randint(7, (5, 6, 8)), "heldout": torch.randint(7, (5, 4, 8))}
    streams = {side: lambda probe, of=of: Batch(of[probe % 5]) for side, of in rows.items()}
    players = SimpleNamespace(
        generator=net, average=average, execution=Execution(), counted=lambda ids: torch.ones_like(ids)
    )

    def by_hand(network, side, probe):
        ids = rows[side][probe % 5]
        return nats(network.logits(ids), ids).mean().item()

    return LikelihoodMonitor(players, streams), "generator", by_hand


@pytest.mark.parametrize("built", [of_language, of_sentences])
@pytest.mark.parametrize("averaged", [moved, deepcopy], ids=["other weights", "no averaging"])
def test_both_networks_are_watched(built, averaged):
    monitor, player, by_hand = built(averaged)
    networks = (monitor.model, monitor.average) if built is of_language else (
        monitor.players.generator, monitor.players.average
    )  # fmt: skip
    for probe in range(2 * SHOWN_EVERY + 1):
        found = monitor(probe)
        names = ("nll", "shown_nll") if probe % SHOWN_EVERY == 0 else ("nll",)
        expected = {}
        for name, network in zip(names, networks, strict=False):
            costs = {side: by_hand(network, side, probe) for side in ("training", "heldout")}
            expected |= {f"{player}/{name}_{side}": cost for side, cost in costs.items()}
            expected[f"{player}/{name}_gap"] = costs["heldout"] - costs["training"]
        assert found == pytest.approx(expected, abs=1e-6)
        if "shown_nll" in names:
            same = found[f"{player}/nll_heldout"] == found[f"{player}/shown_nll_heldout"]
            assert same == (averaged is deepcopy)
