"""Code of one's own that a run names: where its source is, what it was, and whether it may be executed here.

To import a module executes it, before anybody can see what it holds. What somebody names on the command line is theirs,
and its source is remembered by its sha256, so that runs made with it go on, are sampled and evaluated on this machine.
A run from elsewhere that names code is refused until its user says --trust; so is one whose code has changed since.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from poise.disk import cache_dir, write_atomically
from poise.errors import PoiseError
from poise.registry import names
from poise.terminal import pasted

FILE = "trusted-sources.txt"  # in the cache: one sha256 a line
EITHER = ("network", "loss", "lr", "warm_lr")  # options that take the name of a member or a class of one's own
PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def class_paths(value: Any) -> Iterator[str]:
    """Every class path in arguments: under `class_path`, and alone where an option takes either a name or a class."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            either = key in EITHER or str(key).startswith("l2_")
            if isinstance(part, str) and (key == "class_path" or (either and PATH.fullmatch(part))):
                yield part
            yield from class_paths(part)
    elif isinstance(value, list):
        for part in value:
            yield from class_paths(part)


def is_ours(path: str) -> bool:
    """Whether a class path is a penalty of Poise, by its name alone or by its place."""
    module, _, name = path.rpartition(".")
    return not module or (module.partition(".")[0] == "poise" and name in names("penalty"))


def file_of(path: str) -> Path | None:
    """The source file of the module in a dotted path, found without executing it; None where there is none."""
    module = path.rpartition(".")[0]
    with contextlib.suppress(ImportError, ValueError, AttributeError):
        loaded = sys.modules.get(module)
        spec = loaded.__spec__ if loaded is not None else importlib.util.find_spec(module.partition(".")[0])
        if spec is not None and spec.origin and Path(spec.origin).is_file():
            place = Path(spec.origin)
            parts = module.split(".")[1:] if loaded is None else []
            for part in parts:
                place = place.parent / part
            if parts:
                place = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            return place if place.is_file() else None
    return None


def digest_of(path: str) -> str | None:
    """sha256 of the source of a dotted path; None where it has no file."""
    file = file_of(path)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file is not None else None


def sources(arguments: Mapping[str, Any], *more: str) -> dict[str, str | None]:
    """Dotted path -> sha256 of its source, of everything in a run's arguments (and of `more`) that is not Poise's."""
    paths = [path for path in (*class_paths(arguments), *more) if not is_ours(path)]
    return {path: digest_of(path) for path in dict.fromkeys(paths)}


def trust(path: str) -> None:
    """Remember the source of a dotted path as the user's own. It may fail in silence: then --trust is asked for."""
    digest = digest_of(path)
    known = _trusted()
    if digest is None or digest in known:
        return
    with contextlib.suppress(OSError, PoiseError):
        cache_dir().mkdir(parents=True, exist_ok=True)
        write_atomically(cache_dir() / FILE, "".join(f"{line}\n" for line in [*known, digest]).encode())


def is_trusted(path: str) -> bool:
    """Whether a dotted path may be imported: ours, imported by now, or with a source that its user has named before."""
    return is_ours(path) or path.rpartition(".")[0] in sys.modules or digest_of(path) in _trusted()


def _trusted() -> list[str]:
    try:
        text = (cache_dir() / FILE).read_text(encoding="ascii", errors="replace")
    except (OSError, PoiseError):
        return []
    return [line for line in text.splitlines() if len(line) == 64]


def check_trusted(file: Path, arguments: Mapping[str, Any], known: Mapping[str, Any], *more: str) -> None:
    """PoiseError where a run's description, `file`, names code that is neither Poise's nor known to be its user's.

    Args: arguments of the run; known, what its sources were when it began; more, dotted names beside the arguments.
    """
    for path in (*class_paths(arguments), *more):
        if is_trusted(path):
            continue
        if path in known and digest_of(path) not in (None, known[path]):
            raise PoiseError(
                f"{file} was made with another {file_of(path)} than the one that is there ({path[:80]} in it): put the "
                f"old one back, or trust this one with: poise resume {pasted(str(file.parent))} --trust"
            )
        raise PoiseError(
            f"{file} names code outside of Poise, {path[:80]}, which would be executed: if the run and that code are "
            f"yours, go on with: poise resume {pasted(str(file.parent))} --trust"
        )
