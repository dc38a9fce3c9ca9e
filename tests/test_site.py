"""The pages lead somewhere, all of them stand in the navigation, and the site asks nothing of other hosts."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
NAVIGATION = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
LEFT_OUT = {
    "docs/decisions/": "listed by the page of decisions",
    "docs/first-study/": "tables that the page of the first study leads to",
}


def builder() -> ModuleType:
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        import docs_site
    finally:
        sys.path.remove(str(ROOT / "bench"))
    return docs_site


PAGES = builder().sources()


def prose(text: str) -> str:
    """A page without its code."""
    lines = [line for plain, line in builder().outside_code(text) if plain]
    return re.sub(r"`[^`\n]*`", "", "\n".join(lines))


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(text))


def anchors(text: str) -> set[str]:
    """Names of headings, as a repository's viewer makes them: small letters, signs left out, spaces to dashes."""
    found: list[str] = []
    for line in [line for plain, line in builder().outside_code(text) if plain]:
        heading = re.match(r"#+ (.*)", line)
        if heading:
            shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1]).strip().lower()
            name = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
            again = found.count(name)
            found.append(name)
            found += [f"{name}-{again}"] if again else []
    return set(found)


def broken(page: str, root: Path) -> list[str]:
    """Links of a page that lead nowhere in this repository."""
    text = (root / page).read_text(encoding="utf-8")
    found = []
    for link in links(text):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        file = ((root / page).parent / unquote(target)).resolve() if target else root / page
        inside = file.is_relative_to(root.resolve()) and file.exists()
        if not inside:
            found.append(link)
            continue
        if anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text(encoding="utf-8"))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_links_pictures_and_anchors_lead_somewhere(page):
    assert broken(page, ROOT) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "b.md").write_text("# A heading, once\n\n## Twice\n\n## Twice\n\n```sh\n# no heading\n```\n")
    good = "[a](b.md) ![a](b.md#a-heading-once) [a](#here) [a](b.md#twice-1) `[a](none.md)` [a](https://example.org)"
    (tmp_path / "a.md").write_text(f"# Here\n{good}\n")
    assert broken("a.md", tmp_path) == []
    bad = ["none.md", "b.md#none", "#nowhere", "b.md#no-heading", "../../../etc/passwd"]
    (tmp_path / "a.md").write_text("# Here\n" + " ".join(f"[a]({link})" for link in bad))
    assert broken("a.md", tmp_path) == bad


def navigated(entries: list[dict[str, object]]) -> Iterator[str]:
    for entry in entries:
        for inside in entry.values():
            if isinstance(inside, str):
                yield inside
            else:
                assert isinstance(inside, list)
                yield from navigated(inside)


def test_every_page_stands_in_the_navigation_or_is_left_out_with_a_reason():
    shown = list(navigated(NAVIGATION))
    assert len(shown) == len(set(shown))
    missing = [page for page in PAGES if page not in shown and not page.startswith(tuple(LEFT_OUT))]
    assert missing == [], "put it into the navigation of zensical.toml, or say in LEFT_OUT why not"
    made = {"docs/decisions/index.md", "api/poise.md", "api/penalties.md", "api/losses.md", "api/metrics.md"}
    assert set(shown) - set(PAGES) == made
    assert all(any(page.startswith(folder) for page in PAGES) for folder in LEFT_OUT)


def test_pages_are_read_as_the_repository_reads_them():
    read = builder().as_the_builder_reads_it
    assert read("# A\n<!-- of: 0123456789ab -->\n\nText:\n- one\n- two\n") == "# A\n\nText:\n\n- one\n- two\n"
    assert read("一行，\n又一行。\n*第三行*\n") == "一行，又一行。\n*第三行*\n"
    assert read("| `a\\|<b>` |\n") == "| <code>a&#124;&lt;b&gt;</code> |\n"
    kept = "- one\n  goes on\n- two\n\n```text\nText:\n- no list\n```\n"
    assert read(kept) == kept


def test_pages_on_python_have_every_public_name(tmp_path):
    import poise
    from poise import penalties
    from poise.metrics.core.metric import metric_names

    builder().lay_out(tmp_path)
    for page, wanted in (
        ("poise", [name for name in poise.__all__ if not name.startswith("_")]),
        ("penalties", penalties.__all__),
        ("metrics", metric_names()),
    ):
        headings = re.findall(r"^## (.*)$", (tmp_path / "api" / f"{page}.md").read_text(encoding="utf-8"), re.M)
        assert {heading.removeprefix("poise.").removeprefix("penalties.") for heading in headings} >= set(wanted)
    text = (tmp_path / "api/penalties.md").read_text(encoding="utf-8")
    assert "class L2(" in text and "strength: Strength = 0.0001" in text and "(λ/2)·Σ‖w‖², in the loss" in text
    listed = (tmp_path / "docs/decisions/index.md").read_text(encoding="utf-8")
    assert all(f"]({page.rpartition('/')[2]})" in listed for page in PAGES if page.startswith("docs/decisions/"))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("zensical is not installed (pip install -e '.[docs]'): the site is not built")
    return builder().build(tmp_path_factory.mktemp("built"))


class Asked(HTMLParser):
    """What a page loads by itself, where its links lead, and the names that links may lead to."""

    LOADS = ("script", "img", "iframe", "audio", "video", "source", "embed", "object")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.names |= {said[name] for name in ("id", "name") if name in said}
        if tag in self.LOADS or (tag == "link" and said.get("rel") not in ("canonical", "alternate", "prev", "next")):
            self.loads += [said[name] for name in ("src", "href", "data") if said.get(name)]
        elif tag == "a" and "href" in said:
            self.leads.append(said["href"])


@pytest.mark.slow
def test_the_site_has_every_page_and_asks_nothing_of_other_hosts(site):
    pages = {path: Asked(path) for path in sorted(site.rglob("*.html"))}
    for page in navigated(NAVIGATION):
        wanted = "index.html" if page == "README.md" else page.removesuffix(".md") + ".html"
        assert site / wanted in pages, page
    for path, asked in pages.items():
        assert asked.loads and not [address for address in asked.loads if re.match(r"(\w+:)?//", address)], path
        for address in [*asked.loads, *asked.leads]:
            target, _, anchor = address.partition("#")
            if re.match(r"\w+:|//", address) or path.name == "404.html":
                continue
            file = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            assert file.exists(), f"{path.relative_to(site)}: {address}"
            if anchor and file in pages:
                assert unquote(anchor) in pages[file].names, f"{path.relative_to(site)}: {address}"
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8"))
    assert '<html lang="zh-CN"' in (site / "docs/start.zh-CN.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_builder_finds_a_link_that_leads_nowhere(site, tmp_path):
    """It is strict: what the test above finds, `make site` finds as well."""
    shutil.copytree(site.parent / "build", tmp_path / "build")
    shutil.copyfile(ROOT / "zensical.toml", tmp_path / "zensical.toml")
    page = tmp_path / "build/site/docs/serve.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n[a](nowhere.md)\n", encoding="utf-8")
    words = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    said = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
    assert done.returncode and "nowhere.md" in said


@pytest.mark.slow
def test_in_a_browser_from_the_disk_search_works_and_nothing_else_is_asked_for(site):
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and chromedriver are not installed: the site is not opened in a browser")
    from selenium import webdriver
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"), env={**os.environ, "SE_OFFLINE": "true"})
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.get((site / "docs/penalties.html").as_uri())
        wait = WebDriverWait(driver, 30)
        wait.until(lambda d: "js" in d.execute_script("return document.documentElement.className").split())
        driver.find_element("tag name", "body").send_keys(Keys.CONTROL, "k")
        wait.until(lambda d: d.execute_script("return document.activeElement.tagName") != "BODY")
        driver.switch_to.active_element.send_keys("decoupled")
        inside = (
            "return [...document.querySelectorAll('*')].map(n => n.shadowRoot ? n.shadowRoot.textContent : '').join()"
        )
        wait.until(lambda d: re.search(r"\d+ results", d.execute_script(inside)))
        messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        assert len(sent) > 5 and not [url for url in sent if not url.startswith(("file:", "data:", "blob:"))]
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    finally:
        driver.quit()
