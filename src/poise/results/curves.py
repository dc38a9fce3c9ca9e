"""The curves of a run: which numbers of its record stand together in a panel, in which unit, and what happened when."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from poise.disk.rows import StepRow
from poise.errors import PoiseError
from poise.monitor.findings.windows import WEIGHTS
from poise.record import RunFolder
from poise.report.figures.panels import Happening, Kind, Panel, PlottedCurve
from poise.report.live import NOT_A_TERM
from poise.report.table import SUFFIXES
from poise.runs.diagnosis import Diagnosis, diagnosis
from poise.runs.report import RunReport
from poise.specs.spec import kind_of

# What is recorded beside the terms of a loss, other than what the live view leaves out: see docs/monitor.md.
NO_TERMS = {
    *NOT_A_TERM, "active_units", "units", "rate", "rate_heldout", *WEIGHTS, "objective_training", "objective_heldout",
    "update_norm", "temperature",
}  # fmt: skip
IN_NATS = ("nll", "kl", "nll_training", "nll_heldout")
SIDES = {"on_training": "training items", "on_heldout": "held-out items", "on_generated": "generated items"}
LIKELIHOODS = {"nll_training": "training", "nll_heldout": "held-out", "shown_nll_training": "training, averaged",
               "shown_nll_heldout": "held-out, averaged"}  # fmt: skip
DIVERSITY = {
    "diversity": "of the generator", "shown_diversity": "of its average",
    "diversity_within": "of the generator, within classes", "shown_diversity_within": "of its average, within classes",
}  # fmt: skip
MOST = 20_000  # points of a curve that are all drawn
BINS = 5_000  # of a longer one: the smallest and the largest of each
SCORES = 6  # panels of scores
KINDS: Mapping[str, Kind] = {"critical": "critical", "warning": "warning"}


@dataclass
class RecordedNumber:
    """One number over the steps at which it was recorded."""

    steps: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def curve(self, name: str, low: RecordedNumber | None = None, high: RecordedNumber | None = None) -> PlottedCurve:
        """As it is drawn: every point, or where there are more than `MOST` the extremes of `BINS` stretches."""
        kept = _kept(self.values)
        x, y = [self.steps[i] for i in kept], [self.values[i] for i in kept]
        if low is None or high is None or not len(low.values) == len(high.values) == len(self.values):
            return PlottedCurve(name, x, y)
        return PlottedCurve(name, x, y, [low.values[i] for i in kept], [high.values[i] for i in kept])


def _kept(values: array[float]) -> Sequence[int]:
    if len(values) <= MOST:
        return range(len(values))
    kept: list[int] = []
    for i in range(BINS):
        inside = range(i * len(values) // BINS, (i + 1) * len(values) // BINS)
        kept += sorted({min(inside, key=values.__getitem__), max(inside, key=values.__getitem__)})
    return kept


@dataclass(frozen=True)
class RunCurves:
    """The numbers of a run that are drawn; `floor`, its scores of real against real; `primary`, the names of the scores
    that choose its best step."""

    name: str
    numbers: Mapping[str, RecordedNumber]
    happenings: Sequence[Happening]
    floor: Mapping[str, float]
    primary: Sequence[str]

    @classmethod
    def of(cls, folder: RunFolder, rows: Sequence[StepRow] | None = None, known: Diagnosis | None = None) -> RunCurves:
        """`rows` of the record (None: all of them), `known`, what is wrong with the run (None: by all of the record).

        Errors: PoiseError for a run without a record and for one that is damaged.
        """
        numbers: dict[str, RecordedNumber] = {}
        last = -1
        for row in folder.each_row() if rows is None else rows:
            last = row.step
            for key, value in row.items():
                if _is_drawn(key):
                    found = numbers.setdefault(key, RecordedNumber())
                    found.steps.append(last)
                    found.values.append(value)
        if not numbers:
            raise PoiseError(f"{folder.path} has no record yet; train it with: poise resume {folder.quoted}")
        floor = RunReport.of(folder).floor if folder.done else {}
        primary = kind_of(folder.spec().recipe).primary
        return cls(folder.name, numbers, happenings_of(folder, last, known or diagnosis(folder)), floor, primary)

    @property
    def scores(self) -> list[str]:
        """Names of scores, those that choose the best step first."""
        keys = [key.removeprefix("score/") for key in self.numbers if key.startswith("score/")]
        names = [key for key in keys if not key.endswith(SUFFIXES)]
        return sorted(names, key=lambda name: self.primary.index(name) if name in self.primary else len(self.primary))

    def panels(self) -> list[Panel]:
        """Those on training, and behind them those of the first `SCORES` scores."""
        return [*self.training(), *map(self.score, self.scores[:SCORES])]

    def training(self) -> list[Panel]:
        """Losses, likelihoods, D's output, diversity, norms, and what the penalties did; empty ones are left out."""
        penalties = [key.removesuffix(".share") for key in self.numbers if key.endswith(".share")]
        named = {f"{name}.share": _called(name) for name in penalties}
        strengths = {f"{name}.strength": _called(name) for name in penalties}
        norms = {f"{player}/norm": _called(player) for player in self.players()}
        found = [
            *self._of_players("Loss", self._terms),
            *self._of_players("Likelihood loss", lambda player: LIKELIHOODS, "nats"),
            *self._of_players("D's mean output", lambda player: SIDES, "logit"),
            *self._of_players("Diversity", lambda player: DIVERSITY, "that of training items = 1"),
            self._panel("Penalty's share of the gradient", "share, 0 to 1", named),
            self._panel("Strength of the penalty", "λ", strengths),
            self._panel("Length of the weights", "‖w‖", norms),
        ]
        return [panel for panel in found if panel.curves]

    def players(self) -> list[str]:
        return list(dict.fromkeys(key.partition("/")[0] for key in self.numbers if key.endswith("/grad_norm")))

    def _terms(self, player: str) -> dict[str, str]:
        """Names of a player's terms of the loss."""
        own = [key.partition("/")[2] for key in self.numbers if key.startswith(f"{player}/")]
        terms = [name for name in own if "." not in name and name not in NO_TERMS and not name.startswith("shown_")]
        return {name: name.replace("_", " ") for name in terms}

    def _of_players(self, title: str, names: Callable[[str], Mapping[str, str]], unit: str = "") -> list[Panel]:
        """A panel for each player that has some of these numbers."""
        found = []
        for player in self.players():
            keys = {f"{player}/{name}": said for name, said in names(player).items()}
            mine = [name for name in names(player) if f"{player}/{name}" in self.numbers]
            own = "nats" if mine and all(name in IN_NATS for name in mine) else "loss"
            found.append(self._panel(f"{title}: {_called(player)}", unit or own, keys))
        return [panel for panel in found if panel.curves]

    def _panel(self, title: str, unit: str, named: Mapping[str, str]) -> Panel:
        curves = [self.numbers[key].curve(said) for key, said in named.items() if key in self.numbers]
        return Panel(title, unit, curves)

    def score(self, name: str) -> Panel:
        """A score with its interval, beside that of real against real and of pictures of one colour, where there are
        such; x is after how many steps it was taken."""
        scored, low, high, flat = (self._score(name + suffix) for suffix in ("", ".low", ".high", ".flat"))
        levels = {"real against real": self.floor[name]} if name in self.floor else {}
        if flat is not None:
            levels["plain colours"] = flat.values[-1]
        interval = ", 95 % interval shaded" if low is not None else ""
        curves = [scored.curve("generated", low, high)] if scored is not None else []
        return Panel(f"{name}{interval}", name, curves, levels)

    def _score(self, name: str) -> RecordedNumber | None:
        found = self.numbers.get(f"score/{name}")
        if found is None:
            return None
        return RecordedNumber(array("d", (step + 1 for step in found.steps)), found.values)

    def left_out(self) -> str:
        """One line on scores that have no panel; nothing where all have one."""
        others = self.scores[SCORES:]
        return f"not drawn: {', '.join(others)} (poise record writes all numbers)" if others else ""


def _is_drawn(key: str) -> bool:
    """Whether a number may stand in a panel; those by layer do not."""
    if key.startswith("score/"):
        return True
    player, slash, name = key.partition("/")
    return bool(slash) and player != "data" and ("." not in name or name.endswith((".share", ".strength")))


def _called(name: str) -> str:
    """discriminator/l2 -> "discriminator, l2"."""
    player, _, rest = name.partition("/")
    return f"{player.replace('_', ' ')}, {rest}" if rest else player.replace("_", " ")


def happenings_of(folder: RunFolder, last: int, known: Diagnosis) -> list[Happening]:
    """The stages of a run that have begun, what is wrong with it now, and what was and has gone. `last`, the last step
    that was recorded."""
    found: list[Happening] = []
    first = 0
    stages = folder.spec().facts.get("stages") or ()
    for name, steps in stages:
        if first <= last and len(stages) > 1:
            found.append(Happening(f"stage: {name}", "stage", first, min(first + steps, last + 1)))
        first += steps
    found += [Happening(one.name, one.severity, one.since, last + 1) for one in known.findings]
    for past in known.earlier:
        found.append(Happening(past.name, KINDS.get(past.severity, "note"), past.since, max(past.since, past.seen)))
    return found


def texts_of(panels: Iterable[Panel], happenings: Iterable[Happening], *more: str) -> list[str]:
    """Everything that is written into a figure."""
    found = [*more, *(one.name for one in happenings)]
    for panel in panels:
        found += [panel.title, panel.unit, *(curve.name for curve in panel.curves), *panel.levels]
    return found
