"""What all hostile tests have: a folder with pictures and a finished run, and another one beside it that is watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.guard import Outside
from tests.refusals import pictures_and_a_run


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return pictures_and_a_run(tmp_path_factory.mktemp("made"))


@pytest.fixture
def outside(place, tmp_path) -> Outside:
    """Beside the current folder, which holds the run."""
    return Outside(tmp_path / "outside")
