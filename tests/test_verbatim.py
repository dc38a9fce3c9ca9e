"""What programs read or a shell is given is the same in any language."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from poise.cli import main
from poise.runs import diagnosis, differences, listing
from poise.terminal import Printed, verbatim
from poise.words import translated

MADE = Path(__file__).parent / "fixtures" / "f6218b1" / "small" / "runs"
SAID = {"why": "one has no record yet; train it with: poise resume one"}


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("POISE_LANG", "zh")


def test_within_it_nothing_is_translated(chinese):
    below = io.StringIO()
    stream = Printed(below)
    with verbatim(stream):
        print("Samples: \x1b", file=stream)
    print("Samples: a.png", file=stream)
    assert below.getvalue() == "Samples: \\x1b\n样本：   a.png\n"
    with verbatim(below):
        print("Samples: a.png", file=below)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["runs", "--json"], ["diagnose", "one", "--json"], ["runs", "diff", "one", "two", "--json"],
     ["record", "one", "--csv", "-"], ["completion", "bash"]],
    ids=" ".join,
)  # fmt: skip
def test_what_programs_read_is_the_same_in_any_language(words, tmp_path, capsys, monkeypatch):
    """With a sentence of the table as the only value, which would be said in Chinese."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", str(tmp_path))
    for name in ("one", "two"):
        shutil.copytree(next(MADE.glob("*/DONE")).parent, name)
    monkeypatch.setattr(diagnosis, "as_json", lambda folder: json.dumps(SAID, indent=1))
    monkeypatch.setattr(differences, "difference", lambda one, other: SAID)
    monkeypatch.setattr(listing.ListedRun, "to_dict", lambda self: SAID)
    monkeypatch.setattr("poise.results.record_table.print_csv", lambda table, stream: print(SAID["why"], file=stream))
    monkeypatch.setattr("shtab.complete", lambda root, shell: SAID["why"])
    outs = {}
    for name in ("en", "zh"):
        monkeypatch.setenv("POISE_LANG", name)
        assert main(words) == 0
        outs[name] = capsys.readouterr().out
    assert translated(SAID["why"]) != SAID["why"]
    assert SAID["why"] in outs["zh"] and outs["zh"] == outs["en"]


def test_names_are_no_endings_and_stay_in_commands(chinese):
    assert translated("no runs in .") == ". 里没有运行" and translated("no runs in s") == "s 里没有运行"
    assert translated("poise: stopped; go on with: poise resume model") == "poise：已停止；继续：poise resume model"
    assert translated("run r: 20 steps of 32 on cpu in fp32 with 1 thread").endswith("1 个线程")
    assert translated("'a' fits 2 runs (ab, ac): write more of it") == "“a”对得上 2 个运行（ab, ac）：请多写一些"
