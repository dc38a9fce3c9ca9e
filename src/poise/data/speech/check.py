"""What is in a folder of recordings, before anybody trains on it: `poise data check PATH`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from poise.data.files.items import Progress
from poise.data.files.walking import in_order, ours_below, shown
from poise.data.speech import loudness as levels
from poise.data.speech.clips_meta import ExampleClip
from poise.data.speech.no_sound import describe_files, other_files
from poise.data.speech.notes import channel_text, example, named
from poise.data.speech.speech import Wave, digest_of, read_sound, sound_files
from poise.data.transcripts.letters import lost_in
from poise.data.transcripts.transcripts import METADATA, Transcript, read_transcripts
from poise.data.transcripts.utterances import suggested
from poise.errors import PoiseError

SHORTEST, LONGEST, RATE = 0.1, 20.0, 16_000  # what `open_recordings` does where nobody says otherwise
QUANTILES = {"shortest": 0.0, "a quarter up to": 0.25, "half up to": 0.5, "95 % up to": 0.95, "longest": 1.0}


class SoundInfo(NamedTuple):
    """About one sound file that can be read."""

    form: str  # such as "WAV PCM_16"
    rate: int
    channels: int
    seconds: float
    speech: float  # seconds without the silence at the ends
    level: float  # dB of the speech; -inf in a silent one
    clipped: bool
    digest: bytes

    @property
    def audible(self) -> bool:
        return self.level > -math.inf


@dataclass
class SpeechReport:
    """Facts about recordings. Counts are of readable files; examples are the first found."""

    source: str
    infos: list[SoundInfo]
    files: list[str]  # of `infos`
    unreadable: list[tuple[str, str]] = field(default_factory=list)  # (file, reason), all of them
    by_file: dict[str, Transcript] = field(default_factory=dict)  # of readable files
    others: list[str] = field(default_factory=list)  # files that are no sound
    notes: list[str] = field(default_factory=list)  # what is said was read, a sentence each
    flags: list[str] = field(default_factory=list)  # suggested flags, each with its reason

    @property
    def sound(self) -> list[SoundInfo]:
        """The facts about what is not silent."""
        return [info for info in self.infos if info.audible]

    @property
    def silent(self) -> list[str]:
        return [name for name, info in zip(self.files, self.infos, strict=True) if info.level == -math.inf]

    @property
    def quiet(self) -> list[str]:
        sound = [(name, f.level) for name, f in zip(self.files, self.infos, strict=True) if f.audible]
        return [sound[row][0] for row in levels.quiet([level for _, level in sound])]

    @property
    def clipped(self) -> list[str]:
        return [name for name, info in zip(self.files, self.infos, strict=True) if info.clipped]

    @property
    def duplicates(self) -> list[tuple[str, str]]:
        """(first file, later one with the same samples)."""
        first: dict[bytes, str] = {}
        pairs = zip(self.files, self.infos, strict=True)
        return [(first[f.digest], name) for name, f in pairs if first.setdefault(f.digest, name) != name]

    @property
    def voices(self) -> dict[str, int]:
        """Name -> number of clips, the most frequent first."""
        return dict(Counter(one.voice for one in self.by_file.values() if one.voice).most_common())

    def _example(self) -> str:
        """The first file of which is known what is said, or else the first."""
        told = {shown(name): one for name, one in self.by_file.items()}
        place = next((i for i, name in enumerate(self.files) if name in told), 0)
        info = self.infos[place]
        first = ExampleClip(self.files[place], info.form, info.rate, info.channels, info.seconds)
        return example(first, told.get(self.files[place], Transcript()))

    def lines(self) -> list[str]:
        """The report for people, one fact a line."""
        seconds = np.array([info.seconds for info in self.infos])
        sound = self.sound
        lengths = ", ".join(
            f"{what} {np.quantile(seconds, share, method='inverted_cdf'):.2f}" for what, share in QUANTILES.items()
        )
        text = [
            f"{self.source} (sound): {len(self.infos):,} readable clips, {seconds.sum() / 60:.1f} minutes together",
            f"such as: {self._example()}",
            f"formats: {_counts(info.form for info in self.infos)}",
            f"rates in Hz: {_counts(f'{info.rate:,}' for info in self.infos)}",
            f"channels: {_counts(channel_text(info.channels) for info in self.infos)}",
            f"seconds in a clip: {lengths}",
            f"silence at the ends: {sum(info.seconds - info.speech for info in sound):.1f} s",
        ]
        if sound:
            loudness = np.array([info.level for info in sound])
            text.append(
                f"level of the speech: {loudness.min():.1f} to {loudness.max():.1f} dB, mean {loudness.mean():.1f}"
            )
        text += [*self.notes, *_texts_of(self.by_file, len(self.files)), *_voices(self.voices)]
        text += _some("recorded too loud, so that they are clipped", self.clipped)
        text += _some("silent", self.silent)
        text += _some(f"{levels.QUIET:.0f} dB quieter than most, and perhaps empty", self.quiet)
        text += _some("duplicates", [f"{first} = {second}" for first, second in self.duplicates])
        if self.others:
            text.append(f"no sound: {describe_files(self.others)}")
        text.append(f"unreadable: {len(self.unreadable):,}")
        text += [f"  {name}: {reason}" for name, reason in self.unreadable]
        return text + [f"suggested: {flag}" for flag in self.flags]


def check_speech(name: str, folder: Path, progress: Progress | None = None) -> SpeechReport:
    """Decode every sound file of a folder (see `open_recordings`) once and report on them; nothing is written.

    Args: name, what to show. Errors: `PoiseError` where not one file can be read, for a metadata.csv that is not what
    it should be, and without the package soundfile.
    """
    paths = sound_files(folder)
    files = [path.relative_to(folder).as_posix() for path in paths]
    read = read_transcripts(folder, files)
    report = SpeechReport(name, [], [], others=other_files(folder, paths), notes=[*read.notes])
    report.notes += [ours] if (ours := ours_below(folder)) else []
    for done, (file, found) in enumerate(zip(files, in_order(_info_of, paths), strict=True), 1):
        if isinstance(found, str):
            report.unreadable.append((shown(file), found))
        else:
            report.infos.append(found)
            report.files.append(shown(file))
        if progress:
            progress(done, len(paths))
    if not report.infos:
        first = ""
        if report.unreadable:
            first = f", the first being {' ('.join(report.unreadable[0])})"
        raise PoiseError(f"{folder}: none of {len(files):,} sound files can be read{first}; give a folder with some")
    lost = {file for file, _ in report.unreadable}
    report.by_file = {file: one for file, one in read.by_file.items() if shown(file) not in lost}
    report.flags = _suggest(report, files)
    return report


def _info_of(file: Path) -> SoundInfo | str:
    found = read_sound(file)
    if isinstance(found, str):
        return found
    x = found.samples
    seconds = len(x) / found.rate
    speech, level = 0.0, -math.inf
    silent = levels.frame_levels(x, found.rate).max() < levels.SILENT
    if not silent:
        speech = len(levels.trimmed(x, found.rate)) / found.rate
        level = levels.level(x, found.rate)
    return SoundInfo(
        f"{found.form} {found.subtype}",
        found.rate,
        found.channels,
        seconds,
        speech,
        level,
        found.clipped,
        digest_of(Wave(x, found.rate)),
    )


def _suggest(report: SpeechReport, files: Sequence[str]) -> list[str]:
    flags = []
    infos = report.sound
    rates = sorted(info.rate for info in infos)
    if rates and rates[len(rates) // 2] < RATE:
        flags.append(f"--rate {rates[len(rates) // 2]} (half of the clips have no more samples a second)")
    long = [info.speech for info in infos if info.speech > LONGEST]
    if long:
        flags.append(
            f"--longest {math.ceil(max(long))} ({len(long):,} clips are longer than {LONGEST:g} s, and left out)"
        )
    short = [info.speech for info in infos if info.speech < SHORTEST]
    if short:
        flags.append(
            f"--shortest {max(math.floor(100 * min(short)) / 100, 0.01):g} ({len(short):,} clips are shorter than "
            f"{SHORTEST:g} s, and left out)"
        )
    voices = report.voices
    if len(voices) > 1:
        name, count = next(iter(voices.items()))
        flags.append(f"--voice {name} (or another of {len(voices):,}: one voice alone, {count:,} clips)")
    folders = Counter(file.partition("/")[0] for file in files if file.count("/") == 1)
    if not report.by_file and len(folders) > 1 and folders.total() == len(files):
        flags.append(f"--labels {{voice}}/{{}} (if the {len(folders):,} sub-folders are voices)")
    return flags


def _texts_of(by_file: dict[str, Transcript], count: int) -> list[str]:
    texts = [one.text for one in by_file.values() if one.text]
    if not texts:
        return [f"texts: none (give a {METADATA}, or a .txt beside each file)"]
    told = [f"texts: {len(texts):,} of {count:,} clips have one, {len(set(texts)):,} of them different"]
    if suggested(texts) == "characters" and (lost := lost_in(texts)):
        told.append(f"in --units characters: {lost}")
    return told


def _voices(voices: dict[str, int]) -> list[str]:
    if not voices:
        return []
    return [f"voices: {len(voices):,}: {named([f'{name} ({n:,})' for name, n in voices.items()])}"]


def _some(what: str, names: Sequence[str]) -> list[str]:
    return [f"{what}: {len(names):,}" + (f": {named(names)}" if names else "")]


def _counts(things: Iterable[str]) -> str:
    return named([f"{thing} ({n:,})" for thing, n in Counter(things).most_common()])
