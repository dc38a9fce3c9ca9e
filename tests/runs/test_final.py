"""The last word on a run: other held-out items than those of its scores, at its end and at its best step."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from poise.recipes.images import outputs as image_outcomes
from poise.recipes.vae import outputs as vae_outcomes
from poise.record import RunFolder
from poise.runs import run as door
from poise.runs import session
from poise.runs.ending import last_word, scored_on
from poise.runs.run import run
from poise.specs.spec import instantiated, kind_of
from poise.studies.plans.files import executed, plan_of
from poise.studies.running.tasks import tasks_of
from poise.training import checkpoint
from poise.training.checkpoint import load
from tests.runs.conftest import TINY, flat, spec, state
from tests.runs.test_acting import diverging, loss, rolled_back  # noqa: F401

TOY = str(Path(__file__).parents[1] / "studies" / "toy_study.py")


class Scores:
    """A judge: the sampler's own number."""

    noun, n, m, missing, extractors = "points", 4, 9, (), ()

    def score(self, sampler):
        return {"x": sampler(4, 0)}


def spoken(ended, best, ends, final=Scores, monkeypatch=None):
    """What is said of a run whose networks are a number: the step that was loaded last."""
    now, loaded = [ended], []

    def fake(path, game, execution):
        loaded.append((path.name, game))
        now[0] = int(path.name.removeprefix("step-"))

    monkeypatch.setattr(checkpoint, "load", fake)
    recipe = SimpleNamespace(final=final, sampler=lambda n, seed: float(now[0]), execution=None)
    games = [(end, f"game {i}") for i, end in enumerate(ends)]
    return last_word(RunFolder(Path("r")), recipe, games, ended, best), loaded


@pytest.mark.parametrize(
    ("ended", "best", "ends", "loaded"),
    [
        (90, 40, [90], [("step-00000040", "game 0")]),
        (90, 90, [90], []),
        (60, 40, [90], [("step-00000040", "game 0")]),  # ended early
        (90, 40, [50, 90], [("step-00000040", "game 0")]),  # the best lies in an earlier stage
        (90, 50, [50, 90], [("step-00000050", "game 0")]),  # at the end of one, which is its own
        (90, 51, [50, 90], [("step-00000051", "game 1")]),
        (50, 40, [50, 50], [("step-00000040", "game 0")]),  # a stage without steps made no checkpoint
    ],
)
def test_the_game_of_the_best_step_is_that_of_its_stage(ended, best, ends, loaded, monkeypatch):
    said, found = spoken(ended, best, ends, monkeypatch=monkeypatch)
    assert found == loaded
    assert said.end == {"x": ended} and said.best == {"x": best}
    assert said.steps == {"end": ended, "best": best}
    assert (
        said.about == "scores compare 4 samples with 9 held-out points, others than those of the scores while training"
    )


def test_nothing_is_said_where_nothing_was_kept_back_or_scored(monkeypatch):
    assert spoken(90, None, [90], monkeypatch=monkeypatch) == (None, [])
    assert spoken(90, 40, [90], None, monkeypatch=monkeypatch) == (None, [])
    nothing = lambda: SimpleNamespace(score=lambda sampler: {})  # noqa: E731
    assert spoken(90, 40, [90], nothing, monkeypatch=monkeypatch) == (None, [])
    assert scored_on(SimpleNamespace(about="by ear")) == "by ear"


def toy(**changes):
    table = executed(TOY)["STUDY"]
    changed = {**table, "claims": [], "seeds": 1, "arguments": {"data": "points", "steps": 8, **changes}}
    return dict(tasks_of(plan_of(changed))[0].spec)


def without_times(folder):
    report = RunFolder(folder).report()
    return {key: value for key, value in report.items() if key not in ("seconds", "steps_this_sitting", "run")}


@pytest.mark.parametrize("moment", [pytest.param("before", marks=pytest.mark.slow), "after"])
def test_killed_during_its_last_word_a_run_ends_with_the_same_report(moment, tmp_path, monkeypatch):
    """Floor, findings, and both scores, although the second sitting takes no score of its own."""

    class Killed(BaseException):
        pass

    def killed(*arguments):
        if moment == "after":
            last_word(*arguments)
        raise Killed

    run(toy(), tmp_path / "whole")
    monkeypatch.setattr(session, "last_word", killed)
    with pytest.raises(Killed):
        run(toy(), tmp_path / "parts")
    monkeypatch.setattr(session, "last_word", last_word)
    assert not RunFolder(tmp_path / "parts").done
    run(toy(), tmp_path / "parts")
    whole = without_times(tmp_path / "whole")
    assert without_times(tmp_path / "parts") == whole and whole["floor"] and whole["final"]["best"]
    assert state(tmp_path / "parts")[:2] == state(tmp_path / "whole")[:2]


def test_the_vae_keeps_other_pictures_back_for_the_likelihood_too(monkeypatch):
    monkeypatch.setattr(image_outcomes, "judge", lambda *arguments: lambda: SimpleNamespace())
    kept = np.arange(100, 100 + 3 * vae_outcomes.MEASURED)
    images = np.zeros((kept[-1] + 1, 1, 1, 1), np.int64)
    images[:, 0, 0, 0] = np.arange(len(images))
    pictures = SimpleNamespace(heldout=kept, images=images)
    seen, unseen = (
        set(vae_outcomes.judge(pictures, SimpleNamespace(module=None), 9, 3, which)().x.flatten().tolist())
        for which in (False, True)
    )
    assert len(seen) == len(unseen) == vae_outcomes.MEASURED and not seen & unseen and seen | unseen <= set(kept)


JUDGED = {"scores": 3, "score_samples": 20, "heldout": 0.3}
ENDINGS = {
    "to its end": {},
    "by patience": {"scores": 8, "patience": 1, "steps": 64, "generator": {**TINY, "lr": 0.05}},
}


def said_again(asked, folder):
    """The last word, said again by a recipe that has trained nothing, of the checkpoints that are on the disk."""
    report = RunFolder(folder).report()
    built = kind_of("images").build(**instantiated("images", RunFolder(folder).spec().arguments))
    found = {}
    for which, step in report["final"]["steps"].items():
        load(folder / "checkpoints" / f"step-{step:08d}", built.stages[0].game, built.execution)
        found[which] = built.final().score(built.sampler)
    return report, found


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_last_word_is_that_of_the_checkpoints(ending, pictures, tmp_path):
    asked = spec(pictures, **{**JUDGED, **ENDINGS[ending]})
    run(asked, tmp_path / "a")
    report, found = said_again(asked, tmp_path / "a")
    assert {which: report["final"][which] for which in ("end", "best")} == found
    assert report["final"]["steps"] == {"end": report["steps"], "best": report["best"]["step"]}
    assert (report["steps"] < asked["arguments"]["steps"]) == (ending == "by patience")
    if ending == "by patience":
        assert report["best"]["step"] < report["steps"] and found["end"] != found["best"]


@pytest.mark.slow
def test_the_last_word_on_a_run_that_was_rolled_back(pictures, tmp_path, loss):  # noqa: F811
    asked = diverging(pictures, loss, **JUDGED)
    run(asked, tmp_path / "a")
    assert rolled_back(tmp_path / "a")
    report, found = said_again(asked, tmp_path / "a")
    assert {which: report["final"][which] for which in ("end", "best")} == found


def without_penalties(**arguments):
    """The recipe of pictures, whose players have no penalties at all, not even switched off."""
    recipe = kind_of("images").build(**arguments)
    for player in recipe.stages[0].game.players:
        player.penalties = []
    return recipe


@pytest.mark.slow
def test_a_strength_of_zero_is_no_penalty_at_all_bit_for_bit(pictures, tmp_path, monkeypatch):
    off = spec(pictures, l2_generator=0, l2_discriminator=0, **JUDGED)
    run(off, tmp_path / "off")
    run(spec(pictures, l2_generator=0, l2_discriminator=1e-2, **JUDGED), tmp_path / "on")
    monkeypatch.setattr(door, "kind_of", lambda recipe: SimpleNamespace(build=without_penalties))
    run(off, tmp_path / "none")
    (_, weights, resume), (_, none, other) = state(tmp_path / "off"), state(tmp_path / "none")
    assert weights == none != state(tmp_path / "on")[1]
    assert flat(resume["parts"]) == flat(other["parts"]), "optimisers and counters"

    rows, others = RunFolder(tmp_path / "off").rows(), RunFolder(tmp_path / "none").rows()
    about = {key for row in rows for key in row} - {key for row in others for key in row}
    assert about and all("/l2." in key or "/norm" in key for key in about), about
    assert [{key: value for key, value in row.items() if key not in about} for row in rows] == others
    reports = [RunFolder(tmp_path / name).report() for name in ("off", "none")]
    assert reports[0]["final"] == reports[1]["final"] and reports[0]["scores"] == reports[1]["scores"]
