"""Flags of other toolkits get an answer, in every command that could be meant."""

from __future__ import annotations

import pytest

from poise.cli import main
from poise.specs.spec import all_recipes, parser_for
from poise.specs.synonyms import SYNONYMS, meant

OF_COMMANDS = {"-n", "--workers", "--out", "--temperature", "--truncation", "--top-k", "--top-p", "--start", "--label"}
OF_COMMANDS |= {"--mirror", "--tensorboard"}


def test_every_flag_that_is_named_is_one_of_ours():
    ours = {flag.replace("_", "-") for recipe in all_recipes() for flag in parser_for(recipe).options()} | OF_COMMANDS
    for _, flags, words in SYNONYMS:
        assert set(flags) <= ours, flags
        for word in words.split():
            if word.startswith("--"):
                assert word.partition("=")[0].rstrip(",.:;)") in ours | {"--discriminator.penalties.gamma"}, word


def test_no_name_stands_twice_and_none_is_a_flag_of_ours():
    names = [name for names, *_ in SYNONYMS for name in names.split()]
    assert len(set(names)) == len(names)
    images = {flag.replace("_", "-") for flag in parser_for("images").options()}
    assert not {f"--{name}" for name in names} & images


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "flag", "said"),
    [
        ("images", "--lr", "here that is --generator.lr and --discriminator.lr: each network has a rate of its own"),
        ("language", "--lr", "here that is --model.lr"),
        ("images", "--learning_rate", "--generator.lr and --discriminator.lr"),
        ("images", "--weight-decay", "here that is --l2-generator and --l2-discriminator"),
        ("vae", "--weight-decay", "--l2-discriminator and --l2-encoder and --l2-decoder"),
        ("images", "--r1", "--discriminator.penalties+=R1"),
        ("images", "--epochs", "here that is --steps"),
        ("images", "--batch-size", "here that is --batch"),
        ("images", "--batchSize", "here that is --batch"),
        ("images", "--resolution", "here that is --size"),
        ("text", "--resolution", "this command has nothing of the kind"),
        ("images", "--gpus", "--device cuda"),
        ("images", "--kimg", "1,000 items are 1,000 / --batch"),
        (
            "images",
            "--truncation",
            "this command has nothing of the kind (it is for drawing: poise sample RUN --truncation 1",
        ),
        ("images", "--outdir", "here that is --out"),
        ("images", "--data-dir", "data are named by their place alone"),
        ("images", "--resume-from", "poise resume RUN"),
        ("images", "--z-dim", "here that is --noise"),
        ("images", "--xyzzy", "see --help"),
        ("images", "--stesp", "did you mean '--steps'?"),
    ],
)
def test_a_habit_gets_an_answer(recipe, flag, said, capsys):
    assert main(["train", recipe, "photos", flag, "1"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "last", "--num-samples", "3"], "here that is -n"),
        (["sample", "last", "--psi=0.7"], "here that is --truncation and --temperature"),
        (["sample", "last", "--outdir", "x"], "here that is --out"),
        (["evaluate", "last", "--num-samples", "3"], "here that is -n"),
        (["study", "x.yaml", "--num-workers", "3"], "here that is --workers"),
        (["sample", "last", "--xyzzy", "3"], "see poise sample --help"),
    ],
)
def test_in_other_commands_too(words, said, capsys):
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_camel_case_and_underscores_are_the_same_habit():
    assert meant("--batchSize", ["--batch"]) == meant("--batch_size", ["--batch"]) == "here that is --batch"


@pytest.mark.parametrize("word", ["-n", "--seed"])
def test_an_option_behind_two_dashes_is_told_where_it_belongs(word, capsys):
    """Behind -- everything is a name, also that of a run that begins with a dash."""
    assert main(["sample", "--", "-neg", word, "4"]) == 2
    assert f"'{word}' stands after --, where everything is a name: put options before --" in capsys.readouterr().err
