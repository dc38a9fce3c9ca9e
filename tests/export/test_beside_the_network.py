"""What is handed over beside the network: the program, its page, and the card."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
import sys

import pytest

from poise.cli import main
from poise.disk.rows import StepRow
from poise.export.card import _scores
from poise.export.export import Wanted, export
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.report import RunReport
from tests.export.programs import alone
from tests.export.tiny import KINDS
from tests.monitor.records import record


class _Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.scripts, self.addresses, self.text = 0, [], ""

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        ("dcgan", ["-n", "0"], "-n must be at least 1"),
        ("residual", ["--label", "x"], "invalid choice"),
        ("text, lstm", ["-n", "-1"], "-n must be at least 1"),
        ("speech", ["ma1", "--voice", "9"], "--voice must be 0 to 1"),
        ("speech", ["ma1", "--speed", "9"], "--speed must be 0.25 to 4"),
        ("speech", ["zhuang1"], "never heard|heard in training"),
        ("vocoder, vocos", ["nothing.wav"], "cannot be read as a WAV file"),
        ("vocoder, vocos", ["units.txt"], "cannot be read as a WAV file"),
    ],
)
def test_the_program_tells_what_it_cannot_do(kind, words, expected, handed, tmp_path):
    export(handed(kind), tmp_path / "out", Wanted(torch=True), tell=lambda line: None)
    (tmp_path / "out" / "units.txt").write_text("no sound")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "out" / "generator.py"), *words],
        capture_output=True,
        text=True,
        cwd=tmp_path / "out",
        check=False,
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr and re.search(expected, done.stderr)


@pytest.mark.slow
def test_names_that_somebody_else_gave_become_no_markup_and_no_code(handed, tmp_path):
    """In the name of the run, in what the data was, and in the classes."""
    evil = '\udce9x"""\nraise SystemExit("run")\n"""<script>alert(1)</script>`|](x)\\'
    run = handed("residual")
    copied = tmp_path / "a<b>&c"
    shutil.copytree(run.path, copied)
    table = json.loads((copied / "spec.json").read_text())
    table["facts"]["data"] = evil
    table["facts"]["classes"] = [evil, "b", "c"]
    (copied / "spec.json").write_text(json.dumps(table))
    other = Run(RunFolder(copied))
    out = tmp_path / "out"
    export(other, out, Wanted(torch=True, page=True, hub=True), tell=lambda line: None)
    alone(out, "-n", "3", "--out", "grid.png")
    card = (out / "README.md").read_text()
    assert "<script" not in card and "&lt;script&gt;" in card
    page = _Parser()
    page.feed((out / "page" / "index.html").read_text())
    assert page.scripts == 5 and "<script>alert(1)</script>" in page.text
    assert all("/" not in address and ":" not in address for address in page.addresses)
    assert sum(path.stat().st_size for path in (out / "page").iterdir()) < 20_000_000


@pytest.mark.slow
def test_the_card_says_what_the_record_says(handed, tmp_path, capsys):
    """Data, steps, penalties and whether they acted, findings; a short name as licence; the picture is there."""
    run = handed("dcgan")
    assert main(["export", str(run.path), "-o", str(tmp_path / "out"), "--hub", "--licence", "CC-BY-4.0"]) == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    for sentence in run.report["sentences"]:
        assert sentence in card
    assert "2 steps of `images`" in card and "The run was not scored." in card
    assert "![64 samples of seed 0, not selected](card.png)" in card
    assert (tmp_path / "out" / "card.png").is_file() and (tmp_path / "out" / "generator.py").is_file()
    assert str(tmp_path) not in (tmp_path / "out" / "config.json").read_text()
    assert capsys.readouterr().out.splitlines()[0].endswith(f"-> {tmp_path / 'out'}")


def test_the_scores_of_a_card_are_of_its_weights():
    """Of the step that is exported, whatever was scored later; counts and plain colours are no scores of the model."""
    scores = {"KID-X": 2.5, "KID-X.low": 2.0, "KID-X.high": 3.0, "KID-X.flat": 18.2, "X.n": 64, "X.m": 60}
    later = {name: 2 * value for name, value in scores.items()}
    taken = [StepRow({"step": 4, **scores, "share": 0.5}), StepRow({"step": 6, **later, "share": 0.4})]
    report = RunReport("run", "images", None, None, 6, scores=taken, floor={"KID-X": 0.1})
    assert _scores(report, 4) == [
        "After 4 steps, against held-out data:",
        "",
        "| score | this model | 95 % | real beside real | plain colours | N |",
        "|---|---|---|---|---|---|",
        "| KID-X | 2.5 | 2 to 3 | 0.1 | 18.2 | 64 / 60 |",
        "| share | 0.5 |  |  |  |  |",
    ]
    assert "| KID-X | 5 | 4 to 6 | 0.1 | 36.4 | 128 / 120 |" in _scores(report, 6)
    assert _scores(report, 5) == ["These weights, of step 5, were not scored; the run was after 4, 6 steps."]
    report = RunReport("run", "images", None, None, 6, scores=[StepRow({"step": 6, "share": 0.5})])
    assert _scores(report, 6)[2] == "| score | this model |"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (1, "could not be told"),
        (None, "found no copying"),
        ("now", "of the items of the generator is a training item"),
        ("earlier", "Seen after 5 steps, and not at the end: Once 80 % were copies."),
    ],
)
def test_the_card_says_of_copies_what_could_be_seen(rows, said, handed, tmp_path):
    """A record of one look is no proof that nothing was copied; what was seen and has gone is told."""
    run, copied = handed("dcgan"), tmp_path / "run"
    shutil.copytree(run.path, copied)
    inside = {"generator__inside": 0.9, "generator__inside_z": 6.0} if rows == "now" else {}
    kept = record(**inside)[: rows if isinstance(rows, int) else None]
    (copied / "record.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    if rows == "earlier":
        seen = {"event": "finding", "name": "memorisation", "severity": "warning", "since": 3, "seen": 5}
        line = json.dumps({**seen, "sentence": "Once 80 % were copies."})
        (copied / "events.jsonl").write_text(f"{line}\n")
    export(Run(RunFolder(copied)), tmp_path / "out", Wanted(hub=True), tell=lambda line: None)
    section = (tmp_path / "out" / "README.md").read_text().split("## Copies")[1].split("##")[0]
    assert said in section and ("found no copying" in section) == (rows is None)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vae", "text, lstm", "language", "speech", "vocoder, vocos"])
def test_a_card_of_each_recipe_has_samples_and_a_task(kind, handed, tmp_path):
    run = handed(kind)
    export(run, tmp_path / "out", Wanted(hub=True), tell=lambda line: None)
    card = (tmp_path / "out" / "README.md").read_text()
    table = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (
        table["recipe"] == KINDS[kind][0] and table["architecture"] in (tmp_path / "out" / "generator.py").read_text()
    )
    if run.recipe.modality == "text":
        sentence = run.sample(1, seed=0)[0].split()[0].strip(".,()")
        assert f"> {sentence}" in card
    else:
        shown = [*(tmp_path / "out").glob("samples*"), *(tmp_path / "out").glob("card.png")]
        assert bool(shown) == (KINDS[kind][0] != "vocoder")
