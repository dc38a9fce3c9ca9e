"""Runs in double precision, by which several processes are held against one."""

from __future__ import annotations

import pytest
import torch

from poise.data.images import stream as image_stream
from poise.runs.run import run
from tests.runs.several.processes import asked_of


@pytest.fixture
def double(monkeypatch, float64):
    """Runs of pictures in double precision."""
    plain = image_stream.as_trained
    monkeypatch.setattr(image_stream, "as_trained", lambda pixels: plain(pixels).double())


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """The folder of a run by one process in double precision."""
    torch.set_default_dtype(torch.float64)
    plain = image_stream.as_trained
    image_stream.as_trained = lambda pixels: plain(pixels).double()
    try:
        folder = tmp_path_factory.mktemp("one") / "run"
        run(asked_of(pictures), folder)
    finally:
        image_stream.as_trained = plain
        torch.set_default_dtype(torch.float32)
    return folder
