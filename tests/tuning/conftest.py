"""Searches whose runs are made in this process."""

from __future__ import annotations

import pytest

from poise.registry import _TABLES
from poise.studies import study as studies
from poise.studies.report import publish
from poise.tuning import page
from poise.tuning import tune as tuning
from tests.tuning import surfaces


@pytest.fixture
def here(monkeypatch):
    """The recipes shrink and dirac; plots are drawn where they are looked at only."""
    for name, entry in surfaces.entries().items():
        monkeypatch.setitem(_TABLES["recipe"], name, entry)
    pool = type("Pool", (surfaces.HerePool,), {})
    monkeypatch.setattr(studies, "Pool", pool)
    monkeypatch.setattr(tuning, "Pool", pool)
    monkeypatch.setattr(publish, "draw", lambda outcome, folder: [])
    monkeypatch.setattr(page, "draw", lambda folder, asked, tried, importance: [])
    return pool
