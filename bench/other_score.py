"""A study's arms by a score that it was not asked for, but that its runs took: does another extractor say the same?

    python bench/other_score.py STUDY KID-classifier [--part images] [--against none]
    python bench/other_score.py STUDY "training set" --scored independent.json      # what bench/independent.py wrote

STUDY is a finished study's folder with its runs. The score at the end of each run, mean and standard deviation over the
seeds of each arm, and the change against one arm, paired by seed: in per cent of that arm's mean with Student's 95 %
interval, and the exact sign-flip p. Nothing is adjusted: this looks around. Prints a Markdown table; it trains nothing.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from poise.studies.comparison.statistics import paired_t, sign_flip


def ends(study: Path, part: str, score: str, scored: Path | None) -> dict[str, dict[int, float]]:
    """Arm -> seed -> the score at the end: the run's own, or that of a judge in `scored`, where that has the run."""
    judged = {} if scored is None else json.loads(scored.read_text(encoding="utf-8"))["scores"]
    judged = {Path(run).name: row[score]["distance"] for run, row in judged.items() if score in row}
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in json.loads((study / "study.json").read_text(encoding="utf-8"))["table_of_runs"]:
        if row["part"] == part and scored is not None:
            if row["run"] in judged:
                found[row["arm"]][row["seed"]] = judged[row["run"]]
        elif row["part"] == part:
            report = json.loads((study / "runs" / row["run"] / "report.json").read_text(encoding="utf-8"))
            found[row["arm"]][row["seed"]] = report["scores"][-1][score]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("score")
    parser.add_argument("--part", default="images")
    parser.add_argument("--against", default="none")
    parser.add_argument("--scored", type=Path, help="the --json file of bench/independent.py")
    options = parser.parse_args()
    arms = ends(options.study, options.part, options.score, options.scored)
    base = arms[options.against]
    print(f"| arm | {options.score} | change | p |\n|---|---|---|---|")
    for arm, values in arms.items():
        seeds = sorted(set(values) & set(base))
        ours, theirs = (np.array([side[seed] for seed in seeds]) for side in (values, base))
        row = f"| {arm} | {ours.mean():.3g} ± {ours.std(ddof=1):.2g} |"
        if arm == options.against:
            print(row, "| |")
            continue
        found = paired_t(ours - theirs)
        middle, low, high = (100 * x / theirs.mean() for x in ((ours - theirs).mean(), found.low, found.high))
        print(row, f"{middle:+.0f} % [{low:.0f}, {high:.0f}] | {sign_flip(ours - theirs):.3f} |")


if __name__ == "__main__":
    main()
