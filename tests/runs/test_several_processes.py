"""One training by two processes is that by one: recipes, resuming with other numbers of processes, kills, refusals.

The processes are children of the test by fork, which costs no import; one test starts them by torchrun.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from poise.cli import main
from poise.data.images import stream as image_stream
from poise.disk.rows import LoggedEvent
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.ending import trained_by
from poise.runs.place import folder_of
from poise.runs.run import Interrupted, Stop, run, together
from poise.specs.spec import instantiated, kind_of
from poise.training.checkpoint import latest
from poise.training.loop import train
from poise.training.ranks import joined
from poise.training.torchrun import world
from tests.evaluation.voices import vocoder_spec, write_syllables
from tests.runs.conftest import Stopping, spec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes by fork"),
    pytest.mark.skipif(not torch.distributed.is_available(), reason="a torch without torch.distributed"),
]
PLAIN = {"generator": {"width": 2, "norm": "none"}, "augment": "color,translation,cutout"}
D = {"width": 2}
R1_AND_MORE = {
    "spectral": True, "turns": 2, "clip": 1.0,
    "penalties": [
        {"class_path": "R1", "init_args": {"gamma": 0.1, "every": 3}},
        {"class_path": "R2", "init_args": {"gamma": 0.1, "every": 2}},
        {"class_path": "L2Towards", "init_args": {"reference": "average", "strength": 0.01}},
    ],
}  # fmt: skip


def started(work, folder: Path, count: int = 2) -> list[int]:
    """Processes that find each other and do `work`; what they say is in folder/0.txt, 1.txt ..."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            said = os.open(folder / f"{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1), os.dup2(said, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            here = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
            os.environ |= {name: str(number) for name, number in here.items()}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            code = 99
            try:
                code = work()
            except Interrupted:
                code = 130
            except PoiseError as error:
                print(error)
                code = 2
            finally:
                sys.stdout.flush(), sys.stderr.flush()
                os._exit(code)
        children.append(child)
    return children


def ended(children: list[int]) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def by_two(work, folder: Path) -> list[int]:
    return ended(started(work, folder))


def said(folder: Path, rank: int) -> list[str]:
    return (folder / f"{rank}.txt").read_text().splitlines()


def whole_run(asked, out, view=None, stop=None) -> int:
    """A run by all processes that the environment tells of."""

    def work(ranks):
        run(asked, out, view, stop, ranks=ranks)
        return 0

    return together(world(), work)


def stopped_at(step: int):
    stop = Stop()
    return Stopping(step, stop), stop


@pytest.fixture
def double(monkeypatch, float64):
    """Runs of pictures in double precision."""
    plain = image_stream.as_trained
    monkeypatch.setattr(image_stream, "as_trained", lambda pixels: plain(pixels).double())


SINGLE = ("on_training", "on_heldout", "on_generated")  # signals that are kept in single precision


def numbers(folder: Path) -> dict[str, float | torch.Tensor]:
    """Every number of the record, and every tensor of the last checkpoint."""
    from safetensors.torch import load_file

    last = latest(RunFolder(folder).checkpoints)
    rows = [{name: row[name] for name in row if not name.endswith(SINGLE)} for row in RunFolder(folder).rows()]
    found = {f"{row['step']}/{name}": value for row in rows for name, value in row.items()}
    for path in sorted(last.glob("*.safetensors")):
        found |= {f"{path.name}/{name}": value for name, value in load_file(path).items()}
    kept = torch.load(last / "resume.pt", weights_only=True)["parts"]
    for player in ("generator", "discriminator"):
        for name, parts in kept[f"{player}.optim"]["state"].items():
            found |= {f"{player}/{name}/{part}": value for part, value in parts.items()}
    return found


def apart(a: dict, b: dict) -> float:
    """The largest difference of any number, in its own size or in 1."""
    assert a.keys() == b.keys()
    pairs = [(torch.as_tensor(a[name]).double(), torch.as_tensor(b[name]).double()) for name in a]
    return max(float(((x - y).abs() / x.abs().clamp_min(1)).max()) for x, y in pairs if x.numel())


GAMES = {
    "everything": ("images", {**PLAIN, "discriminator": D | R1_AND_MORE, "l2_discriminator": "cosine:1e-2:1e-4",
                              "micro_batches": 2, "batch": 9}),
    "by class": ("images", {**PLAIN, "discriminator": D, "conditional": True, "network": "residual",
                            "loss": "relativistic", "flip": True}),
    "steered": ("images", {**PLAIN, "discriminator": D, "network": "modern", "augment_probability": "steered",
                           "loss": "wasserstein"}),
    "vae": ("vae", {"autoencoder": {"width": 2, "norm": "none"}}),
    "vae_gan": ("vae", {"autoencoder": {"width": 2, "norm": "none"}, "objective": "vae_gan", "discriminator": D,
                        "features": 0.0}),  # feature matching is computed in single precision
    "rae": ("vae", {"autoencoder": {"width": 2, "norm": "none"}, "objective": "rae"}),
}  # fmt: skip


def weights_after(recipe: str, arguments: dict, steps: int, kept: Path, ranks=None) -> int:
    """Train every stage of a recipe in the default precision; the weights and the rows of the first process."""
    _, whole = folder_of(recipe, arguments, "unused")
    made = kind_of(recipe).build(**instantiated(recipe, whole))
    rows = []
    if ranks is not None:
        made.execution.ranks = ranks
    for stage in made.stages:

        def wide(draw, stream=stage.stream):
            batch = stream(draw)
            return batch._replace(real=batch.real.to(torch.get_default_dtype()))

        def watch(step, row):
            rows.append({name: float(value) for name, value in row.items()})

        train(stage.game, wide, steps, 3, stage.dials, watch, made.execution, detail_every=7)
    if ranks is None or ranks.first:
        nets = {p.name: p.module.state_dict() for stage in made.stages for p in stage.game.players}
        found = {f"{name}/{key}": value for name, net in nets.items() for key, value in net.items()}
        found |= {f"{i}/{name}": value for i, row in enumerate(rows) for name, value in row.items()}
        torch.save(found, kept)
    return 0


def shared_weights(*asked) -> int:
    return weights_after(*asked, ranks=joined(world()))


def one_and_two(recipe, arguments, steps, folder) -> float:
    """How far the training by two processes is from that by one."""
    weights_after(recipe, arguments, steps, folder / "one")
    assert by_two(partial(shared_weights, recipe, arguments, steps, folder / "two"), folder) == [0, 0], said(folder, 0)
    return apart(torch.load(folder / "one"), torch.load(folder / "two"))


@pytest.mark.parametrize("name", GAMES)
def test_two_processes_are_one_in_double_precision(name, pictures, tmp_path, double):
    recipe, changes = GAMES[name]
    sizes = {"steps": 50, "batch": 8, "scores": 0, "precision": "fp32", "device": "cpu", "checkpoint_every": None}
    arguments = {"data": pictures, **sizes, **changes}
    assert one_and_two(recipe, arguments, 50, tmp_path) < 1e-10


def test_a_vocoder_by_two_is_that_by_one_as_far_as_single_precision_goes(tmp_path):
    """Its spectra are single precision always; both of its stages."""
    asked = vocoder_spec(write_syllables(tmp_path / "voices"), batch=5)
    assert one_and_two(asked["recipe"], asked["arguments"], 4, tmp_path) < 1e-3


def test_stages_follow_each_other_and_a_run_gets_longer_by_two(tmp_path, monkeypatch):
    """A vocoder through both of its stages, and three steps more."""
    monkeypatch.chdir(tmp_path)
    asked = vocoder_spec(write_syllables(tmp_path / "voices"))
    run(asked, tmp_path / "one")
    assert main(["resume", "one", "--steps", "3", "--quiet"]) == 0
    assert by_two(lambda: whole_run(asked, tmp_path / "two"), tmp_path) == [0, 0], said(tmp_path, 0)
    assert command("resume", "two", "--steps", "3", "--quiet", folder=tmp_path) == [0, 0], said(tmp_path, 0)
    rows = [RunFolder(tmp_path / name).rows() for name in ("one", "two")]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    for name in ("generator/mel", "generator/stft"):
        assert any(name in row for row in rows[0])
        assert [row.get(name) for row in rows[0]] == pytest.approx([row.get(name) for row in rows[1]], rel=1e-4)
    assert latest(tmp_path / "two" / "checkpoints").name == latest(tmp_path / "one" / "checkpoints").name


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """The folder of a run by one process in double precision."""
    torch.set_default_dtype(torch.float64)
    plain = image_stream.as_trained
    image_stream.as_trained = lambda pixels: plain(pixels).double()
    try:
        folder = tmp_path_factory.mktemp("one") / "run"
        run(asked_of(pictures), folder)
    finally:
        image_stream.as_trained = plain
        torch.set_default_dtype(torch.float32)
    return folder


def asked_of(pictures, **changes):
    more = {**PLAIN, "discriminator": D | R1_AND_MORE, "batch": 9, "scores": 0}
    return spec(pictures, **more | changes)


def test_two_one_and_two_processes_are_one_run(whole, pictures, tmp_path, double):
    """Stopped by two, gone on with by one and then by two again: record, weights and optimisers are those of one."""
    asked, out = asked_of(pictures), tmp_path / "run"
    assert by_two(lambda: whole_run(asked, out, *stopped_at(7)), tmp_path) == [130, 2]
    with pytest.raises(Interrupted):
        run(asked, out, *stopped_at(16))
    assert by_two(lambda: whole_run(asked, out), tmp_path) == [0, 0]
    assert said(tmp_path, 0) == said(tmp_path, 1) == []
    assert apart(numbers(whole), numbers(out)) < 1e-10
    assert (out / "spec.json").read_bytes() == (whole / "spec.json").read_bytes(), "no trace of processes in the spec"
    report = json.loads((out / "report.json").read_text())
    told = "Processes that trained the run together: 2 from step 0 on, 1 from step 7 on, 2 from step 16 on."
    assert told in report["sentences"]
    assert "trained by 2 processes: each computes 4 or 5 of the 9 items of a batch" in report["notes"]
    plain = json.loads((whole / "report.json").read_text())
    assert not [line for line in [*plain["sentences"], *plain["notes"]] if "processes" in line.lower()]
    assert "processes" not in (whole / "events.jsonl").read_text()
    stamp = (out / "report.json").stat().st_mtime_ns
    assert by_two(lambda: whole_run(asked, out), tmp_path) == [0, 0], "it is done: nothing is told to anybody"
    assert (out / "report.json").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("killed", [0, 1])
def test_kill_9_of_either_ends_both_and_the_run_goes_on_by_one(killed, whole, pictures, tmp_path, double):
    asked, out = asked_of(pictures), tmp_path / "run"
    slow = Slowly()
    children = started(lambda: whole_run(asked, out, slow), tmp_path)
    until(lambda: latest(out / "checkpoints") is not None)
    os.kill(children[killed], signal.SIGKILL)
    codes = ended(children)
    assert codes[killed] == -signal.SIGKILL and codes[1 - killed] in (1, 2)
    if killed == 1:
        assert [line for line in said(tmp_path, 0) if "another process of this training has ended" in line]
    assert not (out / "DONE").exists()
    run(asked, out)
    assert apart(numbers(whole), numbers(out)) < 1e-10


class Slowly(Stopping):
    """A view that takes a moment at each step, so that there is a moment for a kill."""

    def __init__(self):
        pass

    def step(self, made, entry):
        time.sleep(0.05)


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_a_divergence_is_rolled_back_by_all_as_by_one(pictures, tmp_path, double, once):
    """The loss of the discriminator is infinite once, at a draw that every process counts alike."""
    asked = asked_of(pictures, loss="once", on_divergence="rollback", scores=0)
    asked["arguments"]["discriminator"] = dict(D)
    once["left"] = 13
    run(asked, tmp_path / "one")
    once["left"] = 13
    assert by_two(lambda: whole_run(asked, tmp_path / "two"), tmp_path) == [0, 0], said(tmp_path, 0)
    events = [event.event for event in RunFolder(tmp_path / "two").events()]
    assert events == [event.event for event in RunFolder(tmp_path / "one").events()] and "rolled back" in events
    assert apart(numbers(tmp_path / "one"), numbers(tmp_path / "two")) < 1e-10


def command(*words: str, folder: Path) -> list[int]:
    return by_two(lambda: main([*words]), folder)


SMALL = ["--steps", "3", "--scores", "0", "--generator.width", "2", "--discriminator.width", "2"]
REFUSED = {
    "batch norm": (["images", "{}", "--batch", "8"], "use --generator.norm none"),
    "few items": (
        ["images", "{}", "--batch", "4", "--micro-batches", "4", "--generator.norm", "none"],
        "cannot be split",
    ),
    "lecam": (["images", "{}", "--generator.norm", "none", "--discriminator.penalties+=LeCam"], "the term 'lecam'"),
    "minutes": (["images", "{}", "--minutes", "1"], "give --steps instead"),
    "free bits": (["vae", "{}", "--free-bits", "1", "--autoencoder.norm", "none"], "the term 'kl' of the autoencoder"),
    "words": (["images", "{}", "--stepps", "3"], "unknown option --stepps"),
    "no data": (["images", "nowhere"], "nowhere"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_split_is_told_once_and_leaves_no_file(name, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (words, sentence), out = REFUSED[name], tmp_path / "out"
    (recipe, data), more = words[:2], words[2:]
    sizes = [] if name == "minutes" else SMALL if recipe == "images" else SMALL[:4]
    asked = ["train", recipe, data.format(pictures), *sizes, *more, "--out", str(out)]
    assert command(*asked, folder=tmp_path) == [2, 2]
    assert len(said(tmp_path, 0)) == 1 and sentence in said(tmp_path, 0)[0]
    assert said(tmp_path, 1) == [] and not out.exists()


@pytest.mark.parametrize("recipe", ["text", "language", "speech"])
def test_recipes_that_cannot_be_split_say_why(recipe):
    assert len(kind_of(recipe).unsplit.split()) > 5


def test_a_recipe_is_refused_by_name(grammar, tmp_path):
    out = tmp_path / "out"
    assert command("train", "text", grammar, "--steps", "1", "--out", str(out), folder=tmp_path) == [2, 2]
    assert said(tmp_path, 0)[0].startswith("poise: poise train text by 2 processes is not possible: its dropout")
    assert said(tmp_path, 1) == [] and not out.exists()


def test_an_error_of_one_process_ends_both_in_a_sentence(pictures, tmp_path, monkeypatch):
    """The second process cannot read its data any more."""
    plain = image_stream.ImageStream.__call__

    def failing(self, draw):
        if draw == 9 and os.environ.get("RANK") == "1":
            raise OSError(5, "Input/output error", "disk")
        return plain(self, draw)

    monkeypatch.setattr(image_stream.ImageStream, "__call__", failing)
    words = ["train", "images", pictures, *SMALL, "--generator.norm", "none", "--out", str(tmp_path / "out"), "--quiet"]
    words[words.index("--steps") + 1] = "9"
    assert command(*words, folder=tmp_path) == [2, 2]
    assert said(tmp_path, 1) == ["poise: disk: Input/output error; put that right and try again"]
    assert len(said(tmp_path, 0)) == 1 and "go on with poise resume RUN" in said(tmp_path, 0)[0]
    monkeypatch.undo()
    assert main(["resume", str(tmp_path / "out"), "--quiet"]) == 0


def test_by_torchrun_one_process_speaks_and_ctrl_c_stops_both(pictures, tmp_path):
    """As it is typed: torchrun -m poise train; SIGINT of torchrun's own group, then poise resume by one."""
    words = ["train", "images", pictures, *SMALL, "--generator.norm", "none", "--out", "run", "--threads", "1"]
    words[words.index("--steps") + 1] = "100000"
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "poise"]
    with open(tmp_path / "said", "w") as output:
        running = subprocess.Popen([*start, *words], cwd=tmp_path, stdout=output, stderr=output, start_new_session=True)
        record = tmp_path / "run" / "record.jsonl"
        until(lambda: record.exists() and len(record.read_text().splitlines()) > 2)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(120) != 0
    lines = (tmp_path / "said").read_text().splitlines()
    assert len([line for line in lines if line.startswith("trained by 2 processes: each computes ")]) == 1
    assert len([line for line in lines if line.startswith("stopped after step ")]) == 1
    events = RunFolder(tmp_path / "run").events()
    assert [event.event for event in events if event.event != "finding"] == ["started", "stopped"]
    made = events[-1].details["step"]
    assert latest(tmp_path / "run" / "checkpoints").name == f"step-{made:08d}"


def test_how_many_processes_trained_which_steps():
    def event(what, step, **more):
        return LoggedEvent(what, "", {"step": step, **more})

    assert trained_by([]) == trained_by([event("started", 0), event("goes on", 5), event("finished", 9)]) == []
    told = trained_by([
        event("started", 0, processes=2), event("goes on", 8), event("goes on", 4, processes=4), event("finished", 9)
    ])  # fmt: skip
    assert told == ["Processes that trained the run together: 2 from step 0 on, 4 from step 4 on."], "8 was forgotten"
