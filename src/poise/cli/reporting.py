"""Commands that hand over what came out: record, plot, compare, report, export."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from poise.cli.parser import RUN, STEP, command
from poise.disk import expanded
from poise.errors import PoiseError
from poise.terminal import verbatim

COMMANDS = ("plot", "compare", "report", "record", "export")
RUN_OR_STUDY = f"{RUN}; or a study: its folder, or its name"

WANTED = {
    "torch": "code and weights that run with PyTorch alone, without Poise",
    "onnx": "an ONNX file, compared with PyTorch on 64 inputs by onnxruntime",
    "page": "a folder that opens in any browser and draws from the generator there",
    "hub": "the layout of a model repository: --torch, a model card written from the record, samples",
}


def add(commands: Any) -> None:
    """Enter the commands."""
    add_record(commands)
    add_export(commands)
    made = command(commands, "plot", plot, "the curves of a run, or the plots of a study, in one figure")
    made.add_argument("what", help=RUN_OR_STUDY)
    made.add_argument(
        "--out",
        metavar="FILE",
        help="a .png or .svg file: poise plot last --out curves.svg (default curves.png in the run's folder, "
        "study.png in the study's)",
    )
    made = command(commands, "compare", compare, "two to six runs: what differs, what came out, and their curves")
    made.add_argument("runs", nargs="+", metavar="RUN", help=RUN)
    made.add_argument(
        "--out", metavar="FILE", help="their curves as a .png or .svg file: poise compare A B --out both.png"
    )
    made = command(commands, "report", report, "one file on a run or a study, to be mailed: HTML, Markdown or PDF")
    made.add_argument("what", help=RUN_OR_STUDY)
    made.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        default="report.html",
        help="a .html, .md or .pdf file: poise report last -o report.pdf (default report.html)",
    )


def add_record(commands: Any) -> None:
    made = command(commands, "record", record, "the record of a run as a table: a row a step, a column a number")
    made.add_argument("run", help=RUN)
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--csv", metavar="FILE", help="a .csv file, or - for standard output: poise record last --csv -")
    where.add_argument("--parquet", metavar="FILE", help="a .parquet file: poise record last --parquet record.parquet")


def add_export(commands: Any) -> None:
    made = command(commands, "export", export, "hand a generator over: PyTorch, ONNX, a page, a model repository")
    made.add_argument("run", help=RUN)
    made.add_argument("-o", "--out", required=True, metavar="DIR", help="a new folder")
    for name, meaning in WANTED.items():
        made.add_argument(f"--{name}", action="store_true", help=meaning)
    made.add_argument("--licence", metavar="NAME", help="for the card of --hub, such as cc-by-4.0; the data decide it")
    made.add_argument("--step", **STEP)


def record(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.results.record_table import RecordTable, check_table, parquet, print_csv, save_csv, save_parquet

    name = options.csv if options.csv is not None else options.parquet
    path, kind = expanded(name), "csv" if options.csv is not None else "parquet"
    if not name.strip():
        raise PoiseError(f"--{kind} is empty: name where to write")
    if name == "-" and kind == "csv":
        with verbatim(sys.stdout):
            print_csv(RecordTable.of(find_run(options.run)), sys.stdout)
        return 0
    check_table(path, f".{kind}")
    if kind == "parquet":
        parquet()
    table = RecordTable.of(find_run(options.run))
    if kind == "csv":
        save_csv(table, path)
    else:
        save_parquet(table, path)
    print(table.said(str(path)))
    return 0


def plot(options: argparse.Namespace) -> int:
    from poise.results.plot import plot
    from poise.results.what import find_run_or_study

    for line in plot(find_run_or_study(options.what), options.out):
        print(line)
    return 0


def report(options: argparse.Namespace) -> int:
    from poise.results.report import check_report, report
    from poise.results.what import find_run_or_study

    check_report(expanded(options.out))
    for line in report(find_run_or_study(options.what), options.out):
        print(line)
    return 0


def compare(options: argparse.Namespace) -> int:
    from poise.record import find_run
    from poise.report.figures.looks import check_figure
    from poise.results.compare import compare

    if options.out:
        check_figure(expanded(options.out))
    for line in compare([find_run(run) for run in options.runs], options.out):
        print(line)
    return 0


def export(options: argparse.Namespace) -> int:
    from poise.export.export import Wanted
    from poise.export.export import export as hand_over
    from poise.record import find_run
    from poise.runs.load import Run

    wanted = Wanted(options.torch, options.onnx, options.page, options.hub, options.licence)
    hand_over(Run(find_run(options.run), options.step), expanded(options.out), wanted)
    return 0
