"""What may not be asked of a run that is played with is refused in one sentence, before anything is loaded or drawn."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import json
import shutil

import pytest

from poise.errors import PoiseError
from poise.serve import app as serving
from poise.serve import drawing, play
from poise.serve.asked import CLIPS, KNOWN, LETTERS, MOST, SEEDS, STRIP
from poise.serve.views import Views
from tests.serve.playing import OLD, Never, at, got  # noqa: F401  (fixture)

pytest.importorskip("starlette")
from starlette.testclient import TestClient

pytestmark = pytest.mark.slow

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


def test_data_that_have_gone_are_told_without_their_place(played, tmp_path):
    shutil.copytree(played / "vocoder--vocos", tmp_path / "runs" / "gone")
    file = tmp_path / "runs" / "gone" / "spec.json"
    known = json.loads(file.read_text())
    known["data_path"] = known["facts"]["recordings"]["data"] = known["arguments"]["data"] = "/home/me/SECRET/sounds"
    file.write_text(json.dumps(known))
    wish = drawing.Wish(file.parent, 2, 0, "clip.wav", {"n": 1, "seed": 0, "at": 0})
    worked, said = drawing.answer(drawing.Studio(), wish)
    assert not worked and b"sounds" in said and b"SECRET" not in said


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


def test_every_drawing_has_bounds_and_a_type():
    for what, known in KNOWN.items():
        assert "step" in known and what.rpartition(".")[2] in ("png", "txt", "wav", "json")
