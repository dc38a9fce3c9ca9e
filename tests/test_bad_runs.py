"""Runs that are damaged, unknown or asked for what they do not have: one sentence, exit code 2, nothing changed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from tests.refusals import Prepare, pictures_and_a_run, refusal, train, words


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return pictures_and_a_run(tmp_path_factory.mktemp("made"))


def two_like(here: Path) -> list[str]:
    shutil.copytree(here / "runs/done", here / "runs/done-again")
    return ["sample", "don"]


def no_runs(here: Path) -> list[str]:
    shutil.rmtree(here / "runs")
    return ["resume", "last"]


def spoiled(path: str, content: str, *argv: str) -> Prepare:
    """A command on a run of which one file holds something else."""

    def prepare(here: Path) -> list[str]:
        (here / "runs/done" / path).write_text(content)
        return list(argv)

    return prepare


def spec_with(**changes: object) -> Prepare:
    """A resume of a run whose spec.json says something else."""

    def prepare(here: Path) -> list[str]:
        path = here / "runs/done/spec.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return ["resume", "done"]

    return prepare


LAST = "runs/done/checkpoints/step-00000006"


def unfinished(here: Path) -> None:
    (here / "runs/done/DONE").unlink()


def truncated_weights(here: Path) -> list[str]:
    unfinished(here)
    path = here / LAST / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    return ["resume", "done"]


def flipped_byte(here: Path) -> list[str]:
    path = here / LAST / "generator.ema.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return ["sample", "done"]


def missing_file(here: Path) -> list[str]:
    unfinished(here)
    (here / LAST / "resume.pt").unlink()
    return ["resume", "done"]


def manifest_with(change: Callable[[dict], object]) -> Prepare:
    """A resume from a checkpoint whose manifest says something else."""

    def prepare(here: Path) -> list[str]:
        unfinished(here)
        path = here / LAST / "manifest.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return ["resume", "done"]

    return prepare


def no_checkpoints(here: Path) -> list[str]:
    shutil.rmtree(here / "runs/done/checkpoints")
    return ["sample", "done"]


def with_its_data(here: Path) -> None:
    """The run was copied together with its data, so it says where the copy is."""
    unfinished(here)
    path = here / "runs/done/spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "data_path": str(here / "pictures.npz")}))


def data_gone(here: Path) -> list[str]:
    with_its_data(here)
    (here / "pictures.npz").unlink()
    return ["resume", "done"]


def data_changed(here: Path) -> list[str]:
    with_its_data(here)
    np.savez(here / "pictures.npz", images=np.zeros((40, 16, 16), np.uint8))
    return ["resume", "done"]


def nothing_held_out(here: Path) -> list[str]:
    path = here / "runs/done/spec.json"
    shutil.rmtree(here / "runs/done")
    assert main(train("--heldout", "0", "--out", "runs/done", "--quiet", steps="2")) == 0
    assert path.exists()
    return ["evaluate", "done"]


def no_record(here: Path) -> list[str]:
    (here / "runs/done/record.jsonl").unlink()
    return ["diagnose", "done"]


def damaged_remedies(here: Path) -> list[str]:
    unfinished(here)
    (here / "runs/done/remedies.json").write_text('[{"step": 3}]')
    return ["resume", "done"]


def other_weights(here: Path) -> list[str]:
    """The arguments of a run were edited by hand, so its weights do not fit."""
    path = here / "runs/done/spec.json"
    content = json.loads(path.read_text())
    content["arguments"]["generator"]["width"] = 5
    path.write_text(json.dumps(content))
    return ["sample", "done"]


CASES = [
    ("run unknown", words("resume", "nope"), r"no run 'nope' in runs.*poise runs"),
    ("run misspelt", words("resume", "dnoe"), r"no run 'dnoe' in runs; did you mean 'done'\?"),
    ("run ambiguous", two_like, r"'don' fits 2 runs \(done, done-again\): write more"),
    ("no runs", no_runs, r"no run in runs; train one"),
    ("spec damaged", spoiled("spec.json", "{", "resume", "done"), r"spec\.json cannot be read .*damaged"),
    ("spec is a list", spoiled("spec.json", "[]", "resume", "done"), r"spec\.json is not the description of a run"),
    ("spec of a newer version", spec_with(format=99), r"runs/done .*newer version \(format 99.*update poise"),
    ("spec without arguments", spec_with(arguments=None), r"spec\.json is not the description of a run.*damaged"),
    ("spec of another recipe", spec_with(recipe="imagse"), r"recipe called 'imagse'; did you mean 'images'\?"),
    ("report damaged", spoiled("report.json", "{", "resume", "done"), r"report\.json cannot be read .*damaged"),
    ("weights truncated", truncated_weights, r"generator\.safetensors does not match its sha256.*remove"),
    ("weights changed", flipped_byte, r"generator\.ema\.safetensors does not match its sha256.*remove"),
    ("checkpoint misses a file", missing_file, r"resume\.pt cannot be read .*remove"),
    (
        "manifest damaged",
        spoiled(f"{LAST[10:]}/manifest.json", "{", "sample", "done"),
        r"manifest\.json is missing or damaged",
    ),
    ("manifest without step", manifest_with(lambda m: m.pop("step")), r"manifest\.json is missing or damaged"),
    (
        "manifest without sums",
        manifest_with(lambda m: m["files"].update({"resume.pt": 3})),
        r"manifest\.json is .*damaged",
    ),
    ("manifest of a newer version", manifest_with(lambda m: m.update(format=99)), r"\(format 99\); update poise"),
    (
        "manifest names a file too many",
        manifest_with(lambda m: m["files"].update({"x": m["files"]["resume.pt"]})),
        r"/x can",
    ),
    ("data gone", data_gone, r"data of runs/done are not in .*pictures\.npz any more: .* --data NEW"),
    ("data changed", data_changed, r"data of runs/done has changed.*--out"),
    ("sample none", words("sample", "done", "-n", "0"), r"-n must be at least 1, not 0"),
    ("sample in words", words("sample", "done", "-n", "x"), r"-n: .*'x'.*poise sample --help"),
    ("sample an unknown flag", words("sample", "done", "--setp", "3"), r"'--setp'; did you mean '--step'\?"),
    ("sample an unknown label", words("sample", "done", "--label", "cat"), r"--label cat is unknown; .*no classes"),
    ("sample a step not kept", words("sample", "done", "--step", "7"), r"runs/done keeps .* step 7; it has 4, 6"),
    ("sample a step of nonsense", words("sample", "done", "--step", "nonsense"), r"--step nonsense: use last, best"),
    (
        "sample the best of none",
        words("sample", "done", "--step", "best"),
        r"--step best: use last, best \(of a scored run",
    ),
    ("sample before any checkpoint", no_checkpoints, r"runs/done has no checkpoint yet; .*poise resume"),
    ("sample with other arguments", other_weights, r"generator\.ema\.safetensors do not fit"),
    ("diagnose an unknown run", words("diagnose", "dnoe"), r"no run 'dnoe' in runs; did you mean 'done'\?"),
    ("diagnose an unknown flag", words("diagnose", "done", "--jsn"), r"'--jsn'; did you mean '--json'\?"),
    ("diagnose nothing", words("diagnose"), r"required: run; see poise diagnose --help"),
    ("diagnose without a record", no_record, r"runs/done has no record yet; .*poise resume"),
    (
        "diagnose a damaged spec",
        spoiled("spec.json", "[]", "diagnose", "done"),
        r"spec\.json is not the description of a run",
    ),
    (
        "resume with damaged remedies",
        damaged_remedies,
        r"remedies\.json does not hold rollbacks",
    ),
    ("evaluate none", words("evaluate", "done", "-n", "0"), r"-n must be at least 1, not 0"),
    ("evaluate without held-out data", nothing_held_out, r"runs/done .*--heldout 0"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "match"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_gets_one_sentence(place, capsys, prepare, match):
    """Exit code 2, one line on stderr that names what is wrong, and every byte of the folder as it was."""
    assert re.search(match, refusal(place, capsys, prepare(place)))


def test_no_case_is_there_twice():
    assert len({case[0] for case in CASES}) == len(CASES)
