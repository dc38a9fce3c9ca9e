"""`poise report`: one file on a run of each recipe or on a study, finished or not, whatever stands in it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from poise.cli import main
from poise.disk import locked
from poise.record import RunFolder
from poise.results.forms.document import Block, Cells, Heading, Image, Paragraph, Remark, Sounds, Verbatim
from poise.results.forms.html import as_html
from poise.results.run_document import moment, run_document
from poise.results.samples import CLIP, SIDE, newest_samples
from poise.results.study_document import study_document
from poise.runs.run import run
from tests.evaluation.voices import speech_spec, vocoder_spec, write_syllables
from tests.refusals import leftovers, refusal
from tests.report.test_page import Read
from tests.results.conftest import EVIL, MADE, run_of
from tests.results.forms.test_forms import png_of

LANGUAGE = MADE / "small" / "runs" / "language-grammar-83fe4070"
THERE = {**{name: MADE / "runs" / name for name in ("images", "text", "vae")}, "language": LANGUAGE}


def of(blocks, kind: type[Block]):
    return [block for block in blocks if isinstance(block, kind)]


def checked(document) -> Read:
    """As HTML: closed, and without anything that acts or leads outside."""
    html = as_html(document).decode()
    page = Read(html)
    assert page.open == [] and "<script" not in html and "://" not in re.sub(r"base64,[^\"]*", "", html)
    for _, attributes in page.tags:
        assert "href" not in attributes and (attributes.get("src") or "data:").startswith("data:")
    return page


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("2026-12-01T13:05:00+0900", "2026-12-01 04:05 UTC"),
        ("2026-11-30T20:05:00-0800", "2026-12-01 04:05 UTC"),
        ("2026-12-01T04:05:00+0000", "2026-12-01 04:05 UTC"),
        ("2026-12-01T04:05:00", "2026-12-01 04:05"),
    ],
)
def test_moments_are_of_one_zone_wherever_a_sitting_was(written, told):
    assert moment(written) == told


@pytest.mark.parametrize("recipe", [pytest.param(name, marks=pytest.mark.slow) for name in THERE])
def test_a_run_of_each_recipe_has_a_report(recipe):
    document, _ = run_document(RunFolder(THERE[recipe]))
    page = checked(document)
    headings = [block.text for block in of(document.blocks, Heading)]
    assert headings == [
        "What was trained", "How it went", "Scores", "Findings", "Samples", "How to make it again"
    ]  # fmt: skip
    ended = "Finished after 20 steps." if recipe == "language" else "Not finished: stopped at step"
    assert document.lead.startswith(ended)
    assert of(document.blocks, Image), "curves"
    kind = Verbatim if recipe in ("text", "language") else Image
    assert [block for block in of(document.blocks, kind) if "after step" in block.title]
    assert [block for block in of(document.blocks, Verbatim) if block.text.startswith(f"poise train {recipe} ")]
    assert any(recipe in text for text in page.text)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["vocoder", "speech"])
def test_a_run_of_speech_can_be_heard(recipe, tmp_path):
    voices = str(write_syllables(tmp_path / "voices"))
    run({"vocoder": vocoder_spec, "speech": speech_spec}[recipe](voices), tmp_path / "run")
    document, _ = run_document(RunFolder(tmp_path / "run"))
    clips = of(document.blocks, Sounds)
    assert clips and all(content.startswith(b"RIFF") for clip in clips for _, content in clip.versions)
    sounds = checked(document).of("audio")
    assert len(sounds) == sum(len(clip.versions) for clip in clips)
    assert [block for block in of(document.blocks, Image) if "after step" in block.title], "spectrograms"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["html", "md", "pdf"])
def test_the_command_writes_one_file(here, form, capsys):
    before = set(here.rglob("*"))
    for what in ("images", "small"):
        assert main(["report", what, "-o", f"a.{form}"]) == 0
        assert re.search(rf"written to a\.{form}, [\d.]+ MB", capsys.readouterr().out)
        content = Path(f"a.{form}").read_bytes()
        starts = {"html": b"<!doctype html>", "md": f"# {what}".encode(), "pdf": b"%PDF-"}
        assert content.startswith(starts[form])
    assert {path for path in here.rglob("*") if path not in before and path.name != ".lock"} == {here / f"a.{form}"}
    assert not leftovers(here)


@pytest.mark.slow
def test_a_study_has_its_claims_plots_and_samples(here):
    document, _ = study_document(here / "small")
    page = checked(document)
    assert [remark.kind for remark in of(document.blocks, Remark)] == ["unfinished"]
    (first, *_) = of(document.blocks, Image)
    assert first.title == "language: perplexity, change with 95 % interval"
    assert any(text.startswith("3 of 6 runs done, 3 missing: UNFINISHED") for text in page.text)
    assert len([block for block in of(document.blocks, Verbatim) if block.title.startswith("Samples after")]) == 2


def test_runs_that_have_not_got_far(tmp_path):
    """Without a record, without scores, while it is being trained."""
    empty = run_of(tmp_path / "empty", [])
    document, _ = run_document(empty)
    assert document.lead == "Not finished: stopped at step 0 of 48; poise resume goes on from there."
    said = [block.text for block in of(document.blocks, Paragraph)]
    assert said == ["Nothing was recorded yet.", "No scores were taken.", "There is nothing to look at yet."]
    checked(document)
    (empty.path / "record.jsonl").write_text('{"step": 7, "generator/grad_norm": 1.0, "generator/norm": 2.0}\n{"st')
    with locked(empty.path / ".lock"):
        document, _ = run_document(empty)
    assert document.lead == "Still training: step 8 of 48."
    assert "No scores were taken." in [block.text for block in of(document.blocks, Paragraph)]
    assert of(document.blocks, Image)


@pytest.mark.slow
def test_what_data_and_names_hold_is_text(tmp_path):
    rows = [{"step": 0, f"{EVIL}/grad_norm": 1.0, f"{EVIL}/{EVIL}": 2.0, f"score/{EVIL}": 1.0}]
    folder = run_of(tmp_path / "<b>run &", rows, network=EVIL, stages=[[EVIL, 24], ["x", 24]])
    (folder.samples / "00000001.txt").write_text(f"{EVIL}\n\u202e\x1b[31m red", encoding="utf-8")
    document, _ = run_document(folder)
    page = checked(document)
    assert document.title == "<b>run &" and "<b>run &" in page.text and not page.of("b")
    assert any(EVIL in text for text in page.text) and any("\\u202e\\x1b[31m red" in text for text in page.text)


@pytest.mark.slow
def test_evaluations_stand_beside_a_perfect_and_a_copying_generator(tmp_path):
    shutil.copytree(LANGUAGE, tmp_path / "run")
    report = json.loads((tmp_path / "run/report.json").read_text())
    values = {
        "made": {"value": 0.5, "low": 0.4, "high": 0.6},
        "perfect": {"value": 0.1, "low": 0, "high": 0.2},
        "copied": None,
    }
    by = {"USE": {"KID": values, "odd": 3}, "none": [1]}
    entries = [{"checkpoint": "step-00000020", "against": EVIL, "by": by}, 3, {"by": 4}]
    (tmp_path / "run/report.json").write_text(json.dumps({**report, "evaluations": entries}))
    document, _ = run_document(RunFolder(tmp_path / "run"))
    (table,) = [table for table in of(document.blocks, Cells) if table.title.startswith("Evaluated by")]
    assert table.title == f"Evaluated by USE: step-00000020 against {EVIL}"
    assert table.rows == [("KID", "0.5 [0.4, 0.6]", "0.1 [0, 0.2]", "")]


def test_samples_are_the_newest_and_what_is_odd_is_told(tmp_path):
    for name, content in (("00000001.png", png_of(4, 4)), ("00000020.png", b"no picture"), ("real.png", png_of(4, 4)),
                          ("00000020-reconstructions.png", png_of(2 * SIDE, SIDE)), ("other.png", b"")):  # fmt: skip
        (tmp_path / name).write_bytes(content)
    (large, odd, real) = newest_samples(tmp_path)
    assert (large.title, odd.text) == (
        "Reconstructions after step 20", "Samples after step 20: 00000020.png cannot be shown here."
    )  # fmt: skip
    assert real == Image("Real ones", png_of(4, 4)) and large.png[16:24] == bytes(
        [0, 0, SIDE >> 8, SIDE & 255, 0, 0, SIDE // 2 >> 8, SIDE // 2 & 255]
    )
    assert newest_samples(tmp_path / "none") == []


def test_long_sounds_are_left_in_the_folder(tmp_path):
    clips = tmp_path / "00000003"
    clips.mkdir()
    for i in range(6):
        (clips / f"{i:03d}-real.wav").write_bytes(b"RIFF" + bytes(CLIP if i == 1 else 10))
    (clips / "000-odd.wav").write_bytes(b"<script>")
    blocks = newest_samples(tmp_path)
    assert [block.text for block in of(blocks, Sounds)] == ["000", "002", "003"]
    assert [name for name, _ in of(blocks, Sounds)[0].versions] == ["real"]
    assert of(blocks, Paragraph)[0].text.startswith("3 of 6 items")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "images", "-o", "a.docx"], r"--out a\.docx: name a file that ends in \.html, \.md or \.pdf"),
        (["report", "images", "-o", "no/a.html"], "there is no folder no"),
        (["report", "images", "-o", " "], "--out is empty"),
        (["report", "nothing"], "there is no run 'nothing'"),
        (["report", "text"], r"record\.jsonl, line 2 is damaged"),
    ],
)
def test_refusals(here, capsys, words, said):
    record = here / "runs/text/record.jsonl"
    record.write_text(record.read_text().replace("\n", "\n{\n", 1))
    assert re.search(said, refusal(here, capsys, words))
