"""What a checkpoint calls the parts of a game, and checkpoints that were made when they had other names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from poise.core import Player, Term
from poise.errors import PoiseError, is_out_of_memory
from poise.training.checkpoint import load, save
from poise.training.ema import Ema
from poise.training.moves import alone, memory
from poise.training.precision import Execution

HOW = Execution()


class Counts:
    """A hook without a name that keeps a state."""

    def __init__(self, made: int = 0) -> None:
        self.made = made

    def __call__(self) -> None:
        self.made += 1

    def state_dict(self) -> dict[str, int]:
        return {"made": self.made}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.made = state["made"]


class Buffer(nn.Module):
    """A hook whose state are weights."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.register_buffer("kept", torch.tensor(value))


def player(name: str, value: float, *after: Any, turns: int = 1) -> Player:
    net = nn.Linear(1, 1)
    nn.init.constant_(net.weight, value)
    optim = torch.optim.SGD(net.parameters(), 0.1)
    term: Term[Any] = Term("loss", lambda round: net(torch.ones(1)))
    return Player(name, net, optim, [term], after=(*after, Ema(net, 0.5)), turns=turns)


def game(*players: Player, **modules: Any) -> Any:
    return SimpleNamespace(players=players, modules=modules)


def renamed(folder, names):
    """The checkpoint as one that has other names in it."""
    state = torch.load(folder / "resume.pt", weights_only=True)
    state["parts"] = {names.get(name, name): value for name, value in state["parts"].items()}
    torch.save(state, folder / "resume.pt")
    for old, new in names.items():
        if (folder / f"{old}.safetensors").exists():
            (folder / f"{old}.safetensors").rename(folder / f"{new}.safetensors")
    manifest = json.loads((folder / "manifest.json").read_text())
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in contents.items()
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_hook_is_called_by_its_name_or_its_class_wherever_it_stands():
    one = player("g", 1.0, print, Counts())
    assert memory(game(one)).keys() == {"g", "g.optim", "g.Counts", "g.ema"}
    assert memory(game(replace(one, after=one.after[1:]))).keys() == {"g", "g.optim", "g.Counts", "g.ema"}
    with pytest.raises(PoiseError, match="two parts called 'Counts'"):
        player("g", 1.0, Counts(), Counts())


@pytest.mark.parametrize("older", [False, True])
def test_hooks_of_older_checkpoints_stand_under_their_position(tmp_path, older):
    folder = save(tmp_path, 1, game(player("g", 1.0, print, Counts(5), Buffer(2.0))), HOW)
    if older:
        renamed(folder, {"g.Counts": "g.after1", "g.Buffer": "g.after2"})
    other = player("g", 7.0, print, Counts(), Buffer(0.0))
    assert load(folder, game(other), HOW) == 1
    assert other.after[1].made == 5 and float(other.after[2].kept) == 2.0 and other.module.weight.item() == 1.0


@pytest.mark.parametrize("older", [False, True])
def test_networks_that_do_not_play_are_saved_with_their_averages(tmp_path, older):
    """In older checkpoints they were players without turns, with an optimiser."""
    plays, rests = player("g", 1.0), player("d", 2.0)
    rests.after[0].moves = 3
    first = game(plays, replace(rests, turns=0)) if older else game(plays, **rests.resting())
    folder = save(tmp_path, 1, first, HOW)
    state = torch.load(folder / "resume.pt", weights_only=True)
    assert ("d.optim" in state["parts"]) == older
    mine, other = player("g", 0.0), player("d", 0.0)
    load(folder, game(mine, **other.resting()), HOW)
    assert (mine.module.weight.item(), other.module.weight.item()) == (1.0, 2.0)
    assert other.after[0].moves == 3 and other.after[0].module.weight.item() == 2.0


def test_networks_that_do_not_play_collect_no_gradient():
    plays, rests = player("g", 1.0), player("d", 2.0)
    with alone(plays, game(plays, **rests.resting())):
        assert plays.module.weight.requires_grad and not rests.module.weight.requires_grad
    assert rests.module.weight.requires_grad


class Tied(nn.Module):
    """A weight that two layers share, and a layer that has two names."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.LayerNorm(3))
        self.body[1].weight = self.body[0].weight
        self.first, self.part = self.body[0], nn.Parameter(self.body[0].bias.detach()[:2])

    def forward(self, x):
        return self.body(x)


def test_tied_weights_and_layers_of_two_names_are_kept(tmp_path):
    """They were refused, as "out of memory", after all steps were made."""

    def made() -> tuple[nn.Module, Any]:
        net = Tied()
        optim = torch.optim.Adam(net.parameters(), 0.1)
        term: Term[Any] = Term("loss", lambda round: net(torch.randn(4, 3)))
        return net, game(Player("generator", net, optim, [term], after=(Ema(net, 0.5),)))

    net, saved = made()
    net(torch.randn(4, 3)).square().sum().backward()
    saved.players[0].optim.step()
    save(tmp_path, 1, saved, HOW)
    other, fresh = made()
    load(tmp_path / "step-00000001", fresh, HOW)
    for name, tensor in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    assert other.body[1].weight is other.body[0].weight and other.first is other.body[0]


def test_only_what_says_so_is_out_of_memory():
    for said in (
        "CUDA out of memory. Tried", "DefaultCPUAllocator: can't allocate memory: you", "MPS backend out of memory",
        "std::bad_alloc", "unable to mmap: Cannot allocate memory (12)", "Failed to allocate memory for a buffer",
    ):  # fmt: skip
        assert is_out_of_memory(RuntimeError(said)), said
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(ValueError("out of memory"))
    for said in ("Some tensors share memory", "view size is not compatible with input tensor's memory format"):
        assert not is_out_of_memory(RuntimeError(said)), said
