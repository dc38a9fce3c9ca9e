"""What cannot be a study is told in one sentence, and nothing is changed by it."""

from __future__ import annotations

import re

import pytest

from poise.cli import main
from poise.errors import PoiseError
from poise.studies.study import Study
from tests.studies.here import TABLE, Here, snapshot, words, write

pytestmark = pytest.mark.usefixtures("here")


def first(place):
    """The folder of the first run."""
    return min((place / "s" / "runs").iterdir())


def damaged(name, content):
    def prepare(place):
        (first(place) / name).write_text(content)

    return prepare


def shortened(place):
    lines = (first(place) / "record.jsonl").read_text().splitlines(keepends=True)
    (first(place) / "record.jsonl").write_text("".join(lines[: len(lines) // 2]) + '{"step"')


def file_at(*parts):
    def prepare(place):
        path = place.joinpath(*parts)
        if path.exists():
            path.rename(place / "elsewhere")
        path.write_text("mine")

    return prepare


def study(**changes):
    return lambda place: write(place, **changes)


PARTLY = {**TABLE["endpoints"], "x": {"score": "distanse", "at": "end", "better": "lower"}}
BAD = {
    "fewer workers than none": (None, ["--workers", "-1"], "--workers"),
    "workers of words": (None, ["--workers", "two"], "--workers"),
    "an unknown flag": (None, ["--worker-s", "2"], "did you mean '--workers'"),
    "out is a file": (file_at("s"), [], "s exists and is no study's folder; choose another --out"),
    "out is another folder": (None, ["--out", "{place}/s/runs"], "is no study's folder"),
    "out below a file": (file_at("file"), ["--out", "{place}/file/s"], "file/s"),
    "nothing to report": (None, ["--out", "{place}/new", "--report"], "new holds no runs yet: start them with"),
    "a damaged plan": (lambda place: (place / "s" / "plan.json").write_text("{"), [], "plan.json cannot be read"),
    "no plan": (lambda place: (place / "s" / "plan.json").write_text('{"plan": {}}'), [], "not the plan of a study"),
    "a damaged report": (damaged("report.json", "{"), [], "report.json is missing or damaged: delete the folder"),
    "no report": (damaged("report.json", "[]"), ["--report"], "report.json is missing or damaged: delete the folder"),
    "a record that lost its end": (shortened, ["--report"], "record.jsonl has lost some of the run's scores"),
    "an endpoint that is not there": (study(endpoints=PARTLY, claims=[]), [], "endpoint 'x': the run toy-points-"),
    "a seed in an arm": (study(arms={"none": {"seed": 3}, "strong": {}}), [], "arm 'none' sets a seed: take it out"),
    "a seed for all": (study(arguments={"data": "points", "seed": 1}), [], "arguments sets a seed: take it out"),
    "a name that leads out": (study(name="../../x"), [], "'../../x' cannot be that of a folder"),
    "no name": (study(name=""), [], "name: '' is no name"),
    "a very long name": (study(name="x" * 300), [], "at most 100"),
    "an arm over two lines": (study(arms={"a\nb": {}, "c": {}}), [], "an arm: 'a\\nb' is no name"),
    "too many seeds": (study(seeds=10**9), [], "a number of them (at most 10,000)"),
    "too long a row of seeds": (study(seeds="0..99999999"), [], "FIRST..LAST"),
    "yes is no seed": (study(seeds=[True]), [], "seeds must be"),
    "a name that is a number": (study(endpoints={"x": {"score": 3, "at": "end", "better": "lower"}}, claims=[]), [],
                                "endpoint 'x': score must be a name, not 3"),
    "a number that is a word": (
        study(endpoints={"x": {"steps_until": "distance", "below": "low", "better": "lower"}}, claims=[]), [],
        "endpoint 'x': below must be a number, not 'low'"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_changes_nothing(case, made, place, capsys):
    prepare, more, expected = BAD[case]
    if prepare is not None:
        prepare(place)
    before = {path: stamp for path, stamp in snapshot(place).items() if not path.is_dir()}
    assert main(words(place, "--quiet", *(word.format(place=place) for word in more))) == 2
    told = capsys.readouterr().err
    assert told.startswith("poise: ") and told.count("\n") == 1 and expected in told
    after = {path: stamp for path, stamp in snapshot(place).items() if not path.is_dir()}
    known = (place / "s" / ".lock", place / "s" / "events.jsonl")  # a changed plan is noted in any case
    assert {p: s for p, s in after.items() if p not in known} == {p: s for p, s in before.items() if p not in known}
    assert Here.trained == 0


def test_an_arm_that_stands_twice_is_refused_and_one_without_a_word_is_the_parts(tmp_path, capsys):
    write(tmp_path)
    text = (tmp_path / "study.yaml").read_text()
    (tmp_path / "study.yaml").write_text(text.replace("  none:\n    l2_point: 0\n", "  none:\n"))
    arm = Study.of(tmp_path / "study.yaml", tmp_path / "s").plan.parts[0].arms[0]
    assert (arm.name, arm.arguments) == ("none", {})
    (tmp_path / "study.yaml").write_text(text.replace("  strong:", "  none:"))
    assert main(words(tmp_path)) == 2
    assert re.search(r"study.yaml: 'none' stands twice in one table \(line \d+\): rename one", capsys.readouterr().err)
    (tmp_path / "study.yaml").write_text(f"base: &a {{x: 1}}\nother: {{<<: *a, x: 2}}\n{text}")
    with pytest.raises(PoiseError, match="has no 'base'"):  # a merge is no repetition
        Study.of(tmp_path / "study.yaml", tmp_path / "s")
