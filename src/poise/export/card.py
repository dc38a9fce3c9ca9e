"""`--hub`: what a model repository holds beside the network: README.md (the card), config.json, samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.disk import write_json
from poise.disk.rows import KeptRows
from poise.errors import PoiseError
from poise.export.plain import CODE, HOW, WEIGHTS, write_text
from poise.monitor import Record
from poise.monitor.findings.generator import tells_copies
from poise.report.table import SUFFIXES, counts_of, number, without_empty
from poise.runs.diagnosis import diagnosis
from poise.runs.report import RunReport

if TYPE_CHECKING:
    from poise.recipes.common.portable import Portable
    from poise.runs.load import Run

TASKS = {"images": "unconditional-image-generation", "vae": "unconditional-image-generation"}
TASKS |= {"text": "text-generation", "language": "text-generation", "speech": "text-to-speech"}
SHOWN = 16  # sentences in the card
SEED = 0
MEMORISATION = "memorisation"  # the finding of that name


def written(run: Run, portable: Portable, folder: Path, licence: str | None) -> list[str]:
    """README.md, config.json and samples; returns lines that say what they are."""
    samples = samples_of(run, folder)
    write_text(folder / "README.md", card(run, portable, samples, licence))
    described = {
        "architecture": portable.network.code(),
        "recipe": run.spec.recipe,
        "page": dict(portable.page),
        "arguments": plainly(run.written.arguments),
        "versions": dict(run.spec.versions),
    }
    write_json(folder / "config.json", described)
    told = "" if licence else "; its licence is 'other' until you say which with --licence"
    return [f"README.md: the model card, from the record{told}", "config.json: the network and its arguments"]


def samples_of(run: Run, folder: Path) -> list[str]:
    """A file of samples beside the card; returns lines of Markdown that show them. A vocoder has none of its own: they
    would be recordings that were held out."""
    if run.recipe.modality == "speech" and run.recipe.say is None:
        return ["No samples are here: they would be copies of recordings."]
    made = run.sample(64 if run.recipe.modality == "image" else SHOWN, SEED)
    if run.recipe.modality == "image":
        from poise.report.picture import save_grid

        save_grid(made, folder / "card.png")  # samples.png is what generator.py writes
        return [f"![64 samples of seed {SEED}, not selected](card.png)"]
    if run.recipe.modality == "text":
        return [f"{SHOWN} samples of seed {SEED}, not selected:", "", *(f"> {_plain(one)}\n>" for one in made)]
    run.recipe.write(made, folder / "samples")
    return [f"`samples/` has held-out texts, said with seed {SEED}, not selected."]


def card(run: Run, portable: Portable, samples: Iterable[str], licence: str | None) -> str:
    """The text of README.md."""
    report = _report(run)
    versions = run.spec.versions
    found = [f"{finding.name}: {finding.sentence}" for finding in report.findings]
    sections = {
        "Use": _use(portable),
        "Data": [_plain(run.spec.facts.get("data") or "not said in the record")],
        "Training": [
            f"{report.steps:,} steps of `{run.spec.recipe}` by Poise {versions.get('poise', '')} with PyTorch "
            f"{versions.get('torch', '')}; these weights are of step {_step(run):,}, averaged while training.",
            "",
            *_list(report.sentences, "No penalty was recorded."),
        ],
        "Scores": _scores(report, _step(run)),
        "What the monitor found": [
            f"At the end of the run, after {report.steps:,} steps:",
            "",
            *_list(found, "Nothing."),
        ],
        "Copies": _copies(run),
        "Limits": [
            "It shows what its data show, and leaves out what they leave out. Whether you may use it and hand it on "
            "depends on the licence of the data."
        ],
    }
    lines = [*_front(run, licence), f"# {_plain(run.name)}", "", *samples]
    for heading, body in sections.items():
        lines += ["", f"## {heading}", "", *body]
    return "\n".join(lines) + "\n"


def _use(portable: Portable) -> list[str]:
    code = ["```python", "from generator import open_generator", "", "generator = open_generator()", "```"]
    how = f"python {CODE} {HOW[portable.page['kind']]}"
    files = f"`{CODE}` needs PyTorch and nothing else; `{WEIGHTS}` is beside it. `{how}` writes what it makes."
    return [*code, "", *portable.lines, "", files]


def _front(run: Run, licence: str | None) -> list[str]:
    """The fields that a model repository reads."""
    task = TASKS.get(run.spec.recipe)
    lines = ["---", f"license: {_field(licence) if licence else 'other'}", "library_name: pytorch"]
    lines += [f"pipeline_tag: {task}"] if task else []
    return [*lines, "tags:", "- poise", f"- {run.spec.recipe}", "---"]


def _field(licence: str) -> str:
    if not licence.replace("-", "").replace(".", "").isalnum() or not licence.isascii():
        raise PoiseError(f"--licence {licence[:40]!r}: give a short name such as apache-2.0, cc-by-4.0 or mit")
    return licence.lower()


def _report(run: Run) -> RunReport:
    try:
        return RunReport.of(run.folder)
    except PoiseError:
        raise PoiseError(
            f"{run.path} has no report yet, which the card of --hub is written from: let the run end, or leave out "
            "--hub"
        ) from None


def _step(run: Run) -> int:
    return int(run.checkpoint.name.removeprefix("step-"))


def _scores(report: RunReport, step: int) -> list[str]:
    """The scores of the weights after `step` steps with their intervals, beside those of real items and of plain
    colours."""
    if not report.scores:
        return ["The run was not scored."]
    taken = {row.step: row for row in report.scores}
    if step not in taken:
        known = ", ".join(f"{one:,}" for one in sorted(taken))
        return [f"These weights, of step {step:,}, were not scored; the run was after {known} steps."]
    scores = taken[step]
    names = [name for name in scores if name != "step" and not name.endswith(SUFFIXES)]
    title = ("score", "this model", "95 %", "real beside real", "plain colours", "N")
    found = without_empty([title, *(_row(name, scores, report.floor) for name in names)])
    head, *rows = [f"| {' | '.join(map(_plain, row))} |" for row in found]
    return [f"After {step:,} steps, against held-out data:", "", head, f"|{'---|' * len(found[0])}", *rows]


def _row(name: str, scores: Mapping[str, float], floor: Mapping[str, float]) -> tuple[str, ...]:
    low, high, beside = scores.get(f"{name}.low"), scores.get(f"{name}.high"), floor.get(name)
    return (
        name,
        number(scores[name]),
        f"{number(low)} to {number(high)}" if low is not None and high is not None else "",
        "" if beside is None else number(beside),
        number(scores[f"{name}.flat"]) if f"{name}.flat" in scores else "",
        counts_of(name, scores),
    )


def _copies(run: Run) -> list[str]:
    """What is known about samples that are training items; nothing is said well of what could not be seen."""
    rows = KeptRows(run.folder.each_row())
    if not any(key.endswith("/inside") for row in rows for key in row):
        return ["It was not looked at whether samples are copies of training items."]
    known = diagnosis(run.folder, rows)
    found = [finding.sentence for finding in known.findings if finding.name == MEMORISATION]
    found += [
        f"Seen after {past.seen:,} steps, and not at the end: {past.sentence}"
        for past in known.earlier
        if past.name == MEMORISATION
    ]
    if tells_copies(Record.of(rows, run.written)):
        return _list(found, "The monitor compared samples with training items while training and found no copying.")
    return _list(
        found,
        "Whether samples are copies of training items could not be told: the monitor looked too seldom, or the items "
        "that were held out are unlike those that were trained on.",
    )


def _list(sentences: Iterable[str], otherwise: str) -> list[str]:
    return [f"- {_plain(sentence)}" for sentence in sentences] or [otherwise]


def _plain(text: str) -> str:
    """Text from data or names as it stands: no markup comes of it."""
    for sign, code in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;"), ("`", "&#96;")):
        text = str(text).replace(sign, code)
    return " ".join(text.split()).replace("](", "]&#40;").replace("*", "&#42;").replace("_", "&#95;")


def plainly(value: Any) -> Any:
    """Arguments as JSON can hold them, without paths of this machine."""
    if isinstance(value, Mapping):
        return {str(key): plainly(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plainly(part) for part in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return value
