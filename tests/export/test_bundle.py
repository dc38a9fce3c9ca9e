"""Source taken out of its modules: all that it names comes along, once, and what cannot come is told."""

from __future__ import annotations

import sys

import pytest

from poise.errors import PoiseError
from poise.export.bundle import Bundle


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
