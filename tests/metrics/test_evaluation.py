"""A whole evaluation: perfect and copied generators beside the one that is scored; notes; memory."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.metric import find_metrics
from poise.metrics.distributions.evaluation import Evaluation, evaluate

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def digits() -> Array:
    images = pytest.importorskip("sklearn.datasets").load_digits().data / 16.0
    return images[np.random.default_rng(0).permutation(len(images))]


@pytest.fixture(scope="module")
def blurred(digits: Array) -> Evaluation:
    """Digits under half a pixel's blur, judged against others."""
    x = digits[:400].reshape(-1, 8, 8)
    soft = (x + np.roll(x, 1, 1) + np.roll(x, 1, 2) + np.roll(x, (1, 1), (1, 2))) / 4
    return evaluate("blur", soft.reshape(-1, 64), digits[400:1200], digits[1200:])


@pytest.mark.slow
def test_all_metrics_have_their_row(blurred: Evaluation) -> None:
    assert {row.metric for row in blurred.rows} == {metric.name for metric in find_metrics(FeatureMetric)}
    assert (blurred.n, blurred.m, blurred.d, blurred.train) == (400, 400, 64, 597)
    for row in blurred.rows:
        for found in (row.made, row.perfect, row.copied):
            assert found is not None
            assert found.low <= found.value <= found.high


@pytest.mark.slow
def test_blur_copies_and_fresh_data_are_told_apart(blurred: Evaluation) -> None:
    rows = {row.metric: row for row in blurred.rows}
    for name in ("KID", "MMD", "C2ST"):
        assert rows[name].made.low > rows[name].perfect.high, name
        assert rows[name].made.p < 0.01 < rows[name].perfect.p, name
    assert rows["FD"].made.value > 2 * rows["FD"].perfect.value
    assert rows["recall"].made.value < rows["recall"].perfect.value
    for name in ("copying", "FLD"):
        assert rows[name].copied.low > rows[name].perfect.high, name
    for name in ("AuthPct", "AuthPct_gap", "C_T", "FLD_gap"):
        assert rows[name].copied.high < rows[name].perfect.low, name
    assert rows["copying"].perfect.p > 0.01 > 1e-6 > rows["copying"].copied.p
    assert rows["KID"].copied.p > 0.001, "copies are real data: distances alone cannot see them"


@pytest.mark.slow
def test_it_becomes_json(blurred: Evaluation) -> None:
    told = json.loads(json.dumps(blurred.to_dict(), allow_nan=False))
    assert told["rows"][0]["made"].keys() == {"value", "low", "high", "n", "m", "p"}
    assert told["name"] == "blur"
    (note,) = [note for note in told["notes"] if "small-sample bias" in note]
    assert 0.3 < float(note.split(" about ")[1].split(",")[0]) / told["rows"][0]["perfect"]["value"] < 3


@pytest.mark.slow
def test_equal_arguments_give_equal_results_and_progress_is_told(digits: Array) -> None:
    told: list[tuple[int, int]] = []
    first = evaluate(
        "x", digits[:300], digits[300:900], metrics=["KID", "C2ST"], progress=lambda *step: told.append(step)
    )
    assert evaluate("x", digits[:300], digits[300:900], metrics=["KID", "C2ST"]).to_dict() == first.to_dict()
    other = evaluate("x", digits[:300], digits[300:900], metrics=["KID"], seed=1)
    assert other.rows[0].made != first.rows[0].made
    assert told[0] == (0, 4) and told[-1] == (4, 4)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.slow
def test_without_a_training_set_it_says_what_is_left_out(digits: Array) -> None:
    found = evaluate("x", digits[:200], digits[200:600])
    assert {row.metric for row in found.rows} == {
        *("FD", "FD_inf", "KID", "MMD", "precision", "recall", "density", "coverage", "duplicates", "C2ST")
    }
    assert all(row.copied is None for row in found.rows)
    assert any("copying is left out: it compares with the training set" in note for note in found.notes)
    assert any("What copying would score is left out" in note for note in found.notes)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [60, 25_000])
def test_fewer_rows_are_told_of_only_where_a_metric_takes_fewer(rows: int) -> None:
    """FD takes all, KID at most 10,000; copying alone would look at the training rows."""
    draw = np.random.default_rng(0)
    sets = [draw.normal(size=(n, 3)).astype(np.float32) for n in (30, rows, 4_000)]
    for names in (["FD"], ["FD", "KID"]):
        found = evaluate("x", *sets, metrics=names)
        cut = any(row.made.m < found.m for row in found.rows)
        assert cut == (rows == 25_000 and "KID" in names)
        assert any("fewer rows, chosen" in str(note) for note in found.notes) == cut


def test_few_rows_leave_metrics_out_with_a_sentence(digits: Array) -> None:
    found = evaluate("x", digits[:30], digits[30:100], digits[100:110])
    left = {note.split(" is left out")[0] for note in found.notes if "it needs" in note}
    assert left == {"C_T", "FD_inf", "FLD", "FLD_gap"}
    assert any("FD is biased upwards at 30 and 40 rows of 64 features" in note for note in found.notes)
    assert any("fewer than twice the 64 features" in note for note in found.notes)
    assert any("with replacement" in note for note in found.notes)
    with pytest.raises(PoiseError, match="at least 20 held-out rows, not 19"):
        evaluate("x", digits[:30], digits[:19])
    with pytest.raises(PoiseError, match="did you mean 'KID'"):
        evaluate("x", digits[:30], digits[30:60], metrics=["KIDS"])


MEMORY = """
import sys, threading, time
import numpy as np, torch
from poise.metrics.distributions.evaluation import evaluate

torch.set_num_threads(1)
def held():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024
maps = [np.load(path, mmap_mode="r") for path in sys.argv[1:4]]
peak, stop = [0], threading.Event()
def watch():
    while not stop.wait(0.02):
        peak[0] = max(peak[0], held())
before = held()
thread = threading.Thread(target=watch)
thread.start()
found = evaluate("x", *maps, metrics=sys.argv[4].split(","))
stop.set()
thread.join()
assert len(found.rows) == len(sys.argv[4].split(",")), found.notes
print((peak[0] - before) / 1e9)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_200_000_rows_stay_below_2_gb(tmp_path) -> None:
    draw = np.random.default_rng(0)
    paths = [str(tmp_path / f"{name}.npy") for name in ("made", "heldout", "train")]
    block = draw.standard_normal((20_000, 1280), dtype=np.float32)
    for path in paths:
        rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(200_000, 1280))
        for start in range(0, 200_000, 20_000):
            rows[start : start + 20_000] = np.roll(block, draw.integers(1280), 1) * draw.choice([-1, 1])
        del rows
    # FD streams all rows; FD_inf, the products of all pairs and FLD are what holds most
    command = [sys.executable, "-c", MEMORY, *paths, "FD,FD_inf,KID,precision,copying,FLD"]
    out = subprocess.run(command, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert float(out.stdout) < 2
