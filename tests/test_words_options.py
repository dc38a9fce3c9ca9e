"""The help of every command and of every recipe in Chinese, and in English as it was."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from pathlib import Path

import pytest

from poise.cli import main
from poise.cli.program import tree
from poise.cli.train import parser_of
from poise.registry import HOMES
from poise.words.helping import said_of_an_option
from poise.words.table import Sentence

OPTIONS = Path(__file__).parents[1] / "src" / "poise" / "words" / "zh_options.toml"
# What argparse and the command line say beside the texts of a parser.
BESIDE = {
    "required", "type: {}", "default: {}", "known subclasses: {}", "Help for {}={}", "Recipes:",
    "usage: poise train RECIPE DATA [options]", "poise train RECIPE --help lists its options.",
}  # fmt: skip
# Names of commands, flags and values, which stay as they are.
NAMES = re.compile(r"poise [a-z]+( [a-z]+)?|modern-[\w, -]+|[\w./]+, [\w./]+, [\w./, ]+")
ENGLISH = re.compile(r"([A-Za-z]{2,}[,;:.]? +){2}[a-z]{2,}")


def commands(parser, name="poise"):
    """Every parser of the tree, by what is typed."""
    found = {name: parser}
    for action in parser._actions:
        if hasattr(action, "_choices_actions"):
            for word, below in action.choices.items():
                found |= commands(below, f"{name} {word}")
    return found


COMMANDS = commands(tree()[0])


def texts_of(parser):
    """What a parser says: its description, headings of groups, and the help of options."""
    said = [parser.description, *(group.title for group in parser._action_groups if group._group_actions)]
    said += [action.help for action in parser._actions if action.help != "==SUPPRESS=="]
    return [" ".join(text.split()) for text in said if text]


def parser_called(name):
    return COMMANDS[name] if name.startswith("poise") else parser_of(name)


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("POISE_LANG", "zh")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HOMES["recipe"], *COMMANDS])
def test_every_help_text_is_translated(name, chinese):
    texts = texts_of(parser_called(name))
    assert texts
    left = {text: said_of_an_option(text) for text in texts if " " in text or len(text) > 8}
    assert {text for text, said in left.items() if said == text} == set(), "translate these in words/zh_options.toml"
    halves = {said for said in left.values() if ENGLISH.search(NAMES.sub("", said))}
    assert halves == set(), "a part of these is still English: give each a key of its own in words/zh_options.toml"


def test_every_action_has_help():
    for name in HOMES["recipe"]:
        assert [action.dest for action in parser_of(name)._actions if action.help is None] == []


@pytest.mark.parametrize("text", ["Begin the run with sugar.", "The shape of the sugar, in pixels and in pairs"])
def test_a_text_that_is_in_no_table_stays(text, chinese):
    assert said_of_an_option(text) == text


@pytest.mark.slow
def test_no_key_is_of_an_option_that_is_there_no_more():
    said = {text for name in [*HOMES["recipe"], *COMMANDS] for text in texts_of(parser_called(name))}
    said |= {text.removesuffix(".") for text in said}
    rooms = tomllib.loads(OPTIONS.read_text(encoding="utf-8"))
    keys = {key for room in rooms.values() for key in room} - BESIDE
    assert keys
    used = {key for key in keys if any(Sentence(key, "").values(text) is not None for text in said)}
    assert keys - used == set(), "no parser says these any more: take them out, or translate anew what it says instead"


def columns(line):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images", "speech", "poise", "poise sample"])
def test_help_is_as_wide_as_the_terminal(name, chinese, monkeypatch):
    shown = parser_called(name).format_help()
    assert shown.startswith("用法： poise") and "选项:" in shown and "显示这份帮助并退出" in shown
    laid_out = [line for line in shown.splitlines() if not line.startswith("  --")]  # a flag stands in one line
    assert max(columns(line) for line in laid_out) <= 80
    assert not any(re.match(r"\s*[，。；：、）]", line) for line in shown.splitlines())
    monkeypatch.setenv("POISE_LANG", "en")
    english = parser_called(name).format_help()
    assert english.isascii() or name in ("images", "speech", "poise sample")
    assert not re.search("[\u4e00-\u9fff]", english)
    flags = re.compile(r"--[a-z][\w.-]*|default: \S+|默认：\S+")
    assert set(re.findall(r"--[a-z][\w.-]*", english)) <= set(flags.findall(shown))


def test_types_and_defaults_stay(chinese, capsys):
    with pytest.raises(SystemExit):
        main(["train", "images", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "生成器噪声向量的长度（类型：int，默认：64）" in shown
    assert "--print-config[=flags]" in shown and "（必填，类型：str）" in shown and "0x" not in shown


def test_options_of_a_class_are_laid_out_alike(chinese, capsys):
    with pytest.raises(SystemExit):
        main(["train", "images", "x", "--l2-generator.help", "Cosine"])
    shown = capsys.readouterr().out
    assert "（必填，类型：float）" in shown and "（类型：int | null，默认：null）" in shown and "required" not in shown


def test_english_help_is_as_argparse_makes_it(monkeypatch, capsys):
    monkeypatch.setenv("POISE_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["train", "images", "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith("usage: poise train images") and "\noptions:\n" in shown
    assert "length of the generator's noise vector. (type: int,\n                        default: 64)" in shown
    assert main(["train"]) == 0
    assert "\n\nRecipes:\n  images     Train a GAN on pictures.\n" in capsys.readouterr().out
