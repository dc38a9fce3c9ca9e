"""The report of a run, finished or not: what was trained, how it went, scores, what is wrong, samples, how to make it
again."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from poise.disk.description import RunSpec
from poise.disk.rows import StepRow
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.registry import names
from poise.report.figures.letters import lettered, untold
from poise.report.figures.looks import as_png, as_svg
from poise.report.figures.panels import Panel, panels_figure
from poise.report.table import SUFFIXES, counts_of, number, without_empty
from poise.results.again import again
from poise.results.curves import RunCurves, texts_of
from poise.results.evaluations import evaluation_tables
from poise.results.forms.document import Block, Cells, Document, Heading, Image, Paragraph, Points, Remark, Verbatim
from poise.results.samples import newest_samples
from poise.runs.diagnosis import diagnosis
from poise.runs.differences import asked_of
from poise.runs.listing import ListedRun, about
from poise.runs.report import RunReport, conclude
from poise.specs.spec import kind_of

SHARP = 160  # dots an inch of figures as PNG


def run_document(folder: RunFolder) -> tuple[Document, str]:
    """The report, and one line on letters that have no font here. Errors: PoiseError for a run that is damaged."""
    spec, known = folder.spec(), about(folder)
    if known.state == "broken":
        raise PoiseError(known.why)
    report = reported(folder, spec, known)
    found = Document(folder.name, state_of(known))
    found.add(Heading("What was trained"), _trained(folder, spec, report))
    found.add(Heading("How it went"), *_went(report))
    missing: list[str] = []
    if known.step or (folder.path / "record.jsonl").exists():
        figures, missing = _figures(folder)
        found.add(*figures)
    found.add(Heading("Scores"), *_scores(report), *evaluation_tables(folder))
    found.add(Heading("Findings"), *_findings(folder, report))
    if samples := newest_samples(folder.samples):
        found.add(Heading("Samples"), *samples)
    found.add(Heading("How to make it again"), Verbatim(again(folder)))
    rows = [(name, _text(value)) for name, value in asked_of(spec).items()]
    found.add(Cells("Everything that was asked for", ("NAME", "VALUE"), rows, folded=True))
    return found, untold(missing)


def state_of(known: ListedRun) -> str:
    """How far a run is, in a sentence."""
    steps = f"step {known.step:,} of {known.of:,}" if known.of else f"step {known.step:,}"
    return {
        "training": f"Still training: {steps}.",
        "stopped": f"Not finished: stopped at {steps}; poise resume goes on from there.",
        "diverged": f"It diverged: {steps} is the last that was kept.",
    }.get(known.state, f"Finished after {known.step:,} steps.")


def reported(folder: RunFolder, spec: RunSpec, known: ListedRun) -> RunReport:
    """What the run says at its end, or of one that has not ended what its record says by now."""
    if folder.done:
        return RunReport.of(folder)
    return conclude(folder, spec, known.step, {}, kind_of(spec.recipe).primary)


def _trained(folder: RunFolder, spec: RunSpec, report: RunReport) -> Cells:
    facts, arguments = spec.facts, spec.arguments
    rows = [("recipe", spec.recipe), ("data", _text(facts.get("data", arguments.get("data"))))]
    rows += [
        (f"λ of {name.removeprefix('l2_')}", _text(value))
        for name, value in arguments.items()
        if name.startswith("l2_")
    ]
    named = ("network", "loss", "objective", "augment", "device", "precision", "threads")
    rows += [
        (name, _text(facts.get(name, arguments.get(name)))) for name in named if name in facts or name in arguments
    ]
    rows += [
        (name, _text(arguments[name])) for name in arguments if name in ("batch", "seed") or name.endswith("steps")
    ]
    rows += [("made with", ", ".join(f"{name} {version}" for name, version in spec.versions.items()))]
    events = [event.time for event in folder.events() if event.time]
    rows += [("began, last changed", f"{moment(events[0])}, {moment(events[-1])}")] if events else []
    if spent := report.seconds.get("this sitting"):
        rows.append(("minutes of the last sitting", f"{spent / 60:.1f}"))
    return Cells("", ("", ""), [row for row in rows if row[1]])


def moment(time: str) -> str:
    """2026-11-29T13:52:18+0900 -> 2026-11-29 04:52 UTC; without an offset as it stands."""
    try:
        known = datetime.datetime.strptime(time, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return time[:16].replace("T", " ")
    return f"{known.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"


def _text(value: object) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _went(report: RunReport) -> list[Block]:
    said = [*report.sentences, *report.rollbacks]
    said += [
        f"‖w‖ of the {player.replace('_', ' ')}: {number(first)} at first, {number(last)} at the end of the record."
        for player, (first, last) in report.weight_norms.items()
    ]
    found: list[Block] = [Points(said)] if said else [Paragraph("Nothing was recorded yet.")]
    return [*found, Points(list(report.notes))] if report.notes else found


def _figures(folder: RunFolder) -> tuple[list[Block], list[str]]:
    """Two figures, what happened above the first: of training and of scores."""
    try:
        curves = RunCurves.of(folder)
    except PoiseError:
        if not folder.rows():
            return [], []
        raise
    training, scored = curves.training(), [curves.score(name) for name in curves.scores]
    found: list[Block] = []
    with lettered(texts_of([*training, *scored], curves.happenings, curves.name)) as missing:
        for title, panels in (("Curves of training", training), ("Scores over the steps", scored)):
            found += _pages(title, panels, curves)
    return found, missing


def _pages(title: str, panels: Sequence[Panel], curves: RunCurves, most: int = 8) -> list[Block]:
    """Figures of at most eight panels, which a page of paper has room for."""
    found: list[Block] = []
    for i in range(0, len(panels), most):
        try:
            figure = panels_figure("", panels[i : i + most], curves.happenings)
        except ValueError:
            continue
        found.append(Image(title, as_png(figure, SHARP), as_svg(figure)))
    return found


def _scores(report: RunReport) -> list[Block]:
    taken = [StepRow(row) for row in report.scores]
    if not taken:
        return [Paragraph("No scores were taken.")]
    last = taken[-1]
    best = next((row for row in taken if report.best and row.step == report.best.step), None)
    found: list[Block] = []
    if report.best:
        value = number(report.best.value)
        found.append(Paragraph(f"The best {report.best.score} is {value}, after step {report.best.step:,}."))
    said = f"Scores while training: at step {last.step:,}, and at the best step"
    found.append(_table(said, last, best or last, report.floor))
    if report.final is not None:
        found.append(_table("Scores after training", report.final.end, report.final.best, {}))
        found.append(Paragraph(f"{report.final.about[:1].upper()}{report.final.about[1:]}.", quiet=True))
    how = "Values with their 95 % intervals. Real against real is what a perfect generator would score"
    flat = "; plain colours know nothing of the data" if any(name.endswith(".flat") for name in last) else ""
    return [*found, Paragraph(f"{how}{flat}. N: generated / real.", quiet=True)]


def _table(title: str, last: Mapping[str, float], best: Mapping[str, float], floor: Mapping[str, float]) -> Cells:
    head = ("SCORE", "LAST", "BEST STEP", "REAL AGAINST REAL", "PLAIN COLOURS", "N")
    rows = []
    for name in (name for name in last if not name.endswith(SUFFIXES) and name != "step"):
        flat = number(last[f"{name}.flat"]) if f"{name}.flat" in last else ""
        rows.append((name, *(_value(name, values) for values in (last, best, floor)), flat, counts_of(name, last)))
    return filled(title, head, rows)


def filled(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Cells:
    """A table without the columns in which no row has anything."""
    kept, *found = without_empty([head, *rows])
    return Cells(title, kept, found)


def _value(name: str, values: Mapping[str, float]) -> str:
    if name not in values:
        return ""
    if {f"{name}.low", f"{name}.high"} <= values.keys():
        return f"{number(values[name])} [{number(values[f'{name}.low'])}, {number(values[f'{name}.high'])}]"
    return number(values[name])


def _findings(folder: RunFolder, report: RunReport) -> list[Block]:
    if not report.weight_norms and not folder.rows():
        return [Paragraph("There is nothing to look at yet.")]
    known = diagnosis(folder)
    found: list[Block] = [
        Remark(one.severity, f"{one.name} (since step {one.since:,})", [one.sentence, one.action])
        for one in known.findings
    ]
    if not found:
        found.append(
            Paragraph(f"Nothing is wrong that could be seen ({len(names('symptom'))} symptoms were looked for).")
        )
    past = [f"Seen at step {one.seen:,} and gone: {one.name}. {one.sentence}" for one in known.earlier]
    return [*found, Points(past)] if past else found
