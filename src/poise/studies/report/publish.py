"""The end of a study: everything that is written about it, into its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from poise.disk import make_folder, write_atomically, write_json
from poise.report.figures.letters import lettered
from poise.studies.comparison.comparison import compare
from poise.studies.comparison.content import content_of, json_safe
from poise.studies.comparison.outcome import StudyOutcome
from poise.studies.plans.plan import Plan, Result
from poise.studies.report.page import save_study_page
from poise.studies.report.samples import samples_of
from poise.studies.report.sentences import counted, markdown, notes_of, table, tables
from poise.studies.report.whole import draw, texts_of
from poise.terminal import escaped


def publish(
    plan: Plan,
    results: Sequence[Result],
    folder: Path,
    about: Mapping[str, object] | None = None,
    notes: Sequence[str] = (),
    runs: str = "runs",
) -> StudyOutcome:
    """Compare the runs and write study.json, table.txt, table.md, plots/*.png and index.html; returns the outcome.

    Args: plan; results of the runs that are over, all or some; folder, made where it is missing; about, whatever else
    is to be known; notes, sentences that join those of the comparison; runs, where the run folders lie, relative to the
    folder. What was there from an earlier time is replaced, file by file.
    Errors: PoiseError, before anything is written where the runs do not fit the plan (see `compare`).
    """
    compared = compare(plan, results)
    outcome = replace(compared, notes=[*compared.notes, *notes], about=json_safe(about or {}))
    make_folder(folder)
    with lettered(texts_of(outcome)):
        pictures = draw(outcome, folder)
    shown = samples_of(outcome, folder, runs)
    write_atomically(folder / "table.txt", escaped(table(outcome)).encode())
    write_atomically(folder / "table.md", escaped(markdown(outcome)).encode())
    save_study_page(folder, outcome, counted(outcome), tables(outcome), notes_of(outcome), pictures, runs, shown)
    write_json(folder / "study.json", content_of(outcome))
    return outcome
