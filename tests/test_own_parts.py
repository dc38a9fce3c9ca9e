"""Parts that a user brings in files of their own: named on the command line, seen in --help, record and report.

The files are those of docs/architecture.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

DOCUMENT = Path(__file__).parents[1] / "docs" / "architecture.md"
FILES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S))
SMALL = ["--steps", "24", "--batch", "16", "--noise", "8", "--log-every", "4", "--scores", "0", "--precision", "fp32"]
OWN = [
    *(["--network", "mynets.Plain", "--network.hidden", "16", "--loss", "myloss.Margin", "--loss.by", "0.5"]),
    *(["--generator.lr", "myschedule.Halved", "--generator.lr.every", "6"]),
    *(["--discriminator.penalties+=mypenalty.Level", "--discriminator.penalties.real", "2"]),
]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a file for each part, some pictures, and a run that was trained with all of them."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    np.save(folder / "pictures.npy", np.random.default_rng(0).integers(0, 256, (80, 16, 16), dtype=np.uint8))
    said = poise(folder, "train", "images", "pictures.npy", *SMALL, *OWN, "--out", "run", "--generator.width", "8")
    assert "--generator.width: of no use with Plain" in said
    assert "level on the discriminator (λ = 0.1) acted: it made up" in said
    return folder


def poise(folder: Path, *words: str, code: int = 0, cache: str = "cache") -> str:
    """What the command says, in a process of its own, which knows no module but those in the folder."""
    environment = {**os.environ, "POISE_CACHE": str(folder / cache), "POISE_RUNS": str(folder / "runs")}
    script = "import sys; from poise.cli import main; sys.path.pop(0); sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("flag", "path", "option"),
    [
        ("--network", "mynets.Plain", "--network.hidden HIDDEN"),
        ("--loss", "myloss.Margin", "--loss.by BY"),
        ("--generator.lr", "myschedule.Halved", "--generator.lr.every EVERY"),
        ("--discriminator.penalties", "mypenalty.Level", "--discriminator.penalties.real REAL"),
    ],
)
def test_options_of_ones_own_are_shown_and_checked(place, flag, path, option):
    assert option in poise(place, "train", "images", f"{flag}.help={path}")
    assert f"{flag}.help" in poise(place, "train", "images", "--help")
    wrong = option.split()[0][:-1] + "x"
    words = [f"{flag}+={path}" if "penalties" in flag else flag, *([] if "penalties" in flag else [path]), wrong, "3"]
    said = poise(place, "train", "images", "pictures.npy", *words, code=2)
    assert "no option" in said and "Traceback" not in said and len(said.strip().splitlines()) == 1
    module, _, name = path.rpartition(".")
    words = [f"{flag}+={module}.{name}x"] if "penalties" in flag else [flag, f"{module}.{name}x"]
    said = poise(place, "train", "images", "pictures.npy", *SMALL, *words, code=2)
    assert f"{name}x" in said and "Traceback" not in said and not (place / "runs").exists()


def test_every_part_acted_and_is_on_record(place):
    spec = json.loads((place / "run" / "spec.json").read_text())
    assert spec["arguments"]["network"] == {"class_path": "mynets.Plain", "init_args": {"hidden": 16}}
    assert spec["sources"].keys() == {"mynets.Plain", "myloss.Margin", "myschedule.Halved", "mypenalty.Level"}
    assert all(len(digest) == 64 for digest in spec["sources"].values())
    rows = [json.loads(line) for line in (place / "run" / "record.jsonl").read_text().splitlines()]
    assert [row["generator/lr"] for row in rows if "generator/lr" in row][-1] == pytest.approx(1e-3 / 8)
    assert rows[-1]["discriminator/level.strength"] == 0.1 and rows[-1]["discriminator/level.share"] > 0
    report = json.loads((place / "run" / "report.json").read_text())
    assert "discriminator/level" in report["penalties"]
    assert any("level on the discriminator" in sentence for sentence in report["sentences"])


def test_a_run_with_ones_own_parts_is_used_like_any_other(place):
    assert "4 samples" in poise(place, "sample", "run", "-n", "4", "--out", "four.png")
    assert "finished before" in poise(place, "resume", "run")
    poise(place, "diagnose", "run")
    assert "finished" in poise(place, "runs", "--all")


def test_code_that_nobody_here_named_is_not_executed(place):
    """On another machine, and after the file was changed."""
    for words in (["sample", "run", "-n", "1", "--out", "x.png"], ["resume", "run"], ["evaluate", "run"]):
        said = poise(place, *words, code=2, cache="elsewhere")
        assert "names code outside of Poise" in said and "--trust" in said
    assert "finished before" in poise(place, "resume", "run", "--trust", cache="elsewhere")
    assert "1 samples" in poise(place, "sample", "run", "-n", "1", "--out", "x.png", cache="elsewhere")
    file = place / "mynets.py"
    text = file.read_text()
    try:
        file.write_text(text + "open('executed', 'w').close()\n")
        said = poise(place, "sample", "run", "-n", "1", "--out", "x.png", code=2)
        assert "was made with another" in said and "mynets.py" in said and not (place / "executed").exists()
    finally:
        file.write_text(text)


def test_a_metric_of_ones_own(place):
    words = ["evaluate", "pictures.npy", "--against", "others.npy", "--features", "rotations", "-n", "40"]
    np.save(place / "others.npy", np.random.default_rng(1).integers(0, 256, (1200, 16, 16), dtype=np.uint8))
    said = poise(place, *words, "--metrics", "KID,mymetric.centre:power=1", code=2)
    assert "learnt nothing" in said, "noise has no orientation: the metric was found, and its features were not"
    told = poise(place, "evaluate", "--metrics", "KID,mymetric.centre", "--help")
    assert "its options: mymetric.centre:power=2.0" in " ".join(told.split())
    words[words.index("rotations")] = "EffLite0"
    said = poise(place, *words, "--metrics", "mymetric.centre:power=1", "--out", "own.json")
    assert re.search(r"centre +\d", said)
    kept = json.loads((place / "own.json").read_text())
    assert [row["metric"] for row in kept["evaluations"][0]["rows"]] == ["centre"]
    digest = hashlib.sha256((place / "mymetric.py").read_bytes()).hexdigest()
    assert kept["own_metrics"] == {"mymetric.centre:power=1": digest}
    for wrong in ("mymetric.centr", "mymetric.centre:powr=1", "nowhere.metric", "json.dumps:obj=1"):
        said = poise(place, *words, "--metrics", wrong, code=2)
        assert f"--metrics {wrong}" in said and "Traceback" not in said
    assert "its options: mymetric.centre:power=2.0" in poise(place, *words, "--metrics", "mymetric.centre:p=1", code=2)


def test_a_whole_recipe_of_ones_own(place):
    assert "--l2-generator" in poise(place, "train", "points.POINTS", "--help")
    words = ["train", "points.POINTS", "ring", "--l2-generator", "1e-3", "--steps", "1500", "--out", "ring"]
    assert "l2 on the generator (λ = 0.001) acted" in poise(place, *words)
    assert "400 points" in poise(place, "sample", "ring", "-n", "400", "--out", "made.json")
    made = np.array(json.loads((place / "made.json").read_text()))
    angles = np.arange(8) * np.pi / 4
    gaps = np.linalg.norm(made[:, None] - np.stack([np.cos(angles), np.sin(angles)], 1), axis=2)
    near = np.bincount(gaps.argmin(1)[gaps.min(1) < 0.3], minlength=8)
    assert near.sum() > 200 and (near > 5).sum() >= 6, "most points are near the ring's places, and near most of these"
    assert "--trust" in poise(place, "resume", "ring", code=2, cache="elsewhere")
    assert "finished before" in poise(place, "resume", "ring")
    poise(place, "diagnose", "ring")
    assert "finished" in poise(place, "runs", "--all")
    said = poise(place, "train", "points.ring", "points", code=2)
    assert "is no recipe" in said and "Traceback" not in said
    assert "cannot be loaded" in poise(place, "train", "points.NOTHING", "ring", code=2)


def test_a_fault_in_ones_own_code_is_told_of_its_file(place):
    broken = FILES["myloss"].replace("(self.by - real).relu()", "real.nothing()").replace("Margin", "Bad")
    (place / "broken.py").write_text(broken)
    said = poise(place, "train", "images", "pictures.npy", *SMALL, "--generator.width", "4", "--discriminator.width",
                 "4", "--loss", "broken.Bad", "--quiet", code=2)  # fmt: skip
    assert "a fault in" in said and "broken.py, line" in said and "Traceback" not in said
