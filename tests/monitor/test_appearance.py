"""How light and colourful samples are: closed forms, and when a run is told that they are off."""

from __future__ import annotations

import contextlib
import doctest
import sys

import pytest
import torch

from poise.disk.description import RunSpec
from poise.monitor import Record, diagnose
from poise.monitor.appearance import AppearanceOfData, appearance, compared
from poise.monitor.signals import AdversarialMonitor, MonitorInputs
from poise.record import RunFolder
from poise.runs.run import Interrupted, Stop
from poise.runs.run import run as train
from tests.conftest import TinyDiscriminator, TinyGenerator
from tests.monitor.records import record
from tests.monitor.test_signals import HELDOUT, TRAINING, noise, stream
from tests.runs.conftest import Stopping, assert_same, pictures, spec, state  # noqa: F401  (fixture)

COLOURS = torch.rand(400, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.8 - 0.4


def against(x: torch.Tensor) -> dict[str, float]:
    return compared(appearance(x), AppearanceOfData.of(appearance(COLOURS)))


def test_the_examples_run():
    done = doctest.testmod(sys.modules[AppearanceOfData.__module__])
    assert done.attempted and not done.failed


def test_the_data_against_themselves_are_as_they_should_be():
    assert against(COLOURS) == pytest.approx({"lightness": 0.0, "contrast": 1.0, "saturation": 1.0, "tint": 0.0})


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_factor_on_all_pixels_is_that_of_contrast_and_saturation(factor):
    found = against(factor * COLOURS)
    assert found["contrast"] == pytest.approx(factor, rel=1e-5)
    assert found["saturation"] == pytest.approx(factor, rel=1e-5)


def test_a_shift_is_lightness_alone_and_one_of_a_channel_a_tint():
    """Random pictures hardly differ among themselves, so both are in units of 0.1."""
    lighter = against(COLOURS + 0.2)
    assert lighter == pytest.approx({"lightness": 2.0, "contrast": 1.0, "saturation": 1.0, "tint": 0.0}, abs=1e-5)
    redder = against(COLOURS + torch.tensor([0.3, 0.0, 0.0])[:, None, None])
    assert redder["lightness"] == pytest.approx(1.0, abs=1e-5) and redder["tint"] == pytest.approx(2.0, abs=1e-5)


def test_grey_pictures_are_not_judged_by_colour_and_grey_ones_of_colours_have_none():
    grey = COLOURS.mean(1, keepdim=True)
    data = AppearanceOfData.of(appearance(grey))
    assert set(compared(appearance(grey), data)) == {"lightness", "contrast"}
    assert against(grey.expand(-1, 3, -1, -1))["saturation"] == 0.0


def test_what_is_written_is_what_counts():
    """Beyond [−1, 1] there is no colour."""
    assert torch.equal(appearance(5 * COLOURS), appearance((5 * COLOURS).clamp(-1, 1)))


def test_each_class_counts_alike():
    """Nine black pictures and a white one, of two classes: samples that take turns are half of each."""
    x = torch.cat([torch.full((9, 1, 4, 4), -1.0), torch.ones(1, 1, 4, 4)])
    labels = torch.tensor([0] * 9 + [1])
    turns = appearance(x[[0, 9]])
    assert compared(turns, AppearanceOfData.of(appearance(x), labels))["lightness"] == pytest.approx(0.0)
    assert compared(turns, AppearanceOfData.of(appearance(x)))["lightness"] == pytest.approx(0.8 / 0.6)


def test_the_averaged_generator_is_looked_at_and_not_the_one_that_plays():
    torch.manual_seed(0)
    shown = TinyGenerator()
    data = {"training": TRAINING, "heldout": HELDOUT}
    looks = AppearanceOfData.of(appearance(TRAINING))
    monitor = AdversarialMonitor(
        MonitorInputs(TinyGenerator(), TinyDiscriminator(), shown, noise, {k: stream(x) for k, x in data.items()}, data,
                      contextlib.nullcontext, looks=looks)
    )  # fmt: skip
    with torch.no_grad():
        rows = appearance(shown(torch.cat([noise(16, 0), noise(32, 5)])))
    names = ("generator/shown_lightness", "generator/shown_contrast")
    found = {name: value for name, value in monitor(4).items() if name in names}
    assert found == {f"generator/shown_{name}": value for name, value in compared(rows, looks).items()}
    assert not any("lightness" in name for name in monitor(5)), "only at each fourth probe"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("lightness", -1.2, "they are darker by 1."),
        ("lightness", 1.2, "they are lighter by 1."),
        ("contrast", 0.5, "their contrast is 5"),
        ("contrast", 1.7, "their contrast is 1"),
        ("saturation", 0.2, "their saturation is 2"),
        ("tint", 1.5, "one colour channel is off by 1."),
    ],
)
def test_what_is_off_is_said_with_its_number(name, value, words):
    rows = record(**{f"generator__shown_{name}": value})
    (finding,) = diagnose(Record(rows))
    assert finding.name == "lightness or colour off" and finding.severity == "warning"
    assert words in finding.sentence and set(finding.numbers) == {name}
    assert finding.numbers[name] == pytest.approx(value, rel=0.15)


def told(rows, steps=800):
    return [finding.name for finding in diagnose(Record(rows, RunSpec(arguments={"steps": steps})))]


@pytest.mark.slow
def test_the_first_third_of_a_run_is_left_in_peace():
    """Every generator begins grey; what lasts is told after four looks that count."""
    pale = record(2400, generator__shown_contrast=0.5)
    first = next(i for i in range(len(pale)) if told(pale[: i + 1], 2400))
    looks = [row["step"] for row in pale if "generator/shown_contrast" in row and row["step"] >= 800]
    assert pale[first]["step"] == looks[3]
    young = record(2400, generator__shown_contrast=lambda t: 0.5 if t < 1 / 3 else 1.0)
    assert not any(told(young[: i + 1], 2400) for i in range(len(young)))


def test_a_collapsed_generator_has_another_trouble():
    assert told(record(generator__shown_contrast=0.5, generator__shown_diversity=0.1, generator__diversity=0.1)) == [
        "generator collapse"
    ]


@pytest.mark.slow
def test_a_run_that_was_stopped_records_the_same_as_one_that_was_not(pictures, tmp_path):  # noqa: F811
    asked = spec(pictures, log_every=1)  # looked at in steps 0 and 16, and stopped between them
    train(asked, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(asked, tmp_path / "parts", Stopping(13, stop := Stop()), stop)
    train(asked, tmp_path / "parts")
    assert sum("generator/shown_lightness" in row for row in RunFolder(tmp_path / "parts").rows()) == 2
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
