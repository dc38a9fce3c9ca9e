"""Bad input gets one clear sentence that names the file, the value and what to do; exit code 2; nothing half-written.

Each case prepares a folder and returns the words of a command line. The command runs in this process, and the test
compares the whole folder, names and bytes, before and after. Runs that are damaged or unknown: test_bad_runs.py.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.cli import main
from tests.refusals import Prepare, flags, pictures_and_a_run, refusal, told, train, words


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return pictures_and_a_run(tmp_path_factory.mktemp("made"))


def file(name: str, content: bytes | str, *extra: str) -> Prepare:
    """Training on one file with this content."""

    def prepare(here: Path) -> list[str]:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return train(*extra, data=name)

    return prepare


def folder_of(name: str, content: bytes | str, *extra: str) -> Prepare:
    """Training on a folder that holds one file."""

    def prepare(here: Path) -> list[str]:
        file(f"photos/{name}", content)(here)
        return train(*extra, data="photos")

    return prepare


def array(name: str, *extra: str, **arrays: np.ndarray) -> Prepare:
    """Training on a .npy or .npz file with these arrays."""

    def prepare(here: Path) -> list[str]:
        if name.endswith(".npz"):
            np.savez(here / name, **arrays)
        else:
            np.save(here / name, next(iter(arrays.values())))
        return train(*extra, data=name)

    return prepare


def config(name: str, content: str | bytes) -> Prepare:
    """Training with a configuration file."""

    def prepare(here: Path) -> list[str]:
        (here / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return train("--config", name)

    return prepare


def empty_folder(here: Path) -> list[str]:
    (here / "photos").mkdir()
    return train(data="photos")


def photos(here: Path, *names: str) -> None:
    for i, name in enumerate(names):
        (here / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (i, 0, 0)).save(here / "photos" / name)


def checked(name: str, content: bytes, *flags: str) -> Prepare:
    """poise data check of a file."""

    def prepare(here: Path) -> list[str]:
        (here / name).write_bytes(content)
        return ["data", "check", name, *flags]

    return prepare


def pictures_outside_classes(here: Path) -> list[str]:
    photos(here, "a.png", "b.png")
    return train("--labels", "folders", "--conditional", "true", data="photos")


def no_labels(here: Path) -> list[str]:
    photos(here, "a.png", "b.png")
    return train("--conditional", "true", data="photos")


def labels_without_a_picture(here: Path) -> list[str]:
    photos(here, "a.png", "b.png")
    (here / "photos/labels.json").write_text('{"a.png": "cat"}')
    return train("--labels", "file", data="photos")


def a_zip_of_text(here: Path) -> list[str]:
    with zipfile.ZipFile(here / "texts.zip", "w") as archive:
        archive.writestr("thesis.tex", "dear")
    return train(data="texts.zip")


def truncated_jpeg() -> bytes:
    import io

    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "JPEG")
    return buffer.getvalue()[:300]


def bomb() -> bytes:
    """A PNG that promises 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


def foreign_folder(here: Path) -> list[str]:
    (here / "mine").mkdir()
    (here / "mine/thesis.tex").write_text("dear")
    return train("--out", "mine")


GREY = np.zeros((40, 16, 16), np.uint8)
OBJECTS = np.array([{"a": 1}], dtype=object)
D, G = "--discriminator.penalties", "--generator.penalties"

DATA = [
    ("missing path", words(*train(data="nowhere/photos")), r"called 'nowhere/photos'.*poise data list"),
    ("misspelt set", words(*train(data="fashon-mnist")), r"'fashon-mnist'; did you mean 'fashion-mnist'\?"),
    ("set not fetched", words(*train(data="noto-emoji")), r"poise data get noto-emoji"),
    ("empty name", words(*train(data="")), r"called ''"),
    ("name too long", words(*train(data="x" * 300)), r"poise data list"),
    ("empty folder", empty_folder, r"photos holds no pictures .*\.png.*give"),
    ("corrupt picture", folder_of("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40)), r"none of 1 pictures.*a\.png"),
    ("text named png", folder_of("a.png", "hello"), r"none of 1 .*a\.png \(not a picture"),
    ("empty png", folder_of("a.png", ""), r"a\.png \(the file is empty"),
    ("line feed in a name", folder_of("a\nb.png", "hello"), r"a b\.png \(not a picture"),
    ("truncated jpeg", folder_of("cut.jpg", truncated_jpeg()), r"cut\.jpg \(.*[Tt]runcated"),
    ("bomb", folder_of("bomb.png", bomb()), r"bomb\.png \(more than [\d,]+ pixels"),
    ("one text file", file("a.txt", "hello"), r"a\.txt is no collection of pictures: give"),
    ("zip that is none", file("a.zip", "hello"), r"a\.zip is not a whole zip.*again"),
    ("zip without pictures", a_zip_of_text, r"texts\.zip holds no pictures"),
    ("npz that is none", file("a.npz", "hello"), r"a\.npz is not a whole npz.*again"),
    ("npz without arrays", array("a.npz"), r"a\.npz holds no arrays.*'images'"),
    ("npz of unknown names", array("a.npz", u=GREY, v=GREY), r"a\.npz.* u, v.*'images'"),
    ("npz without labels", array("a.npz", "--labels", "file", images=GREY), r"a\.npz brings no labels.*--labels none"),
    (
        "labels of another length",
        array("a.npz", "--labels", "file", images=GREY, labels=np.arange(3)),
        r"\[labels\] is \(3,\).*40",
    ),
    ("npy that is none", file("a.npy", "hello"), r"a\.npy is not a whole numpy file.*again"),
    ("npy of objects", array("a.npy", x=OBJECTS), r"a\.npy holds Python objects.*uint8"),
    ("npy of int64", array("a.npy", x=GREY.astype(np.int64)), r"a\.npy holds int64: give uint8"),
    ("npy of no pictures", array("a.npy", x=GREY[:0]), r"a\.npy is \(0, 16, 16\)"),
    ("npy of vectors", array("a.npy", x=GREY[0]), r"a\.npy is \(16, 16\): pictures are"),
    ("floats out of range", array("a.npy", x=np.full((4, 16, 16), 7.5)), r"a\.npy: picture 0 .*7\.5.*\[0, 1\]"),
    ("floats that are NaN", array("a.npy", x=np.full((4, 16, 16), np.nan)), r"a\.npy: picture 0 .*nan.*\[0, 1\]"),
    (
        "truncated IDX",
        file("a-ubyte", struct.pack(">HBBIII", 0, 8, 3, 9, 16, 16) + b"12"),
        r"a-ubyte is damaged or cut",
    ),
    ("IDX of text", file("a.idx", "hello, world"), r"a\.idx is not a whole IDX file"),
    ("labels without sub-folders", pictures_outside_classes, r"'a\.png' lies in no sub-folder.*--labels folders"),
    ("conditional without labels", no_labels, r"--conditional needs class labels and photos has none: use"),
    ("labels file with a gap", labels_without_a_picture, r"labels\.json has no class for 'b\.png'"),
    ("held out whole", flags("--heldout", "1.0"), r"--heldout 1\.0 .*below 1"),
    ("held out all", flags("--heldout", "0.999999"), r"all 40 pictures.*--heldout 0\.999999.*smaller"),
    ("held out less than none", flags("--heldout", "-0.1"), r"--heldout -0\.1 .*from 0"),
    ("check a missing path", words("data", "check", "nowhere"), r"called 'nowhere'"),
    ("check a text file", words("data", "check", "runs/done/spec.json"), r"spec\.json: .* lines cannot be used"),
    ("check no text", checked("a.txt", b""), r"a\.txt holds no sentences: give a file with one a line"),
    ("check no encoding", checked("a.txt", b"fein\n\x81\x8d\x9f\n"), r"a\.txt: line 2 is not UTF-8, and its encoding"),
    ("check zero bytes", checked("a.txt", b"fein\n\0\0\0\n"), r"a\.txt is no text"),
    ("check one unit", checked("a.txt", b"a\na\n"), r"vocabulary of one"),
    ("check without a column", checked("a.csv", b"a,b\nx,y\n"), r"a\.csv: name the column .* by its number, .*: a, b"),
    ("check a wrong column", checked("a.csv", b"a,b\nx,y\n", "--column", "c"), r"a\.csv has no column 'c'"),
    ("check a column of text", checked("a.txt", b"a\nb\n", "--column", "c"), r"a\.txt has no columns: leave out"),
    ("check a set that is not here", words("data", "check", "web-bible"), r"`poise data get web-bible`"),
    ("get an unknown set", words("data", "get", "digitz"), r"'digitz'; did you mean 'digits'\?"),
]

ARGUMENTS = [
    ("unknown way to act", flags("--on-divergence", "rolback"), r"--on-divergence must be one of stop, rollback"),
    ("rollbacks of none", flags("--rollbacks", "0"), r"--rollbacks must be at least 1, not 0"),
    ("rollbacks in words", flags("--rollbacks", "many"), r"--rollbacks must be a whole number, not many"),
    ("patience of none", flags("--patience", "0", "--scores", "4"), r"--patience must be at least 1, not 0"),
    ("patience without scores", flags("--patience", "3"), r"--patience 3 never ends .* scored 0 times: raise --scores"),
    ("λ negative", flags("--l2-generator", "-1"), r"--l2-generator -1\.0: .*at least 0"),
    ("λ NaN", flags("--l2-generator", "nan"), r"--l2-generator nan: .*finite"),
    ("λ infinite", flags("--l2-discriminator", "inf"), r"--l2-discriminator inf: .*finite"),
    ("λ beyond single precision", flags("--l2-generator", "1e39"), r"--l2-generator 1e\+39: .*at most 3e\+38"),
    ("λ in words", flags("--l2-generator", "little"), r"--l2-generator little: .*cosine:1e-3:1e-5"),
    ("λ ambiguous", flags("--l2", "1"), r"--l2 .*--l2-generator, --l2-discriminator"),
    ("schedule unknown", flags("--l2-generator", "cosin:1:2"), r"--l2-generator.*'cosin'.*did you mean 'cosine'\?"),
    ("schedule unlike any", flags("--l2-generator", "zzz:1:2"), r"'zzz' is no schedule\. Known: linear"),
    ("schedule too short", flags("--l2-generator", "cosine:1"), r"--l2-generator cosine:1: .*cosine:START:END:STEPS"),
    ("schedule too long", flags("--l2-generator", "warmup:1:2:3:4"), r"warmup:END:STEPS"),
    ("schedule through zero", flags("--l2-generator", "exponential:1:0"), r"exponential:1:0: .*above 0"),
    ("schedule of no steps", flags("--l2-generator", "linear:1:2:0"), r"linear:1:2:0: .*at least 1, not 0"),
    ("lr zero", flags("--generator.lr", "0"), r"--generator\.lr must be .*above 0, not 0"),
    ("lr NaN", flags("--generator.lr", "nan"), r"--generator\.lr must be a finite number of at least 0, not nan"),
    ("lr NaN for YAML", flags("--generator.lr", ".nan"), r"--generator\.lr must be .*not nan"),
    (
        "lr in words",
        flags("--discriminator.lr", "fast"),
        r"--discriminator\.lr must be a number or a schedule .*, not 'fast'",
    ),
    ("clip negative", flags("--generator.clip", "-1"), r"--generator\.clip must be above 0, not -1"),
    ("turns zero", flags("--discriminator.turns", "0"), r"--discriminator\.turns must be at least 1, not 0"),
    ("batch zero", flags("--batch", "0"), r"--batch must be at least 1, not 0"),
    ("batch beyond the data", flags("--batch", "999"), r"--batch 999 .*3\d pictures.*give a batch from 1 to 3\d"),
    ("batch in floats", flags("--batch", "8.5"), r"--batch must be a whole number, not 8\.5"),
    ("micro-batches zero", flags("--micro-batches", "0"), r"--micro-batches must be at least 1, not 0"),
    ("steps zero", flags("--steps", "0"), r"--steps must be at least 1, not 0"),
    ("steps without value", flags("--steps"), r"--steps needs a value"),
    ("help of a network of ours", flags("--network.help", "modern"), r"--network.help modern: name MODULE.CLASS"),
    ("help of no penalty", flags("--generator.penalties.help", "R9"), r"there is no penalty called 'R9'"),
    ("size too small", flags("--size", "8"), r"--size 8 .*16 to 256"),
    ("size too large", flags("--size", "512"), r"--size 512 .*16 to 256"),
    ("size zero", flags("--size", "0"), r"--size 0 "),
    ("size in words", flags("--size", "big"), r"--size 'big' is no size: give .* such as 64, or WIDTHxHEIGHT"),
    ("size of one side", flags("--size", "96x"), r"--size '96x' is no size: give .*WIDTHxHEIGHT, such as 96x64"),
    ("size of three sides", flags("--size", "96x64x3"), r"--size '96x64x3' is no size"),
    ("size with a sign", flags("--size=-96x64"), r"--size '-96x64' is no size"),
    ("size with a fraction", flags("--size", "64.0"), r"--size '64.0' is no size"),
    ("size that might be hexadecimal", flags("--size", "0x64"), r"--size 0x64 is out of reach: each side .*16 to 256"),
    ("size too narrow", flags("--size", "8x64"), r"--size 8x64 is out of reach: each side .* 16 to 256 pixels"),
    ("size too wide", flags("--size", "300x64"), r"--size 300x64 is out of reach: each side .* 16 to 256 pixels"),
    ("size too low", flags("--size", "64x15"), r"--size 64x15 is out of reach"),
    ("size in a file", config("c.yaml", "size: 64x512\n"), r"--config c.yaml: --size 64x512 is out of reach"),
    ("channels two", flags("--channels", "2"), r"--channels must be one of 1, 3, 4 or null, not 2"),
    ("background unknown", flags("--background", "nocolour"), r"background 'nocolour' .*#rrggbb"),
    ("flag unknown", flags("--stesp", "3"), r"option --stesp; did you mean '--steps'\?"),
    ("flag unlike any", flags("--zzzzzz", "3"), r"option --zzzzzz; see --help"),
    (
        "nested flag unknown",
        flags("--generator.widht", "3"),
        r"--generator\.widht; did you mean '--generator\.width'\?",
    ),
    ("value for a group", flags("--generator", "3"), r"--generator must hold options.* not 3"),
    ("two data", flags("more"), r"'more'.*one DATA"),
    ("no data", words("train", "images"), r"DATA is missing.*--help"),
    ("network unknown", flags("--network", "dcgna"), r"network called 'dcgna'; did you mean 'dcgan'\?"),
    ("loss unknown", flags("--loss", "hinges"), r"loss called 'hinges'; did you mean 'hinge'\?"),
    ("penalty unknown", flags(f"{G}+=WeightDcay"), r"penalty called 'WeightDcay'; did you mean 'WeightDecay'\?"),
    ("R1 on the generator", flags(f"{G}+=R1"), r"--generator\.penalties\+=R1: .*use --discriminator\.penalties\+=R1"),
    ("penalty that is none", flags(f"{G}+=math.sin"), r"penalty called 'math\.sin'.* Known: "),
    ("penalties as a word", flags(G, "L2"), r"--generator\.penalties must be a list, not L2"),
    (
        "penalty's option unknown",
        flags(f"{D}+=R1", f"{D}.gama", "1"),
        r"R1 has no option 'gama'; did you mean 'gamma'\?",
    ),
    (
        "penalty's option in words",
        flags(f"{D}+=R1", f"{D}.every", "x"),
        r"penalties\.every must be a whole number, not x",
    ),
    ("R1 never", flags(f"{D}+=R1", f"{D}.every", "0"), r"every of R1 must be at least 1, not 0"),
    ("R1 negative", flags(f"{D}+=R1", f"{D}.gamma", "-2"), r"gamma of R1 must be .*at least 0, not -2"),
    ("penalty of nothing", flags(f"{D}+=Penalty"), r"--discriminator\.penalties: Penalty penalises nothing"),
    ("R1 twice", flags(f"{D}+=R1", f"{D}+=R1"), r"'discriminator' has two parts called 'r1': give"),
    ("rate above one", flags(f"{D}+=L2Towards", f"{D}.rate", "2"), r"rate of L2Towards .*at most 1, not 2"),
    (
        "covers nothing",
        flags(f"{G}+=L2", f"{G}.name=q", f"{G}.covers=z*"),
        r"'q' covers no weight.*'z\*'.*start\.weight",
    ),
    ("decay of spectral norm", flags(f"{D}+=WeightDecay", "--discriminator.spectral", "true"), r"spectral.*use L2"),
    ("norm unknown", flags("--generator.norm", "layer"), r"--generator\.norm must be one of batch, none, not layer"),
    ("betas above one", flags("--generator.betas", "[1,2]"), r"--generator\.betas .*below 1, not \[1"),
    ("betas too few", flags("--generator.betas", "[0.1]"), r"--generator\.betas must be a tuple with 2 elements"),
    ("ema one", flags("--ema", "1"), r"--ema must be .*below 1, not 1"),
    ("device absent", flags("--device", "mps"), r"--device mps: .*--device cpu"),
    ("device of nonsense", flags("--device", "toaster"), r"--device toaster .*use auto, cpu"),
    ("device that cannot train", flags("--device", "meta"), r"--device meta .*use auto, cpu"),
    ("device beyond the last", flags("--device", "cpu:3"), r"--device cpu:3: .*cpu:0"),
    ("precision unknown", flags("--precision", "int4"), r"--precision must be one of auto, fp32, bf16, fp16, not int4"),
    ("threads zero", flags("--threads", "0"), r"--threads must be at least 1, not 0"),
    (
        "width beyond all memory",
        flags("--generator.width", str(10**12)),
        r"--generator\.width must be at most 8,192, not 1000",
    ),
    ("width zero", flags("--generator.width", "0"), r"--generator\.width must be at least 1, not 0"),
    ("depth zero", flags("--discriminator.depth", "0"), r"--discriminator\.depth must be at least 1, not 0"),
    ("noise zero", flags("--noise", "0"), r"--noise must be at least 1, not 0"),
    ("augment unknown", flags("--augment", "colour"), r"--augment colour .*did you mean 'color'\?"),
    ("scores negative", flags("--scores", "-1"), r"--scores must be at least 0, not -1"),
    ("score samples zero", flags("--score-samples", "0"), r"--score-samples must be at least 1, not 0"),
    ("score samples too few", flags("--scores=1", "--score-samples=3"), r"at least 4 .*--score-samples\), not 3"),
    ("seed negative", flags("--seed", "-1"), r"--seed must be at least 0 .*not -1"),
    ("seed too large", flags("--seed", str(2**63)), r"--seed must be .*below 2\^63, not 9223"),
    ("log never", flags("--log-every", "0"), r"--log-every must be at least 1, not 0"),
    ("sample never", flags("--sample-every", "0"), r"--sample-every must be at least 1, not 0"),
    ("checkpoint never", flags("--checkpoint-every", "0"), r"--checkpoint-every must be at least 1, not 0"),
    ("recipe unknown", words("train", "imagse", "x"), r"recipe called 'imagse'; did you mean 'images'\?"),
    ("command unknown", words("trian"), r"'trian'.*did you mean 'train'\?"),
    ("command unlike any", words("zzz"), r"'zzz'.*poise --help"),
    ("data command unknown", words("data", "chek", "x"), r"'chek'.*did you mean 'check'\?"),
    ("command without its argument", words("sample"), r"required: run; see poise sample --help"),
    ("shell unknown", words("completion", "bsh"), r"'bsh'.*did you mean 'bash'\?"),
]

CONFIGS = [
    ("missing", flags("--config", "none.yaml"), r"--config none\.yaml: there is no such file"),
    ("unnamed", flags("--config"), r"--config \(nothing\): there is no such file"),
    ("a folder", flags("--config", "runs"), r"--config runs: there is no such file"),
    ("not YAML", config("a.yaml", "steps: [1\n b: }{"), r"--config a\.yaml is not valid YAML: "),
    ("not text", config("a.yaml", bytes(range(256))), r"--config a\.yaml is not valid YAML: "),
    ("not TOML", config("a.toml", "steps = = 2"), r"--config a\.toml is not valid TOML: .*line 1"),
    ("unknown key", config("a.yaml", "stesp: 3"), r"--config a\.yaml: .*'stesp'; did you mean 'steps'\?"),
    ("unknown key in TOML", config("a.toml", "stesp = 3"), r"--config a\.toml: .*'stesp'; did you mean 'steps'\?"),
    ("unknown nested key", config("a.yaml", "generator: {widht: 3}"), r"'generator\.widht'; did you mean 'width'\?"),
    ("wrong type", config("a.yaml", "steps: many"), r"--config a\.yaml: --steps must be a whole number, not many"),
    ("number for a group", config("a.yaml", "generator: 3"), r"a\.yaml: --generator must hold options.*not 3"),
    ("a list", config("a.yaml", "[1, 2]"), r"--config a\.yaml must hold arguments .*not '\[1, 2\]'"),
    ("nothing in it", config("a.yaml", ""), r"--config a\.yaml must hold arguments"),
    ("negative λ", config("a.yaml", "l2_generator: -1"), r"--l2-generator -1"),
]

OUTPUTS = [
    ("out is a file", flags("--out", "pictures.npz"), r"pictures\.npz exists and is not a run folder; choose"),
    ("out below a file", flags("--out", "pictures.npz/run"), r"run folder pictures\.npz/run: .*choose another --out"),
    ("out in /proc", flags("--out", "/proc/poise"), r"run folder /proc/poise: .*choose another --out"),
    ("out too long", flags("--out", "x" * 300), r"x{300}.*put that right"),
    (
        "out holds another run",
        flags("--out", "runs/done", "--seed", "1"),
        r"runs/done holds a run with other arg.*--out",
    ),
    ("out is somebody's", foreign_folder, r"mine exists and is not a run folder; choose another --out"),
    ("samples as jpg", words("sample", "done", "--out", "x.jpg"), r"--out x\.jpg: name a \.png"),
    (
        "samples below a file",
        words("sample", "done", "--out", "pictures.npz/x.png"),
        r"cannot write pictures\.npz/x\.png",
    ),
    (
        "sample folder below a file",
        words("sample", "done", "--out", "pictures.npz/x"),
        r"folder pictures\.npz/x: .*--out",
    ),
]
CASES = [(f"{group}: {case[0]}", *case[1:]) for group, table in (
    ("data", DATA), ("arguments", ARGUMENTS), ("config", CONFIGS), ("output", OUTPUTS)
) for case in table]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "match"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_gets_one_sentence(place, capsys, prepare, match):
    """Exit code 2, one line on stderr that names what is wrong, and every byte of the folder as it was."""
    assert re.search(match, refusal(place, capsys, prepare(place)))


def test_there_are_enough_cases():
    """The table is at least as long as was promised, and no case is there twice."""
    assert len(CASES) >= 50
    assert len({case[0] for case in CASES}) == len(CASES)


def test_a_fault_of_poise_is_one_line_too(place, capsys, monkeypatch):
    """No traceback reaches a user; one who asks for it gets it."""

    monkeypatch.setattr("poise.record.all_runs", lambda **_: [None])
    assert main(["runs"]) == 1
    assert re.search(r"a fault of Poise itself \(AttributeError: .*\); POISE_TRACEBACK=1", told(capsys))

    def fails(*_: object, **__: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr("poise.record.all_runs", fails)
    assert main(["runs"]) == 2
    assert re.search(
        r"a fault in \S+test_bad_input.py, line \d+ \(KeyError: 'a fault'\); POISE_TRACEBACK=1", told(capsys)
    )
    monkeypatch.setenv("POISE_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(["runs"])
