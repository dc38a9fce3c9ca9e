"""A report as one HTML file: pictures and sounds are inside, no script, no outside address, for dark and light."""

from __future__ import annotations

import base64

from poise.report.page import HEAD
from poise.results.forms.document import Document, Image
from poise.terminal import escaped

# Whatever a reader's program would do with the content, nothing is fetched and nothing executed.
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
TEMPLATE = (
    HEAD.replace("<title>", f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<title>')
    + """body { max-width: 64rem; margin: 0 auto; padding: 0 1rem 2rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-top: 1px solid GrayText; padding-top: .5rem }
.lead { font-size: 1.1rem; margin: .2rem 0 }
.wide { overflow-x: auto; margin: .8rem 0 }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: bold; padding-bottom: .2rem }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; vertical-align: top }
th { font-size: .75rem }
td { overflow-wrap: anywhere }
.remark { border-left: .4rem solid #777; padding: .1rem 0 .1rem .8rem; margin: .8rem 0 }
.remark p { margin: .2rem 0 }
.critical, .refuted { border-color: #D55E00 }
.warning { border-color: #E69F00 }
.supported { border-color: #009E73 }
.kind { font-weight: bold; text-transform: uppercase; font-size: .8rem; letter-spacing: .05em }
.quiet { font-size: .9rem; opacity: .8 }
figure { margin: .8rem 0 }
figcaption { font-size: .85rem }
img { max-width: 100%; background: #fff; border: 1px solid #8884 }
audio { width: 100%; max-width: 24rem }
.versions { display: flex; flex-wrap: wrap; gap: .5rem 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; border: 1px solid #8884; padding: .5rem }
summary { cursor: pointer; margin: .6rem 0; font-weight: bold }
@media print { body { max-width: none } figure, tr, .remark { break-inside: avoid } }
</style>
</head>
<body>
<h1 dir="auto">{{ title }}</h1>
<p class="lead" dir="auto">{{ lead }}</p>
{% for kind, block in blocks %}
{% if kind == 'Heading' %}
<h2>{{ block.text }}</h2>
{% elif kind == 'Paragraph' %}
<p dir="auto"{% if block.quiet %} class="quiet"{% endif %}>{{ block.text }}</p>
{% elif kind == 'Points' %}
<ul>
{% for text in block.texts %}
<li dir="auto">{{ text }}</li>
{% endfor %}
</ul>
{% elif kind == 'Remark' %}
<div class="remark {{ block.kind | replace(' ', '-') }}">
<p><span class="kind">{{ block.kind }}</span> <strong dir="auto">{{ block.title }}</strong></p>
{% for text in block.texts %}
<p dir="auto">{{ text }}</p>
{% endfor %}
</div>
{% elif kind == 'Cells' %}
{% if block.folded %}
<details>
<summary>{{ block.title }}</summary>
{% endif %}
<div class="wide">
<table>
{% if block.title and not block.folded %}
<caption dir="auto">{{ block.title }}</caption>
{% endif %}
{% if block.head | select | list %}
<thead><tr>{% for cell in block.head %}<th scope="col">{{ cell }}</th>{% endfor %}</tr></thead>
{% endif %}
<tbody>
{% for row in block.rows %}
<tr>{% for cell in row %}<td dir="auto">{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
</div>
{% if block.folded %}
</details>
{% endif %}
{% elif kind == 'Verbatim' %}
{% if block.folded %}
<details>
<summary>{{ block.title }}</summary>
{% elif block.title %}
<p><strong>{{ block.title }}</strong></p>
{% endif %}
<pre dir="auto">{{ block.text }}</pre>
{% if block.folded %}
</details>
{% endif %}
{% elif kind == 'Image' %}
<figure>
<img src="{{ block | inside }}" alt="{{ block.title }}">
<figcaption dir="auto">{{ block.title }}</figcaption>
</figure>
{% elif kind == 'Sounds' %}
<p dir="auto">{{ block.text }}</p>
<div class="versions">
{% for version, sound in block.versions %}
<figure>
<figcaption>{{ version }}</figcaption>
<audio controls preload="none" src="{{ sound | heard }}" aria-label="{{ version }}"></audio>
</figure>
{% endfor %}
</div>
{% endif %}
{% endfor %}
</body>
</html>
"""
)


def as_html(document: Document) -> bytes:
    """The content of the file, in UTF-8."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["inside"] = _inside
    environment.filters["heard"] = _heard
    blocks = [(type(block).__name__, block) for block in document.blocks]
    text = environment.from_string(TEMPLATE).render(title=document.title, lead=document.lead, blocks=blocks)
    return escaped(text).encode()


def _inside(image: Image) -> str:
    """A picture as an address that holds it: an SVG where there is one, which stays sharp."""
    if image.svg:
        return f"data:image/svg+xml;base64,{base64.b64encode(image.svg).decode()}"
    return f"data:image/png;base64,{base64.b64encode(image.png).decode()}"


def _heard(sound: bytes) -> str:
    return f"data:audio/wav;base64,{base64.b64encode(sound).decode()}"
