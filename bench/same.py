"""Are two checkouts the same, seen from the command line? For a re-organisation that must change nothing.

    python bench/same.py OLD NEW --out FOLDER [--only images study ...] [--keep-old]

Each checkout (a folder with src/poise) makes the tiny runs of bench/same_runs.py with `python -m poise`, in FOLDER/old
and FOLDER/new and beside each other; nothing of the package is imported. Then every file of the one is compared with
that of the other: records, checkpoints bit for bit, spec.json, samples, reports, evaluations, studies, and what each
command said (bench/same_files.py tells what is masked). One line is printed for each thing; the exit code is 1 if
anything differs that EXCEPTIONS does not name. The same must hold inside NEW: a copy of a finished run that was taken
back to a checkpoint ends as it did before, bit for bit. All of it takes about six minutes on two cores.

Digests of features and decoded data go to a cache in each side's own folder. --keep-old leaves what OLD made in FOLDER
before, if it was made by the same commit and the same commands.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from same_files import files_of, thing_of, values_of
from same_runs import ENTRIES, Command, Entry, write_data

# (name of the entry or of its recipe, pattern of FILE:KEY) -> why it may differ; * stands for anything in both.
STUDENT = "Student's t by scipy instead of a bisection: 1.3e-13 of it at most"
RESTING = "a network that does not play is saved without an optimiser and what its terms keep"
# Recipe and last step of a stage -> who does not play in it.
RESTS = {
    ("text", 8): ("generator",),
    ("text", 11): ("generator",),
    ("vocoder", 4): ("discriminator",),
    ("speech", 4): ("discriminator", "vocoder", "vocoder_discriminator"),
    ("speech", 7): ("vocoder", "vocoder_discriminator"),
    ("speech", 10): ("generator", "discriminator", "vocoder_discriminator"),
    ("speech", 13): ("generator", "discriminator"),
    ("speech", 15): ("discriminator",),
    ("speech", 16): ("discriminator",),
}
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("*", "*spec.json:arguments/compile"): "every recipe has --compile now",
    ("language*", "*spec.json:arguments/network"): "a language model may have a network of its user's own",
    **{
        (name, f"*{end}"): STUDENT
        for name in ("vae*", "vocoder*", "speech*")
        for end in (".low", ".high", "/low", "/high")
    },
    ("*", "*spec.json:facts/learning_rates/*"): "a recipe says which of its learning rates holds in a stage",
    **{
        (recipe, f"*step-{step:08d}/{place}"): RESTING
        for (recipe, step), names in RESTS.items()
        for name in names
        for place in (f"resume.pt:*/{name}.*", f"resume.pt:spent/{name}*", f"*{name}.adversarial.safetensors*")
    },
}
LONGEST = 300.0  # seconds of a command
SHOWN = 3  # differing keys of a thing


class Side:
    """One checkout and the folder in which it works."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout, self.folder = checkout.resolve(), folder.resolve()
        if not (self.checkout / "src" / "poise").is_dir():
            raise SystemExit(f"{checkout} has no src/poise")
        self.wrong: list[str] = []

    def state(self) -> str:
        """The commit, and what was changed since."""
        words = (("rev-parse", "HEAD"), ("diff", "HEAD", "--", "src"))
        said = [subprocess.run(["git", *w], cwd=self.checkout, capture_output=True, text=True).stdout for w in words]
        return "\n".join(said)

    def prepare(self) -> None:
        """Put the digits, which scikit-learn ships, where commands look for them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        code, said = self.run(Command(("data", "get", "digits")), self.folder)
        if code:
            self.wrong.append(f"poise data get digits: exit code {code}: {said.strip()[-200:]}")

    def make(self, name: str, entry: Entry, keep: bool) -> None:
        """Run the commands of an entry in a folder of its own, unless all of it is there and may be kept."""
        place = self.folder / name
        asked = json.loads(json.dumps({"state": self.state(), "commands": [asdict(c) for c in entry.commands]}))
        done = place / "complete.json"
        if keep and done.exists() and json.loads(done.read_text()) == asked:
            return
        shutil.rmtree(place, ignore_errors=True)
        write_data(place / "data")
        (place / "said").mkdir()
        failed = False
        for i, command in enumerate(entry.commands):
            if command.words[:2] == ("resume", "again") and (place / "whole").exists():
                shutil.copytree(place / "whole", place / "again")
            code, said = self.run(command, place)
            (place / "said" / f"{i:02d}-{command.words[0]}.txt").write_text(f"{said}exit code {code}\n")
            if code != command.code:
                failed = True
                last = said.strip().splitlines()[-1:] or [""]
                self.wrong.append(f"{name}: poise {' '.join(command.words)[:90]}: exit code {code}: {last[0][:200]}")
        if not failed:
            done.write_text(json.dumps(asked))

    def run(self, command: Command, place: Path) -> tuple[int, str]:
        """The exit code of a command and what it said, standard output first."""
        process = subprocess.Popen(
            [sys.executable, "-m", "poise", *command.words],
            cwd=place,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if command.stop_in:
            interrupt(process, place / command.stop_in / "record.jsonl", command.stop_at)
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        return process.returncode, out + err

    def environment(self) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("POISE_", "PYTHON"))}
        return ours | {
            "PYTHONPATH": str(self.checkout / "src"),
            "POISE_CACHE": str(self.folder / "cache"),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "120",
        }

    @property
    def places(self) -> dict[str, str]:
        return {str(self.folder): "HERE", str(Path(sys.executable).parent): "BIN", str(self.checkout): "CHECKOUT"}


def interrupt(process: subprocess.Popen[str], record: Path, step: int) -> None:
    """SIGINT as soon as the record has a row of this step or a later one."""
    until = time.monotonic() + LONGEST
    while process.poll() is None and time.monotonic() < until:
        rows = record.read_text().splitlines() if record.exists() else []
        if len(rows) > 1 and json.loads(rows[-2])["step"] >= step:
            process.send_signal(signal.SIGINT)
            return
        time.sleep(0.02)


def differences(one: Path, other: Path, name: str, places: Sequence[dict[str, str]]) -> dict[str, tuple[Any, Any]]:
    """Keys of a file whose values differ, with both values; "nothing there" is a value."""
    if not (one.exists() and other.exists()):
        return {"file": tuple("there" if path.exists() else "nothing there" for path in (one, other))}
    sides = [values_of(path, name, names) for path, names in zip((one, other), places, strict=True)]
    keys = list(dict.fromkeys([*sides[0], *sides[1]]))
    pairs = {key: tuple(side.get(key, "nothing there") for side in sides) for key in keys}
    return {key: (a, b) for key, (a, b) in pairs.items() if not same(a, b)}


def same(a: Any, b: Any) -> bool:
    """Equal and of one type; NaN equals itself."""
    return type(a) is type(b) and (a == b or (a != a and b != b))


def excused(entry: str, recipe: str, place: str) -> str | None:
    """Why this may differ."""
    for (who, pattern), reason in EXCEPTIONS.items():
        if (fnmatch(entry, who) or recipe == who) and fnmatch(place, pattern):
            return reason
    return None


def compared(entry: str, recipe: str, files: dict[str, tuple[Path, Path]], places: Sequence[dict[str, str]]) -> int:
    """Print a line for each thing; returns how many differ without an excuse."""
    things: dict[str, list[str]] = {}
    for name in files:
        things.setdefault(thing_of(name), []).append(name)
    faults = 0
    for thing, names in things.items():
        found, reasons = [], set()
        for name in names:
            for key, (a, b) in differences(*files[name], name, places).items():
                reason = excused(entry, recipe, f"{name}:{key}")
                if reason:
                    reasons.add(reason)
                else:
                    found.append(f"{name}:{key}: {short(a)} -> {short(b)}")
        count = f" ({len(names)} files)" if len(names) > 1 else ""
        allowed = "".join(f"; allowed: {reason}" for reason in sorted(reasons))
        verdict = f"DIFFERENT in {len(found)} keys" if found else "equal"
        print(f"{entry}: {thing}{count}: {verdict}{allowed}", flush=True)
        for line in found[:SHOWN]:
            print(f"    {line}", flush=True)
        faults += bool(found)
    return faults


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:110]} ... {text[-45:]}"


def again_of(folder: Path) -> dict[str, tuple[Path, Path]]:
    """What a run that went on from an earlier step must have in common with the one that never stopped."""
    whole, again = folder / "whole", folder / "again"
    kept = sorted(path.name for path in (whole / "checkpoints").glob("step-*"))[-1:]
    names = ["record.jsonl"]
    names += [f"checkpoints/{last}/{path.name}" for last in kept for path in (whole / "checkpoints" / last).iterdir()]
    return {f"again as whole/{name}": (whole / name, again / name) for name in sorted(names)}


def both(name: str, entry: Entry, sides: Sequence[Side]) -> int:
    """Compare what two sides made of an entry, and inside the new one the run that went on with the one that did not;
    returns how many things differ."""
    old, new = (side.folder / name for side in sides)
    files = {file: (old / file, new / file) for file in sorted({*files_of(old), *files_of(new)})}
    faults = compared(name, entry.recipe, files, [side.places for side in sides])
    if (new / "whole").exists() and (new / "again").exists():
        faults += compared(name, entry.recipe, again_of(new), [sides[1].places] * 2)
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", help="entries, or recipes: " + ", ".join(ENTRIES))
    parser.add_argument("--keep-old", action="store_true")
    options = parser.parse_args()
    known = {*ENTRIES, *(entry.recipe for entry in ENTRIES.values())}
    if unknown := set(options.only or ()) - known:
        raise SystemExit(f"there is no {', '.join(sorted(unknown))}; known: {', '.join(ENTRIES)}")
    chosen = {n: e for n, e in ENTRIES.items() if not options.only or {n, e.recipe} & {*options.only}}
    began = time.monotonic()
    sides = [Side(options.old, options.out / "old"), Side(options.new, options.out / "new")]

    faults = 0
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Side.prepare, sides))
        for name, entry in chosen.items():
            list(pool.map(Side.make, sides, [name] * 2, [entry] * 2, [options.keep_old, False]))
            faults += both(name, entry, sides)
    for title, side in zip(("OLD", "NEW"), sides, strict=True):
        for line in side.wrong:
            print(f"{title} FAILED: {line}")
    wrong = sum(len(side.wrong) for side in sides)
    verdict = "the same" if not faults + wrong else f"NOT the same: {faults} things differ, {wrong} commands failed"
    print(f"{verdict} ({time.monotonic() - began:.0f} s)")
    return 1 if faults + wrong else 0


if __name__ == "__main__":
    sys.exit(main())
