"""Code of one's own that a run names: where its source is, what it was, and whether it may be executed here.

To import a module executes it, before anybody can see what it holds. What somebody names on the command line is theirs,
and its source is remembered by its sha256, so that runs made with it go on, are sampled and evaluated on this machine.
A run from elsewhere that names code is refused until its user says --trust; so is one whose code has changed since.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from poise.disk import cache_dir, write_atomically
from poise.errors import PoiseError
from poise.registry import names

FILE = "trusted-sources.txt"  # in the cache: one sha256 a line


def class_paths(value: Any) -> Iterator[str]:
    """Every class path in arguments, wherever it stands."""
    if isinstance(value, Mapping):
        path = value.get("class_path")
        if isinstance(path, str):
            yield path
        for part in value.values():
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
