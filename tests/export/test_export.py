"""A run handed over: with torch alone it draws the same, ONNX files give the same numbers, and it is all or nothing."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from poise.cli import main
from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.export import onnx_file
from poise.export.export import Wanted, export
from poise.recipes.text.writing import write
from poise.registry import names
from poise.report.audio import save_wav
from tests.export.programs import alone
from tests.export.tiny import KINDS


def tiled(pixels):
    """The grid that the program writes, by numpy."""
    n, height, width, channels = pixels.shape
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    whole = np.full((rows * height, columns * width, channels), 255, np.uint8)
    for i, picture in enumerate(pixels):
        top, left = i // columns * height, i % columns * width
        whole[top : top + height, left : left + width] = picture
    return whole.squeeze(-1) if channels == 1 else whole


def open_wave(path):
    with wave.open(str(path), "rb") as file:
        numbers = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return Wave(numbers.astype(np.float32) / 32768, file.getframerate())


def write_wav(path, numbers, rate):
    """16-bit PCM, [S,C]."""
    with wave.open(str(path), "wb") as file:
        file.setparams((numbers.shape[1], 2, rate, 0, "NONE", ""))
        file.writeframes(numbers.astype("<i2").tobytes())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_with_torch_alone_it_draws_what_the_run_draws_bit_for_bit(kind, handed, tmp_path):
    run = handed(kind)
    out = tmp_path / "out"
    export(run, out, Wanted(torch=True), tell=lambda line: None)
    recipe = KINDS[kind][0]
    if run.recipe.modality == "image":
        alone(out, "-n", "7", "--seed", "3", "--out", "grid.png")
        drawn = np.asarray(Image.open(out / "grid.png"))
        assert np.array_equal(drawn, tiled(run.sample(7, seed=3)))
        assert len(np.unique(drawn)) > 2
        if run.facts.classes:
            alone(out, "-n", "4", "--label", run.facts.classes[1], "--out", "one.png")
            assert np.array_equal(Image.open(out / "one.png"), tiled(run.sample(4, label=run.facts.classes[1])))
    elif run.recipe.modality == "text":
        told = alone(out, "-n", "7", "--seed", "3", "--temperature", "0.9", "--top-p", "0.95")
        wanted = run.sample(7, seed=3, temperature=0.9, top_p=0.95)
        write(wanted, tmp_path / "wanted.txt")
        assert told == (tmp_path / "wanted.txt").read_text() and len(set(wanted)) > 1
        assert any("\n" in sentence for sentence in wanted) == ("several lines" in kind)
    elif recipe == "vocoder":
        recording = Path("syllables", "low", "ma1.wav").resolve()
        alone(out, str(recording), "--out", "again.wav")
        save_wav(run.vocode(open_wave(recording)).samples, run.rate, out / "wanted.wav")
        assert (out / "again.wav").read_bytes() == (out / "wanted.wav").read_bytes()
        both = np.random.default_rng(0).integers(-9000, 9000, (900, 2), np.int16)
        write_wav(out / "both.wav", both, run.rate)
        alone(out, str(out / "both.wav"), "--out", "again.wav")
        wanted = run.vocode(Wave(both.mean(1, dtype=np.float32) / 32768, run.rate)).samples
        assert np.abs(open_wave(out / "again.wav").samples - wanted).max() <= 1.1 / 32768, "the mean of its channels"
    else:
        text = {"characters": "ma1 ni2", "phonemes": "ma1 ni2"}.get(kind.partition(", ")[2], "ma1ni2")
        alone(out, text, "--voice", "1", "--seed", "3", "--speed", "0.8", "--out", "said.wav")
        said = run.say(text, voice=run.facts.voices[1], seed=3, speed=0.8)
        save_wav(said.samples, run.rate, out / "wanted.wav")
        got, wanted = open_wave(out / "said.wav").samples, open_wave(out / "wanted.wav").samples
        assert got.shape == wanted.shape and np.abs(got - wanted).max() <= 1.1 / 32768, "cross-fades in two libraries"
        assert np.abs(got).max() > 0


def test_every_network_is_handed_over():
    """A network, or a recipe that can be exported, that is new must be among the kinds."""
    from poise.specs.spec import all_recipes, kind_of

    assert {name for name in all_recipes() if kind_of(name).portable} == {recipe for recipe, _ in KINDS.values()}
    tried = {arguments.get("network") for _, arguments in KINDS.values()}
    assert {*names("network"), *names("sequence"), *names("vocoder")} <= tried


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_onnx_file_gives_the_numbers_of_pytorch_for_any_number_of_items(kind, handed, exported):
    import onnx
    import onnxruntime

    run, out = handed(kind), exported(kind)
    for graph in run.portable.graphs:
        path = out / f"{graph.name}.onnx"
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        assert [value.name for value in session.get_inputs()] == [value.name for value in graph.inputs]
        for n in (1, 5):
            given = graph.examples(n, 9)
            fed = {value.name: tensor.numpy() for value, tensor in zip(graph.inputs, given, strict=True)}
            with torch.no_grad():
                wanted = graph.module(*given)
            several = wanted if isinstance(wanted, tuple) else (wanted,)
            for one, got in zip(several, session.run(None, fed), strict=True):
                assert got.shape == one.shape and np.abs(got - one.numpy()).max() <= 2e-5
    assert json.loads((out / "about.json").read_text()) == json.loads(json.dumps(dict(run.portable.page)))
    table = json.loads((out / "parity.json").read_text())
    assert [entry["file"] for entry in table] == [f"{graph.name}.onnx" for graph in run.portable.graphs]
    assert all(entry["inputs"] == 64 and 0 <= max(entry["largest"].values()) <= 1e-4 for entry in table)


@pytest.mark.slow
def test_pictures_of_the_graph_are_those_that_are_shown(handed):
    """Rounded to 255 steps they are the samples of the run, transparency and classes included."""
    for kind in ("short_dcgan", "residual", "modern"):
        run = handed(kind)
        (graph,) = run.portable.graphs
        given = graph.examples(6, 4)
        with torch.no_grad():
            shown = (graph.module(*given) * 255).round().byte().permute(0, 2, 3, 1).numpy()
        rng = torch.Generator().manual_seed(_seed(4))
        z = torch.randn(6, run.generator.noise_size, generator=rng)
        assert torch.equal(z, given[0])
        y = given[1] if len(given) > 1 else None
        from poise.pixels.transparency import as_pixels

        with torch.no_grad():
            assert np.array_equal(shown, as_pixels(run.generator(z, y)))


def _seed(seed):
    from poise.training.loop import fold_seed

    return fold_seed(seed, 0)


@pytest.mark.slow
def test_a_file_that_gives_other_numbers_is_not_handed_over(handed, tmp_path, monkeypatch):
    run = handed("dcgan")
    good = onnx_file.exported

    def bad(graph, metadata):
        with torch.no_grad():
            weight = graph.module.generator.last.weight
            before = weight.clone()
            weight.mul_(1.01)
            try:
                return good(graph, metadata)
            finally:
                weight.copy_(before)

    monkeypatch.setattr(onnx_file, "exported", bad)
    with pytest.raises(
        PoiseError, match=r"generator.onnx gives other pictures than PyTorch, by .* nothing was written"
    ):
        export(run, tmp_path / "out", Wanted(torch=True, onnx=True))
    assert list(tmp_path.iterdir()) == []


REFUSED = {
    "nothing wanted": ([], "say what to hand over"),
    "a folder in use": (["--torch", "-o", "full"], "there is something already"),
    "a file": (["--torch", "-o", "full/x"], "there is something already"),
    "below a file": (["--torch", "-o", "full/x/y"], "it cannot be made"),
    "a licence without a card": (["--torch", "--licence", "mit"], "add --hub"),
    "no licence": (["--hub", "--licence", "a b: c"], "give a short name"),
    "no such step": (["--torch", "--step", "7"], "keeps no checkpoint of step 7"),
    "no such run": (None, "there is no run"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(case, handed, tmp_path, capsys, monkeypatch):
    words, expected = REFUSED[case]
    run = handed("dcgan")
    place = tmp_path / "place"
    (place / "full").mkdir(parents=True)
    (place / "full" / "x").write_text("mine")
    asked = str(run.path) if words is not None else "nothing"
    path = run.path.resolve()
    monkeypatch.chdir(place)
    words = [
        "export",
        str(path) if asked != "nothing" else asked,
        "-o",
        "new",
        *(["--torch"] if words is None else words),
    ]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("poise: ") and told.count("\n") == 1 and expected in told
    assert sorted(p.name for p in place.rglob("*")) == ["full", "x"]


@pytest.mark.slow
def test_a_network_that_cannot_be_captured_is_told(handed, tmp_path, monkeypatch):
    """It looks at its numbers: what is left is PyTorch."""
    run = handed("dcgan")
    (graph,) = run.portable.graphs
    monkeypatch.setattr(graph.module, "forward", lambda noise, label=None: noise if noise.sum() > 0 else -noise)
    with pytest.raises(PoiseError, match=r"the generator cannot be captured as ONNX by .*--torch hands it over"):
        export(run, tmp_path / "out", Wanted(onnx=True))
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_takes_one_item_at_a_time_is_compared_on_as_many():
    from poise.recipes.common.portable import Graph, Value

    value = Value("x", (1, "units"), "float32", "")
    one = Graph("one", torch.nn.Identity(), [value], [value], lambda n, seed: (torch.zeros(1, n),))
    assert [given[0].shape[1] for given in onnx_file._inputs(one)] == list(range(1, 65))


@pytest.mark.slow
def test_the_folder_in_which_one_stands_is_no_new_folder(handed, tmp_path, monkeypatch, capsys):
    run = handed("dcgan").path.resolve()
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(run), "-o", ".", "--torch"]) == 2
    assert "--out .: name a new folder in it" in capsys.readouterr().err and list(tmp_path.iterdir()) == []
