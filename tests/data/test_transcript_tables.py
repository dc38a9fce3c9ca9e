"""Tables of what is said, as people write them: dialects, names of columns, names of files, lines that are wrong."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from poise.data.transcripts.transcript_tables import Columns, Transcript
from poise.data.transcripts.transcripts import read_transcripts, transcripts
from poise.errors import PoiseError

SIX = [f"{i}.wav" for i in range(6)]
LONG = [
    "Printing, in the sense",
    "has never been surpassed.",
    '"Quoted," he said; twice',
    "the sense of one",
    "and so",
    "on",
]
NAMES = ["Ann", "Bob", "Ann", "Bob", "Ann", "Bob"]
VCTK = [f"wav48/p22{i}/p22{i}_00{j}.wav" for i in (5, 6) for j in (1, 2)]
MICS = [f"wav48_silence_trimmed/p225/p225_001_mic{i}.flac" for i in (1, 2)]
EXPECTED = {name: Transcript(text, voice) for name, text, voice in zip(SIX, LONG, NAMES, strict=True)}
WITHOUT = {name: Transcript(text) for name, text in zip(SIX, LONG, strict=True)}


def lines(*rows: object) -> str:
    return "".join(f"{row}\n" for row in rows)


def rows(form: str) -> str:
    """A line of this form for each of six recordings."""
    every = zip(SIX, LONG, NAMES, strict=True)
    return lines(*(form.format(f=f, id=f[:-4], t=t, T=t.upper(), v=v, n=NAMES.index(v)) for f, t, v in every))


UPPER = {name: Transcript(one.text.upper()) for name, one in WITHOUT.items()}
NUMBERED = {name: Transcript(one.text, str(NAMES.index(one.voice))) for name, one in EXPECTED.items()}
DIALECTS = {  # file, what is in it, what it says
    "LJ Speech": ("metadata.csv", rows("{id}|{t}|{T}"), UPPER),
    "LJ Speech of two": ("metadata.csv", rows("{id}|{t}"), WITHOUT),
    "VITS": ("filelists/train.txt", rows("DUMMY1/{f}|{t}"), WITHOUT),
    "VITS of several voices": ("train.txt", rows("DUMMY2/{f}|{n}|{t}"), NUMBERED),
    "the voice last": ("metadata.csv", rows("{f}|{t}|{v}"), EXPECTED),
    "Coqui": ("metadata.csv", "audio_file|text|speaker_name\n" + rows("{f}|{t}|{v}"), EXPECTED),
    "Piper": ("metadata.csv", rows("{id}|{v}|{t}"), EXPECTED),
    "Piper of one voice": ("metadata.csv", rows("{id}|{t}"), WITHOUT),
    "Common Voice": (
        "validated.tsv",
        "client_id\tpath\tsentence\tup_votes\tlocale\n" + rows("{v}\t{f}\t{t}\t2\ten"),
        EXPECTED,
    ),
    "AudioFolder": ("metadata.jsonl", "".join(
        json.dumps({"file_name": f, "transcription": t, "speaker_id": v}) + "\n"
        for f, t, v in zip(SIX, LONG, NAMES, strict=True)
    ), EXPECTED),
    "AudioFolder with sentence": ("metadata.jsonl", "".join(
        json.dumps({"sentence": t, "file_name": f}, ensure_ascii=False) + "\n" for f, t in zip(SIX, LONG, strict=True)
    ), WITHOUT),
    "AudioFolder as a table": (
        "metadata.csv",
        "file_name,text\n" + lines(*(f'{f},"{t.replace(chr(34), 2 * chr(34))}"' for f, t in zip(SIX, LONG))),  # noqa: B905
        WITHOUT,
    ),
    "NeMo": ("train.jsonl", "".join(
        json.dumps({"audio_filepath": f"/data/x/{f}", "duration": 1.5, "text": t}) + "\n"
        for f, t in zip(SIX, LONG, strict=True)
    ), WITHOUT),
    "NeMo, manifest.json": ("manifest.json", "".join(
        json.dumps({"audio_filepath": f"wavs/{f}", "duration": 1.5, "text": t}) + "\n"
        for f, t in zip(SIX, LONG, strict=True)
    ), WITHOUT),
    "a JSON list": ("data.json", json.dumps(
        [{"path": f, "sentence": t, "speaker": v} for f, t, v in zip(SIX, LONG, NAMES, strict=True)], indent=1
    ), EXPECTED),
    "JSON from file to text": ("texts.json", json.dumps(dict(zip(SIX, LONG, strict=True))), WITHOUT),
    "Kaldi": ("text", rows("{id} {t}"), WITHOUT),
    "names and a blank": ("transcript.txt", rows("{f} {t}"), WITHOUT),
    "tabs": ("metadata.tsv", rows("{f}\t{t}"), WITHOUT),
    "semicolons": ("metadata.csv", "file;speaker\ttext\n".replace("\t", ";") + lines(*(
        f'{f};{v};"{t.replace(chr(34), chr(34) * 2)}"' for f, t, v in zip(SIX, LONG, NAMES, strict=True)
    )), EXPECTED),
    "text first": ("metadata.csv", rows("{t}|{f}"), WITHOUT),
    "bars in .txt": ("metadata.txt", rows("{f}|{t}"), WITHOUT),
    "any name": ("my_transcripts.csv", "filename|text\n" + rows("{f}|{t}"), WITHOUT),
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects(dialect: str, tmp_path: Path) -> None:
    name, content, expected = DIALECTS[dialect]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = read_transcripts(tmp_path, SIX)
    assert found.by_file == expected
    (note,) = found.notes
    assert note.startswith(f"{Path(name).name}: ") and "--text-column" in note
    assert f'0.wav -> "{expected["0.wav"].text}"' in note


@pytest.mark.parametrize("files", [VCTK, MICS], ids=["two voices", "two microphones"])
def test_vctk(files: list[str], tmp_path: Path) -> None:
    for file in files:
        who = file.split("/")[1]
        path = tmp_path / "txt" / who / f"{Path(file).stem.replace('_mic1', '').replace('_mic2', '')}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"said by {who}\n")
    found = read_transcripts(tmp_path, files)
    assert found.by_file == {file: Transcript(f"said by {file.split('/')[1]}", file.split("/")[1]) for file in files}
    assert found.notes == [f'texts from txt/, voices from its folders: {files[0]} -> "said by p225", voice p225']


def test_recordings_that_are_called_like_columns_make_no_row_of_the_header(tmp_path: Path) -> None:
    """Recorded words, among them "voice" and "text"; a first line of which one column alone is known is a row."""
    words = ["hello", "voice", "text", "file"]
    files = [f"{word}.wav" for word in words]
    path = tmp_path / "metadata.csv"
    path.write_text("file,text,phonemes,voice\n" + lines(*(f"{w}.wav,{w},{' '.join(w)},Ann" for w in words)))
    assert read_transcripts(tmp_path, files).by_file == {f"{word}.wav": Transcript(word, "Ann") for word in words}
    path.write_text("file,hallo\n" + lines(*(f"{word},{word}!" for word in words if word != "file")))
    assert read_transcripts(tmp_path, files).by_file["file.wav"].text == "hallo"


def test_a_table_in_each_folder(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "metadata.csv").write_text(f"file_name,text\n0.wav,a {part}\nb/1.wav,b\n")
    files = [f"{part}/{name}" for part in ("test", "train") for name in ("0.wav", "b/1.wav")]
    assert transcripts(tmp_path, files) == {
        "test/0.wav": Transcript("a test"), "test/b/1.wav": Transcript("b"),
        "train/0.wav": Transcript("a train"), "train/b/1.wav": Transcript("b"),
    }  # fmt: skip


def test_librispeech(tmp_path: Path) -> None:
    """VOICE/CHAPTER/VOICE-CHAPTER-NUMBER.flac with a VOICE-CHAPTER.trans.txt beside them in each chapter."""
    expected = {}
    for voice in ("84", "1272", "174"):
        for chapter in ("121123", "128104"):
            folder = tmp_path / voice / chapter
            folder.mkdir(parents=True)
            said = {f"{voice}-{chapter}-{i:04}": f"GO, DO YOU HEAR {voice} {i}" for i in range(3)}
            lines_ = "".join(f"{name} {text}\n" for name, text in said.items())
            (folder / f"{voice}-{chapter}.trans.txt").write_text(lines_)
            expected |= {f"{voice}/{chapter}/{name}.flac": Transcript(text, voice) for name, text in said.items()}
    found = read_transcripts(tmp_path, sorted(expected))
    assert found.by_file == expected
    assert len(found.notes) == 4, "six tables, of which three are told"
    assert found.notes[3] == "3 more tables like these, the last 84-128104.trans.txt"


CHINESE = ["卡尔普陪外孙玩滑梯", "假语村言别再拥抱我", "宝马配挂跛骡鞍"]
CORPORA = {  # files that tell what is said; the recordings, and what is said in them
    "LibriTTS": (
        {f"84/1/84_1_{i}.normalized.txt": LONG[i] for i in range(3)}
        | {f"84/1/84_1_{i}.original.txt": "never" for i in range(3)},
        {f"84/1/84_1_{i}.wav": Transcript(LONG[i]) for i in range(3)},
    ),
    "LibriTTS, its tables": (
        {"84/1/84_1.trans.tsv": "".join(f"84_1_{i}\t{LONG[i].upper()}\t{LONG[i]}\n" for i in range(6))},
        {f"84/1/84_1_{i}.wav": Transcript(LONG[i]) for i in range(6)},
    ),
    "AISHELL": (
        {"transcript/aishell_transcript_v0.8.txt": "".join(f"BAC009S000{i} {c}\n" for i, c in enumerate(CHINESE))},
        {f"wav/train/S0002/BAC009S000{i}.wav": Transcript(c) for i, c in enumerate(CHINESE)},
    ),
    "AISHELL-3": (
        {"train/content.txt": "".join(f"SSB0005000{i}.wav\t{c} ka3 er3\n" for i, c in enumerate(CHINESE))},
        {f"train/wav/SSB0005/SSB0005000{i}.wav": Transcript(f"{c} ka3 er3") for i, c in enumerate(CHINESE)},
    ),
    "Baker": (
        {"ProsodyLabeling/000001-000003.txt": "".join(f"00000{i}\t{c}\n\tka2 er2\n" for i, c in enumerate(CHINESE))},
        {f"Wave/00000{i}.wav": Transcript(c) for i, c in enumerate(CHINESE)},
    ),
    "THCHS-30": (
        {f"data/A11_{i}.wav.trn": f"{c}\nka2 er2\nk a2 er2\n" for i, c in enumerate(CHINESE)},
        {f"data/A11_{i}.wav": Transcript(c) for i, c in enumerate(CHINESE)},
    ),
    "texts in .lab": (
        {f"Ann/{i}.lab": c for i, c in enumerate(CHINESE)},
        {f"Ann/{i}.wav": Transcript(c) for i, c in enumerate(CHINESE)},
    ),
    "times in .lab": (
        {f"{i}.lab": "0 100 pau\n100 200 a\n" for i in range(3)},
        {f"{i}.wav": Transcript() for i in range(3)},
    ),
}


@pytest.mark.parametrize("corpus", CORPORA)
def test_corpora_as_they_come(corpus: str, tmp_path: Path) -> None:
    texts, expected = CORPORA[corpus]
    for name in (*texts, *expected):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(texts.get(name, ""), encoding="utf-8")
    found = read_transcripts(tmp_path, sorted(expected))
    assert found.by_file == expected
    assert found.notes


def test_a_poem_beside_recordings_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("".join(f"{word} and more\n" for word in ("one", "two", "three", "four")))
    (tmp_path / "dataset.json").write_text('{"name": "birds", "licence": "CC0"}')
    assert read_transcripts(tmp_path, ["one.wav", "a.wav", "b.wav"]).by_file == {}


FILE_NAMES = ["file", "path", "file_name", "filename", "audio", "audio_file", "wav", "id", "clip", "Audio_Path", "FILE"]
TEXT_NAMES = ["text", "sentence", "transcript", "transcription", "normalized_text", "Text"]
VOICE_NAMES = ["voice", "speaker", "speaker_id", "speaker_name", "client_id", "Speaker"]


@pytest.mark.parametrize(("file", "text", "voice"), [
    *((name, "text", "voice") for name in FILE_NAMES), *(("file", name, "voice") for name in TEXT_NAMES),
    *(("file", "text", name) for name in VOICE_NAMES),
])  # fmt: skip
def test_columns_by_the_names_that_people_use(file: str, text: str, voice: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(f"{voice},{text},more,{file}\nAnn,hello there,3,0.wav\n")
    assert transcripts(tmp_path, SIX) == {"0.wav": Transcript("hello there", "Ann")}


FLAGS = {
    "by name": ("x|y|z\n0.wav|a|hello\n1.wav|b|bye\n", Columns(file="x", text="z", voice="y"), "a"),
    "by number": ("0.wav|a|hello\n1.wav|b|bye\n", Columns(file="1", text="3", voice="2"), "a"),
    "the text alone": ("0.wav|what is said here|hello\n1.wav|b|bye\n", Columns(text="3"), ""),
    "another than the usual one": ("file|text|title\n0.wav|no|hello\n1.wav|no|bye\n", Columns(text="title"), ""),
}


@pytest.mark.parametrize("name", FLAGS)
def test_flags_set_the_columns(name: str, tmp_path: Path) -> None:
    content, columns, voice = FLAGS[name]
    (tmp_path / "metadata.csv").write_text(content)
    assert transcripts(tmp_path, SIX, columns=columns)["0.wav"] == Transcript("hello", voice)


def test_another_table(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("0.wav|one\n")
    (tmp_path / "other.lst").write_text("0.wav|two\n")
    for name in ("other.lst", str(tmp_path / "other.lst")):
        assert transcripts(tmp_path, SIX, columns=Columns(metadata=name)) == {"0.wav": Transcript("two")}


BAD_FLAGS = {
    "--metadata no.csv: there is no such file, nor one of that name": Columns(metadata="no.csv"),
    "has no column 'txet'; did you mean 'text'": Columns(text="txet"),
    "has no column '9'": Columns(file="9"),
}


@pytest.mark.parametrize("message", BAD_FLAGS)
def test_bad_flags(message: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("file|text\n0.wav|one\n")
    with pytest.raises(PoiseError, match=message):
        transcripts(tmp_path, SIX, columns=BAD_FLAGS[message])


def test_flags_without_a_table(tmp_path: Path) -> None:
    with pytest.raises(PoiseError, match="has no table for --file-column"):
        transcripts(tmp_path, SIX, columns=Columns(text="2"))


CAFE = unicodedata.normalize("NFD", "b/café 1.wav")
WRITTEN = {
    "./a/one.wav": "a/one.wav", "a\\one.wav": "a/one.wav", ".\\a\\one.wav": "a/one.wav", "a//one.wav": "a/one.wav",
    "a/./one": "a/one.wav", "one": "a/one.wav", "one.wav": "a/one.wav", "a/one.flac": "a/one.wav",
    "one.mp3": "a/one.wav", "{folder}/a/one.wav": "a/one.wav", "/elsewhere/data/a/one.wav": "a/one.wav",
    "wavs/one.wav": "a/one.wav", "b/café 1.wav": CAFE, "café 1": CAFE, CAFE: CAFE, "three.x": "three.x.ogg",
    "C:\\data\\a\\one.wav": "a/one.wav", "two.WAV": "two.WAV", "two.wav": "two.WAV",
}  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN, ids=ascii)
def test_names_of_files(written: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(f"file|text\n{written.format(folder=tmp_path)}|hello\n", encoding="utf-8")
    assert transcripts(tmp_path, ["a/one.wav", CAFE, "three.x.ogg", "two.WAV"]) == {
        WRITTEN[written]: Transcript("hello")
    }


def test_a_file_that_is_missing_is_not_another_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("p1/001.wav|one\np1/002.wav|two\np2/001.wav|of another\n")
    found = read_transcripts(tmp_path, ["p1/001.wav", "p1/002.wav"])
    assert found.by_file == {"p1/001.wav": Transcript("one"), "p1/002.wav": Transcript("two")}
    assert found.notes[1].startswith(
        "metadata.csv: left out 1 line: line 3 (names 'p2/001.wav', which is no sound file"
    )


LEFT = {
    "missing": ("7.wav|x\n", "line 7 (names '7.wav', which is no sound file"),
    "twice": ("0.wav|again\n", "line 7 (names 0.wav a second time)"),
    "fields": ("0.wav|a|b|c\n", "line 7 (4 fields instead of 2)"),
    "several": ("same|x\n", "line 7 (names 'same', which is several sound files)"),
}


@pytest.mark.parametrize("what", LEFT)
def test_lines_that_cannot_be_used_are_counted_and_the_others_are(what: str, tmp_path: Path) -> None:
    more, told = LEFT[what]
    (tmp_path / "metadata.csv").write_text(rows("{f}|{t}") + more)
    found = read_transcripts(tmp_path, [*SIX, "a/same.wav", "b/same.wav"])
    assert found.by_file == WITHOUT
    assert found.notes[1].startswith(f"metadata.csv: left out 1 line: {told}")


@pytest.mark.parametrize(("missing", "refused"), [(5, False), (6, False), (7, True)])
def test_a_table_is_refused_where_fewer_than_half_of_it_match(missing: int, refused: bool, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(rows("{f}|{t}") + lines(*(f"x{i}.wav|gone" for i in range(missing))))
    if refused:
        with pytest.raises(PoiseError, match=r"7 of 13 lines cannot be used, line 7 \(names 'x0.wav', .* and 5 more"):
            transcripts(tmp_path, SIX)
    else:
        assert transcripts(tmp_path, SIX) == WITHOUT


def test_json_that_is_none_is_counted(tmp_path: Path) -> None:
    good = [json.dumps({"file": f, "text": t}) for f, t in zip(SIX, LONG, strict=True)]
    (tmp_path / "metadata.jsonl").write_text(lines(*good, "{", "3", '{"file": "0.wav", "text": "a\\ud83d"}', ""))
    found = read_transcripts(tmp_path, SIX)
    assert found.by_file == WITHOUT and found.notes[1].startswith("metadata.jsonl: left out 2 lines: line 7 (not JSON")


@pytest.mark.parametrize("name", ["notes.txt", "README.txt", "other.csv", "invalidated.tsv", ".hidden.csv"])
def test_other_texts_are_no_tables(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("This is about 0.wav, and more.\nAnother line, with a comma.\nAnd one, too.\n")
    assert transcripts(tmp_path, SIX) == {}
