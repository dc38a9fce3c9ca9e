"""Studies in a browser: what is shown is what the study says, and nothing else can be had."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import pytest

from poise.cli import main
from poise.serve import server
from poise.serve import studies as shown
from poise.serve.study_parts import seen_part
from poise.studies.kept import outcome_of
from tests.serve.browsing import CHROMIUM, DRIVER, browser, served_at, waited  # noqa: F401  (fixture)
from tests.serve.test_app import client
from tests.studies import pieces
from tests.studies.test_heat import grid

MADE = Path(__file__).parents[1] / "fixtures" / "f6218b1"
pytestmark = pytest.mark.slow
in_chromium = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver")
VERDICTS = ("supported", "too small", "equivalent", "refuted", "inconclusive", "unfinished")


@pytest.fixture
def folder(tmp_path):
    """studies/small, of which three runs of six are over; beside it a secret."""
    shutil.copytree(MADE / "small", tmp_path / "studies" / "small")
    (tmp_path / "secret.txt").write_text("SECRET")
    return tmp_path / "studies"


def test_nothing_of_torch_is_loaded_before_a_study_is_looked_at():
    script = "import sys; from poise.serve import app; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_list_says_how_far_studies_are_and_what_came_of_their_claims(folder):
    shutil.copytree(folder / "small", folder / "damaged")
    (folder / "damaged" / "plan.json").write_text('{"plan": {"parts": 3}}')
    (folder / "linked").symlink_to(folder / "small")
    with client(folder) as at:
        damaged, row = at.get("/api/studies").json()["studies"]
    assert damaged["name"] == "damaged" and "damaged" in damaged["trouble"]
    assert (row["name"], row["over"], row["planned"]) == ("small", 3, 6)
    assert row["question"].startswith("Does L2 on the recurrent weights")
    assert row["verdicts"] == [{"says": "L2 makes them less likely", "verdict": "unfinished"}]


def test_a_study_shows_the_numbers_of_its_outcome(folder):
    outcome = outcome_of(folder / "small")
    with client(folder) as at:
        seen = at.get("/api/study/small").json()
    assert str(folder) not in json.dumps(seen) and seen["trouble"] == "" and not seen["complete"]
    assert [one["verdict"] for one in seen["claims"]] == [one.verdict for one in outcome.claims]
    part = seen["parts"][0]
    contrasts = {(row.endpoint, row.arm): row for row in [*outcome.comparisons, *outcome.claims[0].tests]}
    assert {forest["endpoint"] for forest in part["forests"]} == {"perplexity", "nll"}
    for forest in part["forests"]:
        for row in forest["rows"]:
            change = contrasts[forest["endpoint"], row["arm"]].change
            assert (row["n"] == 1 and row["low"] is None and row["margin"] == []) or forest["endpoint"] == "perplexity"
            in_percent = "%" in forest["unit"]
            assert row["estimate"] == pytest.approx(change.shown.estimate if in_percent else change.estimate)
    assert [panel["title"] for panel in part["panels"]] == sorted(outcome.parts[0].arms[0].curves)
    arm = part["arms"][0]
    assert arm["samples"][-1].endswith(".txt") and (folder / "small" / "runs" / arm["run"]).is_dir()
    with client(folder) as at:
        text = at.get(f"/api/study/small/sample/{arm['run']}/{arm['samples'][-1]}").text
        run = at.get(f"/api/study/small/run/{arm['run']}").json()
    assert text == (folder / "small" / "runs" / arm["run"] / "samples" / arm["samples"][-1]).read_text()
    assert run["about"]["name"] == arm["run"] and run["panels"]


def test_runs_of_sentences_show_their_first_lines_in_the_list(folder):
    with client(folder / "small" / "runs") as at:
        rows = at.get("/api/runs").json()["runs"]
    for row in rows:
        texts = sorted((folder / "small" / "runs" / row["name"] / "samples").glob("0*.txt"))
        first = texts[-1].read_text().split("\n")[:4] if texts else []
        assert row["words"] == "\n".join(line[:120] for line in first) and row["picture"] is None
    assert sum(bool(row["words"]) for row in rows) >= 3


def test_rows_and_maps_are_on_the_axes_of_their_plots(tmp_path):
    """A study written by hand: intervals, single seeds, margins, a run that counts as the worst, a grid."""
    names = [one.name for one in grid().arms]
    rows = [pieces.row(name, names[0], -0.03, worst_seeds=["1"]) for name in names[1:]]
    study = pieces.outcome(parts=[grid()], comparisons=rows, claims=[])
    seen = seen_part(study, study.parts[0], tmp_path)
    first = seen.forests[0].rows[0]
    assert first.estimate == pytest.approx(-30) and (first.low, first.high) == pytest.approx((-54.8, -5.2))
    assert first.seeds == pytest.approx([-40, -30, -20]) and first.worst == [False, True, False]
    assert first.margin == pytest.approx([-10, 10]) and seen.forests[0].none == 0.0
    assert [curve.look for curve in seen.panels[0].curves] == [0, 1, 2, 3, 4, 5]
    other = pieces.outcome()
    looks = {curve.name: curve.look for curve in seen_part(other, other.parts[0], tmp_path).panels[0].curves}
    assert looks == {"l2": 0, pieces.EVIL: 1, "none": 2}, (
        "as in the forest; the one that others are compared with behind"
    )
    assert seen.heats[0].goodness[0][0] == 0.0 and seen.heats[0].map.rows == ["0", "0.001", "0.01"]
    assert all(arm.run == "" and arm.samples == [] for arm in seen.arms)
    json.dumps(asdict(seen))


def test_a_study_is_computed_once_and_again_when_a_run_has_ended(folder, monkeypatch):
    from poise.studies import kept

    now, calls = [0.0], []
    known = kept.outcome_of
    monkeypatch.setattr(kept, "outcome_of", lambda path: calls.append(path) or known(path))
    views = shown.StudyViews(folder, lambda: now[0])
    answers = {views.study("small").version for _ in range(50)}
    now[0] = 10.0
    answers.add(views.study("small").version)
    assert len(calls) == 1 and len(answers) == 1
    one = next(path for path in (folder / "small" / "runs").iterdir() if not (path / "DONE").exists())
    shutil.copytree(next((folder / "small" / "runs").glob("*/DONE")).parent, folder / "small" / "runs" / "other")
    now[0] = 20.0
    assert views.study("small").version not in answers and len(calls) == 2 and one.exists()


def test_what_is_wrong_with_a_study_is_told_and_hides_no_other(folder):
    shutil.copytree(folder / "small", folder / "bad")
    (folder / "bad" / "study.json").write_text("{")
    shutil.copytree(folder / "small", folder / "strange")
    plan = json.loads((folder / "strange" / "study.json").read_text())
    plan["plan"]["parts"][0]["recipe"] = "not.trusted.recipe"
    (folder / "strange" / "study.json").write_text(json.dumps(plan))
    with client(folder) as at:
        assert "damaged" in at.get("/api/study/bad").json()["trouble"]
        nothing = at.get("/api/study/small/run/nothing")
        assert nothing.status_code == 404 and str(folder.parent) not in nothing.text
        assert "not.trusted" in at.get("/api/study/strange").json()["trouble"]
        assert at.get("/api/study/small").json()["trouble"] == ""
        assert at.get("/api/study/nothing").status_code == 404


def test_a_trouble_that_is_over_is_told_no_more(folder):
    """A report that comes later than the rest of its run, as when runs are copied."""
    now = [0.0]
    views = shown.StudyViews(folder, lambda: now[0])
    report = next((folder / "small" / "runs").glob("*/DONE")).parent / "report.json"
    content = report.read_text()
    report.unlink()
    first = views.study("small")
    now[0] = 1_000.0
    assert "missing" in str(first.content["trouble"]) and views.study("small").version == first.version
    report.write_text(content)
    now[0] = 2_000.0
    assert views.study("small").content["trouble"] == "" and views.study("small").version != first.version


def test_a_folder_that_is_a_study_is_that_one(folder, monkeypatch, capsys):
    served = []
    monkeypatch.setattr(server, "serve", lambda app, host, port, ending: served.append(app))
    monkeypatch.chdir(folder.parent)
    assert main(["serve", "studies/small", "--port", "0"]) == 0
    assert "the study in studies/small" in capsys.readouterr().out
    from starlette.testclient import TestClient

    with TestClient(served[0], base_url="http://localhost") as at:
        assert [row["name"] for row in at.get("/api/studies").json()["studies"]] == ["small"]
        assert len(at.get("/api/runs").json()["runs"]) == 4
    monkeypatch.setenv("POISE_RUNS", "nowhere")
    assert main(["serve", "--port", "0"]) == 0
    assert "runs and studies in studies:" in capsys.readouterr().out


def test_nothing_beside_studies_can_be_read(folder):
    run = next((folder / "small" / "runs").glob("*/DONE")).parent.name
    (folder / "small" / "runs" / run / "samples" / "00000099.txt").symlink_to(folder.parent / "secret.txt")
    up = ["../secret.txt", "../../secret.txt", "..%2fsecret.txt", "..%2f..%2f..%2fsecret.txt", "%2e%2e/secret.txt",
          "..\\secret.txt", "%2fetc%2fpasswd", "/etc/passwd", "secret.txt%00.png", str(folder.parent / "secret.txt"),
          "plan.json", "study.json", "..", ".", "%2e%2e", "x" * 3000]  # fmt: skip
    tried = []
    for way in up:
        tried += [f"/api/study/{way}", f"/api/study/small/run/{way}", f"/api/study/{way}/run/{run}"]
        tried += [f"/api/study/small/sample/{run}/{way}", f"/api/study/small/sample/{way}/00000020.txt"]
    tried += [f"/api/study/small/sample/{run}/00000099.txt", f"/api/study/small/sample/{run}/../spec.json"]
    with client(folder) as at:
        for address in tried:
            answer = at.get(address, follow_redirects=False)
            assert 400 <= answer.status_code < 500 or (answer.status_code == 200 and "parts" in answer.json()), address
            assert b"SECRET" not in answer.content and b"root:" not in answer.content
            if answer.status_code == 200:
                assert answer.json()["name"] == "small", address
        rng = random.Random(0)
        letters = [*map(chr, range(33, 127)), "é", "中", "😀", "%00", "%ff", "../", "//"]
        for _ in range(150):
            text = quote("".join(rng.choice(letters) for _ in range(rng.randrange(1, 30))), safe="%/.")
            place = rng.choice(["/api/study/{}", "/api/study/small/{}", "/api/study/small/sample/{}", "/api/studies{}"])
            assert at.get(place.format(text)).status_code < 500, text
    assert len(tried) > 80


@pytest.fixture
def address(folder):
    with served_at(folder) as found:
        yield found


@in_chromium
@pytest.mark.parametrize("width", [360, 1200])
def test_a_study_in_chromium(width, folder, address, browser):  # noqa: F811
    """From the list to the study to a run and its samples, in both languages; nothing is wider than the window."""
    browser.set_window_size(width, 900)
    browser.get(address)
    waited(browser, "document.body.dataset.ready === 'runs'")
    browser.find_element("id", "studies").click()
    waited(browser, "document.querySelectorAll('.runs li').length === 1")
    browser.find_element("css selector", ".runs li a").click()
    waited(
        browser, "document.body.dataset.ready === 'study/small' && document.querySelectorAll('.forest').length === 2"
    )
    assert browser.execute_script("return document.querySelector('.claim').textContent").startswith("unfinished")
    assert browser.execute_script("return document.querySelector('.unfinished') !== null")
    waited(browser, "[...document.querySelectorAll('.arm pre')].every((pre) => pre.textContent.length > 5)")
    seen, whole = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert whole <= seen + 1
    browser.find_element("id", "language").click()
    waited(browser, "document.querySelector('.verdict')?.textContent === '未完成'")
    words = browser.execute_script("return [WORDS, VERDICTS]")
    assert all(len(both) == 2 and all(both) for both in words[0].values())
    assert words[1].keys() == {*VERDICTS}
    browser.find_element("css selector", ".arm figcaption a").click()
    waited(browser, "document.getElementById('samples') && document.querySelectorAll('.panel canvas').length > 1")
    waited(browser, "document.querySelector('#samples pre')?.textContent.length > 5")
    browser.find_element("id", "home").click()
    waited(browser, "document.body.dataset.ready === 'runs'")


@in_chromium
def test_names_of_a_study_are_text(folder, address, browser, monkeypatch):  # noqa: F811
    """Names full of marks, a map, a run that counts as the worst."""
    names = [one.name for one in grid().arms]
    rows = [pieces.row(name, names[0], -0.03, worst_seeds=["1"]) for name in names[1:]]
    study = pieces.outcome(parts=[grid()], comparisons=rows, claims=[])
    monkeypatch.setattr("poise.studies.kept.outcome_of", lambda path: study)
    browser.get(f"{address}/#study/small")
    waited(browser, "document.querySelectorAll('.heat td').length === 6")
    assert browser.execute_script("return document.body.textContent").count("<b>&\"' $x^{ 你") == 1
    marks = browser.execute_script("return document.querySelectorAll('.forest path').length")
    assert marks == 2 * len(rows), "of each row the mean, and a cross"
    dark = "return [...document.querySelectorAll('.heat td')].map((cell) => getComputedStyle(cell).backgroundColor)"
    colours = browser.execute_script(dark)
    assert len({*colours}) == 6 and colours[5] == "rgba(0, 0, 0, 0)", "a cell without a number has no colour"


@in_chromium
def test_findings_are_told_in_the_language_of_the_page(tmp_path, browser):  # noqa: F811
    shutil.copytree(MADE / "runs" / "images", tmp_path / "runs" / "images")
    record = tmp_path / "runs" / "images" / "record.jsonl"
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    with record.open("a") as file:
        for step in range(rows[-1]["step"] + 1, rows[-1]["step"] + 200, 2):
            file.write(json.dumps({**rows[-1], "step": step, "generator/diversity": 0.0}) + "\n")
    views = shown.Views(tmp_path / "runs")
    found = views.run("images").content["findings"]
    assert found and all(one["zh"]["sentence"] != one["sentence"] for one in found)
    with served_at(tmp_path / "runs") as address:
        browser.get(f"{address}/#/images")
        waited(browser, "document.querySelector('.findings li')")
        said = browser.execute_script("return document.querySelector('.findings').textContent")
        assert found[0]["sentence"] in said and found[0]["action"] in said
        browser.find_element("id", "language").click()
        waited(
            browser,
            f"document.querySelector('.findings').textContent.includes({json.dumps(found[0]['zh']['sentence'])})",
        )
        assert found[0]["name"] not in browser.execute_script("return document.querySelector('.findings').textContent")
