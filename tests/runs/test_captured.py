"""Runs of every recipe whose moves are captured, by a stand-in for CUDA graphs: bit for bit those that are computed."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from poise.recipes.common import parts
from poise.record import RunFolder
from poise.runs.run import run
from poise.runs.session import Session
from poise.training import moves
from poise.training.capture.captures import Captures
from tests.evaluation.texts import MODEL as CELL
from tests.evaluation.texts import language_spec, sentences, text_spec
from tests.evaluation.voices import sentences_spec, vocoder_spec, write_sentences
from tests.runs.conftest import TINY, assert_same, state
from tests.runs.conftest import spec as image_spec
from tests.runs.test_vae_run import spec as vae_spec
from tests.training.tape import Refused, Tape

R1, R2 = ({"class_path": name, "init_args": {"gamma": "cosine:0.2:0.02", "every": 3}} for name in ("R1", "R2"))
LECAM = {"class_path": "LeCam", "init_args": {"strength": 0.3}}
TOWARDS = {"class_path": "L2Towards", "init_args": {"reference": "average", "strength": "linear:1e-2:1e-3"}}


RECIPES = {
    "images": lambda d: image_spec(
        d.pictures, augment="color,translation,cutout", augment_probability="linear:0:0.5",
        generator={**TINY, "lr": "cosine:1e-3:1e-4"}, l2_generator="cosine:1e-2:1e-4",
        discriminator={**TINY, "penalties": [R1, LECAM]},
    ),
    "images, modern": lambda d: image_spec(
        d.pictures, network="modern", loss="relativistic",
        discriminator={**TINY, "penalties": [R1, R2], "betas": [0.0, "cosine:0.9:0.99"]},
    ),
    "images, steered": lambda d: image_spec(d.pictures, augment="cutout", augment_probability="steered"),
    "vae": lambda d: vae_spec(d.pictures, steps=24, beta="warmup:1:10"),
    "vae_gan": lambda d: vae_spec(
        d.pictures, steps=24, objective="vae_gan", discriminator={"width": 2, "penalties": [R1]}
    ),
    "language": lambda d: language_spec(
        d.text, steps=24, ar="linear:2:1", tar=1, l2_recurrent="cosine:1e-2:1e-4", l2_embedding=1e-3,
        model={**CELL, "dropout_embedding": 0.1, "dropout_output": 0.3, "weight_drop": 0.3, "penalties": [TOWARDS]},
    ),
    "text": lambda d: text_spec(d.text, warm_steps=15, critic_steps=15, steps=15, temperature="linear:1:0.5"),
    "text, REINFORCE": lambda d: text_spec(
        d.text, estimator="reinforce", warm_steps=15, critic_steps=15, steps=15
    ),
    "vocoder": lambda d: vocoder_spec(d.voices, warm_steps=12, steps=12),
    "speech": lambda d: sentences_spec(d.voices, warm_steps=9, steps=9, vocoder_warm_steps=9, vocoder_steps=9),
}  # fmt: skip
LENGTHS = "cannot be, for its lengths, which differ from batch to batch"
LEFT = {"speech": [f"the {player} {LENGTHS}" for player in ("generator", "discriminator")]}  # in two of its stages


class Data:
    def __init__(self, pictures, folder):
        self.pictures, self.text = pictures, folder / "text.txt"
        self.text.write_text("\n".join(sentences(200)))
        self.voices = write_sentences(folder / "voices")


@pytest.fixture(scope="module")
def things(pictures, tmp_path_factory):
    return Data(pictures, tmp_path_factory.mktemp("data"))


@contextmanager
def without_onednn():
    """Its recurrent layers give less where nothing is differentiated, as when a tape is played."""
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)


class Noted(Captures):
    """Keeps every reason for which nothing was captured."""

    def give_up(self, reason):
        self.reasons = [*getattr(self, "reasons", []), reason]
        super().give_up(reason)


def taped(monkeypatch, asked, out, capturing=True):
    """A run whose moves are captured on a tape, or computed with numbers on the device"""
    made = Noted(Tape(), capturing)
    monkeypatch.setattr(parts, "captures_of", lambda *_: made)
    with without_onednn():
        run(asked, out)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_captured_is_the_same_as_computed(name, things, monkeypatch, tmp_path):
    asked = RECIPES[name](things)
    made = taped(monkeypatch, asked, tmp_path / "captured")
    assert getattr(made, "reasons", []) == LEFT.get(name, [])
    assert made.graphs.captured and made.repeated  # of speech the vocoder's own stages
    taped(monkeypatch, asked, tmp_path / "computed", capturing=False)
    assert_same(state(tmp_path / "captured"), state(tmp_path / "computed"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images", "language"])
def test_a_captured_run_that_was_stopped_ends_as_one_that_was_not(name, things, monkeypatch, tmp_path):
    asked = RECIPES[name](things)
    taped(monkeypatch, asked, tmp_path / "whole")
    killed = RunKilled(monkeypatch, at=14)
    with pytest.raises(KeyboardInterrupt):
        taped(monkeypatch, asked, tmp_path / "parts")
    killed.undo()
    made = taped(monkeypatch, asked, tmp_path / "parts")
    assert made.repeated
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


class RunKilled:
    """A run that breaks off, as by Ctrl-C pressed twice, after so many steps."""

    def __init__(self, monkeypatch, at):
        self.watch, self.at = Session._watch, at
        monkeypatch.setattr(Session, "_watch", lambda session, *given: self.watched(session, *given))

    def watched(self, session, offset, step, row):
        self.watch(session, offset, step, row)
        if self.at is not None and offset + step == self.at:
            raise KeyboardInterrupt

    def undo(self):
        self.at = None


ON_THE_HOST = ("item", "tolist", "numpy", "cpu", "nonzero", "__bool__", "__float__", "__int__", "__index__")


@contextmanager
def no_host(monkeypatch):
    """Inside, whoever asks a tensor for a number gets an error."""
    with monkeypatch.context() as patched:
        for name in ON_THE_HOST:

            def asked(self, *args, name=name, **kwargs):
                raise Refused(f"Tensor.{name} inside a move")

            patched.setattr(Tensor, name, asked)
        yield


def test_who_asks_a_tensor_for_a_number_is_found_out(monkeypatch):
    x = torch.ones(1)
    for ask in (float, bool, int, lambda x: x.item(), lambda x: x.tolist(), lambda x: x.cpu(), lambda x: x.nonzero()):
        with pytest.raises(Refused), no_host(monkeypatch):
            ask(x)
    assert float(x) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RECIPES if name not in LEFT])
def test_no_move_of_any_recipe_asks_the_host(name, things, monkeypatch, tmp_path):
    """Speech is left out: frames are aligned with units by a search that runs on the host."""
    plain, moved = moves.computed, []

    def guarded(game, player, *given):
        with no_host(monkeypatch):
            row = plain(game, player, *given)
        moved.append(player.name)
        return row

    monkeypatch.setattr(moves, "computed", guarded)
    made = taped(monkeypatch, RECIPES[name](things), tmp_path / "run", capturing=False)
    assert len(moved) == made.graphs.computed, "every move was watched"
    folder = RunFolder(tmp_path / "run")
    named = {key.partition("/")[0] for row in folder.rows() for key in row if key.endswith("/grad_norm")}
    assert folder.done and set(moved) == named, "and every player's"
