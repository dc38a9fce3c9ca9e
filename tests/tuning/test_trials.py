"""The trials of a search alone, with scores that are made up: whatever stops them, the same comes out."""

from __future__ import annotations

import json

import pytest
from optuna.samplers import GPSampler

from poise.cli import main
from poise.errors import PoiseError
from poise.tuning.space import Space, dimension
from poise.tuning.trials import JOURNAL, Trials

SPACE = Space([dimension(text)[1] for text in ("l2_a=zero,log:1e-6:1", "l2_b=zero,log:1e-6:1", "lr=times:0.5:2")])
DEFAULT = {"l2_a": 1.2345e-3, "l2_b": 0.0, "lr": 1.0}
SHRINK = ["tune", "shrink", "x", "--no-scan", "--each", "1", "--confirm", "6", "--steps", "4", "--quiet"]


def trials(folder, **more):
    return Trials(folder / JOURNAL, SPACE, True, 0, [DEFAULT], **more)


def told(found, number, scores):
    """The end of a trial, none of whose runs diverged."""
    (tried,) = [one for one in found.all() if one.number == number]
    given_up = found.worse(tried, scores[:2])
    found.tell(tried, scores[:2] if given_up else scores, 9.0, given_up)
    return given_up


def test_a_trial_that_was_being_chosen_when_a_kill_came_is_chosen_again(tmp_path, monkeypatch):
    whole = trials(tmp_path / "whole").round(0)
    drawn, calls = GPSampler.sample_independent, []

    def killed(self, *args):
        calls.append(args)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return drawn(self, *args)

    monkeypatch.setattr(GPSampler, "sample_independent", killed)
    with pytest.raises(KeyboardInterrupt):
        trials(tmp_path / "killed").round(0)
    assert trials(tmp_path / "killed").round(0) == whole


def test_the_default_is_tried_as_it_is(tmp_path):
    assert trials(tmp_path).round(0)[0].values == DEFAULT, "with more digits than are drawn"


def test_what_is_given_up_is_decided_against_earlier_rounds_whenever_it_is_asked(tmp_path):
    found = trials(tmp_path)
    found.round(0)
    for number in range(4):
        told(found, number, [3.0, 3.0, 3.0])
    fifth, sixth = found.round(1, 2)
    assert not found.worse(fifth, [1.0, 1.0]) and not found.worse(sixth, [2.0, 2.0])
    found.tell(fifth, [1.0, 1.0, 1.0], 9.0, False)
    assert not trials(tmp_path).worse(sixth, [2.0, 2.0]), "stopped, and asked again"
    assert not told(found, 6, [2.0, 2.0, 2.0]), "of a search that was lengthened within the round"


@pytest.mark.parametrize("worst", [2.0, 20.0, 2e6])
def test_what_a_given_up_trial_counts_does_not_depend_on_what_others_lost(worst, tmp_path):
    """A diverged run of the best one counts what it counted when that one was told, and not what is the worst now."""
    found = trials(tmp_path)
    found.round(0)
    for tried in found.all()[:4]:
        scores = [2.0, None, 2.0] if tried.number == 0 else [20.0, 20.0, 20.0]
        found.tell(tried, scores, 2.0, False)
    found.round(1)
    tried = found.all()[4]
    found.tell(tried, [4.0, 9.0], worst, True)
    assert found.all()[4].mean == pytest.approx(2.0 + (2.0 + 7.0) / 2) and found.best().number == 0


@pytest.mark.parametrize("seed", [2**32 - 3, 2**32, 20261130190500, 2**62])
def test_any_seed_draws(seed, tmp_path):
    drawn = Trials(tmp_path / JOURNAL, SPACE, True, seed, [DEFAULT])
    for number in range(3):
        for tried in drawn.round(number):
            drawn.tell(tried, [1.0 + tried.number], 9.0, False)
    assert len(drawn.all()) == 12


def test_a_search_of_before_keeps_what_was_drawn_where_more_is_tried_first_now(tmp_path):
    """A list with 0 had no trial without any penalty; of a search that was begun so the second trial was drawn."""
    before = trials(tmp_path)
    drawn = [tried.values for tried in before.round(0)]
    before.close()
    after = Trials(tmp_path / JOURNAL, SPACE, True, 0, [DEFAULT, {**DEFAULT, "l2_a": 0.0}])
    assert [tried.values for tried in after.all()] == drawn


def test_a_trial_that_is_given_up_is_never_the_best(tmp_path):
    """The round has a winner that was bad on the first seeds: it is no reference for what was given up before."""
    found = trials(tmp_path)
    found.round(0)
    for number in range(4):
        told(found, number, [3.0, 3.0, 3.0])
    found.round(1)
    assert not told(found, 4, [8.0, 2.0, -4.0])
    assert told(found, 5, [4.0, 3.5, 0.0])
    one, other = found.all()[4:6]
    assert one.mean == 2.0 and other.mean == 3.0 + 0.75 and found.best() == one


def test_half_a_line_at_the_end_of_the_journal_is_left_out(tmp_path):
    whole = trials(tmp_path).round(0)
    journal = tmp_path / JOURNAL
    content = journal.read_bytes()
    for cut in (1, 30):
        journal.write_bytes(content[:-cut])
        assert trials(tmp_path).round(0) == whole
        assert trials(tmp_path).round(0) == whole, "it can be read after more was written"


def test_a_damaged_journal_is_told(tmp_path):
    trials(tmp_path).round(0)
    journal = tmp_path / JOURNAL
    journal.write_bytes(b"{nonsense\n" + journal.read_bytes())
    with pytest.raises(PoiseError, match=r"trials.journal is damaged .*choose another --out"):
        trials(tmp_path)


def test_another_search_of_the_same_space_is_refused(tmp_path):
    trials(tmp_path, whose="one").round(0)
    trials(tmp_path, whose="one")
    with pytest.raises(PoiseError, match="the trials of another search"):
        trials(tmp_path, whose="other")


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_lengthened_within_a_round_it_tries_what_a_longer_one_tries(tmp_path):
    def tried(name):
        return json.loads((tmp_path / name / "answer.json").read_text())["trials"]

    assert main([*SHRINK, "--out", str(tmp_path / "t"), "--trials", "10"]) == 0
    assert len(tried("t")) == 10
    assert main([*SHRINK, "--out", str(tmp_path / "t"), "--trials", "12"]) == 0
    assert main([*SHRINK, "--out", str(tmp_path / "u"), "--trials", "12"]) == 0
    assert tried("t") == tried("u")
