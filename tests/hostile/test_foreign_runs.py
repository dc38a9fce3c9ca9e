"""Records, events and descriptions of runs from somebody else, damaged or made up: named, never believed, and no other
run is hidden by them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.foreign import ESCAPE, LAST, RUN, changed, parted, unfinished
from tests.hostile.guard import attack

pytestmark = pytest.mark.slow

DEEP = "[" * 100_000
HUGE = "9" * 400
LINES = {
    "number": "5", "list": "[]", "null": "null", "word": '"a"', "object without step": "{}",
    "step in words": '{"step": "4"}',
    "negative step": '{"step": -1}', "half a step": '{"step": 1.5}', "infinite step": '{"step": Infinity}',
    "step that is none": '{"step": NaN}', "step of 400 digits": f'{{"step": {HUGE}}}',
    "step beyond floats": '{"step": 1e400}',
    "step is true": '{"step": true}', "value in words": '{"step": 4, "score/KID": "low"}',
    "value is null": '{"step": 4, "score/KID": null}', "value is a list": '{"step": 4, "a": [1]}',
    "value is true": '{"step": 4, "a": true}', "nested deeply": DEEP, "not UTF-8": '{"step": 4, "\udcff": 1}',
    "zero bytes": "\0" * 300, "half a line": '{"step": 4, "gen', "two in one": '{"step": 4}{"step": 5}',
    "escape in a key": f'{{"step": 4, "{ESCAPE}": "x"}}', "escape": ESCAPE, "five megabytes": "7" * 5_000_000,
}  # fmt: skip


def insert(name: str, line: str) -> None:
    """In the middle of a file of lines."""
    lines = (RUN / name).read_bytes().splitlines(keepends=True)
    lines.insert(1, line.encode(errors="surrogateescape") + b"\n")
    (RUN / name).write_bytes(b"".join(lines))


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_damaged_line_of_the_record_is_named_and_there_is_a_way_on(place, outside, capsys, line):
    unfinished()
    insert("record.jsonl", line)
    kept = (RUN / "record.jsonl").read_bytes()
    for argv in (["resume", str(RUN)], ["diagnose", str(RUN)]):
        said = attack(argv, outside, capsys)
        assert "record.jsonl, line 2" in said and "--from-step" in said
    assert (RUN / "record.jsonl").read_bytes() == kept
    attack(["resume", str(RUN), "--from-step", "4", "--quiet"], outside, capsys, code=0)
    assert attack(["diagnose", str(RUN)], outside, capsys, code=0)


EVENTS = {k: v for k, v in LINES.items() if "value" not in k}


@pytest.mark.parametrize("line", EVENTS.values(), ids=EVENTS)
def test_a_damaged_event_is_named_and_hides_no_other_run(place, outside, capsys, line):
    shutil.copytree(RUN, "runs/good")
    unfinished()
    insert("events.jsonl", line)
    assert "events.jsonl, line 2" in attack(["resume", str(RUN)], outside, capsys)
    said = attack(["runs"], outside, capsys, code=0)
    assert "broken" in said and "good" in said


TEXTS = {
    "nothing": "",
    "a bracket": "{",
    "a list": "[]",
    "null": "null",
    "a number": HUGE,
    "deep": DEEP,
    "binary": "\0\1\2",
}
ODD: list[Any] = [None, [], {}, "x", -1, 1.5, float("inf"), float("nan"), int(HUGE), True, ESCAPE, [[]], {"a": {}}]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("name", ["spec.json", "report.json", "remedies.json", "threads.json"])
def test_files_that_hold_something_else(place, outside, capsys, name, text):
    if name != "report.json":
        unfinished()
    (RUN / name).write_text(text)
    said = attack(["resume", str(RUN)], outside, capsys, code=None if text == "[]" else 2)
    assert name in said or text == "[]"
    attack(["runs"], outside, capsys, code=0)


SPEC = [("format",), ("recipe",), ("arguments",), ("facts",), ("versions",), ("arguments", "steps"),
        ("arguments", "data"), ("arguments", "generator"), ("arguments", "generator", "width"),
        ("arguments", "batch"), ("arguments", "seed"), ("facts", "fingerprint"), ("facts", "size"),
        ("facts", "channels"), ("facts", "classes"), ("facts", "device"), ("facts", "stages"), ("facts", "roles"),
        ("facts", "nats"), ("facts", "learning_rates"),
        ("facts", "not_advised"), ("arguments", "l2_generator"), ("arguments", "scores")]  # fmt: skip


@pytest.mark.parametrize("keys", SPEC, ids=".".join)
def test_a_spec_with_odd_values(place, outside, capsys, keys):
    """Each odd value in turn: a sentence, or the run as it is where the value does not matter to the command."""
    unfinished()
    whole = (RUN / "spec.json").read_text()
    for value in ODD:
        changed(RUN / "spec.json", parted(*keys, to=value))
        for argv in (
            ["resume", str(RUN), "--quiet"],
            ["sample", str(RUN), "-n", "1"],
            ["diagnose", str(RUN)],
            ["runs"],
        ):
            said = attack(argv, outside, capsys, code=None)
            assert said or "--quiet" in argv  # what is refused has its sentence, what is not has its result
        (RUN / "spec.json").write_text(whole)


@pytest.mark.parametrize(
    "key", ["config", "print_config", "out", "help", "__class__", ESCAPE, "", "a.b", "generator.penalties"]
)
def test_a_spec_with_arguments_that_are_none(place, outside, capsys, key):
    unfinished()
    changed(RUN / "spec.json", parted("arguments", key, to=str(outside.folder / "deep/kept.json")))
    before = (RUN / "record.jsonl").read_bytes()
    assert attack(["resume", str(RUN)], outside, capsys).startswith("poise: ")
    assert (RUN / "record.jsonl").read_bytes() == before


@pytest.mark.parametrize("key", ["best", "scores", "floor", "findings", "sentences", "notes", "recipe", "final"])
def test_a_report_with_odd_values_hides_no_other_run(place, outside, capsys, key):
    shutil.copytree(RUN, "runs/good")
    whole = (RUN / "report.json").read_text()
    for value in ODD:
        changed(RUN / "report.json", parted(key, to=value))
        assert "good" in attack(["runs"], outside, capsys, code=0)
        attack(["resume", str(RUN)], outside, capsys, code=None)
        attack(["diagnose", str(RUN)], outside, capsys, code=None)
        (RUN / "report.json").write_text(whole)


MANIFEST = [("step",), ("format",), ("files",), ("files", "resume.pt"), ("files", "resume.pt", "sha256"),
            ("files", "resume.pt", "bytes")]  # fmt: skip


@pytest.mark.parametrize("keys", MANIFEST, ids=".".join)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_manifest_with_odd_values(place, outside, capsys, keys, value):
    unfinished()
    changed(LAST / "manifest.json", parted(*keys, to=value))
    for argv in (["resume", str(RUN)], ["sample", str(RUN), "-n", "1"]):
        said = attack(argv, outside, capsys, code=None if value == {} and keys == ("files",) else 2)
        assert "step-00000006" in said or keys == ("files",)


@pytest.mark.parametrize(
    "name", ["../../../../outside/victim", "/etc/passwd", "..", ".", "", "a/b", f"{ESCAPE}", "x" * 5000]
)
def test_a_manifest_names_no_file_outside(place, outside, capsys, name):
    entry = {"sha256": "0" * 64, "bytes": 22}
    changed(LAST / "manifest.json", parted("files", name, to=entry))
    assert "step-00000006" in attack(["sample", str(RUN), "-n", "1"], outside, capsys)
    assert not Path("samples.png").exists()


@pytest.mark.parametrize("to", ["step-99999999", "step-00000007"])
def test_a_checkpoint_under_another_name(place, outside, capsys, to):
    """A run is not done because a folder says so."""
    unfinished()
    LAST.rename(LAST.with_name(to))
    for argv in (["resume", str(RUN)], ["sample", str(RUN), "-n", "1"]):
        assert "it was renamed" in attack(argv, outside, capsys)


def test_files_of_a_terabyte_that_hold_nothing(place, outside, capsys):
    """Sparse: they take no room, and whoever reads one never ends."""
    for name in ("record.jsonl", "events.jsonl", "spec.json", "report.json"):
        kept = (RUN / name).read_bytes()
        os.truncate(RUN / name, 1 << 40)
        said = attack(["diagnose", str(RUN)], outside, capsys, code=None)
        assert name in said or name == "report.json"  # which a diagnosis does not need
        assert "done" in attack(["runs"], outside, capsys, code=0)
        (RUN / name).write_bytes(kept)
    for name in ("manifest.json", "resume.pt", "generator.ema.safetensors"):
        kept = (LAST / name).read_bytes()
        os.truncate(LAST / name, 1 << 40)
        assert name in attack(["sample", str(RUN), "-n", "1"], outside, capsys)
        (LAST / name).write_bytes(kept)


def test_names_that_act_are_written_out(place, outside, capsys):
    RUN.rename(f"runs/{ESCAPE}")
    assert "\\x1b[31mred" in attack(["runs"], outside, capsys, code=0)
    assert "\\x1b[31mred" in attack(["sample", f"runs/{ESCAPE}", "-n", "1"], outside, capsys, code=0)


@pytest.mark.parametrize("path", ["evil.Penalty", "evil", "sub.evil.Penalty", "evil.L2", "poise.penalties.os.system"])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_class_path_in_a_spec_imports_no_module(place, outside, capsys, path, player, monkeypatch):
    """Beside the run lies a module that acts when it is imported, and the current folder is on the path."""
    unfinished()
    for name in ("evil.py", "sub/evil.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(
            "open('executed', 'w').close()\nfrom poise.penalties import L2\nclass Penalty(L2): pass\n"
        )
    monkeypatch.syspath_prepend(str(place))
    entry = [{"class_path": path, "init_args": {"strength": 1e-3}}]
    changed(RUN / "spec.json", parted("arguments", player, "penalties", to=entry))
    for argv in (["resume", str(RUN)], ["sample", str(RUN), "-n", "1"], ["diagnose", str(RUN)], ["runs"]):
        said = attack(argv, outside, capsys, code=None)
        assert "--trust" in said or argv[0] != "resume" or path in ("evil", "poise.penalties.os.system"), said
    assert not list(place.rglob("executed"))


def test_who_trusts_a_run_may_go_on_with_a_penalty_of_his_own(place, outside, capsys, monkeypatch):
    unfinished()
    Path("mine.py").write_text("from poise.penalties import L2\nclass Mine(L2): pass\n")
    monkeypatch.syspath_prepend(str(place))
    entry = [{"class_path": "mine.Mine", "init_args": {"strength": 1e-3}}]
    changed(RUN / "spec.json", parted("arguments", "generator", "penalties", to=entry))
    assert "mine.Mine" in attack(["resume", str(RUN)], outside, capsys)
    said = attack(["resume", str(RUN), "--trust"], outside, capsys, code=None)
    assert "names code" not in said
