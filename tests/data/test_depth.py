"""10, 12 and 14 bits in containers of 16: named, mended by --bits, and refused where a value needs more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.check import check
from poise.data.images.images import open_images
from poise.data.images.sources.depth import probable
from poise.errors import PoiseError
from tests.data.reports import facts

CONTAINERS = ("npy", "npz", "CHW.npy", "png", "tif", "zip of png")


def deep(bits: int, n: int = 6) -> np.ndarray:
    """Pictures that use all of `bits`, and not more."""
    values = np.random.default_rng(bits).integers(0, 2**bits, (n, 16, 16), dtype=np.uint16)
    values[0, 0, 0] = 2**bits - 1
    return values


def stored(folder: Path, container: str, values: np.ndarray) -> Path:
    if container.endswith("npy"):
        np.save(folder / "x.npy", values[:, None] if "CHW" in container else values)
        return folder / "x.npy"
    if container == "npz":
        np.savez(folder / "x.npz", images=values)
        return folder / "x.npz"
    (folder / "x").mkdir()
    for i, one in enumerate(values):
        Image.fromarray(one).save(folder / f"x/{i}.{container[-3:]}")
    if not container.startswith("zip"):
        return folder / "x"
    import shutil

    return Path(shutil.make_archive(str(folder / "x"), "zip", folder / "x"))


@pytest.mark.slow
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_fewer_bits_are_named_and_mended(bits, container, tmp_path):
    values = deep(bits)
    source = stored(tmp_path, container, values)
    plain = open_images(source, size=16, heldout=0)
    assert np.array_equal(plain.images[..., 0], ((values.astype(np.int64) * 255 + 32767) // 65535))
    said = [note for note in plain.notes if "16 bits" in note]
    if bits == 16:
        assert not said
        return
    assert f"probably {bits} bits" in said[0] and f"--bits {bits} mends" in said[0]
    assert said[0] in check(source).lines()
    mended = open_images(source, size=16, heldout=0, bits=bits)
    assert np.array_equal(mended.images[..., 0], np.floor(values * (255 / (2**bits - 1)) + 0.5))
    assert mended.fingerprint != plain.fingerprint
    assert not [note for note in mended.notes if "16 bits" in note]
    assert open_images(source, size=16, heldout=0, bits=16).fingerprint == plain.fingerprint


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_value_that_needs_more_bits_is_refused_with_its_file(container, tmp_path):
    source = stored(tmp_path, container, deep(12))
    for read in (lambda: open_images(source, bits=10, heldout=0), lambda: check(source, bits=10)):
        with pytest.raises(
            PoiseError, match=r"(0\.\w+|picture 0) has the value 4,095.*--bits 10.*up to 1,023.*--bits 12"
        ):
            read()


@pytest.mark.parametrize("container", ["npy", "png"])
def test_bits_for_pictures_of_eight_do_nothing_and_are_refused(container, tmp_path):
    source = stored(tmp_path, container, deep(8).astype(np.uint8))
    with pytest.raises(PoiseError, match=r"--bits 12 does nothing for .*: no grey picture in it has 16 bits"):
        open_images(source, bits=12, heldout=0)


@pytest.mark.parametrize("bits", [-1, 0, 1, 7, 17, 32])
def test_bits_that_cannot_be(bits, tmp_path):
    source = stored(tmp_path, "npy", deep(12))
    with pytest.raises(PoiseError, match=f"--bits {bits} is not possible"):
        open_images(source, bits=bits)


@pytest.mark.parametrize(
    ("high", "bits"), [(1, None), (31, None), (32, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12),
                       (4096, 14), (16383, 14), (16384, None), (65535, None)]
)  # fmt: skip
def test_the_guess_at_its_limits(high, bits):
    assert probable(high) == bits


@pytest.mark.parametrize("form", ["png", "tif"])
def test_colour_of_12_bits_is_named_and_not_mended(form, tmp_path):
    """Pillow keeps the upper 8 of 16 bits of colour, so --bits has nothing to work on."""
    import struct
    import zlib

    rows = np.random.default_rng(0).integers(0, 4096, (16, 16, 3)).astype(">u2")
    (tmp_path / "x").mkdir()
    if form == "png":

        def chunk(kind, content):
            return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

        raw = b"".join(b"\0" + row.tobytes() for row in rows)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0))
        data += chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    else:
        tags = [(256, 3, 1, 16), (257, 3, 1, 16), (258, 3, 3, 134), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 140),
                (277, 3, 1, 3), (278, 3, 1, 16), (279, 4, 1, rows.nbytes)]  # fmt: skip
        entries = b"".join(
            struct.pack(">HHI", tag, kind, count) + (struct.pack(">HH", value, 0) if kind == 3 and count == 1 else
                                                     struct.pack(">I", value))
            for tag, kind, count, value in tags
        )  # fmt: skip
        data = b"MM\0*" + struct.pack(">IH", 8, len(tags)) + entries + bytes(4)
        data = data.ljust(134, b"\0") + struct.pack(">3H", 16, 16, 16) + rows.tobytes()
    (tmp_path / f"x/a.{form}").write_bytes(data)
    found = open_images(tmp_path / "x", size=16, heldout=0)
    assert np.array_equal(found.images[0], rows >> 8)
    assert any("probably 12 bits" in note and "save them with 8 bits" in note for note in found.notes)
    with pytest.raises(PoiseError, match=r"16-bit colour.*--bits 12 cannot mend"):
        open_images(tmp_path / "x", size=16, heldout=0, bits=12)


@pytest.mark.parametrize("scale", [1.0, 1.0000001, 2.0, 255.0])
def test_float_tiffs_follow_the_rule_of_float_arrays(scale, tmp_path):
    values = np.random.default_rng(0).random((16, 16), dtype=np.float32)
    values[0, 0], values[0, 1] = 0, 1
    (tmp_path / "x").mkdir()
    Image.fromarray(values * np.float32(scale)).save(tmp_path / "x/a.tif")
    Image.effect_noise((16, 16), 50).save(tmp_path / "x/b.png")
    found = open_images(tmp_path / "x", size=16, heldout=0)
    if scale < 1.1:
        assert np.array_equal(found.images[0, ..., 0], np.rint(np.clip(values * scale, 0, 1) * 255))
    else:
        assert [name for name, _ in found.unreadable] == ["a.tif"]
        assert f"to {scale:g}" in found.unreadable[0][1] and "[0, 1]" in found.unreadable[0][1]


@pytest.mark.parametrize("kind", ["f8", "f2"])
def test_tiffs_of_other_floats_are_named_as_such(kind, tmp_path):
    import struct

    values = np.random.default_rng(0).random((16, 16)).astype(f"<{kind}")
    tags = [(256, 16), (257, 16), (258, 8 * values.itemsize), (259, 1), (262, 1), (273, 200), (277, 1), (278, 16),
            (279, values.nbytes), (339, 3)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    (tmp_path / "x").mkdir()
    (tmp_path / "x/a.tif").write_bytes(data.ljust(200, b"\0") + values.tobytes())
    Image.effect_noise((16, 16), 50).save(tmp_path / "x/b.png")
    found = open_images(tmp_path / "x", size=16, heldout=0)
    assert "a TIFF of a kind that Pillow does not read" in found.unreadable[0][1]


def test_bits_are_for_pictures(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    (tmp_path / "x").mkdir()
    soundfile.write(tmp_path / "x/a.wav", np.zeros(8000), 8000)
    with pytest.raises(PoiseError, match=r"--bits 12 is for pictures and .* holds sound"):
        facts(tmp_path / "x", bits=12)
