"""Runs that are handed over, each made once."""

from __future__ import annotations

import os
import sys

import pytest

from poise.export.export import Wanted, export
from tests.export import tiny


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A folder with data, and in it the runs that were asked for so far."""
    folder = tmp_path_factory.mktemp("export")
    tiny.write_data(folder)
    return folder, {}


@pytest.fixture
def handed(shop, monkeypatch):
    """kind -> its run, the current folder being that of the data."""
    folder, runs = shop
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path, os.fspath(folder)])

    def of(kind):
        if kind not in runs:
            runs[kind] = tiny.made(kind)
        return runs[kind]

    yield of
    for name, module in list(sys.modules.items()):  # what was loaded from here is nobody else's
        if os.path.dirname(getattr(module, "__file__", None) or "") == os.fspath(folder):
            del sys.modules[name]


@pytest.fixture(scope="session")
def written():
    """kind -> the folder with its ONNX files and its page: most of the time of these tests goes into them."""
    return {}


@pytest.fixture
def exported(handed, written, tmp_path_factory):
    """kind -> that folder, which nobody may change."""

    def of(kind):
        if kind not in written:
            out = tmp_path_factory.mktemp("exported") / "out"
            export(handed(kind), out, Wanted(onnx=True, page=True), tell=lambda line: None)
            written[kind] = out
        return written[kind]

    return of
