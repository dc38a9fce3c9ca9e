"""Debian's Chromium for tests of exported pages, which are opened from the disk."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from poise.export.export import Wanted, export

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver"),
]
PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def browser():
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(DRIVER))
    made.set_script_timeout(PATIENCE)
    yield made
    made.quit()


@pytest.fixture
def opened(browser, handed, exported, tmp_path):
    """kind -> its run, with its page open; what went wrong in the page, and what it asked for, is looked at behind."""

    def of(kind, alone=False):
        """`alone`: without the ONNX files beside it."""
        run = handed(kind)
        out = tmp_path / "out" if alone else exported(kind)
        if alone:
            export(run, out, Wanted(page=True), tell=lambda line: None)
            assert not list(out.glob("*.onnx"))
        browser.get((out / "page" / "index.html").as_uri())
        waited(browser, "document.body.dataset.ready === 'true'")
        return run

    yield of
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:", "blob:", "data:")) for url in asked)


def waited(browser, condition):
    end = time.monotonic() + PATIENCE
    while not browser.execute_script(f"return {condition}"):
        assert time.monotonic() < end, browser.execute_script("return document.getElementById('status').textContent")
        time.sleep(0.02)


def sent(browser, event, **values):
    for name, value in values.items():
        script = """document.body.dataset.milliseconds = '';
            const control = document.getElementById(arguments[0]);
            control.value = arguments[1];
            control.dispatchEvent(new Event(arguments[2]))"""
        browser.execute_script(script, name, value, event)
        waited(browser, "document.body.dataset.milliseconds !== ''")
