"""Runs as JSON and files: what the record says, computed once for all viewers, and nothing else to be had."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from poise.cli import main
from poise.record import RunFolder
from poise.serve import app as serving
from poise.serve import server
from poise.serve import views as shown
from poise.serve.answers import Answers, Reply

pytest.importorskip("starlette")
from starlette.testclient import TestClient

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(made_once, tmp_path):
    shutil.copytree(made_once, tmp_path / "all")
    return tmp_path / "all" / "shown"


class Never:
    """Draws nothing: no test here may come so far."""

    def draw(self, wish):
        raise AssertionError(wish)


def client(folder, token=None, **asked):
    asked.setdefault("painter", Never())
    made = TestClient(serving.application(folder, token=token, **asked), base_url="http://localhost:8741")
    return made


def test_the_list_and_a_run_say_what_the_record_says(folder):
    with client(folder) as at:
        listed = at.get("/api/runs").json()
        assert [row["name"] for row in listed["runs"]] == ["one"]
        row = listed["runs"][0]
        assert (row["state"], row["step"], row["of"], row["picture"]) == ("finished", 24, 24, "00000024.png")
        assert str(folder) not in json.dumps(listed)
        found = at.get("/api/run/one").json()
    rows = [row for row in RunFolder(folder / "one").rows() if "generator/adversarial" in row]
    assert len(rows) >= 12
    panels = {panel["title"]: panel for panel in found["panels"]}
    curves = {curve["name"]: curve for curve in panels["Loss: generator"]["curves"]}
    assert curves["adversarial"]["y"] == [row["generator/adversarial"] for row in rows]
    assert curves["adversarial"]["x"] == [row.step for row in rows]
    assert str(folder) not in json.dumps(found) and found["real"] == []
    assert found["samples"][-1] == "00000024.png" and len(found["samples"]) >= 3


def test_files_of_samples_come_as_they_are(folder):
    with client(folder) as at:
        answer = at.get("/api/sample/one/00000024.png")
        assert answer.content == (folder / "one" / "samples" / "00000024.png").read_bytes()
        assert answer.headers["content-type"] == "image/png"


def test_an_answer_is_computed_once_for_all_viewers_and_sent_once_to_each(folder, monkeypatch):
    now, calls = [0.0], []
    views = shown.Views(folder, lambda: now[0])
    known = shown.RunCurves.of
    monkeypatch.setattr(shown.RunCurves, "of", lambda *asked: calls.append(asked) or known(*asked))
    answers = [views.run("one") for _ in range(200)]
    assert len(calls) == 1 and len({answer.version for answer in answers}) == 1
    now[0] = 10.0
    assert views.run("one").version == answers[0].version and len(calls) == 1, "nothing has changed"
    with (folder / "one" / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "noted", "time": "2026-11-29T00:00:00"}) + "\n")
    now[0] = 20.0
    assert views.run("one").version != answers[0].version and len(calls) == 2
    with client(folder) as at:
        first = at.get("/api/run/one")
        again = at.get("/api/run/one", headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304 and again.content == b""


def test_memory_is_bounded_by_runs_and_points(folder):
    curve = shown.PlottedCurve("x", list(range(100_000)), [float(i % 977 == 5) for i in range(100_000)])
    kept = shown.thinned(curve)
    assert len(kept.x) <= shown.POINTS and max(kept.y) == 1.0 and list(kept.x) == sorted(kept.x)
    views = shown.Views(folder)
    for i in range(2 * shown.KEPT):
        shutil.copytree(folder / "one", folder / f"run{i}", ignore=shutil.ignore_patterns("checkpoints", "samples"))
        views.run(f"run{i}")
    assert len(views.answers._known) <= shown.KEPT


def test_a_damaged_run_is_told_and_hides_no_other(folder):
    (folder / "bad").mkdir()
    (folder / "bad" / "spec.json").write_text('{"format": 1, "recipe": "images"')
    shutil.copytree(folder / "one", folder / "nan")
    with (folder / "nan" / "record.jsonl").open("a") as file:
        file.write('{"step": 24, "generator/adversarial": NaN}\n')
    with client(folder) as at:
        rows = {row["name"]: row for row in at.get("/api/runs").json()["runs"]}
        assert rows["bad"]["state"] == "broken" and rows["bad"]["why"] and rows["one"]["state"] == "finished"
        assert at.get("/api/run/bad").json()["trouble"]
        assert at.get("/api/run/nan").status_code == 200


def ways(folder):
    """What somebody may try to read what lies beside the folder: address, headers."""
    up = ["../secret.txt", "../../secret.txt", "..%2fsecret.txt", "..%2f..%2fsecret.txt", "%2e%2e/secret.txt",
          "....//secret.txt", "..\\secret.txt", "..%5csecret.txt", "%2fetc%2fpasswd", "/etc/passwd",
          "secret.txt%00.png", str(folder.parent / "secret.txt"), "one/../../secret.txt", "x" * 3000]  # fmt: skip
    for way in up:
        yield f"/{way}", {}
        yield f"/api/run/{way}", {}
        yield f"/api/sample/one/{way}", {}
        yield f"/api/sample/{way}/00000024.png", {}
        yield f"/api/play/{way}", {}
        yield f"/api/play/{way}/grid.png", {}
        yield f"/api/play/one/{way}", {}
        yield f"/api/compare?run=one&run={way}", {}
        for name in ("step", "n", "seed", "label", "truncation", "latents", "out", "run"):
            yield f"/api/play/one/grid.png?{name}={way}", {}
    for name in ("from", "from_at", "from_label", "to", "to_at", "to_label", "between", "share", "text", "voice",
                 "start", "form", "temperature", "top_k", "top_p", "speed", "at"):  # fmt: skip
        for what in ("picture.png", "way.png", "between.png", "sentences.txt", "say.wav", "clip.wav", "clips.json"):
            yield f"/api/play/one/{what}?{name}=..%2f..%2fsecret.txt", {}
    yield "/api/play/outside", {}
    yield "/api/play/outside/grid.png", {}
    yield "/api/compare?run=one&run=outside", {}
    yield "/api/compare?run=one&run=one", {}
    yield "/api/compare?run=one", {}
    yield "/api/compare", {}
    yield "/api/compare?" + "&".join(f"run={i}" for i in range(7)), {}
    yield "/api/compare?run=one&run=two&path=..", {}
    yield "/api/play/one/grid.png", {"Sec-Fetch-Site": "cross-site"}
    yield "/api/play/one/grid.png", {"Host": "evil.example"}
    for name in ("spec.json", "../spec.json", "..%2fspec.json", "00000024.png/../../spec.json", "link.png",
                 "00000024/..%2f..%2fspec.wav", "checkpoints", ".", ""):  # fmt: skip
        yield f"/api/sample/one/{name}", {}
    yield "/api/run/outside", {}
    yield "/api/sample/outside/real.txt", {}
    for name in ("Host", "Origin"):
        yield "/api/runs", {name: "evil.example"}
    yield "/api/runs", {"Origin": "http://evil.example"}
    yield "/api/runs", {"Origin": "null"}
    yield "/api/runs", {"Sec-Fetch-Site": "cross-site"}
    yield "/api/runs", {"Host": "localhost.evil.example"}
    yield "/api/runs", {"Host": ""}


def test_nothing_outside_can_be_read_and_other_sites_get_nothing(folder):
    """Every way is refused; no answer holds the secret, or a description of the run."""
    (folder / "one" / "samples" / "00000099.png").symlink_to(folder.parent / "secret.txt")
    (folder / "one" / "samples" / "real.txt").symlink_to(folder.parent / "secret.txt")
    elsewhere = folder.parent / "elsewhere"
    shutil.copytree(folder / "one", elsewhere)
    (folder / "outside").symlink_to(elsewhere)
    tried = [*ways(folder), ("/api/sample/one/00000099.png", {}), ("/api/sample/one/real.txt", {})]
    with client(folder) as at:
        for address, headers in tried:
            answer = at.get(address, headers=headers, follow_redirects=False)
            assert 400 <= answer.status_code < 500, (address, headers, answer.status_code)
            assert (
                b"SECRET" not in answer.content
                and b'"arguments"' not in answer.content
                and b"root:" not in answer.content
            )
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert at.request(method, "/api/runs").status_code == 405
        for address in ("/", "/api/runs", "/api/run/one", "/nothing", "/api/play/one", "/api/play/one/grid.png?n=0"):
            headers = at.get(address).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
    assert len(tried) >= 373, len(tried)


def test_nobody_can_change_anything_by_playing_or_comparing(folder):
    with client(folder) as at:
        for address in ("/api/play/one", "/api/play/one/grid.png", "/api/compare?run=one&run=two"):
            for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                assert at.request(method, address).status_code == 405


def test_whatever_is_asked_is_answered_without_a_fault(folder):
    """Random addresses, queries and headers."""
    rng = random.Random(0)
    letters = [*map(chr, range(33, 127)), "é", "中", "\u2028", "😀", "%00", "%ff", "../", "//"]
    with client(folder) as at:
        for _ in range(300):
            text = "".join(rng.choice(letters) for _ in range(rng.randrange(1, 40)))
            place = rng.choice(
                [
                    "/{}",
                    "/api/{}",
                    "/api/run/{}",
                    "/api/sample/one/{}",
                    "/api/sample/{}/real.png",
                    "/?{}",
                    "/api/play/{}",
                    "/api/play/one/{}",
                    "/api/play/one/grid.png?{}",
                    "/api/play/one/grid.png?label={}",
                    "/api/play/one/way.png?from={}",
                    "/api/play/one/say.wav?text={}",
                    "/api/compare?run=one&run={}",
                    "/api/compare?{}",
                ]
            )
            address = place.format(quote(text, safe="%/.") if rng.random() < 0.7 else quote(text, safe=""))
            assert at.get(address, headers={"If-None-Match": quote(text)}).status_code < 500, address


def test_a_token_is_asked_for_compared_in_constant_time_and_kept_in_a_cookie(folder, monkeypatch):
    compared = []
    known = serving.hmac.compare_digest
    monkeypatch.setattr(serving.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or known(a, b))
    with client(folder, token="right-token", hosts=None) as at:
        for address in ("/", "/api/runs", "/api/run/one", "/api/sample/one/00000024.png", "/serve.js", "/api/play/one",
                        "/api/play/one/grid.png", "/api/compare?run=one&run=two"):  # fmt: skip
            more = "&" if "?" in address else "?"
            assert at.get(address).status_code == 401
            assert at.get(f"{address}{more}token=wrong").status_code == 401
            assert at.get(f"{address}{more}token=中").status_code == 401
        assert len(compared) == 24
        answer = at.get("/?token=right-token")
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert at.get("/api/runs").status_code == 200, "the browser has it now"
        assert at.get("/api/runs", headers={"Host": "anything"}).status_code == 200


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere"], "nowhere is no folder of runs"),
        (["--token", "short"], "--token is too short"),
        (["--host", "no.such.host.invalid"], "give another --port"),
        (["--port", "70000"], "at most 65,535"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(words, expected, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder.parent)
    where = [] if words[0] == "nowhere" else ["shown"]
    assert main(["serve", *where, *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("poise: ") and told.count("\n") == 1 and expected in told


def test_an_address_of_the_network_has_a_token(folder, monkeypatch, capsys):
    served = []
    monkeypatch.setattr(server, "serve", lambda app, host, port, ending: served.append((host, port)))
    assert main(["serve", str(folder), "--host", "0.0.0.0", "--port", "0"]) == 0
    assert "?token=" in capsys.readouterr().out
    assert main(["serve", str(folder), "--port", "0"]) == 0
    assert "?token=" not in capsys.readouterr().out and served[1][0] == "127.0.0.1"


def test_every_file_of_the_page_is_served_as_what_it_is():
    place = Path(serving.__file__).parent / "web"
    there = {path.name for path in place.iterdir() if not path.name.startswith("LICENCE")}
    assert there == set(serving.FILES)
    page = (place / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="([\w.]+)"', page))
    assert named == there - {"index.html"}
    assert "<script>" not in page and "style=" not in page and "onclick" not in page


def test_an_answer_that_is_not_whole_is_made_again_soon():
    now = [0.0]
    answers = Answers(0.5, 4, lambda: now[0])
    made = []

    def slow(partial):
        def make(before):
            made.append(before)
            now[0] += 1.0
            return Reply({"n": len(made)}, str(len(made)), partial)

        return make

    for partial, again in ((True, 0.6), (False, 9.1)):
        made.clear()
        first = answers.given(f"{partial}", slow(partial))
        now[0] += again - 0.2
        assert answers.given(f"{partial}", slow(partial)) is first and len(made) == 1
        now[0] += 0.2
        assert answers.given(f"{partial}", slow(partial)).content == {"n": 2} and made[1] is first


@pytest.mark.skipif(os.name != "posix", reason="names of bytes are a thing of POSIX")
def test_a_run_whose_name_is_no_text_hides_no_other(folder):
    other = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))
    shutil.copytree(folder / "one", other)
    with client(folder) as at:
        answer = at.get("/api/runs")
    assert answer.status_code == 200
    rows = {row["name"]: row for row in answer.json()["runs"]}
    assert sorted(rows) == ["caf\udce9", "one"]
    assert rows["caf\udce9"]["state"] == "broken" and "its name is no text" in rows["caf\udce9"]["why"]
    assert rows["one"]["state"] != "broken" and rows["caf\udce9"]["picture"] is None
