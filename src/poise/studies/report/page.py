"""The page of a study: index.html beside its plots; works from the disk, without scripts or outside addresses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from poise.disk import write_atomically
from poise.report.page import HEAD, INDEX
from poise.report.table import number
from poise.studies.comparison.content import json_safe
from poise.studies.comparison.outcome import PartSummary, StudyOutcome
from poise.studies.report.samples import ArmSamples
from poise.studies.report.sentences import Table
from poise.studies.report.whole import Plot
from poise.terminal import escaped

TEMPLATE = (
    HEAD
    + """body { max-width: 72rem; margin: 0 auto; padding: 0 1rem 2rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-top: 1px solid GrayText; padding-top: .5rem }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem }
.question { font-size: 1.15rem; margin: .2rem 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; vertical-align: top }
th { font-size: .75rem }
.claim { border-left: .4rem solid #777; padding: .1rem 0 .1rem .8rem; margin: .8rem 0 }
.claim p { margin: .2rem 0 }
.supported { border-color: #009E73 }
.refuted { border-color: #D55E00 }
.verdict { font-weight: bold; text-transform: uppercase; font-size: .8rem; letter-spacing: .05em }
.quiet { font-size: .9rem; opacity: .8 }
.warning { border: 2px solid #D55E00; padding: .4rem .8rem; font-weight: bold }
img { max-width: 100%; background: #fff; border: 1px solid #8884; margin: .5rem 0 }
pre { overflow-x: auto; font-size: .8rem }
.arms { display: flex; flex-wrap: wrap; gap: .5rem 1rem }
.arms figure { margin: 0; flex: 1 1 16rem; max-width: 24rem }
summary { cursor: pointer; margin: .6rem 0 }
</style>
</head>
<body>
<h1 dir="auto">{{ title }}</h1>
<p class="question" dir="auto">{{ question }}</p>
<p>{{ counted }}</p>
{% if unfinished %}
<p class="warning">Unfinished: nothing is decided before all runs are there.</p>
{% endif %}
{% if claims %}
<h2>Claims</h2>
{% for claim in claims %}
<div class="claim {{ claim.verdict | replace(' ', '-') }}">
<p><span class="verdict">{{ claim.verdict }}</span></p>
<p><strong>{{ claim.says }}</strong></p>
<p>{{ claim.reason }}</p>
{% if claim.because %}
<p class="quiet">Why it might be so, written before: {{ claim.because }}</p>
{% endif %}
</div>
{% endfor %}
{% endif %}
<h2>Numbers</h2>
{% for title, rows in tables %}
<h3>{{ title }}</h3>
{{ drawn(rows) }}
{% endfor %}
{% if notes %}
<ul class="quiet">
{% for note in notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
{% endif %}
{% if pictures %}
<h2>Plots</h2>
{% for picture in pictures %}
<p><img src="{{ picture.file | address }}" alt="{{ picture.title }}"></p>
{% endfor %}
{% endif %}
{% if samples %}
<h2>Samples</h2>
{% for title, arms in samples %}
<h3>{{ title }}</h3>
<div class="arms">
{% for shown in arms %}
<figure>
<figcaption>{{ shown.arm }}{% if shown.page %} (<a href="{{ shown.page | address }}">listen</a>){% endif %}</figcaption>
{% if shown.picture %}
<a href="{{ shown.picture | address }}"><img src="{{ shown.picture | address }}" alt="samples of {{ shown.arm }}"></a>
{% endif %}
{% if shown.text %}
<pre dir="auto">{{ shown.text }}</pre>
{% endif %}
</figure>
{% endfor %}
</div>
{% endfor %}
{% endif %}
<h2>Runs</h2>
{% for title, rows in runs %}
<details>
<summary>{{ title }}</summary>
{{ drawn(rows) }}
</details>
{% endfor %}
<h2>Plan</h2>
<details>
<summary>As it was asked</summary>
<pre>{{ plan }}</pre>
</details>
{% if about %}
<details>
<summary>How it was run</summary>
<pre>{{ about }}</pre>
</details>
{% endif %}
</body>
</html>
"""
)
TABLE = """<div class="wide">
<table>
<thead>
<tr>{% for cell in head %}<th scope="col">{{ cell }}</th>{% endfor %}</tr>
</thead>
<tbody>
{% for row in rows %}
<tr>{% for cell in row %}<td>{% if cell is not string %}<a href="{{ cell.to | address }}">{{ cell.text }}</a>\
{% else %}{{ cell }}{% endif %}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
</div>
"""


@dataclass(frozen=True)
class Link:
    """A cell that leads to a file or folder below the page."""

    text: str
    to: str


def study_page(
    outcome: StudyOutcome,
    counted: str,
    tables: Sequence[Table],
    notes: Sequence[str],
    pictures: Sequence[Plot],
    runs: str = "runs",
    samples: Sequence[tuple[str, Sequence[ArmSamples]]] = (),
) -> bytes:
    """The content of the page.

    Args: counted, how many runs there are, in words; tables and notes as `poise.studies.report.sentences` has them;
    runs, the folder with the runs; samples, title and arms of each part.
    """
    import jinja2
    import yaml  # type: ignore[import-untyped]
    from markupsafe import Markup

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["address"] = quote
    drawn = environment.from_string(TABLE)

    def drawn_as(rows: Sequence[Sequence[Any]]) -> Markup:
        return Markup(drawn.render(head=rows[0], rows=rows[1:]))

    def written(content: Any) -> str:
        return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))

    text = environment.from_string(TEMPLATE).render(
        title=outcome.plan.name,
        question=outcome.plan.question,
        counted=counted,
        unfinished=not outcome.complete,
        claims=outcome.claims,
        tables=tables,
        notes=notes,
        pictures=pictures,
        samples=samples,
        runs=[run_rows(outcome, part, runs) for part in outcome.parts],
        plan=written(json_safe(outcome.plan.to_dict())),
        about=written(outcome.about) if outcome.about else "",
        drawn=drawn_as,
    )
    return escaped(text).encode()


def save_study_page(folder: Path, *content: Any) -> None:
    """Write `folder/index.html`, whole or not at all: see `study_page`. PoiseError where it cannot be written."""
    write_atomically(folder / INDEX, study_page(*content))


def run_rows(outcome: StudyOutcome, part: PartSummary, folder: str) -> tuple[str, list[list[str | Link]]]:
    """Title and table of all runs of a part, those that are missing too, with links to their folders."""
    mine = [row for row in outcome.table_of_runs if row.part == part.name]
    endpoints = [endpoint.name for endpoint in part.endpoints]
    rows: list[list[str | Link]] = [["ARM", "SEED", "STATE", *endpoints, "D ALIVE", "FOUND", "MINUTES", "RUN"]]
    for row in mine:
        values = [_number(row.values.get(name)) for name in endpoints]
        alive = {None: "", True: "yes", False: "no"}[row.alive]
        minutes = f"{row.seconds / 60:.1f}" if math.isfinite(row.seconds) else ""
        run = Link(row.run, f"{folder}/{row.run}/") if row.run else ""
        rows.append([row.arm, str(row.seed), row.state, *values, alive, ", ".join(row.findings), minutes, run])
    there = sum(row.state != "missing" for row in mine)
    return f"{part.name}: {there} of {len(mine)} runs", rows


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else number(value).replace("-", "−")
