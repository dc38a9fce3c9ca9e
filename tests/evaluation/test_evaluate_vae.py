"""`poise evaluate` of auto-encoders: likelihood and latents beside the scores of samples."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from poise.data.files.items import Items
from poise.evaluation.choice import EvaluationOptions
from poise.evaluation.items import Side
from poise.evaluation.latent import likelihood_section
from poise.evaluation.lines import evaluation_lines
from poise.evaluation.report import EvaluationReport
from poise.evaluation.sides import SideNames, Sides
from poise.metrics.core.metric import find_metrics
from poise.metrics.latent.look import look
from poise.metrics.latent.metric import LatentMetric
from poise.runs.run import run as train
from tests.evaluation.evaluations import blocks, folder, place, refused, said, stubs  # noqa: F401  (fixtures)
from tests.metrics.linear_vae import Linear


class Given(Items):
    """These pictures."""

    modality = "image"

    def __init__(self, name: str, pictures: np.ndarray) -> None:
        super().__init__(name, name)
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows):
        return self.pictures[rows]

    def split(self, heldout=0.0):
        return np.arange(len(self)), np.arange(0)


class Flat:
    name, dim, digest, modality = "Flat@2", 6, "flat", "image"

    def __call__(self, items):
        return items.flatten(1).float()


def told(what: str) -> Any:
    return lambda done, total: None


def levels(linear: Linear) -> np.ndarray:
    x = ((linear.x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy())


def sides() -> Sides:
    model = Linear(n=40, seed=0).model(gain=0.9)
    held, train = (Given(f"set {seed}", levels(Linear(n=40, seed=seed))) for seed in (0, 1))
    made = Side(held, np.arange(8))
    return Sides(
        made, Side(held, np.arange(40)), Side(train, np.arange(40)), SideNames("run", "set"),
        autoencoder=model, extractors=[Flat()],
    )  # fmt: skip


def test_the_section_has_held_out_numbers_beside_those_of_training_pictures():
    given = sides()
    found = likelihood_section(given, EvaluationOptions(), told)
    section = found.to_dict()
    rows = {row["metric"]: row for row in section["rows"]}
    wanted = [name for name in (metric.name for metric in find_metrics(LatentMetric)) if name != "rFD"]
    assert set(rows) == {*wanted, "NLL gap", "rFD-Flat"}
    x = torch.from_numpy(given.heldout.items.pictures).permute(0, 3, 1, 2)
    looked = look(given.autoencoder, x, 0)
    assert rows["NLL"]["made"]["value"] == pytest.approx(float(looked.nll.mean()))
    train = rows["NLL"]["beside"]["training pictures"]
    assert rows["NLL gap"]["made"]["value"] == pytest.approx(rows["NLL"]["made"]["value"] - train["value"])
    assert rows["rFD-Flat"]["beside"]["other real pictures"]["value"] > 0
    assert section["samples"] == 64 and any("64 samples" in note for note in section["notes"])
    report = EvaluationReport(SideNames("run", "set"), "pictures", {"made": 8, "heldout": 40}, sections=[found])
    lines = evaluation_lines(report)
    assert "Likelihood and latents, 40 held-out pictures, nats per picture:" in lines
    assert any("TRAINING PICTURES" in line and "OTHER REAL PICTURES" in line for line in lines)


def test_a_deterministic_encoder_is_left_with_what_is_defined():
    given = sides()
    encoder = given.autoencoder.encoder
    encoder.forward = lambda x, whole=encoder.forward: whole(x)[:, :3]
    given.autoencoder.deterministic = True
    section = likelihood_section(given, EvaluationOptions(), told).to_dict()
    assert {row["metric"] for row in section["rows"]} == {"distortion", "squared error", "rFD-Flat"}
    (note,) = section["notes"]
    assert note.startswith("Not defined, as the encoder is deterministic") and "NLL" in note


def test_it_says_nothing_of_what_is_no_auto_encoder_or_was_not_asked_for():
    given = sides()
    assert likelihood_section(replace(given, autoencoder=None), EvaluationOptions(), told) is None
    assert likelihood_section(given, EvaluationOptions(metrics=["KID"]), told) is None
    section = likelihood_section(given, EvaluationOptions(metrics=["rate"]), told).to_dict()
    assert [row["metric"] for row in section["rows"]] == ["rate"] and section["notes"] == []
    alone = likelihood_section(replace(given, train=None), EvaluationOptions(), told).to_dict()
    assert alone["columns"] == [] and "NLL gap" not in {row["metric"] for row in alone["rows"]}


def test_pictures_of_another_shape_are_told_of():
    given = sides()
    other = Given("wide", np.zeros((40, 2, 4, 1), np.uint8))
    section = likelihood_section(
        replace(given, heldout=Side(other, np.arange(40))), EvaluationOptions(), told
    ).to_dict()
    assert section["rows"] == []
    assert section["notes"] == [
        "The likelihood is left out: the pictures of wide are 2x4x1 (height, width, channels) and the model's 2x3x1."
    ]


def test_a_folder_has_no_likelihood(place, capsys):  # noqa: F811
    good, real = folder(place, "good", blocks(30, 0)), folder(place, "real", blocks(60, 1))
    said(capsys, good, "--against", real, "--metrics=KID")
    assert json.loads((place / "report.json").read_text())["sections"] == []
    assert "rate is for runs of auto-encoders and good is none" in refused(
        capsys, good, "--against", real, "--metrics=rate"
    )


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["vae", "rae", "vae_gan"])
def test_a_run_is_told_its_likelihood(place, capsys, objective):  # noqa: F811
    np.savez(place / "squares.npz", images=blocks(240, 0))
    asked = {
        "data": "squares.npz",
        "objective": objective,
        "steps": 12,
        "batch": 16,
        "latent_size": 4,
        "scores": 0,
        "heldout": 0.3,
    }
    own = {"autoencoder": {"width": 4}, "log_every": 4, "precision": "fp32"}
    own |= {"discriminator": {"width": 4}} if objective == "vae_gan" else {}
    train({"recipe": "vae", "arguments": asked | own}, place / "run")
    text = said(capsys, "run", "--metrics=KID,rFD,distortion,NLL", "-n", "40")
    assert "Likelihood and latents" in text and "distortion" in text and "rFD-Stub" in text and "KID" in text
    assert ("NLL gap" in text) == (objective != "rae")
    report = json.loads((place / "run" / "report.json").read_text())
    assert set(report["evaluations"][0]["by"]) == {"Stub", "likelihood"}
    only = said(capsys, "run", "--metrics=rFD", "-n", "40")
    assert "rFD-Stub" in only and "By Stub" not in only


@pytest.mark.parametrize("there", [2, 3, 4])
def test_few_training_pictures_cost_their_reconstruction_distance_alone(there):
    """A Fréchet distance needs 4 pictures, and everything else 2."""
    given = sides()
    given = replace(given, train=Side(given.train.items, np.arange(there)))
    section = likelihood_section(given, EvaluationOptions(), told).to_dict()
    rows = {row["metric"]: row for row in section["rows"]}
    assert "NLL gap" in rows and rows["rate"]["beside"]["training pictures"]
    assert bool(rows["rFD-Flat"]["beside"]["training pictures"]) == (there >= 4)
    told_why = f"rFD is left out of training pictures: it needs 4 of them, and there are {there}."
    assert (told_why in section["notes"]) == (there < 4)
