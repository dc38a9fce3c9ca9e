"""From one page to another in Debian's Chromium: nothing of one comes into the other, and pages go on."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import os
import shutil

import pytest

from tests.serve.browsing import MARKS, browser, served_at, waited  # noqa: F401  (fixture)
from tests.serve.test_browser_play import idle, opened, put

pytestmark = MARKS
# Answers on one run wait until window.let is called.
HELD = """
const real = window.fetch;
window.let = null;
window.fetch = (address, ...more) => (address.startsWith("api/run/")
  ? new Promise((done) => { window.let = () => { window.fetch = real; done(real(address, { cache: "no-store" })); }; })
  : real(address, ...more));
"""


@pytest.fixture
def on(played, painter, tmp_path):
    """A folder with one run, `on`, and the address at which it is served."""
    shutil.copytree(played / "dcgan", tmp_path / "runs" / "on")
    with served_at(tmp_path / "runs", painter) as address:
        yield tmp_path / "runs", address


@pytest.mark.parametrize("page", ["#/on", "#play/on"])
def test_an_answer_that_comes_late_does_not_come_into_the_next_page_nor_end_it(page, on, browser):
    folder, address = on
    opened(browser, address, "#studies" if page == "#play/on" else page)
    browser.execute_script(HELD + "state.tag = ''; location.hash = arguments[0]", page)
    waited(browser, "window.let !== null")
    browser.execute_script("location.hash = ''")
    waited(browser, "document.querySelectorAll('.runs li').length === 1")
    browser.execute_async_script(
        "const done = arguments[0]; window.let();"
        "fetch('api/run/on').then((answer) => answer.text()).then(() => setTimeout(done, 300))"
    )
    assert browser.find_elements("css selector", ".runs li") and not browser.find_elements("id", "play")
    shutil.copytree(folder / "on", folder / "two")
    waited(browser, "document.querySelectorAll('.runs li').length === 2")


def test_a_run_that_comes_back_is_shown_again(on, browser):
    folder, address = on
    opened(browser, address, "#/on")
    (folder / "on").rename(folder / "off")
    waited(browser, "document.getElementById('main').textContent.includes('there is no run')")
    (folder / "off").rename(folder / "on")
    waited(browser, "document.getElementById('samples') !== null")
    assert all("404" in entry["message"] for entry in browser.get_log("browser"))


def test_a_tick_of_a_run_that_has_gone_is_taken_away(on, browser):
    folder, address = on
    shutil.copytree(folder / "on", folder / "two")
    opened(browser, address, "")
    for box in browser.find_elements("css selector", ".pick input"):
        box.click()
    waited(browser, "chosen.size === 2 && !document.getElementById('compare').hidden")
    shutil.rmtree(folder / "two")
    waited(browser, "chosen.size === 1 && document.getElementById('compare').hidden")
    assert browser.execute_script("return [...chosen]") == ["on"]
    assert len(browser.find_elements("css selector", ".pick input:checked")) == 1


def test_pictures_of_a_checkpoint_that_was_written_anew_are_drawn_anew(on, browser):
    folder, address = on
    opened(browser, address, "#play/on")
    before = browser.find_element("id", "save").get_attribute("href")
    os.utime(folder / "on" / "checkpoints" / "step-00000002" / "manifest.json", ns=(1, 1))
    waited(browser, "document.getElementById('save').href.includes('made=1&') || save.href.endsWith('made=1')")
    assert "made=" in before and browser.find_element("id", "save").get_attribute("href") != before
    idle(browser)


def test_buttons_have_names_keep_the_focus_and_an_empty_number_draws_nothing(on, browser):
    from selenium.webdriver.common.keys import Keys

    opened(browser, on[1], "#play/on")
    put(browser, "n", "")
    assert len(browser.find_elements("css selector", "#cells canvas")) == 16
    put(browser, "n", 3)
    for i in (0, 1):
        browser.find_element("id", f"cell{i}").send_keys(Keys.ENTER)
        idle(browser)
    browser.find_element("css selector", ".pickend").send_keys(Keys.ENTER)
    idle(browser)
    assert browser.execute_script("return document.activeElement.className") == "pickend"
    unnamed = (
        "return [...document.querySelectorAll('button')].filter((b) => !b.textContent.trim() && !b.ariaLabel).length"
    )
    assert browser.execute_script(unnamed) == 0
    assert all(one.aria_role in ("image", "img") for one in browser.find_elements("css selector", "#way, #between"))


def test_findings_beside_each_other_are_in_the_language_of_the_page(on, browser):
    opened(browser, on[1], "")
    said = browser.execute_script(
        "state.language = 'zh'; const one = { name: 'n', sentence: 's', action: 'a', since: 1, zh: { name: '名' } };"
        "const run = { about: { name: 'x' }, findings: [one], trouble: '' };"
        "const found = foundIn({ runs: [run, { ...run, findings: [], trouble: 'T' }, { ...run, findings: [] }] });"
        "return found.map((part) => part.textContent)"
    )
    assert "名" in said[0] and "s a" in said[0]
    assert "T" in said[1] and "没有问题" not in said[1], "of what could not be read nobody knows"
    assert "没有问题" in said[2]
