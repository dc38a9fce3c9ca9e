"""The report of a study: the question, verdicts, numbers, plots, samples of every arm, its runs and its plan."""

from __future__ import annotations

from pathlib import Path

from poise.report.figures.letters import lettered, untold
from poise.report.figures.looks import as_png, as_svg
from poise.results.again import plan_again
from poise.results.forms.document import Block, Cells, Document, Heading, Image, Paragraph, Points, Remark, Verbatim
from poise.results.run_document import SHARP
from poise.results.samples import newest_samples
from poise.studies.comparison.outcome import StudyOutcome
from poise.studies.kept import outcome_of
from poise.studies.report.page import run_rows
from poise.studies.report.samples import of_one_seed
from poise.studies.report.sentences import counted, notes_of, tables
from poise.studies.report.whole import drawings_of, texts_of


def study_document(folder: Path) -> tuple[Document, str]:
    """The report, and one line on letters that have no font here. Errors: PoiseError for what is damaged."""
    outcome = outcome_of(folder)
    found = Document(outcome.plan.name, outcome.plan.question)
    unfinished = "" if outcome.complete else " Nothing is decided before all runs are there."
    found.add(Paragraph(f"{counted(outcome)}.{unfinished}"))
    if outcome.claims:
        found.add(Heading("Claims"))
    for claim in outcome.claims:
        because = [f"Why it might be so, written before: {claim.because}"] if claim.because else []
        found.add(Remark(claim.verdict, claim.says, [claim.reason, *because]))
    found.add(Heading("Numbers"), *(Cells(title, rows[0], rows[1:]) for title, rows in tables(outcome)))
    if notes := notes_of(outcome):
        found.add(Points(notes))
    with lettered(texts_of(outcome)) as missing:
        if plots := _plots(outcome):
            found.add(Heading("Plots"), *plots)
    if samples := _samples(outcome, folder):
        found.add(Heading("Samples"), *samples)
    found.add(Heading("Runs"))
    for part in outcome.parts:
        title, rows = run_rows(outcome, part, "")
        cells = [[cell if isinstance(cell, str) else cell.text for cell in row] for row in rows]
        found.add(Cells(title, cells[0], cells[1:], folded=True))
    found.add(
        Heading("How to make it again"), Paragraph("Keep this plan in a .yaml file and start it: poise study FILE")
    )
    found.add(Verbatim(plan_again(outcome.plan), "Plan", folded=True))
    return found, untold(missing)


def _plots(outcome: StudyOutcome) -> list[Block]:
    found: list[Block] = []
    for drawing in drawings_of(outcome):
        figure = drawing.figure()
        found.append(Image(drawing.title, as_png(figure, SHARP), as_svg(figure)))
    return found


def _samples(outcome: StudyOutcome, folder: Path) -> list[Block]:
    """Of every arm, of one seed, with the same noise."""
    found: list[Block] = []
    for part in outcome.parts:
        seed, runs = of_one_seed(outcome, part)
        for arm, run in runs.items():
            blocks = newest_samples(folder / "runs" / run / "samples")
            if blocks:
                found += [Paragraph(f"{part.name}, {arm}, seed {seed}"), *blocks]
    return found
