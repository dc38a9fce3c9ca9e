"""What a run of speech does for one text or one recording: say it, or give it back through its vocoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from poise.data.speech.speech import Wave, read_sound, resampled
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.registry import find
from poise.report.audio import check_wav, save_wav
from poise.runs.load import generator_of
from poise.specs.spec import all_recipes, kind_of

SLOWEST, FASTEST = 0.25, 4.0  # --speed


def say_to(
    folder: RunFolder, text: str, out: str, step: str, voice: str | None = None, seed: int = 0, speed: float = 1.0
) -> list[str]:
    """Say a text into a .wav file; returns what to tell the user.

    Args: folder, of a run whose recipe can speak; text; out, the file; step, "last", "best" or a number; voice, one of
    the run's (default: the recipe's choice); seed, of the noise; speed, 0.25 to 4 times the usual one.
    Errors: PoiseError, before anything is loaded, for a value that is out of reach and for a recipe that cannot speak.
    """
    target = Path(out)
    check_wav(target)
    if not text.strip():
        raise PoiseError("TEXT is empty: write what is to be said, or - to read it from standard input")
    if not 0 <= seed < 2**63:
        raise PoiseError(f"--seed must be at least 0 and below 2^63, not {seed}")
    if not SLOWEST <= speed <= FASTEST:
        raise PoiseError(f"--speed must be from {SLOWEST:g} to {FASTEST:g}, not {speed:g}")
    say = _able(folder, "say", "speak")
    generator, spec, _ = generator_of(folder, step)
    wave = say(generator, spec["facts"], text.strip(), voice=voice, seed=seed, speed=speed)
    return [_written(wave, target, folder)]


def vocode_to(folder: RunFolder, recording: str, out: str, step: str) -> list[str]:
    """Send a recording through the vocoder of a run, into a .wav file; returns what to tell the user.

    Args: folder, of a run whose recipe can vocode; recording, a file that soundfile reads, at any rate, whose channels
    are averaged; out and step as in `say_to`.
    Errors: PoiseError, before the run is loaded, for a file that cannot be read or would be written over, and for a
    recipe that cannot vocode.
    """
    target, source = Path(out), Path(recording)
    check_wav(target)
    if not source.is_file():
        raise PoiseError(f"there is no file {source}: name a recording, such as a .wav or .flac file")
    if target.exists() and target.samefile(source):
        raise PoiseError(f"--out {target} is the recording itself: give another name")
    vocode = _able(folder, "vocode", "vocode")
    rate = _rate(folder)
    found = read_sound(source)
    if isinstance(found, str):
        raise PoiseError(f"{source} cannot be read ({found}): give a sound file, such as a .wav or .flac")
    heard = Wave(found.samples, found.rate)
    generator, spec, _ = generator_of(folder, step)
    return [_written(vocode(generator, spec["facts"], Wave(resampled(heard, rate), rate)), target, folder)]


def _able(folder: RunFolder, what: str, verb: str) -> Callable[..., Wave]:
    """What the recipe of a run does under the name `what`."""
    recipe = folder.spec()["recipe"]
    does: Callable[..., Wave] | None = getattr(kind_of(recipe), what)
    if does is None:
        able = [name for name in all_recipes() if getattr(find("recipe", name), what)]
        others = f"name a run of {' or '.join(able)}" if able else "no recipe can yet"
        raise PoiseError(f"{folder.name} is a run of {recipe}, which cannot {verb}: {others}")
    return does


def _rate(folder: RunFolder) -> int:
    """Samples a second of the run."""
    facts: dict[str, Any] = folder.spec()["facts"]
    try:
        return int(facts["mel"]["rate"])
    except (KeyError, TypeError, ValueError):
        raise PoiseError(
            f"{folder.path / 'spec.json'} does not say at which rate the run hears: it is damaged; put it back, or "
            f"start a new run with --out"
        ) from None


def _written(wave: Wave, target: Path, folder: RunFolder) -> str:
    save_wav(wave.samples, wave.rate, target)
    return f"{target}: {len(wave.samples) / wave.rate:.2f} s at {wave.rate:,} Hz of {folder.name}"
