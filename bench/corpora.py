"""Odd files that others keep for their own tests, each tried in a folder beside good ones: what becomes of it?

    python bench/corpora.py --out corpora [--only pillow tiff] [--table docs/corpora.md]

Source packages are fetched through pip and apt. A picture is put into a folder with eight good ones, a recording beside
four, and opened as a run opens it, in a process of its own with at most 4 GB; a text is opened alone. It is then

    read      among the pictures, clips or texts
    named     left out, with its name and the reason in what the user is told
    refused   the whole is refused in one sentence that names it
    crashed   another error, a signal, or more than 30 seconds
    silent    neither read nor named

Crashed and silent must be none. Needs apt with a Debian release for the packages of its archive; those are left out
with a word elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

SECONDS, BYTES = 30, 4 << 30
OUTCOMES = ("read", "named", "refused", "crashed", "silent")

# name -> client, kind of the files, folders in the archive that hold them
CORPORA: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "pillow": ("pip", "picture", ("Tests/images",)),
    "libpng1.6": ("apt", "picture", ("contrib/pngsuite", "contrib/testpngs")),
    "tiff": ("apt", "picture", ("test/images", "test/refs")),
    "giflib": ("apt", "picture", ("pic",)),
    "libjpeg-turbo": ("apt", "picture", ("testimages",)),
    "mutagen": ("pip", "sound", ("tests/data",)),
    "soundfile": ("pip", "sound", ("tests",)),
    "sox": ("apt", "sound", ("src", "sounds", "test")),
    "charset-normalizer": ("pip", "text", ("data",)),
    "uchardet": ("apt", "text", ("test",)),
    "agate": ("pip", "text", ("examples",)),
}  # fmt: skip
PROGRAMS = {
    ".c",
    ".h",
    ".py",
    ".am",
    ".in",
    ".sh",
    ".cmake",
    ".pl",
    ".m4",
    ".txt.in",
}  # no data, in folders of sounds


def fetched(name: str, client: str, where: Path) -> Path | None:
    """The unpacked source package; None where it cannot be had."""
    folder = where / name
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory() as temporary:
        by_pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", name]
        command = by_pip if client == "pip" else _by_apt(name, Path(temporary))
        done = subprocess.run(command, cwd=temporary, capture_output=True, text=True)
        found = sorted(Path(temporary).glob("*.tar.*"), key=lambda path: -path.stat().st_size)
        found = [path for path in found if path.suffix != ".asc" and ".debian." not in path.name]
        if not found:  # of a package of apt the archive is enough, without what Debian adds to it
            print(f"{name}: {(done.stderr.strip().splitlines() or ['nothing was fetched'])[-1][:120]}", flush=True)
            return None
        with tarfile.open(found[0]) as archive:
            archive.extractall(Path(temporary) / "all", filter="data")
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(next((Path(temporary) / "all").iterdir())), folder)
    return folder


def _by_apt(name: str, work: Path) -> list[str]:
    """Source packages of the release that apt knows, with lists of their own: nothing of the machine is changed."""
    lists = [*Path("/etc/apt/sources.list.d").glob("*.sources")]
    (work / "lists/partial").mkdir(parents=True)
    (work / "deb.sources").write_text("\n\n".join(p.read_text() for p in lists).replace("Types: deb", "Types: deb-src"))
    options = ["-q", "-o", f"Dir::Etc::sourcelist={work / 'deb.sources'}", "-o", "Dir::Etc::sourceparts=/dev/null",
               "-o", f"Dir::State::Lists={work / 'lists'}"]  # fmt: skip
    subprocess.run(["apt-get", *options, "update"], capture_output=True)
    return ["apt-get", *options, "source", "--tar-only", "--download-only", name]


def good_pictures(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    for i in range(8):
        noise = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"good-{i}.png")


def good_sounds(folder: Path) -> None:
    import numpy as np
    import soundfile

    for i in range(4):
        wave = np.random.default_rng(i).normal(0, 0.1, 16_000).astype(np.float32)
        soundfile.write(folder / f"good-{i}.wav", wave, 16_000)


def tried(kind: str, path: Path) -> tuple[str, str]:
    """What becomes of one file, and what is said of it."""
    from poise.errors import PoiseError

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            return {"picture": _picture, "sound": _sound, "text": _text}[kind](path, folder)
        except PoiseError as error:
            said = str(error)
            named = path.name in said or kind == "text"
            return ("refused" if named and "\n" not in said else "silent"), said
        except MemoryError:
            return "crashed", "more than 4 GB"
        except BaseException as error:
            return "crashed", f"{type(error).__name__}: {error}"


def _picture(path: Path, folder: Path) -> tuple[str, str]:
    from poise.data.images.images import open_images
    from poise.recipes.images.data import notes

    good_pictures(folder)
    shutil.copyfile(path, folder / path.name)
    found = open_images(folder, 32, labels="none", heldout=0)
    said = " | ".join([*notes(found, str(folder)), *(f"{name} ({why})" for name, why in found.unreadable)])
    return _judged(len(found.images) > 8, path, said)


def _sound(path: Path, folder: Path) -> tuple[str, str]:
    from poise.data.speech.recordings import open_recordings

    good_sounds(folder)
    shutil.copyfile(path, folder / path.name)
    found = open_recordings(folder, heldout=0)
    said = " | ".join([*found.notes, *(f"{name} ({why})" for name, why in found.left_out)])
    return _judged(len(found.files) > 4, path, said)


def _text(path: Path, folder: Path) -> tuple[str, str]:
    from poise.data.text.text import open_sentences

    found = open_sentences(path)
    return "read", " | ".join(found.notes)


def _judged(read: bool, path: Path, said: str) -> tuple[str, str]:
    if read:
        return "read", ""
    return ("named" if path.name in said else "silent"), said


def worker(connection: Connection) -> None:
    import os

    os.environ["POISE_CACHE"] = tempfile.mkdtemp()
    import poise.data.images.images
    import poise.data.speech.recordings
    import poise.recipes.images.build  # noqa: F401

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES + (8 << 30), used + BYTES + (8 << 30)))
    while True:
        kind, path = connection.recv()
        connection.send(tried(kind, Path(path)))


class Worker:
    """A process that tries one file after the other; a new one where it dies or does not answer."""

    def __init__(self) -> None:
        self.process: multiprocessing.process.BaseProcess | None = None

    def try_(self, kind: str, path: Path) -> tuple[str, str]:
        if self.process is None or not self.process.is_alive():
            self.connection, there = multiprocessing.Pipe()
            self.process = multiprocessing.get_context("spawn").Process(target=worker, args=(there,), daemon=True)
            self.process.start()
        self.connection.send((kind, str(path)))
        with contextlib.suppress(EOFError):
            if self.connection.poll(SECONDS + 30):  # starting it takes a while
                return self.connection.recv()
        self.process.kill()
        self.process.join()
        code = self.process.exitcode
        self.process = None
        return "crashed", f"no answer (exit code {code})"


def files_of(folder: Path, places: tuple[str, ...]) -> Iterator[Path]:
    for place in places:
        for path in sorted((folder / place).rglob("*")):
            if path.suffix == ".zip" and zipfile.is_zipfile(path):
                continue
            if (
                path.is_file()
                and not path.is_symlink()
                and path.suffix not in PROGRAMS
                and not path.name.startswith(("Makefile", "CMakeLists"))
            ):
                yield path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="corpora", help="where the packages are kept")
    parser.add_argument("--only", nargs="*", default=list(CORPORA))
    parser.add_argument("--table", help="a Markdown file to write")
    options = parser.parse_args()
    table, bad, one = {}, [], Worker()
    for name in options.only:
        client, kind, places = CORPORA[name]
        folder = fetched(name, client, Path(options.out).resolve())
        if folder is None:
            continue
        counts: Counter[str] = Counter()
        for path in files_of(folder, places):
            outcome, said = one.try_(kind, path)
            counts[outcome] += 1
            if outcome in ("crashed", "silent"):
                bad.append(f"{name}: {path.relative_to(folder)}: {outcome}: {said[:200]}")
        table[name] = (kind, counts)
        print(f"{name} ({kind}s): {', '.join(f'{counts[outcome]:,} {outcome}' for outcome in OUTCOMES)}", flush=True)
    print("\n".join(bad))
    if options.table:
        write(Path(options.table), table)
    sys.exit(bool(bad))


def write(path: Path, table: dict[str, tuple[str, Counter[str]]]) -> None:
    head = (
        "# Odd files from elsewhere\n\nWhat becomes of the files that others keep for their own tests, each in a "
        "folder beside good ones: `make corpora`\n(`bench/corpora.py` says what the columns mean).\n\n"
    )
    rows = ["| source package | files | read | named | refused | crashed | silent |", "|---|---|---|---|---|---|---|"]
    for name, (kind, counts) in table.items():
        numbers = " | ".join(f"{counts[outcome]:,}" for outcome in OUTCOMES)
        rows.append(f"| {name} | {counts.total():,} {kind}s | {numbers} |")
    path.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
