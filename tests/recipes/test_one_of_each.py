"""A conditional generator makes many items of each class, and one that does not is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.cli import main
from poise.models.shared.layers import ClassConditioning
from poise.monitor import Record, diagnose
from poise.record import RunFolder
from poise.report.live import Silent
from poise.runs.run import run


@pytest.mark.parametrize("noise", [1, 16, 128, 500])
def test_class_vectors_begin_as_long_as_one_hot_ones(noise):
    torch.manual_seed(0)
    lengths = ClassConditioning(noise, 400).embedding.weight.detach().square().sum(1)
    assert float(lengths.mean()) == pytest.approx(1, abs=4 * (2 / noise / 400) ** 0.5)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("length", ["one-hot", "noise"])
def test_digits_are_many_of_each_and_long_class_vectors_make_one_of_each(length, tmp_path, monkeypatch):
    """The second is how class vectors began once: items then differ as the classes do, and not within a class."""
    assert main(["data", "get", "digits"]) == 0
    begin = ClassConditioning.__init__

    def long(self, noise, classes):
        begin(self, noise, classes)
        if classes:
            with torch.no_grad():
                self.embedding.weight.mul_(noise**0.5)

    if length == "noise":
        monkeypatch.setattr(ClassConditioning, "__init__", long)
    small = {"width": 16}
    asked = {"data": "digits", "size": 16, "steps": 400, "batch": 32, "scores": 0, "log_every": 4, "threads": 1,
             "network": "dcgan", "augment": "none", "conditional": True, "generator": small,
             "discriminator": small}  # fmt: skip
    run({"recipe": "images", "arguments": asked}, tmp_path / "run", Silent())
    record = Record(RunFolder(tmp_path / "run").rows())
    last = {
        name: np.median(record.series(f"generator/{name}").values[-3:]) for name in ("diversity", "diversity_within")
    }
    named = [found for found in diagnose(record) if "of one class" in found.sentence]
    assert last["diversity"] > 0.5, "the classes differ either way"
    if length == "one-hot":
        assert last["diversity_within"] > 0.6 and not named
    else:
        assert last["diversity_within"] < 0.4
        assert [found.name for found in named] in (["generator collapse"], ["partial collapse"])
