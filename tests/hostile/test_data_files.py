"""Data from anywhere: what a header claims decides nothing, and each file is read rightly or named."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import struct
import subprocess
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hostile.guard import attack

pytestmark = pytest.mark.slow

ESCAPE = "\x1b[31mred"


def npy_header(text: str, size: int | None = None) -> bytes:
    """The beginning of a .npy file whose header is any text."""
    head = text.encode("latin1")
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(head) if size is None else size) + head


def zipped(members: dict[str, bytes], level: int = 6) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def npz(header: str, size: int | None = None) -> bytes:
    return zipped({"images.npy": npy_header(header, size)})


def zeros(size: int) -> bytes:
    return gzip.compress(bytes(size), 1)


SHAPE = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }"
FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "npy of negative shape": ("x.npy", lambda: npy_header(SHAPE % "(-4, 16, 16)")),
    "npy of endless shape": ("x.npy", lambda: npy_header(SHAPE % "(99999999999999, 16, 16)")),
    "npy of an overflowing shape": ("x.npy", lambda: npy_header(SHAPE % f"({2**62}, {2**62}, 3)")),
    "npy of brackets": ("x.npy", lambda: npy_header("(" * 60_000)),
    "npy whose header is 4 GB": ("x.npy", lambda: npy_header("{}", 2**32 - 1)),
    "npy of objects": ("x.npy", lambda: npy_header(SHAPE.replace("|u1", "|O") % "(4, 16, 16)") + b"cos\nsystem\n."),
    "npy of text": ("x.npy", lambda: npy_header(SHAPE.replace("|u1", "<U9") % "(4, 16, 16)") + bytes(4 * 256 * 36)),
    "npy of a strange type": ("x.npy", lambda: npy_header(SHAPE.replace("|u1", ESCAPE) % "(4, 16, 16)")),
    "npy that calls": ("x.npy", lambda: npy_header("__import__('os').system('echo executed > executed')")),
    "npy of nothing": ("x.npy", lambda: b""),
    "npy of one byte": ("x.npy", lambda: b"\x93"),
    "npy of no pictures": ("x.npy", lambda: npy_header(SHAPE % "(0, 16, 16)")),
    "npy of no pixels": ("x.npy", lambda: npy_header(SHAPE % "(9, 0, 16)")),
    "npz of negative shape": ("x.npz", lambda: npz(SHAPE % "(-4, 16, 16)")),
    "npz of endless shape": ("x.npz", lambda: npz(SHAPE % "(99999999999999, 16, 16)")),
    "npz of a row of 3 GB": ("x.npz", lambda: npz(SHAPE % "(4, 30000, 100000)")),
    "npz of brackets": ("x.npz", lambda: npz("(" * 60_000)),
    "npz of nothing": ("x.npz", lambda: zipped({})),
    "npz of names outside": ("x.npz", lambda: zipped({"../../outside/victim.npy": npy_header(SHAPE % "(4, 16, 16)")})),
    "npz that is no zip": ("x.npz", lambda: b"PK\x03\x04" + bytes(100)),
    "zip of bombs": ("x.zip", lambda: zipped({f"{i}.png": bytes(200_000_000) for i in range(4)}, 1)),
    "zip of names outside": ("x.zip", lambda: zipped({"../outside/victim": b"x", "/etc/x.png": b"y"})),
    "zip of names that act": ("x.zip", lambda: zipped({f"{ESCAPE}{i}.png": b"x" for i in range(9)})),
    "zip of a bomb of text": ("x.zip", lambda: zipped({"a.txt": bytes(100_000_000)}, 1)),
    "zip with a member twice": ("x.zip", lambda: zipped({"a.png": b"x", "a.PNG": b"y"})),
    "zip in a zip": ("x.zip", lambda: zipped({"x.zip": zipped({"a.png": b"x"})})),
    "IDX of 2^32 - 1": ("train-images-idx3-ubyte", lambda: bytes([0, 0, 8, 3]) + struct.pack(">3I", *[2**32 - 1] * 3)),
    "IDX of 255 axes": ("train-images-idx3-ubyte", lambda: bytes([0, 0, 8, 255]) + bytes(4 * 255)),
    "IDX of a bomb": ("train-images-idx3-ubyte.gz", lambda: gzip.compress(
        bytes([0, 0, 8, 3]) + struct.pack(">3I", 10**6, 28, 28) + bytes(50_000_000), 1)),
    "gzip that is cut": ("train-images-idx3-ubyte.gz", lambda: zeros(10**6)[:200]),
    "sound of no samples": ("x.wav", lambda: wav(0)),
    "text of one long line": ("x.txt", lambda: b"word " * 4_000_000),
    "text of zeros": ("x.txt", lambda: bytes(1_000_000)),
    "text of escapes": ("x.txt", lambda: f"{ESCAPE}\n".encode() * 50),
    "jsonl of brackets": ("x.jsonl", lambda: b'{"text": ' + b"[" * 100_000),
    "jsonl with half a pair": ("x.jsonl", lambda: b'{"text":"a\\ud83d"}\n' * 30),
    "jsonl of numbers": ("x.jsonl", lambda: b"5\n" * 30),
    "jsonl of 400 digits": ("x.jsonl", lambda: b'{"text": ' + b"9" * 5000 + b"}\n"),
    "csv of quotes": ("x.csv", lambda: b'text\n"' + b"a,b\n" * 100_000),
    "csv of a thousand columns": ("x.csv", lambda: (",".join(f"c{i}" for i in range(1000)) + "\n").encode() * 3),
    "nothing at all": ("x.txt", lambda: b""),
}  # fmt: skip


def wav(n: int, rate: int = 8000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * n * channels))
    return buffer.getvalue()


TRAINS = {
    "check": ["data", "check"],
    "images": ["train", "images"],
    "text": ["train", "text"],
}


@pytest.mark.parametrize("how", TRAINS)
@pytest.mark.parametrize("kind", FILES)
def test_files_that_claim_what_they_are_not(place, outside, capsys, kind, how):
    name, content = FILES[kind]
    Path("bad").mkdir()
    (Path("bad") / name).write_bytes(content())
    where = str(Path("bad") / name)
    extra = [] if how == "check" else ["--out", "new", "--threads", "1", "--device", "cpu"]
    attack([*TRAINS[how], where, *extra], outside, capsys, code=None if how == "check" else 2)
    assert not list(Path().rglob("executed"))
    assert not Path("new").exists()


def png(side: tuple[int, int], mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, side).save(buffer, "PNG")
    return buffer.getvalue()


def good(folder: Path, n: int = 24) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(n):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / f"good{i:02}.png")


def chunk(kind: bytes, content: bytes) -> bytes:
    import zlib

    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_claims(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def bmp_that_claims(width: int, height: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    )


BESIDE: dict[str, Callable[[Path], object]] = {
    "a picture that claims two billion columns": lambda p: p.with_suffix(".png").write_bytes(
        png_that_claims(2**31 - 1, 1)
    ),
    "a picture that claims a terapixel": lambda p: p.with_suffix(".png").write_bytes(png_that_claims(10**6, 10**6)),
    "a bitmap that claims a terapixel": lambda p: p.with_suffix(".bmp").write_bytes(bmp_that_claims(10**6, 10**6)),
    "a picture of no columns": lambda p: p.with_suffix(".png").write_bytes(png_that_claims(0, 5)),
    "a picture cut after its header": lambda p: p.with_suffix(".png").write_bytes(png((64, 64))[:60]),
    "nothing": lambda p: p.with_suffix(".png").write_bytes(b""),
    "text called .png": lambda p: p.with_suffix(".png").write_bytes(b"hello " * 100),
    "a pipe": lambda p: os.mkfifo(p.with_suffix(".png")),
    "a link to itself": lambda p: p.with_suffix(".png").symlink_to(p.with_suffix(".png").name),
    "a link to nothing": lambda p: p.with_suffix(".png").symlink_to("not there"),
    "a device": lambda p: p.with_suffix(".png").symlink_to("/dev/zero"),
    "a folder called .png": lambda p: p.with_suffix(".png").mkdir(),
    "a name that acts": lambda p: (p.parent / f"{ESCAPE}.png").write_bytes(b"x"),
    "a name that is not UTF-8": lambda p: Path(os.fsdecode(os.fsencode(p.parent) + b"/\xe9.png")).write_bytes(b"x"),
    "a name of a newline": lambda p: (p.parent / "a\nb.png").write_bytes(b"x"),
}


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_what_comes_beside_pictures_that_were_read_before_is_named_and_what_goes_is_not(place, outside, capsys, kind):
    """The pictures are those of before, and come from the cache; what lies beside them does not."""
    good(Path("bad"))
    for there in (False, True, False):
        evil = Path("bad/evil.png")
        if there:
            BESIDE[kind](Path("bad/evil"))
        elif evil.is_symlink() or evil.exists():
            evil.unlink()
        said = attack(["train", "images", "bad", "--out", "new", "--steps=1", "--batch=8", "--generator.width=4",
                       "--discriminator.width=4", "--scores=0", "--threads=1", "--device=cpu", "--size=16"],
                      outside, capsys, code=0)  # fmt: skip
        assert "24 pictures" in said and ("left out evil.png: no regular file" in said) == there
        shutil.rmtree("new")


@pytest.mark.parametrize("kind", BESIDE)
def test_a_bad_file_beside_good_ones_is_named_and_the_good_ones_train(place, outside, capsys, kind):
    good(Path("bad"))
    BESIDE[kind](Path("bad/evil"))
    words = ["train", "images", "bad", "--out", "new", "--steps=2", "--batch=8", "--noise=4", "--generator.width=4",
             "--discriminator.width=4", "--scores=0", "--threads=1", "--device=cpu", "--size=16"]  # fmt: skip
    said = attack(words, outside, capsys, code=0)
    assert "24 pictures" in said
    assert "left out" in said or kind in ("a folder called .png",), said[:500]
    assert "24" in attack(["data", "check", "bad"], outside, capsys, code=0)


def test_folders_that_link_to_each_other(place, outside, capsys):
    good(Path("bad"))
    for i in range(8):
        Path(f"bad/{i}").mkdir()
        for j in range(8):
            Path(f"bad/{i}/to{j}").symlink_to(f"../{j}")
    Path("bad/round").symlink_to(".")
    assert "24" in attack(["data", "check", "bad"], outside, capsys, code=0)


def test_folders_in_folders_in_folders(place, outside, capsys):
    good(Path("bad"))
    deep, before = Path("bad"), os.getcwd()
    os.chdir(deep)
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(before)
    assert "24" in attack(["data", "check", "bad"], outside, capsys, code=None)
    subprocess.run(["rm", "-rf", "bad"], check=True)  # too deep for whoever sweeps up after tests


SOUNDS = {
    "a rate of fifteen million": lambda: wav(800_000, 15_485_863),
    "a rate of one": lambda: wav(800, 1),
    "255 channels": lambda: wav(2000, 8000, 255),
    "no samples": lambda: wav(0),
    "cut": lambda: wav(8000)[:60],
    "a length of 4 GB": lambda: wav(8000)[:40] + struct.pack("<I", 2**32 - 1) + bytes(16_000),
    "text": lambda: b"hello",
}


@pytest.mark.parametrize("kind", SOUNDS)
def test_a_bad_sound_beside_good_ones(place, outside, capsys, kind):
    Path("sounds").mkdir()
    rng = np.random.default_rng(0)
    for i in range(20):
        content = bytearray(wav(8000))
        content[44:] = (rng.normal(size=8000) * 3000).astype("<i2").tobytes()
        Path(f"sounds/good{i}.wav").write_bytes(bytes(content))
    Path("sounds/evil.wav").write_bytes(SOUNDS[kind]())
    said = attack(["data", "check", "sounds"], outside, capsys, code=0)
    assert "evil.wav" in said or re.search(r"\b21\b", said), said  # named, or read as one of 21 clips
    assert re.search(r"\b2[01]\b", said), said
