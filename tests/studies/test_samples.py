"""The page of a study shows samples of every arm, of one seed."""

from __future__ import annotations

import pytest
from PIL import Image

from poise.cli import main
from poise.studies import study as studies
from poise.studies.report.samples import samples_of
from tests.studies.here import words, write

PART = {"name": "p", "seeds": [3, 4], "arms": [{"name": "none"}, {"name": "both"}]}


def outcome(*done):
    rows = [{"part": "p", "arm": a, "seed": s, "run": f"{a}{s}", "state": "done"} for a, s in done]
    return {
        "parts": [PART],
        "table_of_runs": [*rows, {"part": "p", "arm": "both", "seed": 9, "run": None, "state": "missing"}],
    }


def run(folder, name, *files):
    place = folder / "runs" / name / "samples"
    place.mkdir(parents=True)
    for file in files:
        path = place / file
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".png":
            Image.new("RGB", (4, 4)).save(path)
        else:
            path.write_text("".join(f"sentence {i} <b>\n" for i in range(20)))


def test_the_last_samples_of_the_seed_that_most_arms_have(tmp_path):
    run(tmp_path, "none3", "00000001.png")
    run(tmp_path, "none4", "00000001.png", "00000020.png", "real.png")
    run(tmp_path, "both4", "00000020.png")
    ((title, arms),) = samples_of(outcome(("none", 3), ("none", 4), ("both", 4)), tmp_path, "runs")
    assert title == "p, seed 4, at the end; the same noise in every arm"
    assert [(a["arm"], a["picture"]) for a in arms] == [
        ("none", "runs/none4/samples/00000020.png"), ("both", "runs/both4/samples/00000020.png"),
    ]  # fmt: skip


def test_sentences_are_lines_and_sounds_a_page_with_a_spectrogram(tmp_path):
    run(tmp_path, "none3", "00000020.txt")
    run(tmp_path, "both3", "index.html", "00000020/mel.png")
    ((_, (text, sound)),) = samples_of(outcome(("none", 3), ("both", 3)), tmp_path, "runs")
    assert text["text"].splitlines() == [f"sentence {i} <b>" for i in range(12)] and not text["picture"]
    assert (
        sound["page"] == "runs/both3/samples/index.html" and sound["picture"] == "runs/both3/samples/00000020/mel.png"
    )


def test_where_there_is_nothing_nothing_is_shown(tmp_path):
    assert samples_of(outcome(), tmp_path, "runs") == []
    run(tmp_path, "none3")
    assert samples_of(outcome(("none", 3), ("both", 3)), tmp_path, "runs") == []


@pytest.mark.usefixtures("here")
def test_they_stand_on_the_page(tmp_path, monkeypatch):
    write(tmp_path)

    def shown(outcome, folder, runs):
        assert runs == "runs" and folder == tmp_path / "s"
        return [("toy", [{"arm": "none <x>", "picture": "runs/a b/1.png", "text": "a <b>", "page": "runs/i.html"}])]

    monkeypatch.setattr("poise.studies.report.publish.samples_of", shown)
    assert main(words(tmp_path, "--quiet")) == 0
    page = (tmp_path / "s" / "index.html").read_text()
    assert '<img src="runs/a%20b/1.png" alt="samples of none &lt;x&gt;">' in page and "a &lt;b&gt;" in page
    assert '(<a href="runs/i.html">listen</a>)' in page and studies.Pool.__name__ == "Here"
