"""Pages that lists stand on: each penalty with its formula, each flag of other tools.

`python tests/test_doc_pages.py` writes the table of flags anew.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from poise.registry import find, names
from poise.specs.synonyms import SYNONYMS

DOCS = Path(__file__).parents[1] / "docs"
CONVERSIONS = DOCS / "conversions.md"
NAMES_SHOWN = 4  # of the other names of a flag
PENALTIES = [name for name in names("penalty") if find("penalty", name).__module__.startswith("poise.")]


def penalties_of(page: str) -> dict[str, str]:
    """Name -> section of a page on penalties; only sections that are called like a class."""
    text = (DOCS / page).read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.M)[1:]
    found = {part.partition("\n")[0].strip(): part for part in parts}
    return {name: part for name, part in found.items() if re.fullmatch(r"[A-Z]\w+", name)}


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def formula(name: str) -> str:
    """The formula that the docstring of a penalty begins with."""
    summary = plain(inspect.getdoc(find("penalty", name)) or "")
    at = re.match(r"Decoupled decay (w ← \S+ − lr·λ·w)|(\S.*?)(?=[,:] | of the | on | over )", summary)
    assert at, f"the docstring of {name} begins with no formula"
    return at[1] or at[2]


@pytest.mark.parametrize("page", ["penalties.md", "penalties.zh-CN.md"])
def test_every_penalty_has_a_section_and_a_row_and_no_other_has(page):
    sections = penalties_of(page)
    assert len(PENALTIES) >= 9
    rows = re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\) \|", (DOCS / page).read_text(encoding="utf-8"), re.M)
    assert {name for name, _ in rows} == set(sections) == set(PENALTIES)
    assert all(anchor == name.lower() for name, anchor in rows)


@pytest.mark.parametrize("page", ["penalties.md", "penalties.zh-CN.md"])
@pytest.mark.parametrize("name", PENALTIES)
def test_formula_and_defaults_are_those_of_the_class(name, page):
    section = penalties_of(page)[name]
    head = section.split("```")[0]
    assert formula(name) in plain(head), f"{name} is {formula(name)} in the code"
    said = dict(re.findall(r"`(\w+)`[ 为是]*\"?([\w-]+(?:\.\d+)?)", re.search(r"(?:Default:|默认：)(.*)", head)[1]))
    fields = {field.name: field.default for field in dataclasses.fields(find("penalty", name))}
    wanted = {name: value for name, value in fields.items() if name not in ("covers", "name")}
    assert said.keys() == wanted.keys()
    for field, value in wanted.items():
        assert (said[field] if isinstance(value, str) else float(said[field])) == value
    row = re.search(rf"^\| \[`{name}`\].*\| \S = (\S+) \|$", (DOCS / page).read_text(encoding="utf-8"), re.M)
    assert float(row[1]) == next(iter(wanted.values()))


def test_formulas_are_read_out_of_docstrings():
    assert formula("L2") == "(λ/2)·Σ‖w‖²" and formula("WeightDecay") == "w ← w − lr·λ·w"
    assert formula("TAR") == "β·mean((h_{t+1} − h_t)²)"


def flag_table() -> str:
    """Every row of the list that the command line answers from."""
    lines = ["| elsewhere | here | |", "|---|---|---|"]
    for others, flags, words in SYNONYMS:
        shown = others.split()
        more = " ..." if len(shown) > NAMES_SHOWN else ""
        theirs = ", ".join(f"`--{name}`" for name in shown[:NAMES_SHOWN]) + more
        lines.append(f"| {theirs} | {', '.join(f'`{flag}`' for flag in flags)} | {words} |")
    return "\n".join(lines) + "\n"


def test_every_flag_of_other_tools_is_in_the_table():
    page = CONVERSIONS.read_text(encoding="utf-8")
    assert page.endswith(flag_table()), f"run python tests/{Path(__file__).name}"
    assert "--weight-decay" in page and len(SYNONYMS) > 50


def main() -> None:
    text = CONVERSIONS.read_text(encoding="utf-8")
    CONVERSIONS.write_text(text[: text.index("| elsewhere | here | |")] + flag_table(), encoding="utf-8")


if __name__ == "__main__":
    main()


MARK = re.compile(r"^(<{7}|>{7}|={7}$)", re.M)


def test_no_text_holds_marks_of_a_merge():
    root = Path(__file__).parents[1]
    places = [
        path
        for folder in ("docs", "src", "tests", "bench", "examples", "studies")
        for path in (root / folder).rglob("*")
    ]
    texts = [
        path for path in [*places, *root.glob("*.*")] if path.suffix in {".md", ".py", ".toml", ".yaml", ".txt", ".js"}
    ]
    assert texts and MARK.search("a\n<<<<<<< HEAD\nb")
    assert [path for path in texts if MARK.search(path.read_text(encoding="utf-8", errors="replace"))] == []
