"""The documentation as a site: lays the pages out in build/site and has zensical make site/ of them (`make site`).

    python bench/docs_site.py                # site/index.html, which opens from the disk
    python bench/docs_site.py --only-lay-out # build/site alone: Markdown

Pages keep the paths that they have in the repository, so that links between them stay as they are. What a page links to
besides comes along: code as a page that shows it, folders as a list, everything else as a file; sounds are played in
place. The pages on Python are made from docstrings (bench/api_pages.py). Nothing is fetched.
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from api_pages import api_pages

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
ASSETS = ("docs/site/iframe-worker.js", "docs/site/site.css")
CODE = {".py": "python", ".yaml": "yaml", ".toml": "toml"}
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
SOUND = re.compile(r"\[wav\]\(([^)]+\.wav)\)")
FENCE = re.compile(r"^\s*(```|~~~)")
CHINESE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
PIPED = re.compile(r"`([^`]*\\\|[^`]*)`")  # code in a cell of a table that shows a |
LIST_ITEM = re.compile(r"^(\s*)([-*]|\d+\.) ")


def sources(root: Path = ROOT) -> list[str]:
    """The pages that are written by hand, by their paths in the repository."""
    written = sorted(path.relative_to(root).as_posix() for path in (root / "docs").rglob("*.md"))
    return [*PAGES, *written]


def outside_code(text: str) -> Iterator[tuple[bool, str]]:
    """(whether it is prose, line) for each line."""
    inside = False
    for line in text.splitlines():
        fence = bool(FENCE.match(line))
        yield not inside and not fence, line
        inside ^= fence


def piped(code: re.Match[str]) -> str:
    """Code with an escaped | in a table, as the builder wants it."""
    shown = html.escape(code[1].replace("\\|", "|"))
    return "<code>" + shown.replace("|", "&#124;") + "</code>"


def as_the_builder_reads_it(text: str) -> str:
    """An empty line before each list, and | in code, as Python-Markdown wants them; no line ends between Chinese
    characters; notes of translations left out."""
    lines: list[str] = []
    for prose, line in outside_code(re.sub(r"<!-- of: \S+ -->\n", "", text)):
        before = lines[-1] if lines else ""
        line = PIPED.sub(piped, line) if prose else line
        begins = bool(LIST_ITEM.match(line)) and not line.startswith(" ")
        goes_on = not before.strip() or LIST_ITEM.match(before) or before.startswith("  ")
        if prose and begins and not goes_on:
            lines.append("")
        if prose and re.search(f"{CHINESE}$", before) and re.match(CHINESE, line):
            lines[-1] += line  # a browser would show the end of the line as a space
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def titled(path: Path) -> str:
    """The first heading of a page, or its name."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return line[2:]
    return path.name


class LayOut:
    """The folder that is built from. `place` puts one page there, and with it what it links to."""

    def __init__(self, into: Path, root: Path = ROOT) -> None:
        self.into, self.root = into, root
        self.pages = set(sources(root))

    def write(self, path: str, text: str) -> None:
        (self.into / path).parent.mkdir(parents=True, exist_ok=True)
        (self.into / path).write_text(text, encoding="utf-8")

    def place(self, page: str) -> None:
        text = as_the_builder_reads_it((self.root / page).read_text(encoding="utf-8"))
        folder = (self.root / page).parent
        lines = [LINK.sub(lambda m: self.led(m, folder), line) if prose else line for prose, line in outside_code(text)]
        self.write(page, SOUND.sub(r'<audio controls preload="none" src="\1"></audio>', "\n".join(lines)) + "\n")

    def led(self, link: re.Match[str], folder: Path) -> str:
        """One link: what it leads to is put there, and where that becomes a page, the link leads to the page."""
        target, _, anchor = link[2].partition("#")
        if not target or "://" in target:
            return link[0]
        found = (folder / target).resolve()
        path = found.relative_to(self.root).as_posix()
        ending = self.brought(found, path)
        return link[1] + target.rstrip("/") + ending + (f"#{anchor}" if anchor else "") + link[3]

    def brought(self, found: Path, path: str) -> str:
        """Put a file or a folder there; returns what its link gets at its end."""
        if path in self.pages:
            return ""
        if found.is_dir():
            self.write(f"{path}/index.md", self.listing(found, path))
            return "/index.md"
        if found.suffix in CODE:
            code = found.read_text(encoding="utf-8").rstrip()
            self.write(f"{path}.md", f"# {path}\n\n````{CODE[found.suffix]}\n{code}\n````\n")
            return ".md"
        (self.into / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, self.into / path)
        return ""

    def listing(self, folder: Path, path: str) -> str:
        """The pages and programs of a folder."""
        lines = [f"# {path}", ""]
        for one in sorted(folder.iterdir()):
            name = one.relative_to(self.root).as_posix()
            if one.suffix == ".md" and name in self.pages:
                lines.append(f"- [{titled(one)}]({one.name})")
            elif one.suffix in CODE:
                lines.append(f"- [{one.name}]({one.name}{self.brought(one, name)})")
        return "\n".join(lines) + "\n"


def lay_out(into: Path, root: Path = ROOT) -> None:
    """Everything that the builder reads, into a folder that is made anew."""
    shutil.rmtree(into, ignore_errors=True)
    layout = LayOut(into, root)
    for page in sources(root):
        layout.place(page)
    layout.brought(root / "docs" / "decisions", "docs/decisions")
    for asset in ASSETS:
        layout.brought(root / asset, asset)
    for path, text in api_pages().items():
        layout.write(path, text)


def build(place: Path = ROOT) -> Path:
    """`place`/site, made anew. Errors: SystemExit with what the builder said, where it finds fault with anything."""
    if importlib.util.find_spec("zensical") is None:
        sys.exit("zensical, which builds the site, is not installed: pip install -e '.[docs]'")
    lay_out(place / "build" / "site")
    if place != ROOT:
        shutil.copyfile(ROOT / "zensical.toml", place / "zensical.toml")
    shutil.rmtree(place / "site", ignore_errors=True)
    words = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    for page in (place / "site").rglob("*.zh-CN.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace('<html lang="en"', '<html lang="zh-CN"', 1), encoding="utf-8")
    return place / "site"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only-lay-out", action="store_true", help="write build/site and build nothing of it")
    if parser.parse_args().only_lay_out:
        lay_out(ROOT / "build" / "site")
        return
    print(f"Open {build().relative_to(ROOT)}/index.html")


if __name__ == "__main__":
    main()
