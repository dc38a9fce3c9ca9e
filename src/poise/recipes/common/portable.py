"""What a run hands over: its network as code and as graphs of tensors, and what a page needs to know. No torch in here.

A recipe that can be exported has `portable(arguments, facts, generator)`, which returns a `Portable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Call:
    """A call that makes a network, such as DcganGenerator(size=32, channels=3): it can be made, and written as code.

    Args:
        function: a class or a function of a module; with `of`, the name of a method.
        values: by place; options: by name; each a plain value or another `Call`.
        of: what has the method.
    """

    function: Callable[..., Any] | str
    values: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    of: Call | None = None

    def __call__(self) -> Any:
        """What is made."""
        values = [made(value) for value in self.values]
        options = {name: made(value) for name, value in self.options.items()}
        if self.of is not None:
            return getattr(self.of(), str(self.function))(*values, **options)
        assert callable(self.function)
        return self.function(*values, **options)

    def code(self) -> str:
        """As it is written in Python."""
        given = [written(value) for value in self.values]
        given += [f"{name}={written(value)}" for name, value in self.options.items()]
        name = self.function if isinstance(self.function, str) else self.function.__name__
        before = "" if self.of is None else f"{self.of.code()}."
        return f"{before}{name}({', '.join(given)})"

    def functions(self) -> Iterator[Callable[..., Any]]:
        """Classes and functions that the code names."""
        if callable(self.function):
            yield self.function
        for part in (self.of, *self.values, *self.options.values()):
            if isinstance(part, Call):
                yield from part.functions()


def made(value: Any) -> Any:
    return value() if isinstance(value, Call) else value


def written(value: Any) -> str:
    return value.code() if isinstance(value, Call) else repr(value)


@dataclass(frozen=True)
class Value:
    """An input or an output of a graph.

    Args: name; shape, a word for each side that may have any length, such as "batch"; type, float32 or int64; meaning,
    a line for people.
    """

    name: str
    shape: tuple[int | str, ...]
    type: str
    meaning: str


@dataclass(frozen=True)
class Graph:
    """A module from tensors to tensors.

    Args: name, of its file; module, in evaluation mode; `inputs` and `outputs` in the order of `forward`; `examples`,
    called with a number of items and a seed: the inputs of so many.
    """

    name: str
    module: nn.Module
    inputs: Sequence[Value]
    outputs: Sequence[Value]
    examples: Callable[[int, int], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Portable:
    """What a recipe hands over.

    Args:
        network: makes the generator with fresh weights.
        uses: functions that code which draws samples needs beside it.
        program: the end of generator.py: `open_generator` is there, and what is named in `uses`.
        graphs: for ONNX and for the page.
        page: what the page does with them: `kind`, and what its script needs, as JSON.
        lines: for a README: how the generator is called.
        tables: files of JSON that the program reads: name -> content.
    """

    network: Call
    uses: Sequence[Callable[..., Any]]
    program: str
    graphs: Sequence[Graph]
    page: Mapping[str, Any]
    lines: Sequence[str] = ()
    tables: Mapping[str, Any] = field(default_factory=dict)
