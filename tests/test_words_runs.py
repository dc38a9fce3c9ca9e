"""Chinese of what a run draws, cannot do, and ends with: lines as commands print them, not parts of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from poise.cli import main
from poise.runs.load import VERBS
from poise.words import translated

CHINESE = re.compile("[\u4e00-\u9fff]")
IMAGES = Path(__file__).parent / "fixtures" / "f6218b1" / "runs" / "images"


def test_what_is_drawn_is_told_in_chinese(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("POISE_LANG", "zh")
    for n, out, said in ((2, "one", "one：trained 的 2 张图片"), (4, "one.png", "one.png：trained 的 4 个样本")):
        monkeypatch.chdir(tmp_path)
        shutil.copytree(IMAGES, tmp_path / f"r{n}" / "trained")
        assert main(["sample", f"r{n}/trained", "-n", str(n), "--out", out]) == 0
        assert said in capsys.readouterr().out
    for line, said in (
        ("z.txt: 3 sentences, drawn by tz", "z.txt：tz 的 3 个句子"),
        ("d: 2 clips and index.html, drawn by vo", "d：vo 的 2 段录音和 index.html"),
        ("  rows from the top: cat, 狗", "  从上到下各行：cat, 狗"),
        ("  a folder each: cat, 狗", "  每类一个文件夹：cat, 狗"),
        (
            "scores compare 20 samples with 11 held-out sentences by USE",
            "分数用 USE 把 20 个样本与 11 个留出的句子相比",
        ),
        (
            "WER is left out: no clip has a real one that it should be.",
            "略去 WER：没有一段录音有它应当成为的真实录音。",
        ),
    ):
        assert translated(line, "zh") == said


@pytest.mark.parametrize(
    "what",
    [
        "the model's likelihood is nan, so there is nothing to measure (a lower rate may help)",
        "the generator's likelihood is inf, so there is nothing to measure (a lower rate may help)",
        "the auto-encoder's likelihood is NaN, so there is nothing to measure (a lower rate may help)",
        "the generator's pictures hold NaN or infinite pixels, so there is nothing to score",
    ],
)
def test_an_end_by_what_cannot_be_measured_is_told_in_chinese(what):
    """As a run says it: with where it was good, or why it is not rolled back once more."""
    for more in (
        "the last good checkpoint is step-00000012; a new run with --on-divergence rollback would go on by itself",
        "there is no earlier checkpoint; a new run with --on-divergence rollback would go on by itself",
    ):
        said = translated(f"poise: {what}; {more}", "zh")
        assert CHINESE.search(said) and not re.search("likelihood|pictures|nothing|earlier|the ", said), said


@pytest.mark.parametrize("what", ["say", "vocode", "interpolate", "encode", "by_class", "walk", "portable"])
def test_what_a_run_cannot_do_is_told_in_chinese(what):
    verb = VERBS.get(what, what)
    said = translated(f"poise: te is a run of text, which cannot {verb}: name a run of images", "zh")
    assert verb not in said and "请写一个 images 的运行" in said
