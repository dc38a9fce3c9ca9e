"""What a study's table does not say: did its penalties act, and where was the best step?

    python bench/study_penalties.py [studies/first-study.yaml] [--out studies/first-study]

For every arm, means over its finished runs: of each penalty the share of the gradient (median over the run, from
report.json); of each network ‖w‖ at the first record and at the end, and ‖Δw‖/‖w‖ of a step, averaged over the records
of the whole run; the best step as a part of all steps. Prints a Markdown table for each part. It trains nothing.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable

from poise.record import RunFolder
from poise.studies.study import Study


def told(folders: list[RunFolder]) -> dict[str, str]:
    """A row of the table: column -> what it says of an arm."""
    reports = [folder.report() for folder in folders]
    records = [folder.rows() for folder in folders]
    row = {"runs": str(len(reports))}
    for name in reports[0]["penalties"]:
        shares = [report["penalties"][name]["share_median"] for report in reports if name in report["penalties"]]
        row[f"share of {name}"] = mean(shares)
    for name in reports[0]["weight_norms"]:
        first, last = zip(*(report["weight_norms"][name] for report in reports), strict=True)
        row[f"‖w‖ of {name}"] = f"{mean(first)} to {mean(last)}"
    for name in sorted({key for line in records[0] for key in line if key.endswith("/update")}):
        steps = [[line[name] for line in rows if name in line] for rows in records]
        row[f"step of {name.removesuffix('/update')}"] = mean(statistics.fmean(found) for found in steps)
    best = [report["best"]["step"] / report["steps"] for report in reports if report["best"].get("step") is not None]
    row["best step / steps"] = mean(best) if best else "-"
    return row


def mean(values: Iterable[float]) -> str:
    return f"{statistics.fmean(values):.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default="studies/first-study.yaml")
    parser.add_argument("--out", default=None)
    args = parser.parse_args()
    study = Study.of(args.file, args.out)
    for part in study.plan.parts:
        rows: dict[str, dict[str, str]] = {}
        for arm in part.arms:
            names = [task.name for task in study.tasks if (task.part, task.arm) == (part.name, arm.name)]
            done = [folder for folder in (RunFolder(study.runs / name) for name in names) if folder.done]
            if done:
                rows[arm.name] = told(done)
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        print(f"\n{part.name}\n\n| arm | {' | '.join(columns)} |\n|{'---|' * (1 + len(columns))}")
        for arm_name, row in rows.items():
            print(f"| {arm_name} | {' | '.join(row.get(column, '') for column in columns)} |")


if __name__ == "__main__":
    main()
