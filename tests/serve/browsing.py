"""Debian's Chromium for tests of the pages: every request is looked at, and nothing may be said in the console."""

from __future__ import annotations

import json
import shutil
import threading
import time
from contextlib import contextmanager

import pytest

from poise.serve import app as serving

webdriver = pytest.importorskip("selenium.webdriver")
uvicorn = pytest.importorskip("uvicorn")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver"),
]
PATIENCE = 60  # seconds


@contextmanager
def served_at(folder, painter=None):
    """The address at which a folder of runs is served."""
    config = uvicorn.Config(serving.application(folder, painter=painter), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


ENDED = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
)  # asked after a test's server has ended


@pytest.fixture
def browser():
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield made
    events = [json.loads(entry["message"])["message"] for entry in made.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    said = [entry for entry in made.get_log("browser") if not any(word in entry["message"] for word in ENDED)]
    made.quit()
    assert said == []
    assert asked and all(url.startswith("http://127.0.0.1:") for url in asked if not url.startswith("data:"))


def waited(browser, condition):
    end = time.monotonic() + PATIENCE
    while not browser.execute_script(f"return {condition}"):
        assert time.monotonic() < end, condition
        time.sleep(0.05)
