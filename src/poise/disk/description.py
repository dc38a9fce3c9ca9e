"""What a run was asked to do, as `spec.json` holds it. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

Arguments = dict[str, object]  # of a recipe's signature, as JSON has them: groups are tables


class AskedRun(TypedDict):
    """What is to be trained; arguments that are not given take their defaults."""

    recipe: str
    arguments: Arguments


@dataclass(frozen=True)
class RunSpec:
    """The description of a run.

    `arguments` of the recipe's signature; `facts`, what rebuilds the generator without the data, and what the data was;
    `versions` of what made the numbers; `data_path`, absolute, None for data that are no path; `sources`, dotted path
    of code that is not Poise's -> sha256 of its source.
    """

    recipe: str = ""
    arguments: Arguments = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    data_path: str | None = None
    sources: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, content: Any) -> RunSpec | None:
        """None where the content of a file does not describe a run."""
        if not isinstance(content, dict) or not isinstance(content.get("recipe"), str):
            return None
        arguments, facts, versions = (content.get(name) for name in ("arguments", "facts", "versions"))
        if not (isinstance(arguments, dict) and isinstance(facts, dict) and isinstance(versions, dict)):
            return None
        path, sources = content.get("data_path"), content.get("sources")
        path = path if isinstance(path, str) else None
        sources = sources if isinstance(sources, dict) else {}
        return cls(content["recipe"], arguments, facts, versions, path, sources)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what is not known is left out."""
        found = {name: getattr(self, name) for name in ("recipe", "arguments", "facts", "versions")}
        if self.data_path is not None:
            found["data_path"] = self.data_path
        return found | ({"sources": self.sources} if self.sources else {})
