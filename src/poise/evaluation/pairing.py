"""Which clips of two folders belong together: those of one name."""

from __future__ import annotations

from collections import Counter

import numpy as np

from poise.audio.spectrograms import Mel
from poise.data.catalogue.catalogue import language_of
from poise.data.files.items import Items
from poise.data.speech.speech import Clips, Wave
from poise.data.transcripts.transcripts import Said, stem, transcripts
from poise.errors import PoiseError
from poise.evaluation.side import Side
from poise.metrics.speech.comparison import Comparison
from poise.metrics.speech.metric import Pair


def by_name(made: Side, real: Items) -> tuple[Comparison | None, list[str]]:
    """Generated clips beside the real ones of the same names, and notes.

    Names are those of the files below their folders, without suffix. None where not every generated clip finds exactly
    one real one; where some do, a note tells. What is said, and by whom, is what a metadata.csv or .txt files tell of
    the real clips.
    """
    if not isinstance(made.items, Clips) or not isinstance(real, Clips):
        return None, []
    known = _names(real)
    counts = Counter(known)
    places = {name: row for row, name in enumerate(known) if counts[name] == 1}
    own = _names(made.items)
    wanted = [own[row] for row in made.rows.tolist()]
    found = [places[name] for name in wanted if name in places]
    if len(found) < len(wanted) or len(set(wanted)) < len(wanted):
        some = (
            f"{len(found):,} of {len(wanted):,} clips of {made.items.name} have a namesake in {real.name}: they are "
            "compared one by one only where all have exactly one."
        )
        return None, [some] if found else []
    said, notes = _said(real)
    generated, rows, language = made.items, made.rows, language_of(real.name)

    def real_of(place: int) -> Pair:
        (wave,) = real.take(np.array([found[place]]))
        text, voice = said.get(real.files[found[place]].relative_to(real.folder).as_posix(), Said())
        return Pair(wave, wave, text, language, voice)

    def made_of(place: int) -> Wave:
        (wave,) = generated.take(rows[place : place + 1])
        return wave

    mel = Mel()
    about = (
        f"Clips are compared by their names, at {mel.rate:,} Hz with {mel.bands} mel bands every {mel.hop} samples; "
        "made of the real ones themselves, they may come out below a perfect generator in KID and FD."
    )
    fingerprint = f"{generated.fingerprint} {real.fingerprint}"
    return Comparison("clips of the same names", len(found), mel, real_of, made_of, fingerprint, notes=[about]), notes


def _names(clips: Clips) -> list[str]:
    return [stem(file.relative_to(clips.folder).as_posix()) for file in clips.files]


def _said(real: Clips) -> tuple[dict[str, Said], list[str]]:
    """What the folder tells of its clips; a note where what it tells cannot be read."""
    files = [file.relative_to(real.folder).as_posix() for file in real.files]
    try:
        return transcripts(real.folder, files), []
    except PoiseError as error:
        return {}, [f"What is said in {real.name} is not known: {error}."]
