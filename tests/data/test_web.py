"""Files over HTTPS: checked, gone on with, and what a server may do wrong. The server is on this machine."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from poise.data.catalogue import catalogue, fetch, web
from poise.data.catalogue.web import WebFile, bring
from poise.errors import PoiseError

CONTENT = bytes(range(256)) * 4000  # a megabyte


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        if isinstance(content, str):
            self.send_response(302)
            self.send_header("Location", content)
            self.end_headers()
            return
        start = 0
        if server.ranges and (asked := re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")):
            start = int(asked[1])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        self.wfile.write(content[start:] if cut is None else content[start : start + cut])
        if cut is not None:
            self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(web, "WAIT", 0.01)
    monkeypatch.setattr(web, "TIMEOUT", 5.0)
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.files, made.asked, made.cuts, made.ranges = {}, [], [], True
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def file_of(server, content=CONTENT, name="a.bin", served=None):
    server.files[f"/{name}"] = content if served is None else served
    return WebFile(
        f"http://127.0.0.1:{server.server_port}/{name}", name, len(content), hashlib.sha256(content).hexdigest()
    )


@pytest.fixture
def places(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "parts", tmp_path / "folder"


@pytest.mark.slow
def test_a_file_comes_whole_and_tells_how_far_it_is(server, places):
    told = []
    bring(
        (file_of(server), file_of(server, b"b" * 10, "b.bin")), *places, lambda here, whole: told.append((here, whole))
    )
    assert (places[1] / "a.bin").read_bytes() == CONTENT and (places[1] / "b.bin").read_bytes() == b"b" * 10
    assert told[-1] == (len(CONTENT) + 10,) * 2 and told == sorted(told) and not list(places[0].glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("ranges", [True, False], ids=["the server goes on", "the server begins again"])
def test_what_is_cut_off_is_gone_on_with(server, places, ranges):
    server.cuts, server.ranges = [300_000, 200_000], ranges
    bring((file_of(server),), *places)
    assert (places[1] / "a.bin").read_bytes() == CONTENT
    asked = [how for _, how in server.asked]
    assert asked[0] is None and asked[1] == "bytes=300000-" and len(asked) == 3
    assert asked[2] == ("bytes=500000-" if ranges else "bytes=200000-")


@pytest.mark.slow
def test_another_process_goes_on_where_the_first_was_killed(server, places, monkeypatch):
    server.cuts = [400_000] + [0] * 99
    monkeypatch.setattr(web, "TRIES", 2)
    with pytest.raises(PoiseError, match=r"does not bring a\.bin .*; what is here is kept"):
        bring((file_of(server),), *places)
    assert not list(places[1].iterdir())
    server.cuts, server.asked = [], []
    bring((file_of(server),), *places)
    assert server.asked == [("/a.bin", "bytes=400000-")] and (places[1] / "a.bin").read_bytes() == CONTENT


@pytest.mark.slow
def test_files_that_are_whole_are_not_brought_again(server, places):
    good, missing = file_of(server), file_of(server, b"later", "b.bin")
    del server.files["/b.bin"]
    with pytest.raises(PoiseError, match=r"b\.bin is not there \(HTTP 404\)"):
        bring((good, missing), *places)
    server.files["/b.bin"], server.asked = b"later", []
    bring((good, missing), *places)
    assert server.asked[0] == ("/a.bin", f"bytes={len(CONTENT)}-"), "nothing after what is here: 416"
    assert (places[1] / "a.bin").read_bytes() == CONTENT


@pytest.mark.slow
def test_other_content_is_thrown_away(server, places):
    with pytest.raises(PoiseError, match="is not what is meant: its content has sha256"):
        bring((file_of(server, served=CONTENT[:-1] + b"?"),), *places)
    assert not list(places[0].glob("*.part")) and not list(places[1].iterdir())


@pytest.mark.slow
def test_a_file_without_end_is_given_up(server, places):
    with pytest.raises(PoiseError, match="it is longer than"):
        bring((file_of(server, b"short", served=b"x" * 3_000_000),), *places)


@pytest.mark.slow
def test_packed_files_are_checked_by_their_content(server, places):
    packed = gzip.compress(CONTENT, 1)
    file = file_of(server, CONTENT, "c.gz", served=packed)._replace(size=len(packed))
    bring((file,), *places)
    assert (places[1] / "c.gz").read_bytes() == packed
    server.files["/c.gz"] = packed[: len(packed) // 2]
    (places[1] / "c.gz").unlink()
    with pytest.raises(PoiseError, match="is not what is meant"):
        bring((file,), *places)


@pytest.mark.slow
def test_no_address_but_https(server, places):
    file = file_of(server)
    server.files["/a.bin"] = "http://example.org/elsewhere"
    with pytest.raises(PoiseError, match=r"http://example\.org is not https"):
        bring((file,), *places)
    with pytest.raises(PoiseError, match="is not https"):
        bring((file._replace(url="http://example.org/a.bin"),), *places)


@pytest.mark.slow
def test_nobody_answers(server, places, monkeypatch):
    monkeypatch.setattr(web, "TRIES", 2)
    file = file_of(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(PoiseError, match=r"127\.0\.0\.1 does not bring a\.bin"):
        bring((file,), *places)


@pytest.mark.slow
def test_a_server_that_begins_again_and_again_is_given_up(server, places, monkeypatch):
    """Without ranges, cut off earlier and later in turn: only more than ever before counts as progress."""
    monkeypatch.setattr(web, "TRIES", 3)
    server.ranges, server.cuts = False, [2000, 1000] * 50
    with pytest.raises(PoiseError, match=r"does not bring a\.bin"):
        bring((file_of(server),), *places)
    assert len(server.asked) < 10


@pytest.mark.slow
def test_an_answer_that_is_none_is_no_fault(server, places, monkeypatch):
    monkeypatch.setattr(web, "TRIES", 1)
    file = file_of(server)
    server.files["/a.bin"] = "https://[x/"
    with pytest.raises(PoiseError, match=r"does not bring a\.bin"):
        bring((file,), *places)


@pytest.mark.slow
def test_two_processes_bring_a_file_one_after_the_other(server, tmp_path):
    parts, folders = tmp_path / "parts", [tmp_path / "x", tmp_path / "y"]
    failed = []

    def work(folder):
        folder.mkdir()
        try:
            bring((file_of(server),), parts, folder)
        except PoiseError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed and all((folder / "a.bin").read_bytes() == CONTENT for folder in folders)


# ---- the second way of a catalogued set


@pytest.fixture
def without_clients(server, tmp_path, monkeypatch):
    """An empty PATH, a cache of its own, and a set whose publisher is the server."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("POISE_CACHE", str(tmp_path / "cache"))
    entry = dataclasses.replace(catalogue.find("fashion-mnist"), web=(file_of(server, b"pictures", "p.bin"),))
    monkeypatch.setattr(fetch, "find", lambda name: entry)
    monkeypatch.setattr(fetch, "located", lambda name: None)
    return entry


@pytest.mark.slow
def test_without_the_client_a_set_comes_from_its_publisher(without_clients):
    told = []
    folder = fetch.get("fashion-mnist", tell=told.append)
    assert (folder / "p.bin").read_bytes() == b"pictures" and folder == without_clients.folder
    assert told == [
        "fashion-mnist: there is no apt-get on this machine to get dataset-fashion-mnist with; so it comes over HTTPS "
        "from its publisher, 127.0.0.1"
    ]


@pytest.mark.slow
def test_where_neither_way_works_both_are_said(without_clients, server):
    server.files.clear()
    with pytest.raises(
        PoiseError, match=r"p\.bin is not there \(HTTP 404\); before that: there is no apt-get .* place "
    ):
        fetch.get("fashion-mnist", tell=lambda line: None)
    assert not without_clients.folder.exists()


@pytest.mark.slow
def test_a_wrong_file_that_was_placed_by_hand_is_told_and_not_gone_around(without_clients):
    without_clients.placed.parent.mkdir(parents=True)
    without_clients.placed.write_bytes(b"something else")
    with pytest.raises(PoiseError, match="remove it, or place the right file there"):
        fetch.get("fashion-mnist", tell=lambda line: None)


@pytest.mark.slow
def test_what_a_publisher_packs_otherwise_is_made_the_same_set(without_clients, monkeypatch):
    """Nothing but the set is left, and the files that were downloaded are gone."""
    entry = dataclasses.replace(without_clients, web_unpack=f"{__name__}:upper")
    monkeypatch.setattr(fetch, "find", lambda name: entry)
    folder = fetch.get("fashion-mnist", tell=lambda line: None)
    assert [path.name for path in folder.iterdir()] == ["made"] and (folder / "made").read_bytes() == b"PICTURES"
    assert [path.name for path in entry.placed.parent.iterdir() if path.name != ".lock"] == []


def upper(files, folder):
    (folder / "made").write_bytes((files / "p.bin").read_bytes().upper())
