"""The real sets of recordings, through the real client: needs a network and a minute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from poise.data.catalogue import fetch
from poise.data.speech.recordings import open_recordings
from poise.data.transcripts.syllables import TABLE, parse, to_pinyin
from tests.data.reports import facts

PROMPTS = {"en": (551, 213), "es": (510, 0), "fr": (544, 0), "it": (582, 0), "ru": (558, 0)}


@pytest.mark.real
def test_real_mandarin_syllables(cache: Path) -> None:
    folder = fetch.get("mandarin-syllables")
    assert "CC-BY-3" in (folder / "LICENSE").read_text()
    rows = [line.split("|") for line in (folder / "metadata.csv").read_text().splitlines()[1:]]
    assert len(rows) == len({row[0] for row in rows}) == 2358
    assert len({row[1] for row in rows}) == 1200
    for file, text, voice, zhuyin in rows:
        assert (folder / file).is_file()
        assert file == f"{voice}/{text}.ogg"
        assert parse(text) == parse(zhuyin)
        assert to_pinyin(parse(zhuyin)[0]) == text
    spoken = {parse(text)[0][:2] for _, text, _, _ in rows}
    assert len(spoken & set(TABLE)) == 401
    found = open_recordings("mandarin-syllables")
    assert (len(found), len(found.train), len(found.heldout)) == (2358, 2129, 229)
    assert found.voices == ("A", "B")
    assert {found.texts[row] for row in found.heldout}.isdisjoint(found.texts[row] for row in found.train)
    assert not found.left_out
    assert np.abs(found.samples).max() <= round(0.95 * 32_768)
    assert "20 dB quieter than most, and perhaps empty: 3: B/hou2.ogg, B/hou3.ogg, B/hou4.ogg" in found.notes


@pytest.mark.real
@pytest.mark.parametrize("language", PROMPTS)
def test_real_prompts(language: str, cache: Path) -> None:
    folder = fetch.get(f"asterisk-{language}")
    count, with_text = PROMPTS[language]
    rows = [line.split("|") for line in (folder / "metadata.csv").read_text().splitlines()[1:]]
    files = [str(file.relative_to(folder)) for file in folder.rglob("*.flac")]
    assert sorted(files) == sorted(row[0] for row in rows)
    assert (len(rows), sum(bool(row[1]) for row in rows)) == (count, with_text)
    assert soundfile.info(folder / rows[0][0]).samplerate == 16_000
    assert "CC-BY" in (folder / "LICENSE").read_text()
    lines = facts(f"asterisk-{language}")
    assert lines[0].startswith(f"asterisk-{language} (sound): {count} readable clips")
    assert "unreadable: 0" in lines
    assert "silent: 0" in lines
