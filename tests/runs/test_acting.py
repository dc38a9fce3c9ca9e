"""What a run does about what it finds: roll back, weaken, stop early; repeatable, and never without end."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time

import pytest

from poise import registry
from poise.errors import PoiseError
from poise.losses.adversarial import AdversarialLoss
from poise.record import RunFolder
from poise.report.conclude import best
from poise.runs.rollback import Divergence, Rollbacks
from poise.runs.run import Interrupted, Stop, run
from poise.training.checkpoint import all_checkpoints
from tests.runs.conftest import TINY, Stopping, assert_same, spec, state

LIMIT = 12.0


def fragile(real, fake):
    """A Wasserstein loss that becomes infinite when the logits grow beyond a limit: faster learning gets there."""
    loss = fake - real
    return loss / (max(real.detach().abs().max(), fake.detach().abs().max()) < LIMIT).to(loss)


@pytest.fixture
def loss():
    """The name of a loss that diverges by construction."""
    registry.register("loss", "fragile")(AdversarialLoss(fragile, lambda fake: -fake))
    yield "fragile"
    del registry._TABLES["loss"]["fragile"]


def diverging(data, loss, **changes):
    fast = {"loss": loss, "generator": {**TINY, "lr": 1e-4}, "discriminator": {**TINY, "lr": 0.005}, "steps": 30}
    return spec(data, **fast, on_divergence="rollback", rollbacks=8, log_every=1, l2_discriminator=0, **changes)


def killing(strength):
    """A penalty that kills D before anything happens to the generator."""
    slow = {**TINY, "lr": 2e-4, "betas": [0.5, 0.99]}
    fast = {**TINY, "lr": 1e-2, "betas": [0.5, 0.99]}
    return {"l2_discriminator": strength, "network": "short_dcgan", "generator": slow, "discriminator": fast}


def rolled_back(folder):
    return [event.details for event in RunFolder(folder).events() if event.event == "rolled back"]


@pytest.mark.slow
def test_a_run_that_diverges_ends_finite_with_a_list_of_events(pictures, tmp_path, loss):
    stops = diverging(pictures, loss)
    stops["arguments"]["on_divergence"] = "stop"
    with pytest.raises(PoiseError, match=r"became (inf|nan).*a new run with --on-divergence rollback would go on"):
        run(stops, tmp_path / "stops")
    report = run(diverging(pictures, loss), tmp_path / "a")
    events = rolled_back(tmp_path / "a")
    assert 1 <= len(events) <= 8
    assert len(report.rollbacks) == len(events)
    for event in events:
        assert (
            event["cause"] in ("not finite", "exploding gradient")
            and event["back_to"] <= event["step"]
            and event["back_to"] % 5 == 0
        )
        assert event["change"] == "all learning rates times 0.5"
    rows = RunFolder(tmp_path / "a").rows()
    assert [row["step"] for row in rows] == list(range(30)), "each step stands in the record once"
    assert rows[-1]["discriminator/lr"] == pytest.approx(0.005 * 0.5 ** len(events))
    assert any("rolled back" in line for line in report.sentences)
    shown = [int(path.name[:8]) for path in (tmp_path / "a" / "samples").glob("0*")]
    assert max(shown) == report.steps == 30, "none is left of what was taken back"
    assert not any("did not mend everything" in line for line in report.sentences) or report.findings
    assert RunFolder(tmp_path / "a").done


@pytest.mark.slow
def test_a_run_that_was_rolled_back_and_is_not_well_says_so(pictures, tmp_path, loss):
    report = run(diverging(pictures, loss, heldout=0.0), tmp_path / "a")
    assert rolled_back(tmp_path / "a")
    assert any("did not mend everything (no held-out data" in line for line in report.sentences)


@pytest.mark.slow
def test_never_an_endless_loop(pictures, tmp_path, loss):
    arguments = diverging(pictures, loss)["arguments"] | {"rollbacks": 2, "discriminator": {**TINY, "lr": 50.0}}
    with pytest.raises(PoiseError, match=r"rolled back 2 times already \(--rollbacks 2\)"):
        run({"recipe": "images", "arguments": arguments}, tmp_path / "a")
    assert len(rolled_back(tmp_path / "a")) == 2
    assert RunFolder(tmp_path / "a").events()[-1].event == "diverged"
    assert RunFolder(tmp_path / "a").state().startswith("diverged")


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "schedule"),
    [(17, True), *(pytest.param(*case, marks=SLOW) for case in [(3, False), (3, True), (17, False), (28, False)]),
     pytest.param(28, True, marks=SLOW)],
)  # fmt: skip
def test_resumed_equals_uninterrupted_with_rollbacks_in_between(pictures, tmp_path, loss, step, schedule):
    rate = {"discriminator": {**TINY, "lr": "linear:0.005:0.002"}} if schedule else {}
    wanted = diverging(pictures, loss)
    wanted["arguments"] |= rate
    run(wanted, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(wanted, tmp_path / "parts", Stopping(step, stop := Stop()), stop)
    run(wanted, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    assert json.loads((tmp_path / "whole" / "remedies.json").read_text()) == json.loads(
        (tmp_path / "parts" / "remedies.json").read_text()
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a child at once")
@pytest.mark.slow
def test_killed_at_random_moments_a_run_with_rollbacks_ends_the_same(pictures, tmp_path, loss):
    wanted = diverging(pictures, loss)
    run(wanted, tmp_path / "whole")
    moments, kills = random.Random(3), 0
    while not (tmp_path / "parts" / "DONE").exists():
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run(wanted, tmp_path / "parts")
                code = 0
            finally:
                os._exit(code)
        if kills < 12:
            time.sleep(moments.uniform(0.05, 0.4))
            os.kill(child, signal.SIGKILL)
            kills += 1
            os.waitpid(child, 0)
            continue
        _, status = os.waitpid(child, 0)
        assert kills < 12 or status == 0, "a run that is left alone comes to its end"
    assert kills
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.slow
def test_a_penalty_that_killed_the_discriminator_is_weakened(pictures, tmp_path):
    wanted = spec(pictures, steps=176, checkpoint_every=12, **killing(3.0))  # fmt: skip
    dead = run(wanted, tmp_path / "dead")
    assert "dead discriminator" in [finding.name for finding in dead.findings]
    assert any(event.event == "finding" and event.details["name"] == "dead discriminator"
               for event in RunFolder(tmp_path / "dead").events())  # fmt: skip
    wanted["arguments"] |= {"on_divergence": "rollback", "rollbacks": 5}
    report = run(wanted, tmp_path / "a")
    events = rolled_back(tmp_path / "a")
    assert events[0]["cause"] == "discriminator killed by its penalty"
    assert events[0]["change"] == "all penalties of the discriminator times 0.1"
    assert "dead discriminator" not in [finding.name for finding in report.findings]
    rows = RunFolder(tmp_path / "a").rows()
    weaker = sum(event["what"] == "discriminator/regularisers" for event in events)
    assert rows[-1]["discriminator/l2.strength"] == pytest.approx(3.0 * 0.1**weaker)


@pytest.mark.parametrize(
    ("name", "penalty", "strength"),
    [
        ("r1", {"class_path": "poise.penalties.R1", "init_args": {"gamma": 1e5, "every": 1}}, 1e5),
        ("weight_decay", {"class_path": "poise.penalties.WeightDecay", "init_args": {"strength": 30.0}}, 30.0),
    ],
)
@pytest.mark.slow
def test_whichever_penalty_killed_it_is_named_and_weakened(pictures, tmp_path, name, penalty, strength):
    wanted = spec(pictures, steps=176, checkpoint_every=12, **killing(0.0))
    wanted["arguments"]["discriminator"]["penalties"] = [penalty]
    (dead,) = [found for found in run(wanted, tmp_path / "dead").findings if found.name == "dead discriminator"]
    assert dead.numbers["killed by its penalty"] == 1.0
    assert f"{strength / 10:.2g}" in dead.action and "higher" not in dead.action
    wanted["arguments"] |= {"on_divergence": "rollback", "rollbacks": 5}
    with contextlib.suppress(PoiseError):  # that it was rolled back often enough
        run(wanted, tmp_path / "a")
    events = rolled_back(tmp_path / "a")
    assert events[0]["cause"] == "discriminator killed by its penalty"
    rows = [row for row in RunFolder(tmp_path / "a").rows() if f"discriminator/{name}.strength" in row]
    weaker = sum(event["what"] == "discriminator/regularisers" for event in events)
    assert rows[-1][f"discriminator/{name}.strength"] == pytest.approx(strength * 0.1**weaker)


@pytest.mark.parametrize("acting", ["stop", "rollback"])
@pytest.mark.slow
def test_a_run_whose_discriminator_dies_resumes_bit_for_bit(pictures, tmp_path, acting):
    """Which weights have no scale of their own is found out of the first weights, not of those at the resumed step."""
    wanted = spec(pictures, steps=96, log_every=2, on_divergence=acting, checkpoint_every=12, rollbacks=5,
                  **killing(3.0))  # fmt: skip
    run(wanted, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(wanted, tmp_path / "parts", Stopping(70, stop := Stop()), stop)
    run(wanted, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.slow
def test_the_best_checkpoint_is_there_after_a_rollback(pictures, tmp_path):
    """A rollback may bring an earlier best back: its checkpoint has been kept."""
    changes = {"steps": 60, "log_every": 2, "scores": 20, "score_samples": 20, "checkpoint_every": 10, "rollbacks": 2}
    wanted = spec(pictures, **changes, on_divergence="rollback")
    run(wanted, tmp_path / "a")
    folder = RunFolder(tmp_path / "a")
    kept = {int(c.name.removeprefix("step-")) for c in all_checkpoints(folder.checkpoints)}
    rows = folder.rows()
    regular = [step for step in kept if step % 10 == 0]
    for back_to in regular:
        known = best([row for row in rows if row["step"] < back_to], ("KID-EffLite0", "KID-classifier"))
        assert not known or known.step in kept


@pytest.mark.slow
def test_a_run_ends_when_its_score_no_longer_improves(pictures, tmp_path):
    """A generator that does not move scores the same for ever: it ends after 1 + 2 of 6 scores."""
    still = {"generator": {**TINY, "lr": 1e-30, "norm": "none"}, "steps": 60, "scores": 6, "score_samples": 20}
    still["sample_every"] = 1000
    report = run(spec(pictures, **still, patience=2), tmp_path / "a")
    assert [entry["step"] for entry in report.scores] == [3, 12, 24]
    assert report.steps == 24
    assert any("ended early, after 24 of 60" in line for line in report.sentences)
    folder = RunFolder(tmp_path / "a")
    assert folder.done and "stopped early" in [event.event for event in folder.events()]
    assert all_checkpoints(folder.checkpoints)[-1].name == "step-00000024"
    assert (folder.samples / "00000024.png").exists(), "what it ends with is shown"
    (folder.path / "DONE").unlink()  # killed between the last checkpoint and the end
    assert run(spec(pictures, **still, patience=2), tmp_path / "a").steps == 24


def test_early_checkpoints_are_gone_back_to_in_turn(tmp_path):
    """When the trouble comes back at once, the next rollback goes one checkpoint further back."""
    folder = RunFolder(tmp_path)
    remedies = Rollbacks(folder, most=9)

    def checkpoints(*steps):
        for step in steps:
            (tmp_path / f"step-{step:08d}").mkdir(exist_ok=True)
        return sorted(tmp_path.glob("step-*"))

    def back(since, at, *steps):
        return remedies.roll_back(Divergence("not finite", "it broke.", since, at), checkpoints(*steps), 10).back_to

    assert back(33, 33, 0, 10, 20, 30) == 30
    assert back(34, 34, 30) == 20, "no farther than last time"
    assert not (tmp_path / "step-00000030").exists()
    assert back(95, 99, 30, 80, 90, 100) == 90, "far beyond: a new trouble"
    assert back(5, 101, 100) == 0, "before the trouble began"
    assert Rollbacks(folder, most=9).made == remedies.made
    assert remedies.factor("lr", "generator/lr") == 0.5**4


@pytest.mark.slow
def test_damaged_remedies_are_told(pictures, tmp_path, loss):
    run(diverging(pictures, loss), tmp_path / "a")
    (tmp_path / "a" / "DONE").unlink()
    (tmp_path / "a" / "remedies.json").write_text('[{"step": 3}]')
    with pytest.raises(PoiseError, match=r"remedies.json does not hold rollbacks"):
        run(diverging(pictures, loss), tmp_path / "a")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rollbacks": 0}, "--rollbacks must be at least 1"),
        ({"patience": 0, "scores": 4}, "--patience must be at least 1"),
        ({"patience": 4, "scores": 4}, "never ends a run that is scored 4 times"),
        ({"patience": 2, "scores": 4, "heldout": 0.0}, "nothing is held out to score against"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(pictures, tmp_path, changes, said):
    with pytest.raises(PoiseError, match=said):
        run(spec(pictures, **changes), tmp_path / "a")
    assert not (tmp_path / "a").exists()
