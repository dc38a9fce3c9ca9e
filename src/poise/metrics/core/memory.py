"""What several metrics compute of the same data, computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Memory:
    """Remembers what was computed of it: `keep(key, make)` calls `make` where nothing has that key yet."""

    _kept: dict[Any, Any] = field(default_factory=dict, repr=False, kw_only=True)

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]
