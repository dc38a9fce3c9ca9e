"""The named real data sets, and where a fetched one lies. Downloading is in `fetch`.

Nothing is hosted by Poise: each set is inside a package of Debian, npm, PyPI or scikit-learn, and is pinned
by version and sha256.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from poise.data import store, unpack
from poise.errors import PoiseError, nearest


@dataclass(frozen=True)
class Entry:
    """One data set: what it is, which client brings which package, and how that becomes a folder.

    `sha256` is that of the package file, or, for "sklearn", of the decoded array (see `unpack.digits`).
    `unpack(archive, folder)` fills an empty folder; `data` is what to open in it, "" being the folder itself.
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
    unpack: Callable[[Path, Path], None]
    data: str = ""
    classes: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the fetched set lies, or will lie."""
        return store.cache_dir() / "sets" / f"{self.name}-{self.version}"

    @property
    def placed(self) -> Path:
        """Where a package file may be placed by hand."""
        return store.cache_dir() / "downloads" / self.filename


_ENTRIES = (
    Entry(
        name="fashion-mnist",
        title="Fashion-MNIST: 60,000 + 10,000 grey pictures of clothes, 28x28, 10 classes",
        modality="image",
        licence="MIT (Zalando)",
        client="apt",
        package="dataset-fashion-mnist",
        version="0.0~git20200523.55506a9-1",
        filename="dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
        size=30_900_652,
        sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
        unpack=unpack.fashion_mnist,
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    Entry(
        name="noto-emoji",
        title="Noto emoji: 1,906 colour pictures with transparency, 64x64, 9 classes",
        modality="image",
        licence="Apache-2.0 (Google)",
        client="npm",
        package="emoji-datasource-google",
        version="16.0.0",
        filename="emoji-datasource-google-16.0.0.tgz",
        size=74_344_091,
        sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        unpack=unpack.noto_emoji,
    ),
    Entry(
        name="digits",
        title="Digits: 1,797 grey pictures of written digits, 8x8, 10 classes",
        modality="image",
        licence="CC-BY-4.0 (UCI; Alpaydin and Kaynak)",
        client="sklearn",
        package="scikit-learn",
        version="1",
        filename="digits.npz",
        size=0,
        sha256=unpack.DIGITS_SHA256,
        unpack=unpack.digits,
        data="digits.npz",
    ),
)


def catalogue() -> list[Entry]:
    """All data sets, in the order of `poise data list`."""
    return list(_ENTRIES)


def find(name: str) -> Entry:
    """The entry called `name`; PoiseError with the nearest name for an unknown one."""
    for entry in catalogue():
        if entry.name == name:
            return entry
    names = [entry.name for entry in catalogue()]
    raise PoiseError(f"there is no data set called '{name}'{nearest(name, names)}; known: {', '.join(names)}")


def located(name: str) -> Path | None:
    """What to open for a set that was fetched, or None. PoiseError for a name that is not known."""
    entry = find(name)
    path = entry.folder / entry.data
    return path if path.exists() else None
