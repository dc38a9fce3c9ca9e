"""Every symptom is found where it was put, nowhere else, and healthy records are left in peace."""

from __future__ import annotations

import copy
import math
import subprocess
import sys

import pytest

from poise.disk.description import RunSpec
from poise.monitor import Record, diagnose
from poise.monitor.findings.generator import tells_copies
from poise.monitor.findings.windows import Series, holding, series, surely_above
from poise.registry import find, names
from tests.monitor.records import encoded, fitted, record


def falls(first: float, last: float):
    """From one number to another in equal factors, over the run."""
    return lambda t: first * (last / first) ** t


def late(before: float, after: float, when: float = 0.5):
    return lambda t: before if t < when else after


def scored(rows, values, key="score/KID-EffLite0", width=0.1):
    """Scores evenly over the record, with an interval."""
    for i, value in enumerate(values):
        row = rows[(i + 1) * len(rows) // len(values) - 1]
        row |= {key: value, f"{key}.low": value - width, f"{key}.high": value + width}
    return rows


# symptom -> (rows, the step since which it holds, or None where that does not matter)
CASES = {
    "discriminator overfitting": lambda: record(
        discriminator__auc_gap=late(0.02, 0.4), discriminator__auc_training=0.9, discriminator__auc_heldout=0.5
    ),
    "dead discriminator": lambda: record(
        discriminator__alive=late(1.0, 0.0), discriminator__contrast=late(0.5, 1e-9),
        discriminator__l2_share=0.1,
    ),
    "generator collapse": lambda: record(generator__diversity=late(0.9, 0.05)),
    "partial collapse": lambda: record(generator__diversity=late(0.9, 0.45, 0.3)),
    "unbounded discriminator": lambda: record(discriminator__contrast=falls(0.5, 1e5)),
    "oscillation": lambda: record(generator__drift=late(0.2, 1.2)),
    "memorisation": lambda: record(generator__inside=late(0.5, 0.9), generator__inside_z=late(0.1, 6.0)),
    "vanishing gradient": lambda: record(
        generator__output_gradient=falls(0.2, 1e-6), discriminator__auc_training=1.0
    ),
    "exploding gradient": lambda: record(generator__grad_norm=falls(1.0, 1e6)),
    "strength without effect": lambda: with_share(record(), "discriminator", 1e-13),
    "strength too large": lambda: with_share(record(discriminator__norm=falls(5.0, 0.5)), "discriminator", 0.56),
    "learning rates out of balance": lambda: record(generator__update=0.3),
    "learning rate too large": lambda: record(
        generator__update=falls(0.2, 0.01), discriminator__update=falls(0.2, 0.01), generator__norm=falls(5.0, 30.0),
        discriminator__norm=falls(5.0, 30.0),
    ),
    "no held-out data": lambda: record(
        without=("discriminator/on_heldout", "discriminator/auc_heldout", "discriminator/auc_gap")
    ),
    "held-out data unlike training data": lambda: record(data__split_z=lambda t: 30.0),
    "overfitting": lambda: fitted(nll_heldout=lambda t: 3.5 + 2 * max(0.3 - t, 0) + 0.6 * max(t - 0.4, 0)),
    "posterior collapse": lambda: encoded(rate=falls(5.0, 0.005), active_units=late(9.0, 0.0)),
    "past its best": lambda: scored(record(), [4.0, 1.0, 2.0, 3.0, 3.0]),
    "discriminator tells nothing": lambda: record(
        discriminator__auc_training=late(0.7, 0.45, 0.2), discriminator__auc_heldout=late(0.7, 0.45, 0.2),
        discriminator__adversarial=1.386,
    ),
    "lightness or colour off": lambda: record(generator__shown_contrast=late(1.0, 0.5, 0.3)),
    "nothing was learnt": lambda: flat(scored(record(), [30.0, 29.0, 28.5, 28.5]), 30.0),
}  # fmt: skip


def flat(rows, value, key="score/KID-EffLite0"):
    """The score of pictures of one colour each, beside each score."""
    for row in rows:
        if key in row:
            row[f"{key}.flat"] = value
    return rows


def with_share(rows, player, share):
    for row in rows:
        row[f"{player}/l2.share"] = share
    return rows


def test_every_symptom_has_a_case():
    assert set(CASES) == set(names("symptom"))


@pytest.mark.slow
@pytest.mark.parametrize("name", names("symptom"))
def test_the_symptom_is_found_and_nothing_else(name):
    rows = CASES[name]()
    kept = copy.deepcopy(rows)
    found = diagnose(Record(rows))
    assert rows == kept, "diagnose changes nothing"
    assert found == diagnose(Record(rows)), "and says the same twice"
    assert [finding.name for finding in found] == [name]
    (finding,) = found
    assert finding.severity in ("warning", "critical")
    assert 0 <= finding.since <= rows[-1]["step"]
    assert finding.sentence.endswith(".") and finding.action.endswith(".")
    assert all(math.isfinite(value) for value in finding.numbers.values())
    assert "--" in finding.action, "the action names a flag"
    assert "\n" not in finding.line()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_record_is_left_in_peace_at_every_moment(seed):
    rows = scored(record(seed=seed), [4.0, 2.0, 1.5, 1.4, 1.45])
    for end in range(0, len(rows) + 1, 4):
        assert diagnose(Record(rows[:end])) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", names("symptom"))
def test_a_symptom_needs_no_key_that_may_be_missing(name):
    """Records of other games and of older versions lack signals; nothing is found then, and nothing breaks."""
    assert find("symptom", name)(Record([])) is None
    assert find("symptom", name)(Record([{"step": 0, "net/nll": 1.0}] * 50)) is None
    rows = CASES[name]()
    for key in rows[0]:
        if key != "step":
            diagnose(Record([{k: v for k, v in row.items() if k != key} for row in rows]))


def test_overfitting_is_seen_where_the_discriminator_is_right_about_everything():
    """Then both AUCs are 1 and their gap 0; but it still tells training from held-out items."""
    right = record(
        discriminator__auc_training=1.0, discriminator__auc_heldout=1.0, discriminator__auc_gap=0.0,
        discriminator__auc_seen=late(0.5, 0.8),
    )  # fmt: skip
    assert [finding.name for finding in diagnose(Record(right))] == ["discriminator overfitting"]


def test_overfitting_is_not_claimed_where_few_held_out_items_may_be_odd_by_chance():
    """Each probe sees the same twenty held-out items: a gap of 0.15 is within three standard errors of that choice."""
    gap = {"discriminator__auc_gap": 0.15, "discriminator__auc_seen": 0.55}
    few = record(**gap, data__training=lambda t: 180.0, data__heldout=lambda t: 20.0)
    many = record(**gap, data__training=lambda t: 2000.0, data__heldout=lambda t: 2000.0)
    assert diagnose(Record(few)) == []
    assert [finding.name for finding in diagnose(Record(many))] == ["discriminator overfitting"]


def test_no_strength_is_advised_that_would_kill_the_discriminator():
    rows = CASES["discriminator overfitting"]()
    for row in rows:
        row["discriminator/l2.strength"] = 0.03
    (finding,) = diagnose(Record(rows))
    assert "--l2-discriminator" not in finding.action and "R1" in finding.action


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("generator collapse", {"diversity": late(0.9, 0.05)}),
        ("partial collapse", {"diversity": late(0.9, 0.45, 0.3)}),
        ("oscillation", {"diversity": lambda t: 0.9 if t < 0.5 or int(t * 6.25 + 0.01) % 2 else 0.1}),
        ("memorisation", {"inside": late(0.5, 0.9), "inside_z": late(0.1, 6.0)}),
    ],
)
def test_what_is_shown_is_looked_at_as_well_as_what_plays(name, changes):
    """An averaged generator that is sick while the one that plays is not, and the other way round."""
    for prefix in ("shown_", ""):
        rows = record(**{f"generator__{prefix}{key}": value for key, value in changes.items()})
        found = [finding for finding in diagnose(Record(rows)) if finding.name == name]
        assert len(found) == 1, prefix
        assert ("averaged generator, which is what is shown," in found[0].sentence) == (prefix == "shown_")


def test_whether_copies_could_have_been_told():
    """Only after as many looks as the finding needs, and at a fair split: nothing found is no praise before."""
    copies = CASES["memorisation"]()
    found = [any(one.name == "memorisation" for one in diagnose(Record(copies[:n]))) for n in range(len(copies) + 1)]
    could = [tells_copies(Record(copies[:n])) for n in range(len(copies) + 1)]
    first = could.index(True)
    assert 1 < first < found.index(True) and all(could[first:])
    healthy = record()
    assert tells_copies(Record(healthy)) and not tells_copies(Record(healthy[: first - 1]))
    unfair = [{**row, "data/split_z": 6.0} for row in healthy]
    assert not tells_copies(Record(unfair)) and not tells_copies(Record([{"step": 1, "generator/loss": 1.0}]))


def test_a_penalty_that_only_turns_the_weights_faster_is_too_large_as_well():
    """Emoji at the old default: a share of 0.1, weights at 15 % of their length, steps four times as large."""
    small = {"generator__norm": falls(29.7, 4.3), "generator__l2_share": 0.1}
    slow = with_share(record(1600, **small, generator__update=0.01), "generator", 0.1)
    fast = with_share(record(1600, **small, generator__update=falls(0.01, 0.041)), "generator", 0.1)
    higher_rate = with_share(record(1600, generator__update=falls(0.01, 0.041)), "generator", 0.1)
    assert diagnose(Record(slow)) == diagnose(Record(higher_rate)) == []
    (found,) = diagnose(Record(fast))
    assert found.name == "strength too large" and "times as far" in found.sentence


def test_nothing_is_said_of_learning_early_nor_of_samples_that_beat_plain_colours():
    spec = RunSpec(arguments={"steps": 800})
    rows = CASES["nothing was learnt"]()
    assert diagnose(Record([row for row in rows if row["step"] < 520], spec)) == []
    assert diagnose(Record(flat(scored(record(), [30.0, 29.0, 27.0, 24.0]), 30.0), spec)) == []
    assert diagnose(Record(scored(record(), [30.0, 29.0, 28.5, 28.5]), spec)) == [], "older records have no such score"


def test_since_is_where_it_began():
    (finding,) = diagnose(Record(record(generator__diversity=late(0.9, 0.05))))
    assert finding.since == pytest.approx(400, abs=32)
    rows = record(discriminator__alive=lambda t: float(not 0.5 <= t < 0.7))
    assert diagnose(Record(rows)) == [], "what has passed is no finding any more"


def test_the_action_names_the_strength_that_is_in_force():
    (finding,) = diagnose(Record(with_share(record(discriminator__norm=falls(5.0, 0.5)), "discriminator", 0.56)))
    assert "--l2-discriminator 1e-05" in finding.action
    (finding,) = diagnose(Record(CASES["discriminator overfitting"](), RunSpec(facts={"augment": "none"})))
    assert "--augment" in finding.action and "--l2-discriminator 0.001" in finding.action


def test_a_young_generator_is_not_called_collapsed():
    young = record(steps=8 * 4 * 8, generator__diversity=0.1)
    assert diagnose(Record(young)) == []
    assert [f.name for f in diagnose(Record(record(generator__diversity=0.1)))] == ["generator collapse"]


def test_a_generator_that_collapses_and_recovers_oscillates():
    swings = record(generator__diversity=lambda t: 0.9 if t < 0.4 or int(t * 800 / 32) % 4 > 1 else 0.1)
    found = {finding.name: finding for finding in diagnose(Record(swings))}
    assert "collapses and recovers in turn" in found["oscillation"].sentence
    assert "generator collapse" not in found


def test_a_gradient_that_was_next_to_nothing_and_is_ordinary_now_has_not_exploded():
    assert diagnose(Record(record(generator__grad_norm=falls(1e-4, 2.0)))) == []


def test_few_classes_are_a_partial_collapse_only_when_the_run_has_had_its_time():
    rows = record()
    rows[4]["score/class_share.effective"] = rows[20]["score/class_share.effective"] = 0.1
    asked = RunSpec(arguments={"steps": 800})
    assert diagnose(Record(rows, asked)) == []  # step 160 of 800
    rows[50]["score/class_share.effective"] = 0.1
    assert [f.name for f in diagnose(Record(rows, asked))] == ["partial collapse"]


def test_diagnose_does_not_load_torch():
    script = "import sys, poise.monitor; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_windows():
    s = series([{"step": 0, "a": 1.0}, {"step": 1}, {"step": 2, "a": 3.0}, {"step": 4, "a": 8.0}], "a")
    assert s == Series([0, 2, 4], [1.0, 3.0, 8.0])
    assert s.smoothed(2) == Series([2, 4], [2.0, 5.5])
    assert len(s.smoothed(4)) == 0
    assert holding(s, lambda v: v > 2) == 2
    assert holding(s, lambda v: v > 2, least=3) is None
    assert holding(s, lambda v: v < 5) is None
    assert holding(Series([], []), lambda v: True) is None
    assert surely_above([1.0, 3.0]) == pytest.approx(2 - 3 * 2**0.5 / 2**0.5)


@pytest.mark.parametrize("still", [("generator",), ("discriminator",), ("generator", "discriminator")])
def test_a_rate_that_has_come_to_0_is_no_imbalance_and_no_fault(still):
    """A schedule may end at 0 long before the run does."""
    stopped = {f"{player}__update": lambda t: 0.01 if t < 0.5 else 0.0 for player in still}
    assert "learning rates out of balance" not in [found.name for found in diagnose(Record(record(**stopped)))]


@pytest.mark.parametrize(("value", "name"), [(0.03, "generator collapse"), (0.4, "partial collapse"), (0.9, None)])
@pytest.mark.parametrize("prefix", ["", "shown_"])
def test_a_collapse_within_classes_is_named_as_such(prefix, value, name):
    """All classes are there, each as one item: the items differ as much as those of the data."""
    rows = record(steps=2400)
    for row in rows:
        if f"generator/{prefix}diversity" in row:
            row[f"generator/{prefix}diversity_within"] = value
    found = diagnose(Record(rows))
    assert [one.name for one in found] == ([name] if name else [])
    for one in found:
        assert (
            one.sentence.startswith("Items of one class of the ") and "training items of that class do" in one.sentence
        )
        assert f"{value:.0%}" in one.sentence and one.numbers == {"diversity_within": value}
