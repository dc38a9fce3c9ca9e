"""The page of a study: valid, escaped, whole, and nothing leads outside."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from poise.errors import PoiseError
from poise.studies.comparison.outcome import RunCounts
from poise.studies.report.page import save_study_page, study_page
from poise.studies.report.whole import Plot
from tests.report.test_page import Read
from tests.studies.pieces import EVIL, outcome

TABLES = [(f"pictures: KID {EVIL}", [("ARM", "P"), (EVIL, "<.001")])]
PICTURES = [Plot("plots/a #1.png", EVIL)]


def read(found=None, counted="3 of 3 runs done", tables=TABLES, notes=(EVIL,), pictures=PICTURES, runs="runs"):
    html = study_page(found or outcome(), counted, tables, notes, pictures, runs).decode()
    page = Read(html)
    assert page.open == [] and html.startswith("<!doctype html>") and "://" not in html
    assert not page.of("script") and not page.of("link") and not page.of("b")
    return page


def test_everything_is_on_the_page():
    text = read().text
    assert text[:2] == [f"study {EVIL}", f"study {EVIL}"]
    claim = ["too small", f"It does {EVIL}", f"So {EVIL}", "Why it might be so, written before: a norm"]
    table = [f"pictures: KID {EVIL}", EVIL, "<.001", "pictures: 2 of 3 runs"]
    for said in (f"Does it? {EVIL}", "3 of 3 runs done", *claim, *table, "commit: abc"):
        assert said in text, said
    assert any(line.startswith("name:") and "- 1" in line and "- 2" in line for line in text), "the plan"
    assert not any("Unfinished" in line for line in text)


def test_runs_have_their_numbers_and_lead_to_their_folders():
    page = read(runs="../my runs")
    assert [unquote(link["href"] or "") for link in page.of("a")] == ["../my runs/l2 #0 <x>/", "../my runs/l2-1/"]
    start = page.text.index("ARM", page.text.index("pictures: 2 of 3 runs"))
    head = ["ARM", "SEED", "STATE", "KID", "D ALIVE", "FOUND", "MINUTES", "RUN"]
    assert page.text[start : start + 8] == head
    cells = page.text[start + 8 :]
    assert cells[:8] == ["l2", "0", "done", "−0.0123", "no", "copying", "1.5", "l2 #0 <x>"]
    assert cells[8:14] == ["l2", "1", "diverged", "copying", "1.5", "l2-1"] and cells[14:17] == ["l2", "2", "missing"]


def test_pictures_lie_beside_the_page():
    page = read()
    assert page.files() == ["plots/a #1.png"] and page.of("img")[0]["alt"] == EVIL
    assert not read(pictures=[]).of("img")


def test_an_unfinished_study_and_one_without_claims():
    text = read(outcome(runs=RunCounts(3, 1, 1, 1), claims=[], about={})).text
    assert any(line.startswith("Unfinished: nothing is decided") for line in text)
    assert "Claims" not in text and "How it was run" not in text


def test_it_is_written_whole_or_not_at_all(tmp_path):
    content = (outcome(), "3 of 3", TABLES, [], [])
    save_study_page(tmp_path, *content)
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_bytes() == study_page(*content)
    with pytest.raises(PoiseError, match=r"cannot write .*none/index\.html"):
        save_study_page(tmp_path / "none", *content)
