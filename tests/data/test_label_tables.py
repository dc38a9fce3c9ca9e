"""Classes of pictures from a table beside them: forms, paths, what is refused and what is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise import cli
from poise.data.images.images import open_images
from poise.data.images.sources.label_tables import class_table
from poise.errors import PoiseError
from tests.data.test_layout import noise, sources


def two_folders(place: Path) -> list[str]:
    """a/0.png to a/5.png and b/0.png to b/5.png; their names."""
    names = [f"{folder}/{i}.png" for folder in "ab" for i in range(6)]
    for row, name in enumerate(names):
        noise(place / name, row)
    return names


CLASSES = ["cat", "dog, large", "bird"]
TABLES = {  # file -> a line for each picture
    "labels.csv": ("filename,label", '{file},"{label}"'),
    "labels.csv without names of columns": ("", '{file},"{label}"'),
    "labels.csv without suffixes": ("image_id,breed", '{stem},"{label}"'),
    "labels.csv with semicolons": ("id;class;rater", "{stem};{label};7"),
    "labels.tsv": ("path\tcategory", "./{file}\t{label}"),
    "metadata.csv": ("file_name,label", '{file},"{label}"'),
    "metadata.jsonl": ("", '{{"file_name": "{file}", "label": "{label}"}}'),
    "labels.csv of paths from elsewhere": ("image,species", 'C:\\data\\{last},"{label}"'),
    "train.csv": ("image_id,target", "{stem},{number}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "zip", "zip with a folder around"])
@pytest.mark.parametrize("case", TABLES)
def test_classes_from_a_table_beside_the_pictures(case, kind, tmp_path):
    header, form = TABLES[case]
    lines = [header] if header else []
    for i in range(24):
        file = f"a/{i}.png"
        noise(tmp_path / "set" / file, i)
        label = CLASSES[i % 3]
        lines.append(form.format(file=file, stem=file[:-4], last=f"{i}.png", label=label, number=i % 3 * 5))
    plain = open_images(sources(tmp_path / "set")[kind], labels="auto", heldout=0).fingerprint
    (tmp_path / "set" / case.split()[0]).write_text("\n".join(lines) + "\n")
    source = sources(tmp_path / "set")[kind]
    images = open_images(source, labels="file", heldout=0)
    expected = ["0", "5", "10"] if case == "train.csv" else sorted(CLASSES)
    assert images.classes == tuple(expected)
    found = {images.images[row].tobytes(): images.classes[images.labels[row]] for row in range(24)}
    words = expected if case == "train.csv" else CLASSES
    pictures = {noise_of(tmp_path / "set" / f"a/{i}.png"): words[i % 3] for i in range(24)}
    assert found == pictures
    offered = open_images(source, labels="auto", heldout=0)
    assert offered.labels is None and offered.fingerprint == plain, "nobody has asked, and old runs resume"
    assert [note for note in offered.notes if note.endswith("has classes of the pictures: --labels file uses them")]


def noise_of(path):
    return np.asarray(Image.open(path)).tobytes()


def test_a_table_that_names_no_pictures_is_a_file_that_is_not_read(tmp_path):
    for i in range(6):
        noise(tmp_path / f"set/{i}.png", i)
    (tmp_path / "set/metadata.csv").write_text("key,value\nlicence,CC0\nauthor,me\n")
    images = open_images(tmp_path / "set", labels="auto", heldout=0)
    why = "its 3 rows name 0 of the 6 pictures"
    assert any(f"metadata.csv (no table of classes: {why}" in note for note in images.notes)
    with pytest.raises(PoiseError, match=rf"no table such as labels\.csv that could be used \(metadata\.csv: {why}"):
        open_images(tmp_path / "set", labels="file")


WRITTEN = {  # written for the pictures a/0.png to a/5.png and b/0.png to b/5.png, by their folder and number
    "of a larger set": ("{0}/{1}.png", [("c", 0), ("c", 1)]),
    "with folders around": ("data/all/{0}/{1}.png", []),
    "without suffixes": ("{0}/{1}", []),
    "with other suffixes, but for one": ("{0}/{1}.jpg", []),
    "with backslashes": (".\\{0}\\{1}.png", [("c", 3)]),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_row_names_the_picture_whose_path_it_has(kind, tmp_path):
    """And no other of the same name in another folder: rows of pictures that are not here give nobody a class."""
    written, others = WRITTEN[kind]
    there = [(folder, i) for folder in "ab" for i in range(6)]
    for row, (folder, i) in enumerate(there):
        noise(tmp_path / f"set/{folder}/{i}.png", row)
    lines = [f"{written.format(*one)},of {one[0]}{one[1] % 2}" for one in [*others, *there]]
    lines[-1] = lines[-1].replace(".jpg", ".png")
    (tmp_path / "set/labels.csv").write_text("file,label\n" + "\n".join(lines) + "\n")
    images = open_images(tmp_path / "set", labels="file", heldout=0)
    found = [images.classes[number] for number in images.labels]
    assert found == [f"of {folder}{i % 2}" for folder, i in there]
    told = [note for note in images.notes if note.endswith("name no picture that is here")]
    said = f"{len(others)} of the {len(lines)} rows of labels.csv name no picture that is here"
    assert told == ([said] if others else [])


def test_a_table_need_not_write_its_own_folder(tmp_path):
    two_folders(tmp_path / "set")
    (tmp_path / "set/a/labels.csv").write_text("file,label\n" + "".join(f"{i}.png,c{i % 2}\n" for i in range(6)))
    with pytest.raises(PoiseError, match=r"a/labels\.csv has no class for 'b/0\.png' and 5 more"):
        open_images(tmp_path / "set", labels="file")


@pytest.mark.slow
def test_many_pictures_of_one_name_are_looked_up_at_once():
    """Each row goes through as many folders as it has, and not through all pictures of that name."""
    names = [f"{i:06}/image.png" for i in range(50_000)]
    content = "file,label\n" + "".join(f"/data/r{i:06}/image.png,c\n" for i in range(50_000))
    found = class_table(content.encode(), "labels.csv", names)
    assert not found.classes and found.why.endswith("its 50,000 rows name 0 of the 50,000 pictures")


@pytest.mark.parametrize("missing", ["b/0.png", "b/1.png"])
def test_a_row_of_another_folder_gives_no_class(missing, tmp_path):
    names = two_folders(tmp_path / "set")
    lines = ["c/0.png,x", "c/1.png,x", *(f"{name},y" for name in names if name != missing)]
    (tmp_path / "set/labels.csv").write_text("file,label\n" + "\n".join(lines) + "\n")
    with pytest.raises(PoiseError, match=rf"labels\.csv has no class for '{missing}': add what is missing"):
        open_images(tmp_path / "set", labels="file")


def test_a_table_of_paths_from_elsewhere_goes_by_names(tmp_path):
    for i in range(6):
        noise(tmp_path / f"set/mine/{i}.png", i)
    lines = [f"/home/other/pictures/{i}.png,c{i % 2}" for i in range(6)]
    (tmp_path / "set/labels.csv").write_text("file,label\n" + "\n".join(lines) + "\n")
    images = open_images(tmp_path / "set", labels="file", heldout=0)
    assert [images.classes[number] for number in images.labels] == ["c0", "c1"] * 3
    assert "labels.csv has other folders than the pictures, which go by their names alone" in images.notes


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            "file,label\n" + "".join(f"{i}.png,c{i % 2}\n" for i in range(6)),
            "'0.png' may be a/0.png or b/0.png: write the folder too",
        ),
        ("file,label\n" + "".join(f"a/{i}.png,\n" for i in range(6)), "6 of its 6 rows have no class"),
        ("file label\na/0.png c\na/1.png d\n", "it has no column of files"),
        ("file,label\nx.png,c\ny.png,d\na/0.png,c\nz.png,d\n", "its 4 rows name 1 of the 12 pictures"),
    ],
)
def test_a_table_that_is_not_used_is_named_with_the_reason(content, why, tmp_path, capsys):
    two_folders(tmp_path / "set")
    (tmp_path / "set/labels.csv").write_text(content)
    with pytest.raises(PoiseError) as refused:
        open_images(tmp_path / "set", labels="file")
    assert "no table such as labels.csv that could be used (labels.csv: " in str(refused.value) and why in str(
        refused.value
    )
    assert cli.main(["data", "check", str(tmp_path / "set")]) == 0
    assert why in capsys.readouterr().out


@pytest.mark.parametrize("last", ["", "5.png,\n", "5.png,  \n", '5.png,""\n'], ids=ascii)
def test_a_picture_that_a_table_lacks_is_named(last, tmp_path):
    """No row, or a cell without a word in it: nobody has given it a class, and that is none of its own."""
    for i in range(6):
        noise(tmp_path / f"set/{i}.png", i)
    (tmp_path / "set/labels.csv").write_text("file,label\n" + "".join(f"{i}.png,a{i % 2}\n" for i in range(5)) + last)
    with pytest.raises(PoiseError, match=r"labels\.csv has no class for '5\.png': add what is missing"):
        open_images(tmp_path / "set", labels="file")


def test_two_classes_of_one_picture_are_refused(tmp_path):
    """By who asks for them; nobody else is stopped, and a row that says the same once more is no contradiction."""
    for i in range(6):
        noise(tmp_path / f"set/{i}.png", i)
    rows = [f"{i}.png,a{i % 2}\n" for i in range(6)]
    table = tmp_path / "set/labels.csv"
    table.write_text("file,label\n" + "".join([*rows, rows[0]]))
    assert open_images(tmp_path / "set", labels="file", heldout=0).classes == ("a0", "a1")
    table.write_text("file,label\n" + "".join([*rows, "2.png,a1\n"]))
    with pytest.raises(PoiseError, match=r"labels\.csv cannot be read \(2\.png has the class a0 in one row and a1 in"):
        open_images(tmp_path / "set", labels="file")
    assert open_images(tmp_path / "set", labels="auto", heldout=0).labels is None
