"""Pictures as strangers have them: cut anywhere, in every mode and format, in odd archives, unreadable for a while."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.check import check
from poise.data.images.images import open_images
from poise.data.images.sources.decode import Unreadable, content_hash, decode, header
from poise.errors import PoiseError

MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "GIF": ("1", "L", "P"), "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "DIB": ("1", "L", "P", "RGB"), "JPEG": ("L", "RGB", "CMYK"), "WEBP": ("RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "F"), "PPM": ("1", "L", "RGB", "I;16"),
}  # fmt: skip
CASES = [(form, mode) for form, modes in MODES.items() for mode in modes]


def picture(mode: str, side: int = 24) -> Image.Image:
    """A picture with many colours (and, as a palette, with a transparent one)."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (side, side), dtype=np.uint16))
    if mode == "F":
        return Image.fromarray(rng.random((side, side), dtype=np.float32))
    return rgb.convert("L").convert(mode) if mode in ("LA", "1") else rgb.convert(mode)


def encoded(form: str, mode: str) -> bytes:
    buffer = io.BytesIO()
    picture(mode).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(("form", "mode"), CASES)
def test_a_picture_cut_anywhere_is_read_or_named_and_never_ends_the_others(form, mode, tmp_path):
    """At every tenth of its length, beside whole ones: by the header's pass, the check and the run alike."""
    whole = encoded(form, mode)
    assert decode(whole).image.size == (24, 24)
    (tmp_path / "pictures").mkdir()
    names = []
    for tenth in range(10):
        content = whole[: len(whole) * tenth // 10]
        name = f"cut{tenth}.{form.lower()}" if form != "PPM" else f"cut{tenth}.pnm"
        (tmp_path / "pictures" / name).write_bytes(content)
        names.append(name)
        for read in (header, decode):
            with contextlib.suppress(Unreadable):  # anything else ends the others too
                read(content)
    for i in range(4):
        Image.effect_noise((24, 24), 50 + i).save(tmp_path / "pictures" / f"whole{i}.png")
    images = open_images(tmp_path / "pictures", size=16, heldout=0)
    left_out = {name for name, _ in images.unreadable}
    assert left_out <= set(names) and "cut0" in " ".join(left_out)
    assert len(images.images) == 14 - len(left_out)
    report = check(tmp_path / "pictures")
    assert {name for name, _ in report.unreadable} == left_out
    assert report.count == len(images.images)


def test_a_passing_failure_is_not_kept(tmp_path):
    """Unreadable today, readable tomorrow: under the hash of its bytes only facts about the bytes are kept."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(6):
        Image.effect_noise((16, 16), 40 + i).save(folder / f"{i}.png")
        os.utime(folder / f"{i}.png", ns=(10**18, 10**18))
    assert len(open_images(folder, size=16, heldout=0).images) == 6
    real = Path.read_bytes

    def denied(path):
        if path.name == "3.png":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    Path.read_bytes = denied  # root may read everything, so the disk itself has to say no
    try:
        fewer = open_images(folder, size=20, heldout=0)
        again = open_images(folder, size=20, heldout=0)
    finally:
        Path.read_bytes = real
    assert fewer.unreadable == again.unreadable == [("3.png", "Permission denied")]
    assert len(open_images(folder, size=20, heldout=0).images) == 6


@pytest.mark.parametrize("prefix", ["./", "././", "pictures/", "./pictures/", "pictures//", ""])
def test_names_in_a_zip_as_different_tools_write_them(prefix, tmp_path):
    content = {f"{prefix}{c}/{i}.png": encoded("PNG", "RGB") for c in "ab" for i in range(3)}
    content |= {f"{prefix}.hidden/x.png": b"x", f"{prefix}a/.y.png": b"y", f"{prefix}__MACOSX/a/z.png": b"z"}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for name, data in content.items():
            file.writestr(zipfile.ZipInfo(name), data)
    images = open_images(tmp_path / "x.zip", labels="folders", heldout=0)
    assert len(images.images) == 6 and not images.unreadable
    assert images.classes == ("a", "b")


@pytest.mark.slow
def test_strips_make_the_same_hash_and_the_same_values():
    """By hand on the whole picture, which is 41 strips long here."""
    import hashlib

    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65536, (41_000, 1000), dtype=np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "TIFF")
    found = decode(buffer.getvalue()).image
    values = ((deep.astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8)
    assert np.array_equal(np.asarray(found), values)
    expected = hashlib.sha256(b"1000x41000:RGB" + np.repeat(values[..., None], 3, 2).tobytes()).digest()
    assert content_hash(found) == expected


MEASURED = """
import resource, sys
from poise.data.images.images import open_images
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
images = open_images(sys.argv[1], size=64, heldout=0)
print(len(images.images), len(images.unreadable), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "side"),
    [("RGB", (10_000, 10_000)), ("I;16", (13_000, 13_000)), ("RGB", (178_000_000 // 4, 1)), ("RGBA", (9_000, 9_000))],
    ids=["100 megapixels", "13,000² in 16 bits", "one long row", "transparent"],
)
def test_memory_for_enormous_pictures_is_bounded(mode, side, tmp_path):
    """Four of them, two threads: under 2 GB over the interpreter."""
    (tmp_path / "pictures").mkdir()
    for i in range(20):  # before, between and after them
        (tmp_path / f"pictures/{i // 5}{'abcde'[i % 5]}.png").write_bytes(encoded("PNG", "RGB"))
    form = "TIFF" if mode == "I;16" or side[0] > 65_000 else "PNG"
    for i in range(4):
        Image.new(mode, side, i * 40 if mode == "I;16" else (i, 2, 3, 90)[: len(mode)]).save(
            tmp_path / f"pictures/{i}.{form.lower()}", form, **({"compress_level": 1} if form == "PNG" else {})
        )
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "pictures")], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-800:]
    read, lost, grown = map(int, done.stdout.split())
    assert read + lost == 24 and read == (20 if side[1] == 1 else 24)
    assert grown < 2e9, f"{grown / 1e9:.2f} GB"


LABELS = {
    "numbers": (np.arange(12) % 3, ("0", "1", "2")),
    "a column of numbers": ((np.arange(12) % 3)[:, None], ("0", "1", "2")),
    "words": (np.array(["cat", "dog", "eel"] * 4), ("cat", "dog", "eel")),
    "bytes": (np.array([b"cat", b"dog", b"eel"] * 4), ("cat", "dog", "eel")),
    "truth": (np.arange(12) % 2 == 1, ("False", "True")),
    "one-hot, whole": (np.eye(3, dtype=np.int64)[np.arange(12) % 3], ("0", "1", "2")),
    "one-hot, float": (np.eye(3, dtype=np.float32)[np.arange(12) % 3], ("0", "1", "2")),
    "one-hot, truth": (np.eye(3, dtype=bool)[np.arange(12) % 3], ("0", "1", "2")),
    "one-hot of one class": (np.ones((12, 1), np.uint8), ("1",)),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("labels", ["auto", "file"])
def test_labels_in_the_usual_forms(kind, labels, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=LABELS[kind][0])
    found = open_images(tmp_path / "x.npz", labels=labels, heldout=0)
    assert found.classes == LABELS[kind][1] and not found.notes


USELESS = {
    "too few": np.arange(5), "two ones": np.ones((12, 3)), "shares": np.full((12, 2), 0.5),
    "pictures": np.zeros((12, 4, 4)),
    "fractions": np.arange(12) / 7, "objects of no numbers": np.array([1j] * 12),
}  # fmt: skip


@pytest.mark.parametrize("kind", USELESS)
def test_labels_that_nobody_asked_for_stop_nothing_and_are_named(kind, tmp_path):
    np.savez(
        tmp_path / "x.npz",
        images=np.random.default_rng(0).integers(0, 256, (12, 16, 16), dtype=np.uint8),
        labels=USELESS[kind],
    )
    found = open_images(tmp_path / "x.npz", labels="auto", heldout=0)
    assert found.labels is None and len(found.images) == 12
    assert "labels are not used" in found.notes[0] and "--labels none" in found.notes[0]
    with pytest.raises(PoiseError, match="pictures need one"):
        open_images(tmp_path / "x.npz", labels="file", heldout=0)


@pytest.mark.parametrize(
    ("low", "high", "reads"), [(0.0, 1.0000001, True), (-1e-6, 1, True), (0, 1.01, False), (-0.1, 1, False)]
)
def test_floats_that_rounding_left_outside(low, high, reads, tmp_path):
    images = np.random.default_rng(0).random((8, 16, 16))
    images[3, 0, :2] = low, high
    np.save(tmp_path / "x.npy", images)
    if reads:
        found = open_images(tmp_path / "x.npy", heldout=0).images[3, 0, :2, 0]
        assert found.tolist() == [0, 255]
    else:
        with pytest.raises(PoiseError, match=r"floats must lie in \[0, 1\]"):
            open_images(tmp_path / "x.npy", heldout=0)
