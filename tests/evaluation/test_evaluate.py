"""`poise evaluate` as people use it: runs and folders against real data, what is printed, and what is refused."""

# ruff: noqa: F811  (fixtures that are imported are named again as arguments)

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from poise.cli import main
from poise.evaluation.items import DRAW, Drawn
from poise.evaluation.lines import evaluation_lines
from poise.evaluation.report import ByFeatures, EvaluationReport
from poise.evaluation.sides import SideNames
from poise.installing import install
from poise.metrics.core.rows import Note, ScoreRow
from poise.metrics.core.statistics import Estimate
from poise.metrics.distributions.evaluation import Evaluation
from poise.metrics.features.features import MissingFeatures
from tests.evaluation.evaluations import Pixels, Stub, blocks, folder, place, refused, said, stubs, values  # noqa: F401  (fixtures)

METRICS = "--metrics=KID,precision,copying"


@pytest.mark.slow
def test_a_folder_against_another_and_what_it_was_trained_on(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, real = folder(place, "good", blocks(150, 0)), folder(place, "real", blocks(400, 1))
    train = folder(place, "train", blocks(200, 2))
    text = said(capsys, good, "--against", real, "--trained-on", train, METRICS)
    assert "good: 150 pictures against 400 real ones of real, trained on train" in text
    assert re.search(r"METRIC +VALUE \[95 % interval\] +N +P +A PERFECT GENERATOR +COPIED TRAINING DATA +BETTER", text)
    assert re.search(r"KID +\S+ \[\S+, \S+\] +150/250 +0\.\d+ ", text), "with a permutation p-value"
    assert "By Stub, 8 features:" in text
    assert "written to report.json" in text
    found = values()
    assert set(found) == {"KID", "precision", "copying"}
    assert found["KID"]["made"]["low"] < 0.01
    report = json.loads(Path("report.json").read_text())
    assert report["counts"] == {"made": 150, "heldout": 400, "train": 200}
    assert (report["what"], report["against"], report["trained_on"]) == ("good", "real", "train")


@pytest.mark.slow
def test_bad_and_copied_pictures_are_told_apart(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, train = folder(place, "real", blocks(400, 1)), folder(place, "train", blocks(200, 2))
    dark = folder(place, "dark", blocks(150, 0) // 2)
    copied = folder(place, "copied", blocks(200, 2)[:150])
    assert "differs" in said(capsys, dark, "--against", real, METRICS)
    assert values()["KID"]["made"]["low"] > values()["KID"]["perfect"]["high"]
    assert "copying" not in values()
    assert "COPIED" not in said(capsys, dark, "--against", real, "--metrics=KID")
    said(capsys, copied, "--against", real, "--trained-on", train, METRICS)
    assert values()["copying"]["made"]["low"] > 0.6
    assert values()["copying"]["perfect"]["high"] < values()["copying"]["made"]["low"]


@pytest.mark.slow
def test_without_the_training_set_one_note_says_what_is_missing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, real = folder(place, "good", blocks(60, 0)), folder(place, "real", blocks(200, 1))
    text = said(capsys, good, "--against", real)
    notes = [
        line for line in text.splitlines() if "are left out: they compare" in line or "left out: it compares" in line
    ]
    assert len(notes) == 1
    assert "copying" in notes[0]


@pytest.mark.slow
def test_a_file_that_is_something_else_is_not_written_over(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, real = folder(place, "good", blocks(60, 0)), folder(place, "real", blocks(200, 1))
    Path("report.json").write_text('{"run": "mine"}')
    assert "report.json is there already and is no evaluation" in refused(capsys, good, "--against", real, METRICS)
    assert Path("report.json").read_text() == '{"run": "mine"}'
    said(capsys, good, "--against", real, METRICS, "--out", "other.json")
    said(capsys, good, "--against", real, METRICS, "--out", "other.json")  # its own may be replaced


@pytest.mark.slow
def test_the_second_time_no_features_are_computed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, real = folder(place, "good", blocks(60, 0)), folder(place, "real", blocks(200, 1))
    first = said(capsys, good, "--against", real, METRICS)
    assert Pixels.seen == 260
    before = Path("report.json").read_bytes()
    assert said(capsys, good, "--against", real, METRICS) == first
    assert Pixels.seen == 260
    assert Path("report.json").read_bytes() == before
    said(capsys, good, "--against", real, METRICS, "-n", "30", "--out", "b.json")
    assert Pixels.seen == 290
    assert json.loads(Path("b.json").read_text())["counts"]["made"] == 30


@pytest.mark.slow
def test_one_folder_for_both_is_split_as_training_does(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, real = folder(place, "good", blocks(60, 0)), folder(place, "real", blocks(600, 1))
    assert "real ones of real (held-out part), trained on real (training part)" in said(
        capsys, good, "--against", real, "--trained-on", real, METRICS
    )
    counts = json.loads(Path("report.json").read_text())["counts"]
    assert counts["heldout"] + counts["train"] == 600
    assert 30 < counts["heldout"] < 100


def test_sentences_and_a_named_column(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    words = ["a bad egg", "he had a bag", "beach", "each head", "cabbage", "faded"]
    lines = [" ".join(rng.choice(words, 6)) for _ in range(500)]
    Path("real.txt").write_text("\n".join(lines[:300]))
    Path("made.jsonl").write_text("\n".join(json.dumps({"said": line, "id": i}) for i, line in enumerate(lines[300:])))
    text = said(capsys, "made.jsonl", "--column", "said", "--against", "real.txt", "--metrics=KID")
    assert "200 sentences against 300 real ones of real.txt" in text


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "sign"), [(".txt", "\t"), (".psv", "|"), (".tsv", "\t"), (".csv", ",")])
def test_a_named_column_of_whatever_holds_columns(
    suffix: str, sign: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what is in a file, as training reads it, and not by the end of its name."""
    rng = np.random.default_rng(0)
    words = ["a bad egg", "he had a bag", "beach", "each head", "cabbage", "faded"]
    lines = [" ".join(rng.choice(words, 6)) for _ in range(400)]
    rows = [
        sign.join(("id", "long", "short")),
        *(sign.join((str(i), "x " * 9, line)) for i, line in enumerate(lines[200:])),
    ]
    Path(f"real{suffix}").write_text("\n".join(rows))
    Path("made.txt").write_text("\n".join(lines[:200]))
    text = said(capsys, "made.txt", "--column", "short", "--against", f"real{suffix}", "--metrics=KID")
    assert f"200 sentences against 200 real ones of real{suffix}" in text
    assert "column 'short'" in text or "short" in text.partition("Notes:")[2]


@pytest.mark.slow
def test_clips_and_the_means_of_what_has_a_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile = pytest.importorskip("soundfile")
    for name, n, gain in (("real", 90, 0.1), ("quiet", 30, 0.01)):
        Path(name).mkdir()
        for i in range(n):
            x = np.random.default_rng((i, n)).normal(0, gain * (1 + i % 3), 800)
            soundfile.write(f"{name}/{i:03}.wav", x, 8000)
    Path("real/damaged.wav").write_bytes(b"RIFF")
    text = said(capsys, "quiet", "--against", "real", "--metrics=KID", "--features=DNSMOS")
    assert re.search(r"means: one \S+ \(real \S+\), two", text)
    assert re.search(r"left out of real: damaged\.wav \(.+\)", text)
    assert "90 real ones" in text
    assert json.loads(Path("report.json").read_text())["evaluations"][0]["m"] == 20, (
        "half of 40, as many as it is worth"
    )


# Runs.

SMALL = {
    "batch": 8, "noise": 8, "generator.width": 4, "discriminator.width": 4, "log-every": 2, "checkpoint-every": 2,
    "sample-every": 6, "scores": 0, "threads": 1, "precision": "fp32", "device": "cpu", "score-samples": 40,
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pictures.npz and runs/done, a finished run of four steps on it."""
    place = tmp_path_factory.mktemp("made")
    pictures = blocks(400, 5)
    np.savez(place / "pictures.npz", images=pictures, labels=np.arange(400) % 4)
    flags = [f"--{name}={value}" for name, value in SMALL.items()]
    with contextlib.chdir(place):
        command = ["train", "images", "pictures.npz", "--steps=4", *flags, "--heldout=0.3", "--quiet"]
        assert main([*command, "--out", "runs/done"]) == 0
    return place


@pytest.mark.slow
def test_a_run_is_scored_against_its_own_data(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made)
    monkeypatch.setenv("POISE_RUNS", "runs")
    text = said(capsys, "don", METRICS)
    report = json.loads((made / "runs/done/evaluation-step-00000004.json").read_text())
    assert f"written to {Path('runs/done/evaluation-step-00000004.json')}" in text
    assert report["counts"]["made"] == 40
    assert report["counts"]["heldout"] + report["counts"]["train"] == 400
    assert report["checkpoint"] == "step-00000004"
    assert {row["metric"] for row in report["evaluations"][0]["rows"]} == {"KID", "precision", "copying"}
    seen = Pixels.seen
    assert said(capsys, "last", METRICS) == text
    assert Pixels.seen == seen
    said(capsys, "runs/done", METRICS, "--step", "2", "--seed", "1", "--out", "other.json")
    own = json.loads((made / "runs/done/report.json").read_text())
    assert [entry["checkpoint"] for entry in own["evaluations"]] == ["step-00000004", "step-00000002"]
    assert own["evaluations"][0]["by"]["Stub"]["KID"]["made"] == report["evaluations"][0]["rows"][0]["made"]
    assert own["penalties"], "and what the run itself reported is still there"
    assert json.loads((made / "other.json").read_text())["checkpoint"] == "step-00000002"


@pytest.mark.slow
def test_a_run_against_other_data(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made)
    monkeypatch.setenv("POISE_RUNS", "runs")
    other = tmp_path / "other.npy"
    np.save(other, blocks(100, 9, side=32))
    text = said(capsys, "done", "--against", str(other), METRICS, "--out", str(tmp_path / "x.json"))
    assert "against 100 real ones of other.npy" in text
    assert json.loads((tmp_path / "x.json").read_text())["trained_on"] == "pictures.npz (training part)"
    assert {row["metric"] for row in json.loads((tmp_path / "x.json").read_text())["evaluations"][0]["rows"]} >= {
        "copying"
    }, "its own training pictures are looked at for copies"


@pytest.mark.slow
def test_a_run_against_all_that_it_was_trained_on_has_a_word_about_copies(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made)
    monkeypatch.setenv("POISE_RUNS", "runs")
    text = said(capsys, "done", "--against", "pictures.npz", "--metrics=KID", "--out", str(tmp_path / "x.json"))
    assert "Copying is not looked for: pictures.npz holds the pictures that were trained on." in text
    copy = tmp_path / "a copy.npz"
    copy.write_bytes((made / "pictures.npz").read_bytes())
    text = said(capsys, "done", "--against", str(copy), "--metrics=KID,copying", "--out", str(tmp_path / "z.json"))
    assert "and copying is not looked for" in text, "under another name it is the same"
    report = json.loads((tmp_path / "z.json").read_text())
    assert "trained_on" not in report
    assert "copying" not in {row["metric"] for row in report["evaluations"][0]["rows"]}
    other = tmp_path / "other.npy"
    np.save(other, blocks(100, 9, side=32))
    (made / "pictures.npz").rename(made / "gone.npz")
    try:
        text = said(capsys, "done", "--against", str(other), "--metrics=KID", "--out", str(tmp_path / "y.json"))
    finally:
        (made / "gone.npz").rename(made / "pictures.npz")
    assert "Copying of the run's own training pictures is not looked for: " in text


def test_a_large_draw_is_made_in_blocks_that_depend_on_the_seed_alone() -> None:
    calls: list[tuple[int, int]] = []

    def draw(n: int, seed: int) -> NDArray[np.uint8]:
        calls.append((n, seed))
        return np.random.default_rng(seed).integers(0, 255, (n, 2, 2, 1), dtype=np.uint8)

    drawn = Drawn("run", "image", "weights", draw, 2 * DRAW + 100, seed=7)
    chunks = np.concatenate(list(drawn.chunks()))
    assert chunks.shape == (2 * DRAW + 100, 2, 2, 1)
    assert [n for n, _ in calls] == [DRAW, DRAW, 100]
    assert calls[0][1] == 7
    assert len({seed for _, seed in calls}) == 3
    np.testing.assert_array_equal(drawn.take(np.array([5, DRAW + 3])), chunks[[5, DRAW + 3]])
    assert drawn.fingerprint != Drawn("run", "image", "weights", draw, 10, seed=8).fingerprint


@pytest.mark.slow
def test_labels_give_class_shares_and_a_classifier(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(2400) % 3
    pictures = rng.integers(0, 90, (2400, 8, 8), dtype=np.uint8)
    pictures[np.arange(2400), labels * 2] += 150
    np.savez("real.npz", images=pictures, labels=labels)
    made = folder(place, "made", pictures[labels == 1][:200])
    text = said(capsys, made, "--against", "real.npz", "--metrics=KID")
    assert "By classifier@8, 64 features:" in text
    shares = json.loads(Path("report.json").read_text())["class_shares"]
    assert [round(share["real"], 1) for share in shares] == [0.3, 0.3, 0.3]
    assert shares[1]["made"] > 0.9
    modes = json.loads(Path("report.json").read_text())["class_modes"]
    assert modes["of"] == 3 and modes["kl"] > 0.5 > 100 * modes["kl_by_chance"] / 3
    assert f"{modes['seen']} of 3 classes are generated" in text
    assert "1,200 held-out pictures trained classifier@8" in text


def missing(cls: type, material: object) -> Stub:
    raise MissingFeatures("EffLite0")


@pytest.mark.slow
def test_a_class_too_rare_to_be_learnt_costs_the_classifier_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The only picture of the second class is not in the half that would train it, with this seed."""
    seed = next(i for i in range(9) if 7 not in np.random.default_rng((i, 0)).permutation(2400)[:1200])
    np.savez("rare.npz", images=blocks(2400, 3), labels=(np.arange(2400) == 7).astype(int))
    args = (folder(place, "good", blocks(100, 0)), "--against", "rare.npz", "--metrics=KID", f"--seed={seed}")
    text = said(capsys, *args)
    reason = "no small classifier: the 1,200 held-out pictures that would train it are of one class"
    assert "By Stub" in text and "By classifier" not in text and reason in text
    assert f"{reason}; leave it out of --features" in refused(capsys, *args, "--features=classifier")
    monkeypatch.setattr(Pixels, "made", classmethod(missing))
    lit = np.linspace(90, 0, 16).astype(np.uint8)[:, None]  # from above, so that up can be told from down
    np.savez("rare.npz", images=blocks(2400, 3) // 2 + lit, labels=(np.arange(2400) == 7).astype(int))
    text = said(capsys, *args)
    assert "By rotations@16" in text and reason in text, "as without labels"


@pytest.mark.slow
def test_without_weights_pictures_are_scored_by_rotations(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Pixels, "made", classmethod(missing))
    lit = np.linspace(90, 0, 16).astype(np.uint8)[:, None]  # from above, so that up can be told from down
    good, real = folder(place, "good", blocks(100, 0) // 2 + lit), folder(place, "real", blocks(1000, 1) // 2 + lit)
    text = said(capsys, good, "--against", real, "--metrics=KID")
    assert "By rotations@16" in text
    assert install("scores") in text
    few = folder(place, "few", blocks(100, 2))
    assert "pip install" in refused(capsys, good, "--against", few)


@pytest.mark.slow
def test_a_network_that_learns_nothing_gives_no_scores(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """These pictures look the same however they are turned."""
    good, real = folder(place, "good", blocks(100, 0)), folder(place, "real", blocks(1000, 1))
    sentence = refused(capsys, good, "--against", real, "--features=rotations")
    assert re.search(r"rotations@16 learnt nothing \(right on \d+ % of 4 kinds\), so it gives no scores", sentence)
    rng = np.random.default_rng(0)
    np.savez("labels.npz", images=blocks(2000, 2), labels=rng.integers(0, 4, 2000))
    text = said(capsys, good, "--against", "labels.npz", "--metrics=KID")
    assert "By Stub" in text
    assert "By classifier" not in text
    assert "classifier@16 learnt nothing" in text


def test_a_report_as_text() -> None:
    """KID comes first, FID is the name on the standard features alone, metrics left out for one reason share a line."""
    one = Estimate(2.0, 1.0, 3.0, 10, 20)
    far = one._replace(low=5.0, high=9.0)
    rows = [
        ScoreRow("precision", "about precision", "higher", one, one),
        ScoreRow("FD", "about FD", "lower", one, far),
        ScoreRow("KID", "about KID", "target", one, one, target="0"),
    ]
    notes = [Note("it compares.", "copying"), Note("it compares.", "C_T"), Note("A remark.")]
    found = Evaluation("x", 10, 20, 4, None, 0, rows, notes)
    features = [ByFeatures(name, "digest", found) for name in ("FID", "FD-Inception(00000000)")]
    report = EvaluationReport(
        SideNames("x", "y"),
        "pictures",
        {"made": 10, "heldout": 20},
        features=features,
        notes=[Note("A remark.")],
    )
    content = report.to_dict()["evaluations"][0]
    assert content["notes"] == ["copying is left out: it compares.", "C_T is left out: it compares.", "A remark."]
    assert [row["better"] for row in content["rows"]] == ["high", "low", "at 0"]
    lines = evaluation_lines(report)
    assert lines[0] == "x: 10 pictures against 20 real ones of y"
    table = [line.split()[0] for line in lines[3:7]]
    assert table == ["METRIC", "KID", "FID", "precision"]
    assert lines[5].endswith("lower   differs")
    assert [line.split()[0] for line in lines[9:13]] == ["METRIC", "KID", "FD", "precision"]
    assert "  copying, C_T are left out: it compares." in lines
    assert sum("A remark." in line for line in lines) == 1


@pytest.mark.slow
def test_a_run_with_other_training_data_of_another_kind(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made)
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    message = refused(capsys, "runs/done", "--trained-on", str(tmp_path / "a.txt"))
    assert re.search(r"done holds pictures and a\.txt holds sentences: compare like with like", message)
