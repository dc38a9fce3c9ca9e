"""Samples of every arm for the page of a study: of one seed, so that all arms were given the same noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from poise.report.page import INDEX
from poise.studies.comparison.outcome import PartSummary, StudyOutcome

LINES = 12  # of sentences


@dataclass(frozen=True)
class ArmSamples:
    """What the page shows of an arm: a picture, lines of text, a page to listen to; paths relative to the page."""

    arm: str
    picture: str = ""
    text: str = ""
    page: str = ""


def samples_of(outcome: StudyOutcome, folder: Path, runs: str) -> list[tuple[str, Sequence[ArmSamples]]]:
    """For each part a title and its arms: the samples at the end of the runs of the first seed that most arms have.

    Args: folder, of the study; runs, the name of the folder with the runs in it.
    """
    found: list[tuple[str, Sequence[ArmSamples]]] = []
    for part in outcome.parts:
        seed, named = of_one_seed(outcome, part)
        mine = {arm: f"{runs}/{run}" for arm, run in named.items()}
        arms = []
        for arm in part.arms:
            if arm.name in mine:
                arms += _last_samples(arm.name, folder, mine[arm.name])
        if arms:
            found.append((f"{part.name}, seed {seed}, at the end; the same noise in every arm", arms))
    return found


def of_one_seed(outcome: StudyOutcome, part: PartSummary) -> tuple[int, dict[str, str]]:
    """The first seed that most arms have, and arm -> the run of that seed."""
    rows = [row for row in outcome.table_of_runs if row.part == part.name and row.state == "done"]
    counts = Counter(row.seed for row in rows)
    seed = max(part.seeds, key=counts.__getitem__)
    return seed, {row.arm: row.run for row in rows if row.seed == seed}


def _last_samples(arm: str, folder: Path, run: str) -> list[ArmSamples]:
    """The last samples of a run, or nothing."""
    place = folder / run / "samples"
    if not place.is_dir():
        return []
    last = max((path for path in place.glob("[0-9]*") if path.stem.isdigit()), default=None)
    if last is None:
        return []
    picture = text = page = ""
    shown = _picture(last)
    if shown is not None:
        picture = f"{run}/samples/{shown.relative_to(place).as_posix()}"
    elif last.suffix == ".txt":
        lines = last.read_text(encoding="utf-8", errors="replace").splitlines()
        text = "\n".join(lines[:LINES])
    if (place / INDEX).is_file():
        page = f"{run}/samples/{INDEX}"
    if not any((picture, text, page)):
        return []
    return [ArmSamples(arm, picture, text, page)]


def _picture(sample: Path) -> Path | None:
    """What is to be seen of a sample: itself, or the first picture of a folder of them."""
    if sample.is_dir():
        return min(sample.glob("*.png"), default=None)
    if sample.suffix == ".png":
        return sample
    return None
