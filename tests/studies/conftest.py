"""Fixtures for studies whose runs are made in this process."""

from __future__ import annotations

import pytest

from poise.cli import main
from poise.studies import study as studies
from poise.studies.plans.files import executed
from poise.studies.report import publish
from tests.studies.here import FILE, Here, words, write


@pytest.fixture
def here(request, monkeypatch):
    """Plots take the longest, and are drawn where they are looked at only."""
    executed(FILE)
    monkeypatch.setattr(studies, "Pool", Here)
    monkeypatch.setattr(Here, "most", None)
    monkeypatch.setattr(Here, "trained", 0)
    if "slow" not in request.keywords:
        monkeypatch.setattr(publish, "draw", lambda outcome, folder: [])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """study.yaml and s, where its two runs are done."""
    folder = tmp_path_factory.mktemp("made")
    write(folder)
    before = studies.Pool, publish.draw
    studies.Pool, publish.draw = Here, lambda outcome, folder: []
    try:
        assert main(words(folder, "--quiet")) == 0
    finally:
        studies.Pool, publish.draw = before
    return folder
