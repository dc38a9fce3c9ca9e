"""A folder is what most of its files are, by their content; what is left out for it is said."""

from __future__ import annotations

import io
import os
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data import plain
from poise.data.images.images import open_images
from poise.data.plain import counted, open_items
from poise.errors import PoiseError
from poise.specs.spec import parser_for
from tests.data.reports import facts
from tests.data.test_contents import encoded_as


def wav(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.random.default_rng(seed).normal(size=8000) * 3000).astype("<i2").tobytes())
    return buffer.getvalue()


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def made(folder: Path, pictures: dict[str, int], sounds: dict[str, int]) -> Path:
    """So many files of each name, of which "#" becomes a number."""
    folder.mkdir()
    for names, content in ((pictures, png), (sounds, wav)):
        for name, count in names.items():
            for i in range(count):
                path = folder / name.replace("#", str(i))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content(i))
    return folder


MIXED = {
    "a cover among sounds": ({"folder.jpg": 1}, {"#.wav": 12}, "speech", "folder.jpg: a picture among 12 sound files"),
    "covers among sounds": (
        {"a/cover.jpg": 1, "b/cover.jpg": 1},
        {"a/#.wav": 6, "b/#.wav": 6},
        "speech",
        "1 more picture: a pi",
    ),
    "a sound among pictures": ({"#.png": 12}, {"x.wav": 1}, "image", "x.wav: a sound file among 12 pictures"),
    "nameless pictures": ({"#": 5}, {}, "image", ""),
    "nameless sounds": ({}, {"#": 5}, "speech", ""),
    "pictures called like text": ({"#.txt": 5}, {}, "image", ""),
    "pictures called like sound": ({"#.wav": 5}, {"a.png": 1}, "image", "a.png"),
    "sounds called like pictures": ({}, {"#.png": 5}, "speech", ""),
    "more than half": ({"#.png": 4}, {"#.wav": 3}, "image", "2 more sound files"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MIXED)
def test_the_majority_decides_and_the_rest_is_named(kind, tmp_path):
    pytest.importorskip("soundfile")
    pictures, sounds, modality, said = MIXED[kind]
    folder = made(tmp_path / "set", pictures, sounds)
    found = counted(folder)
    assert (found.pictures, found.sounds) == (sum(pictures.values()), sum(sounds.values()))
    assert found.modality == modality
    named = [f"{name}: {reason}" for name, reason in found.minority()]
    assert (said in named[0]) if said else not named
    if not kind.startswith(("nameless sounds", "sounds called")):  # sound files are read by their suffix
        assert open_items(folder).modality == modality
        lines = facts(folder)
        assert any("readable pictures" in line for line in lines) == (modality == "image")
        assert all(line in lines for line in named)


def test_as_many_of_both_are_refused(tmp_path):
    folder = made(tmp_path / "set", {"#.png": 3}, {"#.wav": 3})
    with pytest.raises(PoiseError, match="holds 3 pictures and 3 sound files: give a folder of one kind"):
        open_items(folder)


def test_in_a_large_folder_names_are_trusted_after_a_while(tmp_path, monkeypatch):
    folder = made(tmp_path / "set", {"#.png": 9, "none#": 2}, {"#.wav": 1})
    asked: list[str] = []
    real = plain._kind_of_file
    monkeypatch.setattr(plain, "_kind_of_file", lambda path: asked.append(path) or real(path))
    monkeypatch.setattr(plain, "LOOKED", 3)
    assert counted(folder).pictures == 11
    assert 3 <= len(asked) <= 5


def test_a_path_to_paste_is_quoted(tmp_path):
    (tmp_path / "some texts").mkdir()
    (tmp_path / "some texts/a b.txt").write_text("x")
    with pytest.raises(PoiseError, match=r"such as '.*/some texts/a b\.txt'"):
        open_items(tmp_path / "some texts")


RARE_MODES = {
    "AVIF": ("RGB", "RGBA"),
    "QOI": ("RGB",),
    "TGA": ("P", "RGBA"),
    "PCX": ("P", "RGB"),
    "SGI": ("RGB",),
    "ICO": ("RGBA", "P"),
    "JPEG2000": ("RGB", "LA"),
    "DDS": ("RGBA",),
    "ICNS": ("RGBA",),
    "BLP": ("P",),
    "IM": ("P", "CMYK"),
    "MSP": ("1",),
    "XBM": ("1",),
    "GIF": ("P",),
    "PNG": ("P",),
    "WEBP": ("RGBA",),
}
RARE = [(form, mode) for form, modes in RARE_MODES.items() for mode in modes]


@pytest.mark.slow
@pytest.mark.parametrize(("form", "mode"), RARE, ids=["-".join(case) for case in RARE])
def test_rarer_pictures_cut_at_every_tenth_end_nothing(form, mode, tmp_path):
    """Each is read or named, by a run and the check alike, under its own suffix and under none."""
    whole = encoded_as(form, mode)
    folder = tmp_path / "set"
    folder.mkdir()
    suffix = next(s for s, known in Image.EXTENSION.items() if known == form)
    for tenth in range(11):
        for name in (f"cut{tenth}{suffix}", f"cut{tenth}"):
            (folder / name).write_bytes(whole[: len(whole) * tenth // 10])
    for i in range(3):
        Image.effect_noise((24, 24), 50 + i).save(folder / f"whole{i}.png")
    images = open_images(folder, size=16, heldout=0)
    there = "".join(facts(folder))
    others = int(images.notes[0].split()[0]) if images.notes else 0
    assert len(images.images) + len(images.unreadable) + others == 25
    assert len(images.images) >= 5
    assert f"{len(images.images):,} readable pictures" in there


@pytest.mark.slow
def test_suggested_flags_are_flags(tmp_path):
    """Each that `data check` suggests is one that the recipes have."""
    folder = made(tmp_path / "set", {"a/#.png": 3, "b/#.png": 3}, {})
    Image.new("RGBA", (90, 20), (1, 2, 3, 4)).save(folder / "a/wide.png")
    np.save(tmp_path / "deep.npy", np.full((4, 8, 8), 3000, np.uint16))
    lines = facts(folder) + facts(tmp_path / "deep.npy")
    flags = {word.rstrip(",)") for line in lines for word in line.replace("(", " ").split() if word.startswith("--")}
    assert {"--size", "--labels", "--background", "--bits", "--fit", "--channels"} <= flags
    for recipe in ("images", "vae"):
        known = {flag.replace("_", "-") for flag in parser_for(recipe).options()}
        assert flags <= known, flags - known


def test_a_link_to_itself_is_named(tmp_path):
    folder = made(tmp_path / "set", {"#.png": 4}, {})
    os.symlink("round", folder / "round")
    shutil.copy(folder / "0.png", folder / "copy")
    images = open_images(folder, heldout=0)
    assert len(images.images) == 5 and "round (unreadable" in images.notes[0]
