"""`poise report`: one file on a run or a study, to be mailed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from poise.disk import check_parent, expanded, write_atomically
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.results.forms.document import Document
from poise.results.forms.html import as_html
from poise.results.forms.markdown import as_markdown
from poise.results.forms.pdf import as_pdf
from poise.results.run_document import run_document
from poise.results.study_document import study_document

FORMS: Mapping[str, Callable[[Document], bytes]] = {".html": as_html, ".md": as_markdown, ".pdf": as_pdf}


def check_report(path: Path) -> None:
    """PoiseError unless `path` is a name for a .html, .md or .pdf file in a folder that exists; before any work."""
    if path.suffix.lower() not in FORMS or path.is_dir():
        raise PoiseError(f"--out {path}: name a file that ends in .html, .md or .pdf")
    check_parent(path)


def report(what: RunFolder | Path, out: str) -> list[str]:
    """Write the report of a run, or of the study in a folder, in the form of the file's name, whole or not at all;
    returns what to tell. Errors: as of `check_report`, and PoiseError for what is damaged."""
    target = expanded(out)
    check_report(target)
    document, said = run_document(what) if isinstance(what, RunFolder) else study_document(what)
    content = FORMS[target.suffix.lower()](document)
    write_atomically(target, content)
    return [*([said] if said else []), f"written to {target}, {len(content) / 1e6:.1f} MB"]
