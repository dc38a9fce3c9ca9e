"""What draws: a process of its own, begun when it is needed, ended with the server; bounded in all it keeps."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading

import pytest

import poise
from poise.errors import PoiseError
from poise.serve import app as serving
from poise.serve import drawing, play
from poise.serve.apart import Apart
from poise.serve.views import Views
from tests.serve.playing import OLD, Never, at, got  # noqa: F401  (fixture)

pytest.importorskip("starlette")
from starlette.testclient import TestClient

pytestmark = pytest.mark.slow


class Slow:
    """Draws when it is let."""

    def __init__(self):
        self.begun, self.let, self.wishes = threading.Event(), threading.Event(), []

    def draw(self, wish):
        self.wishes.append(wish)
        self.begun.set()
        assert self.let.wait(60)
        return True, bytes([len(self.wishes)])


def test_who_is_too_many_is_told_and_who_asks_the_same_shares_it(played, monkeypatch):
    slow = Slow()
    player = play.DrawnRuns(Views(played), slow)
    found, threads = [], []
    entered = threading.Semaphore(0)
    places = player._places.acquire
    monkeypatch.setattr(player._places, "acquire", lambda **way: (places(**way), entered.release())[0])
    for i in range(play.WAITING):
        query = [("seed", str(i // 4))]  # four viewers of each
        threads.append(threading.Thread(target=lambda q=query: found.append(player.drawn("dcgan", "grid.png", q))))
        threads[-1].start()
        entered.acquire(timeout=60)
    assert slow.begun.wait(60)
    with TestClient(serving.application(played, painter=slow), base_url="http://localhost:8741"):
        pass
    with pytest.raises(play.TooMany, match="others are drawing; try again"):
        player.drawn("dcgan", "grid.png", [("seed", "99")])
    slow.let.set()
    for thread in threads:
        thread.join(60)
    assert len(found) == play.WAITING and len(slow.wishes) == play.WAITING // 4
    assert player.drawn("dcgan", "grid.png", [("seed", "0")])[0] in {content for content, _ in found}
    assert len(slow.wishes) == play.WAITING // 4, "it was kept"


def test_too_many_is_503_and_a_process_that_has_ended_is_begun_anew(at, played, painter):
    class Busy:
        def draw(self, wish):
            raise play.TooMany("others are drawing; try again")

    with TestClient(serving.application(played, painter=Busy()), base_url="http://localhost:8741") as busy:
        answer = busy.get("/api/play/dcgan/grid.png")
        assert (answer.status_code, answer.text) == (503, "others are drawing; try again\n")
    before = got(at, "/api/play/dcgan/grid.png", seed=11)
    painter._process.kill()
    painter._process.join()
    assert got(at, "/api/play/dcgan/grid.png", seed=12) != before


def test_a_process_that_nobody_needs_ends_and_is_begun_anew(played):
    resting = Apart(idle=0.01)
    wish = drawing.Wish(played / "dcgan", 2, 0, "grid.png", {"n": 2, "seed": 0.0})
    first = resting.draw(wish)
    process = resting._process
    process.join(60)
    assert process.exitcode == 0 and first[0]
    assert resting.draw(wish) == first and resting._process is not process
    resting.end()


class Wire:
    """An end of a pipe: who draws behind it hangs, or has ended, or has gone to rest."""

    def __init__(self, error=None):
        self.error = error

    def send(self, wish):
        pass

    def close(self):
        pass

    def poll(self, seconds):
        return self.error is not None

    def recv(self):
        raise self.error


@pytest.mark.parametrize(("error", "said"), [(None, "takes more than"), (EOFError(), "has ended, perhaps for want of")])
def test_what_would_end_or_hang_again_is_not_asked_again(error, said, played, monkeypatch):
    """Pages ask again after 503; each time would end the process of all, or keep it for minutes."""
    apart = Apart()
    monkeypatch.setattr(apart, "_ready", lambda: Wire(error))
    with TestClient(serving.application(played, painter=apart), base_url="http://localhost:8741") as at:
        answer = at.get("/api/play/dcgan/grid.png")
    assert answer.status_code == 400 and said in answer.text


class Failing:
    """A studio in which something is wrong that nobody thought of."""

    def drawn(self, wish):
        raise AttributeError(f"no such thing in {wish.run}/x or /home/me/data/y")


def test_an_error_that_nobody_thought_of_is_a_sentence_and_the_process_goes_on(tmp_path):
    worked, said = drawing.answer(Failing(), drawing.Wish(tmp_path / "run", 1, 0, "grid.png"))
    assert not worked and said == b"it could not be drawn (AttributeError: no such thing in run/x or y)"


def test_another_checkpoint_of_the_same_step_is_told_from_the_one_that_was_shown(tmp_path, played):
    """As after a rollback: what was shown cannot be saved as what it is not."""
    shutil.copytree(played / "dcgan", tmp_path / "runs" / "back")
    player = play.DrawnRuns(Views(tmp_path / "runs"), never := Never())
    able = player.abilities("back").content
    asked = [("step", str(able["steps"][-1])), ("made", able["made"][-1])]
    assert player.drawn("back", "grid.png", asked)[0] == b"drawn"
    assert player.drawn("back", "grid.png", asked[:1])[0] == b"drawn" and never.asked == 1, "it is the same"
    manifest = tmp_path / "runs" / "back" / "checkpoints" / f"step-{able['steps'][-1]:08d}" / "manifest.json"
    os.utime(manifest, ns=(1, 1))
    with pytest.raises(PoiseError, match=r"back has another checkpoint of step \d+ by now: draw again"):
        player.drawn("back", "grid.png", asked)
    assert player.drawn("back", "grid.png", [asked[0], ("made", "1")])[0] == b"drawn" and never.asked == 2


CHILD = """
import os, sys, time
from pathlib import Path
if __name__ == "__main__":
    from poise.serve.apart import Apart
    from poise.serve.drawing import Wish
    painter = Apart()
    painter.draw(Wish(Path(sys.argv[1]), 2, 0, "grid.png", {"n": 2, "seed": 0.0}))
    print(painter._process.pid, flush=True)
    os._exit(1) if sys.argv[2] == "killed" else sys.exit(0)
"""


@pytest.mark.parametrize("way", ["killed", "ended"])
def test_the_process_ends_with_the_server_however_that_ends(way, played, tmp_path):
    (tmp_path / "script.py").write_text(CHILD)
    words = [sys.executable, tmp_path / "script.py", played / "dcgan", way]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        said, _ = server.communicate(timeout=120)  # ends when all who could write there have, what draws among them
    assert said.strip().isdigit() and (server.returncode == 1) == (way == "killed")


HANGING = """
import os, signal, sys, threading, time, urllib.request
from pathlib import Path
from poise.serve import app
from poise.serve.apart import Apart
from poise.serve.server import serve

def ask(address):
    threading.Thread(target=urllib.request.urlopen, args=(address,), daemon=True).start()
    while painter._connection is None:
        time.sleep(0.01)
    os.kill(painter._process.pid, signal.SIGSTOP)  # it hangs from now on
    os.kill(os.getpid(), signal.SIGINT)

if __name__ == "__main__":
    runs, port = sys.argv[1:]
    painter = Apart()
    address = f"http://127.0.0.1:{port}/api/play/dcgan/grid.png?seed=0&n=2"
    threading.Timer(2.0, ask, (address,)).start()
    try:
        serve(app.application(Path(runs), painter=painter), "127.0.0.1", int(port), painter.stop)
    except KeyboardInterrupt:  # uvicorn passes it on, where it is not ignored as in the background
        pass
    print("ended", painter._process, flush=True)
"""


def test_ctrl_c_does_not_wait_for_a_drawing_that_hangs(played, tmp_path):
    """A process that is stopped in the midst of a drawing would be waited for two minutes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "script.py").write_text(HANGING)
    words = [sys.executable, tmp_path / "script.py", str(played), str(port)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)  # less than its patience
    assert "ended None" in done.stdout, done.stderr


def test_what_is_kept_is_bounded_in_number_and_bytes(played, monkeypatch):
    class Large:
        def draw(self, wish):
            return True, bytes(1_000_000)

    player = play.DrawnRuns(Views(played), Large())
    for seed in range(40):
        player.drawn("dcgan", "grid.png", [("seed", str(seed))])
    assert sum(map(len, player._answers.values())) <= play.BYTES and len(player._answers) == 32
    monkeypatch.setattr(play, "ANSWERS", 5)
    player.drawn("dcgan", "grid.png", [("seed", "99")])
    assert len(player._answers) == 5


def test_few_runs_and_draws_are_kept(played):
    studio = drawing.Studio()
    for run in ("dcgan", "one", "vae", "dcgan"):
        step = int(poise.load(played / run).checkpoint.name[5:])
        for seed in range(3):
            studio.drawn(drawing.Wish(played / run, step, 0, "grid.png", {"n": 2, "seed": float(seed)}))
    assert [key[0].name for key in studio.runs] == ["vae", "dcgan"] and len(studio.draws) == drawing.DRAWS


SCRIPT = """
import sys
from pathlib import Path
if __name__ == "__main__":
    from starlette.testclient import TestClient
    from poise.serve.app import application
    with TestClient(application(Path(sys.argv[1])), base_url="http://localhost:8741") as at:
        assert at.get("/api/runs").status_code == 200
        assert at.get("/api/play/dcgan").json()["draws"]
        assert at.get("/api/compare?run=dcgan&run=one").status_code == 200
        assert at.get("/api/play/dcgan/grid.png").content[:4] == b"\\x89PNG"
    assert "torch" not in sys.modules
"""


def test_the_server_never_loads_torch_not_even_to_draw(played, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, tmp_path / "script.py", played], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
