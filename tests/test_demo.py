"""`poise demo`: everything once, where there is a client, where there is none, and where nothing answers."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from poise.cli import demo, main
from poise.errors import PoiseError


@pytest.mark.slow
def test_on_a_machine_where_nothing_answers_it_runs_on_what_pip_brought(tmp_path):
    """An empty PATH, a cache of its own, and no network: no apt-get, no npm, nobody at the other end."""
    environment = {
        "PATH": str(tmp_path / "nothing"), "HOME": str(tmp_path), "POISE_CACHE": str(tmp_path / "cache"),
        "https_proxy": "http://127.0.0.1:9", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    script = "import sys; from poise.data.catalogue import web; web.WAIT = 0.01; "
    script += "from poise.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, "demo", "--steps", "20"], cwd=tmp_path, env=environment, capture_output=True,
        text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fashion-mnist cannot be had here" in done.stdout and "runs on digits instead, 1,797 pictures" in done.stdout
    assert "comes over HTTPS from its publisher, github.com" in done.stderr
    assert "Look at demo/samples.png" in done.stdout and (tmp_path / "demo" / "samples.png").stat().st_size > 500
    assert (tmp_path / "demo" / "run" / "DONE").exists() and (
        tmp_path / "demo" / "run" / "samples" / "real.png"
    ).exists()


@pytest.mark.slow
def test_on_a_folder_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("pictures.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8))
    assert main(["demo", "--data", "pictures.npy", "--steps", "4", "--out", "mine"]) == 0
    said = capsys.readouterr().out
    assert "poise diagnose mine/run" in said and os.path.exists("mine/samples.png")
    assert main(["demo", "--data", "pictures.npy", "--steps", "4", "--out", "mine", "--quiet"]) == 0
    assert capsys.readouterr().out == "", "finished before; nothing to say"


@pytest.mark.slow
def test_so_many_minutes_and_the_same_command_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("pictures.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8))
    words = ["demo", "--data", "pictures.npy", "--out", "mine"]
    assert main([*words, "--minutes", "0.02"]) == 0
    assert "0.02 minutes are about" in capsys.readouterr().out
    record = (tmp_path / "mine/run/record.jsonl").read_bytes()
    assert main([*words, "--minutes", "0.02"]) == 0
    said = capsys.readouterr().out
    assert "mine/run holds a run of" in said and "finished before" in said
    assert (tmp_path / "mine/run/record.jsonl").read_bytes() == record
    assert main([*words, "--minutes", "1", "--steps", "2"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_it_trains_for_minutes_where_nobody_says(monkeypatch):
    asked = []
    monkeypatch.setattr("poise.cli.train.train", lambda argv: asked.append(argv) or 1)
    assert main(["demo", "--data", "pictures"]) == 1
    assert asked[0][-2] == "--minutes" and float(asked[0][-1]) == demo.MINUTES


def test_where_nothing_can_be_had_both_reasons_are_said(monkeypatch, capsys):
    from poise.data.catalogue import fetch

    def nothing(name):
        raise PoiseError(f"no way to {name}: place it by hand")

    monkeypatch.setattr(fetch, "get", nothing)
    assert main(["demo"]) == 2
    assert "neither fashion-mnist nor digits can be had" in capsys.readouterr().err
    with pytest.raises(PoiseError, match="no way to digits"):
        demo.brought("digits")
    assert demo.brought("a/folder") == "a/folder"
