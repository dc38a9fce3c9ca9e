"""Pages to listen to: plain HTML that works from the disk, without scripts and without outside addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

from poise import disk
from poise.disk import write_atomically
from poise.errors import PoiseError
from poise.terminal import escaped

INDEX, TEXTS = "index.html", "texts.json"
# The beginning of every page, up to its own style; `title` is a variable of the page.
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
"""
TEMPLATE = (
    HEAD
    + """body { max-width: 64rem; margin: 0 auto; padding: 0 1rem 2rem }
h1 { font-size: 1.5rem }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-top: 1px solid GrayText; padding-top: .5rem }
p { margin: .8rem 0 .2rem }
.versions { display: flex; flex-wrap: wrap; gap: .5rem 1rem }
figure { margin: 0; flex: 1 1 15rem }
figcaption { font-size: .85rem }
audio { width: 100% }
img { max-width: 100%; background: #fff; border: 1px solid GrayText }
</style>
</head>
<body>
<h1 dir="auto">{{ title }}</h1>
{% for row in rows %}
<section>
{% if row.title %}
<h2 dir="auto">{{ row.title }}</h2>
{% endif %}
{% if row.text %}
<p dir="auto">{{ row.text }}</p>
{% endif %}
{% for picture in row.pictures %}
<img src="{{ picture | address }}" alt="{{ row.title or row.text or picture }}">
{% endfor %}
{% if row.sounds %}
<div class="versions">
{% for version, file in row.sounds.items() %}
<figure>
<figcaption>{{ version }}</figcaption>
<audio controls preload="none" src="{{ file | address }}" aria-label="{{ version }}"></audio>
</figure>
{% endfor %}
</div>
{% endif %}
</section>
{% else %}
<p>No samples yet.</p>
{% endfor %}
</body>
</html>
"""
)


class PageRow(TypedDict, total=False):
    """What a page shows together; each part may be left out."""

    title: str  # a heading
    text: str  # what is said
    sounds: dict[str, str]  # version -> file, relative to the page
    pictures: list[str]  # files, relative to the page


def page(title: str, rows: Sequence[PageRow]) -> bytes:
    """The content of a page: title and rows in their order. ValueError for a file that is not relative to the page."""
    import jinja2

    files = [file for row in rows for file in (*row.get("sounds", {}).values(), *row.get("pictures", ()))]
    for file in files:
        if Path(file).is_absolute() or ".." in Path(file).parts:
            raise ValueError(f"'{file}' is not a file below the page")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["address"] = quote
    whole = [{"title": "", "text": "", "sounds": {}, "pictures": [], **row} for row in rows]
    content = environment.from_string(TEMPLATE).render(title=title, rows=whole)
    return escaped(content).encode()


def save_page(folder: Path, title: str, rows: Sequence[PageRow]) -> None:
    """Write `folder/index.html`, whole or not at all: see `PageRow`.

    Errors: PoiseError where it cannot be written; ValueError for a file that is not below the folder.
    """
    write_atomically(folder / INDEX, page(title, rows))


def page_of_steps(samples: Path, title: str) -> None:
    """Write `samples/index.html` anew from what lies in the folder, the newest step first.

    A step is a picture `00001000.png`, a folder `00001000/` with clips `NNN-VERSION.wav` and their `texts.json` (a list
    of strings), or both. Everything else is left out. Errors: PoiseError where the page cannot be written.
    """
    named = {path.name.removesuffix(".png") for path in samples.iterdir()} if samples.is_dir() else set()
    steps = sorted(name for name in named if re.fullmatch(r"[0-9]{8,}", name))
    rows: list[PageRow] = []
    for step in sorted(steps, key=int, reverse=True):
        clips = clips_in(samples / step) if (samples / step).is_dir() else []
        pictures = [f"{step}.png"] if (samples / f"{step}.png").is_file() else []
        if clips or pictures:
            rows += [{"title": f"Step {int(step):,}", "pictures": pictures}, *clips]
    save_page(samples, title, rows)


def clips_in(folder: Path) -> list[PageRow]:
    """A row for each number NNN, its versions in the order of their names."""
    texts = _texts(folder / TEXTS)
    found: dict[int, dict[str, str]] = {}
    for path in sorted(folder.iterdir()):
        if (named := re.fullmatch(r"([0-9]{3,})-([\w-]+)\.wav", path.name)) and path.is_file():
            found.setdefault(int(named[1]), {})[named[2]] = f"{folder.name}/{path.name}"
    return [{"text": texts.get(i) or f"{i:03d}", "sounds": sounds} for i, sounds in sorted(found.items())]


def _texts(path: Path) -> dict[int, str]:
    """What the file says of each clip; nothing where it is missing, damaged or something else."""
    try:
        content = disk.loads(disk.read_bytes(path).decode())
    except (OSError, ValueError, PoiseError):
        return {}
    return {i: text for i, text in enumerate(content if isinstance(content, list) else ()) if isinstance(text, str)}
