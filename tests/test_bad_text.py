"""Bad input of text: one clear sentence that names the value and what to do, exit code 2, nothing half-written.

In the style of `test_bad_input`: each case prepares a folder and returns the words of a command line.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from tests.evaluation.texts import sentences
from tests.refusals import refusal

COMMON = {"log-every": 2, "checkpoint-every": 2, "scores": 0, "threads": 1, "device": "cpu"}
TEXT = {"batch": 4, "warm-steps": 2, "critic-steps": 1, "steps": 2, "generator.embed": 4, "generator.hidden": 4,
        "discriminator.embed": 4, "discriminator.hidden": 4, "discriminator.width": 2, **COMMON}  # fmt: skip
LANGUAGE = {"batch": 2, "window": 4, "steps": 2, "model.embed": 4, "model.hidden": 4, **COMMON}
PICTURES = {"batch": 8, "noise": 8, "generator.width": 4, "discriminator.width": 4, "steps": 1, **COMMON}

Prepare = Callable[[Path], list[str]]


def command(recipe: str, options: dict[str, object], data: str, *words: str) -> list[str]:
    """A small training command; later words win."""
    return ["train", recipe, data, *(f"--{name}={value}" for name, value in options.items()), *words]


def text(*words: str, data: str = "grammar.txt") -> list[str]:
    return command("text", TEXT, data, *words)


def language(*words: str, data: str = "grammar.txt") -> list[str]:
    return command("language", LANGUAGE, data, *words)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """grammar.txt, and runs of text, of a language model and of pictures."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "grammar.txt").write_text("".join(f"{sentence}\n" for sentence in sentences(60)))
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    np.save(folder / "pictures.npy", images)
    with contextlib.chdir(folder):
        assert main(text("--out", "runs/text", "--quiet")) == 0
        assert main(language("--out", "runs/language", "--quiet")) == 0
        assert main(command("images", PICTURES, "pictures.npy", "--out", "runs/images", "--quiet")) == 0
    return folder


# What a case prepares.


def t(*words: str) -> Prepare:
    """Training a text GAN on good data with a bad flag."""
    return lambda here: text(*words)


def lm(*words: str) -> Prepare:
    """The same of a language model."""
    return lambda here: language(*words)


def s(run: str, *words: str) -> Prepare:
    """Sampling a finished run."""
    return lambda here: ["sample", run, *words]


def file(name: str, content: bytes | str, *words: str, train: Callable[..., list[str]] = text) -> Prepare:
    """Training on one file with this content."""

    def prepare(here: Path) -> list[str]:
        (here / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return train(*words, data=name)

    return prepare


def lines(*rows: str) -> str:
    return "".join(f"{row}\n" for row in rows)


def damaged(run: str, *words: str, **changes: object) -> Prepare:
    """Facts of a run's spec.json replaced, or removed where the value is None."""

    def prepare(here: Path) -> list[str]:
        path = here / "runs" / run / "spec.json"
        spec = json.loads(path.read_text())
        spec["facts"] |= changes
        spec["facts"] = {key: value for key, value in spec["facts"].items() if value is not None}
        path.write_text(json.dumps(spec))
        return list(words)

    return prepare


GRAMMAR = lines(*sentences(60))
OUT = ("--out", "more.txt")

DATA = [
    ("zero bytes", file("a.txt", b"eins\n\0\0\0"), r"a\.txt is no text .*or say its --encoding"),
    ("no encoding", file("a.txt", b"\x81\x8d\x9f\n" * 30), r"a\.txt: line 1 is not UTF-8, .*or give --encoding"),
    ("empty", file("a.txt", ""), r"a\.txt holds no sentences: give a file with one a line"),
    ("empty, language", file("a.txt", "", train=language), r"a\.txt holds no sentences"),
    ("only empty lines", file("a.txt", " \n\n\t\n"), r"a\.txt holds no sentences"),
    ("one line", file("a.txt", "the cat sees the dog .\n"), r"a\.txt: \d of 1 sentences .*fewer than 8: give more"),
    ("one line over and over", file("a.txt", "the cat\n" * 99), r"\d of 99 sentences \(98 exact copies.*fewer than 8"),
    ("one line, language", file("a.txt", "the cat\n", train=language), r"fewer than 8: give more"),
    ("vocabulary of one", file("a.txt", lines(*("a " * i for i in range(1, 40)))), r"vocabulary of one: .*two are nee"),
    ("nothing but punctuation of one kind", file("a.txt", lines(*("." * i for i in range(1, 30))), "--units", "word"),
     r"vocabulary of one"),
    ("a million characters", file("a.txt", GRAMMAR + "x" * 1_000_000 + "\n", "--units", "character", train=language),
     r"begins 'x{20}' has 1,000,000 characters, more than 10,000: break .*--longest"),
    ("a million characters alone", file("a.txt", "xy" * 500_000 + "\n"), r"fewer than 8"),
    ("every sentence too long", t("--longest", "2"), r"0 of 60 sentences \(60 too long.*fewer than 8: give more"),
    ("missing column", file("a.csv", lines("id,text", *(f"{i},{x}" for i, x in enumerate(sentences(40)))),
                            "--column", "txt"), r"a\.csv has no column 'txt'; did you mean 'text'\?; it has: id, text"),
    ("unnamed column", file("a.csv", lines("one,other", *(f"{x},{x}" for x in sentences(40)))),
     r"name the column of the sentences with --column; it has: one, other"),
    ("column of a .txt", t("--column", "text"), r"grammar\.txt has no columns: leave out --column text"),
    ("bad JSON", file("a.jsonl", '{"text": "a"}\n{"text": \n'), r"a\.jsonl: 1 of 2 lines cannot .* line 2 \(not JSON"),
    ("no such file", lambda here: text(data="none.txt"), r"none\.txt"),
    ("pictures", lambda here: text(data="pictures.npy"), r"pictures\.npy holds no sentences: give a \.txt"),
    ("a folder", lambda here: text(data="runs"), r"runs holds no sentences: give a \.txt"),
    ("pictures as text of a model", lambda here: language(data="pictures.npy"), r"pictures\.npy holds no sentences"),
    ("text as pictures", lambda here: command("images", PICTURES, "grammar.txt"), r"grammar\.txt"),
    ("oracle for a language model", lambda here: language(data="oracle"), r"oracle"),
]  # fmt: skip

ARGUMENTS = [
    ("units", t("--units", "syllable"), r"--units must be one of auto, word, .*, whitespace, not syllable"),
    ("units of a model", lm("--units", "syllable"), r"--units must be one of auto, word, character, piece"),
    ("longest 0", t("--longest", "0"), r"--longest must be at least 1, not 0"),
    ("longest 0 of a model", lm("--longest", "0"), r"--longest 0 is not possible: give 1 or more"),
    ("vocabulary 3", t("--vocabulary", "3"), r"--vocabulary 3 is not possible: give at least 4"),
    ("vocabulary 3 of a model", lm("--vocabulary", "3"), r"--vocabulary 3 is not possible"),
    ("least 0", t("--least", "0"), r"--least 0 is not possible: give 1"),
    ("least of all", t("--least", "100000"), r"vocabulary of none"),
    ("share 0", t("--share", "0"), r"--share 0\S* is not possible: give a share above 0"),
    ("share 2", lm("--share", "2"), r"--share 2\S* is not possible"),
    ("heldout 1", t("--heldout", "1"), r"--heldout 1\S* is not possible: give a share from 0 to below 1"),
    ("heldout 1 of a model", lm("--heldout", "1"), r"--heldout 1\S* is not possible"),
    ("heldout of none", t("--heldout", "0.0001"), r"--heldout 0\.0001 none of 60 .*give a larger share, or 0"),
    ("nothing to be patient with", t("--heldout", "0", "--scores", "4", "--patience", "2"), r"--patience goes by scor"),
    ("representations", t("--discriminator.embed", "6", "--discriminator.representations", "4"),
     r"--discriminator\.embed 6 must be a multiple of --discriminator\.representations 4"),
    ("representations 0", t("--discriminator.representations", "0"), r"representations must be at least 1, not 0"),
    ("embed 0", t("--generator.embed", "0"), r"--generator\.embed must be at least 1, not 0"),
    ("hidden 0 of a model", lm("--model.hidden", "0"), r"--model\.hidden must be at least 1, not 0"),
    ("layers 0 of a model", lm("--model.layers", "0"), r"--model\.layers must be at least 1, not 0"),
    ("dropout 1", t("--generator.dropout", "1"), r"--generator\.dropout must be at least 0 and below 1, not 1"),
    ("weight drop 1", lm("--model.weight-drop", "1"), r"--model\.weight.drop must be at least 0 and below 1, not 1"),
    ("network", t("--network", "lstn"), r"no sequence called 'lstn'; did you mean 'lstm'\?"),
    ("heads of a relational memory", t("--network", "relational", "--generator.hidden", "5"), r"hidden 5 must be a m"),
    ("cell", lm("--model.cell", "rnn"), r"--model\.cell must be one of lstm, gru, not rnn"),
    ("critic", t("--critic", "cnm"), r"no critic called 'cnm'; did you mean 'cnn'\?"),
    ("estimator", t("--estimator", "reinfroce"), r"no estimator called 'reinfroce'; did you mean 'reinforce'\?"),
    ("loss", t("--loss", "hinges"), r"no loss called 'hinges'; did you mean 'hinge'\?"),
    ("R1 on the generator", t("--generator.penalties+=R1"), r"--generator\.penalties\+=R1: .*use --discriminator"),
    ("AR on the generator", t("--generator.penalties+=AR"), r"--generator\.penalties\+=AR: .*leave it out"),
    ("AR on the discriminator", t("--discriminator.penalties+=AR"), r"--discriminator\.penalties\+=AR: .*leave it out"),
    ("rows of the discriminator", t("--discriminator.penalties+=L2Rows"), r"--discriminator\.penalties\+=L2Rows: .*le"),
    ("AR on pictures", lambda here: command("images", PICTURES, "pictures.npy", "--discriminator.penalties+=AR"),
     r"--discriminator\.penalties\+=AR: .*leave it out"),
    ("R1 on a model", lm("--model.penalties+=R1"), r"--model\.penalties\+=R1: .* on a discriminator .*; leave it out"),
    ("AR twice", lm("--ar", "1", "--model.penalties+=AR"), r"two parts called 'ar'"),
    ("decay of a spectral norm", t("--discriminator.spectral", "true", "--discriminator.penalties+=WeightDecay"),
     r"weight_decay.*use L2"),
    ("L2 of a tied readout", lm("--l2-output", "1e-3"), r"--l2-output 0\.001 has nothing to act on: .*--model\.tied f"),
    ("L2 below 0", t("--l2-embedding", "-1"), r"--l2-embedding must .*at least 0, not -1"),
    ("ar below 0", lm("--ar", "-1"), r"--ar -1\S*: .*at least 0"),
    ("tar in words", lm("--tar", "much"), r"--tar.*much"),
    ("schedule of nothing", t("--likelihood", "cosine:1"), r"cosine"),
    ("window beyond the text", lm("--window", "100000"), r"--batch 2 of --window 100000 needs 200,000 units, .*small"),
    ("window 0", lm("--window", "0"), r"--window must be at least 1, not 0"),
    ("batch beyond the text", t("--batch", "1000"), r"--batch 1000 is not possible with \d+ sentences to train on: g"),
    ("batch 0", lm("--batch", "0"), r"--batch must be at least 1, not 0"),
    ("temperature 0", t("--temperature", "0"), r"--temperature must be above 0, not 0"),
    ("temperature -1", t("--temperature", "-1"), r"--temperature must be .*, not -1"),
    ("temperature nan", t("--temperature", "nan"), r"--temperature must be .*, not nan"),
    ("temperature down to 0", t("--temperature", "linear:1:0"), r"--temperature must be above 0, not linear:1:0"),
    ("likelihood -1", t("--likelihood", "-1"), r"--likelihood must be .*not -1"),
    ("warm steps 0", t("--warm-steps", "0"), r"--warm-steps must be at least 1, not 0"),
    ("ema 1", t("--ema", "1"), r"--ema must be at least 0 and below 1, not 1"),
    ("ema 1 of a model", lm("--ema", "1"), r"--ema must be at least 0 and below 1, not 1"),
    ("few samples", t("--score-samples", "2", "--scores", "1"), r"at least 4 samples \(--score-samples\), not 2"),
    ("seed", t("--seed", "-1"), r"--seed must be at least 0"),
    ("warm rate", t("--generator.warm-lr", "-1"), r"--generator\.warm-lr must be .*, not -1"),
    ("warm rate of 0", t("--generator.warm-lr", "0"), r"--generator\.warm-lr must be above 0, not 0"),
    ("misspelt flag", t("--warmsteps", "3"), r"'?--warmsteps'?; did you mean '--warm-steps'\?"),
]  # fmt: skip

SAMPLES = [
    ("temperature 0", s("text", *OUT, "--temperature", "0"), r"--temperature 0\S* is out of reach: give 0\.01 to 100"),
    ("temperature -1", s("text", *OUT, "--temperature", "-1"), r"--temperature -1\S* is out of reach"),
    ("temperature nan", s("language", *OUT, "--temperature", "nan"), r"--temperature nan is out of reach"),
    ("temperature in words", s("text", *OUT, "--temperature", "hot"), r"--temperature.*'hot'"),
    ("top-k 0", s("text", *OUT, "--top-k", "0"), r"--top-k must be at least 1, not 0"),
    ("top-p 0", s("text", *OUT, "--top-p", "0"), r"--top-p must be above 0 and at most 1, not 0"),
    ("top-p 1.5", s("text", *OUT, "--top-p", "1.5"), r"--top-p must be above 0 and at most 1, not 1\.5"),
    ("start of strangers", s("text", *OUT, "--start", "the emu"), r"--start 'the emu': .*does not know 'emu'; write"),
    ("start of strangers, model", s("language", *OUT, "--start", "emu"), r"--start 'emu': .*does not know 'emu'"),
    ("start of nothing", s("text", *OUT, "--start", ""), r"--start '' holds no words and signs: write some, or leave"),
    ("start too long", s("text", *OUT, "--start", "the " * 50), r"has 50 words and signs, and sentences have \d+ at m"),
    ("form without a number", s("text", *OUT, "--form", "the cat ."), r"leaves nothing to write: give numbers of"),
    ("form too long", s("text", *OUT, "--form", "77 ."), r"--form '77 \.' is too long: sentences of this run have \d+"),
    ("form far too long", s("text", *OUT, "--form", "9" * 50), r"is too long: sentences of this run have \d+"),
    ("form of strange signs", s("text", *OUT, "--form", "3；3"), r"--form '；': .*does not know '；'; write it"),
    ("form and start", s("text", *OUT, "--form", "the 3 .", "--start", "red"), r"--start 'red' does not fit into"),
    ("label", s("text", *OUT, "--label", "3"), r"--label does nothing for text, a run of text: leave it out or use"),
    ("temperature of pictures", s("images", "--out", "x.png", "--temperature", "0.5"),
     r"--temperature does nothing for images, a run of images: leave it out or use --label"),
    ("start of pictures", s("images", "--out", "x.png", "--start", "a"), r"--start does nothing for images"),
    ("a picture of text", s("text", "--out", "x.png"), r"--out x\.png: name a \.txt or a \.jsonl file"),
    ("a file without a suffix", s("language", "--out", "x"), r"--out x: name a \.txt or a \.jsonl file"),
    ("a folder that is not there", s("text", "--out", "none/x.txt"), r"--out none/x\.txt: there is no folder none"),
    ("no sentences", s("text", *OUT, "-n", "0"), r"-n must be at least 1, not 0"),
    ("unknown flag", s("text", *OUT, "--top_q", "3"), r"'--top_q'; did you mean '--top-[pk]'\?"),
    ("units missing", damaged("text", "sample", "text", *OUT, units=None), r"runs/text/spec\.json .*'units'.*damaged"),
    ("units of no kind", damaged("text", "sample", "text", *OUT, units={"kind": "rune"}), r"rune"),
    ("units without names", damaged("language", "sample", "language", *OUT, units={"kind": "word"}),
     r"the units of this run are damaged \(KeyError\): train it again"),
    ("units that are a number", damaged("text", "sample", "text", *OUT, units=3), r"spec\.json .*damaged"),
    ("length missing", damaged("text", "sample", "text", *OUT, length=None), r"spec\.json .*'length'.*damaged"),
    ("other units", damaged("text", "sample", "text", *OUT, units={"kind": "number", "size": 3}), r"do not fit"),
    ("size of a picture missing", damaged("images", "sample", "images", size=None), r"images/spec\.json .*damaged"),
]  # fmt: skip

CASES = [(f"{group}: {case[0]}", *case[1:]) for group, table in (
    ("data", DATA), ("arguments", ARGUMENTS), ("sample", SAMPLES)
) for case in table]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "match"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_gets_one_sentence(place, capsys, prepare, match):
    """Exit code 2, one line on stderr that names what is wrong, and every byte of the folder as it was."""
    assert re.search(match, refusal(place, capsys, prepare(place)))


def test_no_case_is_there_twice():
    assert len({case[0] for case in CASES}) == len(CASES)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["text", "language"])
def test_good_input_of_the_same_kind_works(place, capsys, run):
    """What the table spoils is fine by itself."""
    asked = ["--temperature", "0.5", "--top-k", "3", "--top-p", "0.9", "--start", "The cat"]
    assert main(["sample", run, "-n", "3", "--out", "a.jsonl", *asked]) == 0
    assert main(["sample", run, "-n", "3", "--out", "b.txt", "--form", "the 3 ."]) == 0
    assert all(row.startswith("The") and row.endswith(".") for row in (place / "b.txt").read_text().splitlines())
    assert all(json.loads(row)["text"].startswith("The cat") for row in (place / "a.jsonl").read_text().splitlines())
