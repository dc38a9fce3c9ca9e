"""Where the trials of a search lie: Optuna's journal in a file, or a database, and under which name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.disk import read_bytes, write_atomically
from poise.errors import PoiseError

NAME = "search"


@dataclass(frozen=True)
class Marks:
    """What tells a search from others in a storage: its space, in words, and a hash of what was asked."""

    space: Sequence[str]
    whose: str

    def told(self) -> Mapping[str, object]:
        """As they are kept."""
        return {"space": list(self.space), "whose": self.whose}

    def are(self, known: Mapping[str, object]) -> bool:
        """Whether kept ones are these; searches of before have no hash."""
        return known.get("space") == list(self.space) and known.get("whose", self.whose) == self.whose

    def name_in(self, kept: Any, alone: bool) -> str:
        """What it is called there: "search" where it is alone, as in databases of before, else with its hash."""
        if alone or self._has(kept):
            return NAME
        return f"{NAME} {self.whose}"

    def _has(self, kept: Any) -> bool:
        try:
            number = kept.get_study_id_from_name(NAME)
        except KeyError:
            return False
        return self.are(kept.get_study_user_attrs(number))


def storage(place: Path | str) -> Any:
    """Optuna's own: a journal for a path, a database for an address. Whoever asks has locked the journal's folder.

    Errors: PoiseError for a journal that is damaged, or an address that cannot be reached.
    """
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
        _without_half_a_line(place)
        try:
            return JournalStorage(JournalFileBackend(str(place)))
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise PoiseError(f"{place} is damaged ({error}): put it back, or choose another --out") from None
    try:
        return RDBStorage(place)
    except Exception as error:
        said = " ".join(str(error).split())[:160]
        raise PoiseError(
            f"--storage {place.partition('@')[2] or place}: {said}; use an address such as sqlite:///tune.db or "
            "postgresql+psycopg://user@host/base"
        ) from None


def closed(kept: Any) -> None:
    """Give the connections to a database back."""
    engine = getattr(kept, "engine", None)
    if engine is not None:
        kept.remove_session()
        engine.dispose()


def _without_half_a_line(journal: Path) -> None:
    """A full disk or a power cut may leave half a line at the end, to which Optuna would append the next one."""
    if not journal.exists():
        return
    content = read_bytes(journal)
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_atomically(journal, whole)
