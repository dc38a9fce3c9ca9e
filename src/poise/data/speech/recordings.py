"""A folder of recordings -> clips of one rate and level, memory-mapped, with what is said, and a split into two parts.

    recordings = open_recordings("voice", rate=16000)
    recordings.clip(recordings.train[0])        # float32 [S]

The prepared clips lie in `<cache>/recordings/` (see `prepared`): a second call with the same content and options reads
no sound file at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.data.catalogue.locate import locate
from poise.data.files.items import (
    ORDERS,
    SHARE,
    Progress,
    Rows,
    among,
    by_content,
    hashes_of,
    larger_share,
    unit_interval,
)
from poise.data.files.walking import ours_below, shown
from poise.data.speech.clips import ClipOptions, prepared
from poise.data.speech.clips_meta import Prepared
from poise.data.speech.no_sound import describe_files, other_files
from poise.data.speech.notes import notes_on
from poise.data.speech.speech import LONGEST, SOUND, sound_files, soundfile_module
from poise.data.tables.normalised import normalised
from poise.data.transcripts.transcripts import Columns, Transcript, Transcripts, read_transcripts
from poise.errors import PoiseError, nearest
from poise.terminal import escaped


@dataclass(frozen=True, eq=False)
class Recordings:
    """Clips of speech; `train` and `heldout` are ascending rows."""

    name: str
    samples: np.ndarray  # int16 [total], read-only: all clips one after another
    starts: NDArray[np.int64]  # [N+1]: clip i is samples[starts[i]:starts[i+1]]
    rate: int  # samples a second
    files: tuple[str, ...]  # relative to the folder
    texts: tuple[str, ...]  # "" where none is known
    voices: tuple[str, ...]  # sorted; ("",) where nothing names one
    voice: NDArray[np.int64]  # [N]: places in `voices`
    train: Rows
    heldout: Rows
    fingerprint: str  # hex sha256 of samples, boundaries, texts and voices
    left_out: list[tuple[str, str]]  # (file, reason)
    notes: list[str]  # what a user should know, one fact a sentence

    def __len__(self) -> int:
        return len(self.files)

    def clip(self, row: int) -> NDArray[np.float32]:
        """[S], in [-1, 1)."""
        return self.samples[self.starts[row] : self.starts[row + 1]].astype(np.float32) / np.float32(32_768)

    def seconds(self) -> float:
        """Of all clips together."""
        return len(self.samples) / self.rate

    def describe(self) -> str:
        """One line: "prompts: 551 clips, 12.3 minutes at 16,000 Hz, 496 to train on and 55 held out"."""
        return (
            f"{self.name}: {len(self):,} clips, {self.seconds() / 60:.1f} minutes at {self.rate:,} Hz, "
            f"{len(self.train):,} to train on and {len(self.heldout):,} held out"
        )


def open_recordings(
    data: str | Path,
    *,
    rate: int = 16_000,
    trim: bool = True,
    loudness: float | None = -23.0,
    shortest: float = 0.1,
    longest: float = 20.0,
    heldout: float = SHARE,
    share: float = 1.0,
    voice: str | None = None,
    labels: str | None = None,
    metadata: str | None = None,
    file_column: str | None = None,
    text_column: str | None = None,
    voice_column: str | None = None,
    order: str = "names",
    progress: Progress | None = None,
) -> Recordings:
    """The sound files of a folder and everything below it (see `containers`), or of a catalogued set of speech.

    Args:
        data: the folder, or the name of a set that was fetched. Channels are averaged.
        rate: samples a second to which every clip is brought (see `speech.resampled`).
        trim: take away silence at both ends, of which 30 ms stay: frames of 20 ms that are more than 40 dB quieter than
            the loudest one.
        loudness: dB of full scale (RMS of the frames that are no silence) to which each clip is brought, though never
            so far that a sample comes above 0.95. None: as they are.
        shortest, longest: seconds, after trimming; other clips are left out.
        heldout: the share that is held out, in [0, 1). Clips with the same text (but for case, punctuation and spaces)
            are on one side; without texts, those with the same samples.
        share: of the clips to train on, the share that is used, in (0, 1]; a smaller one is part of a larger one.
        voice: only the clips of this voice.
        labels: a pattern for the names of the files, such as "{voice}/{text}" (see `transcripts.transcripts`).
        metadata, file_column, text_column, voice_column: the table of what is said, and its columns by name or by
            number from 1, where they cannot be told (see `transcript_tables`).
        order: of the rows to train on and held out: "names", ascending, files by their names; "content", by the content
            hashes, so that other names of the files change nothing.
        progress: called as progress(done, total) while files are read.

    Files that are unreadable, empty or silent are left out, and those recorded too loud (three samples in a row at full
    scale) are kept; `notes` tells of both. A file known to be damaged is not an error as long as others are whole.

    Errors: `PoiseError` for an argument that cannot be, a folder without a usable sound file, a voice that is not
    there, texts that are not what they should be, nothing to train on, and without the package soundfile.
    """
    options = ClipOptions(rate, trim, None if loudness is None else float(loudness), float(shortest), float(longest))
    _check(options, heldout, share, order)
    name, folder = located(data)
    soundfile_module()
    sounds = sound_files(folder)
    files = [file.relative_to(folder).as_posix() for file in sounds]
    if not files:
        raise PoiseError(f"{folder} holds no {SOUND}: give a folder that does")
    others = describe_files(other_files(folder, sounds))
    read = read_transcripts(folder, files, labels, Columns(metadata, file_column, text_column, voice_column))
    by_file = read.by_file
    unmatched = [(shown(file), f"does not match --labels {labels}") for file in files if file not in by_file and labels]
    files = _of_voice(name, [file for file in files if file in by_file or not labels], by_file, voice)
    found = prepared(folder, files, options, progress)
    made = _recordings(shown(name), found, options, read, unmatched, heldout, share, order)
    beside = [f"no sound, and left alone: {others}"] if others else []
    beside += [ours] if (ours := ours_below(folder)) else []
    return replace(made, notes=[*made.notes, *beside])


def located(data: str | Path) -> tuple[str, Path]:
    """The name to show and the folder of a set of recordings. PoiseError where there is none."""
    name, path, _ = locate(data)
    if not path.is_dir():
        raise PoiseError(f"{data} holds no recordings: give a folder of sound files, or a catalogued set of speech")
    return name, path


def _recordings(
    name: str,
    found: Prepared,
    options: ClipOptions,
    read: Transcripts,
    unmatched: list[tuple[str, str]],
    heldout: float,
    share: float,
    order: str,
) -> Recordings:
    files = tuple(found.meta.files)
    known = [read.by_file.get(file, Transcript()) for file in files]
    texts, voices = tuple(one.text for one in known), tuple(sorted({one.voice for one in known}))
    train, held, shares = _split(name, texts, found.hashes, heldout, share)
    if order == "content":
        places = by_content(found.hashes)
        train, held = among(places, train), among(places, held)
    whole = [found.meta.digest, options.rate, found.starts.tolist(), texts, [one.voice for one in known]]
    left_out = unmatched + [(file, reason) for file, reason in found.meta.left_out]
    notes = notes_on(name, found, options, known, left_out, read.notes)
    if not len(held):
        notes.append(f"no recordings are held out, so samples are not scored; {larger_share(shares, heldout)}")
    return Recordings(
        name=name,
        samples=found.samples,
        starts=found.starts,
        rate=options.rate,
        files=tuple(shown(file) for file in files),
        texts=texts,
        voices=voices,
        voice=np.searchsorted(np.array(voices), [one.voice for one in known]).astype(np.int64),
        train=train,
        heldout=held,
        fingerprint=hashlib.sha256(json.dumps(whole).encode()).hexdigest(),
        left_out=left_out,
        notes=notes,
    )


def _of_voice(name: str, files: list[str], by_file: dict[str, Transcript], voice: str | None) -> list[str]:
    if voice is None:
        return files
    voice = escaped(voice)  # as voices that are told by names of files are written
    known = sorted({one.voice for one in by_file.values() if one.voice})
    if voice not in known:
        if known:
            has = f"{nearest(voice, known)}; it has: {', '.join(known[:8])}"
            raise PoiseError(f"--voice {voice}: {shown(name)} has no such voice{has}")
        raise PoiseError(
            f"--voice {voice}: nothing in {shown(name)} names voices: leave it out, or give --labels "
            "{voice}/{text} or --voice-column"
        )
    return [file for file in files if by_file.get(file, Transcript()).voice == voice]


def _split(
    name: str, texts: Sequence[str], hashes: NDArray[np.uint8], heldout: float, share: float
) -> tuple[Rows, Rows, NDArray[np.float64]]:
    """By the text where there is one, else by the content: see `items.Hashed.split`. With their places in [0, 1]."""
    keys = hashes.copy()
    with_text = [row for row, text in enumerate(texts) if text]
    if with_text:
        keys[with_text] = hashes_of([normalised(texts[row]).encode() for row in with_text])
    places = unit_interval(keys)
    out = places < heldout
    used = unit_interval(hashes_of([b"share " + key.tobytes() for key in keys])) < share
    train = np.flatnonzero(~out & (used | (share == 1)))
    if not len(train):
        raise PoiseError(
            f"{name}: none of {len(texts):,} clips is left to train on at --heldout {heldout:g} and --share {share:g}: "
            "give a smaller --heldout, a larger --share, or more clips"
        )
    return train, np.flatnonzero(out), places


def _check(options: ClipOptions, heldout: float, share: float, order: str) -> None:
    if order not in ORDERS:
        raise PoiseError(f"order '{order}' is not known: give content or names")
    if not 4_000 <= options.rate <= 96_000:
        raise PoiseError(f"--rate {options.rate} is not possible: give 4,000 to 96,000 samples a second, such as 16000")
    if options.loudness is not None and not -60 <= options.loudness <= -3:
        raise PoiseError(f"--loudness {options.loudness:g} is not possible: give dB from -60 to -3, such as -23")
    if not 0 <= options.shortest < options.longest <= LONGEST:
        raise PoiseError(
            f"--shortest {options.shortest:g} and --longest {options.longest:g} are not possible: give seconds from 0 "
            f"to {LONGEST}, the longest above the shortest"
        )
    if not 0 <= heldout < 1:
        raise PoiseError(f"--heldout {heldout:g} is not possible: give a share from 0 to below 1, such as 0.1")
    if not 0 < share <= 1:
        raise PoiseError(f"--share {share:g} is not possible: give a share above 0 and up to 1, such as 0.5")
