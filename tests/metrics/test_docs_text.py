"""The page on metrics of text says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from poise.metrics.core.metric import find_metrics
from poise.metrics.text import judge as text_judge
from poise.metrics.text import members as text_members
from poise.metrics.text.metric import TextMetric

PAGE = (Path(__file__).parents[2] / "docs/text-metrics.md").read_text(encoding="utf-8")


def test_every_number_is_named():
    lower = PAGE.lower()
    for name in (*(metric.name for metric in find_metrics(TextMetric)), *text_judge.SCORES):
        assert re.sub(r"-\d$", "-", name).lower() in lower, name


def test_the_sizes_are_those_of_the_code():
    assert f"(at most {text_members.FITTED:,})" in PAGE
    assert f"BLEU, self-BLEU and distinct-n at most\n{text_members.SAME:,} of each" in PAGE


def test_the_block_of_python_runs(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    exec(compile(block, "docs/text-metrics.md", "exec"), {})
    made, real = map(float, capsys.readouterr().out.split())
    assert 1 < real < 10 and 1 < made < 10
