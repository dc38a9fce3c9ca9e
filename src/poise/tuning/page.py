"""The page of a search: its answer, trials and plots; works from the disk, without scripts or outside addresses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from poise.disk import write_atomically
from poise.report.page import HEAD, INDEX
from poise.report.table import number
from poise.terminal import escaped
from poise.tuning.asked import Asked
from poise.tuning.plots import draw
from poise.tuning.trials import REFUSED, Tried

if TYPE_CHECKING:
    from poise.tuning.confirm import TuneAnswer

TEMPLATE = (
    HEAD
    + """body { max-width: 72rem; margin: 0 auto; padding: 0 1rem 2rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem }
h2 { font-size: 1.2rem; margin: 1.6rem 0 .4rem }
.answer { border-left: .4rem solid {{ colour }}; padding: .1rem 0 .1rem .8rem }
.answer p { margin: .2rem 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884 }
tr.best td { font-weight: bold }
tr.up td { opacity: .6 }
img { max-width: 100%; background: #fff; border: 1px solid #8884; margin: .3rem 0 }
</style>
</head>
<body>
<h1 dir="auto">{{ title }}</h1>
<div class="answer">
<p><strong>{{ sentences[0] }}</strong></p>
{% for sentence in sentences[1:] %}
<p>{{ sentence }}</p>
{% endfor %}
</div>
{% if confirmed %}
<p><a href="confirm/index.html">The study on fresh seeds</a>: every run, curves and samples of each arm.</p>
{% endif %}
<h2>What was tried</h2>
{% for file in pictures %}
<p><img src="{{ file | address }}" alt="{{ alts[file] }}"></p>
{% endfor %}
<div class="wide">
<table>
<thead><tr><th scope="col">TRIAL</th>{% for name in names %}<th scope="col">{{ name }}</th>{% endfor %}\
<th scope="col">{{ score }}</th><th scope="col">SEEDS</th><th scope="col">STATE</th></tr></thead>
<tbody>
{% for row in rows %}
<tr class="{{ row.look }}"><td>{{ row.number }}</td>{% for value in row.cells %}<td>{{ value }}</td>{% endfor %}\
<td>{{ row.mean }}</td><td>{{ row.seeds }}</td><td>{{ row.state }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
</body>
</html>
"""
)
ALTS = {
    "plots/importance.png": "which option explains how much of the differences between trials",
    "plots/slices.png": "every trial by each option; filled: done, hollow: given up, star: best, dashed: the default",
}


def save_tune_page(folder: Path, asked: Asked, found: TuneAnswer, tried: Sequence[Tried]) -> None:
    """Draw the plots and write index.html, whole or not at all."""
    import jinja2

    pictures = draw(folder, asked, tried, found.importance)
    names = [one.name for one in asked.space.dimensions]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["address"] = quote
    sign = 1 if asked.lower else -1
    over = [one for one in tried if math.isfinite(one.mean)]
    ordered = sorted(over, key=lambda one: (one.state == REFUSED, sign * one.mean, one.number))
    content = environment.from_string(TEMPLATE).render(
        title=folder.name,
        colour="#009E73" if found.gain else "#777777",
        sentences=found.sentences,
        confirmed=(folder / "confirm" / INDEX).exists(),
        pictures=pictures,
        alts=ALTS,
        names=names,
        score=asked.endpoint.name,
        rows=[_row(one, names, found.best) for one in ordered],
    )
    write_atomically(folder / INDEX, escaped(content).encode())


def _row(tried: Tried, names: Sequence[str], best: int) -> dict[str, object]:
    looks, refused = {"given up": "up", REFUSED: "up"}, tried.state == REFUSED
    return {
        "number": tried.number,
        "cells": [_shown(tried.values[name]) for name in names],
        "mean": "" if refused else number(tried.mean),
        "seeds": len(tried.scores),
        "state": f"{tried.state}: {tried.why}" if refused else tried.state,
        "look": "best" if tried.number == best else looks.get(tried.state, ""),
    }


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
