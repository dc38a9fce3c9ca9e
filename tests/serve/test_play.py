"""What is drawn is what the commands write, bit for bit; nothing else can be asked for, and not too much of it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import poise
from poise.cli import main
from poise.errors import PoiseError
from poise.recipes.common.recipe import NoisePlace
from poise.record import RunFolder
from poise.report.picture import grid, png
from poise.serve import app as serving
from poise.serve import drawing, play
from poise.serve.apart import Apart
from poise.serve.asked import CLIPS, KNOWN, LETTERS, MOST, SEEDS, STRIP
from poise.serve.views import Views
from tests.serve.conftest import KINDS, name_of

pytest.importorskip("starlette")
from starlette.testclient import TestClient

pytestmark = pytest.mark.slow
OLD = Path(__file__).parents[1] / "fixtures" / "f6218b1" / "runs"


@pytest.fixture(scope="module")
def at(played, painter):
    with TestClient(serving.application(played, painter=painter), base_url="http://localhost:8741") as made:
        yield made


def got(at, address, /, **query):
    answer = at.get(address, params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


def written(tmp_path, name, *words):
    """What a command writes into a file or a folder of that name."""
    assert main([words[0], *map(str, words[1:]), "--out", str(tmp_path / name)]) == 0
    return tmp_path / name


DRAWN = [
    ("dcgan", "grid.png", {"n": 9, "seed": 3}, []),
    ("dcgan", "grid.png", {"n": 5, "seed": 0, "truncation": "0.7"}, ["--truncation", "0.7"]),
    ("dcgan", "grid.png", {"n": 64, "seed": SEEDS, "step": 2}, ["--step", 2]),
    ("residual", "grid.png", {"n": 7, "seed": 1}, []),
    ("residual", "grid.png", {"n": 4, "seed": 1, "label": "c"}, ["--label", "c"]),
    ("vae", "grid.png", {"n": 4, "seed": 2}, []),
    ("vae", "grid.png", {"n": 4, "seed": 2, "latents": "prior"}, ["--latents", "prior"]),
    ("own-pictures", "grid.png", {"n": 4, "seed": 2}, []),
    ("language", "sentences.txt", {"n": 6, "seed": 4}, []),
    ("language", "sentences.txt", {"n": 6, "seed": 4, "temperature": "0.5", "top_k": 5, "top_p": "0.9",
                                   "start": "The king"}, ["--temperature", "0.5", "--top-k", "5", "--top-p", "0.9",
                                                          "--start", "The king"]),
    ("text--lstm", "sentences.txt", {"n": 3, "seed": 0, "temperature": "1.5"}, ["--temperature", "1.5"]),
    ("text--lstm", "sentences.txt", {"n": 3, "seed": 0, "form": "2 sees 2"}, ["--form", "2 sees 2"]),
]  # fmt: skip


@pytest.mark.parametrize(("run", "what", "query", "words"), DRAWN)
def test_what_is_drawn_is_what_poise_sample_writes(run, what, query, words, at, played, tmp_path):
    file = written(tmp_path, f"x{Path(what).suffix}", "sample", played / run, "-n", query["n"], "--seed", query["seed"],
                   *words)  # fmt: skip
    assert got(at, f"/api/play/{run}/{what}", **query) == file.read_bytes()


@pytest.mark.parametrize("run", ["dcgan", "residual", "vae"])
def test_a_picture_alone_is_the_file_of_a_folder_of_samples(run, at, played, tmp_path):
    folder = written(tmp_path, "each", "sample", played / run, "-n", 5, "--seed", 3)
    for i in range(5):
        found = got(at, f"/api/play/{run}/picture.png", n=5, seed=3, at=i)
        assert found == (folder / f"{i:05d}.png").read_bytes()


@pytest.mark.parametrize("query", [{}, {"voice": "high", "seed": 3, "speed": "1.5"}])
def test_a_sentence_is_what_poise_say_writes(query, at, played, tmp_path):
    words = [word for name, value in query.items() for word in (f"--{name}", value)]
    file = written(tmp_path, "x.wav", "say", played / "speech", "ma1", *words)
    assert got(at, "/api/play/speech/say.wav", text="ma1", **query) == file.read_bytes()


@pytest.mark.parametrize("run", ["speech", "vocoder--vocos"])
def test_clips_are_the_files_of_poise_sample(run, at, played, tmp_path):
    folder = written(tmp_path, "clips", "sample", played / run, "-n", 3, "--seed", 1)
    titles = json.loads((folder / "texts.json").read_text())
    assert json.loads(got(at, f"/api/play/{run}/clips.json", n=3, seed=1)) == titles and len(titles) == 3
    for i in range(3):
        found = got(at, f"/api/play/{run}/clip.wav", n=3, seed=1, at=i)
        assert found == (folder / f"{i:03d}-generated.wav").read_bytes()


@pytest.mark.parametrize("run", ["dcgan", "residual", "vae"])
def test_ways_are_those_of_the_door_and_their_ends_are_the_pictures(run, at, played):
    asked = {"from": 3, "from_at": 1, "to": 9, "to_at": 2}
    start, end = NoisePlace(3, 1), NoisePlace(9, 2)
    strip = poise.load(played / run).walk([start], [end], [i / 4 for i in range(5)])[0]
    assert got(at, f"/api/play/{run}/way.png", **asked, between=5) == png(grid(strip, columns=5))
    halfway = poise.load(played / run).walk([start], [end], [0.35])[0, 0]
    assert got(at, f"/api/play/{run}/between.png", **asked, share="0.35") == png(drawing.alone(halfway))
    for share, seed, place in ((0, 3, 1), (1, 9, 2)):
        found = got(at, f"/api/play/{run}/between.png", **asked, share=share)
        assert found == got(at, f"/api/play/{run}/picture.png", n=3, seed=seed, at=place)


def test_between_two_seeds_all_pictures_walk_and_at_a_seed_they_are_its_samples(at, played):
    run = poise.load(played / "residual")
    places = [NoisePlace(3, i, 0.25, "b") for i in range(4)]
    made = run.walk(places, places, [0.0])[:, 0]
    assert got(at, "/api/play/residual/grid.png", n=4, seed="3.25", label="b") == png(grid(made))
    whole = got(at, "/api/play/residual/grid.png", n=4, seed="3.00", label="b")
    assert whole == png(grid(run.sample(4, seed=3, label="b"))) != png(grid(made))
    one = got(at, "/api/play/residual/picture.png", n=4, seed="3.25", label="b", at=2)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(one))), made[2])
    way = {"from": "3.25", "from_at": 2, "from_label": "b", "to": 5, "to_label": "a", "share": 0}
    assert got(at, "/api/play/residual/between.png", **way) == one


def test_a_page_is_told_what_each_run_can_and_no_place_on_this_machine(at, played):
    pictures, sounds = ["grid.png", "picture.png", "way.png", "between.png"], ["clip.wav", "clips.json"]
    draws = {"dcgan": pictures, "residual": pictures, "vae": pictures, "own-pictures": pictures,
             "language": ["sentences.txt"], "text--lstm": ["sentences.txt"], "speech": [*sounds, "say.wav"],
             "vocoder--vocos": sounds}  # fmt: skip
    for kind in KINDS:
        answer = at.get(f"/api/play/{name_of(kind)}")
        found = answer.json()
        assert found["draws"] == draws[name_of(kind)] and not found["trouble"]
        assert found["steps"] and str(played) not in answer.text
        assert (
            at.get(f"/api/play/{name_of(kind)}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        )
    assert at.get("/api/play/residual").json()["classes"] == ["a", "b", "c"]
    assert "label" not in at.get("/api/play/dcgan").json()["asks"]
    assert at.get("/api/play/speech").json()["voices"] == ["high", "low"]
    assert at.get("/api/play/speech").json()["texts"]


LONG = "a" * (LETTERS + 1)
WRONG = [
    *(("dcgan", "grid.png", query, said) for query, said in [
        ("n=0", "n must be a whole number from 1 to 64"), (f"n={MOST + 1}", "n must be"), ("n=1e3", "n must be"),
        ("n=-1", "n must be"), ("n=%EF%BC%91", "n must be"), ("n=99999999999999999", "n must be"), ("n=", "n must"),
        ("seed=-1", "seed must be a number"), (f"seed={SEEDS + 1}", "seed must be"), ("seed=0.123", "seed must be"),
        ("seed=nan", "seed must be"), ("seed=inf", "seed must be"), ("seed=1e5", "seed must be"),
        ("truncation=0", "truncation must be"), ("truncation=11", "truncation must be"), ("step=best", "step must be"),
        ("step=../..", "step must be"), ("step=99", "keeps no checkpoint of step 99"), ("step=1%00", "step must be"),
        ("latents=prior", "latents does nothing for dcgan"), ("label=a", "label does nothing for dcgan"),
        ("latents=evil", "latents must be prior or mixture"), ("n=2&n=3", "n is there twice"),
        ("out=/tmp/x", "grid.png knows no 'out'"), ("%3Cscript%3E=1", "grid.png knows no '<script>'"),
    ]),
    ("dcgan", "picture.png", "at=16", "at 16 is none of 16"),
    ("dcgan", "picture.png", "n=2&at=2", "at 2 is none of 2"),
    ("dcgan", "way.png", "between=1", "between must be"),
    ("dcgan", "way.png", f"between={STRIP + 1}", "between must be"),
    ("dcgan", "way.png", "from_label=a", "from_label does nothing for dcgan"),
    ("dcgan", "between.png", "share=1.5", "share must be"),
    ("dcgan", "sentences.txt", "", "which draws no sentences.txt"),
    ("dcgan", "say.wav", "text=ma1", "which draws no say.wav"),
    ("dcgan", "nothing.png", "", "there is no drawing 'nothing.png'"),
    ("dcgan", "..%5cspec.json", "", "there is no drawing"),
    ("nothing", "grid.png", "", "there is no run 'nothing'"),
    ("residual", "grid.png", f"label={LONG}", "label must have 1 to 150 letters"),
    ("residual", "grid.png", "label=a%00b", "without control characters"),
    ("residual", "grid.png", "label=", "label must have 1 to 150 letters"),
    ("language", "sentences.txt", "temperature=0", "temperature must be"),
    ("language", "sentences.txt", "top_k=0", "top_k must be"),
    ("language", "sentences.txt", "top_p=1.1", "top_p must be"),
    ("language", "sentences.txt", f"start={LONG}", "start must have 1 to 150 letters"),
    ("language", "sentences.txt", "start=a%0Ab", "without control characters"),
    ("language", "sentences.txt", "seed=0.5", "seed must be"),
    ("speech", "say.wav", "", "text is missing"),
    ("speech", "say.wav", f"text={LONG}", "text must have 1 to 150 letters"),
    ("speech", "say.wav", "text=ma1&speed=0.1", "speed must be"),
    ("speech", "clip.wav", f"n={CLIPS + 1}", "n must be"),
    ("speech", "clip.wav", "n=2&at=3", "at 3 is none of 2"),
    ("vocoder--vocos", "clip.wav", "voice=a", "voice does nothing for vocoder--vocos"),
]  # fmt: skip


class Never:
    """Draws nothing, and says that it was asked."""

    asked = 0

    def draw(self, wish):
        self.asked += 1
        return True, b"drawn"


@pytest.mark.parametrize(("run", "what", "query", "said"), WRONG)
def test_what_cannot_be_asked_is_one_sentence_and_nothing_is_drawn(run, what, query, said, played):
    never = Never()
    with TestClient(serving.application(played, painter=never), base_url="http://localhost:8741") as at:
        answer = at.get(f"/api/play/{run}/{what}?{query}")
    assert answer.status_code == 400 and said in answer.text and answer.text.count("\n") == 1
    assert answer.headers["content-type"].startswith("text/plain") and not never.asked
    assert answer.headers["x-content-type-options"] == "nosniff" and str(played) not in answer.text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("residual/grid.png?label=lions", "--label lions is unknown"),
        ("speech/say.wav?text=ma1&voice=nobody", "--voice nobody is unknown"),
        ("speech/say.wav?text=%20", "there is nothing to say"),
        ("language/sentences.txt?start=%E6%BC%A2", "does not know"),
    ],
)  # fmt: skip
def test_what_only_the_recipe_knows_to_be_wrong_is_its_sentence(address, said, at, played):
    answer = at.get(f"/api/play/{address}")
    assert answer.status_code == 400 and said in answer.text and answer.text.count("\n") == 1
    assert str(played) not in answer.text


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


def test_data_that_have_gone_are_told_without_their_place(played, tmp_path):
    shutil.copytree(played / "vocoder--vocos", tmp_path / "runs" / "gone")
    file = tmp_path / "runs" / "gone" / "spec.json"
    known = json.loads(file.read_text())
    known["data_path"] = known["facts"]["recordings"]["data"] = known["arguments"]["data"] = "/home/me/SECRET/sounds"
    file.write_text(json.dumps(known))
    wish = drawing.Wish(file.parent, 2, 0, "clip.wav", {"n": 1, "seed": 0, "at": 0})
    worked, said = drawing.answer(drawing.Studio(), wish)
    assert not worked and b"sounds" in said and b"SECRET" not in said


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


def test_what_is_too_heavy_is_refused_before_anything_is_loaded(played, monkeypatch):
    never = Never()
    player = play.DrawnRuns(Views(played), never)
    monkeypatch.setattr(play, "HEAVIEST", 100)
    with pytest.raises(PoiseError, match="of weights, too much to draw with here: use poise sample"):
        player.drawn("dcgan", "grid.png", [])
    monkeypatch.setattr(play, "PIXELS", 16 * 16 * 4)
    with pytest.raises(PoiseError, match="pictures of 16x16 are large: ask for fewer"):
        player.drawn("dcgan", "grid.png", [("n", "5")])
    assert not never.asked


def test_a_run_that_goes_on_or_stopped_is_played_with_at_its_last_checkpoint(painter, tmp_path):
    shutil.copytree(OLD, tmp_path / "runs")
    last = RunFolder(tmp_path / "runs" / "images").saved()
    with TestClient(serving.application(tmp_path / "runs", painter=painter), base_url="http://localhost:8741") as at:
        known = at.get("/api/play/images").json()
        assert known["steps"][-1] == last and len(known["steps"]) > 1
        newest = got(at, "/api/play/images/grid.png", n=4)
        assert newest == got(at, "/api/play/images/grid.png", n=4, step=last)
        assert newest == png(grid(poise.load(tmp_path / "runs" / "images").sample(4)))
        first = known["steps"][0]
        earlier = png(grid(poise.load(tmp_path / "runs" / "images", step=first).sample(4)))
        assert got(at, "/api/play/images/grid.png", n=4, step=first) == earlier
        shutil.rmtree(tmp_path / "runs" / "images" / "checkpoints" / f"step-{last:08d}")
        assert at.get(f"/api/play/images/grid.png?step={last}").status_code == 400, "it is gone"
        for place in (tmp_path / "runs" / "images" / "checkpoints").iterdir():
            shutil.rmtree(place)
    with TestClient(serving.application(tmp_path / "runs", painter=painter), base_url="http://localhost:8741") as at:
        assert "has no checkpoint yet" in at.get("/api/play/images").json()["trouble"]


def test_code_of_others_is_never_executed(played, tmp_path, monkeypatch):
    """A network and a recipe by dotted names: refused in one sentence, and their modules are not imported."""
    (tmp_path / "strange_code.py").write_text(f"open({str(tmp_path / 'EXECUTED')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, change in (("net", {"network": "strange_code.Net"}), ("recipe", {})):
        shutil.copytree(played / "one", tmp_path / "runs" / name)
        file = tmp_path / "runs" / name / "spec.json"
        known = json.loads(file.read_text())
        known["arguments"].update(change)
        if name == "recipe":
            known["recipe"] = "strange_code.recipe"
        file.write_text(json.dumps(known))
    never = Never()
    with TestClient(serving.application(tmp_path / "runs", painter=never), base_url="http://localhost:8741") as at:
        for name in ("net", "recipe"):
            trouble = at.get(f"/api/play/{name}").json()["trouble"]
            assert "code outside of Poise" in trouble and "--trust" in trouble and str(tmp_path) not in trouble
            answer = at.get(f"/api/play/{name}/grid.png")
            assert answer.status_code == 400 and "code outside of Poise" in answer.text
    for name in ("net", "recipe"):  # what draws refuses them as well
        wish = drawing.Wish(tmp_path / "runs" / name, 24, 0, "grid.png", {"n": 1, "seed": 0.0})
        worked, said = drawing.answer(drawing.Studio(), wish)
        assert not worked and b"code outside of Poise" in said
    assert not never.asked and not (tmp_path / "EXECUTED").exists()


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


def test_every_drawing_has_bounds_and_a_type():
    for what, known in KNOWN.items():
        assert "step" in known and what.rpartition(".")[2] in ("png", "txt", "wav", "json")
