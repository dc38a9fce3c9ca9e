"""What several processes cannot share is told once, before any file."""

from __future__ import annotations

import json
import os
import socket
from datetime import timedelta

import pytest
import torch

from poise.cli import main
from poise.cli.program import BY_ONE
from poise.errors import PoiseError
from poise.runs.place import folder_of
from poise.runs.run import Interrupted, run
from poise.specs.shared import Shared, computes
from poise.specs.sources import digest_of
from poise.specs.spec import completed, instantiated, kind_of
from poise.training import torchrun
from tests.runs.several.processes import (
    MARKS,
    SMALL,
    asked_of,
    by_two,
    command,
    said,
    stopped_at,
    whole_run,
)

pytestmark = MARKS


OWN = "tests.runs.several.own"
REFUSED = {
    "batch norm": (["images", "{}", "--batch", "8"], "use --generator.norm none"),
    "few items": (
        ["images", "{}", "--batch", "4", "--micro-batches", "4", "--generator.norm", "none"],
        "cannot be split",
    ),
    "lecam": (["images", "{}", "--generator.norm", "none", "--discriminator.penalties+=LeCam"], "the term 'lecam'"),
    "minutes": (["images", "{}", "--minutes", "1"], "give --steps instead"),
    "free bits": (["vae", "{}", "--free-bits", "1", "--autoencoder.norm", "none"], "the term 'kl' of the autoencoder"),
    **{
        layer: (["images", "{}", "--network", f"{OWN}.Plain", "--network.layer", layer], sentence)
        for layer, sentence in {
            "Spread": "the term 'adversarial' of the discriminator has other values",
            "Across": "mixes items or draws by itself",
            "Noise": "draws random numbers by itself",
            "Dropped": "draw by poise.rows.drawn.drawn",
            "Bank": "the network of the discriminator keeps net.2.seen",
            "Instance": "keeps net.2.1.running_mean of the items",
        }.items()
    },
    **{
        f"{penalty}, {value}": (
            [
                "images",
                "{}",
                "--generator.norm",
                "none",
                f"--discriminator.penalties+={OWN}.{penalty}",
                f"--discriminator.penalties.{flag}",
                value,
            ],
            sentence,
        )
        for penalty, flag, value, sentence in (
            ("Level", "shape", "scalar", "the term 'level' is one number"),
            ("Level", "shape", "one", "the term 'level' is one number"),
            ("Between", "by_drawn", "false", "draws random numbers by itself"),
        )
    },
    "words": (["images", "{}", "--stepps", "3"], "unknown option --stepps"),
    "no data": (["images", "nowhere"], "nowhere"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_split_is_told_once_and_leaves_no_file(name, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (words, sentence), out = REFUSED[name], tmp_path / "out"
    (recipe, data), more = words[:2], words[2:]
    sizes = [] if name == "minutes" else SMALL[:4] if recipe == "vae" or OWN in " ".join(more) else SMALL
    asked = ["train", recipe, data.format(pictures), *sizes, *more, "--out", str(out)]
    assert command(*asked, folder=tmp_path) == [2, 2]
    assert len(said(tmp_path, 0)) == 1 and sentence in said(tmp_path, 0)[0]
    assert said(tmp_path, 1) == [] and not out.exists()


@pytest.mark.parametrize("recipe", ["text", "language", "speech"])
def test_recipes_that_cannot_be_split_say_why(recipe):
    assert len(kind_of(recipe).unsplit.split()) > 5


def test_a_recipe_is_refused_by_name(grammar, tmp_path):
    out = tmp_path / "out"
    assert command("train", "text", grammar, "--steps", "1", "--out", str(out), folder=tmp_path) == [2, 2]
    assert said(tmp_path, 0)[0].startswith("poise: poise train text by 2 processes is not possible: its dropout")
    assert said(tmp_path, 1) == [] and not out.exists()


@pytest.mark.parametrize("other", ["torch", "CUDA"])
def test_processes_of_other_versions_are_told_once(other, pictures, tmp_path, monkeypatch):
    plain = json.dumps

    def saying(found, *more, **named):
        if os.environ.get("RANK") == "1" and isinstance(found, dict) and "CUDA" in found:
            found = {**found, other: "another"}
        return plain(found, *more, **named)

    monkeypatch.setattr(json, "dumps", saying)
    assert command("train", "images", pictures, *SMALL, "--out", str(tmp_path / "out"), folder=tmp_path) == [2, 2]
    assert len(said(tmp_path, 0)) == 1 and f"process 1 has {other} another, process 0 has " in said(tmp_path, 0)[0]
    assert said(tmp_path, 1) == [] and not (tmp_path / "out").exists()


def shared(built, **changes):
    found = {"sources": {}, "fingerprint": built.table["fingerprint"], "computes": computes(built)}
    return Shared("images", {}, (), **found | changes, folder="run")


def test_other_data_code_or_precision_in_another_process_are_told(pictures):
    asked = completed("images", {"data": pictures, "device": "cpu", "precision": "fp32"})
    _, arguments = folder_of("images", asked, "unused")
    built = kind_of("images").build(**instantiated("images", arguments))
    shared(built, sources={f"{OWN}.Plain": digest_of(f"{OWN}.Plain")}).check(1, built)
    for changes, sentence in (
        ({"fingerprint": "another"}, "process 1 reads other data than process 0"),
        ({"computes": "cuda in bf16"}, "process 1 computes on cpu in fp32, process 0 on cuda in bf16"),
        ({"sources": {f"{OWN}.Plain": "another"}}, f"process 1 has another {OWN}.Plain than process 0"),
    ):
        with pytest.raises(PoiseError, match=sentence):
            shared(built, **changes).check(1, built)


def test_a_process_that_waits_for_nobody_says_so(monkeypatch, tmp_path):
    """Variables of several processes that are there by accident."""
    monkeypatch.setattr(torchrun, "JOINING", timedelta(seconds=1))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {
        "RANK": 0,
        "WORLD_SIZE": 2,
        "LOCAL_RANK": 0,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }.items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(PoiseError, match="unset WORLD_SIZE to train by one"):
        torchrun.joined(torchrun.world())


@pytest.mark.parametrize("name", BY_ONE)
def test_commands_of_one_process_say_so(name, monkeypatch, capsys):
    for variable, value in {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "MASTER_ADDR": "a", "MASTER_PORT": 1}.items():
        monkeypatch.setenv(variable, str(value))
    assert main([name, "x"]) == 2
    assert f"poise {name} is for one process" in capsys.readouterr().err


def test_help_is_no_failure_and_is_printed_once(tmp_path):
    def asked(*words):
        try:
            return main([*words])
        except SystemExit as leaving:
            return leaving.code or 0

    for words in (["train", "images", "--help"], ["train", "--help"]):
        assert by_two(lambda words=words: asked(*words), tmp_path) == [0, 0]
        assert len(said(tmp_path, 0)) > 5 and said(tmp_path, 1) == []


def test_threads_that_one_process_chose_are_not_for_several(pictures, tmp_path):
    out, asked = tmp_path / "run", asked_of(pictures)
    with pytest.raises(Interrupted):
        run(asked, out, *stopped_at(6))
    (out / "threads.json").write_text(json.dumps([{"step": 0, "threads": 3, "why": "tried", "ms": 1.0}]))

    def work():
        whole_run(asked, out)
        print(torch.get_num_threads())
        return 0

    before = torch.get_num_threads()
    assert by_two(work, tmp_path) == [0, 0]
    assert said(tmp_path, 0) == said(tmp_path, 1) == [str(before)]
