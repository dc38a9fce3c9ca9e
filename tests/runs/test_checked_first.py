"""Everything that was asked for is checked before anything is given up; what is half there is seen as that."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest

from poise import disk
from poise.cli import main
from poise.errors import PoiseError
from poise.record import LONGEST, RunFolder, all_runs
from poise.report.picture import save_each
from poise.runs.load import Run
from poise.runs.run import Interrupted, run
from poise.training.checkpoint import latest
from tests.refusals import snapshot, told
from tests.runs.conftest import spec
from tests.runs.test_lengthening_refused import SMALL

TAKEN = ["resume", "run", "--from-step", "4"]


@pytest.fixture(scope="module")
def made(pictures, tmp_path_factory):
    """run: of six steps, finished."""
    folder = tmp_path_factory.mktemp("made")
    assert main(["train", "images", pictures, *SMALL, "--quiet", "--out", str(folder / "run")]) == 0
    return folder


@pytest.fixture
def there(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "nowhere"], "--data nowhere: there is no such file"),
        (["--data", "other.npy"], "--data other.npy is not what"),
        (["--mirror", "nothing"], "--mirror nothing is unknown"),
        (["--from-step", "1"], "keeps no checkpoint of at most 1 steps"),
    ],
)
def test_a_run_is_taken_back_only_after_all_else_was_checked(words, said, there, capsys):
    np.save("other.npy", np.zeros((40, 16, 16), np.uint8))
    before = snapshot(there / "run")
    assert main([*TAKEN, *words]) == 2
    assert said in told(capsys)
    assert snapshot(there / "run") == before


@pytest.mark.slow
def test_more_steps_than_names_can_count_are_refused(there, pictures, capsys):
    long = [word for word in SMALL if not word.startswith("--steps")]
    assert main(["train", "images", pictures, *long, "--steps", str(LONGEST + 1), "--out", "long"]) == 2
    assert f"at most {LONGEST:,} steps" in told(capsys) and not (there / "long").exists()
    before = snapshot(there / "run")
    assert main(["resume", "run", "--steps", str(LONGEST - 5)]) == 2
    assert "this one would have 100,000,000: give fewer" in told(capsys)
    assert snapshot(there / "run") == before


@pytest.mark.slow
def test_where_samples_go_is_checked_before_they_are_drawn(there, capsys, monkeypatch):
    monkeypatch.setattr(Run, "sample", lambda *given, **named: pytest.fail("it was drawn"))
    for out, said in (("x.jpg", "name a .png file"), ("nowhere/x.png", "there is no folder nowhere")):
        assert main(["sample", "run", "-n", "4", "--out", out]) == 2
        assert said in told(capsys)


def test_pictures_of_an_earlier_drawing_are_not_mixed_with_new_ones(tmp_path):
    images = np.zeros((5, 4, 4, 1), np.uint8)
    save_each(images, tmp_path / "made")
    save_each(images, tmp_path / "made")
    (tmp_path / "made/notes.png").touch()
    with pytest.raises(PoiseError, match=r"made holds 3 pictures of an earlier drawing beyond these 2, such as 00002"):
        save_each(images[:2] + 9, tmp_path / "made")
    assert disk.read_bytes(tmp_path / "made/00000.png") == disk.read_bytes(tmp_path / "made/00004.png")


@pytest.mark.slow
@pytest.mark.parametrize("looks", range(1, 12))
def test_what_is_told_to_be_stopped_is_saved_there(looks, pictures, tmp_path):
    """Whenever the signal comes: between any two looks at whether it has come."""

    class Later:
        left = looks

        @property
        def asked(self):
            self.left -= 1
            return self.left <= 0

    with pytest.raises(Interrupted) as stopped:
        run(spec(pictures, steps=20, checkpoint_every=100, scores=0), tmp_path / "run", stop=Later())
    step = int(str(stopped.value).rpartition(" ")[2])
    newest = latest(RunFolder(tmp_path / "run").checkpoints)
    assert newest is not None and newest.name == f"step-{step:08d}"


@pytest.mark.slow
def test_a_run_that_is_being_made_is_none_yet(there):
    half = there / "runs/.half.host-1-0123456789abcdef.tmp"
    half.mkdir(parents=True)
    (half / "spec.json").write_bytes((there / "run/spec.json").read_bytes())
    assert half.name not in [one.path.name for one in all_runs(there / "runs")]


class Slow(io.FileIO):
    """A disk that takes seven bytes at a time, and so many of them."""

    room = 10**9

    def write(self, content):
        if self.room <= 0:
            raise OSError(28, os.strerror(28))
        taken = bytes(content)[: min(7, self.room)]
        self.room -= len(taken)
        return super().write(taken)


def test_a_line_is_written_whole_or_not_at_all(tmp_path):
    with Slow(tmp_path / "lines", "ab") as file:
        disk.append(file, b"a line that is longer than that\n")
        file.room = 10
        with pytest.raises(OSError, match="No space"):
            disk.append(file, b"another one, for which there is no room\n")
        file.room = 10**9
        disk.append(file, b"a third\n")
    assert (tmp_path / "lines").read_bytes() == b"a line that is longer than that\na third\n"
