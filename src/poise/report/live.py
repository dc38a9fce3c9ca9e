"""The view of a run while it trains: a live table on a terminal, plain lines elsewhere, nothing with --quiet.

More than 250 lines, because the three ways of showing one moment are read side by side.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from poise.disk.description import PerStep, RunSpec
from poise.report.in_terminal import drawn, picture_in, way_of
from poise.report.pace import Pace, clock
from poise.report.table import score_lines
from poise.terminal import escaped, raw
from poise.words import translated

ROOM = 14  # lines of a terminal that the table needs beside a picture


class ShownFinding(Protocol):
    """What is wrong, as `poise.monitor` says it."""

    @property
    def name(self) -> str: ...
    @property
    def severity(self) -> str: ...
    def line(self) -> str: ...


class View:
    """What a run tells whoever watches; it shows nothing itself. `pictures`: whether somebody wants samples soon."""

    pictures = False

    def open(self, folder: Path, spec: RunSpec, done: int, total: int) -> None: ...
    def step(self, made: int, entry: Mapping[str, float]) -> None: ...
    def scores(self, made: int, scores: dict[str, float], floor: dict[str, float]) -> None: ...
    def findings(self, made: int, found: Sequence[ShownFinding]) -> None: ...
    def shown(self, made: int, path: Path, next_step: int, ahead: float | None) -> None: ...
    def say(self, line: str) -> None: ...
    def close(self) -> None: ...


class Silent(View):
    """Shows nothing."""


# Numbers of a player's move that are shown under a label, and those beside them that are no terms of its loss.
SHOWN = {
    "nll_training": "on training",
    "nll_heldout": "on held-out",
    "nll_gap": "gap",
    "grad_norm": "gradient",
    "auc_gap": "AUC gap",
    "diversity": "diversity",
    "shown_diversity": "diversity as shown",
    "diversity_within": "within classes",
    "shown_diversity_within": "within classes as shown",
}
SIGNALS = (
    "alive",
    "auc_heldout",
    "auc_seen",
    "auc_training",
    "contrast",
    "drift",
    "inside",
    "inside_null",
    "inside_z",
    "nearest",
)
OTHERS = ("lr", "norm", "on_generated", "on_heldout", "on_training", "output_gradient", "sign", "update")
NOT_A_TERM = {*SHOWN, *SIGNALS, *OTHERS}


class _Watching(View):
    """What both visible views keep: the latest of every number of this stage, and the pace.

    A step reads what `facts["per_step"]` says: `unit` of a speed, `size` of a step in words, and `amounts`, stage ->
    units in a step, "" for the other stages. Without it a step reads --batch samples."""

    pictures = True

    def open(self, folder: Path, spec: RunSpec, done: int, total: int) -> None:
        self.latest: dict[str, float] = {}
        self.wrong: list[str] = []  # names of the findings of the last look
        self.pace, self.total = Pace(done, total), total
        self.samples: tuple[Path, int, float | None, float] | None = None  # file, next step, next time, when it was
        facts, threads = spec.facts, spec.facts["threads"]
        batch: Any = spec.arguments.get("batch", 0)
        self.per_step = PerStep("samples", f"{batch}", {"": batch})
        if "per_step" in facts:
            self.per_step = PerStep(**facts["per_step"])
        self.stages: list[tuple[str, int]] = [(name, steps) for name, steps in facts.get("stages", ())]
        self.stage = self.stage_at(done + 1)
        self.say(str(facts["data"]))
        self.say(
            f"run {folder}: {total:,} steps of {self.per_step.size} on {facts['device']} in {facts['precision']} "
            f"with {threads} thread{'s' if threads != 1 else ''}"
            + (f", augmentation {facts['augment']}" if "augment" in facts else "")
            + (f", going on after step {done:,}" if done else "")
        )

    def stage_at(self, made: int) -> str:
        """The name of the stage that step number `made` belongs to; nothing in a run of one stage."""
        for name, steps in self.stages:
            if made <= steps:
                return name
            made -= steps
        return ""

    def take(self, made: int, entry: Mapping[str, float]) -> None:
        """Keep what is new; when another stage has begun, nothing that is old: findings are of one stage too."""
        if (stage := self.stage_at(made)) != self.stage:
            self.stage, self.latest, self.wrong, self.pace = stage, {}, [], Pace(made, self.total)
        self.latest |= entry

    def progress(self, made: int) -> str:
        speed, left = self.pace.at(made)
        ahead = clock(left) if left == left else "-:--"
        stage = f"  {self.stage} stage" if self.stage else ""
        amounts = {"": 0, **self.per_step.amounts}
        read = speed * amounts.get(self.stage, amounts[""])
        shown = f"{read:,.0f}" if read >= 100 or not read else f"{read:.3g}"
        return f"step {made:,}/{self.total:,}{stage}  {shown} {self.per_step.unit}/s  {ahead} left"

    def shown(self, made: int, path: Path, next_step: int, ahead: float | None) -> None:
        """Keep where the newest samples are and when the next ones come."""
        self.samples = (path, next_step, ahead, time.monotonic())

    def next_samples(self, made: int) -> str:
        """ "the next in 0:48", by the clock or by the pace, whichever comes first; nothing after the last step."""
        if self.samples is None or made >= self.total:
            return ""
        _, step, ahead, when = self.samples
        speed, _ = self.pace.at(made)
        waits = [] if ahead is None else [ahead - (time.monotonic() - when)]
        waits += [(step - made) / speed] if speed else []
        return f"; the next in {clock(max(0.0, min(waits)))}" if waits else f"; the next after step {step:,}"

    def table(self, made: int = 0) -> list[tuple[str, str]]:
        """Label -> text: losses, D's opinions, penalties, the newest samples."""
        latest, rows = self.latest, []
        players = dict.fromkeys(key.split("/")[0] for key in latest if key.endswith("/grad_norm"))
        for player in players:
            numbers = {k.split("/")[1]: v for k, v in latest.items() if k.startswith(f"{player}/")}
            terms = [k for k in numbers if "." not in k and k not in NOT_A_TERM and not k.startswith("shown_")]
            loss = [f"{k} {numbers[k]:.3f}" for k in terms]
            loss += [
                f"{label} {numbers[k]:{'.3f' if k.startswith('nll') else '.2g'}}"
                for k, label in SHOWN.items()
                if k in numbers
            ]
            rows.append((player, "  ".join(loss)))
            for key in [k for k in latest if k.startswith(f"{player}/") and k.endswith(".share")]:
                name = key.removesuffix(".share")
                rows.append(
                    (
                        f"  {name.split('/')[1]}",
                        f"λ {latest[f'{name}.strength']:.2g}  share of the gradient {latest[key]:.2g}",
                    )
                )
        if "augment_probability" in latest:
            rows.append(("augmentation", f"probability {latest['augment_probability']:.2f}"))
        seen = {key.split("/on_")[1]: value for key, value in latest.items() if "/on_" in key}
        if seen:
            rows.append(("D's mean output", "  ".join(f"{name} {value:+.2f}" for name, value in seen.items())))
        if self.samples is not None:
            path = self.samples[0]
            rows.append(("samples", f"{path}{self.next_samples(made)}"))
            if first := _sentence(path):
                rows.append(("", first))
        if self.wrong:
            rows.append(("what is wrong", ", ".join(self.wrong)))
        return rows

    def findings(self, made: int, found: Sequence[ShownFinding]) -> None:
        """Say what is new, and what is no longer so."""
        names = [finding.name for finding in found if finding.severity != "note"]
        for finding in found:
            if finding.name in names and finding.name not in self.wrong:
                self.say(f"step {made:,}: {finding.line()}")
        for name in self.wrong:
            if name not in names:
                self.say(f"step {made:,}: no more sign of: {name}")
        self.wrong = names

    def scores(self, made: int, scores: dict[str, float], floor: dict[str, float]) -> None:
        for line in score_lines(scores, floor):
            self.say(f"  step {made:,}: {line}")


def _sentence(path: Path) -> str:
    """The first of sentences in a file; nothing of anything else."""
    if path.suffix != ".txt":
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(200).strip()
    except OSError:
        return ""


class Lines(_Watching):
    """Plain lines, at most one every `every` seconds: for files and pipes."""

    def __init__(self, every: float = 10.0) -> None:
        self.every, self.printed = every, 0.0

    def say(self, line: str) -> None:
        print(line, flush=True)

    def shown(self, made: int, path: Path, next_step: int, ahead: float | None) -> None:
        super().shown(made, path, next_step, ahead)
        first = f": {sentence}" if (sentence := _sentence(path)) else ""
        self.say(f"samples after step {made:,}: {path}{self.next_samples(made)}{first}")

    def step(self, made: int, entry: Mapping[str, float]) -> None:
        self.take(made, entry)
        now = time.monotonic()
        if now - self.printed > self.every or made == self.total:
            self.printed = now
            rows = [(label, value) for label, value in self.table(made) if label.strip() not in ("samples", "")]
            text = " | ".join(f"{label.strip()}: {value}" for label, value in rows)
            self.say(f"{self.progress(made)} | {text}")


class Live(_Watching):
    """A table that is redrawn in place, four times a second at most.

    Args: show, the way in which pictures are drawn in the terminal itself (`in_terminal.WAYS`), or None."""

    def __init__(self, show: str | None = None) -> None:
        self.show = show

    def open(self, folder: Path, spec: RunSpec, done: int, total: int) -> None:
        from rich.console import Console

        self.console = Console(file=raw(sys.stdout))
        self.display = self._display()
        self.drawn = 0.0
        if self.show is not None:
            self.show = way_of(self.show, self.console.file)
        super().open(folder, spec, done, total)
        self.display.start()

    def shown(self, made: int, path: Path, next_step: int, ahead: float | None) -> None:
        super().shown(made, path, next_step, ahead)
        if self.show is None or (picture := picture_in(path)) is None:
            return
        text = drawn(picture, self.console.width - 1, max(4, self.console.height - ROOM), self.show)
        self.display.transient = True  # the table goes, and begins anew below the picture
        self.display.stop()
        print(f"step {made:,}: {escaped(str(picture))}", file=self.console.file)
        print(text, end="", file=self.console.file, flush=True)
        self.display = self._display()
        self.display.start()

    def _display(self) -> Any:
        from rich.live import Live as Display

        return Display(console=self.console, refresh_per_second=4, auto_refresh=False)

    def say(self, line: str) -> None:
        self.console.print(escaped(translated(line)), highlight=False, markup=False)

    def step(self, made: int, entry: Mapping[str, float]) -> None:
        self.take(made, entry)
        now = time.monotonic()
        if now - self.drawn < 0.25 and made != self.total:
            return
        self.display.update(self.drawing(made), refresh=True)
        self.drawn = time.monotonic()

    def drawing(self, made: int) -> Any:
        """What is shown at this moment: it wraps between words in a narrow terminal, and never beyond its height."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        whole = Table.grid(expand=True)
        whole.add_row(Text(escaped(translated(self.progress(made)))))
        whole.add_row(ProgressBar(total=self.total, completed=made, width=min(60, self.console.width)))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for label, text in self.table(made):
            table.add_row(Text(escaped(translated(label))), Text(escaped(translated(text))))
        whole.add_row(table)
        return whole

    def close(self) -> None:
        if hasattr(self, "display"):
            self.display.stop()


def view(quiet: bool = False, show: str | None = None) -> View:
    """Nothing when quiet, a live table on a terminal that can move its cursor, plain lines otherwise.

    Args: show, the way in which pictures are drawn in the terminal itself; elsewhere a line says that there is none.
    """
    if quiet:
        return Silent()
    obeys = sys.stdout.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    if show is not None and not obeys:
        print("--show: this is no terminal that draws, so look at the files", flush=True)
    return Live(show) if obeys else Lines()
