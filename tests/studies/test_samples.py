"""The page of a study shows samples of every arm, of one seed."""

from __future__ import annotations

import pytest
from PIL import Image

from poise.cli import main
from poise.studies import study as studies
from poise.studies.plans.plan import Result
from poise.studies.report.samples import ArmSamples, samples_of
from tests.studies.here import words, write
from tests.studies.pieces import arm, part
from tests.studies.pieces import outcome as small


def outcome(*done):
    rows = [Result("p", arm, seed, f"{arm}{seed}", "done") for arm, seed in done]
    parts = [part(arm("none"), arm("both"), name="p", seeds=(3, 4))]
    return small(parts=parts, table_of_runs=[*rows, Result("p", "both", 9)])


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
    assert [(a.arm, a.picture) for a in arms] == [
        ("none", "runs/none4/samples/00000020.png"), ("both", "runs/both4/samples/00000020.png"),
    ]  # fmt: skip


def test_sentences_are_lines_and_sounds_a_page_with_a_spectrogram(tmp_path):
    run(tmp_path, "none3", "00000020.txt")
    run(tmp_path, "both3", "index.html", "00000020/mel.png")
    ((_, (text, sound)),) = samples_of(outcome(("none", 3), ("both", 3)), tmp_path, "runs")
    assert text.text.splitlines() == [f"sentence {i} <b>" for i in range(12)] and not text.picture
    assert sound.page == "runs/both3/samples/index.html" and sound.picture == "runs/both3/samples/00000020/mel.png"


def test_where_there_is_nothing_nothing_is_shown(tmp_path):
    assert samples_of(outcome(), tmp_path, "runs") == []
    run(tmp_path, "none3")
    assert samples_of(outcome(("none", 3), ("both", 3)), tmp_path, "runs") == []


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_they_stand_on_the_page(tmp_path, monkeypatch):
    write(tmp_path)

    def shown(outcome, folder, runs):
        assert runs == "runs" and folder == tmp_path / "s"
        return [("toy", [ArmSamples("none <x>", "runs/a b/1.png", "a <b>", "runs/i.html")])]

    monkeypatch.setattr("poise.studies.report.publish.samples_of", shown)
    assert main(words(tmp_path, "--quiet")) == 0
    page = (tmp_path / "s" / "index.html").read_text()
    assert '<img src="runs/a%20b/1.png" alt="samples of none &lt;x&gt;">' in page and "a &lt;b&gt;" in page
    assert '(<a href="runs/i.html">listen</a>)' in page and studies.Pool.__name__ == "Here"
