"""Pages that were exported, opened from the disk in Debian's Chromium: the numbers of PyTorch, every control, nothing
asked of anybody."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest
import torch

from poise.data.speech.speech import Wave
from poise.data.transcripts.syllables import parse
from poise.errors import PoiseError
from poise.export.export import Wanted, export
from poise.recipes.images.drawing import kinds_like
from poise.recipes.speech.drawing import parts_of, pinyin_of
from poise.recipes.speech.portable import spoken_table
from poise.recipes.text.drawing import CHUNK
from poise.training.loop import fold_seed

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver"),
]
PICTURES = ("dcgan", "short_dcgan", "bilinear", "residual", "vae, mixture")
SENTENCES = ("text, lstm", "text, characters", "text, rows of numbers", "language", "language, gru")
PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def browser():
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(DRIVER))
    made.set_script_timeout(PATIENCE)
    yield made
    made.quit()


@pytest.fixture
def opened(browser, handed, exported, tmp_path):
    """kind -> its run, with its page open; what went wrong in the page, and what it asked for, is looked at behind."""

    def of(kind, alone=False):
        """`alone`: without the ONNX files beside it."""
        run = handed(kind)
        out = tmp_path / "out" if alone else exported(kind)
        if alone:
            export(run, out, Wanted(page=True), tell=lambda line: None)
            assert not list(out.glob("*.onnx"))
        browser.get((out / "page" / "index.html").as_uri())
        waited(browser, "document.body.dataset.ready === 'true'")
        return run

    yield of
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:", "blob:", "data:")) for url in asked)


def waited(browser, condition):
    end = time.monotonic() + PATIENCE
    while not browser.execute_script(f"return {condition}"):
        assert time.monotonic() < end, browser.execute_script("return document.getElementById('status').textContent")
        time.sleep(0.02)


def shown(browser):
    """What the canvases hold."""
    script = """return [...document.querySelectorAll(".pictures canvas")].map(
        (canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data))"""
    return np.array(browser.execute_script(script), np.uint8)


def sent(browser, event, **values):
    for name, value in values.items():
        script = """document.body.dataset.milliseconds = '';
            const control = document.getElementById(arguments[0]);
            control.value = arguments[1];
            control.dispatchEvent(new Event(arguments[2]))"""
        browser.execute_script(script, name, value, event)
        waited(browser, "document.body.dataset.milliseconds !== ''")


@pytest.mark.parametrize("kind", PICTURES)
def test_a_page_of_pictures_has_the_numbers_of_pytorch(kind, opened, browser):
    run = opened(kind)
    (graph,) = run.portable.graphs
    noise, *labels = graph.examples(6, 5)
    script = """const done = arguments[2];
        poise.pictures(Float32Array.from(arguments[0]), arguments[1]).then((found) => done(Array.from(found)))"""
    given = labels[0].tolist() if labels else []
    found = np.array(browser.execute_async_script(script, noise.flatten().tolist(), given))
    with torch.no_grad():
        wanted = graph.module(noise, *labels).numpy()
    assert np.abs(found.reshape(wanted.shape) - wanted).max() <= 1e-4
    height, width = wanted.shape[2:]
    first = shown(browser)
    assert first.shape == (16, height * width * 4) and len(np.unique(first)) > 2
    if wanted.shape[1] < 4:
        assert (first.reshape(16, -1, 4)[..., 3] == 255).all()


def test_every_control_of_a_page_of_pictures_works(opened, browser):
    run = opened("residual")
    first = shown(browser)
    sent(browser, "change", seed=2)
    assert not np.array_equal(shown(browser), first)
    sent(browser, "change", seed=1)
    assert np.array_equal(shown(browser), first), "a seed is a seed"
    sent(browser, "input", variety=0.2)
    narrow = shown(browser)
    assert narrow.astype(float).std(0).mean() < first.astype(float).std(0).mean()
    sent(browser, "change", count=64)
    assert len(shown(browser)) == 64
    sent(browser, "change", label=1)
    names = browser.execute_script("return [...document.querySelectorAll('.picture')].map((p) => p.ariaLabel)")
    assert all(name.endswith(f": {run.facts.classes[1]}") for name in names)
    browser.execute_script("document.body.dataset.milliseconds = ''; document.getElementById('another').click()")
    waited(browser, "document.body.dataset.milliseconds !== ''")
    assert browser.execute_script("return document.getElementById('seed').value") != "1"
    assert browser.execute_script("return document.querySelector('.way').hidden")
    browser.execute_script("for (const i of [3, 8]) document.querySelectorAll('.picture')[i].click()")
    waited(browser, "document.querySelector('.way canvas').width === 16")
    at = "Array.from(document.querySelector('.way canvas').getContext('2d').getImageData(0, 0, 16, 16).data)"
    for place, i in ((0, 3), (100, 8)):
        browser.execute_script(
            "const e = document.getElementById('way'); e.value = arguments[0]; e.dispatchEvent(new Event('input'))",
            place,
        )
        wanted = shown(browser)[i].tolist()
        waited(browser, f"{at}.every((value, i) => Math.abs(value - {json.dumps(wanted)}[i]) <= 1)")
    browser.execute_script("document.getElementById('save').click()")


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_page_of_sentences_writes_what_the_run_writes(kind, opened, browser):
    """From the same uniform numbers, with temperature and nucleus; and units are joined as Python joins them."""
    run = opened(kind)
    facts, n, seed = run.facts, 6, 3
    rng = torch.Generator().manual_seed(fold_seed(seed, 0))
    noise = torch.rand(CHUNK, facts.length, generator=rng)[:n].double()
    before = torch.rand(CHUNK, facts.length, generator=rng)[:n].double() if facts.running else noise
    script = """const [n, noise, before, done] = arguments;
        const draw = (place, row, first) => (first ? before : noise)[row][place];
        poise.write(n, draw, {temperature: 0.9, topk: 12, topp: 0.9})
        .then((rows) => done(rows.map(poise.joined)))"""
    found = browser.execute_async_script(script, n, noise.tolist(), before.tolist())
    wanted = run.sample(n, seed, temperature=0.9, top_k=12, top_p=0.9)
    assert found == wanted and len(set(wanted)) > 1
    units = facts.vocabulary
    some = np.random.default_rng(0).integers(2, len(units), (300, 9)).tolist()
    joined = browser.execute_script("return arguments[0].map(poise.joined)", some)
    assert joined == [units.join([units.names[i] for i in row]) for row in some]
    (graph,) = run.portable.graphs
    ids, state = graph.examples(4, 7)
    script = """const done = arguments[2];
        poise.step(arguments[0], Float32Array.from(arguments[1])).then((found) => done(Array.from(found.logits)))"""
    logits = browser.execute_async_script(script, ids.tolist(), state.flatten().tolist())
    with torch.no_grad():
        assert np.abs(np.array(logits) - graph.module(ids, state)[0].flatten().numpy()).max() <= 1e-4


def test_every_control_of_a_page_of_sentences_works(opened, browser):
    opened("text, lstm", alone=True)

    def written():
        return browser.execute_script(
            "return [...document.querySelectorAll('.sentences li')].map((e) => e.textContent)"
        )

    first = written()
    assert len(first) == 4 and any(len(sentence) > 5 for sentence in first)
    sent(browser, "change", seed=2)
    assert written() != first
    sent(browser, "change", seed=1)
    assert written() == first
    sent(browser, "change", count=8)
    assert len(written()) == 8
    sent(browser, "change", topk=1)
    assert len(set(written())) == 1, "the likeliest unit alone leaves one sentence"
    sent(browser, "change", topk=0)
    sent(browser, "change", temperature=0.1)
    sent(browser, "change", topp=0.5)
    sent(browser, "change", start="The king")
    assert all(sentence.startswith("The king") for sentence in written())
    browser.execute_script(
        "const e = document.getElementById('start'); e.value = 'The zebra'; e.dispatchEvent(new Event('change'))"
    )
    waited(browser, "document.getElementById('status').textContent.includes('zebra')")
    browser.execute_script("document.getElementById('copy').click()")


@pytest.mark.parametrize("kind", ["speech", "speech, characters", "speech, phonemes", "own speech"])
def test_a_page_of_speech_says_what_the_run_says(kind, opened, browser):
    """Text to numbers, lengths, log-mels and waves; each part with the noise that it is given."""
    run = opened(kind)
    table = run.portable.page
    text = {"syllables": "ma1 ni2du", "characters": "Ma1, ni2!", "phonemes": "ma1 ni2"}[table["units"]]
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


@pytest.mark.parametrize("kind", ["dcgan", "text, lstm", "speech", "vocoder, vocos"])
def test_both_languages_have_every_word(kind, opened, browser):
    opened(kind)
    words = browser.execute_script("return poise.words")
    assert words["en"].keys() == words["zh"].keys() and all(words["zh"].values())
    for _ in range(2):
        browser.execute_script("document.getElementById('language').click()")
        texts = browser.execute_script("return [...document.querySelectorAll('[data-word]')].map((e) => e.textContent)")
        chinese = browser.execute_script("return document.documentElement.lang") == "zh"
        assert texts and set(texts) <= set(words["zh" if chinese else "en"].values())


@pytest.mark.parametrize("counts", [[9, 1], [90, 9, 1], [1, 1, 1], [5, 0, 5], [300, 200, 100, 50]])
def test_classes_are_as_frequent_on_a_page_as_among_samples(counts, opened, browser):
    opened(PICTURES[0])
    found = browser.execute_script("return poise.kindsLike(arguments[0], 500)", counts)
    assert found == kinds_like(counts, 500).tolist()
