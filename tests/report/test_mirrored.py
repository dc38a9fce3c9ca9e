"""A record that goes to trackers as well: the same numbers, once told where one fails, and the run is what it was."""

from __future__ import annotations

import json
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from poise.cli import main
from poise.disk.description import RunSpec
from poise.report.mirrored import TRACKERS, Mirrored, TensorBoard

SMALL = ["pictures.npy", "--steps", "12", "--batch", "8", "--noise", "4", "--generator.width", "2", "--log-every", "3",
         "--discriminator.width", "2", "--scores", "0", "--precision", "fp32", "--quiet"]  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", "runs")
    np.save("pictures.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8))
    return tmp_path


class StandIn:
    """A package that keeps what is sent to it, by the interface of each tracker."""

    def __init__(self, fails=""):
        self.log_of, self.sent, self.fails, self.made = [], {}, fails, {}

    def _do(self, name, /, *given, **named):
        if name == self.fails:
            raise ConnectionError("no network\nat all")
        self.log_of.append((name, given, named))

    def init(self, **named):
        self._do("init", **named)
        return SimpleNamespace(log=self.log, finish=self.finish)

    def log(self, entry, step=None):
        self._do("log", entry, step=step)
        for name, value in entry.items():
            self.sent[name, step] = value

    def finish(self):
        self._do("finish")

    def Image(self, path):
        return path

    def set_experiment(self, name):
        self._do("set_experiment", name)

    def search_runs(self, filter_string, output_format):
        mine = filter_string.split("'")[1]
        return [SimpleNamespace(info=SimpleNamespace(run_id=i)) for tag, i in self.made.items() if tag == mine]

    def start_run(self, run_id=None, run_name=None, tags=None):
        self._do("start_run", run_id=run_id, run_name=run_name)
        if tags:
            self.made[tags["poise.run"]] = f"id {len(self.made)}"

    def log_dict(self, content, name):
        json.dumps(content)
        self._do("log_dict", name)

    def log_metrics(self, entry, step):
        self._do("log", entry, step=step)
        for name, value in entry.items():
            assert all(letter.isalnum() or letter in "_-. /" for letter in name)
            self.sent[name, step] = value

    def log_artifact(self, path, place):
        self._do("log_artifact", path, place)

    def end_run(self):
        self._do("finish")


def test_one_that_was_never_opened_has_nothing_to_close():
    """What went wrong before that is what is told."""
    tracker = SimpleNamespace(close=lambda: pytest.fail("it was closed"))
    said = []
    view = SimpleNamespace(pictures=False, say=said.append, close=lambda: None)
    Mirrored(view, {"some": tracker}).close()
    assert said == []


def recorded(run):
    rows = [json.loads(line) for line in (run / "record.jsonl").read_text().splitlines()]
    return {(name, row["step"] + 1): value for row in rows for name, value in row.items() if name != "step"}


def of_tensorboard(run):
    """Scalars of the event files: eight bytes of length, a sum, an event, a sum."""
    from tensorboardX.proto.event_pb2 import Event

    found, pictures = {}, 0
    for path in sorted((run / "tensorboard").iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                pictures += value.HasField("image")
                if value.HasField("simple_value"):
                    found[value.tag, event.step] = value.simple_value
    return found, pictures


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TRACKERS if name != "tensorboard"])
def test_a_tracker_gets_the_numbers_of_the_record_also_when_the_run_goes_on(name, here, monkeypatch):
    tracker = StandIn()
    monkeypatch.setitem(sys.modules, name, tracker)
    assert main(["train", "images", *SMALL, "--out", "run", "--mirror", name]) == 0
    wanted = recorded(here / "run")
    plain = {key: value for key, value in tracker.sent.items() if not key[0].startswith(("samples", "finding/"))}
    assert wanted and {key: plain.get(key) for key in wanted} == pytest.approx(wanted)
    assert tracker.log_of[-1][0] == "finish"
    assert main(["resume", "run", "--steps", "6", "--mirror", name, "--quiet"]) == 0
    opened = [named for what, _, named in tracker.log_of if what in ("init", "start_run")]
    assert len(opened) == 2 and list(opened[0]) == list(opened[1])
    if name == "wandb":
        assert opened[0]["id"] == opened[1]["id"] and opened[1]["resume"] == "allow"
    if name == "mlflow":
        assert opened[1]["run_id"] == "id 0" and opened[0]["run_id"] is None
    later = {key: value for key, value in recorded(here / "run").items() if key[1] > 12}
    assert later and {key: tracker.sent.get(key) for key in later} == pytest.approx(later)


@pytest.mark.slow
def test_files_for_tensorboard_hold_the_record_and_pictures(here):
    assert main(["train", "images", *SMALL, "--out", "run", "--tensorboard"]) == 0
    found, pictures = of_tensorboard(here / "run")
    wanted = recorded(here / "run")
    assert {key: found.get(key) for key in wanted} == pytest.approx(wanted, rel=1e-5) and pictures >= 1


@pytest.mark.slow
@pytest.mark.parametrize("fails", ["init", "log", "finish"])
def test_a_tracker_that_fails_is_told_once_and_the_run_is_the_same(fails, here, monkeypatch, capsys):
    """Its record and weights are those of a run without a mirror, bit for bit, and nothing of it is in the spec."""
    assert main(["train", "images", *SMALL, "--out", "alone"]) == 0
    monkeypatch.setitem(sys.modules, "wandb", StandIn(fails))
    words = [word for word in SMALL if word != "--quiet"]
    capsys.readouterr()
    assert main(["train", "images", *words, "--out", "run", "--mirror", "wandb"]) == 0
    told = capsys.readouterr().out
    assert told.count("--mirror wandb failed (ConnectionError: no network at all): it gets nothing more") == 1
    assert recorded(here / "run") == recorded(here / "alone")
    last = "checkpoints/step-00000012/generator.ema.safetensors"
    assert (here / "run" / last).read_bytes() == (here / "alone" / last).read_bytes()
    assert "mirror" not in (here / "run" / "spec.json").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--mirror", "wondb"], "--mirror wondb is unknown; use tensorboard, wandb, mlflow, trackio"),
        (["--mirror", "wandb"], "--mirror wandb needs the package wandb: "),
        (["--mirror", ","], "--mirror is empty"),
        (["--tb"], "--mirror wandb"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(words, expected, here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed
    assert main(["train", "images", *SMALL, "--out", "run", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("poise: ") and told.count("\n") == 1 and expected in told
    assert not (here / "run").exists()


def test_a_package_that_cannot_be_loaded_is_told_before_anything_is_written(here, capsys, monkeypatch):
    (here / "trackio.py").write_text("raise TypeError('descriptors cannot be created')")
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    assert main(["train", "images", *SMALL, "--out", "run", "--mirror", "trackio"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "trackio cannot be loaded (TypeError: descriptors cannot be created)" in told
    assert not (here / "run").exists()


def test_tensorboard_forgets_only_what_came_after_the_step_that_a_run_goes_on_from(tmp_path):
    """A viewer forgets the steps from `purge_step` on."""
    asked = []
    package = SimpleNamespace(SummaryWriter=lambda place, purge_step: asked.append(purge_step))
    for done in (0, 12):
        TensorBoard(package).open(tmp_path, RunSpec(), done)
    assert asked == [None, 13]
