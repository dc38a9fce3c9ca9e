"""Where a share holds no recordings out: what is told, and which share would."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from poise.data.files.items import hashes_of, larger_share, unit_interval
from poise.data.speech.recordings import open_recordings
from tests.data.clips import folder_of, tone
from tests.data.test_recordings import table


def test_a_share_that_holds_none_out_is_told_with_one_that_does(tmp_path: Path) -> None:
    """Recordings of one text stay on one side, so a share of four texts may hold out none."""
    files = {f"{i:02}.wav": tone(0.2, hertz=110 + 10 * i) for i in range(8)}
    folder = folder_of(tmp_path / "clips", files)
    table(folder, [f"{i:02}.wav|text {i % 2}|A" for i in range(8)])
    shares = unit_interval(hashes_of([b"text 0", b"text 1"]))
    below, above = np.floor(shares.min() * 100) / 100, np.ceil(shares.min() * 10) / 10
    (note,) = [note for note in open_recordings(folder, heldout=float(below)).notes if "held out" in note]
    told = re.fullmatch(r"no recordings are held out, .* scored; --heldout (\S+) would hold out (\d+) of 8", note)
    assert told is not None and float(told[1]) >= above - 1e-9
    found = open_recordings(folder, heldout=float(told[1]))
    assert len(found.heldout) == int(told[2]) > 0 and not any("are held out" in note for note in found.notes)


def test_where_no_share_would_do_it_is_told(tmp_path: Path) -> None:
    found = open_recordings(folder_of(tmp_path / "one", {"a.wav": tone(0.2)}), heldout=0)
    told = (
        "no recordings are held out, so samples are not scored; no share would hold out some and leave some: give more"
    )
    assert found.notes[-1] == told


@pytest.mark.parametrize("places", [[0.31, 0.42], [0.92, 0.95, 0.99], [0.55, 0.6], [0.5004, 0.5005], [0.05, 0.5]])
def test_where_some_share_does_it_one_is_named(places: list[float]) -> None:
    """Whatever lies between: only items that are all at one place cannot be parted."""
    told = re.fullmatch(r"--heldout (\S+) would hold out (\d+) of (\d+)", larger_share(np.array(places), 0.01))
    assert told is not None
    share, held = float(told[1]), int(told[2])
    assert 0 < share < 1 and held == sum(place < share for place in places) and 0 < held < len(places)
    assert larger_share(np.array(places[:1] * 3), 0.01).startswith("no share would")
