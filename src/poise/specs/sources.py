"""Code of one's own that a run names: where its source is, what it was, and whether it may be executed here.

To import a module executes it, before anybody can see what it holds. What somebody names on the command line is theirs,
and its source is remembered by its sha256, so that runs made with it go on, are sampled and evaluated on this machine.
A run from elsewhere that names code is refused until its user says --trust; so is one whose code has changed since.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import jsonargparse

from poise.disk import cache_dir, write_atomically
from poise.errors import PoiseError
from poise.registry import names
from poise.terminal import pasted

FILE = "trusted-sources.txt"  # in the cache: one sha256 a line
_HERE: set[str] = set()  # trusted by this process, even where the cache cannot be written
_ALLOWED: set[str] = set()  # packages that the parser was ever allowed to import
PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
DATA = ("data", "metadata", "from_run")  # paths of files, which are never imported


def class_paths(value: Any) -> Iterator[str]:
    """Every class path in arguments: under `class_path`, and any dotted name of a module that is there."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if key == "class_path" and isinstance(part, str):
                yield part
            elif key not in DATA:
                yield from class_paths(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from class_paths(part)
    elif isinstance(value, str) and PATH.fullmatch(value) and _is_there(value):
        yield value


def _is_there(path: str) -> bool:
    return path.rpartition(".")[0] in sys.modules or file_of(path) is not None


def allow(paths: Iterable[str]) -> None:
    """Let the parser, which imports nothing but Poise by itself, import what lies in the packages of these names, and
    nothing any more that it was allowed before: another file may be called so now."""
    tops = {path.partition(".")[0] for path in paths if "." in path}
    now = {top for top in tops - sys.stdlib_module_names - {"jsonargparse", "poise"} if top.isidentifier()}
    jsonargparse.set_parsing_settings(import_path_denylist=sorted(_ALLOWED - now), import_path_allowlist=sorted(now))
    _ALLOWED.update(now)


def allow_trusted(arguments: Mapping[str, object]) -> None:
    allow(path for path in class_paths(arguments) if is_trusted(path))


def is_ours(path: str) -> bool:
    """Whether a class path is a penalty of Poise, by its name alone or by its place."""
    module, _, name = path.rpartition(".")
    return not module or (f"{module}.".startswith("poise.penalties.") and name in names("penalty"))


def file_of(path: str) -> Path | None:
    """The source file of the module in a dotted path, found without executing it; None where there is none."""
    module = path.rpartition(".")[0]
    with contextlib.suppress(ImportError, ValueError, AttributeError, LookupError):
        loaded = sys.modules.get(module)
        spec = loaded.__spec__ if loaded is not None else None
        if loaded is None:
            parts, places = module.split("."), None
            for i in range(len(parts)):
                spec = PathFinder.find_spec(".".join(parts[: i + 1]), places)
                places = list((spec and spec.submodule_search_locations) or [])
        if spec is not None and spec.origin and Path(spec.origin).is_file():
            return Path(spec.origin)
    return None


def digest_of(path: str) -> str | None:
    """sha256 of the source of a dotted path; None where it has no file."""
    file = file_of(path)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file is not None else None


def sources(arguments: Mapping[str, object], *more: str) -> dict[str, str | None]:
    """Dotted path -> sha256 of its source, of everything in a run's arguments (and of `more`) that is not Poise's."""
    paths = [path for path in (*class_paths(arguments), *more) if not is_ours(path)]
    return {path: digest_of(path) for path in dict.fromkeys(paths)}


def trust(path: str) -> None:
    """Remember the source of a dotted path as the user's own. It may fail in silence: then --trust is asked for."""
    digest = _mark(path)
    if digest is None or digest in _trusted():
        return
    _HERE.add(digest)
    known = _trusted()
    with contextlib.suppress(OSError, PoiseError):
        cache_dir().mkdir(parents=True, exist_ok=True)
        write_atomically(cache_dir() / FILE, "".join(f"{line}\n" for line in known).encode())


def trust_all(recipe: str, arguments: Mapping[str, object]) -> None:
    """Remember all code that a run names as its user's."""
    for path in (*class_paths(arguments), *([recipe] if "." in recipe else [])):
        trust(path)


def is_trusted(path: str) -> bool:
    """Whether a dotted path may be imported: ours, imported by now, or with a source that its user has named before."""
    return is_ours(path) or path.rpartition(".")[0] in sys.modules or _mark(path) in _trusted()


def _mark(path: str) -> str | None:
    """sha256 of the source of a dotted path and of where it lies: the same file elsewhere has other neighbours."""
    file, digest = file_of(path), digest_of(path)
    return hashlib.sha256(f"{file.resolve()} {digest}".encode(errors="replace")).hexdigest() if file else None


def _trusted() -> list[str]:
    text = ""
    with contextlib.suppress(OSError, PoiseError):
        text = (cache_dir() / FILE).read_text(encoding="ascii", errors="replace")
    return list(dict.fromkeys([*(line for line in text.splitlines() if len(line) == 64), *_HERE]))


def check_trusted(file: Path, arguments: Mapping[str, object], known: Mapping[str, str | None], *more: str) -> None:
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
