"""What is said when a training has ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from poise.terminal import pasted

if TYPE_CHECKING:
    from poise.record import RunFolder
    from poise.runs.report import RunReport


def shown(folder: RunFolder) -> str:
    """How to name a run on the command line."""
    from poise.record import runs_root

    return pasted(folder.name if folder.path.parent == runs_root() else str(folder.path))


def summary(folder: RunFolder, report: RunReport, already: bool, moved: bool = False) -> None:
    """What the penalties did, how good the samples are, where the files are; `already`, it was done before; `moved`,
    somebody has said where its data are now."""
    from poise.report.table import score_lines
    from poise.specs.spec import kind_of

    if already and not moved:
        print(f"{folder.path} was finished before; nothing to do.")
    if moved:
        print(f"The data of {folder.path} are in {folder.spec().data_path} now.")
    for line in report.sentences:
        print(line)
    if report.scores:
        last = {k: v for k, v in report.scores[-1].items() if k != "step"}
        print(f"Scores of the last step against held-out data{best_of(report)}:")
        for line in score_lines(last, report.floor):
            print(f"  {line}")
    for finding in report.findings:
        line = finding.line()
        print(line[0].upper() + line[1:])
    samples = sorted(folder.samples.glob("[0-9]*"))
    print(f"Samples: {samples[-1] if samples else folder.samples}")
    if (folder.samples / "index.html").exists():
        print(f"Listen:  {folder.samples / 'index.html'}")
    print(f"Report:  {folder.path / 'report.json'}")
    more = Path(kind_of(report.recipe).default_out).with_stem("more")
    print(f"More:    poise sample {shown(folder)} -n 64 --out {more}")


def best_of(report: RunReport) -> str:
    found = report.best
    return f" (best: step {found.step:,}, {found.score} {found.value:.4f})" if found else ""
