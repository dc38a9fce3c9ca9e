"""The bisection of strengths: its ends by an oracle of what dies, its errors, and a real run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from poise.cli import main
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.ending import Stop
from poise.specs.spec import completed
from poise.tuning import scan as scanning
from poise.tuning import settled
from poise.tuning.scan import Scanned, blamed, scan, strength_of
from poise.tuning.space import Dimension, Space

ARGUMENTS = completed("images", {"data": "x"})


class Runs:
    """Names of folders that are never looked at."""

    def __truediv__(self, name):
        return name


@pytest.mark.slow
@pytest.mark.parametrize("dies", [3e-6, 1e-3, 0.42, 77.0])
def test_the_ends_lie_around_the_strength_that_kills(monkeypatch, dies):
    monkeypatch.setattr(scanning, "RunFolder", lambda path: path)
    monkeypatch.setattr(scanning, "run_name", lambda recipe, ready: "x")
    tried = []

    def trained(recipe, ready, folder, train):
        tried.append(ready["l2_discriminator"])
        return "it diverges" if ready["l2_discriminator"] > dies else ""

    monkeypatch.setattr(scanning, "_trained", trained)
    monkeypatch.setattr(scanning, "blamed", lambda folder, strength: True)
    found = scan("images", ARGUMENTS, "l2_discriminator", Runs(), None)
    assert found.lives <= dies < found.dies <= 2.001 * found.lives
    assert tried[:3] == [0.0, 100.0, 1e-6] and len(tried) <= 3 + 5, "five halvings of eight decades in the logarithm"
    assert str(f"{found.lives:g}")[:3] in found.sentence


@pytest.mark.parametrize(
    ("dies", "said"), [(-1.0, "not the penalty's fault"), (1e-9, "already too much here"), (1e9, "alive up to 100")]
)
def test_where_nothing_can_be_bisected(monkeypatch, dies, said):
    monkeypatch.setattr(scanning, "RunFolder", lambda path: path)
    monkeypatch.setattr(scanning, "run_name", lambda recipe, ready: "x")
    monkeypatch.setattr(
        scanning, "_trained", lambda recipe, ready, folder, train: "dead" if ready["l2_discriminator"] > dies else ""
    )
    monkeypatch.setattr(scanning, "blamed", lambda folder, strength: True)
    if said.startswith("alive"):
        found = scan("images", ARGUMENTS, "l2_discriminator", Runs(), None)
        assert found.dies is None and said in found.sentence
    else:
        with pytest.raises(PoiseError, match=said):
            scan("images", ARGUMENTS, "l2_discriminator", Runs(), None)


@pytest.mark.slow
def test_a_penalty_that_did_nothing_is_not_to_blame(monkeypatch):
    """A run at the edge of learning: every strength below 1e-2 has no share, and what is wrong there is chance."""
    monkeypatch.setattr(scanning, "run_name", lambda recipe, ready: ready["l2_discriminator"])
    monkeypatch.setattr(scanning, "RunFolder", lambda strength: strength)
    monkeypatch.setattr(
        scanning, "_trained", lambda recipe, ready, strength, train: "nothing was learnt" if strength else ""
    )
    monkeypatch.setattr(scanning, "blamed", lambda folder, strength: strength > 1e-2)
    told = []
    found = scan("images", ARGUMENTS, "l2_discriminator", Runs(), None, told.append)
    assert found.lives <= 1e-2 < found.dies
    assert "l2_discriminator 1e-06: nothing was learnt, but the penalty was too weak for that: alive" in told


@pytest.mark.parametrize(("shares", "expected"), [([0.0, 0.009], False), ([0.5, 0.0], True), ([], True)])
def test_who_is_blamed(shares, expected, tmp_path):
    folder = RunFolder(tmp_path)
    rows = [{"step": i, "discriminator/l2.share": share} for i, share in enumerate(shares)]
    (tmp_path / "record.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert blamed(folder, 1e-3) is expected


@pytest.mark.parametrize(("strength", "expected"), [(1e-3, False), (10.0, True)])
def test_another_penalty_with_a_large_share_is_not_the_one_to_blame(strength, expected, tmp_path):
    row = {"step": 1, "discriminator/l2.share": 1e-4, "discriminator/l2.strength": 0.001000000047}
    row |= {"discriminator/r1.share": 0.4, "discriminator/r1.strength": 10.0}
    (tmp_path / "record.jsonl").write_text(json.dumps(row) + "\n")
    assert blamed(RunFolder(tmp_path), strength) is expected


def test_a_scan_never_leaves_the_default_out(monkeypatch, tmp_path):
    """The default of text's discriminator, 1e-4, dies in short runs: the search needs it all the same."""
    arguments = completed("text", {"data": "x"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settled, "scan", lambda *words: Scanned(1e-6, 2e-6, "alive at 1e-06"))
    one = Dimension("l2_discriminator", "log", 1e-7, 0.1, zero=True)
    cut = settled.bounded(Space([one]), [one.name], "text", arguments, 600, Stop(), lambda line: None).dimensions[0]
    assert cut.high == 1e-4 and cut.drawn(cut.default(arguments)) == 1e-4 and cut.low == 1e-7


def test_which_strength():
    assert strength_of(ARGUMENTS, None) == "l2_discriminator"
    assert strength_of(completed("language", {"data": "x"}), None) == "l2_recurrent"
    assert strength_of(ARGUMENTS, "--l2-generator") == "l2_generator"
    with pytest.raises(PoiseError, match="did you mean 'l2_generator'"):
        strength_of(ARGUMENTS, "l2_generater")
    with pytest.raises(PoiseError, match="no strength to scan"):
        strength_of({"lr": 0.1}, None)


@pytest.mark.slow
def test_a_strength_of_100_kills_a_discriminator_and_one_of_0_does_not(tmp_path, monkeypatch, capsys):
    """A folder alone is taken for pictures; what was run is not run again."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:16, :16]
    discs = [((x - rng.integers(4, 12)) ** 2 + (y - rng.integers(4, 12)) ** 2 < 16) * 200 for _ in range(120)]
    np.save("discs.npy", np.array(discs, np.uint8))
    words = ["scan", "discs.npy", "--steps", "120", "--batch", "16", "--generator.width", "8", "--scores", "0"]
    words += ["--discriminator.width", "8", "--threads", "1", "--augment", "none"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "taken for pictures (poise scan images discs.npy)" in said
    assert "l2_discriminator 0: alive" in said and "l2_discriminator 100: " in said
    assert "l2_discriminator: alive at" in said.splitlines()[-1] and "too large at" in said.splitlines()[-1]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "scans").rglob("record.jsonl")}
    assert main(words) == 0
    assert capsys.readouterr().out == said
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "scans").rglob("record.jsonl")}
