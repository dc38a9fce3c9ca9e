"""The pieces of a vocoder's recipe: streams of segments, players of two stages, what is told and what is shown."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from poise.audio.spectrograms import Mel
from poise.core import Batch
from poise.data.draws.order import Prefetch
from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.losses.reconstruction import log_mel_l1, multi_resolution
from poise.penalties import R1, L2Towards
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.recipes.vocoder import build as parts
from poise.recipes.vocoder import outputs as outcomes
from poise.recipes.vocoder import sounds
from poise.recipes.vocoder.facts import VocoderFacts
from poise.recipes.vocoder.options import RecordingOptions
from poise.recipes.vocoder.signature import VocoderDiscriminatorOptions, VocoderGeneratorOptions
from poise.training.moves import move
from poise.training.precision import Execution
from tests.data.test_segments import recordings
from tests.recipes.some_facts import some

MEL = Mel(8000, 64, 16, 8)
LENGTHS = [900, 1700, 3300, 640, 5000, 2100]


def known(held=2):
    return recordings(LENGTHS, held)


def waves(lr="cosine:1e-3:1e-4", penalties=(), judging=(), **more):
    made = VocoderGeneratorOptions(width=4, depth=1, lr=lr, penalties=list(penalties))
    own = VocoderDiscriminatorOptions(width=2, penalties=list(judging))
    return parts.Waves(MEL, Setup(**{
        "generator": PlayerSetup("generator", "vocos", made, "linear:1:0"),
        "discriminator": PlayerSetup("discriminator", "both", own, 1e-3), "loss": "hinge",
        "weights": {"mel": "linear:2:4", "stft": 1.0, "features": 3.0}, "ema": 0.9,
        "steps": {"spectral": 10, "adversarial": 20}, "execution": Execution(), "seed": 0, **more,
    }))  # fmt: skip


# Segments.


def test_the_mel_of_a_segment_is_that_of_the_recording_around_it():
    """So nothing is lost at its edges: inside a recording it is the slice of the recording's own."""
    found = known(0)
    stream = parts.stream(found, MEL, 320, 5, 0, Execution())
    places = stream.segments.places
    seen = 0
    for draw in range(12):
        batch = stream(draw)
        assert batch.real.shape == (5, 1, 320) and batch.cond.shape == (5, 8, 20)
        for wave, mel, row, start in zip(*batch, *places(draw), strict=True):
            clip = torch.from_numpy(found.clip(row))
            assert torch.equal(wave[0], clip[start : start + 320])
            if start % MEL.hop == 0:
                first = start // MEL.hop
                whole = MEL(clip[None])[0]
                last = min(first + 20, len(clip) // MEL.hop)
                assert torch.allclose(mel[:, : last - first], whole[:, first:last], atol=1e-4)
                seen += 1
    assert seen > 2


def test_segments_are_a_function_of_seed_and_draw_and_of_the_split():
    made = [parts.stream(known(), MEL, 320, 2, seed, Execution(), split)(3).real
            for seed, split in ((0, "train"), (0, "train"), (1, "train"), (0, "heldout"))]  # fmt: skip
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2]) and not torch.equal(made[0], made[3])


def test_prefetched_segments_are_the_same(monkeypatch):
    plain = parts.stream(known(), MEL, 320, 2, 0, Execution())
    monkeypatch.setattr(Prefetch, "active", True)
    ahead = parts.MelStream(Prefetch(plain.segments), MEL)
    for draw in (0, 1, 5, 2):
        assert all(torch.equal(a, b) for a, b in zip(plain(draw), ahead(draw), strict=True))
    assert ahead.device.type == "cpu"


def test_a_gpu_gets_its_draws_ahead(monkeypatch):
    """Waves are gathered in a thread, log-mels are made on the device."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    on_gpu = parts.stream(known(), MEL, 320, 2, 0, SimpleNamespace(device=torch.device("cuda")))
    assert isinstance(on_gpu.segments, Prefetch) and on_gpu.segments.active
    assert not isinstance(parts.stream(known(), MEL, 320, 2, 0, Execution()).segments, Prefetch)


@pytest.mark.parametrize(("segment", "message"), [
    (255, "--segment 255 is shorter .*--window 64 .* at least 320"), (5, "at least 320"), (0, "at least 320"),
    (330, "--segment 330 is no whole number of frames of --hop 16 samples: give 320 or 336"),
])  # fmt: skip
def test_a_segment_that_does_not_fit(segment, message):
    with pytest.raises(PoiseError, match=message):
        parts.check_segment(segment, MEL)


@pytest.mark.parametrize(("mel", "least"), [(MEL, 320), (Mel(16_000, 512, 200, 40), 2200), (Mel(), 2048)])
def test_the_shortest_segment_is_one(mel, least):
    parts.check_segment(least, mel)
    with pytest.raises(PoiseError, match=f"at least {least}"):
        parts.check_segment(least - mel.hop, mel)


# Players.


def test_terms_have_their_weights_over_their_stage():
    both = waves()
    warm, against = both.spectral.players[0], both.game.players[1]
    assert [t.name for t in warm.terms] == ["mel", "stft"]
    assert [t.name for t in against.terms] == ["adversarial", "mel", "stft", "features"]
    assert [warm.terms[0].scale(step) for step in (0, 10)] == [2, 4]
    assert [against.terms[1].scale(step) for step in (0, 20)] == [2, 4]
    assert [t.scale(7) for t in (against.terms[0], against.terms[2], against.terms[3])] == [1, 1, 3]
    assert [warm.penalties[0].strength_at(step) for step in (0, 10)] == [1, 0]
    assert [against.penalties[0].strength_at(step) for step in (0, 20)] == [1, 0]
    assert both.game.players[0].penalties[0].strength_at(0) == 1e-3


def test_the_terms_are_the_losses_of_the_round():
    """At windows of 4, 2, 1 and ½ times that of the mel."""
    real, fake = (0.1 * torch.randn(2, 1, 320, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    round = SimpleNamespace(real=real, fake=fake)
    mel, stft = waves().spectral.players[0].terms
    assert torch.equal(mel.value(round), log_mel_l1(MEL)(real, fake))
    assert torch.equal(stft.value(round), multi_resolution([256, 128, 64, 32])(real, fake))


def test_stages_share_networks_and_the_average_and_nothing_else():
    both = waves(penalties=[L2Towards(0.1)], judging=[R1(0.1)])
    (warm,), (judge, against) = both.spectral.players, both.game.players
    assert both.spectral.modules == {"discriminator": both.discriminator} and judge.module is both.discriminator
    assert not both.game.modules and judge.turns == 1
    assert warm.module is against.module is both.generator
    assert warm.after == against.after and warm.after[0].module is both.average
    assert warm.optim is not against.optim
    assert not {id(p) for p in warm.penalties} & {id(p) for p in against.penalties}
    assert any(t.name == "r1" for t in judge.terms)
    again = both.again("spectral")
    assert again[0].optim is not judge.optim and again[1].optim is not against.optim


def test_the_spectral_stage_does_not_ask_the_discriminator(monkeypatch):
    both = waves()
    monkeypatch.setattr(both.discriminator, "forward", lambda *_: pytest.fail("asked"))
    stream = parts.stream(known(), MEL, 320, 2, 0, Execution())
    row = move(both.spectral, both.spectral.players[0], stream(0), 0)
    assert {"mel", "stft"} <= set(row) and "adversarial" not in row


def test_schedules_are_those_of_the_stage():
    both = waves()
    assert [d.name for d in both.warm_dials] == ["generator/lr"]
    assert [d.name for d in both.dials] == ["discriminator/lr", "generator/lr"]
    (dial,) = both.warm_dials
    assert dial.set(0) == pytest.approx(2e-3) and dial.set(10) == pytest.approx(5e-4)
    assert both.spectral.players[0].optim.param_groups[0]["lr"] == pytest.approx(5e-4)
    assert both.game.players[1].optim.param_groups[0]["lr"] == pytest.approx(1e-3), "not of the other stage"
    assert waves(lr=1e-3).dials[0].name == "discriminator/lr" and len(waves(lr=1e-3).dials) == 1


def test_weights_of_nothing():
    """0 leaves a term out; without both spectral ones the first stage has nothing to learn from."""
    some = waves(weights={"mel": 0, "stft": 1, "features": 0})
    assert [t.name for t in some.game.players[1].terms] == ["adversarial", "stft"]
    with pytest.raises(PoiseError, match="--mel 0 and --stft 0 leave the spectral stage nothing to learn from"):
        waves(weights={"mel": 0, "stft": 0, "features": 1})


def test_networks_are_a_function_of_the_seed_alone():
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    a, b, c = waves(), waves(), waves(seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    flat = [torch.cat([p.flatten() for net in (w.generator, w.discriminator) for p in net.parameters()])
            for w in (a, b, c)]  # fmt: skip
    assert torch.equal(flat[0], flat[1]) and not torch.equal(flat[0], flat[2])


# What comes out.


@pytest.mark.slow
def test_the_monitor_looks_at_both_kinds_with_the_rates_of_those_who_play():
    both = waves()
    found = outcomes.monitor(both, known(), 320, 2, 0, Execution())()
    assert found.watched.learning_rates["generator"]() == pytest.approx(1e-3)
    assert found.watched.learning_rates["discriminator"]() == pytest.approx(5e-4)
    signals = found(0)
    assert {"generator/distance_gap", "discriminator/auc_gap"} <= set(signals)
    batch = found.watched.streams["heldout"](0)
    both.generator.eval()
    with torch.no_grad():
        apart = log_mel_l1(MEL)(batch.real, both.generator(None, batch.cond)).mean().item()
    assert signals["generator/distance_heldout"] == pytest.approx(apart, rel=1e-5)


def test_a_copy_is_as_long_as_the_recording():
    """Whatever part of a hop there is at its end; the mode of the network is as it was."""
    both = waves()
    both.generator.train()
    for count in (640, 641, 655):
        made = outcomes.copied(both.generator, np.zeros(count, np.float32))
        assert made.shape == (count,) and made.dtype == np.float32
    assert both.generator.training and both.generator.trained == 0


def test_copies_are_of_heldout_recordings():
    """Those of the seed, at most as many as there are; of training ones where nothing is held out."""
    found, facts = known(), some(VocoderFacts, mel=MEL.to_dict())
    both = waves()
    samples = outcomes.draw(both.average, facts, 5, 3, found)
    assert [len(w.samples) for w in samples] == [len(found.clip(r)) for r in outcomes.chosen(found, 5, 3)]
    assert sorted(w.title for w in samples) == ["4", "5"] and {w.rate for w in samples} == {8000}
    assert set(outcomes.chosen(known(0), 9, 0)) == set(range(6))
    assert outcomes.chosen(known(0), 6, 1).tolist() != outcomes.chosen(known(0), 6, 2).tolist()


def test_vocode_needs_a_vocoder_that_was_trained():
    both, facts = waves(), some(VocoderFacts, mel=MEL.to_dict())
    wave = Wave(np.random.default_rng(0).uniform(-0.5, 0.5, 1000).astype(np.float32), 16_000)
    with pytest.raises(PoiseError, match="was not trained yet at this step: go on with poise resume"):
        outcomes.vocode(both.average, facts, wave)
    both.average.trained += 1
    made = outcomes.vocode(both.average, facts, wave)
    assert made.rate == 8000 and len(made.samples) == 500


def test_facts_bring_the_mel_back():
    opening = parts.opening("x", RecordingOptions(rate=8000, loudness=None, longest=9.0))
    steps = {"spectral": 3, "adversarial": 4}
    facts = parts.facts(known(), opening, MEL, Execution(), steps, parts.per_step(2, 0.5))
    assert facts.heard == MEL and facts.stages == [("spectral", 3), ("adversarial", 4)]
    assert facts.data.startswith("some: 4 recordings to train on, 2 held out")


def test_recordings_that_have_changed_are_told(monkeypatch):
    monkeypatch.setattr(parts, "open_recordings", lambda **asked: known())
    opening = {"data": "here"}
    assert len(parts.recordings(opening, "")) == 6
    with pytest.raises(PoiseError, match="the recordings in here have changed since the run: put the old ones back"):
        parts.recordings(opening, "other")


def test_sounds_are_written_as_one_file_or_as_a_folder(tmp_path):
    clips = [sounds.Titled.of(np.full(100, 0.1, np.float32), 8000, f"clip {i}") for i in range(2)]
    assert sounds.write(clips, tmp_path / "a") == "2 clips and index.html"
    assert {p.name for p in (tmp_path / "a").iterdir()} == {
        "000-generated.wav", "001-generated.wav", "index.html", "texts.json"
    }  # fmt: skip
    assert sounds.write(clips[:1], tmp_path / "b.wav") == "1 clip"
    with pytest.raises(PoiseError, match=r"c\.wav holds one sample: add -n 1, or name a folder for 2"):
        sounds.write(clips, tmp_path / "c.wav")
    with pytest.raises(PoiseError, match=r"--out .*d\.png: name a \.wav file for one clip, or a folder"):
        sounds.write(clips[:1], tmp_path / "d.png")
    assert sounds.title_of(Wave(clips[0].samples, 8000), 7) == "007"


@pytest.mark.slow
def test_pieces_of_a_batch_are_the_batch():
    """A condition of mels is cut with its waves."""
    stream, rows = parts.stream(known(), MEL, 320, 4, 0, Execution()), []
    for pieces in (1, 4):
        both = waves()
        moved = [move(both.game, player, stream(0), 0, Execution(micro_batches=pieces)) for player in both.game.players]
        rows.append([{k: float(v) for k, v in row.items()} for row in moved])
    assert rows[0][0] == pytest.approx(rows[1][0], rel=1e-4)
    assert rows[0][1]["mel"] == pytest.approx(rows[1][1]["mel"], rel=1e-4)
    assert isinstance(stream(0), Batch)
