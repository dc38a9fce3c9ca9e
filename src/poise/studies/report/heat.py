"""An endpoint over two arguments that the arms vary, as a map of colours: where in the grid it is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from poise.direction import SIGN, OneWay
from poise.report.figures.letters import drawable
from poise.report.table import number
from poise.studies.plans.leaves import Leaf, leaves
from poise.studies.plans.plan import Endpoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from poise.studies.comparison.outcome import ArmSummary, PartSummary

DEFAULT = "default"
ROW, AROUND = 0.62, 1.9  # inches
FULL = 0.75  # of the pairs of a grid that must be there
LETTERS = 22  # of a value on an axis


@dataclass(frozen=True)
class HeatCell:
    """An arm: the mean of its seeds (None while none has a number), and how many those are."""

    arm: str
    mean: float | None
    n: int


@dataclass(frozen=True)
class HeatMap:
    """An endpoint over the values of two arguments; `cells[row][column]`, None where no arm has both values.

    `down`, `across`: names of the arguments; `rows`, `columns`: their values, numbers in their order.
    """

    endpoint: str
    better: OneWay
    down: str
    across: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[HeatCell | None]]

    def goodness(self, cell: HeatCell | None) -> float | None:
        """From 0, the worst of the map, to 1, the best; None for a cell without a number."""
        means = [known.mean for row in self.cells for known in row if known is not None and known.mean is not None]
        if cell is None or cell.mean is None:
            return None
        least, most = min(means), max(means)
        if least == most:
            return 0.5
        place = (cell.mean - least) / (most - least)
        return place if SIGN[self.better] > 0 else 1 - place


def heat_of(part: PartSummary, endpoint: Endpoint) -> HeatMap | None:
    """The map of an endpoint, None where the arms of the part are no grid: they vary two arguments, no two arms have
    the same pair of values, and three quarters of the pairs or more are there."""
    given = {arm.name: {**leaves(part.arguments), **leaves(arm.arguments)} for arm in part.arms}
    varied = [leaf for leaf in _names(part) if len({_text(table.get(leaf, DEFAULT)) for table in given.values()}) > 1]
    if len(varied) != 2:
        return None
    down, across = ([table.get(leaf, DEFAULT) for table in given.values()] for leaf in varied)
    rows, columns = _sorted(down), _sorted(across)
    places = {(_text(y), _text(x)): arm for y, x, arm in zip(down, across, part.arms, strict=True)}
    full = len(rows) * len(columns)
    if len(places) < len(part.arms) or len(places) < max(4, FULL * full):
        return None
    cells = [[_cell(places.get((y, x)), endpoint) for x in columns] for y in rows]
    names = [".".join(leaf) for leaf in varied]
    return HeatMap(endpoint.name, endpoint.better, names[0], names[1], rows, columns, cells)


def _names(part: PartSummary) -> list[Leaf]:
    """The arguments that arms give, in the order of the plan."""
    return list(dict.fromkeys(leaf for arm in part.arms for leaf in leaves(arm.arguments)))


def _cell(arm: ArmSummary | None, endpoint: Endpoint) -> HeatCell | None:
    if arm is None:
        return None
    known = arm.endpoints.get(endpoint.name)
    return HeatCell(arm.name, known.mean, known.n) if known else HeatCell(arm.name, None, 0)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    return number(float(value)) if _is_number(value) else str(value)


def _sorted(values: Sequence[object]) -> list[str]:
    """Each value once, numbers in their order before all others in theirs."""
    numbers = sorted({float(value) for value in values if _is_number(value)})
    others = [_text(value) for value in values if not _is_number(value)]
    return list(dict.fromkeys([*(number(value) for value in numbers), *others]))


def high_of_heat(found: HeatMap) -> float:
    """Inches of the picture of a map."""
    return AROUND + ROW * len(found.rows)


def heat(found: HeatMap, title: str, onto: Figure | SubFigure) -> None:
    """Draw a map: the means in its cells, dark where they are better."""
    import numpy as np

    shades = [[found.goodness(cell) for cell in row] for row in found.cells]
    numbers = np.array([[np.nan if shade is None else shade for shade in row] for row in shades], float)
    axes = onto.subplots()
    axes.imshow(np.ma.masked_invalid(numbers), cmap="cividis_r", vmin=-0.15, vmax=1.3, aspect="auto")
    for i, row in enumerate(found.cells):
        for j, cell in enumerate(row):
            if cell is not None and cell.mean is not None:
                dark = numbers[i, j] > 0.55
                said = f"{number(cell.mean)}\n{'1 seed' if cell.n == 1 else f'{cell.n} seeds'}"
                axes.text(j, i, said, ha="center", va="center", fontsize=10, color="white" if dark else "black")
    axes.set_xticks(range(len(found.columns)), [drawable(text)[:LETTERS] for text in found.columns], parse_math=False)
    axes.set_yticks(range(len(found.rows)), [drawable(text)[:LETTERS] for text in found.rows], parse_math=False)
    axes.set_xlabel(drawable(found.across), fontsize=11, parse_math=False)
    axes.set_ylabel(drawable(found.down), fontsize=11, parse_math=False)
    axes.set_title(drawable(title)[:85], fontsize=13, parse_math=False)
