"""The page on evaluation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from poise.cli import EVALUATE
from poise.registry import find, names

PAGE = (Path(__file__).parents[2] / "docs/evaluate.md").read_text(encoding="utf-8")


def test_every_extractor_is_in_the_table_with_its_number_of_features() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| [^|]+ \| ([\d,]+) \|", PAGE, re.M))
    assert list(rows) == [name for name in rows if name in names("extractor")]
    assert set(rows) == set(names("extractor"))
    for name, dim in rows.items():
        assert int(dim.replace(",", "")) == find("extractor", name).dim


def test_every_flag_that_is_named_exists() -> None:
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE))
    assert flags <= set(EVALUATE)


def test_the_block_of_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    exec(compile(block, "docs/evaluate.md", "exec"), {})
    assert capsys.readouterr().out.startswith("KID ")
