"""The loops of docs/own-loop.md: each against `weight_decay` of SGD, and each wrong place told.

The heavy packages live in an environment of their own (`make .venv/.loops`, part of `make test`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH, DOCUMENT = ROOT / "bench" / "own_loops.py", ROOT / "docs" / "own-loop.md"
OTHERS = ROOT / ".venv" / "loops" / "bin" / "python"
LOOPS = "\n".join(path.read_text(encoding="utf-8") for path in sorted(BENCH.parent.glob("loops_*.py")))
RECIPES = re.findall(r"^ *# recipe: ([^\n]+)\n(.*?)^ *# end$", LOOPS, re.S | re.M)
HEAVY = ("accelerate", "lightning", "trainer", "Accelerate", "Lightning", "Trainer")


def members(family: str) -> list[str]:
    """Names that are entered as @loop or @wrong."""
    return re.findall(rf'^@{family}\("([^"]+)"\)', LOOPS, re.M)


def families(entered: str) -> list[tuple[str, ...]]:
    """Those that one process can run together: by the package that they need."""
    found: dict[str, list[str]] = {}
    for name in members(entered):
        package = re.split(r"[,:]", name)[0]
        found.setdefault(package if package in HEAVY or entered == "loop" else "plain", []).append(name)
    return [tuple(group) for group in found.values()]


def ran(flag: str, names: tuple[str, ...], tmp_path: Path) -> dict:
    heavy = names[0].startswith(HEAVY)
    python = OTHERS if heavy else Path(sys.executable)
    if not python.exists():
        pytest.skip(f"{', '.join(names)}: the packages of .[loops] are not installed (make .venv/.loops)")
    out = tmp_path / "out.json"
    asked = [part for name in names for part in (flag, name)]
    done = subprocess.run(
        [python, "-W", "ignore", BENCH, *asked, "--json", out],
        capture_output=True,
        text=True,
        timeout=500,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(out.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("names", families("loop"), ids=lambda names: names[0].split(",")[0])
def test_the_penalty_in_each_loop_is_weight_decay_and_nothing_is_warned_of(names, tmp_path):
    rows = ran("--loop", names, tmp_path)["loops"]
    assert {(r["loop"], r["accumulation"], r["scaler"]) for r in rows} == {
        (name, k, scaled) for name in names for k in (1, 3, 4) for scaled in (False, True)
    }
    assert all(row["difference"] <= 1e-6 for row in rows), rows


@pytest.mark.slow
@pytest.mark.parametrize("names", families("wrong"), ids=lambda names: names[0].split(":")[0].split(" ")[0])
def test_each_wrong_place_is_told(names, tmp_path):
    rows = ran("--wrong", names, tmp_path)["wrong places"]
    assert [row["place"] for row in rows] == list(names)
    assert all("'l2'" in row["said"] for row in rows), rows


@pytest.mark.parametrize(("name", "code"), RECIPES, ids=[name for name, _ in RECIPES])
def test_the_document_shows_the_recipe_that_is_tested(name, code):
    assert textwrap.dedent(code).strip("\n") in DOCUMENT.read_text(encoding="utf-8")


def test_the_committed_table_has_every_loop_and_place():
    table = json.loads((ROOT / "bench" / "own_loops.json").read_text(encoding="utf-8"))
    assert {row["loop"] for row in table["loops"]} == set(members("loop"))
    assert all(row["difference"] <= 1e-6 for row in table["loops"])
    assert [row["place"] for row in table["wrong places"]] == members("wrong")
    assert all(row["said"] for row in table["wrong places"])
