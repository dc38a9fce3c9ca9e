"""Whatever a user points at, opened as items of the right kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poise.data.catalogue import catalogue
from poise.data.files import store
from poise.data.images.images import open_images
from poise.data.plain import Pictures, open_items
from poise.errors import PoiseError
from tests.data.clips import folder_of, tone


@pytest.mark.slow
def test_a_folder_of_pictures(photos: Callable[..., Path]) -> None:
    folder = photos(300)
    (folder / "broken.png").write_bytes(b"x")
    items = open_items(folder)
    assert isinstance(items, Pictures)
    assert (items.modality, len(items), items.own_test) == ("image", 300, False)
    assert items.left_out[0][0] == "broken.png"
    chunks = list(items.chunks())
    assert [chunk.shape for chunk in chunks] == [(256, 8, 8, 3), (44, 8, 8, 3)]
    images = open_images(folder, order="content")
    train, held = items.split()
    assert (train.tolist(), held.tolist()) == (images.train.tolist(), images.heldout.tolist())
    assert items.fingerprint == open_items(folder).fingerprint != open_items(folder, size=16).fingerprint


def test_large_pictures_come_in_smaller_chunks(photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poise.data.plain.CHUNK_BYTES", 10 * 8 * 8 * 3)
    assert [len(chunk) for chunk in open_items(photos(25)).chunks()] == [10, 10, 5]


def test_a_set_with_a_test_split_of_its_own(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (30, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "some.npz", x_train=pictures[:20], x_test=pictures[20:], y_train=range(20), y_test=range(10))
    items = open_items(tmp_path / "some.npz")
    assert isinstance(items, Pictures)
    assert items.own_test
    train, held = items.split()
    assert (train.tolist(), held.tolist()) == (list(range(20)), list(range(20, 30)))
    assert items.set.labels is not None


def test_text_and_speech_by_what_is_there(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    (tmp_path / "a.TXT").write_text("one\ntwo\n")
    assert open_items(tmp_path / "a.TXT").modality == "text"
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips/a.wav", np.zeros(80), 8000)
    assert open_items(tmp_path / "clips").modality == "speech"


def test_a_fetched_set_of_recordings_by_its_name() -> None:
    with store.building(catalogue.find("asterisk-es").folder) as folder:
        folder_of(folder, {"a.flac": tone(), "digits/1.flac": tone(0.3)})
        (folder / "metadata.csv").write_text("file|text\na.flac|x\n")
    items = open_items("asterisk-es")
    assert (items.modality, items.name, len(items)) == ("speech", "asterisk-es", 2)
    assert items.fingerprint == open_items(folder.parent / "asterisk-es-1.6.1-1").fingerprint
    with pytest.raises(PoiseError, match=r"asterisk-es has no columns: leave out --column text$"):
        open_items("asterisk-es", "text")
    with pytest.raises(PoiseError, match="get it with `poise data get asterisk-fr`"):
        open_items("asterisk-fr")


def test_what_cannot_be_opened_is_one_sentence(photos: Callable[..., Path], tmp_path: Path) -> None:
    mixed = photos(2, name="mixed")
    for name in "ab":
        (mixed / f"{name}.wav").write_bytes(b"x")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("x")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "a.exe").write_bytes(b"\0\xff\0x")
    cases = [
        ("mixed", None, r"mixed holds 2 pictures and 2 sound files: give a folder of one kind"),
        ("texts", None, r"texts holds text: give the file itself, such as .*texts/a\.txt"),
        ("nothing", None, r"nothing holds neither pictures nor sound"),
        ("gone", None, r"no file, folder or data set called '.*gone'"),
        ("a.exe", None, r"a\.exe is no collection of pictures"),
        ("mixed/000.png", None, r"000\.png is no collection of pictures"),
        ("nothing", "text", r"nothing holds neither"),
    ]
    for name, column, message in cases:
        with pytest.raises(PoiseError, match=message):
            open_items(tmp_path / name, column)
    with pytest.raises(PoiseError, match="has no columns: leave out --column text"):
        open_items(photos(2, name="good"), "text")


def test_the_weights_of_a_scorer_are_no_data() -> None:
    with pytest.raises(PoiseError, match="minilm is a scorer's weights and holds no data"):
        open_items("minilm")
    with pytest.raises(PoiseError, match="no file, folder or data set called 'minilmm'") as caught:
        open_items("minilmm")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"), [("a b\n\n\nc d\n", "empty lines that are left out: 2"), ("a b\nc d\n", "")]
)
def test_empty_sentences_of_a_file_are_counted(content: str, told: str, tmp_path: Path) -> None:
    """A generator that has collapsed to nothing writes such lines."""
    (tmp_path / "made.txt").write_text(content)
    found = open_items(tmp_path / "made.txt")
    assert len(found) == 2 and [note for note in found.notes if "empty" in note] == ([told] if told else [])
