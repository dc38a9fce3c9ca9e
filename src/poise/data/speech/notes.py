"""What a user should know about recordings, one fact a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from poise.data.files.walking import shown
from poise.data.speech.clips import ClipOptions
from poise.data.speech.clips_meta import ExampleClip, Prepared
from poise.data.speech.loudness import BELOW, KEPT, PEAK, QUIET
from poise.data.transcripts.transcript_tables import Transcript

NAMED = 5  # files that a note names
FLAGS = "; channels are averaged, --rate, --trim, --loudness and --longest say what is made of it"


def notes_on(
    name: str,
    found: Prepared,
    options: ClipOptions,
    transcripts: Sequence[Transcript],
    left_out: Sequence[tuple[str, str]],
    read: Sequence[str] = (),
) -> list[str]:
    """How many recordings there are, what is left out, what was done to them, what looks wrong, and an example.

    Args: transcripts, of each clip; left_out, (file, reason); read, how what is said was read.
    """
    count, meta = len(transcripts), found.meta
    length = len(found.samples) / options.rate
    known, voices = sum(bool(one.text) for one in transcripts), sorted({one.voice for one in transcripts})
    reasons = [f"{file} ({reason})" for file, reason in left_out]
    other = [f"{n:,} from {int(source):,} Hz" for source, n in meta.rates.items() if int(source) != options.rate]
    level = f"{meta.level:.1f} dB"
    if options.loudness is not None:
        level += f", brought to {options.loudness:g} dB"
    if meta.limited:
        level += f" but for {meta.limited:,} that would come above {PEAK:g}"
    first = "" if meta.first is None else example(meta.first, transcripts[0]) + FLAGS
    cut = f"{meta.cut:.1f} s, {BELOW:.0f} dB below the loudest part; {1000 * KEPT:.0f} ms of it stay"
    notes = (
        (name, f"{count:,} clips, {length / 60:.1f} minutes at {options.rate:,} Hz, {length / count:.2f} s on average"),
        ("such as", first),
        ("texts", f"{known:,} of the {count:,} clips have one"),
        ("voices", f"{len(voices):,}: {named(voices)}" if len(voices) > 1 else ""),
        ("left out", f"{len(left_out):,} files: {named(reasons)}" if left_out else ""),
        ("recorded too loud, so that they are clipped", _some(meta.clipped)),
        (f"{QUIET:.0f} dB quieter than most, and perhaps empty", _some(meta.quiet)),
        (f"resampled to {options.rate:,} Hz", named(other)),
        ("silence cut at the ends", cut if options.trim else ""),
        ("mean level of the speech", level),
    )
    return [*read, *(f"{what}: {note}" for what, note in notes if note)]


def example(first: ExampleClip, transcript: Transcript) -> str:
    """a.wav (WAV PCM_16, 44,100 Hz, stereo, 3.21 s) -> "hello", voice Ann."""
    heard = f' -> "{transcript.short_text()}"' if transcript.text else ""
    what = f"{first.form}, {first.rate:,} Hz, {channel_text(first.channels)}, {first.seconds:.2f} s"
    return f"{shown(first.file)} ({what}){heard}{transcript.voice_suffix()}"


def channel_text(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _some(names: Sequence[str]) -> str:
    return f"{len(names):,}: {named(names)}" if names else ""


def named(names: Sequence[str]) -> str:
    """The first five, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(shown(name) for name in names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
