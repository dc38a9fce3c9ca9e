"""Values that are refused only together are trials that are refused; folders are looked at before anything is run."""

from __future__ import annotations

import json
import time

import pytest

from poise.cli import main
from poise.errors import PoiseError
from poise.registry import _TABLES
from poise.studies.running.progress import Log
from poise.tuning import begin
from poise.tuning.asked import _may_become
from poise.tuning.confirm import arms
from poise.tuning.search import Budget
from poise.tuning.space import Space, dimension
from poise.tuning.trials import Trials, Tried
from tests.tuning.surfaces import RecipeEntry, shrink

pytestmark = pytest.mark.usefixtures("here")
WORDS = ["--each", "1", "--confirm", "6", "--steps", "4"]


def paired(data: str, *, l2_point: float = 0.0, lr: float = 0.2, steps: int = 40, seed: int = 0):
    """A point. Args: data: not read. l2_point: λ. lr: rate. steps: moves. seed: of data."""
    if l2_point > 0 and lr > 0.25:
        raise PoiseError(f"--l2-point {l2_point:g} and --lr {lr:g} do not go together: lower one of them")
    return shrink(data, l2_point=l2_point, lr=lr, steps=steps, seed=seed)


@pytest.fixture
def pair(monkeypatch):
    entry = RecipeEntry(**{**vars(_TABLES["recipe"]["shrink"]), "build": paired})
    monkeypatch.setitem(_TABLES["recipe"], "pair", entry)


@pytest.mark.slow
def test_a_pair_that_is_refused_is_a_trial_that_is_refused(pair, tmp_path, capsys):
    """Each value alone is taken: λ up to 10 at the default rate, and the rate times 1.5 without λ."""
    space = ["--space", "l2_point=zero,log:1e-3:10", "--space", "lr=times:0.5:1.5"]
    out = tmp_path / "t"
    assert main(["tune", "pair", "x", "--no-scan", "--trials", "12", *WORDS, *space, "--out", str(out)]) == 0
    said = capsys.readouterr()
    trials = json.loads((out / "answer.json").read_text())["trials"]
    states = [one["state"] for one in trials]
    assert len(trials) == 12 and 0 < states.count("refused") < 11
    for one in trials:
        both = one["values"]["l2_point"] > 0 and one["values"]["lr"] * 0.2 > 0.25
        assert (one["state"] == "refused") == both == ("do not go together" in one.get("why", "")) and both != bool(
            one["scores"]
        )
        assert ("why" in one) == both
    (line,) = [line for line in said.err.splitlines() if line.startswith(f"trial {states.index('refused')}: ")]
    assert ": refused: --l2-point" in line and "do not go together" in line
    events = [entry for entry in Log(out / "events.jsonl").entries() if entry.event == "refused"]
    assert any("do not go together" in str(entry.details.get("why")) for entry in events)
    assert "do not go together" in (out / "index.html").read_text()
    best = json.loads((out / "answer.json").read_text())["best"]
    assert states[best] == "done"


def test_a_default_that_is_refused_ends_the_search(pair, tmp_path, capsys, monkeypatch):
    """As where its data are gone since the search began."""
    monkeypatch.setattr(begin, "rehearsed", lambda recipe, arguments, score: begin_known())
    monkeypatch.setattr(begin, "possible", lambda space, *rest: space)

    def gone(data: str, *, l2_point: float = 0.0, lr: float = 0.2, steps: int = 40, seed: int = 0):
        """A point. Args: data: not read. l2_point: λ. lr: rate. steps: moves. seed: of data."""
        raise PoiseError("there is no folder x")

    _TABLES["recipe"]["pair"] = RecipeEntry(**{**vars(_TABLES["recipe"]["pair"]), "build": gone})
    words = ["tune", "pair", "x", "--no-scan", "--trials", "4", *WORDS, "--quiet", "--out", str(tmp_path / "t")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("poise: the default (") and "is refused: there is no folder x" in said
    assert said.count("\n") == 1
    assert "refused" not in (tmp_path / "t" / "trials.journal").read_text(), "nothing is kept of what may come back"


def begin_known():
    from poise.studies.running.attempt import Known

    return Known(step=0.01, steps=4, looks=1)


def test_a_refused_trial_is_kept_and_is_never_the_best(tmp_path):
    space = Space([dimension("l2_point=zero,log:1e-3:10")[1]])
    one = Trials(tmp_path / "j", space, True, first=[{"l2_point": 0.0}])
    first, second, *_ = one.round(0)
    one.tell(first, [3.0], 9.0, False)
    one.refuse(second, "no such run", 3.0)
    again = Trials(tmp_path / "j", space, True, first=[{"l2_point": 0.0}])
    kept = again.all()[1]
    assert (kept.state, kept.why, kept.scores, kept.mean) == ("refused", "no such run", (), 3.0)
    assert again.best().number == 0


def test_what_is_refused_without_a_penalty_has_no_arm(pair):
    from poise.tuning.asked import Asked

    space = Space([dimension("l2_point=zero,log:1e-3:10")[1], dimension("lr=times:0.5:1.5")[1]])
    asked = Asked("pair", {"data": "x", "l2_point": 0.0, "lr": 0.2, "steps": 4}, space, "distance")
    best = Tried(3, {"l2_point": 0.5, "lr": 0.5}, "done", [1.0], 1.0)
    assert "without l2_point" in arms(asked, best)
    assert "without l2_point" not in arms(asked, best, ["l2_point"])


@pytest.mark.slow
def test_another_search_in_the_folder_is_told_before_anything_is_run(tmp_path, capsys, monkeypatch):
    words = ["tune", "shrink", "x", "--trials", "4", *WORDS, "--quiet", "--out", str(tmp_path / "t")]
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--no-scan"]) == 0
    capsys.readouterr()

    def run(*_):
        raise AssertionError("something was run")

    for name in ("rehearsed", "possible", "bounded"):
        monkeypatch.setattr(begin, name, run)
    for more, what in (
        (["--space", "lr=off"], "space"),
        (["--space", "lr=times:0.5:2"], "space"),
        (["--at", "best"], "at"),
        (["--each", "2"], "seeds"),
        (["--l2-point", "0.5"], "arguments, space"),
    ):
        assert main([*words, *more]) == 2
        assert f"holds another search (it differs in {what})" in capsys.readouterr().err
    assert main(words) == 2 and "something was run" in capsys.readouterr().err, "the same search is not refused"


@pytest.mark.parametrize(
    ("asked", "known", "may"),
    [
        (["a=log:1:9", "b=off"], ["a=log:1:3", "b=off"], True),
        (["a=log:1:9", "b=off"], ["b=off"], True),
        (["a=log:1:9", "b=1,2"], ["a=log:1:9", "b=1,3"], False),
        (["a=log:1:9", "b=1,2"], ["a=log:1:9"], False),
        (["a=log:1:9"], ["a=log:1:9", "c=1,2"], False),
    ],
)
def test_which_space_may_come_of_another(asked, known, may):
    assert _may_become(asked, known, ["a"]) is may


def test_the_time_of_the_scan_counts(tmp_path, monkeypatch):
    """`--hours`: the budget begins when the command does."""
    seen: list[Budget] = []

    def go(self, budget, *rest):
        seen.append(budget)
        raise PoiseError("enough")

    def slow(space, *rest):
        time.sleep(0.3)
        return space

    monkeypatch.setattr(begin, "bounded", slow)
    monkeypatch.setattr(begin.Tune, "go", go)
    main(["tune", "shrink", "x", "--hours", "1", *WORDS, "--quiet", "--out", str(tmp_path / "t")])
    assert seen[0].elapsed >= 0.3


def test_penalties_of_ones_own_in_a_space():
    words = ["discriminator.penalties.R1.gamma=zero,log:1:2", "l2_generator=off", "--discriminator.penalties.my.P.a=x"]
    assert begin.penalties_in(words) == ["my.P"]


def test_it_is_told_in_chinese(monkeypatch):
    from poise.tuning.view import trial_line
    from poise.words import translated

    monkeypatch.setenv("POISE_LANG", "zh")
    tried = Tried(3, {"l2_point": 0.5}, "refused", (), 1.0, "no such run")
    assert translated(trial_line(tried, "KID")) == "试验 3：l2_point 0.5：被拒绝：没有这样的运行"
