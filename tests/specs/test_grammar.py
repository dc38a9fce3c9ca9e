"""Short runs that must learn a small grammar: grammatical sentences, and a perplexity that no unigram model reaches."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from poise.cli import main
from poise.data.text.corpus import open_corpus
from poise.record import RunFolder
from tests.evaluation.texts import grammatical, sentences

SAME = ("--threads", "1", "--device", "cpu", "--quiet", "--scores", "2")


@pytest.fixture(scope="module")
def grammar_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "grammar.txt"
    path.write_text("".join(f"{sentence}\n" for sentence in sentences(2000, seed=5)))
    return path


def unigram(path) -> float:
    """Held-out perplexity of a model that knows only how frequent units are, ends included."""
    corpus = open_corpus(path, heldout=0.1)
    train, held = (
        [i for row in rows for i in [*corpus.of(row).tolist(), 0]] for rows in (corpus.train, corpus.heldout)
    )
    counts = Counter(train)
    return math.exp(-sum(math.log(counts[i] / len(train)) for i in held) / len(held))


def drawn(run, tmp_path) -> list[str]:
    assert main(["sample", str(run), "-n", "400", "--seed", "1", "--out", str(tmp_path / "more.txt")]) == 0
    return (tmp_path / "more.txt").read_text().splitlines()


def test_the_grammar_knows_right_from_wrong():
    assert all(map(grammatical, sentences(300, seed=5)))
    for wrong in ("the cat the dog .", "the sees cat the dog .", "the cat sees the dog", "cat sees the dog .", ""):
        assert not grammatical(wrong)
    assert grammatical("The cat sees the dog.")


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["gumbel", "reinforce"])
def test_a_text_gan_learns_a_grammar(grammar_file, tmp_path, estimator):
    options = {"generator.embed": 24, "generator.hidden": 48, "discriminator.embed": 24, "discriminator.width": 24,
               "discriminator.hidden": 32, "batch": 32, "warm-steps": 400, "critic-steps": 60, "steps": 150,
               "score-samples": 400, "estimator": estimator}  # fmt: skip
    flags = [f"--{name}={value}" for name, value in options.items()]
    assert main(["train", "text", str(grammar_file), "--out", str(tmp_path / "run"), *SAME, *flags]) == 0
    texts = drawn(tmp_path / "run", tmp_path)
    score = RunFolder(tmp_path / "run").report()["scores"][-1]
    assert sum(map(grammatical, texts)) >= 0.9 * len(texts)
    assert len(set(texts)) > 0.7 * len(texts)
    assert score["perplexity"] < 0.5 * unigram(grammar_file)


@pytest.mark.slow
def test_a_language_model_learns_a_grammar(grammar_file, tmp_path):
    options = {"model.embed": 48, "model.hidden": 48, "batch": 16, "window": 24, "steps": 500}
    flags = [f"--{name}={value}" for name, value in options.items()]
    assert main(["train", "language", str(grammar_file), "--out", str(tmp_path / "run"), *SAME, *flags]) == 0
    texts = drawn(tmp_path / "run", tmp_path)
    score = RunFolder(tmp_path / "run").report()["scores"][-1]
    assert sum(map(grammatical, texts)) >= 0.9 * len(texts)
    assert len(set(texts)) > 0.7 * len(texts)
    assert score["perplexity"] < 0.5 * unigram(grammar_file)
