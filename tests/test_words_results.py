"""Chinese of what scores, compares, shows and hands over: lines, tables that line up, files that stay as they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from poise.evaluation.lines import evaluation_lines
from poise.evaluation.report import ByFeatures, ClassShare, EvaluationReport
from poise.evaluation.sides import SideNames
from poise.metrics.core.rows import Note, ScoreRow
from poise.metrics.core.statistics import Estimate
from poise.metrics.distributions.evaluation import Evaluation
from poise.report.table import columns, score_lines, shown_width, word, worded
from poise.runs.listing import ListedRun, lines
from poise.studies.report.sentences import markdown, table
from poise.words import translated
from tests.studies.test_sentences import outcome

CHINESE = re.compile("[\u4e00-\u9fff]")
MADE = Path(__file__).parent / "fixtures" / "f6218b1" / "small" / "runs"
SAID = {
    "poise: there is no metric called 'KDI'; did you mean 'KID'? Known: FD, KID.": (
        "poise：没有叫“KDI”的指标；你是不是想写“KID”？ 已有：FD, KID。"
    ),
    "poise: there is no run, folder or file called 'a b'. See: poise runs": (
        "poise：没有叫“a b”的运行、文件夹或文件。请看：poise runs"
    ),
    "poise: the following arguments are required: what; see poise runs --help": (
        "poise：缺少参数：what；请看 poise runs --help"
    ),
    "poise: unknown option --lr: here that is --generator.lr and --discriminator.lr: each network has a rate of its "
    "own": (
        "poise：不认识的选项 --lr：这里是 --generator.lr 和 --discriminator.lr：每个网络有自己的学习率"
    ),
    "poise: --ema must be at least 0 and below 1, not 3.0": "poise：--ema 至少为 0 且小于 1，而不是 3.0",
    "poise: --fps must be from 1 to 60, not 99": "poise：--fps 必须从 1 到 60，而不是 99",
    "poise: --batch must be at most 1,048,576, not a number of many digits": (
        "poise：--batch 至多为 1,048,576，而不是一个位数很多的数"
    ),
    "poise: s.yaml: part 'images', endpoint 'KID at the end': better must be lower or higher, not 'foo'": (
        "poise：s.yaml：部分“images”，终点指标“KID at the end”：better 必须是 lower 或 higher，而不是 'foo'"
    ),
    "poise: --csv no/x.csv: there is no folder no; make it, or write elsewhere": (
        "poise：--csv no/x.csv：没有文件夹 no；请建立它，或写到别处"
    ),
    "poise: the weights of MiniLM are not installed, so its scores are left out: poise data get minilm": (
        "poise：MiniLM 的权重没有安装，所以略去它的分数：poise data get minilm"
    ),
    "poise: USE is for sentences and pictures holds pictures: leave it out of --metrics": (
        "poise：USE 用于句子，而 pictures 里是图片：请从 --metrics 里去掉它"
    ),
    "mistake: part 'images', arm 'none', endpoint 'E': there is no score 'K'; did you mean 'KI'? There is: FD, KI": (
        "错误：部分“images”，组“none”，终点指标“E”：没有分数“K”；你是不是想写“KI”？ 有：FD, KI"
    ),
    "FLD, FLD_gap are left out: it compares with the training set, which was not given.": (
        "略去 FLD, FLD_gap：它要与训练集比较，而没有给训练集。"
    ),
    "  STOI is left out of 3 of 5 pairs: clips without sound.": "  5 对里有 3 对略去 STOI：没有声音的片段。",
    "tiny: 14 runs (a: 2 arms × 4 seeds, b: 2 arms × 3 seeds), 3 of them finished before": (
        "tiny：14 次运行（a：2 组 × 4 个种子，b：2 组 × 3 个种子），其中 3 次以前已完成"
    ),
    "part a: 1 seed gives p = 1 at least, so no two-sided test can fall below .05: use 6 or more": (
        "部分 a：1 个种子时 p 至少为 1，所以双侧检验都不可能低于 .05：请用 6 个种子或更多"
    ),
    "all runs: about 3 s, if each has a core to itself; 3 MB of the 7.1 GB that are free": (
        "全部运行：约 3 秒（若每个独占一个核心）；需要 3 MB，空闲 7.1 GB"
    ),
    "12 of 70 runs, about 34:10 left; images, both, seed 3: 1,200 of 2,000": (
        "70 次运行里已完成 12 次，约还剩 34:10；images，both，种子 3：1,200/2,000"
    ),
    "7 of 8 runs done, 1 diverged, 2 missing: UNFINISHED, nothing is decided yet": (
        "8 次运行里已完成 7 次，1 次发散，缺 2 次：未完成，还什么都不能决定"
    ),
    "INCONCLUSIVE: Both help.": "未有定论：Both help.",
    "  KID, both against none (images): lower: −12 % [−18, −5] (p = .002, adjusted .006)": (
        "  KID，both 对 none（images）：更低：−12 % [−18, −5]（p = .002，校正后 .006）"
    ),
    "  both against none: KID −12 % [−18, −5], 9 seeds of 10, p = .002 that it is no worse, Holm .004; no change that "
    "matters (equivalence p = .01); D alive in 8 of 10; diverged or not finite in 1 seed, counted as worst: "
    "too small": (
        "  both 对 none：KID −12 % [−18, −5]，10 个种子里的 9 个，p = .002（没有变差），Holm .004；"
        "没有有意义的变化（等效性 p = .01）；10 次里 D 有效 8 次；1 个种子发散或不是有限的数，按最差计：太小"
    ),
}  # fmt: skip


# Notes of an evaluation and of a drawing, parts of errors, and errors in Python: no line of them begins with "poise: ".
NO_ERRORS = (
    "{}: {} samples of {}, each at the left of {}", "NLL is by importance sampling", "a distance between two sets",
    "a test of copying compares with the training set", "an evaluation needs at least {} held-out rows",
    "What copying would score", "importance sampling needs", "BLEU needs", "memorised looks at", "rhyme and tones need",
    "has an alias that refers", "'{}' stands twice in one table", "a YAML or TOML file with arguments, or one of {}",
)  # fmt: skip


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("POISE_LANG", "zh")


@pytest.mark.parametrize("line", SAID, ids=lambda line: line.strip()[:40])
def test_lines_as_they_are_said(line, chinese):
    assert translated(line) == SAID[line]


def marked(english: str) -> tuple[str, list[str]]:
    """A sentence with letters for its values, and these."""
    pieces = english.split("{}")
    values = [f"q{i}" for i in range(len(pieces) - 1)]
    return "".join(piece + value for piece, value in zip(pieces, [*values, ""], strict=True)), values


def as_error(text: str) -> str:
    """Without the program's name, wherever it went, and with one kind of mark."""
    for english, chinese in (("poise：", ""), ("poise: ", ""), (": ", "："), (", ", "，")):
        text = text.replace(english, chinese)
    return text


def test_no_error_is_taken_for_another_one():
    """Behind the program's name, sentences that begin with a value match more than their own."""
    taken = []
    rooms = tomllib.loads((files("poise.words") / "zh_results.toml").read_text("utf-8"))
    for room, known in rooms.items():
        for english, other in known.items() if room != "made-results" else ():
            line, values = marked(english)
            is_part = english.startswith((" ", ",", ";")) or "{}{}" in english
            if not is_part and as_error(translated(f"poise: {line}", "zh")) != as_error(other.format(*values)):
                taken.append(english)
    assert [english for english in taken if not english.startswith(NO_ERRORS)] == []


def begins(lines: list[str], heads: list[str]) -> list[int]:
    """Where the headings stand in the first line, in columns of a terminal."""
    return [shown_width(lines[0][: lines[0].index(head)]) for head in heads]


def test_columns_line_up_where_letters_are_wide():
    found = columns([("判别器", "b"), ("d", "生成器"), ("", "x")])
    assert found == ["判别器  b", "d       生成器", "        x"]
    assert [shown_width(text) for text in ("", "ab", "判a", "！", "…")] == [0, 2, 3, 2, 1]


def test_a_word_is_translated_below_its_heading_alone(chinese):
    rows = [("RUN", "STATE"), ("finished", "finished"), ("RUN", "nobody's")]
    assert worded(rows, {1}) == [("运行", "状态"), ("finished", "已完成"), ("RUN", "nobody's")]
    assert worded(rows, {1}, heads=1)[0] == ("运行", "STATE")
    assert worded(rows, {1}, to="en") == rows and worded([]) == []
    assert translated("finished") == "finished" and translated("poise runs") == "poise runs"
    assert word("STATE", "diverged") == "已发散" and word("STATE", "diverged", "en") == "diverged"


def listing() -> list[ListedRun]:
    rows = [("training", "training", 3, 8), ("finished", "finished", 8, 8), ("猫", "broken", 0, None)]
    return [
        ListedRun(name, f"/elsewhere/{name}", data=name, state=state, step=step, of=of)
        for name, state, step, of in rows
    ]


def test_the_list_of_runs_lines_up_and_leaves_names_as_they_are(chinese):
    found = lines(listing())
    heads = ["运行", "数据", "L2", "状态", "步", "最好", "时间"]
    assert found[0].split() == heads
    place = begins(found, ["状态", "步"])
    for line, state in zip(found[1:], ("训练中", "已完成", "已损坏"), strict=True):
        assert shown_width(line[: line.index(state)]) == place[0]
    assert "/elsewhere/finished  finished" in found[2] and "3/8" in found[1]
    narrow = lines(listing(), 30)
    assert all(shown_width(line) <= 30 for line in narrow) and "已完成" in narrow[2]


def evaluation() -> EvaluationReport:
    one, far = Estimate(1.0, 0.0, 2.0, 10, 20), Estimate(9.0, 8.0, 10.0, 10, 20)
    rows = [
        ScoreRow(
            "precision", "Share of generated features inside the region of the held-out ones.", "higher", one, one
        ),
        ScoreRow("FD", "about FD", "lower", one, far),
        ScoreRow("KID", "about KID", "target", one, one, target="0"),
    ]
    found = Evaluation("x", 10, 20, 4, None, 0, rows, [Note("it has no options.", "copying")])
    shares = [ClassShare("猫", 0.5, 0.25), ClassShare("real", 0.5, 0.75)]
    counts = {"made": 10, "heldout": 20}
    features = [ByFeatures("EffLite0", "digest", found)]
    return EvaluationReport(SideNames("x", "y"), "pictures", counts, features=features, class_shares=shares)


def test_an_evaluation_is_told_in_tables_of_a_language():
    report = evaluation()
    english, told = evaluation_lines(report), evaluation_lines(report, "zh")
    assert not CHINESE.search("".join(english).replace("猫", "")) and english == evaluation_lines(report, "en")
    assert len(english) == len(told)
    (head,) = [line for line in told if "完美的生成器" in line]
    assert [word for word in head.split() if CHINESE.search(word)] == [
        "指标",
        "值",
        "区间]",
        "完美的生成器",
        "何为更好",
    ]
    rows = told[told.index(head) + 1 :][:3]
    assert [row.split()[0] for row in rows] == ["KID", "FD", "precision"]
    better = shown_width(head[: head.index("何为更好")])
    for row, way in zip(rows, ("为 0", "越低越好", "越高越好"), strict=True):
        assert shown_width(row[: row.index(way)]) == better
    assert rows[1].endswith("有差异") and any(line.endswith("落在留出特征区域内的生成特征的份额。") for line in told)
    (shares,) = [i for i, line in enumerate(told) if line.split() == ["类", "生成", "真实"]]
    assert [line.split()[0] for line in told[shares + 1 : shares + 3]] == ["猫", "real"]
    assert report.to_dict() == evaluation().to_dict()


def test_scores_of_training_line_up(chinese):
    scores = {"KID-a": 0.01234, "KID-a.flat": 22.61, "FD-a": 99.0, "a.n": 300.0, "a.m": 200.0}
    found = score_lines(scores, {"KID-a": 1.0, "FD-a": 2.0})
    assert found == [
        "KID-a  0.0123  真实对真实 1，纯色 22.6  N 300/200",
        "FD-a   99      真实对真实 2             N 300/200",
    ]


def test_what_a_study_writes_is_the_same(monkeypatch):
    files = {}
    for name in ("en", "zh"):
        monkeypatch.setenv("POISE_LANG", name)
        files[name] = table(outcome(diverged=True)), markdown(outcome(diverged=True))
    assert files["en"] == files["zh"] and "ARM" in files["zh"][0]


@pytest.mark.slow
def test_files_and_json_are_the_same_in_chinese(tmp_path):
    """What programs read, a report and a table: every byte; what is told of them is in Chinese."""
    np.save(tmp_path / "p.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8))
    for name in ("one", "two"):
        shutil.copytree(next(MADE.glob("*/DONE")).parent, tmp_path / "runs" / name)
    wanted = [
        ["runs", "--json"], ["diagnose", "one", "--json"], ["compare", "one", "two"],
        ["report", "one", "-o", "report.md"], ["record", "one", "--csv", "record.csv"],
        ["evaluate", "p.npy", "--against", "q.npy", "--metrics", "nothing"],
    ]  # fmt: skip
    said: dict[str, list[str]] = {"en": [], "zh": []}
    for name, told in said.items():
        for words in wanted:
            done = subprocess.run(
                [sys.executable, "-m", "poise", *words], cwd=tmp_path, capture_output=True, text=True,
                env={**os.environ, "POISE_LANG": name},
            )  # fmt: skip
            told.append(done.stdout + done.stderr)
        for file in ("report.md", "record.csv"):
            os.replace(tmp_path / file, tmp_path / f"{name}-{file}")
    assert said["en"][:2] == said["zh"][:2] and json.loads(said["zh"][0])
    assert all(CHINESE.search(text) for text in said["zh"][2:])
    assert not any(CHINESE.search(text) for text in said["en"])
    for file in ("report.md", "record.csv"):
        assert (tmp_path / f"en-{file}").read_bytes() == (tmp_path / f"zh-{file}").read_bytes()


def test_names_that_a_study_reads_are_not_translated(chinese, capsys, monkeypatch):
    told = ["images: what endpoints can read of runs on x", "{finding: NAME}: 1 where the run ends with it"]
    monkeypatch.setattr("poise.studies.running.endpoints.listed", lambda recipe, data: [*told, "  dead discriminator"])
    assert main(["study", "--endpoints", "images"]) == 0
    assert capsys.readouterr().out == (
        "images：终点指标能读到什么，来自x 上的运行\n{finding: NAME}：运行结束时有它则为 1\n  dead discriminator\n"
    )
