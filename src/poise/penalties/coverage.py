"""What a penalty covers of a network, what it leaves out and why: for people, before they trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from poise.errors import PoiseError, nearest
from poise.lazy import Lazy
from poise.penalties.covers import Covers, _classes, covered, plain_name

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch = Lazy("torch")

LITTLE = 0.5  # of the parameters: a default that covers less is said to cover little
FROZEN = "frozen"
BY_DEFAULT = "not a layer that is covered by default"  # the reason that `covers` can do something about


class Parameter(NamedTuple):
    """One parameter of a network, as a penalty sees it. `why` is empty where it is covered."""

    name: str
    shape: tuple[int, ...]
    size: int
    layer: str  # the name of its layer's class
    why: str
    tied: tuple[str, ...] = ()  # its other names, where several layers share it


@dataclass(frozen=True)
class Coverage:
    """The parameters of a network, each once however often it is tied, covered or left out.

    `covered` and `left` are lists of `Parameter`; `share` is the covered ones' share of all numbers, in [0, 1].
    `print(coverage)` says it in a table by layer.

    Example:
        >>> found = coverage(torch.nn.Linear(3, 2))
        >>> [p.name for p in found.covered], [(p.name, p.why) for p in found.left], found.share  # 6 of 8 numbers
        (['weight'], [('bias', 'bias or gain')], 0.75)
    """

    penalty: str
    covered: list[Parameter]
    left: list[Parameter]
    asked: bool  # whether `covers` was given

    @property
    def share(self) -> float:
        inside, outside = (sum(p.size for p in part) for part in (self.covered, self.left))
        return inside / max(1, inside + outside)

    def layers(self) -> list[tuple[str, str, int, int]]:
        """(layer's class, why it is left out or "", tensors, numbers), the largest first."""
        found: dict[tuple[str, str], list[int]] = {}
        for parameter in (*self.covered, *self.left):
            found.setdefault((parameter.layer, parameter.why), []).append(parameter.size)
        rows = [(layer, why, len(sizes), sum(sizes)) for (layer, why), sizes in found.items()]
        return sorted(rows, key=lambda row: -row[3])

    def proposal(self) -> list[str]:
        """Class names for `covers` that would take in what is left out only because its layer is not a usual one."""
        own = {p.layer: None for p in self.left if p.why == BY_DEFAULT}
        return [*dict.fromkeys(p.layer for p in self.covered), *own] if own else []

    def __str__(self) -> str:
        total = sum(p.size for p in (*self.covered, *self.left))
        lines = [f"{self.penalty} covers {len(self.covered)} tensors, {100 * self.share:.1f} % of {total:,} parameters"]
        for layer, why, tensors, numbers in self.layers():
            lines.append(f"  {100 * numbers / max(1, total):5.1f} %  {tensors:4d} of {layer}: {why or 'covered'}")
        lines += [f"  {p.name} is tied with {', '.join(p.tied)}" for p in self.covered if p.tied]
        return "\n".join(lines)

    def warning(self) -> str:
        """One sentence where the default covers less than a half of the parameters that learn; otherwise nothing."""
        learning = sum(p.size for p in (*self.covered, *self.left) if p.why != FROZEN)
        if self.asked or sum(p.size for p in self.covered) >= LITTLE * learning:
            return ""
        rows = [row for row in self.layers() if row[1]][:3]
        total = sum(p.size for p in (*self.covered, *self.left))
        left = ", ".join(f"{100 * numbers / total:.0f} % in {layer} ({why})" for layer, why, _, numbers in rows)
        cure = f"; covers={self.proposal()} would take in those layers" if self.proposal() else ""
        return (
            f"the penalty '{self.penalty}' covers {len(self.covered)} tensors, {100 * self.share:.0f} % of the "
            f"parameters; it leaves out {left}{cure}"
        )


def coverage(module: nn.Module, covers: Covers = None, penalty: str = "l2") -> Coverage:
    """What `covers` means for a network; it need not reach any weight.

    >>> from torch import nn
    >>> print(coverage(nn.Sequential(nn.Embedding(10, 3), nn.Linear(3, 2))))
    l2 covers 1 tensors, 15.8 % of 38 parameters
       78.9 %     1 of Embedding: embedding
       15.8 %     1 of Linear: covered
        5.3 %     1 of Linear: bias or gain
    """
    weights = list(covered(module, covers))
    inside = {id(w.raw) for w in weights if w.raw is not None}
    through = {w.name for w in weights if w.raw is None}
    parts: tuple[list[Parameter], list[Parameter]] = ([], [])
    rows = _owned(module)
    names: dict[int, list[str]] = {}
    for name, _, parameter in rows:
        names.setdefault(id(parameter), []).append(name)
    for name, layer, parameter in rows:
        if name != names[id(parameter)][0]:
            continue
        is_in = id(parameter) in inside or _effective(name) in through
        why = "" if is_in else _why(layer, parameter, covers)
        if is_in and not parameter.requires_grad:
            why = FROZEN
        shape, kind, tied = tuple(parameter.shape), type(layer).__name__, tuple(names[id(parameter)][1:])
        row = Parameter(name, shape, parameter.numel(), kind, why, tied)
        parts[bool(why)].append(row)
    return Coverage(penalty, *parts, asked=covers is not None)


def _owned(module: nn.Module) -> list[tuple[str, nn.Module, nn.Parameter]]:
    """(name, layer, parameter), those under a parametrisation as their layer's own.

    A tensor that several layers share is listed first with the layer under which it is covered by default.
    """
    rows: list[tuple[str, nn.Module, nn.Parameter]] = []
    for prefix, layer in module.named_modules():
        for leaf, parameter in layer._parameters.items():
            if parameter is None:
                continue
            above, inner, _ = f".{prefix}.".partition(".parametrizations.")
            owner = module.get_submodule(above.strip(".")) if inner else layer
            rows.append((plain_name(module, f"{prefix}.{leaf}".lstrip(".")), owner, parameter))
    return sorted(rows, key=lambda row: isinstance(row[1], torch.nn.Embedding))


def _effective(name: str) -> str:
    """The weight that a raw parameter belongs to: `a.parametrizations.weight.original0`, `a.weight_g` -> `a.weight`."""
    if "parametrizations." in name:
        before, _, after = name.partition("parametrizations.")
        return before + after.split(".")[0]
    return next((name.removesuffix(end) for end in ("_orig", "_g", "_v") if name.endswith(end)), name)


def _why(layer: nn.Module, parameter: nn.Parameter, covers: Covers) -> str:
    """The reason for which a parameter is left out."""
    if covers is not None:
        return "not asked for"
    if not parameter.requires_grad:
        return FROZEN
    if isinstance(layer, (torch.nn.Embedding, torch.nn.EmbeddingBag)):
        return "embedding"
    if parameter.ndim < 2:
        return "bias or gain"
    if "norm" in type(layer).__name__.lower():
        return "normalisation"
    return BY_DEFAULT


def nothing_covered(module: nn.Module, covers: Covers, penalty: str) -> PoiseError:
    """A penalty that reaches no weight is an error, never silence.

    Example:
        >>> str(nothing_covered(torch.nn.ReLU(), None, "l2"))
        "the penalty 'l2' covers no weight of ReLU (covers=None). Its parameters: none."
    """
    known = [plain_name(module, name) for name, _ in module.named_parameters()]
    classes = {name for layer in module.modules() for name in _classes(layer)}
    hint = nearest(covers, [*known, *sorted(classes)], ".") if isinstance(covers, str) else "."
    return PoiseError(
        f"the penalty '{penalty}' covers no weight of {type(module).__name__} (covers={covers!r}){hint} "
        f"Its parameters: {', '.join(known[:6]) or 'none'}{' ...' if len(known) > 6 else ''}."
    )
