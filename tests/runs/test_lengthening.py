"""Runs that go on beyond their end: as long as they say, the same however often they are lengthened or killed."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest

from poise.disk.description import Lengthening, RunSpec
from poise.record import RunFolder
from poise.report.conclude import since_best
from poise.report.live import Silent
from poise.runs.further import pace
from poise.runs.further.lengthening import Further, described, line_of, longer
from poise.runs.listing import about
from poise.runs.report import RunReport
from poise.runs.run import Interrupted, Stop, run
from poise.specs.spec import instantiated, kind_of
from poise.training.checkpoint import all_checkpoints
from tests.evaluation.texts import MODEL, TEXT, language_spec, text_spec
from tests.evaluation.voices import PLAYER, SPEECH, D, sentences_spec, vocoder_spec, write_sentences
from tests.refusals import snapshot
from tests.runs.conftest import TINY, Stopping, assert_same, spec, state
from tests.runs.test_vae_run import spec as vae_spec

PARTLY = {"steps": 12, "checkpoint_every": 5, "sample_every": 7}
SCHEDULED = {"generator": {**TINY, "lr": "linear:1e-3:1e-4"}, "l2_discriminator": "cosine:1e-2:1e-4"}


@pytest.fixture(scope="session")
def spoken(tmp_path_factory):
    return write_sentences(tmp_path_factory.mktemp("sentences") / "words")


@pytest.fixture
def unseen(monkeypatch):
    """No pictures and sounds, which take longer than everything else."""
    monkeypatch.setattr("poise.recipes.vocoder.sounds.show", lambda rows, mel, stem, page: stem)


def built(asked):
    return kind_of(asked["recipe"]).build(**instantiated(asked["recipe"], asked["arguments"]))


# What is added, in closed form.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "scores", "said"),
    [
        ([(40, 60)], (2, 20, 40, 60), "from 40 to 60 steps"),
        ([(40, 71)], (2, 20, 40, 60, 71), "from 40 to 71 steps"),
        ([(40, 50), (50, 71)], (2, 20, 40, 50, 60, 71), "from 40 to 50 steps, then from 50 to 71"),
        ([(20, 33)], (2, 20, 33), "from 20 to 33 steps"),  # it had ended early
    ],
)
def test_scores_go_on_at_their_distance_and_at_each_end(asked, scores, said, pictures):
    added = [Lengthening(*one) for one in asked]
    recipe = longer(built(spec(pictures, steps=40, scores=3)), added)
    assert recipe.cadence.scores == scores
    assert [stage.steps for stage in recipe.stages] == [scores[-1]]
    assert line_of(added) == said and f"lengthened {said}" in recipe.notes


def test_schedules_keep_their_length_and_then_their_end_and_that_is_said(pictures):
    recipe = longer(built(spec(pictures, **SCHEDULED, steps=40)), [Lengthening(40, 60)])
    (stage,) = recipe.stages
    (dial,) = stage.dials
    assert [dial.schedule(step) for step in (0, 20, 40, 59)] == pytest.approx([1e-3, 5.5e-4, 1e-4, 1e-4])
    assert recipe.notes[-1] == (
        "schedules end after step 40, as they were asked for, and stay there: generator/lr 0.0001, "
        "discriminator/l2 0.0001"
    )
    constant = longer(built(spec(pictures, steps=40)), [Lengthening(40, 60)])
    assert "schedules" not in constant.notes[-1]


def test_the_last_stage_is_the_one_that_gets_longer():
    facts = {"stages": [["likelihood", 7], ["critic", 4], ["adversarial", 9]]}
    found = described(RunSpec("text", facts=facts), (Lengthening(20, 25),))
    assert found.facts["stages"] == [["likelihood", 7], ["critic", 4], ["adversarial", 14]]
    assert (found.end, facts["stages"][2][1]) == (25, 9)
    again = RunSpec.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == replace(found, facts=again.facts)


@pytest.mark.parametrize(
    "entry", [3, None, {}, {"start": 3}, {"start": 3, "end": 3}, {"start": -1, "end": 2}, {"end": 1}]
)
def test_what_is_no_lengthening_is_a_damaged_description(entry):
    good = RunSpec("images", lengthened=(Lengthening(3, 4),)).to_dict()
    assert RunSpec.from_dict(good) is not None
    assert RunSpec.from_dict({**good, "lengthened": [*good["lengthened"], entry]}) is None
    assert RunSpec.from_dict({**good, "lengthened": entry}) is None


def test_patience_counts_anew_from_where_a_run_was_lengthened():
    rows = [{"step": step - 1, "score/x": value} for step, value in ((10, 1.0), (20, 2.0), (30, 2.0), (40, 3.0))]
    assert [since_best(rows, ("x",), after) for after in (0, 20, 30, 40)] == [3, 2, 1, 0]
    assert since_best([*rows, {"step": 49, "score/x": 0.5}], ("x",), 20) == 0


# The same run.

RATE = {"lr": 1e-3}
PLAYERS = {"generator": {**PLAYER, **RATE}, "discriminator": {**D, **RATE}}
SPOKEN = {
    "generator": {**SPEECH["generator"], **RATE}, "discriminator": {**D, **RATE}, "vocoder": {**PLAYER, **RATE},
    "vocoder_discriminator": {**D, **RATE},
}  # fmt: skip
TEXTS = {name: {**TEXT[name], **RATE} for name in ("generator", "discriminator")}
CONSTANT = {
    "images": (spec, "steps", 12, 24, {"sample_every": 7}),
    "vae": (vae_spec, "steps", 9, 16, {"autoencoder": {"width": 2, **RATE}}),
    "language": (language_spec, "steps", 10, 18, {"sample_every": 7, "model": {**MODEL, **RATE}}),
    "text": (text_spec, "steps", 4, 9, {"sample_every": 7, **TEXTS}),
    "vocoder": (vocoder_spec, "steps", 2, 5, PLAYERS),
    "speech": (sentences_spec, "vocoder_steps", 1, 3, SPOKEN),
    "speech, joint": (sentences_spec, "joint_steps", 2, 5, SPOKEN),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in CONSTANT])
def test_a_lengthened_run_is_one_of_that_length(name, pictures, grammar, spoken, unseen, tmp_path):
    """Where no schedule is in play: record, weights and optimisers, bit for bit; its facts say the same stages."""
    make, argument, short, long, changes = CONSTANT[name]
    data = {"images": pictures, "vae": pictures, "language": grammar, "text": grammar}.get(name, str(spoken))
    run(make(data, **{argument: long}, **changes), tmp_path / "whole")
    part = make(data, **{argument: short}, **changes)
    run(part, tmp_path / "part")
    run(part, tmp_path / "part", further=Further(steps=long - short))
    assert_same(state(tmp_path / "whole"), state(tmp_path / "part"))
    whole, part = (RunFolder(tmp_path / one).spec().facts for one in ("whole", "part"))
    assert part.get("stages") == whole.get("stages")


@pytest.mark.slow
def test_when_and_how_often_a_run_is_lengthened_makes_no_difference(pictures, tmp_path):
    """Finished first; stopped first; in two parts; with schedules that have an end."""
    asked = spec(pictures, **PARTLY, **SCHEDULED)
    run(asked, tmp_path / "finished")
    run(asked, tmp_path / "finished", further=Further(steps=13))
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "stopped", Stopping(4, stop := Stop()), stop)
    run(asked, tmp_path / "stopped", further=Further(steps=13))
    assert_same(state(tmp_path / "finished"), state(tmp_path / "stopped"))
    run(asked, tmp_path / "twice")
    run(asked, tmp_path / "twice", further=Further(steps=6))
    run(asked, tmp_path / "twice", further=Further(steps=7))
    assert state(tmp_path / "finished")[1:2] == state(tmp_path / "twice")[1:2]
    assert RunFolder(tmp_path / "twice").spec().lengthened == (Lengthening(12, 18), Lengthening(18, 25))


class Killed(Silent):
    """A view that ends the process as `kill -9` does, before what a step leaves behind is saved."""

    def __init__(self, at):
        self.at = at

    def step(self, made, entry):
        if made == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a child at once")
@pytest.mark.slow
def test_killed_beyond_its_old_end_it_still_ends_the_same(pictures, tmp_path):
    asked = spec(pictures, **SCHEDULED, steps=12, checkpoint_every=3, sample_every=7, scores=2, score_samples=8)
    for name in ("whole", "parts"):
        run(asked, tmp_path / name)
    run(asked, tmp_path / "whole", further=Further(steps=18))
    further = Further(steps=18)
    for at in (13, 16, 24, 30):
        child = os.fork()
        if child == 0:
            try:
                run(asked, tmp_path / "parts", Killed(at), further=further)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert not (tmp_path / "parts" / "DONE").exists()
        further = None  # it is kept from the first time on
    run(asked, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.slow
def test_killed_before_the_new_length_was_written_it_is_a_run_at_its_old_end(pictures, tmp_path):
    asked = spec(pictures, **PARTLY)
    before = run(asked, tmp_path / "a")
    weights = state(tmp_path / "a")
    for name in ("DONE", "report.json"):
        (tmp_path / "a" / name).unlink()
    again = run(asked, tmp_path / "a")
    assert (again.steps, again.best, again.scores) == (before.steps, before.best, before.scores)
    assert_same(weights, state(tmp_path / "a"))


@pytest.mark.slow
def test_what_a_run_had_stays_and_best_is_of_all(pictures, tmp_path):
    asked = spec(pictures, **PARTLY, scores=3, score_samples=8)
    before = run(asked, tmp_path / "a")
    folder = RunFolder(tmp_path / "a")
    rows, files = folder.rows(), {p.name for p in folder.samples.iterdir()}
    after = run(asked, tmp_path / "a", further=Further(steps=9))
    assert folder.rows()[: len(rows)] == rows
    assert list(after.scores[: len(before.scores)]) == list(before.scores)
    assert [entry.step for entry in after.scores] == [1, 6, 12, 18, 21]
    assert files | {"00000021.png"} <= {p.name for p in folder.samples.iterdir()}
    kept = {int(p.name[-8:]) for p in all_checkpoints(folder.checkpoints)}
    assert {before.steps, after.best.step, after.steps} <= kept
    values = {entry.step: entry[after.best.score] for entry in after.scores}
    assert after.best.step == min(values, key=values.get)
    assert (before.steps, after.steps, after) == (12, 21, RunReport.of(folder))
    assert "The run was lengthened from 12 to 21 steps." in after.sentences
    assert run(asked, tmp_path / "a") == after, "the original arguments find it"


@pytest.mark.slow
def test_a_run_that_ended_early_goes_on_from_there_and_its_patience_begins_anew(pictures, tmp_path, monkeypatch):
    values = iter([1.0, *(2.0 + i for i in range(99))])  # the first score is the best, then every next one is worse
    monkeypatch.setattr(
        "poise.metrics.distributions.judge.Judge.score", lambda self, sample: {"KID-EffLite0": next(values)}
    )
    asked = spec(pictures, steps=40, scores=5, score_samples=8, patience=2)
    early = run(asked, tmp_path / "a")
    assert [entry.step for entry in early.scores] == [2, 10, 20] and early.steps == 20
    longer_run = run(asked, tmp_path / "a", further=Further(steps=45))
    assert [entry.step for entry in longer_run.scores] == [2, 10, 20, 30, 40] and longer_run.steps == 40
    assert longer_run.sentences[-2].startswith("The run ended early, after 40 of 65 steps: 2 scores in a row")
    assert RunFolder(tmp_path / "a").spec().lengthened == (Lengthening(20, 65),)


@pytest.mark.slow
def test_stopped_in_an_earlier_stage_it_has_more_of_the_last_one_to_come(grammar, tmp_path):
    asked = text_spec(grammar)
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "a", Stopping(3, stop := Stop()), stop)
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "a", Stopping(6, stop := Stop()), stop, further=Further(steps=4))
    folder = RunFolder(tmp_path / "a")
    listed = about(folder)
    assert (listed.state, listed.step, listed.of) == ("stopped", 6, 24)
    assert folder.spec().facts["stages"] == [["likelihood", 7], ["critic", 4], ["adversarial", 13]]
    run(asked, tmp_path / "a")
    run(asked, tmp_path / "b")
    run(asked, tmp_path / "b", further=Further(steps=4))
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))


# Minutes.


@pytest.mark.slow
def test_minutes_become_steps_once_and_timing_them_changes_nothing(pictures, tmp_path, monkeypatch):
    asked = spec(pictures, **PARTLY)
    run(asked, tmp_path / "a")
    before = snapshot(tmp_path / "a")
    monkeypatch.setattr(pace, "SECONDS", 0.05)
    assert 0 < pace.seconds_of_a_step(tmp_path / "a", built(asked)) < 60
    assert snapshot(tmp_path / "a") == before
    monkeypatch.setattr(pace, "seconds_of_a_step", lambda folder, recipe, remedied: 0.5)
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "a", Stopping(15, stop := Stop()), stop, further=Further(minutes=0.1))
    assert RunFolder(tmp_path / "a").spec().lengthened == (Lengthening(12, 24, 0.1, 500.0),)
    run(asked, tmp_path / "a")
    run(asked, tmp_path / "b", further=None)
    run(asked, tmp_path / "b", further=Further(steps=12))
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1e-3, "linear:1e-3:1e-4"])
def test_a_step_is_timed_at_the_rates_to_which_a_run_was_rolled_back(rate, pictures, tmp_path, monkeypatch):
    """Nine rollbacks have made them 512 times lower: at the rates that were asked for it would diverge once more."""
    asked = spec(pictures, **PARTLY, discriminator={**TINY, "lr": rate})
    run(asked, tmp_path / "a")
    entry = {"step": 9, "cause": "not finite", "sentence": "x", "back_to": 5, "what": "lr", "factor": 0.5}
    (tmp_path / "a" / "remedies.json").write_text(json.dumps(9 * [entry]))
    timed = []

    def training(stage, at, recipe, dials):
        for dial in dials:
            dial.apply(dial.schedule(at))
        timed.append([group["lr"] for player in stage.game.players for group in player.optim.param_groups])
        return 0.5

    monkeypatch.setattr(pace, "_training", training)
    run(asked, tmp_path / "a", further=Further(minutes=1))
    assert len(timed) == 1 and max(timed[0]) <= 1e-3 / 512
