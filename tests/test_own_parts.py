"""Parts that a user brings in files of their own: named on the command line, seen in --help, record and report.

The files are those of docs/architecture.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from poise.specs import sources

DOCUMENT = Path(__file__).parents[1] / "docs" / "architecture.md"
FILES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S))
SMALL = ["--steps", "24", "--batch", "16", "--noise", "8", "--log-every", "4", "--scores", "0", "--precision", "fp32"]
OWN = [
    *(["--network", "mynets.Plain", "--network.hidden", "16", "--loss", "myloss.Margin", "--loss.by", "0.5"]),
    *(["--generator.lr", "myschedule.Halved", "--generator.lr.every", "6"]),
    *(["--discriminator.penalties+=mypenalty.Level", "--discriminator.penalties.real", "2"]),
]


RUN = ["--precision", "fp32", "--device", "cpu", "--threads", "1", "--log-every", "1", "--checkpoint-every", "3"]
HEARD = ["syllables", "--rate", "8000", "--window", "64", "--hop", "16", "--bands", "8", "--heldout", "0.3", "--batch",
         "4", "--segment", "320", "--scores", "1", "--score-samples", "4", "--warm-steps", "3", "--steps",
         "3"]  # fmt: skip
SPOKEN = ["--labels", "{voice}/{text}", "--vocoder-warm-steps", "3", "--vocoder-steps", "3", "--generator.width", "4",
          "--features", "0", "--vocoder-network", "myvocoder.Upsampled"]  # fmt: skip
WRITTEN = ["grammar.txt", "--batch", "8", "--steps", "6"]
# Recipe -> class path, flags of a run of a few seconds, a flag of ours that is of no use then, flags of evaluate.
NETWORKS = {
    "vae": ("myautoencoder.Flat", ["pictures.npy", "--batch", "16", "--steps", "6", "--scores", "0"],
            "--autoencoder.depth", ["--against", "ramps.npy", "--features", "rotations", "-n", "40"]),
    "text": ("mytext.Small", [*WRITTEN, "--warm-steps", "3", "--critic-steps", "2", "--l2-embedding", "1e-3",
                              "--scores", "1", "--score-samples", "20"], "--generator.hidden", ["-n", "50"]),
    "language": ("mytext.Small", [*WRITTEN, "--ar", "1", "--tar", "1", "--l2-embedding", "1e-3", "--scores", "1"],
                 "--model.hidden", ["-n", "50"]),
    "vocoder": ("myvocoder.Upsampled", HEARD, "--generator.depth", []),
    "speech": ("myspeech.Shallow", [*HEARD, *SPOKEN], "--generator.depth", []),
}  # fmt: skip
# Recipe -> a change of its file, more flags, and what is told before anything is trained.
MISFITS = {
    "images": ("inputs = channels", "inputs = 1 + channels", [],
               r"its discriminator does not take \[2, 1, 16, 16\] \(Run"),
    "images, no network": ("return nn.Sequential(*layers, nn.Unf", "return print(*layers, nn.Unf", [],
                           "its generator must be an nn.Module with weights, not NoneType"),
    "images, no such method": ("def generator(self, size, ", "def generator(self, ", [],
                               r"its generator cannot be made \(TypeError: .* positional arguments"),
    "images, squares alone": ("", "", ["--size", "20x16"],
                              r"its discriminator cannot be made of size=\(16, 20\), which is \(height, width\) \(Ty"),
    "vae, squares alone": ("", "", ["--size", "20x16"], r"its encoder cannot be made of size=\(16, 20\), which is "),
    "vae": ("self.hidden, outputs)", "self.hidden, outputs + 1)", [], r"its encoder gives \[2, 65\], not \[2, 64\]"),
    "vae, decoder": ("Linear(latents, self", "Linear(latents + 1, self", [],
                     r"its decoder does not take \[2, 32\] \(RuntimeError: mat1"),
    "text": ("nn.Linear(hidden, vocabulary)", "nn.Linear(hidden, vocabulary + 1)", [], "its generator gives"),
    "text, state": ("return (self.readout.weight.new_zeros(n, self.cell.hidden_size),)", "return None", [],
                    r"begin\(2\) of its generator must give a tuple of tensors"),
    "language": (", states\n", "\n", ["--ar", "1"], "and AR reads the states of its last layer"),
    "vocoder": ("self.hidden, 1, hop", "self.hidden, 2, hop", [],
                r"its generator gives \[2, 2, \d+\], not \[2, 1, \d+\]"),
    "speech": ("self.hidden, bands, 3, padding=1", "self.hidden, bands, 3", SPOKEN,
               r"its generator gives \[2, 8, 10\], not \[2, 8, 12\]"),
    "speech, features": ("", "", [*SPOKEN, "--features", "2"],
                         "gives logits alone, and --features 2.0 compares what its layers say"),
}  # fmt: skip

slow = pytest.mark.slow  # what trains, or starts processes


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a file for each part, and some data of each kind."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    write_sentences_and_sounds(folder)
    np.save(folder / "pictures.npy", np.random.default_rng(0).integers(0, 256, (80, 16, 16), dtype=np.uint8))
    return folder


@pytest.fixture
def here(files, monkeypatch):
    """That folder as the current one, in this process, which forgets the modules again that it loads from there."""
    monkeypatch.chdir(files)
    monkeypatch.syspath_prepend(str(files))
    monkeypatch.setenv("POISE_CACHE", str(files / "cache"))
    yield files
    forget(files)


def forget(folder: Path) -> None:
    """The modules that were loaded from there."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and Path(file).parent == folder:
            del sys.modules[name]


@pytest.fixture(scope="module")
def place(files):
    """The same, and a run of pictures that was trained with all parts."""
    folder = files
    said = poise(folder, "train", "images", "pictures.npy", *SMALL, *OWN, "--out", "run", "--generator.width", "8")
    assert "--generator.width: of no use with Plain" in said
    assert "level on the discriminator (λ = 0.1) acted: it made up" in said
    return folder


def write_sentences_and_sounds(folder: Path) -> None:
    """grammar.txt, and syllables/VOICE/SYLLABLE.wav of noise, 0.1 s each."""
    rng = np.random.default_rng(0)
    words = ["the", "a", "cat", "dog", "king", "sees", "hears", "old", "red"]
    lines = {" ".join(rng.choice(words, rng.integers(3, 8))) for _ in range(300)}
    (folder / "grammar.txt").write_text("".join(f"{line} .\n" for line in sorted(lines)))
    for voice in ("low", "high"):
        (folder / "syllables" / voice).mkdir(parents=True)
        for name in (f"{initial}{final}{tone}" for initial in "mnldbgptkh" for final in "aieu" for tone in (1, 2)):
            with wave.open(str(folder / "syllables" / voice / f"{name}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(rng.integers(-3000, 3000, 800).astype("<i2").tobytes())


def poise(folder: Path, *words: str, code: int = 0, cache: str = "cache") -> str:
    """What the command says, in a process of its own, which knows no module but those in the folder."""
    environment = {**os.environ, "POISE_CACHE": str(folder / cache), "POISE_RUNS": str(folder / "runs")}
    script = "import sys; from poise.cli import main; sys.path.pop(0); sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@slow
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
    before = list(place.rglob("spec.json"))
    assert option in poise(place, "train", "images", f"{flag}.help={path}")
    assert f"{flag}.help" in poise(place, "train", "images", "--help")
    wrong = option.split()[0][:-1] + "x"
    words = [f"{flag}+={path}" if "penalties" in flag else flag, *([] if "penalties" in flag else [path]), wrong, "3"]
    said = poise(place, "train", "images", "pictures.npy", *words, code=2)
    assert "no option" in said and "Traceback" not in said and len(said.strip().splitlines()) == 1
    module, _, name = path.rpartition(".")
    words = [f"{flag}+={module}.{name}x"] if "penalties" in flag else [flag, f"{module}.{name}x"]
    said = poise(place, "train", "images", "pictures.npy", *SMALL, *words, code=2)
    assert f"{name}x" in said and "Traceback" not in said and list(place.rglob("spec.json")) == before


@slow
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


@slow
def test_a_run_with_ones_own_parts_is_used_like_any_other(place):
    assert "4 samples" in poise(place, "sample", "run", "-n", "4", "--out", "four.png")
    assert "finished before" in poise(place, "resume", "run")
    poise(place, "diagnose", "run")
    assert "finished" in poise(place, "runs", "--all")


@slow
@pytest.mark.parametrize("recipe", NETWORKS)
def test_a_network_of_ones_own_in_every_recipe(here, capsys, monkeypatch, recipe):
    """Shown, kept with a hash of its source, trained, sampled, evaluated, and gone on with bit for bit."""
    path, flags, useless, evaluated = NETWORKS[recipe]

    def said(*words: str, code: int = 0) -> str:
        found = main(list(words))
        text = "".join(capsys.readouterr())
        assert found == code, text
        return text

    with pytest.raises(SystemExit):
        main(["train", recipe, f"--network.help={path}"])
    assert "--network.hidden HIDDEN" in capsys.readouterr().out
    network = ["--network", path, "--network.hidden", "4"]
    text = said("train", recipe, *flags, *RUN, *network, useless, "3", "--out", recipe)
    assert f"{useless}: of no use with {path.partition('.')[2]}" in text
    spec = json.loads((here / recipe / "spec.json").read_text())
    assert spec["arguments"]["network"] == {"class_path": path, "init_args": {"hidden": 4}}
    assert path in spec["sources"] and all(len(digest) == 64 for digest in spec["sources"].values())
    assert ": 2 " in said("sample", recipe, "-n", "2")
    shutil.copytree(here / recipe, here / f"{recipe}-again")
    said("resume", f"{recipe}-again", "--from-step", "3")
    last = sorted((here / recipe / "checkpoints").iterdir())[-1]
    for file in last.glob("*.safetensors"):
        again = here / f"{recipe}-again" / "checkpoints" / last.name / file.name
        assert file.read_bytes() == again.read_bytes(), file.name
    if recipe == "vae":  # rotations can be told from each other in these
        ramp = np.linspace(0, 200, 16)[:, None] + np.random.default_rng(1).uniform(0, 55, (1200, 16, 16))
        np.save(here / "ramps.npy", ramp.astype(np.uint8))
    said("evaluate", recipe, *evaluated)
    forget(here)
    monkeypatch.setattr(sources, "_HERE", set())
    monkeypatch.setenv("POISE_CACHE", str(here / "elsewhere"))
    for words in (["sample", recipe, "-n", "1"], ["resume", recipe], ["evaluate", recipe]):
        assert f"names code outside of Poise, {path}" in said(*words, code=2)


@pytest.mark.slow
@pytest.mark.parametrize("case", MISFITS)
def test_a_network_that_does_not_fit_is_told_of_its_file_and_class(here, capsys, case):
    """Before anything is trained or written."""
    before, after, more, message = MISFITS[case]
    recipe, file = case.partition(",")[0], f"misfit{list(MISFITS).index(case)}"
    path, flags = NETWORKS[recipe][:2] if recipe in NETWORKS else ("mynets.Plain", ["pictures.npy", *SMALL])
    module, _, name = path.partition(".")
    assert before in FILES[module]
    (here / f"{file}.py").write_text(FILES[module].replace(before, after))
    assert main(["train", recipe, *flags, *more, *RUN, "--network", f"{file}.{name}", "--out", "nothing"]) == 2
    said = capsys.readouterr().err
    assert re.search(rf"^poise: {file}\.py(, line \d+)?, class {name}: .*{message}", said) and said.count("\n") == 1, (
        said
    )
    assert not (here / "nothing").exists()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", NETWORKS)
def test_what_is_no_network_of_a_recipe(here, capsys, recipe):
    for wrong in ("mynets.Plain", "mytext.Nothing", "nonsense", *(["gru"] if recipe == "language" else [])):
        assert main(["train", recipe, *NETWORKS[recipe][1], *RUN, "--network", wrong, "--out", "nothing"]) == 2
        said = capsys.readouterr().err
        assert wrong in said and said.count("\n") == 1 and not (here / "nothing").exists()


@slow
def test_a_vocoder_of_ones_own_is_not_borrowed(place):
    poise(place, "train", "vocoder", *HEARD, *RUN, "--network", "myvocoder.Upsampled", "--out", "lent")
    said = poise(place, "train", "speech", *HEARD, "--labels", "{voice}/{text}", "--speak-with", "lent", code=2)
    assert "cannot be borrowed: train one here with --vocoder-network myvocoder.Upsampled" in said


@slow
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


@slow
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
    said = poise(place, *words, "--metrics", "mymetric.centre:power=1,mymetric.centre:power=2", code=2)
    assert "both are called 'centre'" in said
    (place / "taken.py").write_text((place / "mymetric.py").read_text().replace('"centre"', '"rFD"'))
    said = poise(place, *words, "--metrics", "taken.centre:power=1", code=2)
    assert "there is a metric called 'rFD' already; give it another name" in said


@slow
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


@slow
def test_a_fault_in_ones_own_code_is_told_of_its_file(place):
    broken = FILES["myloss"].replace("(self.by - real).relu()", "real.nothing()").replace("Margin", "Bad")
    (place / "broken.py").write_text(broken)
    said = poise(place, "train", "images", "pictures.npy", *SMALL, "--generator.width", "4", "--discriminator.width",
                 "4", "--loss", "broken.Bad", "--quiet", code=2)  # fmt: skip
    assert "a fault in" in said and "broken.py, line" in said and "Traceback" not in said
