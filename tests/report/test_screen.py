"""The live view as a terminal shows it, at several sizes, without colours, and what a pipe gets instead."""

from __future__ import annotations

import io
import re

import pyte
import pytest

from poise.disk.description import RunSpec
from poise.report import live
from poise.report.live import Lines, Live

FACTS = {"data": "photos: 400 pictures", "device": "cpu", "precision": "fp32", "threads": 1}
ENTRY = {
    "discriminator/adversarial": 1.301, "discriminator/grad_norm": 2.4, "discriminator/auc_gap": 0.021,
    "discriminator/l2.strength": 1e-4, "discriminator/l2.share": 0.12, "discriminator/on_training": 0.5,
    "discriminator/on_heldout": -0.25, "discriminator/on_generated": -1.5, "discriminator/r1": 0.125,
    "generator/adversarial": 0.712, "generator/grad_norm": 1.2, "generator/diversity": 0.87,
    "generator/shown_diversity": 0.91, "generator/l2.strength": 1e-4, "generator/l2.share": 0.33,
}  # fmt: skip
SAID = (
    "adversarial 1.301", "r1 0.125", "gradient 2.4", "AUC gap 0.021", "diversity as shown 0.91", "heldout -0.25",
    "share of the gradient 0.33", "the next in", "step 1,200/6,000", "generator collapse",
)  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Wrong:
    name, severity = "generator collapse", "warning"

    def line(self):
        return "a finding"


def shown(view, tmp_path):
    """A view that was told everything a run tells, twice, so that it is redrawn."""
    view.open(tmp_path / "run", RunSpec(arguments={"batch": 32}, facts=FACTS), 0, 6000)
    view.pace.at = lambda made: (0.0, float("nan"))  # no time has gone by
    path = tmp_path / "a-folder-with-a-rather-long-name" / "samples" / "00001200.png"
    for made in (1199, 1200):
        view.drawn = view.printed = 0.0
        view.step(made, ENTRY)
        view.shown(made, path, 1500, 48.0)
        view.findings(made, [Wrong()])
    view.drawn = view.printed = 0.0
    view.step(1200, ENTRY)
    return path


def screen(monkeypatch, tmp_path, columns, rows, **environment):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(rows))
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", *environment):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    view = live.view()
    assert isinstance(view, Live)
    path = shown(view, tmp_path)
    found = pyte.Screen(columns, rows)
    pyte.Stream(found).feed(terminal.getvalue().replace("\n", "\r\n"))
    view.close()
    return found, terminal.getvalue(), path


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40), (48, 30), (30, 60)])
def test_nothing_is_cut_whatever_the_size(monkeypatch, tmp_path, columns, rows):
    found, _, path = screen(monkeypatch, tmp_path, columns, rows)
    text = re.sub(r"\s+", " ", " ".join(line.strip() for line in found.display))
    together = text.replace(" ", "")
    assert all(part.replace(" ", "") in together for part in SAID), text
    assert path.name in together
    bar = next(line for line in found.display if "━" in line)
    assert not re.search(r"[a-z]", bar), "the bar has a line of its own"


def test_each_number_stands_once_however_often_it_is_redrawn(monkeypatch, tmp_path):
    found, _, _ = screen(monkeypatch, tmp_path, 80, 24)
    assert "\n".join(found.display).count("adversarial 1.301") == 1


def test_labels_and_numbers_are_aligned(monkeypatch, tmp_path):
    found, _, _ = screen(monkeypatch, tmp_path, 120, 40)
    lines = [line for line in found.display if line.startswith(("discriminator", "generator", "  l2", "samples"))]
    assert len(lines) == 5
    starts = {re.match(r"\s*\S+\s+", line).end() for line in lines}
    assert len(starts) == 1, lines


def test_without_colours_there_are_none(monkeypatch, tmp_path):
    _, written, _ = screen(monkeypatch, tmp_path, 80, 24, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m|\x1b\[[0-9;]*38;", written)
    _, written, _ = screen(monkeypatch, tmp_path, 80, 24)
    assert re.search(r"\x1b\[[0-9;]*38;|\x1b\[3[0-9]m", written), "with colours the bar has one"


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(live.view(), Lines)


def test_a_pipe_gets_whole_lines_and_nothing_that_acts(monkeypatch, tmp_path, capsys):
    view = Lines(every=0.0)
    path = shown(view, tmp_path)
    said = capsys.readouterr().out
    assert "\x1b" not in said and f"samples after step 1,200: {path}; the next in 0:48" in said
    last = said.splitlines()[-1]
    assert all(part in last for part in SAID if part not in ("the next in",))


def test_sentences_are_shown_as_they_are(monkeypatch, tmp_path, capsys):
    path = tmp_path / "00000010.txt"
    path.write_text("a sentence of this moment .\nanother .\n")
    view = Lines(every=0.0)
    view.open(tmp_path, RunSpec(arguments={"batch": 2}, facts=FACTS), 0, 20)
    view.pace.at = lambda made: (0.0, float("nan"))
    view.shown(10, path, 20, None)
    assert "00000010.txt; the next after step 20: a sentence of this moment ." in capsys.readouterr().out
    assert ("", "a sentence of this moment .") in view.table(10)
    path.unlink()
    assert "a sentence" not in str(view.table(10)), "a file that is gone is no fault"
