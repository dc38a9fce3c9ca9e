"""Samples of every arm for the page of a study: of one seed, so that all arms were given the same noise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from poise.report.page import INDEX

LINES = 12  # of sentences


class Shown(TypedDict):
    """What the page shows of an arm: a picture, lines of text, a page to listen to; paths relative to the page."""

    arm: str
    picture: str
    text: str
    page: str


def samples_of(outcome: Mapping[str, Any], folder: Path, runs: str) -> list[tuple[str, list[Shown]]]:
    """For each part a title and its arms: the samples at the end of the runs of the first seed that most arms have.

    Args: outcome, the content of study.json; folder, of the study; runs, the name of the folder with the runs in it.
    """
    found = []
    for part in outcome["parts"]:
        rows = [row for row in outcome["table_of_runs"] if row["part"] == part["name"] and row["state"] == "done"]
        if not rows:
            continue
        counts = [sum(row["seed"] == seed for row in rows) for seed in part["seeds"]]
        seed = part["seeds"][counts.index(max(counts))]
        mine = {row["arm"]: row["run"] for row in rows if row["seed"] == seed}
        shown = [
            _shown(arm["name"], folder, f"{runs}/{mine[arm['name']]}") for arm in part["arms"] if arm["name"] in mine
        ]
        arms = [one for one in shown if one is not None]
        if arms:
            found.append((f"{part['name']}, seed {seed}, at the end; the same noise in every arm", arms))
    return found


def _shown(arm: str, folder: Path, run: str) -> Shown | None:
    """The last samples of a run."""
    place = folder / run / "samples"
    files = sorted(path for path in place.glob("[0-9]*") if path.stem.isdigit()) if place.is_dir() else []
    if not files:
        return None
    last = files[-1]
    shown = Shown(arm=arm, picture="", text="", page="")
    if (place / INDEX).is_file():
        shown["page"] = f"{run}/samples/{INDEX}"
    pictures = sorted(last.glob("*.png")) if last.is_dir() else [last] if last.suffix == ".png" else []
    if pictures:
        shown["picture"] = f"{run}/samples/{pictures[0].relative_to(place).as_posix()}"
    elif last.suffix == ".txt":
        lines = last.read_text(encoding="utf-8", errors="replace").splitlines()
        shown["text"] = "\n".join(lines[:LINES])
    return shown if shown["picture"] or shown["text"] or shown["page"] else None
