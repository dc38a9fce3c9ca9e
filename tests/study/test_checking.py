"""`poise data check` promises of a text what a run then reads, and suggests only flags that there are."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from poise.cli import main
from poise.data.check_text import check_text
from poise.study.checking import suggested, would_read
from poise.study.spec import all_recipes, kind_of, parser_for
from tests.data.test_corpus import SENTENCES

OF_TEXT = [name for name in all_recipes() if kind_of(name).corpus]


def headlines(count: int) -> list[str]:
    draw = random.Random(0)
    words = [f"w{draw.randrange(i + 1)}" for i in range(1500)]
    return [" ".join(draw.choices(words, k=draw.randint(2, 9))).capitalize() for _ in range(count)]


def utterances() -> dict[str, tuple[str, str, list[str]]]:
    """Name -> file, its content, further flags."""
    han = [
        f"{'天地玄黄宇宙洪荒日月盈昃辰宿列张'[i % 16]}{'寒来暑往秋收冬藏'[i % 8]}{'云腾致雨'[i % 4]}。"
        for i in range(200)
    ]
    table = "nr;headline;label\n" + "".join(f"{i};{line};{i % 3}\n" for i, line in enumerate(headlines(300)))
    return {
        "sentences": ("a.txt", "\n".join([*SENTENCES, "", SENTENCES[0]]) + "\n", []),
        "headlines": ("a.txt", "\n".join(headlines(400)), []),
        "a table": ("a.csv", table, []),
        "Han": ("a.txt", "\n".join(han), []),
        "stanzas": (
            "a.txt",
            "\n\n".join("\n".join(SENTENCES[i : i + 2]) for i in range(0, 200, 2)),
            ["--layout=stanzas"],
        ),
        "a long line": ("a.txt", "\n".join([*SENTENCES, "word " * 20_000]), []),
    }


@pytest.mark.parametrize("recipe", OF_TEXT)
@pytest.mark.parametrize("case", utterances())
def test_the_check_is_the_run(
    case: str, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers that the check prints are those that the run's own notes print, with the same flags."""
    monkeypatch.chdir(tmp_path)
    name, content, flags = utterances()[case]
    Path(name).write_text(content)
    assert main(["data", "check", name, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (line for line in lines if line.startswith(f"train {recipe}")):
        asked, _, promise = line.partition(": ")
        words = asked.split()[2:]
        arguments = parser_for(recipe).parse([name, *words, *flags])  # every suggested flag is one that there is
        found = re.match(r"([\d,]+) of ([\d,]+) sentences, ([\d,]+) to train on and ([\d,]+) held out", promise)
        if found is None:  # the sentence that the run would end with
            with pytest.raises(Exception, match=re.escape(promise[:80])):
                kind_of(recipe).corpus(arguments)
            continue
        corpus = kind_of(recipe).corpus(arguments)
        numbers = [int(number.replace(",", "")) for number in found.groups()]
        assert numbers == [len(corpus), corpus.counts.read, len(corpus.train), len(corpus.heldout)]


def test_every_suggested_flag_is_parsed(tmp_path: Path) -> None:
    for name, content, _ in utterances().values():
        (tmp_path / name).write_text(content)
        report = check_text(tmp_path / name)
        for recipe in OF_TEXT:
            flags = suggested(recipe, report)
            words = [word for pair in flags.items() for word in pair]
            parsed = parser_for(recipe).parse([str(tmp_path / name), *words])
            assert {flag: str(parsed[flag.removeprefix("--")]) for flag in flags} == flags


def test_why_nothing_would_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(SENTENCES))
    assert "--vocabulary 1" in would_read("text", str(path), {"vocabulary": 1})
