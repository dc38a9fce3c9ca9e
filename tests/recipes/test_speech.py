"""The pieces of a speech recipe: what is said, by whom, in which stage."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from poise.audio.speech_conditions import total_of
from poise.core import Batch
from poise.data.draws.order import Prefetch
from poise.data.speech.transcribed import MelOf, TranscribedStream
from poise.errors import PoiseError
from poise.penalties import L2Towards
from poise.recipes.speech import build as parts
from poise.recipes.speech import outputs as outcomes
from poise.recipes.speech.players import Playing, keep, resting
from poise.recipes.speech.signature import SpeechDiscriminatorOptions, SpeechGeneratorOptions
from poise.recipes.vocoder.signature import VocoderDiscriminatorOptions as WaveDiscriminator
from poise.recipes.vocoder.signature import VocoderGeneratorOptions as WaveGenerator
from poise.training.checkpoint import begin, initial, load, save
from poise.training.moves import memory, move
from poise.training.precision import Execution
from tests.recipes.speech_parts import MEL, SENTENCES, STAGES, SYLLABLES, facts_of, known, players

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
    assert (found.tokenizer.kind, found.whole) == (kind, whole)
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
    with pytest.raises(PoiseError, match=r"some: no recording is left to train on: 6 recordings .* fewer frames"):
        known(SENTENCES, lengths=[20] * 6)
    with pytest.raises(PoiseError, match=r"--units syllables: what is said in 1\.wav: 'hello' is no syllable"):
        known(["ma1", "hello", "na1"], "syllables")


def test_facts_say_all_that_sampling_needs():
    said = known()
    facts = json.loads(json.dumps(facts_of(said).to_dict()))
    assert facts["texts"] == [["na2", 1]] and facts["voices"] == ["a", "b"] and facts["whole"]
    assert facts["units"]["phones"] == ["a", "i", "m-", "n-"] and facts["vocoder"] is None
    made = players(said)
    for stage, roles in facts["roles"].items():
        by_name = {p.name: p.module for p in made.stages[stage].game.players}
        assert by_name[roles["generator"]] is made.stages[stage].game.generator
        assert by_name[roles["discriminator"]] is made.stages[stage].game.discriminator
    assert set(facts["roles"]) == {"vocoder"} and facts["single"]
    assert facts_of(known(held=0)).texts[0] == ("ma1", 0), "training ones where nothing is held out"


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
    execution = SimpleNamespace(device=torch.device("cuda"))
    mels, waves = parts.stream(known(), 2, 0, execution), parts.stream(known(), 2, 0, execution, segment=320)
    assert isinstance(mels, MelOf) and isinstance(mels.stream, Prefetch) and isinstance(waves, Prefetch)
    assert isinstance(parts.stream(known(), 2, 0, Execution(), segment=320), TranscribedStream)


# Players.


def test_stages_come_in_order_and_keep_all_networks():
    made = players()
    assert list(made.stages) == list(STAGES)
    moving = {
        "acoustic": {"generator"}, "adversarial": {"generator", "discriminator"}, "spectral": {"vocoder"},
        "vocoder": {"vocoder", "vocoder_discriminator"}, "joint": {"generator", "vocoder", "vocoder_discriminator"},
    }  # fmt: skip
    for name, stage in made.stages.items():
        assert {p.name for p in stage.game.players} == moving[name], name
        assert moving[name] | {key for key in stage.game.modules if "." not in key} == {
            "generator", "discriminator", "vocoder", "vocoder_discriminator"
        }, name  # fmt: skip
        assert {dial.name.partition("/")[0] for dial in stage.dials} == moving[name], name
    assert made.voice.generator is made.mels.average and made.voice.vocoder is made.waves.average
    assert list(players(steps={k: v for k, v in STAGES.items() if k != "joint"}).stages) == list(STAGES)[:-1]


def test_terms_of_the_stages():
    made = players(known(SENTENCES))
    names = {stage: {p.name: [t.name for t in p.terms] for p in playing.game.players}
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
    """Weights of terms, strengths of penalties, learning rates and second betas, of all who move."""
    asked = {
        "generator": SpeechGeneratorOptions(width=4, depth=1, noise=2, lr="linear:2:1", warm_lr="linear:2:1"),
        "discriminator": SpeechDiscriminatorOptions(width=2, lr="linear:2:1"),
        "vocoder": WaveGenerator(width=4, depth=1, lr="linear:2:1", warm_lr="linear:2:1"),
        "vocoder_discriminator": WaveDiscriminator(width=2, lr="linear:2:1"),
    }
    for options in asked.values():
        options.betas = (0.8, "linear:0.5:0.25")
    steps = {"acoustic": 2, "adversarial": 5, "spectral": 7, "vocoder": 11, "joint": 13}
    weights = dict.fromkeys(("mel", "features", "stft"), "linear:2:1")
    made = players(options=asked, steps=steps, weights=weights, l2=dict.fromkeys(asked, "linear:2:1"))
    for name, stage in made.stages.items():
        end = steps[name]
        for player in stage.game.players:
            scheduled = [term for term in player.terms if term.name in weights]
            assert [(t.scale(0), t.scale(end)) for t in scheduled] == [(2, 1)] * len(scheduled), (name, player.name)
            assert [p.strength_at(end) for p in player.penalties] == [1], (name, player.name)
            assert player.penalties[0].strength_at(end - 1) > 1, (name, player.name)
        ends = {dial.name: (dial.schedule(0), dial.schedule(end)) for dial in stage.dials}
        moving = [player.name for player in stage.game.players]
        assert ends == {f"{p}/lr": (2, 1) for p in moving} | {f"{p}/beta2": (0.5, 0.25) for p in moving}, name
        assert all(dial.schedule(end - 1) > dial.schedule(end) for dial in stage.dials), name


@pytest.mark.slow
def test_beginning_a_stage_after_any_number_of_others():
    """What was trained stays; the optimisers and sums of those who begin to move anew are those of the beginning; what
    an earlier sitting left in them is gone."""
    towards = {"generator": SpeechGeneratorOptions(width=4, depth=1, noise=2, penalties=[L2Towards(0.1)])}
    made, said = players(options=towards), known()
    fresh = {name: initial(stage.game) for name, stage in made.stages.items()}
    before = None
    for i, (name, stage) in enumerate(made.stages.items()):
        stream = parts.stream_of(name, said, 2, 320, i, Execution())
        if before is not None:
            for player in stage.game.players:
                move(stage.game, player, stream(9), 0)  # a sitting that is rolled back
            kept = {p.name: [w.detach().clone() for w in p.module.parameters()] for p in stage.game.players}
            begin(stage.game, fresh[name], after=before)
            for player in stage.game.players:
                assert all(
                    torch.equal(a, b) for a, b in zip(kept[player.name], player.module.parameters(), strict=True)
                )
                assert not player.cumulative_decay
                assert not player.optim.state, (name, player.name)
                assert all(not p.state_dict() for p in player.penalties if isinstance(p, L2Towards))
        for player in stage.game.players:
            move(stage.game, player, stream(i), 0)
        before = stage.game


@pytest.mark.slow
def test_a_checkpoint_of_any_stage_has_everything(tmp_path):
    """Weights and averages of those who rest too; loaded into fresh players they are the same."""
    made, said = players(), known()
    for i, (name, stage) in enumerate(made.stages.items()):
        stream = parts.stream_of(name, said, 2, 320, i, Execution())
        for player in stage.game.players:
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


def test_who_rests_is_saved_and_does_not_play():
    """The network and its average, and neither an optimiser nor what the other game has."""
    one, other = SimpleNamespace(players=(), modules={"d": 1}), players().stages["acoustic"].game.players[0]
    keep(resting([other]), {"a": Playing(one, [])})
    assert one.modules == {"d": 1, "generator": other.module, "generator.ema": other.after[0]} and not one.players


@pytest.mark.parametrize("name", ["acoustic", "spectral", "joint"])
def test_whose_networks_are_saved_in_a_stage(name):
    """Every network and average of the run, whoever plays."""
    nets = {"generator", "discriminator", "vocoder", "vocoder_discriminator", "generator.ema", "vocoder.ema"}
    game = players().stages[name].game
    assert nets <= memory(game).keys()
    assert set(game.modules) == nets - {key for p in game.players for key in p.resting()}
    optimisers = {key for key in memory(game) if key.endswith(".optim")}
    assert optimisers == {f"{p.name}.optim" for p in game.players}


def test_what_is_asked_of_weights_and_rates():
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


def test_a_batch_is_what_the_games_take():
    said = known(SENTENCES)
    made, batch = players(said), parts.stream(said, 2, 0, Execution())(0)
    assert isinstance(batch, Batch)
    round = made.mels.game.round(made.mels.game.players[1], batch, ())
    assert round.fake.shape == round.real.shape == batch.real.shape
