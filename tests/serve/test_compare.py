"""Runs beside each other: the tables of `poise compare`, its panels, best scores with intervals; no place is told."""

from __future__ import annotations

import json
import shutil

import pytest

from poise.monitor import Finding
from poise.record import RunFolder
from poise.results import long_record
from poise.results.compare import panels_of
from poise.results.curves import RunCurves
from poise.runs.differences import differences
from poise.runs.listing import about
from poise.serve import answers, compare
from poise.serve import app as serving
from poise.serve.views import POINTS, Views
from tests.results.conftest import run_of

pytest.importorskip("starlette")
from starlette.testclient import TestClient


def scored(path, value, low=None, high=None, steps=30, **facts):
    """A run whose record has a score at its end."""
    rows = [{"step": i, "discriminator/grad_norm": 1.0, "discriminator/adversarial": value + i} for i in range(steps)]
    rows[-1] |= {"score/KID-EffLite0": value}
    if low is not None:
        rows[-1] |= {"score/KID-EffLite0.low": low, "score/KID-EffLite0.high": high}
    return run_of(path, rows, **{"fingerprint": "x", **facts})


def test_the_tables_and_panels_are_those_of_poise_compare(tmp_path):
    runs = [scored(tmp_path / name, value) for name, value in (("a", 3.0), ("b", 1.0), ("c", 2.0))]
    found = compare.comparison(Views(tmp_path), ["a", "b", "c"]).content
    assert found["tables"] == {
        name: [list(row) for row in rows] for name, rows in differences(runs, unfinished=True).items()
    }
    panels = {panel.title: panel for panel in panels_of([RunCurves.of(run) for run in runs], ["a", "b", "c"])}
    assert {panel["title"] for panel in found["panels"]} == set(panels) and len(panels) >= 2
    for panel in found["panels"]:
        for curve, known in zip(panel["curves"], panels[panel["title"]].curves, strict=True):
            assert (curve["name"], curve["look"], curve["y"]) == (known.name, known.look, list(known.y))


@pytest.mark.parametrize(
    ("first", "second", "clear"),
    [
        ((1.0, 0.5, 1.4), (2.0, 1.5, 2.5), [True, None]),
        ((1.0, 0.5, 1.6), (2.0, 1.5, 2.5), [False, None]),
        ((2.0, 1.5, 2.5), (1.0, 0.5, 1.4), [None, True]),
        ((1.0,), (2.0,), [True, None]),
        ((1.0,), (2.0, 0.9, 3.0), [False, None]),
    ],
)
def test_the_lowest_best_score_is_clear_where_no_other_interval_reaches_so_low(first, second, clear, tmp_path):
    for name, values in (("a", first), ("b", second)):
        scored(tmp_path / name, *values)
    found = compare.comparison(Views(tmp_path), ["a", "b"]).content["runs"]
    assert [run["best"]["clear"] for run in found] == clear
    for run, values in zip(found, (first, second), strict=True):
        low_and_high = values[1:] or (None, None)
        assert (run["best"]["value"], run["best"]["low"], run["best"]["high"]) == (values[0], *low_and_high)
        assert (run["best"]["score"], run["best"]["step"]) == ("KID-EffLite0", 30)


def test_scores_on_other_data_are_not_set_against_each_other(tmp_path):
    for name, value, data in (("a", 1.0, "x"), ("b", 2.0, "y"), ("c", 3.0, "y")):
        scored(tmp_path / name, value, fingerprint=data)
    found = compare.comparison(Views(tmp_path), ["a", "b", "c"]).content["runs"]
    assert [run["best"]["clear"] for run in found] == [None, True, None]


def test_without_a_fingerprint_data_are_like_no_others(tmp_path):
    for name, value in (("a", 1.0), ("b", 2.0)):
        scored(tmp_path / name, value, fingerprint=None)
    found = compare.comparison(Views(tmp_path), ["a", "b"]).content["runs"]
    assert [run["best"]["clear"] for run in found] == [None, None]


@pytest.mark.slow
def test_long_records_are_searched_to_their_end_and_never_read_whole(tmp_path, monkeypatch):
    for name, value in {"WHOLE": 2_000, "CHUNK": 4_000, "SECONDS": 0.0}.items():
        monkeypatch.setattr(long_record, name, value)
    for name in ("a", "b"):
        rows = [{"step": i, "score/KID-EffLite0": 1 / (1 + i)} for i in range(1_000)]
        run_of(tmp_path / name, [*rows, {"step": 1_000, "score/KID-EffLite0": 5.0}])
    now = [0.0]
    views = Views(tmp_path, lambda: now[0])
    wanted = about(RunFolder(tmp_path / "a")).best
    monkeypatch.setattr(RunFolder, "rows", lambda run: pytest.fail("all rows at once"))
    answers = []
    for _ in range(30):
        now[0] += 1_000.0
        answers.append(compare.comparison(views, ["a", "b"]))
    bests = [[run["best"]["step"] for run in answer.content["runs"]] for answer in answers]
    assert wanted.step == 1_000 and bests[0] != bests[-1] == [wanted.step, wanted.step]
    assert answers[0].partial and not answers[-1].partial and answers[-1].version == answers[-2].version
    assert answers[0].version != answers[-1].version
    assert ["best step", "1000", "1000"] in answers[-1].content["tables"]["outcome"]


def test_of_discriminators_the_means_of_the_last_probes_are_told(tmp_path):
    """0.5, 0.75 and 1 in turns over the last 8 of 12 probes; a run without a discriminator has none."""
    values = [0.0] * 4 + [0.5, 0.75, 1.0, 0.75] * 2
    rows = [
        {"step": i, "discriminator/auc_heldout": value, "discriminator/auc_gap": 0.25} for i, value in enumerate(values)
    ]
    run_of(tmp_path / "a", rows)
    scored(tmp_path / "b", 1.0)
    first, second = compare.comparison(Views(tmp_path), ["a", "b"]).content["runs"]
    assert first["judges"] == {"discriminator": {"auc_heldout": 0.75, "auc_gap": 0.25}} and second["judges"] == {}


def test_what_is_wrong_with_each_and_its_samples_are_told(tmp_path, monkeypatch):
    scored(tmp_path / "a", 3.0)
    scored(tmp_path / "b", 1.0)
    (tmp_path / "a" / "samples" / "00000010.png").write_bytes(b"")
    known = compare.diagnosis
    evil = Finding("<b>bad</b>", "critical", 3, "it is bad.", "Do this.")

    def found_in(folder, rows):
        answer = known(folder, rows)
        return type(answer)(*[[evil] if name == "findings" else value for name, value in vars(answer).items()])

    monkeypatch.setattr(compare, "diagnosis", found_in)
    first, second = compare.comparison(Views(tmp_path), ["a", "b"]).content["runs"]
    assert first["samples"] == ["00000010.png"] and second["samples"] == []
    assert first["findings"][0]["name"] == "<b>bad</b>" and first["findings"][0]["action"] == "Do this."


def test_a_damaged_run_is_told_and_does_not_hide_the_other(tmp_path):
    scored(tmp_path / "a", 3.0)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "spec.json").write_text('{"format": 1, "recipe"')
    found = compare.comparison(Views(tmp_path), ["a", "b"])
    assert found.content["trouble"] and found.content["runs"][1]["trouble"]
    assert found.content["runs"][0]["best"]["value"] == 3.0 and str(tmp_path) not in json.dumps(found.content)


def test_places_on_this_machine_are_not_sent(tmp_path):
    for name in ("a", "b"):
        folder = scored(tmp_path / name, 1.0)
        file = folder.path / "spec.json"
        known = json.loads(file.read_text())
        known["arguments"]["data"] = f"/home/{name}/SECRET/pictures-{name}.npy"
        file.write_text(json.dumps(known))
    found = compare.comparison(Views(tmp_path), ["a", "b"]).content
    assert ["data", "pictures-a.npy", "pictures-b.npy"] in found["tables"]["asked"]
    assert "SECRET" not in json.dumps(found) and str(tmp_path) not in json.dumps(found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/pics/cats.npy", "cats.npy"), ("../x/y.txt", "y.txt"), ("~/a/c", "c"), ("C:\\Users\\me\\x", "x"),
        ("['/a/b', '/c/d']", "['b', 'd']"), ("data/x.zip", "data/x.zip"), ("cosine:4e-3:2e-4", "cosine:4e-3:2e-4"),
        ("1 / 2", "1 / 2"), ("N/A", "N/A"), ("{voice}/{text}", "{voice}/{text}"),
    ],
)  # fmt: skip
def test_of_a_path_its_last_name_is_told(text, shown):
    assert answers.without_places(text) == shown


def test_it_is_computed_once_and_bounded(tmp_path, monkeypatch):
    now = [0.0]
    views = Views(tmp_path, lambda: now[0])
    for name in ("a", "b"):
        scored(tmp_path / name, 1.0 + (name == "b"), steps=3 * POINTS, **{f"fact{i}": name for i in range(300)})
    calls = []
    known = compare.differences
    monkeypatch.setattr(compare, "differences", lambda *given, **asked: calls.append(1) or known(*given, **asked))
    first = compare.comparison(views, ["a", "b"])
    now[0] = 10.0
    assert compare.comparison(views, ["a", "b"]).version == first.version and len(calls) == 1
    with (tmp_path / "b" / "record.jsonl").open("a") as file:
        file.write('{"step": 5000, "discriminator/grad_norm": 2.0}\n')
    now[0] = 20.0
    assert compare.comparison(views, ["a", "b"]).version != first.version and len(calls) == 2
    assert all(len(curve["x"]) <= POINTS for panel in first.content["panels"] for curve in panel["curves"])
    assert len(first.content["tables"]["data and machine"]) == compare.ROWS


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("run=a", "two to 6 runs can be compared, not 1"), ("", "not 0"),
        ("&".join(f"run={i}" for i in range(7)), "not 7"),
        ("run=a&run=a", "one run is named twice"), ("run=a&run=nobody", "there is no run 'nobody'"),
        ("run=a&run=b&x=1", "compare knows no 'x'"), ("run=a&run=..%2fb", "there is no run"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_sentence(query, said, tmp_path):
    (tmp_path / "runs").mkdir()
    for name in ("a", "b"):
        scored(tmp_path / "runs" / name, 1.0)
    shutil.copytree(tmp_path / "runs" / "b", tmp_path / "b")
    with TestClient(serving.application(tmp_path / "runs"), base_url="http://localhost:8741") as at:
        answer = at.get(f"/api/compare?{query}")
        assert answer.status_code == 400 and said in answer.text and answer.text.count("\n") == 1
        good = at.get("/api/compare?run=a&run=b")
        again = at.get("/api/compare?run=a&run=b", headers={"If-None-Match": good.headers["etag"]})
        assert good.status_code == 200 and again.status_code == 304
    assert RunFolder(tmp_path / "b").name == "b", "it lies beside the folder"
