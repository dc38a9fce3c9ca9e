"""Every loop of docs/own-loop.md against `weight_decay` of SGD: the largest difference of any weight.

    python bench/own_loops.py --json bench/own_loops.json            # all that this environment can run
    python bench/own_loops.py --loop accelerate --loop trainer

Each loop trains the same small network for six steps of SGD with momentum, once with `weight_decay` on its weights in
a plain loop over whole batches, once with L2 in the loop itself: gradients of 1, 3 or 4 micro-batches accumulated, in
fp32 or through a GradScaler (which multiplies by powers of two). The function of a loop is the recipe as the document
shows it. Wrong places are run as well (`--wrong`), and what is said of them is kept.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import loops_alone  # noqa: F401  (each module enters its loops, in this order)
import loops_libraries  # noqa: F401
import loops_processes  # noqa: F401
import loops_wrong  # noqa: F401
import torch
from loop_parts import (
    LOOPS,
    WRONG,
    reference,
)
from torch import nn

from poise.errors import PenaltyWarning, PoiseError


def told(name: str) -> str:
    """What is said of a wrong place; empty if nothing is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            WRONG[name]()
        except PoiseError as error:
            return f"refused: {error}"
    return "; ".join(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, PenaltyWarning)))


# ---- what comes out


def difference(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def rows(names: list[str]) -> list[dict[str, Any]]:
    """loop, accumulation, precision -> the largest difference, or why it could not be run."""
    found, right = [], reference()
    for name in names:
        for k in (1, 3, 4):
            for scaled in (False, True):
                row: dict[str, Any] = {"loop": name, "accumulation": k, "scaler": scaled}
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error", PenaltyWarning)  # a right place must not be told
                        row["difference"] = difference(LOOPS[name](k, scaled), right)
                except ModuleNotFoundError as missing:
                    row["not run"] = f"{missing.name} is not installed"
                found.append(row)
                print(json.dumps(row), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", action="append", choices=list(LOOPS), help="only these; by default all")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--wrong", action="append", choices=list(WRONG), help="only these wrong places")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    everything = not asked.loop and not asked.wrong
    found = rows(list(LOOPS) if everything else asked.loop or [])
    places = []
    for name in list(WRONG) if everything else asked.wrong or []:
        row = {"place": name}
        try:
            row["said"] = told(name)
        except ModuleNotFoundError as missing:
            row["not run"] = f"{missing.name} is not installed"
        places.append(row)
        print(json.dumps(row), flush=True)
    if asked.json:
        table = {"made by": f"python bench/own_loops.py --json {asked.json.name}", "torch": torch.__version__}
        asked.json.write_text(json.dumps({**table, "loops": found, "wrong places": places}, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
