"""Weights and states of runs from somebody else, with sums that fit: nothing in them is executed or believed."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests.hostile.foreign import ESCAPE, LAST, RUN, changed, parted, unfinished
from tests.hostile.guard import attack

pytestmark = pytest.mark.slow


def written(path: Path, content: bytes) -> None:
    """The file, with its sum in the manifest."""
    path.write_bytes(content)
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    changed(path.with_name("manifest.json"), parted("files", path.name, to=entry))


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


class Runs:
    """Executes something when it is unpickled."""

    def __reduce__(self):
        return (os.system, ("echo executed > executed",))


def resume_states() -> dict[str, Callable[[], bytes]]:
    state = lambda: torch.load(LAST / "resume.pt", weights_only=True)  # noqa: E731

    def without(*keys: str) -> bytes:
        found = state()
        part = found
        for key in keys[:-1]:
            part = part[key]
        del part[keys[-1]]
        return saved(found)

    def other(key: str, value: Any) -> bytes:
        return saved(state() | {key: value})

    return {
        "an empty object": lambda: saved({}), "a list": lambda: saved([]), "nothing at all": lambda: b"",
        "none": lambda: saved(None), "a tensor": lambda: saved(torch.zeros(3)), "text": lambda: b"resume",
        "a pickle that runs": lambda: pickle.dumps(Runs()), "a saved pickle that runs": lambda: saved(Runs()),
        "half": lambda: (LAST / "resume.pt").read_bytes()[:1000],
        "parts missing": lambda: without("parts"), "spent missing": lambda: without("spent"),
        "scalers missing": lambda: without("scalers"),
        "parts of a list": lambda: other("parts", [1]), "parts of none": lambda: other("parts", None),
        "scalers of a list": lambda: other("scalers", ["x"]),
        "spent of words": lambda: other("spent", {"generator": "x"}),
        "a tensor of parts": lambda: other("parts", torch.zeros(2)),
    }  # fmt: skip


@pytest.mark.parametrize("kind", resume_states())
def test_a_state_that_is_none(place, outside, capsys, kind):
    unfinished()
    written(LAST / "resume.pt", resume_states()[kind]())
    said = attack(["resume", str(RUN)], outside, capsys)
    assert "resume.pt" in said
    assert not list(place.rglob("executed"))


def weight_files() -> dict[str, Callable[[dict[str, torch.Tensor]], bytes]]:
    def with_first(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[dict[str, torch.Tensor]], bytes]:
        def content(state: dict[str, torch.Tensor]) -> bytes:
            first = next(
                name for name, value in state.items() if value.is_floating_point() and value.ndim and len(value) > 1
            )
            return safetensors.torch.save({**state, first: change(state[first]).contiguous()})

        return content

    first = lambda value: with_first(lambda v: torch.full_like(v, value))  # noqa: E731
    return {
        "all none": lambda state: safetensors.torch.save(
            {k: v * torch.nan if v.is_floating_point() else v for k, v in state.items()}
        ),
        "one none": first(torch.nan), "infinite": first(torch.inf), "double": with_first(lambda v: v.double()),
        "whole numbers": with_first(lambda v: v.long()), "another shape": with_first(lambda v: v[:1]),
        "nothing": lambda state: b"", "no tensors": lambda state: safetensors.torch.save({}),
        "more": lambda state: safetensors.torch.save({**state, "more": torch.zeros(3)}),
        "a name that acts": lambda state: safetensors.torch.save({**state, ESCAPE: torch.zeros(3)}),
        "a header of a terabyte": lambda state: (2**40).to_bytes(8, "little") + b"{}",
        "text": lambda state: b"weights",
        "too large": lambda state: safetensors.torch.save({**state, "more": torch.zeros(8_000_000)}),
    }  # fmt: skip


@pytest.mark.parametrize("kind", weight_files())
def test_weights_that_are_none(place, outside, capsys, kind):
    unfinished()
    path = LAST / "generator.ema.safetensors"
    written(path, weight_files()[kind](safetensors.torch.load_file(path)))
    for argv in (["sample", str(RUN), "-n", "1"], ["resume", str(RUN)]):
        assert "generator.ema.safetensors" in attack(argv, outside, capsys)
    assert not Path("samples.png").exists()
