"""Recordings brought to one rate and one level, in the cache: `<cache>/recordings/<key>/`.

`samples.npy` int16 [total], `starts.npy` int64 [N+1], `hashes.npy` uint8 [N,32] (`speech.digest_of` of what was in the
file) and `meta.json`, which is written last. N counts the clips that are kept.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.data.files import index, store
from poise.data.files.items import Progress
from poise.data.files.walking import in_order, shown, stamp_of
from poise.data.speech import loudness as levels
from poise.data.speech.clips_meta import ClipsMeta, ExampleClip, Prepared
from poise.data.speech.speech import Wave, digest_of, read_sound, resampled
from poise.errors import PoiseError

VERSION = 1  # of the cache: another number, and everything is prepared anew


@dataclass(frozen=True)
class ClipOptions:
    """What changes the prepared samples, so part of the key of the cache. See `recordings.open_recordings`."""

    rate: int
    trim: bool
    loudness: float | None
    shortest: float
    longest: float
    version: int = VERSION


class Clip(NamedTuple):
    """One recording as prepared, and what was found on the way."""

    samples: NDArray[np.int16]
    digest: bytes
    source: int  # samples a second in the file
    clipped: bool
    cut: float  # seconds of silence taken away
    level: float  # dB of the speech in the file
    limited: bool  # whether the peak kept it from the level that is wanted
    form: str = ""  # such as "WAV PCM_16"
    channels: int = 1
    seconds: float = 0.0  # of the file


def prepared(folder: Path, files: Sequence[str], options: ClipOptions, progress: Progress | None = None) -> Prepared:
    """The clips of a folder, out of the cache if they lie there.

    Errors: `PoiseError` where not one can be used, and for a file that changes while it is read.
    """
    before = [_stat(folder / name) for name in files]
    identity = _identity(folder, files, before)
    key = hashlib.sha256(json.dumps([identity, asdict(options)], sort_keys=True).encode()).hexdigest()
    place = store.cache_dir() / "recordings" / key
    found = load(place)
    if found is None:
        with store.building(place, anew=True) as temporary:
            _build(folder, files, options, temporary, progress)
            for name, stat in zip(files, before, strict=True):
                if _stat(folder / name) != stat:
                    raise PoiseError(f"{folder / name} changed while it was read: start again")
        found = store.built(place, _read)
    return found


def _identity(folder: Path, files: Sequence[str], stats: Sequence[tuple[int, int]]) -> str:
    """sha256 over names and contents, reading only the files whose size or time stamp is new."""
    sizes, stamps = (np.array([stat[at] for stat in stats], np.int64) for at in (0, 1))
    known, fresh = index.recall(folder, list(files), sizes, stamps)
    for row, digest in zip(fresh, in_order(lambda row: _digest(folder / files[row]), fresh), strict=True):
        known["digest"][row] = np.frombuffer(digest, np.uint8)
    if len(fresh):
        index.remember(folder, list(files), sizes, stamps, known)
    total = hashlib.sha256("\0".join(files).encode(errors="surrogateescape"))
    total.update(np.ascontiguousarray(known["digest"]).tobytes())
    return total.hexdigest()


def _stat(file: Path) -> tuple[int, int]:
    """Size, and the time of the last change in ns."""
    try:
        found = file.stat()
    except OSError:  # reading it will say so
        return 0, 0
    return found.st_size, stamp_of(found)


def _digest(file: Path) -> bytes:
    try:
        return bytes.fromhex(store.sha256_of(file))
    except OSError:
        return index.UNKNOWN  # read again next time


def prepare(file: Path, options: ClipOptions) -> Clip | str:
    """One file as `options` say, or the reason why it is left out."""
    found = read_sound(file)
    if isinstance(found, str):
        return found
    wave = Wave(found.samples, found.rate)
    if not options.trim and (seconds := len(wave.samples) / wave.rate) > options.longest + 2 / options.rate:
        return f"{seconds:.1f} s are longer than {options.longest:g} s"
    x, rate = resampled(wave, options.rate), options.rate
    whole = len(x) / rate
    if levels.frame_levels(x, rate).max() < levels.SILENT:
        return "it is silent"
    if options.trim:
        x = levels.trimmed(x, rate)
    seconds = len(x) / rate
    if seconds < options.shortest:
        return f"{seconds:.2f} s are shorter than {options.shortest:g} s"
    if seconds > options.longest:
        return f"{seconds:.1f} s are longer than {options.longest:g} s"
    level = levels.level(x, rate)
    factor = levels.gain(x, level, options.loudness)
    limited = options.loudness is not None and 20 * math.log10(factor) < options.loudness - level - 0.01
    samples = levels.to_int16(x * np.float32(factor))
    about = (f"{found.form} {found.subtype}", found.channels, len(wave.samples) / wave.rate)
    return Clip(samples, digest_of(wave), found.rate, found.clipped, whole - seconds, level, limited, *about)


def _build(folder: Path, files: Sequence[str], options: ClipOptions, out: Path, progress: Progress | None) -> None:
    """Prepare everything into the empty folder `out`."""
    kept: list[str] = []
    clips: list[Clip] = []  # without their samples
    left_out: list[tuple[str, str]] = []
    starts, total = [0], hashlib.sha256()
    with store.RowWriter(out / "samples.npy", (), np.int16) as samples:
        results = in_order(lambda name: prepare(folder / name, options), files)
        for done, (name, clip) in enumerate(zip(files, results, strict=True), 1):
            if isinstance(clip, str):
                left_out.append((shown(name), clip))
            else:
                samples.extend(clip.samples)
                total.update(clip.samples.astype("<i2").tobytes())
                kept.append(name)
                starts.append(samples.count)
                clips.append(clip._replace(samples=clip.samples[:0].copy()))
            if progress:
                progress(done, len(files))
    if not kept:
        raise _nothing(folder, left_out)
    np.save(out / "starts.npy", np.array(starts, np.int64))
    np.save(out / "hashes.npy", np.frombuffer(b"".join(clip.digest for clip in clips), np.uint8).reshape(-1, 32))
    meta = ClipsMeta(
        VERSION,
        kept,
        left_out,
        total.hexdigest(),
        rates={str(rate): count for rate, count in Counter(clip.source for clip in clips).most_common()},
        clipped=[name for name, clip in zip(kept, clips, strict=True) if clip.clipped],
        quiet=[kept[row] for row in levels.quiet([clip.level for clip in clips])],
        cut=sum(clip.cut for clip in clips),
        level=sum(clip.level for clip in clips) / len(clips),
        limited=sum(clip.limited for clip in clips),
        first=_about(kept[0], clips[0]),
    )
    (out / "meta.json").write_text(json.dumps(asdict(meta)))


def _about(name: str, clip: Clip) -> ExampleClip:
    return ExampleClip(name, clip.form, clip.source, clip.channels, clip.seconds)


def load(place: Path) -> Prepared | None:
    """What was prepared before, or None. One that is damaged (by hand, or by the disk) is replaced by `prepared`."""
    return store.sound(place, _read)


def _read(place: Path) -> Prepared | None:
    """None for what is damaged, of another version, or lacks files that can be read since PyAV is here."""
    meta = ClipsMeta.of(place)
    if any(" needs PyAV: " in reason for _, reason in meta.left_out) and importlib.util.find_spec("av") is not None:
        return None
    samples = np.load(place / "samples.npy", mmap_mode="r", allow_pickle=False)
    starts, hashes = (np.load(place / f"{name}.npy", allow_pickle=False) for name in ("starts", "hashes"))
    whole = len(meta.files) == len(hashes) == len(starts) - 1 and starts[-1] == len(samples)
    return Prepared(samples, starts, hashes, meta) if whole and meta.version == VERSION else None


def _nothing(folder: Path, left_out: Sequence[tuple[str, str]]) -> PoiseError:
    """Why not one file is left: each kind of reason, how often, and its first file."""
    long = any(" s are longer than " in reason for _, reason in left_out)
    return PoiseError(
        f"{folder}: none of {len(left_out):,} sound files can be used, the first being {reasons(left_out)}; give a "
        f"folder with some that can{', or a larger --longest' if long else ''}"
    )


def reasons(left_out: Sequence[tuple[str, str]], named: int = 4) -> str:
    """ "a.wav (31.0 s are longer than 20 s) and 11 more like it, b.wav (it is silent)": kinds of reasons, by number."""
    first: dict[str, str] = {}
    counts = Counter[str]()
    for name, reason in left_out:
        kind = re.sub(r"[\d.,]+", "#", reason, count=1)
        first.setdefault(kind, f"{shown(name)} ({reason})")
        counts[kind] += 1
    said = [first[kind] + (f" and {n - 1:,} more like it" if n > 1 else "") for kind, n in counts.most_common(named)]
    more = len(counts) - named
    return ", ".join(said) + (f" and {more:,} more reasons" if more > 0 else "")
