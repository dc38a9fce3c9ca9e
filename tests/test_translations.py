"""Translated pages: each section says of which English text it is the translation, and fails when that has changed.

After translating what changed, `python tests/test_translations.py` notes the new sums.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {  # translation -> original
    "README.zh-CN.md": "README.md",
    "docs/monitor.zh-CN.md": "docs/monitor.md",
    "docs/penalties.zh-CN.md": "docs/penalties.md",
    "docs/start.zh-CN.md": "docs/start.md",
    "docs/strengths.zh-CN.md": "docs/strengths.md",
}
NOTE = re.compile(r"<!-- of: ([0-9a-f]{12}|-) -->\n")
BLOCK = re.compile(r"```(console|python|text)\n(.*?)```", re.S)


def sections(text: str) -> list[str]:
    """What stands between headings of the second rank."""
    return re.split(r"^(?=## )", text, flags=re.M)


def sums(text: str) -> list[str]:
    return [hashlib.sha256(section.encode()).hexdigest()[:12] for section in sections(text)]


def code(text: str) -> list[str]:
    """Lines of commands without what is said of them; Python and output as they are."""
    found = []
    for language, block in BLOCK.findall(text):
        lines = block.splitlines() if language == "console" else [block]
        found += [line.split("  #")[0].rstrip() for line in lines]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_each_section_is_the_translation_of_what_stands_there_now(page):
    translated, original = ((ROOT / name).read_text(encoding="utf-8") for name in (page, PAGES[page]))
    wanted, noted = sums(original), NOTE.findall(translated)
    headings = [section.splitlines()[0] for section in sections(original)]
    assert len(sections(translated)) == len(wanted) == len(noted)
    stale = [heading for heading, old, new in zip(headings, noted, wanted, strict=True) if old != new]
    assert not stale, f"translate again what changed in these, then run python {Path(__file__).name}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_programs_and_pictures_are_those_of_the_original(page):
    """The tree of the source is left to the original."""
    translated, original = ((ROOT / name).read_text(encoding="utf-8") for name in (page, PAGES[page]))
    known = [line for line in code(original) if not line.startswith("src/poise/")]
    assert code(translated) == known
    pictures = re.compile(r"!\[[^]]*\]\(([^)]+)\)")
    assert pictures.findall(translated) == pictures.findall(original)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", translated):
        assert ((ROOT / page).parent / target).exists(), target


def test_there_is_something_to_compare():
    assert len(code((ROOT / "README.md").read_text(encoding="utf-8"))) > 40


def test_a_change_is_found():
    """The sums are of sections, so one that changed is named alone."""
    before, after = "a\n## b\nc\n## d\n", "a\n## b\nC\n## d\n"
    assert [one != other for one, other in zip(sums(before), sums(after), strict=True)] == [False, True, False]


def main() -> None:
    for page, of in PAGES.items():
        parts = sections(NOTE.sub("", (ROOT / page).read_text(encoding="utf-8")))
        noted = sums((ROOT / of).read_text(encoding="utf-8"))
        if len(parts) != len(noted):
            sys.exit(f"{page} has {len(parts)} sections and {of} has {len(noted)}")
        marked = []
        for part, note in zip(parts, noted, strict=True):
            heading, _, rest = part.partition("\n")
            marked.append(f"{heading}\n<!-- of: {note} -->\n{rest}")
        (ROOT / page).write_text("".join(marked), encoding="utf-8")


if __name__ == "__main__":
    main()
