"""What `poise evaluate` refuses: one sentence, exit code 2, nothing written."""

# ruff: noqa: F811  (fixtures that are imported are named again as arguments)

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from poise.data.catalogue.catalogue import catalogue
from tests.evaluation.evaluations import blocks, folder, place, refused, stubs  # noqa: F401  (fixtures)

Prepare = Callable[[Path], list[str]]


def files(*argv: str, **content: bytes | str) -> Prepare:
    """Text files by name (with _ for the dot), and the words of the command."""

    def prepare(place: Path) -> list[str]:
        for name, text in content.items():
            path = place / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return list(argv)

    return prepare


def pictures(*argv: str) -> Prepare:
    def prepare(place: Path) -> list[str]:
        folder(place, "good", blocks(40, 0))
        folder(place, "real", blocks(60, 1))
        folder(place, "few", blocks(3, 2))
        Path("real.txt").write_text("\n".join("abcdefghijklmnopqrstuvwxyz"))
        return list(argv)

    return prepare


REFUSED: dict[str, tuple[Prepare, str]] = {
    "nothing there": (files("gone/", "--against", "x"), r"no run, folder or file called 'gone/'.*poise runs"),
    "empty name": (files("", "--against", "x"), r"no run, folder or file called ''"),
    "a set's name misspelt": (files("fashion-mnits"), r"called 'fashion-mnits'; did you mean 'fashion-mnist'\?"),
    "a scorer": (files("minilm"), r"no run, folder or file called 'minilm'"),
    "nothing to compare with": (pictures("good"), r"good is no run, so say which real pictures.*--against DATA"),
    "reference gone": (pictures("good", "--against", "gone"), r"no file, folder or data set called 'gone'"),
    "reference is a scorer": (pictures("good", "--against", "dnsmos"), r"dnsmos is a scorer's weights"),
    "training data gone": (pictures("good", "--against", "real", "--trained-on", "gone"), r"called 'gone'"),
    "mixed kinds": (pictures("good", "--against", "real.txt"), r"good holds pictures and real\.txt holds sentences"),
    "mixed kinds of training": (
        pictures("good", "--against", "real", "--trained-on", "real.txt"),
        r"real\.txt holds sentences: compare like with like",
    ),
    "the same twice": (pictures("real", "--against", "real"), r"real and --against real are the same pictures"),
    "too few generated": (pictures("few", "--against", "real"), r"few: an evaluation needs at least 4 generated pict"),
    "too few real": (pictures("good", "--against", "few"), r"few: an evaluation needs at least 20 held-out pictures"),
    "asked for too few": (pictures("good", "--against", "real", "-n", "3"), r"at least 4 generated pictures"),
    "asked for none": (pictures("good", "--against", "real", "-n", "0"), r"-n must be at least 1, not 0"),
    "a seed below 0": (pictures("good", "--against", "real", "--seed=-1"), r"--seed must be at least 0"),
    "no metric": (pictures("good", "--against", "real", "--metrics", ","), r"--metrics names none"),
    "no extractor": (pictures("good", "--against", "real", "--features="), r"--features names none"),
    "unknown metric": (pictures("good", "--against", "real", "--metrics", "KIDD"), r"did you mean 'KID'\?"),
    "unknown extractor": (pictures("good", "--against", "real", "--features", "EffLit"), r"did you mean 'EffLite0'\?"),
    "extractor of another kind": (
        pictures("good", "--against", "real", "--features", "MiniLM"),
        r"MiniLM is for sentences and good holds pictures: choose --features of EffLite0, classifier, .*rotations",
    ),
    "classifier without labels": (
        pictures("good", "--against", "real", "--features", "classifier"),
        r"classifier needs 2,000 held-out pictures, half of them to be trained on, not 60",
    ),
    "rotations of too few": (
        pictures("good", "--against", "real", "--features", "rotations"),
        r"rotations needs 1,000 held-out pictures",
    ),
    "Inception without a file": (pictures("good", "--against", "real", "--features", "Inception"), r"--inception FILE"),
    "weights file gone": (pictures("good", "--against", "real", "--inception", "x.pth"), r"no weights file x\.pth"),
    "a wrong weights file": (
        pictures("good", "--against", "real", "--inception", "real.txt"),
        r"real\.txt is no file of PyTorch weights",
    ),
    "out in no folder": (pictures("good", "--against", "real", "--out", "no/x.json"), r"--out no/x\.json: name a file"),
    "out is a folder": (pictures("good", "--against", "real", "--out", "good"), r"--out good: name a file"),
    "unknown flag": (pictures("good", "--agianst", "real"), r"'--agianst'; did you mean '--against'\?"),
    "column of pictures": (
        pictures("good", "--against", "real", "--column", "a"),
        r"--column a: neither good nor real has columns",
    ),
    "column of text": (
        files("a.txt", "--against", "b.txt", "--column", "c", a_txt="x", b_txt="x"),
        r"--column c: neither a\.txt nor b\.txt has columns",
    ),
    "wrong encoding": (
        files("a.txt", "--against", "b.txt", a_txt=b"\x81\x8d\x9f\n", b_txt="x\n"),
        r"a\.txt: line 1 is not UTF-8, and its encoding cannot be told",
    ),
    "no such column": (
        files("a.csv", "--column", "txt", "--against", "a.csv", a_csv="id,text\n1,x\n"),
        r"no column 'txt'; did you mean 'text'\?",
    ),
    "empty text": (files("a.txt", "--against", "b.txt", a_txt="\n \n", b_txt="x\n"), r"a\.txt holds no sentences"),
    "damaged sound": (files("a", "--against", "b", a__x_wav=b"RIFF", b__x_wav=b"RIFF"), r"none of 1 sound files"),
    "an empty folder": (files("a", "--against", "a", a__x_md="x"), r"a holds neither pictures nor sound"),
    "a folder of both": (files("a", a__x_wav=b"x", a__y_png=b"x"), r"a holds 1 pictures and 1 sound files"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_one_sentence_and_leaves_nothing(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare, message = REFUSED[name]
    argv = prepare(place)
    before = {p: p.read_bytes() if p.is_file() else None for p in place.rglob("*")}
    assert re.search(message, refused(capsys, *argv))
    assert {p: p.read_bytes() if p.is_file() else None for p in place.rglob("*")} == before


def test_missing_weights_say_which_command_brings_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.txt").write_text("\n".join("abcdefghijklmnopqrstuvwxyz"))
    Path("b.txt").write_text("\n".join(f"{c} b" for c in "abcdefghijklmnopqrstuvwxyz"))
    assert {entry.name for entry in catalogue()} >= {"minilm", "resemblyzer", "dnsmos"}
    assert "poise data get minilm" in refused(capsys, "a.txt", "--against", "b.txt", "--features", "MiniLM")
