"""What two folders that bench/same.py filled have in common, file by file: values by their keys, tensors by their bits.

What depends on the clock or on the place is masked: times, dates, rates per second, the two folders' own paths.
"""

from __future__ import annotations

import hashlib
import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

# Keys whose values depend on the clock: patterns of FILE:KEY, where FILE is the file's path in its entry.
MASKED = (
    "*events.jsonl:*/time",
    "*report.json:seconds*",
    "*study.json:*seconds*",
    "*study.json:about/began",
    "*plan.json:at",
    "*manifest.json:files/resume.pt/*",  # how it is pickled depends on which objects are one; what it holds is compared
    "parts/events.jsonl:*",  # where a run was stopped depends on the clock
)
SKIPPED = ("data/*", "complete.json", "*.lock", "*.tmp")
TEXT_MASKS = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([+-]\d{4})?", "DATE"),
    (r"-?\d*:\d\d(:\d\d)?\b", "CLOCK"),
    (r"\b[\d.,]+ [a-z ]+/s\b", "RATE"),
)
# What commands that train say beside that: how long things take, progress whenever it is due, where they were stopped.
TRAINING_MASKS = ((r"\b[\d.,]+ (ms|s|min|h|minutes|MB|GB)\b", "AMOUNT"), (r"after step [\d,]+$", "after step STEP"))
TRAINING_SKIPPED = (r"step [\d,]+/[\d,]+ .*", r"\d+ of \d+ runs(,.*)?")
PROGRESS = r".*: [\d,]+ of [\d,]+"  # told every ten seconds, by whatever takes so long
TABLE_OF_SECONDS = re.compile(r"(<td[^>]*>)\d+\.\d(</td>)")


def files_of(folder: Path) -> list[str]:
    """The files of an entry, as paths in it."""
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [name for name in names if not any(fnmatch(name, pattern) for pattern in SKIPPED)]


def thing_of(name: str) -> str:
    """What a file belongs to: "whole: checkpoints", "whole: record", "02-sample said"."""
    first, _, rest = name.partition("/")
    if first == "said":
        return f"{rest.removesuffix('.txt')} said"
    for kind in ("checkpoints", "samples"):
        if f"/{kind}/" in name:
            return f"{name.partition(f'/{kind}/')[0]}: {kind}"
    if not rest:
        return name
    where, _, last = name.rpartition("/")
    return f"{where}: {last.split('.')[0].split('-step-')[0]}"


def values_of(path: Path, name: str, places: dict[str, str]) -> dict[str, Any]:
    """What a file holds, by keys; `places` are paths and the words that stand for them."""
    if path.suffix == ".safetensors":
        return tensors(path.read_bytes())
    if path.suffix == ".pt":
        return pickled(path)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {key: digest(arrays[key].tobytes()) for key in arrays.files}
    if path.suffix not in (".json", ".jsonl", ".txt", ".md", ".html", ".yaml", ""):
        return {"bytes": digest(path.read_bytes())}
    text = path.read_text(encoding="utf-8", errors="replace")
    for place, word in places.items():
        text = text.replace(place, word)
    if path.suffix == ".json":
        found = flat(json.loads(text))
    elif path.suffix == ".jsonl":
        found = flat({str(i): json.loads(line) for i, line in enumerate(text.splitlines())})
    else:
        found = lines(text, name)
    return {key: value for key, value in found.items() if not any(fnmatch(f"{name}:{key}", m) for m in MASKED)}


def lines(text: str, name: str) -> dict[str, Any]:
    """The lines of a text that do not depend on the clock, by their number among those."""
    trains = re.search(r"said/\d+-(train|resume|study)", name) is not None
    kept = []
    for line in text.splitlines():
        if trains and any(re.fullmatch(pattern, line) for pattern in TRAINING_SKIPPED):
            continue
        if name.startswith("said/"):
            if re.fullmatch(PROGRESS, line):
                continue
            for pattern, word in TEXT_MASKS + (TRAINING_MASKS if trains else ()):
                line = re.sub(pattern, word, line)
        elif name.endswith("index.html"):
            line = re.sub(*TEXT_MASKS[0], TABLE_OF_SECONDS.sub(r"\1SECONDS\2", line))
        kept.append(line)
    return {f"line {i + 1}": line for i, line in enumerate(kept)}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested tables and lists as one table, whose keys are joined by slashes; an empty one is kept as it is."""
    if isinstance(value, dict) and value:
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple) and value:
        items = [(str(i), item) for i, item in enumerate(value)]
    else:
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, item in items:
        found |= flat(item, f"{prefix}/{key}" if prefix else key)
    return found


def tensors(content: bytes) -> dict[str, Any]:
    """Name, kind, shape and bits of each tensor of a safetensors file, and its metadata."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    found = {f"metadata/{key}": value for key, value in header.pop("__metadata__", {}).items()}
    for key, about in header.items():
        begin, end = (8 + length + offset for offset in about["data_offsets"])
        found[key] = f"{about['dtype']} {about['shape']} {digest(content[begin:end])}"
    return found


def pickled(path: Path) -> dict[str, Any]:
    """What a resume.pt holds, tensors by their bits."""
    import torch

    found = flat(torch.load(path, weights_only=True, map_location="cpu"))
    for key, value in found.items():
        if isinstance(value, torch.Tensor):
            bits = value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
            found[key] = f"{value.dtype} {tuple(value.shape)} {digest(bits)}"
    return found
