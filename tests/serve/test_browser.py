"""The page in Debian's Chromium: a run that trains is seen to train, every control works, nothing goes outside."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import wave

import pytest

from tests.serve.browsing import MARKS, PATIENCE, browser, served_at, waited  # noqa: F401  (fixture)

pytestmark = MARKS


@pytest.fixture
def served(made_once, tmp_path):
    """The folder of runs and the address at which it is served."""
    folder = tmp_path / "shown"
    shutil.copytree(made_once / "shown", folder)
    with served_at(folder) as address:
        yield folder, address


def steps_shown(browser):
    text = browser.execute_script("return document.getElementById('steps')?.textContent ?? ''")
    digits = text.partition(" ")[0].replace(",", "")
    return int(digits) if digits.isdigit() else -1


def test_a_run_in_progress_appears_and_its_steps_go_on(served, browser, made_once):
    folder, address = served
    browser.get(address)
    waited(browser, "document.querySelectorAll('.runs li').length === 1")
    words = ["train", "images", str(made_once / "pictures.npy"), "--steps", "1000000", "--batch", "8", "--noise", "4",
             "--generator.width", "2", "--discriminator.width", "2", "--scores", "0", "--log-every", "4",
             "--sample-every", "200", "--out", str(folder / "going"), "--quiet"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    training = subprocess.Popen([sys.executable, "-m", "poise", *words], env=environment, cwd=folder.parent)
    try:
        waited(browser, "[...document.querySelectorAll('.runs b')].some((b) => b.textContent === 'going')")
        browser.execute_script("location.hash = '#/going'")
        waited(
            browser, "document.body.dataset.ready === 'going' && document.querySelectorAll('.panel canvas').length > 1"
        )
        first = steps_shown(browser)
        end = time.monotonic() + PATIENCE
        while steps_shown(browser) <= first:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert "training" in browser.execute_script("return document.querySelector('.badge').className")
        waited(browser, "document.querySelectorAll('#samples img').length >= 1")
    finally:
        training.kill()
        training.wait()
    waited(browser, "document.querySelector('.badge').className.includes('stopped')")


def test_a_run_whose_name_is_no_text_hides_no_other(served, browser):
    folder, address = served
    (only,) = [path for path in folder.iterdir() if (path / "spec.json").exists()]
    shutil.copytree(only, folder / os.fsdecode(b"caf\xe9"))
    browser.get(address)
    waited(browser, "document.querySelectorAll('.runs li').length === 2")
    found = browser.execute_script(
        """return [...document.querySelectorAll('.runs li')].map((li) =>
            [li.textContent.includes('its name is no text'), li.querySelector('a').hash])"""
    )
    assert sorted(found) == [[False, f"#/{only.name}"], [True, ""]]


def test_every_control_works_in_both_languages_by_keyboard_too(served, browser):
    folder, address = served
    shutil.copytree(folder / "one", folder / "two <b>&")
    browser.get(address)
    waited(browser, "document.querySelectorAll('.runs li').length === 2")
    names = browser.execute_script("return [...document.querySelectorAll('.runs b')].map((b) => b.textContent)")
    assert names == ["one", "two <b>&"], "a name is text"
    browser.execute_script(
        "const e = document.getElementById('filter'); e.value = 'TWO'; e.dispatchEvent(new Event('input'))"
    )
    assert browser.execute_script("return [...document.querySelectorAll('.runs li')].map((li) => li.hidden)") == [
        True,
        False,
    ]
    from selenium.webdriver.common.keys import Keys

    link = browser.find_element("css selector", ".runs li:not([hidden]) a")
    link.send_keys(Keys.ENTER)
    waited(browser, "document.body.dataset.ready === 'two <b>&' && document.getElementById('history')")
    last = browser.execute_script("return document.body.dataset.step")
    browser.find_element("id", "history").send_keys(Keys.ARROW_LEFT)
    waited(browser, f"document.body.dataset.step !== '{last}'")
    assert browser.execute_script("return document.querySelector('#samples img').complete")
    panels = browser.execute_script("return document.querySelectorAll('.panel canvas').length")
    assert panels >= 5
    chinese = browser.execute_script(
        "document.getElementById('language').click(); return document.documentElement.lang"
    )
    assert chinese == "zh"
    waited(browser, "[...document.querySelectorAll('h2')].some((h) => h.textContent === '曲线')")
    words = browser.execute_script("return WORDS")
    assert len(words) > 80 and all(len(both) == 2 and all(both) for both in words.values())
    browser.execute_script("location.hash = ''")
    waited(browser, "document.body.dataset.ready === 'runs' && document.getElementById('filter')")


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window(served, browser, width):
    _, address = served
    browser.set_window_size(width, 800)
    for place, ready in (("", "runs"), ("#/one", "one")):
        browser.get(f"{address}/{place}")
        waited(browser, f"document.body.dataset.ready === '{ready}'")
        seen, whole = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
        assert whole <= seen + 1


def test_a_run_that_is_not_there_is_told(served, browser):
    _, address = served
    browser.get(f"{address}/#/nothing")
    waited(browser, "document.getElementById('main').textContent.includes('there is no run')")
    assert browser.execute_script("return document.getElementById('main').textContent").startswith(
        "there is no run 'nothing'"
    )
    noted = browser.get_log("browser")  # by the browser itself
    assert noted and all("404" in entry["message"] for entry in noted)


@pytest.fixture
def grown(served, browser):
    """A run whose record gets a row when one calls it; it has sounds and texts among its samples."""
    folder, address = served
    run = folder / "one"
    for step in (1, 2):
        (run / "samples" / f"{step:08d}.txt").write_text(f"text of step {step}\n")
    (run / "samples" / "00000050").mkdir()
    with wave.open(str(run / "samples" / "00000050" / "one.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000 * 20))
    browser.get(f"{address}/#/one")
    waited(browser, "document.body.dataset.ready === 'one' && document.querySelector('#samples figure')")
    rows = [json.loads(line) for line in (run / "record.jsonl").read_text().splitlines()]

    def grow() -> None:
        before = browser.execute_script("return state.tag")
        rows.append({**rows[-1], "step": rows[-1]["step"] + 1})
        (run / "record.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        waited(browser, f"state.tag !== {json.dumps(before)}")

    return browser, run, grow


def test_what_is_heard_goes_on_while_the_page_follows_the_run(grown):
    browser, run, grow = grown
    waited(browser, "document.querySelectorAll('#samples audio').length === 1")
    browser.find_element("tag name", "h1").click()  # nothing is heard before somebody has touched the page
    script = """const a = document.querySelector("#samples audio");
        a.muted = true;
        window.heard = a;
        a.play().then(() => arguments[0](""), (error) => arguments[0](String(error)));"""
    assert browser.execute_async_script(script) == ""
    waited(browser, "heard.currentTime > 0.1")
    grow()
    shutil.copytree(run / "samples" / "00000050", run / "samples" / "00000060")
    (run / "samples" / "00000060" / "one.wav").rename(run / "samples" / "00000060" / "a later one.wav")
    grow()
    assert browser.execute_script("return !heard.paused && heard.isConnected"), "nobody has stopped it"
    then = browser.execute_script("return heard.currentTime")
    waited(browser, f"heard.currentTime > {then}")
    browser.execute_script("heard.pause()")
    waited(browser, "document.getElementById('samples').textContent.includes('a later one')")


def test_a_stretch_of_steps_that_was_chosen_stays(grown):
    browser, _, grow = grown
    browser.execute_script("state.plots[0].setScale('x', { min: 0.5, max: 1.5 })")
    waited(browser, "state.plots[0].scales.x.min === 0.5")
    grow()
    waited(browser, "state.plots[0].scales.x.min === 0.5 && state.plots[0].scales.x.max === 1.5")
    assert browser.execute_script("return state.plots.length > 1 && state.plots[1].scales.x.min") != 0.5


def test_samples_are_those_of_the_step_that_stands_above_them(grown):
    """Whichever answer comes first: what was asked for last is shown."""
    browser, _, _ = grown
    browser.execute_script("""
        const before = window.fetch;
        window.fetch = async (address, more) => {
            if (String(address).endsWith("00000001.txt")) await new Promise((done) => setTimeout(done, 700));
            return before(address, more);
        };
        const slider = document.getElementById("history");
        const steps = stepsOf(state.content);
        for (const step of ["00000001", "00000002"]) {
            slider.value = steps.indexOf(step);
            slider.dispatchEvent(new Event("input"));
        }""")
    time.sleep(1.2)
    told = browser.execute_script("return [document.body.dataset.step, document.getElementById('samples').textContent]")
    assert told[0] == "00000002" and "text of step 2" in told[1] and "text of step 1" not in told[1]
