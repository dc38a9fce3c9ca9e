"""What a finished text run must show, from its report and its curve.

    poise train text web-bible --out runs/english && poise curve runs/english && python bench/text_check.py runs/english
    poise train text chinese-quatrains --out runs/quatrains && poise curve runs/quatrains
    python bench/text_check.py runs/quatrains --json bench/text.json

At some temperature the self-BLEU-4 is not above that of maximum likelihood at the temperature of its lowest reverse
perplexity, and the reverse perplexity is at most 1.3 times that; fewer than 1 % of the samples there are copied, and of
quatrains 95 % have the correct form. Of the temperatures with no higher self-BLEU the one with the lowest reverse
perplexity is taken.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from common import write

from poise.evaluation.curve import CurveRow, best
from poise.record import RunFolder

RATIO, COPIED, FORM = 1.3, 0.01, 0.95
KEPT = (
    "reverse perplexity",
    "forward perplexity",
    "BLEU-4",
    "self-BLEU-4",
    "distinct-2",
    "memorised",
    "memorised runs",
)
KEPT += ("form", "rhyme", "tones", "temperature")


def checked(folder: RunFolder) -> tuple[dict[str, Any], list[tuple[str, bool]]]:
    """Numbers for the table, and each claim with whether it holds."""
    curve = json.loads((folder.path / "curve.json").read_text())
    report = folder.report()
    rows = [CurveRow(row["model"], row["step"], row["temperature"], row) for row in curve["rows"]]
    found = best(rows, "maximum likelihood")
    assert found is not None
    theirs = found.scores
    diverse = [row for row in rows if row.scores["self-BLEU-4"] <= theirs["self-BLEU-4"]]
    found = best(diverse, "adversarial") or best(rows, "adversarial")
    assert found is not None
    ours = found.scores
    chosen = {"adversarial": ours, "maximum likelihood": theirs, "real": curve["real"]}
    kept = {name: {k: round(row[k], 4) for k in KEPT if k in row} for name, row in chosen.items()}
    ratio = ours["reverse perplexity"] / theirs["reverse perplexity"]
    claims = [
        (f"reverse perplexity {ratio:.3f} times that of maximum likelihood, at most {RATIO}", ratio <= RATIO),
        (
            f"self-BLEU-4 {ours['self-BLEU-4']:.4f}, not above {theirs['self-BLEU-4']:.4f}",
            ours["self-BLEU-4"] <= theirs["self-BLEU-4"],
        ),
        (f"copied {ours['memorised']:.4f}, below {COPIED}", ours["memorised"] < COPIED),
    ]
    if "form" in ours:
        claims.append((f"form {ours['form']:.4f}, at least {FORM}", ours["form"] >= FORM))
    numbers = {
        "ratio": round(ratio, 4), "n": curve["n"], "m": curve["m"], **kept,
        "minutes": round(report["seconds"]["this sitting"] / 60, 1), "penalties": report["penalties"],
    }  # fmt: skip
    return numbers, claims


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--json")
    options = parser.parse_args()
    folder = RunFolder(Path(options.run))
    numbers, claims = checked(folder)
    print(json.dumps(numbers, indent=1, ensure_ascii=False))
    for claim, holds in claims:
        print("holds:    " if holds else "does NOT hold:", claim)
    if options.json:
        name = str(folder.spec().arguments["data"])
        write(options.json, name, numbers | {"claims": [list(claim) for claim in claims]})
    raise SystemExit(0 if all(holds for _, holds in claims) else 1)


if __name__ == "__main__":
    main()
