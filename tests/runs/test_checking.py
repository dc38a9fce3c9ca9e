"""`poise data check` promises of a text what a run then reads, and suggests only flags that there are."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from poise.cli import main
from poise.cli.checking import suggested, would_read
from poise.data.speech.recordings import open_recordings
from poise.data.text.check import check_text
from poise.recipes.vocoder.build import opening
from poise.recipes.vocoder.options import RecordingOptions
from poise.record import RunFolder
from poise.report.live import Silent
from poise.runs.run import run
from poise.specs.spec import all_recipes, kind_of, parser_for
from tests.data.test_corpus import SENTENCES
from tests.evaluation.voices import write_sentences

OF_TEXT = [name for name in all_recipes() if kind_of(name).corpus]


def headlines(count: int) -> list[str]:
    draw = random.Random(0)
    words = [f"w{draw.randrange(i + 1)}" for i in range(1500)]
    return [" ".join(draw.choices(words, k=draw.randint(2, 9))).capitalize() for _ in range(count)]


def utterances() -> dict[str, tuple[str, str, list[str]]]:
    """Name -> file, its content, further flags."""
    han = [
        f"{'天地玄黄宇宙洪荒日月盈昃辰宿列张'[i % 16]}{'寒来暑往秋收冬藏'[i % 8]}{'云腾致雨'[i % 4]}。"
        for i in range(200)
    ]
    table = "nr;headline;label\n" + "".join(f"{i};{line};{i % 3}\n" for i, line in enumerate(headlines(300)))
    return {
        "sentences": ("a.txt", "\n".join([*SENTENCES, "", SENTENCES[0]]) + "\n", []),
        "headlines": ("a.txt", "\n".join(headlines(400)), []),
        "a table": ("a.csv", table, []),
        "Han": ("a.txt", "\n".join(han), []),
        "stanzas": (
            "a.txt",
            "\n\n".join("\n".join(SENTENCES[i : i + 2]) for i in range(0, 200, 2)),
            ["--layout=stanzas"],
        ),
        "a long line": ("a.txt", "\n".join([*SENTENCES, "word " * 20_000]), []),
    }


@pytest.mark.slow
@pytest.mark.parametrize("recipe", OF_TEXT)
@pytest.mark.parametrize("case", utterances())
def test_the_check_is_the_run(
    case: str, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers that the check prints are those that the run's own notes print, with the same flags."""
    monkeypatch.chdir(tmp_path)
    name, content, flags = utterances()[case]
    Path(name).write_text(content)
    assert main(["data", "check", name, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (line for line in lines if line.startswith(f"train {recipe}")):
        asked, _, promise = line.partition(": ")
        words = asked.split()[2:]
        arguments = parser_for(recipe).parse([name, *words, *flags])  # every suggested flag is one that there is
        found = re.match(r"([\d,]+) of ([\d,]+) sentences, ([\d,]+) to train on and ([\d,]+) held out", promise)
        if found is None:  # the sentence that the run would end with
            with pytest.raises(Exception, match=re.escape(promise[:80])):
                kind_of(recipe).corpus(arguments)
            continue
        corpus = kind_of(recipe).corpus(arguments)
        numbers = [int(number.replace(",", "")) for number in found.groups()]
        assert numbers == [len(corpus), corpus.counts.read, len(corpus.train), len(corpus.heldout)]


@pytest.mark.slow
def test_every_suggested_flag_is_parsed(tmp_path: Path) -> None:
    for name, content, _ in utterances().values():
        (tmp_path / name).write_text(content)
        report = check_text(tmp_path / name)
        for recipe in OF_TEXT:
            flags = suggested(recipe, report)
            words = [word for pair in flags.items() for word in pair]
            parsed = parser_for(recipe).parse([str(tmp_path / name), *words])
            assert {flag: str(parsed[flag.removeprefix("--")]) for flag in flags} == flags


def test_why_nothing_would_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(SENTENCES))
    assert "--vocabulary 1" in would_read("text", str(path), {"vocabulary": 1})


def photos(folder: Path, count: int, side: tuple[int, int]) -> Path:
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        Image.fromarray(rng.integers(0, 255, (side[1], side[0], 3), np.uint8)).save(folder / f"{i:03}.png")
    return folder


PICTURES = {
    "squares": ((20, 20), []),
    "tiny ones, which are enlarged": ((8, 8), []),
    "squares too large to train on": ((300, 300), []),
    "oblong ones": ((40, 90), []),
    "split folders are ordinary ones": ((20, 20), ["--splits", "none"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", PICTURES)
def test_what_is_promised_of_pictures_is_what_a_run_says(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    side, flags = PICTURES[case]
    folder = photos(tmp_path / "photos", 12, side)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    said = []
    for _ in range(2):  # decoded now, and found in the cache
        assert main(["data", "check", str(folder), *flags]) == 0
        said.append(capsys.readouterr().out.splitlines())
    assert said[0] == said[1]
    assert [line for line in said[0] if line.startswith("photos (folder): 12 readable pictures")]
    for recipe in ("images", "vae"):
        (promise,) = (line.partition(": ")[2] for line in said[0] if line.startswith(f"train {recipe}: "))
        arguments = {"data": str(folder), "steps": 1, "batch": 2, "scores": 0, "threads": 1}
        arguments |= {"splits": "none"} if flags else {}
        run({"recipe": recipe, "arguments": arguments}, tmp_path / recipe, Silent())
        assert RunFolder(tmp_path / recipe).spec().facts["data"] == promise
        size = RunFolder(tmp_path / recipe).spec().facts["size"]
        assert [line for line in said[0] if line.startswith("example") and f"-> {size}x{size} (--size)" in line]


def test_what_no_run_would_read_is_said_beside_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "voices"
    folder.mkdir()
    soundfile.write(folder / "a.wav", np.sin(np.arange(16000) / 9) / 3, 16000)
    assert main(["data", "check", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("voices (sound): 1 readable clips")
    assert [line for line in lines if line.startswith("train speech: voices has no texts")]
    assert [line for line in lines if line.startswith("train vocoder: voices: 1 clips")]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["vocoder", "speech"])
def test_what_is_promised_of_recordings_is_what_a_run_says(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_sentences(tmp_path / "sentences")
    assert main(["data", "check", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (promise,) = (line.partition(": ")[2] for line in lines if line.startswith(f"train {recipe}: "))
    asked = RecordingOptions.of(parser_for(recipe).parse([str(folder)]))  # the recipe's own defaults
    found = open_recordings(**opening(str(folder), asked))
    if recipe == "vocoder":
        assert promise == found.describe()
    else:
        assert f"{len(found.train):,} recordings to learn from and {len(found.heldout):,} held out, in ch" in promise
