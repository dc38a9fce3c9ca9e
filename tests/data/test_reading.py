"""While data are read: how far it is is told where it lasts, and the first Ctrl-C ends it with nothing half-written."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.files import reading as module
from poise.data.files.reading import ReadingProgress, reading
from poise.data.files.turns import still_wanted
from poise.data.files.walking import in_order
from poise.data.images.check import check
from poise.data.images.images import open_images


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def soon(monkeypatch):
    """What lasts is told after a moment."""
    for name in ("FIRST", "REDRAWN", "EVERY"):
        monkeypatch.setattr(module, name, 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("screen", [io.StringIO, Screen])
def test_what_lasts_is_told_and_a_terminal_is_left_clean(screen, soon, monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen())
    with reading("photos") as told:
        for stage in ("listing files", "decoding"):
            told.begin(stage)
            for done in range(3):
                told(done, 80_000)
                time.sleep(0.1)
    text = sys.stderr.getvalue()
    assert "photos: listing files" in text and "photos: decoding, 2 of 80,000" in text
    assert text.endswith("\r\x1b[K" if screen is Screen else "\n")
    assert ("\x1b" in text) == (screen is Screen)


def test_what_is_soon_over_or_quiet_is_not_told(soon, monkeypatch, capsys):
    monkeypatch.setattr(module, "FIRST", 60)
    with reading("photos"):
        time.sleep(0.05)
    monkeypatch.setattr(module, "FIRST", 0.01)
    monkeypatch.setattr(module, "quiet", True)
    with reading("photos"):
        time.sleep(0.05)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("read", [lambda path: open_images(path, size=16), check], ids=["a run", "data check"])
def test_files_are_counted_while_they_are_read(read, photos, soon, monkeypatch, capsys):
    from poise.data.images.sources import encoded

    real = encoded.decode
    monkeypatch.setattr(encoded, "decode", lambda *how: (time.sleep(0.03), real(*how))[1])
    read(photos(30))
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("photos: decoding, ") and line.endswith(" of 30") for line in lines)


def test_lines():
    told = ReadingProgress("a")
    assert told.line() == "a: reading"
    told(3, 0)
    assert told.line() == "a: reading, 3"
    told(3, 1000)
    assert told.line() == "a: reading, 3 of 1,000"


def interrupted() -> None:
    with reading("x"):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)


@pytest.mark.parametrize("kind", ["a handler of a run", "the usual one", "ignored"])
def test_a_handler_that_would_wait_for_a_step_is_set_aside(kind):
    asked: list[int] = []
    handler = {"a handler of a run": lambda *_: asked.append(1), "the usual one": signal.default_int_handler,
               "ignored": signal.SIG_IGN}[kind]  # fmt: skip
    before = signal.signal(signal.SIGINT, handler)
    try:
        if kind == "ignored":
            with reading("x"):
                os.kill(os.getpid(), signal.SIGINT)
        else:
            with pytest.raises(KeyboardInterrupt):
                interrupted()
        assert signal.getsignal(signal.SIGINT) is handler and not asked
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_read_as_well():
    def read():
        with reading("x"):
            found.append(1)

    found: list[int] = []
    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert found


def test_work_that_nobody_waits_for_ends():
    ended: list[int] = []

    def work(item: int) -> int:
        try:
            for _ in range(2000):
                still_wanted()
                time.sleep(0.01)
        except BaseException:
            ended.append(item)
            raise
        return item

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    results = in_order(work, range(100))
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    begun = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            next(results)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 10  # all of it takes minutes
    assert ended


WORDS = ["--steps=2", "--batch=4", "--scores=0", "--threads=1", "--device=cpu", "--out", "new"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "signum"), [(["train", "images"], signal.SIGTERM), (["data", "check"], signal.SIGINT),
                          (["train", "vae"], signal.SIGINT)], ids=["train images", "data check", "train vae"]
)  # fmt: skip
def test_the_first_ctrl_c_ends_reading(words, signum, tmp_path):
    """Large pictures, so that each takes a while; told by the first line of progress that reading has begun."""
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (1500, 1500, 3), dtype=np.uint8)).save(buffer, "PNG", compress_level=1)
    for i in range(60):
        (tmp_path / f"pictures/{i:03}.png").write_bytes(buffer.getvalue()[:-12] + bytes(i) + buffer.getvalue()[-12:])
    code = (
        "import sys; from poise.data.files import reading; reading.FIRST = 0.01; "
        "from poise.cli import main; sys.exit(main())"
    )
    more = WORDS if words[0] == "train" else []
    with subprocess.Popen(
        [sys.executable, "-c", code, *words, "pictures", *more],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    ) as process:  # fmt: skip
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("pictures: "), first
        process.send_signal(signum)
        begun = time.monotonic()
        _, rest = process.communicate(timeout=300)
        took = time.monotonic() - begun
    assert process.returncode == 130, rest
    assert rest.splitlines()[-1] == "poise: stopped" and "Traceback" not in rest
    assert took < 20  # reading all of them takes longer
    assert not (tmp_path / "new").exists()
    cache = Path(os.environ["POISE_CACHE"])
    assert not [p for p in cache.rglob("*") if p.name.startswith((".building", ".writing"))]
