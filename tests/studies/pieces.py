"""The content of a small study.json, written by hand: what the report reads, without any statistics."""

from __future__ import annotations

from typing import Any

EVIL = "<b>&\"' $x^{ 你"


def row(arm: str, against: str, shift: float, **more: Any) -> dict[str, Any]:
    """A comparison of three seeds."""
    return {
        "part": "pictures", "endpoint": "KID", "arm": arm, "against": against, "scale": "difference", "n": 3, "p": 0.25,
        "differences": {"0": shift - 0.01, "1": shift, "2": shift + 0.01}, "worst_seeds": [], "margin": 0.01,
        "estimate": shift, "low": shift - 0.0248, "high": shift + 0.0248, "mean_against": 0.1,
        "shown": {"unit": "%", "estimate": 1000 * shift, "low": None, "high": None}, **more,
    }  # fmt: skip


def arm(name: str, level: float, seeds: int = 3) -> dict[str, Any]:
    runs = {str(s): [[10, level + 0.1 * s], [20, level / 2 + 0.1 * s]] for s in range(seeds)}
    band = [[10, level + 0.1, level, level + 0.2, seeds], [20, level / 2 + 0.1, level / 2, level / 2 + 0.2, seeds]]
    return {"name": name, "alive": {"k": 1, "n": 3}, "curves": {"KID": {"band": band, "runs": runs}}}


def outcome(**more: Any) -> dict[str, Any]:
    """Two arms beside the reference, one of them with a name full of marks."""
    part = {
        "name": "pictures", "against": "none", "endpoints": [{"name": "KID", "better": "lower"}],
        "arms": [arm("none", 1.0), arm("l2", 0.8), arm(EVIL, 0.6)],
    }  # fmt: skip
    state = {"part": "pictures", "arm": "l2", "findings": ["copying"], "alive": False, "seconds": 90.0}
    return {
        "name": f"study {EVIL}", "question": f"Does it? {EVIL}", "complete": True, "parts": [part],
        "claims": [{"says": f"It does {EVIL}", "because": "a norm", "verdict": "too small", "reason": f"So {EVIL}",
                    "tests": [row(EVIL, "l2", -0.01)]}],
        "comparisons": [row("l2", "none", -0.03), row(EVIL, "none", -0.04)],
        "table_of_runs": [
            {**state, "seed": 0, "run": "l2 #0 <x>", "state": "done", "values": {"KID": -0.0123}},
            {**state, "seed": 1, "run": "l2-1", "state": "diverged", "values": {"KID": None}, "alive": None},
            {"part": "pictures", "arm": "l2", "seed": 2, "run": None, "state": "missing", "values": {}},
        ],
        "plan": {"name": EVIL, "parts": [1, 2]}, "about": {"commit": "abc"}, **more,
    }  # fmt: skip
