"""`--onnx`: each graph as an ONNX file, compared with PyTorch by onnxruntime before it is handed over."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.errors import PoiseError
from poise.export.plain import write_text
from poise.installing import install

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from poise.recipes.common.portable import Graph

OPSET = 20
COMPARED, TOGETHER = 64, 16  # inputs, and how many at once: large pictures need much memory
TRACED = 3  # items of the example that the graph is traced with; any other number must do
TOLERANCE = 1e-4  # largest difference from PyTorch, of outputs of the order of 1
PARITY, ABOUT = "parity.json", "about.json"


@dataclass(frozen=True)
class Parity:
    """How far a file is from PyTorch: the largest absolute difference by output, over so many inputs."""

    file: str
    inputs: int
    largest: dict[str, float]
    opset: int
    onnxruntime: str


def written(graphs: Sequence[Graph], metadata: dict[str, str], about: Mapping[str, object], folder: Path) -> list[str]:
    """NAME.onnx of each graph, parity.json, and about.json: what a program needs besides, such as the names of units.
    Returns lines that say what is in the folder.

    Errors: PoiseError where packages are missing, and where a file gives other numbers than PyTorch.
    """
    found = []
    for graph in graphs:
        path = folder / f"{graph.name}.onnx"
        path.write_bytes(exported(graph, metadata))
        found.append(compared(graph, path))
    write_text(folder / ABOUT, json.dumps(about, ensure_ascii=False) + "\n")
    table = [asdict(parity) for parity in found]
    (folder / PARITY).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    lines = []
    for graph, parity in zip(graphs, found, strict=True):
        size = (folder / parity.file).stat().st_size / 1e6
        names = ", ".join(value.name for value in graph.inputs)
        far = max(parity.largest.values())
        lines.append(
            f"{parity.file}: {size:.1f} MB, opset {OPSET}, {names} -> {', '.join(parity.largest)}; "
            f"at most {far:.1e} from PyTorch on {parity.inputs} inputs (onnxruntime {parity.onnxruntime})"
        )
    return lines


def exported(graph: Graph, metadata: dict[str, str]) -> bytes:
    """The file of a graph, by the exporter that captures the program; sides with a name may have any length."""
    import torch

    _needed("onnx", "onnxscript")
    example = graph.examples(TRACED, 0)
    sides = {
        name: torch.export.Dim(name, min=1) for value in graph.inputs for name in value.shape if isinstance(name, str)
    }
    free = tuple(
        {place: sides[name] for place, name in enumerate(value.shape) if isinstance(name, str)}
        for value in graph.inputs
    )
    with _silent():
        try:
            program: Any = torch.onnx.export(
                graph.module,
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=[value.name for value in graph.inputs],
                output_names=[value.name for value in graph.outputs],
                dynamic_shapes=free,
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # whatever a network that cannot be captured raises, or an earlier torch
            reason = " ".join(str(error).split())[:150]
            raise PoiseError(
                f"the {graph.name} cannot be captured as ONNX by PyTorch {torch.__version__} ({type(error).__name__}: "
                f"{reason}): nothing was written; --torch hands it over as it is"
            ) from None
    model = program.model_proto
    model.producer_name = "poise"
    meanings = {value.name: value.meaning for value in (*graph.inputs, *graph.outputs)}
    for key, text in {**metadata, **meanings}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text.encode("utf-8", "backslashreplace").decode()
    content: bytes = model.SerializeToString()
    return content


def compared(graph: Graph, path: Path) -> Parity:
    """What onnxruntime makes of inputs that the graph was not traced with, beside what PyTorch makes of them."""
    import torch

    runtime = _needed("onnxruntime")[0]
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    largest = {value.name: 0.0 for value in graph.outputs}
    for given in _inputs(graph):
        with torch.no_grad():
            wanted: Any = graph.module(*given)
        outputs = wanted if isinstance(wanted, tuple) else (wanted,)
        fed = {value.name: tensor.numpy() for value, tensor in zip(graph.inputs, given, strict=True)}
        try:
            got = session.run([value.name for value in graph.outputs], fed)
        except Exception as error:  # onnxruntime has errors of its own, which derive from nothing else
            reason = str(error).splitlines()[0][:150]
            raise PoiseError(
                f"{path.name} cannot be run on other items than it was traced with ({reason}): nothing was written; "
                "--torch hands over the network as it is"
            ) from None
        for value, tensor, array in zip(graph.outputs, outputs, got, strict=True):
            largest[value.name] = max(largest[value.name], _distance(tensor, array))
    worst = max(largest, key=lambda name: largest[name])
    if not largest[worst] <= TOLERANCE:
        raise PoiseError(
            f"{path.name} gives other {worst} than PyTorch, by {largest[worst]:.2e} at most where {TOLERANCE:.0e} is "
            f"allowed (onnxruntime {runtime.__version__}): nothing was written; --torch hands over the network as it is"
        )
    return Parity(path.name, COMPARED, largest, OPSET, runtime.__version__)


def _inputs(graph: Graph) -> Iterator[tuple[Tensor, ...]]:
    """COMPARED inputs: some at a time, or one after the other, of other lengths, where a graph takes one item."""
    if graph.inputs[0].shape[0] != 1:
        whole = graph.examples(COMPARED, 1)
        for start in range(0, COMPARED, TOGETHER):
            yield tuple(part[start : start + TOGETHER] for part in whole)
        return
    for number in range(1, COMPARED + 1):
        yield graph.examples(number, number)


def _distance(wanted: Tensor, got: np.ndarray[Any, Any]) -> float:
    """The largest absolute difference; infinite where the shapes differ or a number is not finite in one alone."""
    import numpy as np

    expected = wanted.numpy()
    if expected.shape != got.shape:
        return float("inf")
    far = np.abs(expected.astype(np.float64) - got.astype(np.float64))
    return float("inf") if np.isnan(far).any() else float(far.max(initial=0.0))


def _needed(*packages: str) -> list[Any]:
    """Modules of the extra "export". Errors: PoiseError with the command that installs them."""
    import importlib

    found = []
    for package in packages:
        try:
            found.append(importlib.import_module(package))
        except ImportError:
            raise PoiseError(f"ONNX files need {package}: {install('export')}") from None
    return found


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The exporter prints steps and warns about packages that are not needed here."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
