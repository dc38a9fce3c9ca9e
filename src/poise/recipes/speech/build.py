"""The pieces of a speech run, put together: what is said, and by which networks. Loads torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from poise.audio.spectrograms import Mel
from poise.core import Batch
from poise.data.draws.order import Prefetch
from poise.data.speech.recordings import Recordings
from poise.data.speech.transcribed import MelOf, TranscribedStream, conditions
from poise.data.transcripts.letters import lost_in
from poise.data.transcripts.utterances import SpeechTokenizer, suggested
from poise.disk.description import PerStep
from poise.errors import PoiseError
from poise.recipes.common.options import Options
from poise.recipes.common.parts import check_player, machine
from poise.recipes.common.recipe import Arguments
from poise.recipes.speech import finished
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.vocoder import build as waves
from poise.recipes.vocoder.options import RecordingOptions
from poise.registry import find
from poise.training.precision import Execution

LISTED = 1000  # texts and voices that a run remembers, to be sampled without its data


@dataclass(frozen=True, eq=False)
class Speech:
    """Recordings of which it is known what is said in them."""

    recordings: Recordings
    tokenizer: SpeechTokenizer
    units_of: list[np.ndarray]  # units [L,2] of each recording; empty for those that are not used
    train: np.ndarray
    heldout: np.ndarray
    whole: bool
    single: bool  # whether each text is one part, such as a syllable
    mel: Mel
    notes: list[str]

    def rows(self, split: str) -> np.ndarray:
        return self.train if split == "train" else self.heldout

    def conditions(self, rows: np.ndarray) -> Tensor:
        return conditions(self.recordings, self.units_of, self.mel, rows, self.whole)

    @cached_property
    def voices(self) -> tuple[str, ...]:
        return self.recordings.voices


def speech(recordings: Recordings, units: str, durations: str, mel: Mel) -> Speech:
    """The recordings whose text is known, in units; what else there is is told and left out.

    Held-out recordings with units or tones that training does not have are left out too: nothing could say them.
    """
    named = np.array([bool(text.strip()) for text in recordings.texts])
    if not named[recordings.train].any():
        raise PoiseError(
            f"{recordings.name} has no texts, so nobody knows what is said: put a metadata.csv with lines file|text "
            f"into the folder, a .txt beside each recording, or say --labels with a pattern such as {{voice}}/{{text}}"
        )
    training = recordings.train[named[recordings.train]]
    texts = [recordings.texts[row] for row in training]
    tokenizer = _fitted(recordings, suggested(texts) if units == "auto" else units, training)
    units_of, lost, single = _encoded(recordings, tokenizer, named)
    whole = single if durations == "auto" else durations == "frames"
    frames = np.diff(recordings.starts) // mel.hop
    least = [min(len(units), 1) if whole else len(units) for units in units_of]
    short = frames < least
    known = np.array([len(units) > 0 for units in units_of]) & ~short
    notes = list(recordings.notes)
    if tokenizer.kind == "characters" and (out := lost_in(texts)):
        notes.append(f"In --units characters, {out}.")
    if not named.all():
        notes.append(f"{int((~named).sum()):,} recordings have no text and are left out.")
    if mute := int((named & (np.array([len(units) for units in units_of]) == 0)).sum()) - len(lost):
        notes.append(f"{mute:,} recordings are left out: their texts hold no {tokenizer.kind}.")
    if lost:
        few = "; ".join(lost[:3])
        notes.append(f"{len(lost):,} held-out recordings are left out, for nothing in training says them: {few}.")
    if short.any():
        notes.append(f"{int(short.sum()):,} recordings are left out: they have fewer frames than they need.")
    train, heldout = (rows[known[rows]] for rows in (recordings.train, recordings.heldout))
    if not len(train):
        why = " ".join(notes[len(recordings.notes) :]) or "poise data check tells what is there."
        raise PoiseError(f"{recordings.name}: no recording is left to train on: {why}".rstrip("."))
    alignment = "one syllable at a time" if whole else "units are aligned while training"
    notes.append(
        f"{len(train):,} recordings to learn from and {len(heldout):,} held out, in {tokenizer.kind}: "
        f"{len(tokenizer.phones)} phones, {len(tokenizer.tones)} tones; {alignment}."
    )
    return Speech(recordings, tokenizer, units_of, train, heldout, whole, single, mel, notes)


def reads(arguments: Arguments, look: Any = None) -> str:
    """What a run with these arguments reads, in a line. Errors: PoiseError where it would read nothing."""
    options = RecordingOptions.of(arguments)
    found = waves.recordings(waves.opening(arguments["data"], options))
    notes = speech(found, arguments["units"], arguments["durations"], waves.mel_of(options)).notes
    return f"{found.name}: {' '.join(notes[len(found.notes) :]).rstrip('.')}"


def _fitted(recordings: Recordings, kind: str, rows: np.ndarray) -> SpeechTokenizer:
    """The units of these recordings' texts; one that has none of this kind is told with its file."""
    split = find("speech units", kind)
    for row in rows.tolist():
        try:
            split(recordings.texts[row])
        except PoiseError as error:
            raise PoiseError(f"--units {kind}: what is said in {recordings.files[row]}: {error}") from None
    return SpeechTokenizer.fit(kind, [recordings.texts[row] for row in rows.tolist()])


def _encoded(
    recordings: Recordings, tokenizer: SpeechTokenizer, named: np.ndarray
) -> tuple[list[np.ndarray], list[str], bool]:
    """Units of each recording, what could not be said, and whether each recording is one part."""
    nothing = np.zeros((0, 2), np.int64)
    units_of, lost, single = [nothing] * len(named), [], tokenizer.kind == "syllables"
    for row in np.flatnonzero(named).tolist():
        try:
            parts = tokenizer.parts(recordings.texts[row])
            units_of[row] = tokenizer.encode([unit for part in parts for unit in part])
        except PoiseError as error:  # of training texts everything is known
            lost.append(f"{recordings.files[row]} ({error})")
            continue
        single = single and len(parts) == 1
    return units_of, lost, single


def facts(
    speech: Speech,
    opening: dict[str, Any],
    execution: Execution,
    steps: Mapping[str, int],
    speak_with: str | None,
    read: PerStep,
) -> SpeechFacts:
    """What rebuilds the networks without the data, and what the data was. Args: steps of each stage, in order."""
    recordings = speech.recordings
    shown = speech.heldout if len(speech.heldout) else speech.train
    return SpeechFacts(
        data=f"{recordings.name}: {len(speech.train):,} recordings to learn from, {len(speech.heldout):,} held out, "
        f"{recordings.seconds() / 60:.1f} minutes",
        mel=speech.mel.to_dict(),
        recordings=opening,
        fingerprint=recordings.fingerprint,
        stages=list(steps.items()),
        learning_rates={"acoustic": "warm_lr", "spectral": "warm_lr"},
        **machine(execution),
        units=speech.tokenizer.to_dict(),
        voices=list(speech.voices),
        whole=speech.whole,
        single=speech.single,
        texts=[(recordings.texts[row], int(recordings.voice[row])) for row in shown[:LISTED].tolist()],
        roles={"vocoder": {"generator": "vocoder", "discriminator": "vocoder_discriminator"}},
        vocoder=None if speak_with is None else finished.vocoder_run(speak_with, speech.mel),
        per_step=read,
    )


def per_step(speech: Speech, batch: int, segment: int) -> PerStep:
    """What a step reads: whole recordings of mean length, or segments of waves."""
    recordings, rate = speech.recordings, speech.mel.rate
    whole = float(np.diff(recordings.starts)[speech.train].mean()) / rate * batch
    size = f"{batch} recordings of {whole / batch:.2g} s or segments of {segment / rate:.2g} s"
    amounts = {"": whole, "spectral": batch * segment / rate, "vocoder": batch * segment / rate}
    return PerStep("audio seconds", size, amounts)


def check_players(options: Options) -> None:
    """The options of every player; what is wrong is told of the flag."""
    for name, own in options.items():
        sizes = [key for key in ("width", "depth", "noise", "turns") if hasattr(own, key)]
        check_player(name.replace("_", "-"), own, sizes)


def stream(
    speech: Speech, batch: int, seed: int, execution: Execution, split: str = "train", segment: int = 0
) -> Callable[[int], Batch]:
    """Log-mels with what is said in them; with a segment, in samples, whole waves and where it begins."""
    plain = TranscribedStream(
        speech.recordings, speech.units_of, speech.mel, speech.rows(split), batch, seed, execution.device, split,
        speech.whole, segment // speech.mel.hop,
    )  # fmt: skip
    fetched: Any = plain if execution.device.type == "cpu" else Prefetch(plain)
    return fetched if segment else MelOf(fetched)


def stream_of(
    stage: str, speech: Speech, batch: int, segment: int, seed: int, execution: Execution
) -> Callable[[int], Batch]:
    """What a stage is trained on: recordings with what is said, or segments of them."""
    found: dict[str, Callable[[], Callable[[int], Batch]]] = {
        "joint": lambda: stream(speech, batch, seed, execution, segment=segment),
        "spectral": lambda: waves.stream(speech.recordings, speech.mel, segment, batch, seed, execution),
        "vocoder": lambda: waves.stream(speech.recordings, speech.mel, segment, batch, seed, execution),
    }
    return found.get(stage, lambda: stream(speech, batch, seed, execution))()
