"""Sentences out of a network: repeatable one by one, with a beginning, in a form, into a file."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from poise.data.text.text import open_text
from poise.data.text.toy import Numbers
from poise.data.tokenizers.alphabet import Characters
from poise.data.tokenizers.units import fit_units
from poise.data.tokenizers.words import Words
from poise.errors import PoiseError
from poise.models.rnn import Recurrent
from poise.models.text import TextGenerator
from poise.recipes.text.facts import SentenceFacts
from poise.recipes.text.writing import draw, draw_ids, places, show, write
from tests.recipes.some_facts import some

TEXTS = ["The cat sees the dog .", "A dog sees 3 cats , and runs .", "The old king sleeps ."]
POEMS = ["春眠不觉晓，处处闻啼鸟。", "夜来风雨声，花落知多少。"]


def facts_of(units, length=10, ends=True):
    return some(SentenceFacts, units=units.to_dict(), length=length, ends=ends)


def network_of(units, scale=0.5):
    torch.manual_seed(1)
    net = Recurrent(len(units), 6, 7)
    for parameter in net.parameters():
        nn.init.uniform_(parameter, -scale, scale)
    return net


WORDS, SIGNS = Words.fit(TEXTS), Characters.fit(POEMS)


def draw_words(n=20, seed=0, **asked):
    return draw(network_of(WORDS), facts_of(WORDS), n, seed, **asked)


def test_a_sentence_depends_on_the_seed_and_its_number_alone():
    """n = 5 is the beginning of n = 300, across the pieces in which they are drawn; seeds differ."""
    many = draw_words(300)
    assert len(many) == 300
    assert draw_words(5) == many[:5]
    assert draw_words(257) == many[:257]
    assert draw_words(5, seed=1) != many[:5]
    assert many[256:276] != many[:20], "two pieces have noise of their own"


def test_what_reads_a_long_text_begins_after_a_sentence_of_its_own():
    """Each sentence after another one: still repeatable one by one, and not what it would be with nothing before."""
    net, running = network_of(WORDS), replace(facts_of(WORDS), running=True)
    many = draw(net, running, 300, 0)
    assert draw(net, running, 5, 0) == many[:5]
    assert many != draw_words(300)
    assert all(sentence.startswith("The cat") for sentence in draw(net, running, 20, 0, start="the cat"))


def test_the_global_noise_is_neither_used_nor_moved():
    net = network_of(WORDS)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = draw(net, facts_of(WORDS), 3, 0)
    assert torch.equal(torch.rand(2), expected)
    assert draw(net, facts_of(WORDS), 3, 0) == first


def test_a_generator_and_its_network_write_the_same():
    net = network_of(WORDS)
    generator = TextGenerator(net, 10, True, [1]).train()
    facts = facts_of(WORDS)
    assert draw(generator, facts, 9, 0) == draw(net.eval(), facts, 9, 0)
    assert generator.training, "the mode is put back"


def test_what_is_unknown_is_never_written():
    assert not any("<" in sentence for sentence in draw_words(300))


def test_a_made_up_language_is_written_in_numbers_of_full_length():
    units = Numbers(5)
    rows = draw(network_of(units), facts_of(units, 6, ends=False), 50, 0)
    assert all(len(row.split()) == 6 for row in rows)
    assert {"0", "1"} <= set(" ".join(rows).split())
    with pytest.raises(PoiseError, match="--start and --form are for sentences"):
        draw(network_of(units), facts_of(units, 6, ends=False), 1, 0, start="3")


# Beginnings and forms.


def test_every_sentence_has_the_beginning():
    found = draw_words(50, start="The cat sees")
    assert all(sentence.startswith("The cat sees") for sentence in found)
    assert len(set(found)) > 10


@pytest.mark.parametrize("kind", ["word", "character", "piece"])
def test_beginnings_in_all_units(kind):
    texts = [f"{a} {b} sees {c}." for a in ("the", "a") for b in ("cat", "dog", "king") for c in ("us", "them", "me")]
    units = fit_units(kind, texts * 3)
    found = draw(network_of(units), facts_of(units, 30), 20, 0, start="the cat")
    assert all(sentence.lower().startswith("the cat") for sentence in found)


def test_a_beginning_is_no_shorter_and_no_longer_than_it_may_be():
    longest = " ".join(["cat"] * 9)
    assert all(sentence.lower().startswith(longest) for sentence in draw_words(9, start=longest))
    with pytest.raises(PoiseError, match=r"--start .* has 10 words and signs, and sentences have 9 at most"):
        draw_words(3, start=longest + " cat")
    for empty in ("", "  "):
        with pytest.raises(PoiseError, match=r"--start .* holds no words and signs: write some, or leave it out"):
            draw_words(3, start=empty)
    with pytest.raises(PoiseError, match=r"--start 'The emu and gnu' *: .*does not know 'emu', 'gnu'; write it diff"):
        draw_words(3, start="The emu and gnu")


def draw_poems(n=50, **asked):
    return draw(network_of(SIGNS), facts_of(SIGNS, 14), n, 0, **asked)


def test_a_form_is_kept():
    """Five signs, a comma, five signs, a full stop, and the end; no sign of punctuation in a free place."""
    for poem in draw_poems(form="5，5。"):
        assert len(poem) == 12
        assert poem[5] == "，" and poem[11] == "。"
        assert not set("，。") & set(poem[:5] + poem[6:11])
    assert len(set(draw_poems(form="5，5。"))) == 50


@pytest.mark.slow
@pytest.mark.parametrize("form", ["5,5.", "5，5.", "5,5。", "5, 5."])
def test_a_form_may_be_written_in_half_width(form):
    assert draw_poems(form=form) == draw_poems(form="5，5。")
    assert draw_words(3, form="the 2 sees 1。") == draw_words(3, form="the 2 sees 1.")


def test_a_form_and_a_beginning_together():
    assert all(poem.startswith("花落") and poem[5] == "，" for poem in draw_poems(form="5，5。", start="花落"))
    assert draw_poems(3, form="5，5。", start="花落知多少，")[0].startswith("花落知多少，")
    for start in ("花落知多少。", "花落知多少，花落知多少。花"):
        with pytest.raises(PoiseError, match=r"--start .* does not fit into --form"):
            draw_poems(3, form="5，5。", start=start)


def test_forms_of_words():
    assert places("2 , 1 .", WORDS) == [None, None, WORDS.encode(",")[0], None, WORDS.encode(".")[0]]
    assert places("1 2", WORDS) == [None] * 3, "a space is no text"
    found = draw_words(20, form="the 2 sees 1.")
    assert all(sentence.split()[0] == "The" and sentence.split()[3] == "sees" for sentence in found)
    assert all(sentence.endswith(".") and len(sentence.split()) == 5 for sentence in found)
    assert places("The 1", WORDS)[0] == WORDS.encode("the")[0], "the first word of a sentence"
    with pytest.raises(PoiseError, match="--form 'The': the vocabulary of this run does not know 'The'"):
        places("1 The 1", WORDS)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("，。", "leaves nothing to write: give numbers of characters"),
        ("0", "leaves nothing to write"),
        ("", "leaves nothing to write"),
        ("7，7。", "is too long: sentences of this run have 13 characters at most"),
        ("99999999999999999999", "is too long"),
        ("9" * 5000, "is too long"),
        ("5；5。", "'；': the vocabulary of this run does not know '；'; write it differently"),
    ],
)
def test_forms_that_cannot_be(form, said):
    with pytest.raises(PoiseError, match=f"--form .*{said}"):
        draw_poems(3, form=form)


# Ids and files.


def test_ids_stop_before_the_end():
    ids = draw_ids(network_of(WORDS), facts_of(WORDS), 60, 0)
    assert all(0 not in row and 1 not in row and len(row) <= 10 for row in ids)
    assert [WORDS.decode(row) for row in ids] == draw_words(60)
    assert min(map(len, ids)) < 10


def test_options_reach_the_sampling():
    assert len(set(draw_words(20, top_k=1))) == 1
    assert len(set(draw_words(20, temperature=0.01))) == 1
    with pytest.raises(PoiseError, match="--top-p must be above 0"):
        draw_words(20, top_p=0.0)


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_files_hold_one_sentence_a_line(tmp_path, suffix):
    texts = ["Ünïcode.", 'a "quote"', "春眠"]
    assert write(texts, tmp_path / f"a{suffix}") == "3 sentences"
    lines = (tmp_path / f"a{suffix}").read_text(encoding="utf-8").splitlines()
    assert lines == texts if suffix == ".txt" else [json.loads(line)["text"] for line in lines] == texts
    assert suffix == ".txt" or "春眠" in lines[2], "readable as it is"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", " \n  "], ids=ascii)
def test_line_breaks_in_sentences_make_no_more_lines(tmp_path, end):
    texts = [f"Roses are red,{end}violets are blue.", "One line."]
    assert (
        write(texts, tmp_path / "a.txt") == "2 sentences, / for their line breaks (a .jsonl file has them as they are)"
    )
    assert open_text(tmp_path / "a.txt").sentences == ["Roses are red, / violets are blue.", "One line."]
    assert write(texts, tmp_path / "a.jsonl") == "2 sentences"
    assert open_text(tmp_path / "a.jsonl").sentences == texts


def test_files_that_cannot_be(tmp_path):
    (tmp_path / "b.txt").mkdir()
    for name in ("a.png", "a", "b.txt"):
        with pytest.raises(PoiseError, match=r"name a \.txt or a \.jsonl file"):
            write(["a"], tmp_path / name)
    with pytest.raises(PoiseError, match=r"there is no folder \S*none; make it"):
        write(["a"], tmp_path / "none" / "a.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["b.txt"]


def test_what_is_shown_is_always_of_the_same_noise(tmp_path):
    net = network_of(WORDS)
    first = show(net, facts_of(WORDS), tmp_path / "00000001")
    torch.manual_seed(9)
    second = show(net, facts_of(WORDS), tmp_path / "00000002")
    assert first.suffix == ".txt"
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_text().splitlines()) == 20
