"""Texts to sound, and finished vocoders, as the recipe of speech uses them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from poise.audio.spectrograms import Mel
from poise.audio.speech_conditions import total_of
from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.metrics.speech.judge import WARPED
from poise.recipes.speech import finished, speaking
from poise.recipes.speech import outputs as outcomes
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.speech.options import StageOptions
from poise.record import RunFolder
from poise.training.checkpoint import save
from poise.training.moves import memory
from poise.training.precision import Execution
from tests.recipes.speech_parts import MEL, SENTENCES, SYLLABLES, facts_of, known, players

# Texts to sound.


def voices_of(said, trained=True):
    made = players(said).voice
    made.vocoder.trained += int(trained)
    return made


@pytest.mark.slow
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
    alone = [speaking.condition(said.tokenizer, part, 0) for part in said.tokenizer.parts("ma1 ni2")]
    frames = [int(total_of(voices.generator.planned(cond)).item()) for cond in alone]
    fade = round(speaking.FADE * 8000)
    found = speaking.say(voices, facts, "ma1 ni2").samples
    assert len(found) == 16 * sum(frames) - min(fade, 8 * frames[0], 8 * frames[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "durations", "items"),
    [(SYLLABLES, "auto", 3), (["ma1 na1"] * 3, "frames", 1), (SYLLABLES, "alignment", 1)],
)
def test_a_text_is_taken_apart_only_where_training_had_single_syllables(monkeypatch, texts, durations, items):
    """No two parts have the same noise."""
    said, asked, seeds = known(texts, durations=durations), [], set()

    def mel_of(generator, cond, seed, speed):
        asked.append(cond)
        seeds.add(seed)
        return torch.zeros(1, 8, 4)

    monkeypatch.setattr(speaking, "mel_of", mel_of)
    speaking.say(
        voices_of(said), SpeechFacts.from_dict(json.loads(json.dumps(facts_of(said).to_dict()))), "ma1 na1 ma1"
    )
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


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_said_is_told_before_anything_is(monkeypatch, asked, message):
    said = known()
    monkeypatch.setattr(speaking, "heard", lambda *_: pytest.fail("said something"))
    with pytest.raises(PoiseError, match=message):
        speaking.say(voices_of(said), facts_of(said), **{"text": "ma1 na1", **asked})


@pytest.mark.slow
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
    voices = voices_of(said)
    spoken = outcomes.speak_heldout(voices, said, 9, 0)
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
    folder.create(RunSpec(recipe, made, {"mel": mel.to_dict()}))
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
    net = finished.vocoder_of(known_, MEL)
    assert (net.head.bias == 0.125).all() and not net.training
    said = known()
    made = players(said, facts=facts_of(said, vocoder=known_), steps={"acoustic": 2, "adversarial": 2})
    assert list(made.stages) == ["acoustic", "adversarial"] and made.waves is None
    assert (made.voice.vocoder.head.bias == 0.125).all()
    assert {"vocoder", "vocoder.ema"} <= memory(made.stages["acoustic"].game).keys()


@pytest.mark.slow
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
    StageOptions(joint_steps=3).check_joint(None)
    with pytest.raises(PoiseError, match="--joint-steps must be at least 0, not -1"):
        StageOptions(joint_steps=-1).check_joint(None)
    with pytest.raises(
        PoiseError, match="--joint-steps 3 trains the vocoder too, and --speak-with v has a finished one"
    ):
        StageOptions(joint_steps=3).check_joint("v")
