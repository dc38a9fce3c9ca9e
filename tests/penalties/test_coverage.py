"""What is covered of a network, by default and by class, name or predicate; and that it is said."""

from __future__ import annotations

import json
import re
import subprocess
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, weight_norm

from poise.errors import PenaltyWarning, PoiseError
from poise.penalties import L2, attach, coverage
from poise.penalties.covers import covered

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench" / "coverage.py"
OTHERS = ROOT / ".venv" / "loops" / "bin" / "python"


class Conv1D(nn.Module):
    """A linear layer with transposed weights under another name, as in GPT-2."""

    def __init__(self, wide: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(wide, wide)), nn.Parameter(torch.zeros(wide))


class MyLinear(nn.Module):
    """A layer of somebody's own: no parameter is called a weight."""

    def __init__(self, wide: int):
        super().__init__()
        self.kernel, self.shift = nn.Parameter(torch.randn(wide, wide)), nn.Parameter(torch.zeros(wide))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.mix, self.mine = Conv1D(8), MyLinear(6)
        self.norm = nn.LayerNorm(4)
        self.readout = nn.Linear(4, 10)
        self.readout.weight = self.embed.weight
        self.still = nn.Linear(3, 3)
        self.still.requires_grad_(False)


def names(module: nn.Module, covers=None) -> set[str]:
    return {weight.name for weight in covered(module, covers)}


@pytest.mark.parametrize(
    ("covers", "expected"),
    [
        ("Linear", {"readout.weight", "still.weight"}),
        ("Conv1D", {"mix.weight"}),
        (["Linear", "Conv1D", MyLinear], {"readout.weight", "still.weight", "mix.weight", "mine.kernel"}),
        (("mix.*", nn.LayerNorm), {"mix.weight", "mix.bias", "norm.weight"}),
        ([lambda name, layer: name.endswith("shift")], {"mine.shift"}),
        ("MyLinear", {"mine.kernel"}),
    ],
)
def test_covers_by_class_class_name_glob_predicate_or_several(covers, expected):
    assert names(Model(), covers) == expected


def test_every_parameter_is_said_once_with_its_reason():
    found = L2(1e-4).covers_of(Model())
    assert {p.name: p.why for p in (*found.covered, *found.left)} == {
        "readout.weight": "", "still.weight": "frozen", "still.bias": "frozen", "readout.bias": "bias or gain",
        "mix.weight": "not a layer that is covered by default", "mix.bias": "bias or gain",
        "mine.kernel": "not a layer that is covered by default", "mine.shift": "bias or gain",
        "norm.weight": "bias or gain", "norm.bias": "bias or gain",
    }  # fmt: skip
    assert found.covered[0].tied == ("embed.weight",) and found.covered[0].shape == (10, 4)
    total = sum(p.numel() for p in Model().parameters())
    assert found.share == pytest.approx(40 / total)
    assert sum(size for *_, size in found.layers()) == total
    assert "readout.weight is tied with embed.weight" in str(found) and f"{total}" in str(found)


def test_a_default_that_covers_little_is_said_once_with_what_would_help():
    net = Model()
    penalty = L2(0.1)
    with pytest.warns(PenaltyWarning, match=r"covers 1 tensors, 22 % .* covers=\['Linear', 'Conv1D', 'MyLinear'\]"):
        penalty.add_gradient_(net)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.optim.SGD(net.parameters(), lr=0.1).step()
        penalty.add_gradient_(net)
        L2(0.1, covers="readout.*").add_gradient_(net)  # what was asked for needs no warning
        L2(0.1).covers_of(net)
    with pytest.warns(PenaltyWarning, match="22 %"):
        L2(0.1)(net)
    with pytest.warns(PenaltyWarning, match="22 %"):
        attach(torch.optim.SGD(net.parameters(), lr=0.1), net, L2(0.1))


def test_class_names_are_proposed_where_nothing_is_covered():
    with pytest.raises(PoiseError, match="did you mean 'Conv1D'"):
        L2(0.1, covers="Conv1d").weights(Model())


@pytest.mark.parametrize("wrap", [lambda net: weight_norm(net, "weight"), parametrizations.weight_norm])
def test_raw_parameters_of_a_reparametrised_weight_count_as_covered(wrap):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older interface is deprecated
        net = wrap(nn.Linear(4, 3))
    found = coverage(net)
    assert [p.why for p in found.covered] == ["", ""] and found.share == pytest.approx(15 / 18)


@pytest.mark.slow
def test_names_are_the_same_when_wrapped():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    compiled = torch.compile(net, backend="eager")
    assert names(compiled) == names(net) == {"0.weight", "1.weight"}
    assert names(compiled, "0.*") == {"0.weight", "0.bias"}
    assert names(nn.DataParallel(net), "1.weight") == {"1.weight"}
    assert names(nn.ModuleDict({"module": net})) == {"module.0.weight", "module.1.weight"}


class WeightDrop(nn.Module):
    """As fastai writes it: the raw recurrent weight is a parameter of the wrapper."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 3)
        raw = self.rnn._parameters.pop("weight_hh_l0")
        self.weight_hh_l0_raw = nn.Parameter(raw.data)


def test_the_raw_weight_under_weight_drop_is_covered():
    assert names(WeightDrop()) == {"weight_hh_l0_raw", "rnn.weight_ih_l0"}


@pytest.mark.slow
def test_the_table_of_public_architectures(tmp_path):
    """GPT-2, a Llama, a ViT, a U-Net and fourteen more: what the default covers, and the classes that are proposed."""
    if not OTHERS.exists():
        pytest.skip("public architectures: the packages of .[loops] are not installed (make .venv/.loops)")
    out = tmp_path / "coverage.json"
    done = subprocess.run([OTHERS, "-W", "ignore", BENCH, "--json", out], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    fresh, kept = (json.loads(p.read_text())["rows"] for p in (out, ROOT / "bench" / "coverage.json"))
    by_name = {row["network"]: row for row in fresh}
    assert list(by_name) == [row["network"] for row in kept] and len(fresh) >= 12
    assert by_name["GPT-2"]["warned"] and by_name["GPT-2"]["with classes"] > 0.99
    for row in fresh:
        assert row["warned"] == (row["share"] < 0.5)
        assert row.get("with classes", row["share"]) >= row["share"]
    for name in ("Llama", "ViT", "U-Net", "LSTM with weight drop"):
        assert by_name[name]["share"] > 0.9


def test_the_document_has_a_row_for_each_architecture():
    text = (ROOT / "docs" / "own-loop.md").read_text(encoding="utf-8")
    for row in json.loads((ROOT / "bench" / "coverage.json").read_text(encoding="utf-8"))["rows"]:
        assert re.search(rf"^\| {re.escape(row['network'])} \| .* \| {100 * row['share']:.1f} %", text, re.M)


def test_a_run_says_at_its_start_what_its_penalties_leave_out():
    from types import SimpleNamespace

    from poise.core import Player, Term
    from poise.runs.session import little_covered

    net = Model()
    players = [
        Player(name, net, torch.optim.SGD(net.parameters(), lr=0.1), [Term("loss", lambda r: r)], [penalty])
        for name, penalty in (("generator", L2(0.1)), ("off", L2(0.0)), ("asked", L2(0.1, covers="mix.*")))
    ]
    game = SimpleNamespace(players=players)
    (line,) = little_covered([game, game])
    assert line.startswith("generator: the penalty 'l2' covers 1 tensors, 22 % of the parameters; it leaves out ")
