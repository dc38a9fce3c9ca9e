"""Exported pages of speech and vocoders: syllables, lengths, log-mels and waves as PyTorch has them, every control."""

# ruff: noqa: F811  (the fixtures that are imported are named again as arguments)

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import torch

from poise.data.speech.speech import Wave
from poise.data.transcripts.letters import spelt
from poise.data.transcripts.syllables import parse
from poise.errors import PoiseError
from poise.recipes.speech.drawing import parts_of, pinyin_of
from poise.recipes.speech.portable import folded, spoken_table
from poise.training.loop import fold_seed
from tests.export.pages import MARKS, browser, opened, sent, waited  # noqa: F401  (fixtures)

pytestmark = MARKS


@pytest.mark.parametrize("kind", ["speech", "speech, characters", "speech, phonemes", "own speech"])
def test_a_page_of_speech_says_what_the_run_says(kind, opened, browser):
    """Text to numbers, lengths, log-mels and waves; each part with the noise that it is given."""
    run = opened(kind)
    table = run.portable.page
    text = {"syllables": "ma1 ni2du", "characters": "Ma1, n\u00adi2! (ma)", "phonemes": "ma1 ni2"}[table["units"]]
    if table["units"] == "syllables":
        text = "ma1 ni2"
    parts = parts_of(text, spoken_table(run.facts))
    assert browser.execute_script("return poise.parts(arguments[0])", text) == [list(map(list, part)) for part in parts]
    rngs = [torch.Generator().manual_seed(fold_seed(3, i)) for i in range(len(parts))]
    noises = [torch.randn(1, table["noise"], generator=rng)[0].tolist() for rng in rngs]
    script = """const [parts, noises, done] = arguments;
        poise.sayParts(parts, 1, 0.8, noises.map((noise) => Float32Array.from(noise)))
        .then((found) => done(Array.from(found.samples)))"""
    found = np.array(browser.execute_async_script(script, parts, noises))
    wanted = run.say(text, voice=run.facts.voices[1], seed=3, speed=0.8).samples
    assert found.shape == wanted.shape and np.abs(found - wanted).max() <= 1e-4


def test_letters_are_folded_on_a_page_as_in_training(opened, browser):
    """Every letter whose fold is not its small letter, on a page that knows every letter."""
    opened("speech, characters")
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    phones = [c for c in every if spelt(c) == c]
    odd = [c for c in every if c.casefold() != c.lower() and unicodedata.normalize("NFC", c) == c and spelt(c)]
    assert len(odd) > 200 and {"ß", "ς", "ﬁ", "ΐ", "և", "İ"} - set(odd) <= {"İ"}
    browser.execute_script(
        """arguments[0].forEach((phone, i) => PHONES.set(phone, i + 1));
        Object.entries(arguments[1]).forEach(([letter, fold]) => FOLDED.set(letter, fold))""",
        phones,
        folded(phones),
    )
    texts = [f"ma{c}ni" for c in odd] + ["ΣΑΣ", "STRASSE Straße ẞ", "ﬁn ﬂ ſ"]
    found = browser.execute_script("return arguments[0].map((text) => poise.spelt(text).join(' '))", texts)
    for text, page in zip(texts, found, strict=True):
        assert page == spelt(text), text


def parse_or_none(word):
    try:
        return parse(word)
    except PoiseError:
        return None


def test_words_of_pinyin_are_taken_apart_as_by_the_run(opened, browser):
    """Two syllables and three, run together: where the first ends is no matter of the longest alone."""
    run = opened("speech")
    spellings = spoken_table(run.facts).spellings
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list(spellings), 2 + n % 2)) + str(n % 6) for n in range(3_000)]
    words = [word for word in words if parse_or_none(word)] + ["m4", "lue4", "ni3hao3", "danguo2", "xi1an1"]
    assert len(words) > 1_000
    found = browser.execute_script("return arguments[0].map((word) => poise.pinyin(word))", words)
    wanted = [[list(map(list, part)) for part in pinyin_of(word, spellings)] for word in words]
    for word, one, other in zip(words, found, wanted, strict=True):
        assert one == other, word
    for refused in ("ma7", "mǎ", "à", "ma1 5", "m"):
        assert browser.execute_script(
            "try { poise.pinyin(arguments[0]); return false } catch (error) { return true }", refused
        ), refused


def test_every_control_of_a_page_of_speech_works(opened, browser):
    run = opened("speech")

    def heard():
        script = """const done = arguments[0];
            fetch(document.querySelector("audio").src).then((found) => found.arrayBuffer())
            .then((content) => done(Array.from(new Uint8Array(content))))"""
        return browser.execute_async_script(script)

    first = heard()
    assert bytes(first[:4]) == b"RIFF" and len(first) > 100
    for event, values in (("change", {"seed": 2}), ("change", {"text": "ni2 ma1"}), ("input", {"speed": 0.5})):
        before = heard()
        sent(browser, event, **values)
        assert heard() != before
    sent(browser, "change", voice=len(run.facts.voices) - 1)
    browser.execute_script("document.body.dataset.milliseconds = ''; document.getElementById('say').click()")
    waited(browser, "document.body.dataset.milliseconds !== ''")
    browser.execute_script(
        "const e = document.getElementById('text'); e.value = 'zhuang1'; e.dispatchEvent(new Event('change'))"
    )
    waited(browser, "document.getElementById('status').textContent.includes('zh-1')")
    assert browser.execute_script("return document.querySelector('.sound canvas').height") == run.facts.heard.bands


@pytest.mark.parametrize("kind", ["vocoder, vocos", "vocoder, hifigan", "own vocoder"])
def test_a_page_of_a_vocoder_gives_back_what_the_run_gives_back(kind, opened, browser):
    run = opened(kind)
    samples = np.random.default_rng(0).normal(0, 0.1, 777).astype(np.float32)
    script = """const done = arguments[1];
        poise.copied(Float32Array.from(arguments[0])).then((found) => done(Array.from(found.wave)))"""
    found = np.array(browser.execute_async_script(script, samples.tolist()))
    wanted = run.vocode(Wave(samples, run.rate)).samples
    assert found.shape == wanted.shape and np.abs(found - wanted).max() <= 1e-4


def test_a_recording_of_several_channels_is_their_mean_and_of_a_long_one_its_beginning(opened, browser):
    """As `poise vocode` takes them; what is left out is said."""
    run = opened("vocoder, vocos")
    pair = np.random.default_rng(0).normal(0, 0.1, (2, 500)).astype(np.float32)
    script = """const [pair, rate] = arguments;
        const sound = new OfflineAudioContext(2, pair[0].length, rate).createBuffer(2, pair[0].length, rate);
        pair.forEach((part, channel) => sound.copyToChannel(Float32Array.from(part), channel));
        return Array.from(mono(sound));"""
    assert np.allclose(browser.execute_script(script, pair.tolist(), run.rate), pair.mean(0), atol=1e-6)
    give = """const [rate, seconds] = arguments;
        const content = new DataView(new ArrayBuffer(44 + 2 * rate * seconds));
        const word = (at, text) => [...text].forEach((c, i) => content.setUint8(at + i, c.charCodeAt(0)));
        word(0, "RIFF"); content.setUint32(4, 36 + 2 * rate * seconds, true); word(8, "WAVEfmt ");
        for (const [at, value] of [[16, 16], [24, rate], [28, 2 * rate]]) content.setUint32(at, value, true);
        for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) content.setUint16(at, value, true);
        word(36, "data"); content.setUint32(40, 2 * rate * seconds, true);
        for (let i = 0; i < rate * seconds; i += 1) content.setInt16(44 + 2 * i, (i * 37) % 999, true);
        const given = new DataTransfer();
        given.items.add(new File([content.buffer], "a.wav"));
        const input = document.getElementById("recording");
        input.files = given.files;
        document.body.dataset.milliseconds = "";
        input.dispatchEvent(new Event("change"));"""
    for seconds, said in ((31, True), (1, False)):
        browser.execute_script(give, run.rate, seconds)
        waited(browser, "document.body.dataset.milliseconds !== '' && document.getElementById('status').textContent "
               f"{'!==' if said else '==='} ''")  # fmt: skip
        assert ("30 seconds" in browser.execute_script("return document.getElementById('status').textContent")) == said
