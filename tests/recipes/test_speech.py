"""The pieces of a speech recipe: what is said, by whom, in which stage; texts to sound."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from poise.core import Batch
from poise.data.recordings import Recordings
from poise.data.said import MelOf, SaidStream
from poise.data.stream import Prefetch
from poise.errors import PoiseError
from poise.metrics.speech_judge import WARPED
from poise.penalties import L2Towards
from poise.recipes import finished, speaking
from poise.recipes import speech_outcomes as outcomes
from poise.recipes import speech_parts as parts
from poise.recipes.speech import DiscriminatorOptions, GeneratorOptions
from poise.recipes.speech_players import Players, together
from poise.recipes.vocoder import DiscriminatorOptions as WaveDiscriminator
from poise.recipes.vocoder import GeneratorOptions as WaveGenerator
from poise.record import RunFolder
from poise.signal import Mel
from poise.spoken import total_of
from poise.training.checkpoint import begin, initial, load, save
from poise.training.loop import memory, move
from poise.training.precision import Execution

MEL = Mel(8000, 64, 16, 8)
STAGES = {"acoustic": 4, "adversarial": 3, "spectral": 3, "vocoder": 3, "joint": 2}


def recordings(texts, held=1, lengths=None, voices=("a", "b")):
    """Noise of these lengths; voices take turns; the last `held` clips are held out."""
    n = len(texts)
    lengths = lengths or [800 + 160 * (i % 4) for i in range(n)]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    samples = np.random.default_rng(0).integers(-3000, 3000, starts[-1]).astype(np.int16)
    rows, files = np.arange(n), tuple(f"{i}.wav" for i in range(n))
    return Recordings(
        "some", samples, starts, 8000, files, tuple(texts), voices, rows % len(voices), rows[: n - held],
        rows[n - held :], "f", [], [],
    )  # fmt: skip


SYLLABLES = ["ma1", "mi2", "na1", "ni2", "ma1", "na2"]
SENTENCES = ["one two", "two one", "to no one", "we two", "one won", "no two"]


def known(texts=SYLLABLES, units="auto", durations="auto", **more):
    return parts.speech(recordings(texts, **more), units, durations, MEL)


def facts_of(said, **more):
    return parts.facts(said, {"data": "x"}, Execution(), list(STAGES.items()), None) | more


def players(said=None, steps=STAGES, facts=None, **changes):
    options = {
        "generator": GeneratorOptions(width=4, depth=1, noise=2), "discriminator": DiscriminatorOptions(width=2),
        "vocoder": WaveGenerator(width=4, depth=1), "vocoder_discriminator": WaveDiscriminator(width=2),
    }  # fmt: skip
    options |= changes.pop("options", {})
    return Players(facts or facts_of(said or known()), **{
        "networks": {"generator": "convolutional", "discriminator": "projection", "vocoder": "vocos"},
        "vocoder_critic": "both", "loss": "least_squares",
        "weights": {"mel": 5.0, "features": 10.0, "stft": "linear:1:2"}, "options": options,
        "l2": dict.fromkeys(options, 1e-4), "ema": 0.9, "steps": steps, "how": Execution(), "seed": 0, "segment": 320,
        **changes,
    })  # fmt: skip


# What is said.


@pytest.mark.parametrize(
    ("texts", "units", "durations", "kind", "whole"),
    [
        (SYLLABLES, "auto", "auto", "syllables", True), (SENTENCES, "auto", "auto", "characters", False),
        (SYLLABLES, "auto", "alignment", "syllables", False), (["ma1 na1"] * 3, "auto", "auto", "syllables", False),
        (["ma1 na1"] * 3, "auto", "frames", "syllables", True), (SYLLABLES, "characters", "auto", "characters", False),
        (["HH AH0", "AH0 HH"], "phonemes", "auto", "phonemes", False),
    ],
)  # fmt: skip
def test_units_and_durations_are_found_or_as_asked(texts, units, durations, kind, whole):
    found = known(texts, units, durations)
    assert (found.spoken.kind, found.whole) == (kind, whole)
    assert found.notes[-1].startswith(f"{len(texts) - 1} recordings to learn from and 1 held out, in {kind}: ")


def test_what_cannot_be_used_is_told_and_left_out():
    """Without a text, too short, a held-out unit that nothing in training says, a text without units."""
    found = known(["ma1", "", "na1", "...", "mi1", "pu1", "ma1"], "syllables", held=2)
    assert found.train.tolist() == [0, 2, 4] and found.heldout.tolist() == [6]
    told = " ".join(found.notes)
    assert "1 recordings have no text and are left out." in told
    assert "1 recordings are left out: their texts hold no syllables." in told
    assert "1 held-out recordings are left out, for nothing in training says them: 5.wav ('p-' was never heard" in told
    short = known(SENTENCES, lengths=[100, 800, 800, 800, 800, 800])
    assert (
        short.train.tolist() == [1, 2, 3, 4] and "1 recordings are left out: they have fewer frames" in short.notes[0]
    )
    none = known(SYLLABLES, lengths=[10, 800, 800, 800, 800, 800])
    assert none.train.tolist() == [1, 2, 3, 4], "less than a frame"


def test_nothing_to_learn_from():
    with pytest.raises(PoiseError, match=r"some has no texts, .* metadata\.csv .* --labels"):
        known(["", " ", "ma1"])
    with pytest.raises(PoiseError, match="some: no recording is left to train on; poise data check"):
        known(SENTENCES, lengths=[20] * 6)
    with pytest.raises(PoiseError, match=r"--units syllables: what is said in 1\.wav: 'hello' is no syllable"):
        known(["ma1", "hello", "na1"], "syllables")


def test_facts_say_all_that_sampling_needs():
    said = known()
    facts = json.loads(json.dumps(facts_of(said)))
    assert facts["texts"] == [["na2", 1]] and facts["voices"] == ["a", "b"] and facts["whole"]
    assert facts["units"]["phones"] == ["a", "i", "m-", "n-"] and facts["vocoder"] is None
    made = players(said)
    for stage, roles in facts["roles"].items():
        by_name = {p.name: p.module for p in made.stages[stage].game.players}
        assert by_name[roles["generator"]] is made.stages[stage].game.generator
        assert by_name[roles["discriminator"]] is made.stages[stage].game.discriminator
    assert set(facts["roles"]) == {"vocoder"} and facts["single"]
    assert facts_of(known(held=0))["texts"][0] == ["ma1", 0], "training ones where nothing is held out"


def test_streams_of_the_stages():
    said = known()
    joint, mels, waves = (
        parts.stream_of(name, said, 2, 320, 5, Execution())(1) for name in ("joint", "acoustic", "vocoder")
    )
    assert joint.real.shape[:2] == (2, 1) and joint.real.shape[2] % 16 == 0 and joint.cond.shape[2] == 3
    assert mels.real.shape[:2] == (2, 8) and torch.equal(mels.real, MEL(joint.real))
    assert waves.real.shape == (2, 1, 320) and waves.cond.shape == (2, 8, 20)
    assert torch.equal(total_of(joint.cond), total_of(mels.cond))
    again = parts.stream_of("adversarial", said, 2, 320, 6, Execution())(1)
    assert not torch.equal(again.real[..., :40], mels.real[..., :40])


def test_a_gpu_gets_its_draws_ahead():
    """Waves are gathered in a thread, log-mels are made on the device."""
    how = SimpleNamespace(device=torch.device("cuda"))
    mels, waves = parts.stream(known(), 2, 0, how), parts.stream(known(), 2, 0, how, segment=320)
    assert isinstance(mels, MelOf) and isinstance(mels.stream, Prefetch) and isinstance(waves, Prefetch)
    assert isinstance(parts.stream(known(), 2, 0, Execution(), segment=320), SaidStream)


# Players.


def test_stages_come_in_order_and_keep_all_networks():
    made = players()
    assert list(made.stages) == list(STAGES)
    moving = {
        "acoustic": {"generator"}, "adversarial": {"generator", "discriminator"}, "spectral": {"vocoder"},
        "vocoder": {"vocoder", "vocoder_discriminator"}, "joint": {"generator", "vocoder", "vocoder_discriminator"},
    }  # fmt: skip
    for name, stage in made.stages.items():
        assert {p.name for p in stage.game.players if p.turns} == moving[name], name
        assert {p.name for p in stage.game.players} == {
            "generator", "discriminator", "vocoder", "vocoder_discriminator"
        }, name  # fmt: skip
        assert {dial.name.partition("/")[0] for dial in stage.dials} == moving[name], name
    assert made.voice.generator is made.mels.average and made.voice.vocoder is made.waves.average
    assert list(players(steps={k: v for k, v in STAGES.items() if k != "joint"}).stages) == list(STAGES)[:-1]


def test_terms_of_the_stages():
    made = players(known(SENTENCES))
    names = {stage: {p.name: [t.name for t in p.terms] for p in playing.game.players if p.turns}
             for stage, playing in made.stages.items()}  # fmt: skip
    own = ["mel", "duration", "units"]
    assert names == {
        "acoustic": {"generator": own},
        "adversarial": {"discriminator": ["adversarial"], "generator": ["adversarial", *own, "features"]},
        "spectral": {"vocoder": ["mel", "stft"]},
        "vocoder": {"vocoder_discriminator": ["adversarial"], "vocoder": ["adversarial", "mel", "stft", "features"]},
        "joint": {
            "vocoder_discriminator": ["adversarial"], "vocoder": ["adversarial", "mel", "stft", "features"],
            "generator": ["adversarial", "features", *own],
        },
    }  # fmt: skip
    whole = players().stages["joint"].game.players
    assert "units" not in [t.name for p in whole for t in p.terms]
    stft = next(t for t in made.stages["vocoder"].game.players[1].terms if t.name == "stft")
    assert [stft.scale(step) for step in (0, 3)] == [1, 2], "--stft, over its stage"


def test_schedules_go_over_the_steps_of_each_stage():
    """Weights of terms, strengths of penalties and learning rates, of all who move."""
    asked = {
        "generator": GeneratorOptions(width=4, depth=1, noise=2, lr="linear:2:1", warm_lr="linear:2:1"),
        "discriminator": DiscriminatorOptions(width=2, lr="linear:2:1"),
        "vocoder": WaveGenerator(width=4, depth=1, lr="linear:2:1", warm_lr="linear:2:1"),
        "vocoder_discriminator": WaveDiscriminator(width=2, lr="linear:2:1"),
    }
    steps = {"acoustic": 2, "adversarial": 5, "spectral": 7, "vocoder": 11, "joint": 13}
    weights = dict.fromkeys(("mel", "features", "stft"), "linear:2:1")
    made = players(options=asked, steps=steps, weights=weights, l2=dict.fromkeys(asked, "linear:2:1"))
    for name, stage in made.stages.items():
        end = steps[name]
        for player in stage.game.players:
            if not player.turns:
                continue
            scheduled = [term for term in player.terms if term.name in weights]
            assert [(t.scale(0), t.scale(end)) for t in scheduled] == [(2, 1)] * len(scheduled), (name, player.name)
            assert [p.strength_at(end) for p in player.penalties] == [1], (name, player.name)
            assert player.penalties[0].strength_at(end - 1) > 1, (name, player.name)
        assert [(dial.schedule(0), dial.schedule(end)) for dial in stage.dials] == [(2, 1)] * len(stage.dials), name
        assert all(dial.schedule(end - 1) > 1 for dial in stage.dials), name


def test_beginning_a_stage_after_any_number_of_others():
    """What was trained stays; the optimisers and sums of those who begin to move anew are those of the beginning; what
    an earlier sitting left in them is gone."""
    towards = {"generator": GeneratorOptions(width=4, depth=1, noise=2, penalties=[L2Towards(0.1)])}
    made, said = players(options=towards), known()
    fresh = {name: initial(stage.game) for name, stage in made.stages.items()}
    before = None
    for i, (name, stage) in enumerate(made.stages.items()):
        stream = parts.stream_of(name, said, 2, 320, i, Execution())
        if before is not None:
            for player in stage.game.players:
                if player.turns:
                    move(stage.game, player, stream(9), 0)  # a sitting that is rolled back
            kept = {p.name: [w.detach().clone() for w in p.module.parameters()] for p in stage.game.players}
            begin(stage.game, fresh[name], after=before)
            for player in stage.game.players:
                assert all(
                    torch.equal(a, b) for a, b in zip(kept[player.name], player.module.parameters(), strict=True)
                )
                assert not player.spent
                if player.turns and player.name != "discriminator" and player.name != "vocoder_discriminator":
                    assert not player.optim.state, (name, player.name)
                    assert all(not p.state_dict() for p in player.penalties if isinstance(p, L2Towards))
        for player in stage.game.players:
            if player.turns:
                move(stage.game, player, stream(i), 0)
        before = stage.game


@pytest.mark.slow
def test_a_checkpoint_of_any_stage_has_everything(tmp_path):
    """Weights, averages and optimisers of those who rest too; loaded into fresh players they are the same."""
    made, said = players(), known()
    for i, (name, stage) in enumerate(made.stages.items()):
        stream = parts.stream_of(name, said, 2, 320, i, Execution())
        for player in stage.game.players:
            if player.turns:
                move(stage.game, player, stream(i), 0)
                for hook in player.after:
                    hook()
        save(tmp_path, i + 1, stage.game, Execution())
        other = players(seed=7)
        load(tmp_path / f"step-{i + 1:08d}", other.stages[name].game, Execution())
        ours, theirs = memory(stage.game), memory(other.stages[name].game)
        assert ours.keys() == theirs.keys() and {"generator.ema", "vocoder.ema", "vocoder"} <= ours.keys()
        for net in (made.voice.generator, made.voice.vocoder):
            twin = other.voice.generator if net is made.voice.generator else other.voice.vocoder
            assert all(
                torch.equal(a, b) for a, b in zip(net.state_dict().values(), twin.state_dict().values(), strict=True)
            )


def test_resting_players_do_not_change_those_of_their_own_game():
    one, other = SimpleNamespace(players=()), players().stages["acoustic"].game.players[1]
    together(one, others=[other])
    assert one.players[0].turns == 0 and other.turns == 1 and one.players[0].module is other.module


def test_what_is_asked_of_weights_and_averages():
    with pytest.raises(PoiseError, match="--ema must be at least 0 and below 1, not 1"):
        players(ema=1.0)
    with pytest.raises(PoiseError, match="--mel 0 and --stft 0 leave the spectral stage nothing"):
        players(weights={"mel": 0, "features": 0, "stft": 0})
    bad = {"vocoder": WaveGenerator(width=4, depth=1, lr="cosine:1")}
    with pytest.raises(PoiseError, match=r"--vocoder\.lr"):
        players(options=bad)
    bad = {"vocoder_discriminator": WaveDiscriminator(width=2, lr="cosine:1")}
    with pytest.raises(PoiseError, match=r"--vocoder-discriminator\.lr"):
        players(options=bad)


# Monitors.


@pytest.mark.parametrize("texts", [pytest.param(SYLLABLES, marks=pytest.mark.slow, id="whole"), SENTENCES])
def test_monitors_of_the_stages_that_have_a_discriminator(texts):
    said = known(texts, held=2)
    made = players(said)
    for stage, role in (("adversarial", "discriminator"), ("vocoder", "vocoder_discriminator")):
        monitor = outcomes.monitor(stage, made, said, 2, 320, 0, Execution())()
        found = monitor(1)
        assert {"generator/distance_gap", "discriminator/auc_gap", "discriminator/alive"} <= set(found)
        assert found == monitor(1)
        own = {p.name: p for p in made.stages[stage].game.players}
        own["generator" if role == "discriminator" else "vocoder"].optim.param_groups[0]["lr"] = 0.25
        own[role].optim.param_groups[0]["lr"] = 0.125
        assert {k: rate() for k, rate in monitor.watched.learning_rates.items()} == {
            "generator": 0.25, "discriminator": 0.125
        }  # fmt: skip
    assert all(
        outcomes.monitor(s, made, said, 2, 320, 0, Execution()) is None for s in ("acoustic", "spectral", "joint")
    )


# Texts to sound.


def voices_of(said, trained=True):
    made = players(said).voice
    made.vocoder.trained += int(trained)
    return made


@pytest.mark.parametrize("texts", [SYLLABLES, SENTENCES], ids=["whole", "aligned"])
def test_a_text_is_said(texts):
    """By the seed alone; faster is shorter; an unknown sign is passed over."""
    said = known(texts)
    facts, voices = facts_of(said), voices_of(said)
    text = "ma1 ni2" if said.whole else "one two"
    a, b, c = (speaking.say(voices, facts, text, None, seed) for seed in (0, 0, 1))
    assert a.rate == 8000 and a.title == text and a.samples.dtype == np.float32 and len(a.samples) > 0
    assert np.array_equal(a.samples, b.samples) and not np.array_equal(a.samples, c.samples)
    assert len(speaking.say(voices, facts, text, "b", 0, 4.0).samples) < len(a.samples)
    assert len(speaking.say(voices, facts, text, "b", 0, 0.25).samples) > len(a.samples)
    assert np.array_equal(speaking.say(voices, facts, f"{text}!?", None, 0).samples, a.samples)


def test_syllables_are_said_one_by_one_and_cross_faded():
    said = known()
    facts, voices = facts_of(said), voices_of(said)
    alone = [speaking.condition(said.spoken, part, 0) for part in said.spoken.parts("ma1 ni2")]
    frames = [int(total_of(voices.generator.planned(cond)).item()) for cond in alone]
    fade = round(speaking.FADE * 8000)
    found = speaking.say(voices, facts, "ma1 ni2").samples
    assert len(found) == 16 * sum(frames) - min(fade, 8 * frames[0], 8 * frames[1])


@pytest.mark.parametrize(
    ("texts", "durations", "items"),
    [(SYLLABLES, "auto", 3), (["ma1 na1"] * 3, "frames", 1), (SYLLABLES, "alignment", 1)],
)
def test_a_text_is_taken_apart_only_where_training_had_single_syllables(monkeypatch, texts, durations, items):
    """No two parts have the same noise."""
    said, asked, seeds = known(texts, durations=durations), [], set()

    def mel_for(generator, cond, seed, speed):
        asked.append(cond)
        seeds.add(seed)
        return torch.zeros(1, 8, 4)

    monkeypatch.setattr(speaking, "mel_for", mel_for)
    speaking.say(voices_of(said), json.loads(json.dumps(facts_of(said))), "ma1 na1 ma1")
    assert len(asked) == len(seeds) == items and sum(cond.shape[1] - 1 for cond in asked) == 6


def test_a_vocoder_that_is_not_trained_is_stood_in_for(monkeypatch):
    """By Griffin-Lim, of the same length."""
    said = known()
    mel = torch.full((1, 8, 9), -4.0)
    voices = voices_of(said, trained=False)
    asked = []
    monkeypatch.setattr(voices.vocoder, "forward", lambda *_: asked.append(1))
    found = speaking.heard(voices.vocoder, mel)
    assert found.shape == (144,) and found.dtype == np.float32 and not asked


REFUSED = {
    "voice": ({"voice": "c"}, "--voice c is unknown; did you mean|--voice c is unknown; this run has a, b"),
    "no number of speed": ({"speed": float("nan")}, "--speed nan is out of reach: give 0.25 to 4"),
    "speed": ({"speed": 5.0}, "--speed 5 is out of reach: give 0.25 to 4"),
    "unit": ({"text": "zhong1"}, "'zh-' was never heard in training.*known: a i m- n-"),
    "tone": ({"text": "ma4"}, "tone '4' was never heard in training; known: 1, 2"),
    "nothing": ({"text": "...!"}, r"there is nothing to say in '\.\.\.!': give syllables, as in training"),
    "a word": ({"text": "hello"}, "'hello' is no syllable of Mandarin"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_said_is_told_before_anything_is(monkeypatch, asked, message):
    said = known()
    monkeypatch.setattr(speaking, "heard", lambda *_: pytest.fail("said something"))
    with pytest.raises(PoiseError, match=message):
        speaking.say(voices_of(said), facts_of(said), **{"text": "ma1 na1", **asked})


def test_samples_are_heldout_texts_in_their_voices():
    said = known(held=3)
    facts, voices = facts_of(said), voices_of(said)
    titles = [wave.title for wave in speaking.draw(voices, facts, 3, 0)]
    assert sorted(titles) == ["ma1 (a)", "na2 (b)", "ni2 (b)"]
    assert [w.title for w in speaking.draw(voices, facts, 5, 0)][3:] == titles[:2], "over again"
    assert all(w.title.endswith("(a)") for w in speaking.draw(voices, facts, 3, 1, "a"))
    assert len({tuple(w.title for w in speaking.draw(voices, facts, 3, seed)) for seed in range(5)}) > 1
    nameless = known(voices=("",), held=3)
    assert " (" not in speaking.draw(voices_of(nameless), facts_of(nameless), 1, 0)[0].title


def test_while_training_heldout_texts_are_said_as_sampled():
    """With the frames that the generator plans, not those of the recording."""
    said = known(held=3)
    facts, voices = facts_of(said), voices_of(said)
    spoken = outcomes.spoken(voices, facts, said, 9, 0)
    assert sorted(w.title for w in spoken) == ["ma1 (a)", "na2 (b)", "ni2 (b)"]
    for wave, row in zip(spoken, outcomes.chosen(said, 9, 0).tolist(), strict=True):
        assert wave.title.startswith(said.recordings.texts[row])
        planned = voices.generator.planned(said.conditions(np.array([row])))
        assert len(wave.samples) == 16 * int(total_of(planned))


def test_the_judge_compares_heldout_recordings_by_what_needs_no_equal_length(monkeypatch):
    asked = []
    monkeypatch.setattr(outcomes, "SpeechJudge", lambda *given: asked.append(given))
    said = known(held=3)
    outcomes.judge(said, 2, 0)()
    ((pairs, mel, _, seed, metrics),) = asked
    assert [pair.text for pair in pairs] == [said.recordings.texts[row] for row in outcomes.chosen(said, 2, 0)]
    assert (mel, seed, metrics) == (MEL, 0, WARPED) and "log-mel L1" not in metrics
    assert outcomes.judge(known(held=0), 2, 0) is None


# Finished vocoders.


def run_of(place, recipe="vocoder", done=True, mel=MEL, **arguments):
    folder = RunFolder(place)
    made = {"network": "vocos", "generator": {"width": 4, "depth": 1, "norm": "none"}, **arguments}
    folder.create({"recipe": recipe, "arguments": made, "facts": {"mel": mel.to_dict()}, "versions": {}})
    waves = players().waves
    waves.game.players = waves.game.players[:2]
    for player in waves.game.players:
        player.name = {"vocoder": "generator", "vocoder_discriminator": "discriminator"}[player.name]
    with torch.no_grad():
        waves.average.head.bias.fill_(0.125)
    save(folder.checkpoints, 3, waves.game, Execution())
    if done:
        (folder.path / "DONE").touch()
    return str(place)


def test_a_finished_vocoder_is_borrowed_whole(tmp_path):
    known_ = finished.vocoder_run(run_of(tmp_path / "v"), MEL)
    net = finished.vocoder_of(json.loads(json.dumps(known_)), MEL)
    assert (net.head.bias == 0.125).all() and not net.training
    said = known()
    made = players(said, facts=facts_of(said, vocoder=known_), steps={"acoustic": 2, "adversarial": 2})
    assert list(made.stages) == ["acoustic", "adversarial"] and made.waves is None
    assert (made.voice.vocoder.head.bias == 0.125).all()
    assert {"vocoder", "vocoder.ema"} <= memory(made.stages["acoustic"].game).keys()


def test_a_vocoder_that_does_not_fit(tmp_path):
    other = run_of(tmp_path / "other", mel=Mel(8000, 64, 16, 8, 50.0))
    with pytest.raises(PoiseError, match=r"hears other .* --low 50, and this run has 0; give this run the same"):
        finished.vocoder_run(other, MEL)
    high = run_of(tmp_path / "high", mel=Mel(8000, 64, 16, 8, 0.0, 3000.0))
    with pytest.raises(PoiseError, match=r"--high 3000, and this run has at its default"):
        finished.vocoder_run(high, MEL)
    with pytest.raises(PoiseError, match=r"is not finished: go on with poise resume"):
        finished.vocoder_run(run_of(tmp_path / "young", done=False), MEL)
    with pytest.raises(PoiseError, match=r"is a run of images: name one of poise train vocoder"):
        finished.vocoder_run(run_of(tmp_path / "pictures", recipe="images"), MEL)
    with pytest.raises(PoiseError, match=r"spec\.json does not say what was trained \(KeyError: 'width'\)"):
        finished.vocoder_run(run_of(tmp_path / "damaged", generator={"depth": 1, "norm": "none"}), MEL)


def test_joint_steps_need_a_vocoder_of_ones_own():
    parts.check_joint(3, None)
    with pytest.raises(PoiseError, match="--joint-steps must be at least 0, not -1"):
        parts.check_joint(-1, None)
    with pytest.raises(
        PoiseError, match="--joint-steps 3 trains the vocoder too, and --speak-with v has a finished one"
    ):
        parts.check_joint(3, "v")


def test_a_batch_is_what_the_games_take():
    said = known(SENTENCES)
    made, batch = players(said), parts.stream(said, 2, 0, Execution())(0)
    assert isinstance(batch, Batch)
    round = made.mels.game.round(made.mels.game.players[1], batch, ())
    assert round.fake.shape == round.real.shape == batch.real.shape
