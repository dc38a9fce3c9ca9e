"""Playing and comparing in Debian's Chromium: every control works, shown is what is saved, nothing goes outside."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import io
import shutil
import urllib.request

import numpy as np
import pytest
from PIL import Image

import poise
from poise.report.picture import grid, png
from tests.serve.browsing import MARKS, browser, served_at, waited  # noqa: F401  (fixture)

pytestmark = MARKS
# The pixels of a canvas, and of the picture at an address, as lists of numbers.
PIXELS = """
const done = arguments[arguments.length - 1];
const of = (canvas) => {
  const { width, height } = canvas;
  return [width, height, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
};
const shown = of(document.querySelector(arguments[0]));
fetch(document.querySelector(arguments[1]).href).then((answer) => answer.blob()).then(createImageBitmap)
  .then((bitmap) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    done([shown, of(canvas)]);
  });
"""


@pytest.fixture(scope="module")
def address(played, painter):
    with served_at(played, painter) as made:
        yield made


def opened(browser, address, hash):
    browser.get(f"{address}/{hash}")
    waited(browser, f"document.body.dataset.ready === '{hash.lstrip('#/') or 'runs'}'")
    idle(browser)


def idle(browser):
    """Until nothing is drawn any more."""
    waited(browser, "!document.body.dataset.drawing && !played.working && wishes.size === 0")


def put(browser, id, value):
    """A value into a control, as a hand would."""
    browser.execute_script(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "for (const what of ['input', 'change']) e.dispatchEvent(new Event(what, {bubbles: true}))", id, str(value),
    )  # fmt: skip
    idle(browser)


def saved(browser, id):
    """What the link saves, and under which name."""
    link = browser.find_element("id", id)
    with urllib.request.urlopen(link.get_attribute("href")) as answer:
        return answer.read(), link.get_attribute("download")


def test_pictures_every_control_draws_and_what_is_shown_is_saved(address, browser, played):
    run = poise.load(played / "residual")
    opened(browser, address, "#play/residual")
    assert len(browser.find_elements("css selector", "#cells canvas")) == 16
    content, name = saved(browser, "save")
    assert content == png(grid(run.sample(16))) and name == "residual-step-2-seed-0.png"
    put(browser, "n", 5)
    put(browser, "seed", 3)
    put(browser, "label", "c")
    assert saved(browser, "save")[0] == png(grid(run.sample(5, seed=3, label="c")))
    put(browser, "truncation", "0.5")
    assert browser.find_element("id", "truncated").text == "±0.5"
    assert saved(browser, "save")[0] == png(grid(run.sample(5, seed=3, label="c", truncation=0.5)))
    before = browser.execute_script("return document.body.dataset.sheet")
    put(browser, "walk", "0.5")
    assert browser.execute_script("return document.body.dataset.sheet") != before
    browser.find_element("id", "another").click()
    idle(browser)
    assert browser.execute_script("return [value('seed'), value('walk')]") == ["4", "0"]
    sheet = np.asarray(Image.open(io.BytesIO(saved(browser, "save")[0])))
    shown = browser.execute_script(
        "const c = document.querySelectorAll('#cells canvas')[1];"
        "return [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]"
    )
    pixels = np.asarray(shown[2], np.uint8).reshape(shown[1], shown[0], 4)[..., :3]
    side = shown[0]
    left = (2 + 16 + 2) * (side // 16)
    assert np.array_equal(pixels, sheet[2 * side // 16 : 2 * side // 16 + side, left : left + side]), "the second one"


def test_two_favourites_have_a_way_between_them_by_keyboard_alone(address, browser, played):
    from selenium.webdriver.common.keys import Keys

    opened(browser, address, "#play/dcgan")
    assert not browser.find_element("id", "ways").is_displayed()
    browser.find_element("id", "cell0").send_keys(Keys.ENTER)
    browser.find_element("id", "another").send_keys(Keys.ENTER)
    idle(browser)
    browser.find_element("id", "cell2").send_keys(Keys.SPACE)
    idle(browser)
    assert browser.find_element("id", "ways").is_displayed()
    assert browser.find_element("id", "cell2").get_attribute("aria-pressed") == "true"
    run = poise.load(played / "dcgan")
    starts, ends = [poise_place(0, 0)], [poise_place(1, 2)]
    assert saved(browser, "savestrip")[0] == png(grid(run.walk(starts, ends, [i / 7 for i in range(8)])[0], columns=8))
    browser.find_element("id", "share").send_keys(Keys.END)
    idle(browser)
    assert browser.execute_script("return document.body.dataset.share") == "1.00"
    for canvas, link in (
        ("#between", "#savebetween"),
        ("#way", "#savestrip"),
        ("#favourites li canvas", "#favourites a"),
    ):
        shown, kept = browser.execute_async_script(PIXELS, canvas, link)
        assert shown == kept, canvas
    last = browser.find_elements("css selector", "#favourites .save")[1].get_attribute("href")
    with urllib.request.urlopen(last) as answer:
        assert answer.read() == saved(browser, "savebetween")[0], "the end of the way is the favourite"
    browser.find_elements("css selector", "#favourites .pickend")[0].click()  # the way goes back now
    idle(browser)
    assert saved(browser, "savebetween")[0] == saved_at(browser, "#favourites .save")
    browser.find_element("css selector", "#favourites li button:not(.pickend)").click()
    idle(browser)
    assert not browser.find_element("id", "ways").is_displayed()
    assert len(browser.find_elements("css selector", "#favourites li")) == 1
    browser.execute_script("location.hash = '#/dcgan'")
    waited(browser, "document.body.dataset.ready === 'dcgan'")
    browser.find_element("css selector", ".go").click()
    waited(browser, "document.querySelectorAll('#favourites li').length === 1")
    idle(browser)
    drawn = browser.execute_async_script(PIXELS, "#favourites li canvas", "#favourites a")
    browser.refresh()
    waited(browser, "document.querySelectorAll('#favourites li').length === 1")
    idle(browser)
    assert browser.execute_async_script(PIXELS, "#favourites li canvas", "#favourites a") == drawn, (
        "kept by the browser"
    )
    browser.find_element("css selector", "#favourites li button:not(.pickend)").click()
    browser.execute_script("localStorage.setItem('poise favourites of dcgan', '[3, {\"step\": 99}, null]')")
    browser.refresh()
    waited(browser, "document.body.dataset.ready === 'play/dcgan'")
    idle(browser)
    assert not browser.find_elements("css selector", "#favourites li"), (
        "of a step that is gone, or no favourites at all"
    )
    browser.execute_script("localStorage.clear()")


def poise_place(seed, index):
    from poise.recipes.common.recipe import NoisePlace

    return NoisePlace(seed, index)


def saved_at(browser, selector):
    with urllib.request.urlopen(browser.find_element("css selector", selector).get_attribute("href")) as answer:
        return answer.read()


def test_latents_of_an_auto_encoder_are_chosen(address, browser, played):
    opened(browser, address, "#play/vae")
    put(browser, "latents", "prior")
    assert saved(browser, "save")[0] == png(grid(poise.load(played / "vae").sample(16, latents="prior")))
    assert not browser.find_elements("id", "label") and not browser.find_elements("id", "truncation")


def test_sentences_are_written_with_all_that_a_recipe_takes(address, browser, played):
    opened(browser, address, "#play/language")
    run = poise.load(played / "language")
    assert browser.find_element("id", "sentences").text.strip()
    for id, value in (
        ("n", 3),
        ("seed", 5),
        ("temperature", "0.7"),
        ("top_k", 9),
        ("top_p", "0.9"),
        ("start", "The king"),
    ):
        put(browser, id, value)
    lines = run.sample(3, seed=5, temperature=0.7, top_k=9, top_p=0.9, start="The king")
    assert browser.execute_script("return document.getElementById('sentences').textContent") == "".join(
        f"{line}\n" for line in lines
    )
    assert saved(browser, "save") == ("".join(f"{line}\n" for line in lines).encode(), "language-step-2-seed-5.txt")
    browser.find_element("id", "another").click()
    idle(browser)
    assert browser.execute_script("return value('seed')") == "6"


def test_a_text_is_said_in_a_voice_and_clips_are_heard(address, browser, played):
    from selenium.webdriver.common.keys import Keys

    opened(browser, address, "#play/speech")
    assert browser.find_element("id", "text").get_attribute("value"), "one is offered"
    text = browser.find_element("id", "text")
    text.clear()
    text.send_keys("ma1")
    put(browser, "voice", "low")
    put(browser, "speed", "1.5")
    text.send_keys(Keys.ENTER)
    waited(browser, "document.querySelector('#clips audio')?.readyState >= 2")
    content = saved_at(browser, "#clips .save")
    from poise.report.audio import wav_of

    wave = poise.load(played / "speech").say("ma1", "low", 0, 1.5)
    assert content == wav_of(wave.samples, wave.rate, played / "x.wav")
    browser.find_element("id", "listen").click()
    waited(browser, "document.querySelectorAll('#heldout audio').length === 4")
    idle(browser)
    opened(browser, address, "#play/vocoder--vocos")
    browser.find_element("id", "listen").click()
    waited(browser, "document.querySelectorAll('#heldout audio').length === 4")
    assert not browser.find_elements("id", "text")
    idle(browser)


@pytest.mark.parametrize("width", [400, 1200])
def test_pages_are_translated_and_not_wider_than_the_window(width, address, browser):
    browser.set_window_size(width, 900)
    for page in ("#play/residual", "#play/language", "#play/speech", "#compare/one/dcgan"):
        opened(browser, address, page)
        seen, whole = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
        assert whole <= seen + 1, page
        browser.find_element("id", "language").click()
        words = browser.execute_script(
            "return [...document.querySelectorAll('[data-word]')].map((e) => [e.dataset.word, e.textContent])"
        )
        known = browser.execute_script("return WORDS")
        assert all(len(both) == 2 and all(both) for both in known.values())
        assert words and all(text == known.get(key, [key, key])[1] for key, text in words), page
        unnamed = browser.execute_script(
            "return [...document.querySelectorAll('input, select')]"
            ".filter((e) => !e.labels?.length && !e.ariaLabel).length"
        )
        assert unnamed == 0, "each control has a name"
        browser.find_element("id", "language").click()


def test_runs_are_ticked_and_compared(played, painter, browser, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(played / "one", tmp_path / "runs" / name)
    shutil.copytree(played / "dcgan", tmp_path / "runs" / "<img src=x onerror=alert(1)>")
    spec = tmp_path / "runs" / "two" / "spec.json"
    spec.write_text(spec.read_text().replace('"batch": 8', '"batch": 4'))
    with served_at(tmp_path / "runs", painter) as address:
        opened(browser, address, "")
        assert not browser.find_element("id", "compare").is_displayed()
        boxes = browser.find_elements("css selector", ".pick input")
        boxes[1].click()
        boxes[2].click()
        browser.find_element("id", "compare").click()
        waited(browser, "document.body.dataset.ready === 'compare/one/two' && document.getElementById('together')")
        asked = browser.find_element("id", "asked").text
        assert "batch" in asked and "8" in asked and "4" in asked
        assert browser.execute_script("return document.querySelectorAll('#samples img').length") == 2
        last = browser.execute_script("return document.body.dataset.together")
        from selenium.webdriver.common.keys import Keys

        browser.find_element("id", "together").send_keys(Keys.HOME)
        waited(browser, f"document.body.dataset.together !== '{last}'")
        assert browser.find_element("css selector", "#best tbody").text.count("one") == 1
        names = "/".join(["one", "two", "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"])
        browser.execute_script(f"location.hash = '#compare/{names}'")
        waited(browser, "document.querySelectorAll('#best tbody tr').length === 3")
        assert not browser.find_elements("css selector", "img[src=x]"), "a name is text"
        browser.execute_script("location.hash = ''")
        waited(browser, "document.body.dataset.ready === 'runs' && document.getElementById('order')")
        put(browser, "order", "bynewest")
        put(browser, "order", "bybest")
        names = browser.execute_script("return [...document.querySelectorAll('.runs b')].map((b) => b.textContent)")
        assert names[-1].startswith("<img"), "it has no score"


def test_what_cannot_be_played_with_says_why(played, painter, browser, tmp_path):
    shutil.copytree(played / "dcgan", tmp_path / "runs" / "empty", ignore=shutil.ignore_patterns("step-*"))
    with served_at(tmp_path / "runs", painter) as address:
        browser.get(f"{address}/#play/empty")
        waited(browser, "document.getElementById('trouble')?.textContent.includes('has no checkpoint yet')")
        assert not browser.find_elements("id", "save"), "nothing can be saved"
        assert browser.find_element("id", "trouble").text.startswith("empty has no checkpoint yet")


def test_a_drawing_that_is_refused_is_told(played, painter, browser):
    with served_at(played, painter) as address:
        opened(browser, address, "#play/language")
        put(browser, "start", "漢字")
        assert "does not know" in browser.find_element("id", "said").text
        noted = browser.get_log("browser")
        assert noted and all("400" in entry["message"] for entry in noted)
        put(browser, "start", "")
        assert "does not know" not in browser.find_element("id", "said").text


def test_a_run_that_goes_on_offers_its_new_checkpoints(played, painter, browser, tmp_path):
    shutil.copytree(played / "dcgan", tmp_path / "runs" / "on")
    with served_at(tmp_path / "runs", painter) as address:
        opened(browser, address, "#play/on")
        places = tmp_path / "runs" / "on" / "checkpoints"
        shutil.copytree(places / "step-00000002", places / "step-00000001")
        waited(browser, "document.querySelectorAll('#step option').length === 2")
        assert browser.execute_script("return value('step')") == "2", "what was chosen stays"


def test_a_percent_sign_that_stands_for_nothing_is_no_fault(address, browser):
    browser.get(f"{address}/#%zz")
    waited(browser, "document.getElementById('main').textContent.includes('there is no run')")
    assert all("404" in entry["message"] for entry in browser.get_log("browser"))
