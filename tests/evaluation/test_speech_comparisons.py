"""What recipes of sound compare: their held-out recordings, beside what could be played instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from poise.data.catalogue.catalogue import language_of
from poise.data.speech.recordings import Recordings
from poise.evaluation.items import Recorded
from poise.recipes.speech import outputs as speech_outcomes
from poise.recipes.speech import pairs as speech_pairs
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.vocoder import pairs as vocoder_pairs
from poise.recipes.vocoder.facts import VocoderFacts
from poise.registry import find
from tests.evaluation.evaluations import stubs  # noqa: F401  (a fixture for all)
from tests.evaluation.speech_clips import RATE, clip
from tests.evaluation.test_evaluate_speech import MEL
from tests.recipes.some_facts import some


def recordings(voices: str, *texts: str) -> Recordings:
    """A clip for each letter of `voices` and each text; the last text is held out."""
    waves = [clip(i, voice="AB".index(v)).samples for i in range(len(texts)) for v in voices]
    starts = np.cumsum([0, *map(len, waves)])
    table = (np.concatenate(waves) * 32_768).astype(np.int16)
    said = tuple(text for text in texts for _ in voices)
    rows = np.arange(len(waves))
    held = rows >= len(voices) * (len(texts) - 1)
    voice = np.array([sorted(voices).index(v) for _ in texts for v in voices])
    return Recordings(
        "made up", table, starts, RATE, said, said, tuple(sorted(voices)), voice, rows[~held], rows[held], "f", [], []
    )


def test_recordings_are_items_split_as_they_are() -> None:
    known = recordings("AB", "a", "b", "c")
    items = Recorded(known)
    assert (len(items), items.modality, items.fingerprint) == (6, "speech", "f")
    assert [rows.tolist() for rows in items.split(0.5)] == [[0, 1, 2, 3], [4, 5]]
    (wave,) = items.take(np.array([3]))
    assert wave.rate == RATE and np.array_equal(wave.samples, known.clip(3))


def facts_of(whole: bool) -> SpeechFacts:
    units, place = {"kind": "syllables"}, {"data": "made up"}
    return some(SpeechFacts, whole=whole, units=units, mel=MEL.to_dict(), recordings=place)


def test_training_clips_that_could_be_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """For ma4 in either voice: ma in another tone, or what differs in the fewest parts; the voice is always kept."""
    known = recordings("AB", "li2", "ma1", "ba4", "a4", "ma4")
    monkeypatch.setattr(speech_pairs, "all_recordings", lambda facts: known)
    monkeypatch.setattr(speech_outcomes, "speak", lambda voices, speech, row, seed: 2 * known.clip(row))
    facts = facts_of(whole=True)
    found = speech_pairs.pairs(None, facts, None, 0)
    assert found.n == 2 and found.what == "texts said" and found.trained.n == 8
    for place in range(2):
        pair = found.real(place)
        row = 8 + "AB".index(pair.voice)
        assert pair.text == "ma4" and np.array_equal(pair.real.samples, known.clip(row))
        assert np.array_equal(found.made(place).samples, 2 * known.clip(row))
        other, nearest = (found.beside[name].made(place).samples for name in ("other tone", "nearest label"))
        assert np.array_equal(other, known.clip(row - 6)), "ma1"
        assert np.array_equal(nearest, known.clip(row - 6)), "ma1 comes before ba4, which differs in one part too"
    few = replace(known, train=np.array([1, *range(2, 8, 2)]))  # of voice B only li2, which has nothing of ma4
    monkeypatch.setattr(speech_pairs, "all_recordings", lambda facts: few)
    lonely = speech_pairs.pairs(None, facts, None, 0)
    (b,) = (place for place in range(2) if lonely.real(place).voice == "B")
    assert np.array_equal(lonely.beside["nearest label"].made(b).samples, known.clip(1))
    assert list(lonely.beside["other tone"].places) == [1 - b]
    assert len(set(found.trained.labels)) == 4 and found.trained.labels[0] == found.trained.labels[1]
    assert speech_pairs.recordings(facts).heldout.tolist() == [8, 9]


def test_longer_texts_have_no_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    known = recordings("A", "ni3 hao3", "ma1", "ma4")
    monkeypatch.setattr(speech_pairs, "all_recordings", lambda facts: known)
    facts = facts_of(whole=False)
    assert speech_pairs.pairs(None, facts, None, 0).beside == {}


def test_copies_are_of_held_out_recordings_in_an_order_of_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    known = recordings("AB", *"abcdefgh")
    known = replace(known, train=np.arange(4), heldout=np.arange(4, 16))
    monkeypatch.setattr(vocoder_pairs, "recordings", lambda facts: known)
    facts = some(VocoderFacts, mel=MEL.to_dict(), recordings={"data": "asterisk-en"})
    net = find("vocoder", "vocos")(MEL, 8, 1)
    orders = []
    for seed in (0, 0, 1):
        found = vocoder_pairs.pairs(net, facts, 9, seed)
        orders.append([found.real(place).text + found.real(place).voice for place in range(found.n)])
    assert orders[0] == orders[1] != orders[2] and len(set(orders[0])) == 9
    pair = found.real(3)
    assert pair.language == "en" and len(found.made(3).samples) == len(pair.real.samples) == RATE // 2
    by_hand = vocoder_pairs.by_griffin_lim(MEL, pair.real.samples)
    assert np.array_equal(found.beside["Griffin-Lim"].made(3).samples, by_hand)
    assert len(by_hand) == RATE // 2
    wanted, heard = (MEL(torch.from_numpy(np.pad(x, (0, -len(x) % 64)))[None]) for x in (pair.real.samples, by_hand))
    assert (wanted - heard).abs().mean() < 0.2
    assert vocoder_pairs.pairs(net, facts, None, 0).n == 12


def test_the_language_of_a_set_is_known_and_that_of_a_folder_is_not(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [language_of(name) for name in ("asterisk-en", "mandarin-syllables", "noto-emoji", "voice")] == [
        "en", "zh", "", ""
    ]  # fmt: skip
    Path("asterisk-en").mkdir()
    assert language_of("asterisk-en") == ""
