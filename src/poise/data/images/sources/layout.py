"""How pictures lie in folders: which folders are splits, and which class a picture has.

`train/`, `test/` and `val/` right below the source are splits and no classes. Classes come from the folders below
(`folder_classes`), from a `labels.json` {file: class}, or from the `dataset.json` of NVIDIA's tools,
{"labels": [[file, class], ...]}, or from another table (`label_tables`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from poise import disk
from poise.data.images.sources.label_tables import classes_in, is_offered
from poise.errors import PoiseError

LABELS_FILE = "labels.json"
DATASET_FILE = "dataset.json"  # of NVIDIA's dataset_tool.py
SPLITS = ("auto", "none")
_PARTS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip


class Parts(NamedTuple):
    """Pictures whose folders are splits. `order`: their rows, those to train on first and the test split last."""

    order: list[int]
    own_test: int  # how many at the end are the set's own test split
    unused: int  # how many before these are neither trained on nor held out: a val/ beside a test/
    note: str


def top(name: str) -> str:
    """The first folder of a name, or nothing."""
    first, slash, _ = name.partition("/")
    return first if slash else ""


def _splits(folders: Iterable[str]) -> dict[str, str]:
    """Folder -> "train", "val" or "test", of those whose names say so."""
    return {folder: _PARTS[folder.lower()] for folder in folders if folder.lower() in _PARTS}


def _shown(folders: Iterable[str]) -> str:
    return " and ".join(f"{folder}/" for folder in sorted(folders))


def parts(names: Sequence[str]) -> Parts | None:
    """The splits that the folders of these pictures are, if there is one to train on and nothing lies beside them."""
    count = Counter(map(top, names))
    found = _splits(count)
    if len(found) < len(count) or "train" not in found.values():
        return None
    own = "test" if "test" in found.values() else "val"
    rank = {"train": 0, "val": 1, "test": 2} | {own: 2}
    ranks = [rank[found[top(name)]] for name in names]
    order = sorted(range(len(names)), key=lambda row: ranks[row])  # stable: the order of the names within a part
    said = {"train": "to train on", own: "held out"}
    sorted_folders = sorted(found, key=lambda folder: (rank[found[folder]], folder))
    told = ", ".join(f"{f}/ ({count[f]:,}) {said.get(found[f], 'not used')}" for f in sorted_folders)
    note = f"folders that are splits: {told} (--splits none reads them as ordinary folders)"
    return Parts(order, ranks.count(2), ranks.count(1), note)


def beside_splits(names: Iterable[str]) -> str:
    """A line where train/ and test/ are there, but something else as well, so that they are no splits."""
    count = Counter(map(top, names))
    found = _splits(count)
    others = [folder for folder in count if folder not in found]
    if not others or not set(found.values()) > {"train"}:
        return ""
    what = f"the folder {others[0]}/" if others[0] else f"{count['']:,} pictures"
    return (
        f"{_shown(found)} are read as ordinary folders and not as splits, for beside them lie {what}: move these away"
    )


def below_one(names: Sequence[str]) -> str:
    """A line where splits lie in the only folder that there is, as an archive unpacks."""
    folders = set(map(top, names))
    below = [name.partition("/")[2] for name in names]
    if len(folders) != 1 or "" in folders or parts(below) is None:
        return ""
    splits = _shown(set(map(top, below)))
    return f"{splits} lie in {folders.pop()}/, which is read as a class: give that folder to have them as splits"


def folder_class(path: object, name: str, split: bool) -> str:
    """The first folder of a picture, below that of its split. Errors: PoiseError where there is none."""
    below = name.partition("/")[2] if split else name
    if found := top(below):
        return found
    if split:
        raise PoiseError(
            f"{path}: the picture '{name}' lies in no sub-folder of its split, so it has no class: move it into one, "
            "give --splits none, or leave out --labels folders"
        )
    raise PoiseError(
        f"{path}: the picture '{name}' lies in no sub-folder, so it has no class: "
        "move it into one, or leave out --labels folders"
    )


def table(content: bytes, file: str) -> dict[str, object] | None:
    """File -> class, of a labels.json or dataset.json; None where a dataset.json holds no labels.

    Errors: ValueError where it is no such file.
    """
    found = disk.loads(content)
    if not isinstance(found, dict):
        raise ValueError("it is no table")
    if file == LABELS_FILE:
        return {name.replace("\\", "/"): label for name, label in found.items()}
    pairs = found.get("labels")
    if pairs is None:
        return None
    if isinstance(pairs, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        pairs = {str(name).replace("\\", "/"): label for name, label in pairs}
    if not isinstance(pairs, dict):
        raise ValueError("its labels are no list of [file, class]")
    return pairs


def file_classes(path: object, file: str, content: bytes, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The class of each picture by the table in `file`, and the classes in order: numbers by their size.

    Errors: PoiseError where the file is damaged, or a picture is missing in it.
    """
    try:
        found = classes_in(content, file, names) if is_offered(file) else table(content, file) or {}
    except (ValueError, PoiseError) as error:
        raise PoiseError(f"{path}: {file} cannot be read ({error}): correct it") from None
    missing = [name for name in names if name not in found]
    if missing:
        more = f" and {len(missing) - 1:,} more" if missing[1:] else ""
        raise PoiseError(
            f"{path}: {file} has no class for '{missing[0]}'{more}: add what is missing, or remove the pictures"
        )
    classes = [found[name] for name in names]
    words = list(map(str, classes))
    numbers = False
    if file == DATASET_FILE:
        for name, one in zip(names, classes, strict=True):
            if not isinstance(one, int | str) or isinstance(one, bool):
                raise PoiseError(
                    f"{path}: {file} gives '{name}' the class {str(one)[:40]}: give each one whole number or word"
                )
        numbers = all(isinstance(one, int) for one in classes)
    elif is_offered(file):
        numbers = all(map(str.isdecimal, words))
    if numbers:
        return words, sorted(set(words), key=int)
    return words, sorted(set(words))
