"""Ten things that somebody wants of the pages, each done in Chromium with its clicks and keys counted: the numbers are
those of the table in docs/serve.md, and may not grow."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest

import poise
from tests.export import tiny
from tests.serve.browsing import MARKS, PATIENCE, browser, served_at, waited  # noqa: F401  (fixture)

pytestmark = MARKS
TABLE = Path(__file__).parents[2] / "docs" / "serve.md"


@pytest.fixture(scope="module")
def pages(played, painter, tmp_path_factory):
    """plain, whose generator collapses at step 24, and held, with L2 penalties: else the same; and a speaker."""
    folder = tmp_path_factory.mktemp("tasks")
    tiny.write_data(folder)
    with pytest.MonkeyPatch.context() as changed:
        changed.chdir(folder)
        asked = {**tiny.ONCE, **tiny.NARROW, "data": "classes", "size": 16, "conditional": True, "labels": "folders",
                 "network": "dcgan", "steps": 48, "log_every": 1, "sample_every": 8}  # fmt: skip
        for name, l2 in (("plain", {}), ("held", {"l2_discriminator": 1e-2, "l2_generator": 1e-3})):
            run = poise.train("images", out=folder / "runs" / name, **asked, **l2)
            told(run.path, 24 if name == "plain" else 99, 5.0 if name == "plain" else 2.0)
        shutil.copytree(played / "speech", folder / "runs" / "speaker")
        with served_at(folder / "runs", painter) as made:
            yield made, folder / "runs"


def told(path, collapse, score):
    """Let the record say that samples differ as training items do, from a step on hardly; and a score at the end."""
    file = path / "record.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        for name in row.keys() & {"generator/diversity", "generator/shown_diversity"}:
            row[name] = 1.0 if row["step"] < collapse else 0.02
        if "discriminator/auc_training" in row:
            row["discriminator/auc_heldout"] = 0.9 if collapse > 48 else 0.6
            row["discriminator/auc_gap"] = 0.0 if collapse > 48 else 0.3
    rows[-1] |= {"score/KID-EffLite0": score, "score/KID-EffLite0.low": score - 1, "score/KID-EffLite0.high": score + 1}
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "DONE").unlink()  # so that the best score is that of the record


class Hand:
    """Does what people do, and counts it: a click, a key, each of the two of a choice."""

    def __init__(self, browser, address, runs, downloads):
        self.browser, self.runs, self.downloads, self.count = browser, runs, downloads, 0
        allowed = {"behavior": "allow", "downloadPath": str(downloads)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        browser.get(address)
        waited(browser, "document.body.dataset.ready === 'runs'")

    def click(self, selector, containing=""):
        self.count += 1
        found = self.browser.find_elements("css selector", selector)
        (first, *_) = [one for one in found if containing in one.text and one.is_displayed()]
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", first)
        first.click()
        self.rest()

    def card(self, name, selector="a"):
        """In the card of a run: the run itself, "input", its tick, ".toplay", what plays with it."""
        self.count += 1
        items = self.browser.find_elements("css selector", ".runs > li")
        (item,) = [one for one in items if one.find_element("css selector", "b").text == name]
        found = item.find_element("css selector", selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()
        self.rest()

    def choose(self, id, text):
        """One of a menu: a click opens it, a second one chooses."""
        from selenium.webdriver.support.ui import Select

        self.count += 2
        menu = Select(self.browser.find_element("id", id))
        menu.select_by_visible_text(next(one.text for one in menu.options if one.text.startswith(text)))
        self.rest()

    def press(self, selector, *keys):
        for key in keys:
            self.count += 1
            self.browser.find_element("css selector", selector).send_keys(key)
        self.rest()

    def rest(self):
        """Until the page has come and nothing is drawn."""
        waited(self.browser, "document.body.dataset.ready === (wanted() || 'runs')")
        waited(self.browser, "!played.working && wishes.size === 0")
        playing = "location.hash.startsWith('#play') && document.getElementById('cells')"
        waited(self.browser, f"!({playing}) || document.body.dataset.sheet")

    def read(self, selector):
        waited(self.browser, f"document.querySelector({selector!r})")
        return self.browser.find_element("css selector", selector).text


TASKS = {}


def task(sentence, most):
    """Enter a task: what is wanted, and in how many clicks and keys it may be done."""

    def entered(does):
        TASKS[sentence] = (most, does)
        return does

    return entered


@task("Which run is the best by its score?", 2)
def best(hand):
    hand.choose("order", "best score")
    names = hand.browser.execute_script("return [...document.querySelectorAll('.runs b')].map((b) => b.textContent)")
    assert names[0] == "held" and "best KID-EffLite0 2" in hand.read(".runs li")


@task("Which of these two runs has the better discriminator, and why?", 3)
def discriminator(hand):
    hand.card("plain", "input")
    hand.card("held", "input")
    hand.click("#compare")
    rows = {row.split()[0]: row for row in hand.read("#judges tbody").splitlines() if row.strip()}
    assert "0.900" in rows["held"] and "0.600" in rows["plain"] and "0.300" in rows["plain"]
    assert "l2_discriminator" in hand.read("#asked")


@task("At which step did this run collapse, and what did its samples look like then?", 2)
def collapsed(hand):
    hand.card("plain")
    found = hand.read(".findings .critical")
    since = int(re.search(r"since step ([\d,]+)", found)[1].replace(",", ""))
    assert "generator collapse" in found and 20 <= since <= 48
    hand.click(".findings .critical .then")
    step = int(hand.browser.execute_script("return document.body.dataset.step"))
    assert since <= step <= since + 8


@task("What is wrong with this run, and what can be done?", 1)
def wrong(hand):
    hand.card("plain")
    assert "--generator.lr" in hand.read(".findings .critical")


@task("What does the share of the penalty do over time?", 1)
def share(hand):
    hand.card("held")
    titles = hand.browser.execute_script("return [...document.querySelectorAll('.panel h3')].map((h) => h.textContent)")
    assert "Penalty's share of the gradient (share, 0 to 1)" in titles


@task("Send the three best of these pictures to somebody.", 5)
def three(hand):
    hand.card("held", ".toplay")
    for i in (2, 7, 11):
        hand.click(f"#cell{i}")
    hand.click("#saveall")
    end = time.monotonic() + PATIENCE
    while len(list(hand.downloads.glob("*.png"))) < 3:
        assert time.monotonic() < end, list(hand.downloads.iterdir())
        time.sleep(0.1)
    files = sorted(hand.downloads.glob("*.png"), key=lambda path: int(path.stem.rpartition("-")[2]))
    from poise.report.picture import png
    from poise.serve.drawing import alone

    made = poise.load(hand.runs / "held").sample(16)
    assert [file.read_bytes() for file in files] == [png(alone(made[i])) for i in (2, 7, 11)]


@task("Hear the same sentence at two steps.", 5)
def heard(hand):
    hand.card("speaker", ".toplay")
    hand.click("#say")
    hand.choose("step", "4")
    hand.click("#say")
    waited(hand.browser, "document.querySelectorAll('#clips audio').length === 2")
    waited(hand.browser, "[...document.querySelectorAll('#clips audio')].every((one) => one.readyState >= 2)")
    assert hand.browser.execute_script("return [...document.querySelectorAll('#clips audio')].every((a) => a.autoplay)")
    first, second = (item.text for item in hand.browser.find_elements("css selector", "#clips li"))
    assert first.split(" · ")[0] == second.split(" · ")[0] and "step 4" in first and "step 4" not in second


@task("Compare the samples of this step with those of the step before.", 3)
def steps(hand):
    from selenium.webdriver.common.keys import Keys

    hand.card("plain")
    hand.click("#keep")
    hand.press("#history", Keys.ARROW_LEFT)
    waited(hand.browser, "document.querySelectorAll('#samples figure').length >= 2")
    captions = [one.text for one in hand.browser.find_elements("css selector", "#samples figcaption")]
    assert captions[:2] == ["after step 48", "after step 40"]


@task("Draw pictures of class c alone.", 3)
def of_a_class(hand):
    hand.card("held", ".toplay")
    hand.choose("label", "c")
    waited(hand.browser, "document.body.dataset.sheet.includes(' c ')")
    assert "label=c" in hand.browser.find_element("id", "save").get_attribute("href")


@task("Walk between two favourites.", 4)
def walk(hand):
    hand.card("held", ".toplay")
    hand.click("#cell1")
    hand.click("#cell6")
    before = hand.browser.execute_script("return document.getElementById('between').toDataURL()")
    hand.click("#share")  # the middle of the way
    from selenium.webdriver.common.keys import Keys

    hand.browser.find_element("id", "share").send_keys(Keys.HOME)  # a drag, of which the click was the beginning
    waited(hand.browser, "document.body.dataset.share === '0.00'")
    hand.rest()
    assert hand.browser.execute_script("return document.getElementById('between').toDataURL()") != before


@pytest.mark.parametrize("sentence", TASKS)
def test_a_task_takes_few_clicks(sentence, pages, browser, tmp_path):
    most, does = TASKS[sentence]
    hand = Hand(browser, *pages, tmp_path)
    does(hand)
    assert hand.count <= most


def test_the_table_of_the_documentation_has_these_numbers():
    rows = dict(re.findall(r"^\| (.+?) \| (\d+) \|", TABLE.read_text(encoding="utf-8"), re.M))
    assert len(TASKS) == 10 and {sentence: str(most) for sentence, (most, _) in TASKS.items()} == rows


def test_clicks_keys_and_choices_are_counted(pages, browser, tmp_path):
    hand = Hand(browser, *pages, tmp_path)
    hand.choose("order", "newest")
    hand.card("plain")
    hand.press("#history", "x", "y")
    assert hand.count == 5
