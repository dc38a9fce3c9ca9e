"""The data of a run are found from any folder, under any way of writing their path, and after a move."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from poise.cli import main
from poise.recipes.common.options import parameters
from poise.record import RunFolder, find_run, runs_root
from poise.runs.further.origin import tidied
from poise.specs.spec import SINCE, all_recipes, kind_of, run_name
from poise.studies.place import studies_root
from tests.data.test_corpus import SENTENCES
from tests.refusals import snapshot

QUICK = ("--steps=3", "--batch=4", "--window=8", "--model.embed=8", "--scores=0", "--quiet", "--threads=1")


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with texts.txt in it, which is the current one."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/texts.txt").write_text("\n".join(SENTENCES) + "\n")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def train(data: str, *more: str) -> int:
    return main(["train", "language", data, *QUICK, *more])


WAYS: dict[str, Callable[[Path], str]] = {
    "as it is": lambda here: "texts.txt",
    "with a dot": lambda here: "./texts.txt",
    "with two slashes": lambda here: ".//texts.txt",
    "through the folder above": lambda here: f"../{here.name}/texts.txt",
    "absolutely": lambda here: str(here / "texts.txt"),
}


@pytest.mark.parametrize("way", WAYS)
def test_one_identity_per_data_set(texts: Path, way: str) -> None:
    assert tidied(WAYS[way](texts)) == "texts.txt"


@pytest.mark.slow
def test_ways_of_writing_a_path_are_one_run(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for way in WAYS.values():
        assert train(way(texts)) == 0
    assert len(list((texts / "runs").iterdir())) == 1
    spec = json.loads(next((texts / "runs").glob("*/spec.json")).read_text())
    assert spec["arguments"]["data"] == "texts.txt"
    assert spec["data_path"] == str(texts / "texts.txt")


@pytest.mark.slow
def test_another_set_of_the_same_name_is_not_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One folder of runs, and texts.txt in two places: what is told is of the right one."""
    monkeypatch.setenv("POISE_RUNS", str(tmp_path / "shared"))
    for name in ("one", "other", "copy"):
        (tmp_path / name).mkdir()
        lines = SENTENCES if name != "other" else [line.upper() for line in SENTENCES]
        (tmp_path / name / "texts.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path / "one")
    assert train("texts.txt") == 0
    monkeypatch.chdir(tmp_path / "other")
    before = snapshot(tmp_path / "shared")
    assert train("texts.txt") == 2
    said = capsys.readouterr().err
    assert f"holds a run on {tmp_path / 'one/texts.txt'}, and {tmp_path / 'other/texts.txt'} is something else" in said
    assert main(["resume", "last", "--quiet"]) == 0, "whatever lies here under that name"
    assert snapshot(tmp_path / "shared") == before
    monkeypatch.chdir(tmp_path / "copy")
    assert train("texts.txt") == 0, "the same content is the same"


@pytest.mark.parametrize("out", [".", "./", "/"])
def test_a_folder_without_a_name_is_refused(texts: Path, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("texts.txt", "--out", out) == 2
    assert "is a folder that is there already: name one to be made" in capsys.readouterr().err
    assert [path.name for path in texts.iterdir()] == ["texts.txt"]


@pytest.mark.parametrize("name", ["last", "-x", "--quick"])
def test_a_name_that_other_commands_take_for_something_else_is_refused(name, texts, capsys):
    for out in (name, f"runs/{name}"):
        assert train("texts.txt", f"--out={out}") == 2
        assert "give the run another name" in capsys.readouterr().err
    assert [path.name for path in texts.iterdir()] == ["texts.txt"]


@pytest.mark.slow
def test_the_home_folder_may_be_written_as_one_does(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--out=~/x` is not expanded by a shell, nor is POISE_RUNS in a file of settings."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    assert train("texts.txt", "--out=~/mine") == 0
    assert (home / "mine/spec.json").is_file()
    assert main(["sample", "~/mine", "-n", "2", "--out=~/said.txt"]) == 0
    assert main(["plot", "~/mine", "--out=~/curves.png"]) == 0
    assert main(["report", "~/mine", "--out=~/mine.md"]) == 0
    monkeypatch.setenv("POISE_RUNS", "~/all")
    monkeypatch.setenv("POISE_STUDIES", "~/studies")
    assert runs_root() == home / "all" and studies_root() == home / "studies"
    assert train("texts.txt") == 0 and len(list((home / "all").iterdir())) == 1
    assert {path.name for path in home.iterdir()} >= {"said.txt", "curves.png", "mine.md"}
    assert not list(texts.glob("~*"))
    monkeypatch.setenv("POISE_RUNS", "")
    monkeypatch.setenv("POISE_STUDIES", "")
    assert (runs_root(), studies_root()) == (Path("runs"), Path("studies")), "empty is as good as not set"


@pytest.mark.slow
def test_a_run_may_be_named_from_within(
    texts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("texts.txt", "--out=mine") == 0
    monkeypatch.chdir(texts / "mine")
    assert RunFolder(Path()).name == "mine"
    (texts / "mine/samples").mkdir(exist_ok=True)
    monkeypatch.chdir(texts / "mine/samples")
    assert find_run("..").name == "mine"
    monkeypatch.chdir(texts / "mine")
    assert main(["resume", ".", "--steps", "2"]) == 0
    capsys.readouterr()
    assert main(["diagnose", "."]) == 0
    assert "mine: done" in capsys.readouterr().out
    assert train("../texts.txt", "--seed=5", "--out=.") == 2, "another run is not begun in it"


def test_names_that_are_no_paths_stay(texts: Path) -> None:
    assert [tidied(name) for name in ("fashion-mnist", "oracle", "", ".", None)] == [
        "fashion-mnist",
        "oracle",
        "",
        ".",
        None,
    ]
    assert tidied("..") == str(texts.parent)


@pytest.mark.slow
def test_from_another_folder(texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train("texts.txt", "--out", str(tmp_path / "run")) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "run/DONE").unlink()
    assert main(["resume", str(tmp_path / "run"), "--quiet"]) == 0
    assert main(["curve", str(tmp_path / "run"), "-n", "20", "--temperatures", "1"]) in (0, 2)


@pytest.mark.slow
def test_after_a_move(texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert train("texts.txt", "--out", str(run)) == 0
    (texts / "texts.txt").rename(tmp_path / "moved.txt")
    (run / "DONE").unlink()
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    assert main(["resume", str(run), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert f"are not in {texts / 'texts.txt'} any more" in said and "--data NEW" in said and said.count("\n") == 1
    (tmp_path / "other.txt").write_text("\n".join(SENTENCES[1:]) + "\n")
    for wrong, sentence in (("other.txt", "its content is another"), ("gone.txt", "no such file or folder")):
        assert main(["resume", str(run), "--data", str(tmp_path / wrong), "--quiet"]) == 2
        assert sentence in capsys.readouterr().err
    assert before == {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    assert main(["resume", str(run), "--data", str(tmp_path / "moved.txt"), "--quiet"]) == 0
    assert RunFolder(run).spec().data_path == str(tmp_path / "moved.txt")
    assert RunFolder(run).spec().arguments["data"] == "texts.txt"
    (tmp_path / "moved.txt").rename(tmp_path / "again.txt")  # of a run that is done
    assert main(["resume", str(run), "--data", str(tmp_path / "again.txt")]) == 0
    assert RunFolder(run).spec().data_path == str(tmp_path / "again.txt")
    said = capsys.readouterr().out
    assert f"The data of {run} are in {tmp_path / 'again.txt'} now." in said and "nothing to do" not in said


@pytest.mark.slow
def test_run_and_data_may_be_moved_together(texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train("texts.txt", "--out", "run") == 0
    (texts / "run/DONE").unlink()
    texts.rename(tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    assert main(["resume", "run", "--quiet"]) == 0


@pytest.mark.slow
def test_runs_of_before_have_no_path(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("./texts.txt", "--out", "run") == 0
    path = texts / "run/spec.json"
    spec = json.loads(path.read_text())
    del spec["data_path"]
    spec["arguments"]["data"] = "./texts.txt"
    path.write_text(json.dumps(spec))
    (texts / "run/DONE").unlink()
    assert main(["resume", "run", "--quiet"]) == 0
    assert train("texts.txt", "--out", "run") == 0


@pytest.mark.slow
@pytest.mark.parametrize("kept", [3, None, ["x"], {"a": 1}, True, "", "no/such/place"])
def test_a_strangers_path_is_no_fault(texts: Path, kept: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("texts.txt", "--out", "run") == 0
    path = texts / "run/spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "data_path": kept}))
    (texts / "run/DONE").unlink()
    assert main(["resume", "run", "--quiet"]) in (0, 2)
    assert "fault of Poise" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_does_not_know_newer_flags_goes_on(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its spec has none of them, and its name is that of before."""
    assert train("texts.txt") == 0
    run = next((texts / "runs").iterdir())
    path = run / "spec.json"
    spec = json.loads(path.read_text())
    for name in SINCE:
        spec["arguments"].pop(name, None)
    assert run_name("language", spec["arguments"]) == run.name
    path.write_text(json.dumps(spec))
    (run / "DONE").unlink()
    assert main(["resume", str(run), "--quiet"]) == 0
    (run / "DONE").unlink()
    assert train("texts.txt") == 0
    assert len(list((texts / "runs").iterdir())) == 1


@pytest.mark.parametrize("name", SINCE)
def test_every_newer_flag_is_one_of_a_recipe(name: str) -> None:
    assert any(name in parameters(kind_of(recipe).build) for recipe in all_recipes())
