"""Recordings whose names, folders and voices are no UTF-8 or act on a terminal: read, or one sentence."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from poise.cli import main
from poise.data.speech.check import check_speech
from poise.data.speech.recordings import open_recordings
from tests.data.clips import folder_of, tone
from tests.evaluation.voices import write_sentences
from tests.test_bad_speech import SPEECH, VOCODER, command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
BAD = {
    "latin": b"caf\xe9", "half": b"\xff\xfe", "cut": b"\xe4\xbd", "escape": b"\x1b[31mred", "line": b"two\nlines",
    "direction": "\u202etxt".encode(), "spaces": b" a  b ", "quote": b"it's \"so\"", "bar": b"a|b", "brace": b"{x}",
}  # fmt: skip


def made(folder: Path, name: str, where: str) -> Path:
    """Twelve sentences, of which the files, or the folder of each (a voice), or the folder of all have a bad name."""
    write_sentences(folder / "plain", 12)
    lines = (folder / "plain" / "metadata.csv").read_text().splitlines()
    texts = dict(line.split("|")[:2] for line in lines if not line.startswith("file|"))
    bad = os.fsdecode(BAD[name])
    out = folder / (bad if where == "folder" else "data")
    for i, (file, text) in enumerate(texts.items()):
        voice = f"{bad}{i % 2}" if where == "voice" else "voice"
        called = f"{bad} {text}" if where == "file" else text
        (out / voice).mkdir(parents=True, exist_ok=True)
        source = next(p for p in (folder / "plain" / file, folder / "plain" / f"{file}.wav") if p.is_file())
        shutil.copy(source, out / voice / f"{called} {i}.wav")
    return out


@pytest.mark.slow
@pytest.mark.parametrize("where", ["file", "voice", "folder"])
@pytest.mark.parametrize("name", BAD)
def test_recordings_of_any_name(name: str, where: str, tmp_path: Path, capsys) -> None:
    data = made(tmp_path, name, where)
    assert main(["data", "check", os.fspath(data)]) == 0
    said = capsys.readouterr().out
    assert "12 readable clips" in said and "\x1b" not in said
    found = open_recordings(data, labels="{voice}/{text}", heldout=0)
    assert len(found) == 12 and len(found.voices) == (2 if where == "voice" else 1)
    json.dumps([found.files, found.texts, found.voices, found.notes], ensure_ascii=False).encode()
    one = open_recordings(data, labels="{voice}/{text}", voice=found.voices[0], heldout=0)
    assert len(one) == (6 if where == "voice" else 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["latin", "line"])
@pytest.mark.parametrize("recipe", ["vocoder", "speech"])
@pytest.mark.parametrize("where", ["voice", "folder"])
def test_runs_on_recordings_of_any_name(
    recipe: str, name: str, where: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    data = made(tmp_path, name, where)
    monkeypatch.setattr("poise.recipes.vocoder.sounds.show", lambda rows, mel, stem, page: stem)
    words = command(recipe, VOCODER if recipe == "vocoder" else SPEECH, os.fspath(data), "--labels={voice}/{text}")
    assert main([*words, "--out", os.fspath(tmp_path / "run"), "--quiet"]) == 0, capsys.readouterr().err
    for file in (tmp_path / "run").rglob("*.json*"):
        file.read_bytes().decode()


@pytest.mark.parametrize("name", ["latin"])
def test_a_table_with_names_that_are_no_text(name: str, tmp_path: Path) -> None:
    """Such a name cannot be written in UTF-8; the other lines are used, and it is told."""
    bad = os.fsdecode(BAD[name])
    folder_of(tmp_path, {}, 8_000)
    write_sentences(tmp_path / "data", 6)
    table = tmp_path / "data" / "metadata.csv"
    table.write_bytes(table.read_bytes() + os.fsencode(f"{bad}.wav") + b"|gone\n")
    shutil.copy(tmp_path / "data" / "00.wav", tmp_path / "data" / f"{bad}.wav")
    found = open_recordings(tmp_path / "data", heldout=0)
    assert len(found) == 7 and sum(bool(text) for text in found.texts) in (6, 7)


def test_what_is_no_sound_is_counted_and_named(tmp_path: Path) -> None:
    """Of a run and of a check: a picture, a film's music, a table and texts among the recordings."""
    there = tmp_path / "there"
    folder_of(there, {f"{i}.wav": tone(0.3, hertz=200 + 9 * i) for i in range(6)})
    for name in ("0.txt", "1.txt", "cover.jpg", "more/film.mp9", "more/LIESMICH"):
        (there / name).parent.mkdir(exist_ok=True)
        (there / name).write_text("x")
    (there / ".hidden").write_text("x")
    said = "5 files, .txt (2), .jpg (1), no suffix (1), .mp9 (1), among them cover.jpg, more/LIESMICH, more/film.mp9"
    assert f"no sound, and left alone: {said}" in open_recordings(there, heldout=0).notes
    assert f"no sound: {said}" in check_speech("x", there).lines()
