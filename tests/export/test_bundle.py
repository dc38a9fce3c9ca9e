"""Source taken out of its modules: all that it names comes along, once, and what cannot come is told."""

from __future__ import annotations

import importlib
import re
import sys

import pytest
import torch

from poise.errors import PoiseError
from poise.export.bundle import Bundle
from poise.export.standalone import read_weights


def module(tmp_path, monkeypatch, name, text):
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__(name)


def test_names_are_followed_through_modules_in_the_order_in_which_they_are_needed(tmp_path, monkeypatch):
    module(
        tmp_path,
        monkeypatch,
        "bundled_low",
        "import math\n\nHALF = 0.5\nUNUSED = 3\n\ndef half(x):\n    return math.floor(x * HALF)\n",
    )
    high = module(
        tmp_path,
        monkeypatch,
        "bundled_high",
        "from bundled_low import half\nfrom poise.registry import register\n\n"
        "class Base:\n    def value(self):\n        return half(self.x)\n\n"
        "@register('nothing', 'thing')\nclass Thing(Base):\n    x = 9\n",
    )
    bundle = Bundle()
    bundle.add(high.Thing)
    bundle.add(high.Thing)
    text = bundle.text('"""Things."""')
    space: dict[str, object] = {}
    exec(text, space)
    assert space["Thing"]().value() == 4  # type: ignore[operator]
    assert "UNUSED" not in text and "register" not in text and text.count("class Thing") == 1
    assert text.index("HALF = ") < text.index("def half") < text.index("class Base") < text.index("class Thing")


def test_a_name_with_two_meanings_is_refused(tmp_path, monkeypatch):
    module(tmp_path, monkeypatch, "bundled_one", "def part():\n    return 1\n\ndef one():\n    return part()\n")
    both = module(
        tmp_path,
        monkeypatch,
        "bundled_two",
        "from bundled_one import one\n\ndef part():\n    return 2\n\ndef both():\n    return part() + one()\n",
    )
    bundle = Bundle()
    with pytest.raises(PoiseError, match="'part' of bundled_one and 'part' of bundled_two cannot stand in one file"):
        bundle.add(both.both)


@pytest.mark.parametrize("line", ["import numpy", "from numpy import mean", "from scipy.stats import norm as numpy"])
def test_what_torch_does_not_bring_is_refused(tmp_path, monkeypatch, line):
    name = f"bundled_{abs(hash(line))}"
    made = module(tmp_path, monkeypatch, name, f"{line}\n\ndef use():\n    return {line.split()[-1]}\n")
    with pytest.raises(PoiseError, match="a file for torch alone cannot hold it; export with --onnx"):
        Bundle().add(made.use)


LAYERS = "from torch import nn\n\nSIZE = 3\n\n"
LAYERS += "class Head(nn.Linear):\n    def __init__(self):\n        super().__init__(2, SIZE)\n"
COMES = {
    "by a relative import": "from .layers import Head",
    "with everything else of its file": "from .layers import *",
    "by an attempt": "try:\n    from .layers import Head\nexcept ImportError:\n    Head = None",
}


def package(tmp_path, monkeypatch, name, head, use="Head()"):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "layers.py").write_text(LAYERS)
    (tmp_path / name / "net.py").write_text(f"{head}\n\ndef made():\n    return {use}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return importlib.import_module(f"{name}.net").made


@pytest.mark.parametrize("way", COMES)
def test_a_package_of_ones_own_comes_along_whichever_way_it_imports(way, tmp_path, monkeypatch):
    bundle = Bundle()
    bundle.add(package(tmp_path, monkeypatch, f"bundled_{list(COMES).index(way)}", COMES[way]))
    space: dict[str, object] = {}
    exec(bundle.text('"""Things."""'), space)
    assert space["made"]().out_features == 3  # type: ignore[operator]


CANNOT = {
    "changed later": ("SIZES = [1]\nSIZES += [2]", "SIZES", "'SIZES' of bundled_c0.net is made once and changed by"),
    "filled later": ("SIZES = {}\nSIZES['a'] = 2", "SIZES", "'SIZES' of bundled_c1.net is made once and changed by"),
    "appended to": ("SIZES = []\nSIZES.append(2)", "SIZES", "'SIZES' of bundled_c2.net is made once and changed by"),
    "imported inside": (
        "def f():\n    from .layers import Head\n    return Head()",
        "f()",
        "imports bundled_c3.layers",
    ),
    "a module of one's own": ("from . import layers", "layers.Head()", "'layers' comes from bundled_c4"),
    "a name of the program": ("def main():\n    return 1", "main()", "'main' of bundled_c5.net means something else"),
    "two imports of a name": (
        "from .layers import Head\nfrom math import pi as nn",
        "(nn, Head())",
        "'nn' is imported and means something else",
    ),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_would_not_be_the_same_in_one_file_is_refused(case, tmp_path, monkeypatch):
    head, use, expected = CANNOT[case]
    made = package(tmp_path, monkeypatch, f"bundled_c{list(CANNOT).index(case)}", head, use)
    with pytest.raises(PoiseError, match=re.escape(expected)):
        Bundle().add(made)


def test_code_that_stands_under_a_condition_is_moved_to_the_margin(tmp_path, monkeypatch):
    head = "import sys\nif sys.version_info > (3,):\n    def part():\n        return 4"
    bundle = Bundle()
    bundle.add(package(tmp_path, monkeypatch, "bundled_under", head, "part()"))
    space: dict[str, object] = {}
    exec(bundle.text('"""Things."""'), space)
    assert space["made"]() == 4  # type: ignore[operator]


@pytest.mark.parametrize(
    "kind",
    [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
     torch.uint8, torch.bool],
)  # fmt: skip
def test_weights_and_buffers_of_any_kind_are_read_as_they_were_written(kind, tmp_path):
    from safetensors.torch import save_file

    tensors = {"some": torch.arange(6).reshape(2, 3).to(kind), "none": torch.empty(0, 4, dtype=kind)}
    save_file(tensors, tmp_path / "weights.safetensors")
    found = read_weights(tmp_path / "weights.safetensors")
    assert all(torch.equal(found[name], tensors[name]) and found[name].dtype == kind for name in tensors)
