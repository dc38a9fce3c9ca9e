"""What the server refuses is told in the language of the page that asks, by the table of the command line."""

from __future__ import annotations

import re
from importlib import resources

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from poise.serve.answers import Reply, in_language, wished
from poise.serve.app import application

CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACES = [
    ("GET", "/nothing.html", 404),
    ("POST", "/", 405),
    ("GET", f"/?{'a' * 2000}", 414),
    ("GET", "/api/run/nobody", 404),
    ("GET", "/api/sample/nobody/a.png", 404),
    ("GET", "/api/play/nobody/grid.png", 400),
    ("GET", "/api/study/nobody", 404),
    ("GET", "/api/compare?run=a", 400),
]


@pytest.mark.parametrize(
    ("header", "to"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.2, ZH-tw;q=0.7", "zh"),
        ("de", "en"),
        ("zh;q=0", "en"),
        ("zh;q=nonsense", "en"),
    ],
)
def test_which_language_is_wished(header, to):
    assert wished(header) == to


@pytest.mark.parametrize(("method", "address", "code"), PLACES)
def test_a_refusal_is_chinese_for_a_chinese_page_and_english_for_others(method, address, code, tmp_path):
    with TestClient(application(tmp_path), base_url="http://localhost:8741") as at:
        told = {to: at.request(method, address, headers={"Accept-Language": to}) for to in ("zh-CN", "en")}
    assert [answer.status_code for answer in told.values()] == [code, code]
    assert CHINESE.search(told["zh-CN"].text) and not CHINESE.search(told["en"].text)
    assert all(answer.text.count("\n") == 1 for answer in told.values())


def test_so_is_who_may_not_ask(tmp_path):
    with TestClient(application(tmp_path, token="t"), base_url="http://localhost:8741") as at:
        assert CHINESE.search(at.get("/", headers={"Accept-Language": "zh"}).text)
        assert not CHINESE.search(at.get("/", headers={"Accept-Language": "en"}).text)


def test_why_there_is_no_more_is_told_so_too_and_kept_apart(tmp_path, monkeypatch):
    from poise.serve import views

    content = {"trouble": "its plan or its outcome is damaged", "runs": [{"why": "nothing can be changed here"}, 3]}
    chinese = in_language(content, "zh")
    assert CHINESE.search(str(chinese["trouble"])) and CHINESE.search(chinese["runs"][0]["why"])
    assert in_language(content, "en") is content and not CHINESE.search(str(content))
    monkeypatch.setattr(views.Views, "run", lambda self, name: Reply(content, "v1"))
    with TestClient(application(tmp_path), base_url="http://localhost:8741") as at:
        english = at.get("/api/run/a", headers={"Accept-Language": "en"})
        known = {"If-None-Match": english.headers["etag"], "Accept-Language": "zh"}
        assert at.get("/api/run/a", headers=known).json() == chinese, "the English one is another version"
        assert at.get("/api/run/a", headers={**known, "Accept-Language": "en"}).status_code == 304


def test_the_page_says_its_language_with_everything_that_it_asks():
    web = resources.files("poise.serve") / "web"
    scripts = {one.name: one.read_text(encoding="utf-8") for one in web.iterdir() if one.name.endswith(".js")}
    asking = {name: script.count("fetch(") for name, script in scripts.items() if name != "uplot.js"}
    assert asking.pop("serve.js") == 1 and not any(asking.values()), "all of it through `ask`"
    assert '"Accept-Language": state.language' in scripts["serve.js"]
