"""What is said in Chinese: the table is in step with the source, and whole lines of commands come out right."""

from __future__ import annotations

import ast
import functools
import io
import json
import os
import re
import string
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from poise.terminal import Printed
from poise.words import language, lines_within, translated
from poise.words import table as tables
from poise.words.table import sentences
from poise.words.translating import balanced
from tests.untranslated import LEFT_OUT, left_out

SOURCE = Path(__file__).parents[1] / "src" / "poise"
COMPLETE = [
    "*.py", "audio/*.py", "data/**/*.py", "disk/*.py", "games/*.py", "rows/*.py", "losses/*.py", "models/**/*.py",
    "monitor/**/*.py",
    "penalties/*.py", "pixels/*.py", "recipes/**/*.py", "training/**/*.py", "tuning/*.py", "cli/**/*.py",
    "runs/**/*.py", "evaluation/*.py", "metrics/**/*.py", "serve/*.py", "export/*.py", "results/**/*.py",
    "report/**/*.py", "specs/*.py", "studies/**/*.py",
]  # fmt: skip
# Of words that are flags and their values alone, or no sentence for people.
NO_WORDS = {
    "{} color,translation,cutout",
    "uv pip install --python {} {}", "apt-get download", "apt-get update",  # commands
    "Unable to locate package", "No packages found", "was not found", "Can't find a source",  # what apt-get says
    "complete log of this run",  # what npm says
}  # fmt: skip
OF_ARGPARSE = "the following arguments are required"
PLACES = re.compile(r"\{[a-z]+(:[^}]*)?\}")  # of a text that is formatted later, as {scale:,.0f}
CHINESE = re.compile("[\u4e00-\u9fff]")

table = functools.cache(tables.table)  # read once


def text_of(node: ast.expr) -> str | None:
    """A string, or an f-string with {} for its values."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


@functools.cache
def texts_in(source: str) -> list[str]:
    """Every string of a file that is no docstring and no piece of another one."""
    tree = ast.parse(source)
    others = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            others.add(id(node.body[0].value))  # type: ignore[attr-defined]
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                inside = part.format_spec if isinstance(part, ast.FormattedValue) else part
                others |= {id(one) for one in ast.walk(inside)} if inside is not None else set()
    found = [text_of(node) for node in ast.walk(tree) if isinstance(node, ast.expr) and id(node) not in others]
    return [text for text in found if text is not None]


def sentence_like(text: str) -> bool:
    return " " in text and len(re.findall("[A-Za-z]{2,}", text)) >= 3


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("POISE_LANG", "zh")


def test_texts_of_a_source():
    source = '"""doc"""\ndef f(x):\n    """doc two"""\n    return f"a {x:.2f} b" + "c d"\n'
    assert sorted(texts_in(source)) == ["a {} b", "c d"]


def test_no_room_stands_in_two_files():
    files = sorted((SOURCE / "words").glob("zh*.toml"))
    rooms = [room for file in files for room in tomllib.loads(file.read_text(encoding="utf-8"))]
    assert sorted(rooms) == sorted(table())


@pytest.mark.slow
def test_no_translation_is_of_a_sentence_that_is_not_said_any_more():
    said = {text for path in SOURCE.rglob("*.py") for text in texts_in(path.read_text(encoding="utf-8"))}
    said |= {text.strip() for text in said}
    elsewhere = tomllib.loads((SOURCE / "words" / "zh_options.toml").read_text(encoding="utf-8"))  # test_words_options
    rooms = [room for room in table() if not room.startswith("made") and room not in elsewhere]
    stale = [key for room in rooms for key in table()[room] if key not in said]
    assert stale == [], "the source says it otherwise now: translate it anew in words/zh*.toml"
    anew = [key for room, known in table().items() if room.startswith("made") for key in known]
    words = " ".join([*said, OF_ARGPARSE]).lower()
    missing = [key for key in anew if not all(word.lower() in words for word in re.findall("[A-Za-z]{3,}", key))]
    assert missing == [], "no word of it is in the source"


def missing_in(path: Path) -> list[str]:
    """Sentences of a file that are no key, in its order."""
    known = {key for keys in table().values() for key in keys} | NO_WORDS
    asked = [text for text in texts_in(path.read_text(encoding="utf-8")) if sentence_like(text)]
    said = {text: {text, text.strip(), PLACES.sub("{}", text)} for text in asked}
    return [text for text in asked if not said[text] & known and not made(text)]


@pytest.mark.parametrize("room", COMPLETE)
def test_every_sentence_of_these_rooms_is_translated(room):
    paths = sorted(SOURCE.glob(room))
    assert paths
    for path in paths:
        missing = [text for text in missing_in(path) if not left_out(path.relative_to(SOURCE), text)]
        assert missing == [], f"{path}: translate these in words/zh*.toml"


@pytest.mark.slow
@pytest.mark.parametrize(("where", "why", "what"), LEFT_OUT, ids=lambda part: part[:30])
def test_what_is_left_out_is_there(where, why, what):
    paths = [path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).match(where)]
    found = [text for path in paths for text in texts_in((SOURCE / path).read_text(encoding="utf-8"))]
    assert any(sentence_like(text) and re.fullmatch(what, text, re.DOTALL) for text in found), why


def made(text: str) -> bool:
    """Whether the table has a sentence in other pieces for it, among those that are made at the time."""
    return text in ("{}: {} since step {}: {} {}", "samples after step {}: {}{}{}")


def test_values_stay_and_nothing_but_values_is_left_out():
    for known in (keys for keys in table().values()):
        for english, other in known.items():
            places = [name for _, name, _, _ in string.Formatter().parse(other) if name is not None]
            assert all(name.isdigit() and int(name) < english.count("{}") for name in places), english
            dropped = {*range(english.count("{}"))} - {*map(int, places)}
            for number in dropped:
                before = english.split("{}")[number]
                assert re.search("[a-z]$", before), f"{english!r} loses a value that is no ending of a plural"
            assert other != english, english


def test_flags_and_commands_of_a_sentence_are_in_its_translation():
    for keys in table().values():
        for english, other in keys.items():
            for flag in re.findall(r"--[a-z][a-z-]+|poise [a-z]+|POISE_\w+", english):
                assert flag in other, (flag, english)


SAID = {
    "a: done, recorded up to step 149": "a：已完成，记录到第 149 步",
    "noto-emoji: 1,906 pictures 16x16 RGB, 1,697 to train on and 209 held out, 9 classes": (
        "noto-emoji：1,906 张 16x16 RGB 图片，1,697 张用于训练，209 张留出，9 类"
    ),
    "run r: 20 steps of 32 on cpu in fp32 with 2 threads, augmentation color,cutout": (
        "运行 r：20 步，每步 32，在 cpu 上用 fp32，2 个线程，增广 color,cutout"
    ),
    "  Try more --steps (now 150), a higher --generator.lr (now 0.0002), or a look at the pictures with poise data "
    "check.": "  "
    "可以试试：更多 --steps（现为 150），更高的 --generator.lr（现为 0.0002），或用 poise data check 看看图片。",
    "Warning: nothing was learnt since step 7: Nothing is held out: overfitting cannot be seen, and samples cannot be "
    "scored. Try more data.": (
        "警告：自第 7 步起什么也没学到：没有留出任何数据：看不出过拟合，样本也无法打分。可以试试：更多数据。"
    ),
    "poise: r/record.jsonl, line 3 is damaged (it is no JSON); put it back, or take that line out": (
        "poise：r/record.jsonl 第 3 行已损坏（它不是 JSON）；请放回原来的，或删去那一行"
    ),
    "poise: there is no run 'aa' in runs; did you mean 'a'? See: poise runs": (
        "poise：runs 里没有运行“aa”；你是不是想写“a”？ 请看：poise runs"
    ),
    "t.txt: a sentence a line, gb18030 (a guess; --encoding sets it); the first: 'a: b'": (
        "t.txt：每行一个句子，gb18030（猜测；--encoding 可指定）；第一句：“a: b”"
    ),
    "left out as they cannot be used: 2 rows: line 3 (2 fields instead of 3), line 9 (it holds a zero byte)": (
        "因用不了而略去：2 行：第 3 行（2 个字段而不是 3 个），第 9 行（里面有零字节）"
    ),
    "2 files are not read: b.pdf (PDF: save its pages as PNG); a.txt (text: it is no picture)": (
        "有 2 个文件没有读：b.pdf（PDF：请把各页存成 PNG）；a.txt（text：不是图片）"
    ),
    "train text --longest 9: a.txt: at --heldout 0.1 none of 51 sentences (1 empty, 2 too long) is held out: give a "
    "larger share, or 0": (
        "train text --longest 9：a.txt：在 --heldout 0.1 下，51 个句子（1 个空的，2 个太长）一个也没有留出："
        "请给更大的份额，或 0"
    ),
    "poise: --generator.penalties+=R1: R1 is a penalty on a discriminator and would do nothing here; use "
    "--discriminator.penalties+=R1": (
        "poise：--generator.penalties+=R1：R1 是作用于判别器的惩罚，在这里不起作用；请用 --discriminator.penalties+=R1"
    ),
    "poise: there is no network called 'nope'. Known: dcgan.": "poise：没有叫“nope”的 network。 已知：dcgan。",
    "step 385: warning: strength too large since step 243: l2 on the discriminator (strength 0.0001) makes up 52 % of "
    "the gradient, and its weights have 38 % of their first length: the penalty steers, not the loss. Try "
    "--l2-discriminator 1e-05.": (
        "第 385 步：警告：自第 243 步起强度太大：判别器上的 l2（强度 0.0001）占梯度的 52 %，权重长度是最初的 38 %："
        "起主导作用的是惩罚，不是损失。可以试试：--l2-discriminator 1e-05。"
    ),
    "train vae: pics: 30 pictures 16x16 RGB, 26 to train on and 4 held out, 1 unreadable left out": (
        "train vae：pics：30 张 16x16 RGB 图片，26 张用于训练，4 张留出，略去 1 个读不了的"
    ),
    "suggested: --labels folders (2 classes)": "建议：--labels folders（2 类）",
    "scores compare 20 samples with 2 held-out sentences": "分数把 20 个样本与 2 个留出的句子相比",
    "  a.png: PNG, mode P, 40x30, colour, values 3 to 251": "  a.png：PNG，mode P，40x30，彩色，值从 3 到 251",
    "took 3 of 4 tensors of the generator (75 % of its parameters) from run a at step 9; fresh: x, y and 2 more": (
        "从 run a at step 9 取了生成器的 4 个张量里的 3 个（占其参数的 75 %）；重新初始化：x, y，另有 2 个"
    ),
    "samples after step 0: a b/0.png; the next in 1:00": "第 0 步之后的样本：a b/0.png；下一次在 1:00 之后",
    "step 1/150  185 samples/s  0:26 left | l2: λ 0": "第 1/150 步  每秒 185 samples  还剩 0:26 | l2: λ 0",
}


@pytest.mark.parametrize("line", SAID, ids=lambda line: line.strip()[:30])
def test_lines_as_they_are_said(line, chinese):
    assert translated(line) == SAID[line]
    assert translated(f"{line}\n{line}\n") == f"{SAID[line]}\n{SAID[line]}\n"


def test_a_value_that_is_a_part_of_a_flag_stays(chinese):
    """--generator.clip is typed; the generator is not."""
    glued = [
        sentence
        for sentence in sentences()
        if sentence.glued and "--{}" in sentence.english and sentence.english[-1] != " "
    ]
    assert len(glued) >= 10
    for sentence in glued:
        text = sentence.english.replace("{}", "generator")
        flags = re.findall(r"--[a-z][\w.+=-]*", text)
        said = translated(text)
        assert said != text and [flag for flag in flags if flag not in said] == [], said


def test_a_sentence_is_not_cut_within_a_parenthesis(chinese):
    assert balanced("a (b (c)) d") and balanced("")
    assert not balanced("a) (b") and not balanced("(a")
    said = translated("left out as they cannot be used: 1 row: line 2 (2 fields instead of 3)")
    assert said.count("（") == said.count("）") == 1


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "x",
        '{"step": 3}',
        "The cat sees the dog.",
        "step,discriminator/adversarial",
        "a" * 5_000,
        "{} {0} %s",
    ],
)
def test_what_is_no_known_sentence_stays(line, chinese):
    assert translated(line) == line


def test_nothing_of_anybodys_can_break_it(chinese):
    for text in ("{}", "{0}", "{9}", "{x}", "%s", "\\1", "(", "a, b, or c", "\x1b[31m", "s, s, s and s " * 50):
        said = translated(f"poise: there is no run '{text}' in runs. See: poise runs")
        assert said.count(text) == 1 and CHINESE.search(said)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "de_DE"}, "zh"),
        ({"POISE_LANG": "en", "LC_ALL": "zh_CN"}, "en"),
        ({"POISE_LANG": "ZH"}, "zh"),
        ({"POISE_LANG": "fr"}, "en"),
    ],
)
def test_the_language_that_is_asked_for(environment, expected, monkeypatch):
    for name in ("POISE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == expected


def test_a_line_ends_where_the_terminal_does():
    text = "在浏览器里看运行和研究，训练时和训练后都可以 poise serve studies/few-pictures"
    lines = lines_within(text, 20)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(sum(1 + (ord(letter) > 0x2E80) for letter in line) <= 22 for line in lines)
    assert not any(line.startswith(("，", "。")) for line in lines)


def test_errors_are_in_chinese(chinese, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["diagnose", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("poise：")
    assert main(["train", "images", "nowhere"]) == 2
    assert "没有叫“nowhere”的" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_says_the_same_in_chinese_and_writes_the_same(tmp_path, monkeypatch):
    """Every byte of the record and of the report, but for times."""
    np.save(tmp_path / "p.npy", np.random.default_rng(0).integers(0, 256, (60, 16, 16), np.uint8))
    said = {}
    for name in ("en", "zh"):
        words = ["train", "images", "p.npy", "--steps", "8", "--batch", "8", "--generator.width", "2", "--scores", "1",
                 "--discriminator.width", "2", "--score-samples", "10", "--threads", "1", "--out", name]  # fmt: skip
        environment = {**os.environ, "POISE_LANG": name}
        done = subprocess.run(
            [sys.executable, "-m", "poise", *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        said[name] = done.stdout.splitlines()
    assert (tmp_path / "en" / "record.jsonl").read_bytes() == (tmp_path / "zh" / "record.jsonl").read_bytes()
    reports = [json.loads((tmp_path / name / "report.json").read_text()) for name in ("en", "zh")]
    assert reports[0]["sentences"] == reports[1]["sentences"] and reports[0]["notes"] == reports[1]["notes"]
    assert not any(CHINESE.search(line) for line in said["en"])
    chinese = [line for line in said["zh"] if CHINESE.search(line)]
    assert len(chinese) >= 0.8 * len(said["zh"]), said["zh"]


def test_a_stream_says_lines_as_they_come(chinese):
    below = io.StringIO()
    print("Samples: a.png", file=Printed(below))
    assert below.getvalue() == "样本：   a.png\n"
    assert len(sentences()) > 400
