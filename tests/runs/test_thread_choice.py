"""The number of threads is chosen while a run trains, and is part of the run: stopped and resumed it is the same."""

from __future__ import annotations

import json

import pytest
import torch

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.run import Interrupted, Stop, run
from poise.training import threads
from tests.evaluation.texts import language_spec, text_spec
from tests.evaluation.voices import speech_spec, vocoder_spec, write_syllables
from tests.runs.conftest import Stopping, assert_same, spec, state

VAE = {"latent_size": 4, "autoencoder": {"width": 4}, "noise": None, "generator": None, "discriminator": None}
VAE |= {"l2_generator": None, "l2_discriminator": None}


@pytest.fixture(scope="module")
def syllables(tmp_path_factory):
    return str(write_syllables(tmp_path_factory.mktemp("voices") / "syllables"))


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """As on a machine with two cores where nobody has said anything."""
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(threads, "SHORT", 2)
    monkeypatch.setattr(threads, "TRIED", 3)
    monkeypatch.setattr(threads, "WARM", 1)
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2, "a run leaves the process as it was"
    torch.set_num_threads(1)


def vae_spec(data):
    made = spec(data)["arguments"] | VAE
    return {"recipe": "vae", "arguments": {k: v for k, v in made.items() if v is not None}}


SPECS = {
    "images": lambda get: spec(get("pictures")),
    "vae": lambda get: vae_spec(get("pictures")),
    "language": lambda get: language_spec(get("grammar"), threads=None),
    "text": lambda get: text_spec(get("grammar"), threads=None),
    "vocoder": lambda get: vocoder_spec(get("syllables"), threads=None),
    "speech": lambda get: speech_spec(get("syllables"), threads=None),
}


def planned(folder):
    return json.loads((folder / "threads.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", [*list(SPECS)[:3], *(pytest.param(name, marks=pytest.mark.slow) for name in list(SPECS)[3:])]
)
def test_stopped_at_five_moments_a_run_is_the_same_thread_choice_included(request, tmp_path, recipe):
    wanted = SPECS[recipe](request.getfixturevalue)
    report = run(wanted, tmp_path / "whole")
    plan = planned(tmp_path / "whole")
    assert [choice["threads"] for choice in plan[:2]] == [1, 2] and report.threads == plan
    assert plan[-1]["ms"] > 0 and plan[-1]["threads"] in (1, 2)
    total = RunFolder(tmp_path / "whole").report()["steps"]
    for step in sorted({1, 2, 5, total // 2, total - 2}):
        with pytest.raises(Interrupted):
            run(wanted, tmp_path / "parts", Stopping(step, stop := Stop()), stop)
        (tmp_path / "parts" / "threads.json").write_text(json.dumps(plan))  # what the clock said there
    run(wanted, tmp_path / "parts")
    assert planned(tmp_path / "parts") == plan
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.slow
def test_a_choice_is_on_the_disk_before_a_step_is_computed_with_it(pictures, tmp_path, monkeypatch):
    seen = []
    real = torch.set_num_threads

    def watched(number):
        path = tmp_path / "a" / "threads.json"
        seen.append((number, planned(tmp_path / "a")[-1]["threads"] if path.exists() else None))
        real(number)

    monkeypatch.setattr(
        threads.Threads.__init__, "__defaults__", (*threads.Threads.__init__.__defaults__[:-1], watched)
    )
    run(spec(pictures), tmp_path / "a")
    assert [number for number, _ in seen[:3]] == [2, 1, 2], "what is there, and then the candidates"
    assert all(number == written for number, written in seen[1:-1])


@pytest.mark.slow
def test_where_a_number_is_said_nothing_is_chosen(pictures, tmp_path, monkeypatch):
    run(spec(pictures, threads=2), tmp_path / "said")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    run(spec(pictures), tmp_path / "environment")
    assert not list(tmp_path.glob("*/threads.json"))


@pytest.mark.slow
def test_a_damaged_plan_is_named(pictures, tmp_path):
    with pytest.raises(Interrupted):
        run(spec(pictures), tmp_path / "a", Stopping(4, stop := Stop()), stop)
    (tmp_path / "a" / "threads.json").write_text('[{"step": 3}]')
    with pytest.raises(PoiseError, match=r"threads.json does not hold numbers of threads"):
        run(spec(pictures), tmp_path / "a")
