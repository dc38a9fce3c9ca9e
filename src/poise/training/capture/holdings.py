"""What objects hold: their tensors, and what Python keeps beside them, such as a count of calls.

A repeated step changes the one and not the other. So both have to be found wherever a user's code may keep them: in
attributes, containers, layers, bound methods, the variables that a function encloses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from types import BuiltinFunctionType, CellType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

DEPTH = 8  # of objects within objects
PLAIN = (str, bytes, int, float, complex, type(None))
CLOSED = (*PLAIN, type, ModuleType, BuiltinFunctionType, torch.device, torch.dtype, torch.Generator, torch.Size)
UNNAMED = ("_parameters", "_buffers", "_modules")


class Holdings:
    """All that objects hold at a moment.

    Tensors are kept by a name and as they are, not copied; of everything else which object stood where. A tensor that
    has a graph is no state, but what a move has made of the weights, as the weights under dropout of a recurrent layer.
    """

    def __init__(self, parts: Iterable[Any]) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.kept: dict[str, tuple[Any, Any]] = {}  # name -> what holds, what it held
        self._seen: set[int] = set()
        self._alive: list[Any] = []  # an id is that of one object only while it lives
        level = [(getattr(part, "__qualname__", type(part).__name__), part) for part in parts]
        for _ in range(DEPTH):  # the nearest first: what is met deep down may be met again at less depth
            level = [inner for name, part in level for inner in self._within(part, name)]

    def _within(self, part: Any, name: str) -> Iterator[tuple[str, Any]]:
        if isinstance(part, CLOSED) or id(part) in self._seen:
            return
        self._seen.add(id(part))
        self._alive.append(part)
        if isinstance(part, Tensor):
            if part.grad_fn is not None:
                return
            self.tensors[_unused(name, self.tensors)] = part.detach()
            return
        if isinstance(part, dict | list | deque | CellType):
            self.kept[_unused(name, self.kept)] = part, _content(part)
        for key, value in _inside(part):
            yield name if key in UNNAMED or not key else f"{name}.{key}", value

    def back(self) -> None:
        """Let everything stand where it stood; the tensors hold what they hold now."""
        for place, content in self.kept.values():
            if isinstance(place, CellType):
                if content:
                    (place.cell_contents,) = content
                continue
            now = _content(place)
            if len(now) == len(content) and all(a is b for a, b in zip(_flat(now), _flat(content), strict=True)):
                continue
            place.clear()
            place.update(content) if isinstance(place, dict) else place.extend(content)

    def other(self, later: Holdings) -> str | None:
        """The name of the first number, text or tensor that another one stands for later."""
        for name, (_, content) in self.kept.items():
            if name not in later.kept:
                return name
            before, now = _by_key(content), _by_key(later.kept[name][1])
            for key in (*before, *(key for key in now if key not in before)):
                if key not in before or key not in now or not _same(before[key], now[key]):
                    return f"{name}.{key}" if isinstance(key, str) else name
        return None


def _unused(name: str, names: Collection[str]) -> str:
    found, n = name, 1
    while found in names:
        n += 1
        found = f"{name} ({n})"
    return found


def _by_key(content: Any) -> dict[Any, Any]:
    return content if isinstance(content, dict) else dict(enumerate(content))


def _content(place: Any) -> Any:
    if isinstance(place, CellType):
        try:
            return [place.cell_contents]
        except ValueError:  # its variable has no value yet
            return []
    return dict(place) if isinstance(place, dict) else list(place)


def _flat(content: Any) -> list[Any]:
    return [x for pair in content.items() for x in pair] if isinstance(content, dict) else content


def _same(before: Any, now: Any) -> bool:
    """Whether a place holds the same as before; of objects what they hold is asked, and not which they are."""
    if before is now:
        return True
    if isinstance(before, Tensor) and isinstance(now, Tensor):
        return before.grad_fn is not None and now.grad_fn is not None
    if isinstance(before, PLAIN) or isinstance(now, PLAIN):
        return type(before) is type(now) and (now == before or now != now)
    return isinstance(before, Tensor) == isinstance(now, Tensor)


def _inside(part: Any) -> list[tuple[str, Any]]:
    """What an object holds, by its names."""
    if isinstance(part, nn.Module):  # all layers are as near as the whole
        return [(name, vars(layer)) for name, layer in part.named_modules()]
    if isinstance(part, dict):
        return [(key if isinstance(key, str) else str(i), value) for i, (key, value) in enumerate(part.items())]
    if isinstance(part, list | tuple | set | frozenset | deque):
        return [(str(i), value) for i, value in enumerate(part)]
    if isinstance(part, CellType):
        return [("", value) for value in _content(part)]
    if isinstance(part, partial):
        return [("", part.func), ("", part.args), ("", part.keywords)]
    found = [("", part.__self__)] if hasattr(part, "__self__") else []
    if closed := getattr(part, "__closure__", None):
        found += zip(part.__code__.co_freevars, closed, strict=True)
    return [*found, ("", getattr(part, "__dict__", None))]
