"""Pages that were exported, opened from the disk in Debian's Chromium: the numbers of PyTorch, every control, nothing
asked of anybody."""

# ruff: noqa: F811  (the fixtures that are imported are named again as arguments)

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
import torch

from poise.data.tokenizers.words import Words
from poise.recipes.images.drawing import kinds_like
from poise.recipes.text.drawing import CHUNK
from poise.training.loop import fold_seed
from tests.export.pages import MARKS, browser, opened, sent, waited  # noqa: F401  (fixtures)

pytestmark = MARKS
PICTURES = ("dcgan", "short_dcgan", "bilinear", "nearest", "residual", "vae, mixture")
SENTENCES = ("text, lstm", "text, characters", "text, rows of numbers", "language", "language, gru")


def shown(browser):
    """What the canvases hold."""
    script = """return [...document.querySelectorAll(".pictures canvas")].map(
        (canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data))"""
    return np.array(browser.execute_script(script), np.uint8)


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


def test_a_page_takes_sentences_apart_as_the_run_does(opened, browser):
    opened("text, lstm", alone=True)
    texts = ["It costs $3.50, or 1,000.", "don't well-known O’Neill's", "1.5.2 a.b 3,x", "👨‍👩‍👧 👍🏽 🇩🇪🇫🇷 ❤️ 1️⃣",
             "می‌خواهم", "so\u00adft x\u200cy", "naïve nai\u0308ve", "他说：“好。”", "a_b --- ...",
             "शब्द हिन्दी"]  # fmt: skip
    texts = [unicodedata.normalize("NFC", text) for text in texts]
    assert browser.execute_script("return arguments[0].map(poise.wordsOf)", texts) == [
        Words(["", ""]).inside(t)[0] for t in texts
    ]


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
