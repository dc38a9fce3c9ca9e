"""The command that hands a run over: export."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from poise.cli.parser import RUN, STEP, command

WANTED = {
    "torch": "code and weights that run with PyTorch alone, without Poise",
    "onnx": "an ONNX file, compared with PyTorch on 64 inputs by onnxruntime",
    "page": "a folder that opens in any browser and draws from the generator there",
    "hub": "the layout of a model repository: --torch, a model card written from the record, samples",
}


def add(commands: Any) -> None:
    """Enter the command."""
    made = command(commands, "export", export, "hand a generator over: PyTorch, ONNX, a page, a model repository")
    made.add_argument("run", help=RUN)
    made.add_argument("-o", "--out", required=True, metavar="DIR", help="a new folder")
    for name, meaning in WANTED.items():
        made.add_argument(f"--{name}", action="store_true", help=meaning)
    made.add_argument("--licence", metavar="NAME", help="for the card of --hub, such as cc-by-4.0; the data decide it")
    made.add_argument("--step", **STEP)


def export(options: argparse.Namespace) -> int:
    from poise.export.export import Wanted
    from poise.export.export import export as hand_over
    from poise.record import find_run
    from poise.runs.load import Run

    wanted = Wanted(options.torch, options.onnx, options.page, options.hub, options.licence)
    hand_over(Run(find_run(options.run), options.step), Path(options.out), wanted)
    return 0
