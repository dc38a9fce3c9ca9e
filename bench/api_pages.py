"""Pages on the Python interface, made of signatures and docstrings: path -> Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from poise.metrics.core.metric import metric_called, metric_names

Member = tuple[str, Any]  # what it is called, and itself
FIELD = re.compile(r"^(\s*)([\w*, ]+): ")


def door() -> list[Member]:
    import poise

    order = ["load", "train", "evaluate", "EvaluationResult", "Run"]
    assert set(order) == set(poise.__all__) - {"__version__"}
    return [(f"poise.{name}", getattr(poise, name)) for name in order]


def penalties() -> list[Member]:
    from poise import penalties as room

    return [(f"poise.penalties.{name}", getattr(room, name)) for name in room.__all__]


def losses() -> list[Member]:
    from poise import losses as room

    return [(f"poise.losses.{name}", getattr(room, name)) for name in room.__all__]


def metrics() -> str:
    """The members of the registry by their names on the command line, each with its formula's docstring."""
    parts = []
    for name in metric_names():
        metric = metric_called(name)
        better = f"nearest to {metric.target}" if metric.better == "target" else metric.better
        reads = " and training items" if metric.needs_train else ""
        parts += [f"## {name}", escaped(metric.title), f"Better: {better}. It reads {metric.reads}{reads}."]
        parts.append(prose(getattr(metric, "each", None) or metric.function))
    return "\n\n".join(part for part in parts if part)


def paragraphs(docstring: str) -> list[str]:
    return [part.strip("\n") for part in re.split(r"\n[ \t]*\n", docstring) if part.strip()]


def fence(text: str, language: str = "text") -> str:
    return f"```{language}\n{text}\n```"


def escaped(text: str) -> str:
    """Prose of a docstring; what Markdown would take for emphasis or markup is shown as it is, code stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    shown = [re.sub(r"([*_\[\]])", r"\\\1", part).replace("<", "&lt;") for part in parts]
    return "".join(part if part.startswith("`") else plain for part, plain in zip(parts, shown, strict=True))


def fields(block: str) -> str:
    """Lines `name: text` below a word such as Args, as a list."""
    lines: list[str] = []
    for line in inspect.cleandoc(block).splitlines():
        name = FIELD.match(line)
        if name and not name[1]:
            lines.append(f"- `{name[2]}`: {escaped(line[name.end() :])}")
        else:
            lines.append(f"  {escaped(line.strip())}")
    return "\n".join(lines)


def formatted(paragraph: str) -> str:
    """One paragraph of a docstring as Markdown."""
    head, _, rest = paragraph.partition("\n")
    if ">>>" in paragraph:
        code = paragraph if head.strip().startswith(">>>") else rest
        return fence(inspect.cleandoc(code), "pycon")
    if head.strip() in ("Args:", "Returns:", "Errors:", "Raises:") and rest:
        return f"**{head.strip().rstrip(':')}**\n\n{fields(rest)}"
    if paragraph.startswith("    "):
        return fence(inspect.cleandoc(paragraph))
    return re.sub(r"(?m)^(Args|Returns|Errors)(:? )", r"\n**\1**\2", escaped(paragraph)).strip()


def prose(item: Any) -> str:
    return "\n\n".join(formatted(part) for part in paragraphs(inspect.getdoc(item) or ""))


class Said:
    """An annotation as it is written, without quotes around it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def said(annotation: Any) -> Any:
    return Said(annotation) if isinstance(annotation, str) else annotation


def signature(name: str, item: Any) -> str:
    found = inspect.signature(item)
    taken = [one.replace(annotation=said(one.annotation)) for one in found.parameters.values()]
    taken = [one for one in taken if one.name != "self"]
    returned = inspect.Signature.empty if inspect.isclass(item) else said(found.return_annotation)
    called = ("class " if inspect.isclass(item) else "") + name.rpartition(".")[2]
    line = called + str(found.replace(parameters=taken, return_annotation=returned))
    if len(line) > 90:
        head = str(found.replace(parameters=[], return_annotation=returned)).removeprefix("()")
        each = [str(inspect.Signature([one]))[1:-1] for one in taken]
        alone = next((i for i, one in enumerate(taken) if one.kind is inspect.Parameter.KEYWORD_ONLY), None)
        if alone is not None:
            each = [*each[:alone], "*", *(one.removeprefix("*, ") for one in each[alone:])]
        line = f"{called}(\n" + "".join(f"    {one},\n" for one in each) + f"){head}"
    return fence(line, "python")


def own_methods(item: type) -> list[tuple[str, Any]]:
    """Public methods and properties that say what they do."""
    found = []
    for name, method in vars(item).items():
        reads = getattr(method, "fget", None) or getattr(method, "func", None)
        plain = method.__func__ if isinstance(method, classmethod | staticmethod) else reads or method
        if not name.startswith("_") and callable(plain) and not inspect.isclass(plain) and inspect.getdoc(plain):
            found.append((name, plain))
    return found


def described(members: Iterable[Member]) -> str:
    parts = []
    for name, item in members:
        parts += [f"## {name}", signature(name, item) if callable(item) else "", prose(item)]
        if inspect.isclass(item) and name.startswith("poise."):
            for method, plain in own_methods(item):
                parts += [f"### {name.rpartition('.')[2]}.{method}", signature(method, plain), prose(plain)]
    return "\n\n".join(part for part in parts if part)


def page(title: str, of: Any, members: str) -> str:
    return f"# {title}\n\n{prose(of)}\n\n{members}\n"


def api_pages() -> dict[str, str]:
    import poise
    import poise.losses.adversarial as adversarial
    import poise.metrics as metric_room
    import poise.penalties as penalty_room

    return {
        "api/poise.md": page("poise", poise, described(door())),
        "api/penalties.md": page("poise.penalties", penalty_room, described(penalties())),
        "api/losses.md": page("poise.losses", adversarial, described(losses())),
        "api/metrics.md": page("Metrics", metric_room, metrics()),
    }
