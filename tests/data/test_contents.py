"""Files are told by what is in them: each format and mode that Pillow writes under other names, and what is none."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.files import contents
from poise.data.images.check import check
from poise.data.images.images import open_images
from poise.data.images.sources import encoded
from poise.errors import PoiseError

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK")
NEVER = {"BUFR", "EPS", "GRIB", "HDF5", "PALM", "PDF", "WMF"}  # written by Pillow, and not read (safely, or at all)


def picture(mode: str, side: int = 24) -> Image.Image:
    rng = np.random.default_rng(0)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (side, side), dtype=np.uint16))
    rgb = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
    return rgb.convert("L").convert(mode) if mode in ("1", "LA") else rgb.convert(mode)


def encoded_as(form: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some formats are deprecated, and read all the same
        picture(mode).save(buffer, form)
    return buffer.getvalue()


def written_by_pillow() -> list[str]:
    Image.init()
    return sorted(set(Image.SAVE) - NEVER - {"SPIDER"})  # SPIDER holds floats of any size


def each_mode(form: str) -> dict[str, bytes]:
    """Every mode that Pillow writes in this form, and the file."""
    found = {}
    for mode in MODES:
        try:
            found[mode] = encoded_as(form, mode)
        except (OSError, ValueError, KeyError, SystemError):
            continue
    return found


def beside(folder: Path, n: int = 3) -> None:
    folder.mkdir(exist_ok=True)
    for i in range(n):
        Image.effect_noise((24, 24), 50 + i).save(folder / f"whole{i}.png")


@pytest.mark.slow
@pytest.mark.parametrize("form", written_by_pillow())
def test_what_pillow_writes_is_read_under_any_name(form, tmp_path):
    """Without a suffix, and with those of text, of another picture and of nothing known: the same pixels each time."""
    files = each_mode(form)
    assert files, f"Pillow writes {form} in none of these modes"
    for mode, data in files.items():
        folder = tmp_path / mode.replace(";", "-")
        beside(folder, 1)
        for name in ("no suffix", "a.txt", "a.png", "a.part", "a.JPG"):
            (folder / name).write_bytes(data)
        images = open_images(folder, size=24, channels=3, heldout=0)
        assert not images.unreadable and not images.notes, mode
        assert len(images.images) == 6, mode
        same = images.images[:5]
        assert (same == same[0]).all(), mode


@pytest.mark.slow
@pytest.mark.parametrize(
    "form", ["AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF", "WEBP"]
)
def test_a_zip_of_nameless_pictures_is_read_as_its_folder(form, tmp_path):
    data = encoded_as(form)
    beside(tmp_path / "pictures")
    (tmp_path / "pictures/nameless").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for path in sorted((tmp_path / "pictures").iterdir()):
            file.writestr(path.name, path.read_bytes())
    one, other = (open_images(tmp_path / name, size=24, heldout=0) for name in ("pictures", "x.zip"))
    assert len(one.images) == 4 and np.array_equal(one.images, other.images)


def box(brand: bytes, *more: bytes) -> bytes:
    content = brand + bytes(4) + b"".join(more)
    return (8 + len(content)).to_bytes(4, "big") + b"ftyp" + content + bytes(40)


OTHERS = {
    "HEIC": (box(b"heic", b"mif1"), "pillow-heif"),
    "HEIC of many": (box(b"mif1", b"heic"), "pillow-heif"),
    "JPEG XL": (b"\xff\x0a" + bytes(30), "pillow-jxl-plugin"),
    "JPEG XL in a box": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(30), "pillow-jxl-plugin"),
    "MP4": (box(b"isom"), "ffmpeg"),
    "QuickTime": (box(b"qt  "), "ffmpeg"),
    "WebM": (b"\x1aE\xdf\xa3" + bytes(30), "ffmpeg"),
    "AVI": (b"RIFF\0\0\0\0AVI LIST", "ffmpeg"),
    "MPEG": (b"\0\0\x01\xba" + bytes(30), "ffmpeg"),
    "SVG": (b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns='http://www.w3.org/2000/svg'/>", "as PNG"),
    "SVG alone": (b"<svg width='3'></svg>", "as PNG"),
    "PDF": (b"%PDF-1.7\n", "as PNG"),
    "PostScript": (b"%!PS-Adobe-3.0\n", "export"),
    "OpenEXR": (b"v/1\x01" + bytes(30), "export"),
    "HDR": (b"#?RADIANCE\n", "export"),
    "XCF": (b"gimp xcf v011\0", "export"),
    "CR3": (box(b"crx "), "export"),
    "RAF": (b"FUJIFILMCCD-RAW 0201", "export"),
    "M4A": (box(b"M4A "), "no picture"),
    "WAV": (b"RIFF\0\0\0\0WAVEfmt ", "no picture"),
    "FLAC": (b"fLaC" + bytes(30), "no picture"),
    "Ogg": (b"OggS" + bytes(30), "no picture"),
    "MP3": (b"ID3\x04" + bytes(9), "no picture"),
    "zip": (b"PK\x03\x04" + bytes(30), "unpack"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), "unpack"),
    "npy": (b"\x93NUMPY\x01\0", "by itself"),
    "text": (b"hello\n", "no picture"),
    "nothing": (b"", "nothing"),
    "text like PPM": (b"Python is a language", "no picture"),
    "text like P1": (b"P1 is the first", "no picture"),
    "text like BMP": (b"BMW is a make of cars and not a bitmap at all", "no picture"),
    "text like FITS": (b"SIMPLE things are hard", "no picture"),
    "text like XBM": (b"#define WIDTH 3\nint main() {}\n", "no picture"),
    "numbers like DIB": (bytes([40, 0, 0, 0]) + bytes(60), "no picture"),
    "a font like ICO": (b"\0\x01\0\0\0\x0c\0\x80" + bytes(60), "no picture"),
    "an icon of nothing": (b"\0\0\x01\0\x01\0" + bytes(60), "no picture"),
    "a line like PCX": (b"\n\x02\x01" + bytes(130), "no picture"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_read_is_named_by_the_check_and_at_the_start(name, tmp_path, monkeypatch):
    """With what to do; nothing of it is taken for a picture."""
    monkeypatch.setattr(contents, "installed", lambda form: form not in contents.PLUGINS)
    content, advice = OTHERS[name]
    beside(tmp_path / "pictures")
    (tmp_path / "pictures/other.bin").write_bytes(content)
    images = open_images(tmp_path / "pictures", heldout=0)
    assert len(images.images) == 3
    assert "1 file is not read: other.bin (" in images.notes[0] and advice in images.notes[0]
    lines = check(tmp_path / "pictures").lines()
    assert any(line.startswith("  other.bin: ") and advice in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in OTHERS if name not in ("text", "nothing")])
def test_the_same_under_the_name_of_a_picture_is_unreadable_and_named(name, tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "installed", lambda form: form not in contents.PLUGINS)
    content, advice = OTHERS[name]
    beside(tmp_path / "pictures")
    (tmp_path / "pictures/other.png").write_bytes(content)
    images = open_images(tmp_path / "pictures", heldout=0)
    assert len(images.images) == 3
    assert [file for file, _ in images.unreadable] == ["other.png"]
    reason = images.unreadable[0][1]
    assert advice in reason or advice == "no picture" or name.endswith("of nothing"), reason


def test_camera_raw_is_told_by_its_name_too(tmp_path):
    """Its content is a TIFF whose first picture is a preview."""
    beside(tmp_path / "pictures")
    (tmp_path / "pictures/a.NEF").write_bytes(encoded_as("TIFF"))
    assert "a.NEF (camera raw: export" in open_images(tmp_path / "pictures", heldout=0).notes[0]


def test_five_are_named_and_the_rest_counted(tmp_path):
    beside(tmp_path / "pictures")
    for i in range(30):
        (tmp_path / f"pictures/{i:02}.txt").write_text("x")
    (tmp_path / "pictures/z.svg").write_text("<svg></svg>")
    note = open_images(tmp_path / "pictures", heldout=0).notes[0]
    assert note.startswith("31 files are not read: z.svg (SVG") and note.endswith("; and 26 more")


def test_of_other_files_only_the_beginning_is_read(tmp_path, monkeypatch):
    beside(tmp_path / "pictures")
    (tmp_path / "pictures/long.dat").write_bytes(b"x" * 10_000_000)
    asked: list[str] = []
    whole = encoded.FileSource._small
    monkeypatch.setattr(
        encoded.FileSource, "_small", lambda self, name, size: asked.append(name) or whole(self, name, size)
    )
    assert len(open_images(tmp_path / "pictures", heldout=0).images) == 3
    assert not asked


def test_nothing_that_can_be_read_says_what_is_there(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/a.heic").write_bytes(box(b"heic"))
    with pytest.raises(PoiseError, match=r"holds no pictures .*1 file is not read: a\.heic \(HEIC"):
        open_images(tmp_path / "pictures")


def test_what_can_be_read_now_is_no_longer_left_out(tmp_path, monkeypatch):
    """A picture that was left out for want of a plugin comes in when it is there, without another size or option."""
    beside(tmp_path / "pictures")
    (tmp_path / "pictures/a.png").write_bytes(encoded_as("QOI"))
    with monkeypatch.context() as patch:
        patch.setattr(contents, "_tests", dict)
        patch.setattr(
            contents, "why_not", lambda data: f"{contents.NOT_KNOWN}; by its content HEIC: pip install pillow-heif"
        )
        patch.setattr(contents, "installed", lambda form: False)
        assert len(open_images(tmp_path / "pictures", size=16, heldout=0).images) == 3
    monkeypatch.setattr(contents, "installed", lambda form: True)
    assert len(open_images(tmp_path / "pictures", size=16, heldout=0).images) == 4


@pytest.mark.parametrize(
    ("module", "form", "suffix"), [("pillow_heif", "HEIF", ".heic"), ("pillow_jxl", "JXL", ".jxl")]
)
def test_what_a_plugin_reads_is_read(module, form, suffix, tmp_path):
    pytest.importorskip(module)
    assert contents.installed(form)
    beside(tmp_path / "pictures")
    for name in ("nameless", f"a{suffix}", "b.png"):
        (tmp_path / f"pictures/{name}").write_bytes(encoded_as(form))
    images = open_images(tmp_path / "pictures", heldout=0)
    assert len(images.images) == 6 and not images.notes
