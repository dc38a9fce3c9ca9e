"""`poise study --endpoints RECIPE`: what an endpoint of a study can read of runs of a recipe, found by trying one."""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.recipes.common.options import parameters
from poise.specs.spec import completed, kind_of
from poise.studies.running.attempt import Known, attempt
from poise.studies.running.rehearsal import finding_names, score_names

SEEN = 4096  # made-up pictures, half of them held out: enough for the small classifier that labels allow


def listed(recipe: str, data: str | None = None) -> list[str]:
    """Lines for people: every score, recorded number, player and finding.

    Args: recipe: its name; data: the user's, whose runs have these names. None: made-up ones, of which a line says so.
    Errors: PoiseError for an unknown recipe, or data that it cannot be trained on.
    """
    kind = kind_of(recipe)
    with tempfile.TemporaryDirectory() as folder:
        place = data or _stand_in(kind.modality, Path(folder))
        known = attempt(recipe, completed(recipe, {**_small(recipe, data is None), "data": place}))
    by = next((name for name in kind.primary if name in known.scores), None)
    chosen = f"at: best is the step with the lowest {by}" if by else "at: end alone; no score tells which step is best"
    players = sorted(name.removesuffix("/alive") for name in known.recorded if name.endswith("/alive"))
    origin = f"runs on {data}" if data else f"runs on made-up data; of yours: poise study DATA --endpoints {recipe}"
    return [
        f"{recipe}: what endpoints can read of {origin}",
        *_part("{score: NAME, at: best} or {steps_until: NAME, below: X}", score_names(known.scores), chosen),
        *_part("{mean: NAME, over: last quarter}", _recorded(known), "over: first or last quarter, third or half"),
        *_part("{alive: PLAYER}", players, "1 where it still tells items apart at the end"),
        *_part("{finding: NAME}", finding_names(), "1 where the run ends with it"),
    ]


def _part(syntax: str, members: list[str], more: str) -> list[str]:
    return [f"{syntax}: {more}", *(f"  {name}" for name in members)] if members else []


def _recorded(known: Known) -> list[str]:
    """Without what there is for each layer."""
    return sorted(name for name in known.recorded if name.count(".") < 2 and "/update." not in name)


def _small(recipe: str, made_up: bool) -> Arguments:
    """Arguments that make the attempt short and change no name; half of made-up pictures are held out."""
    taken = parameters(kind_of(recipe).build)
    wanted: Arguments = {"steps": 40, "batch": 8, "threads": 1, "score_samples": 64, "scores": 2}
    if made_up:
        wanted |= {"heldout": 0.5, "labels": "file"} if kind_of(recipe).modality == "image" else {}
    return {name: value for name, value in wanted.items() if name in taken}


def _pictures(folder: Path) -> Path:
    """Noise with labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    path = folder / "pictures.npz"
    np.savez(path, images=rng.integers(0, 256, (SEEN, 16, 16, 3), np.uint8), labels=np.arange(SEEN) % 4)
    return path


def _lines(n: int) -> list[str]:
    """Sentences of a few words."""
    import numpy as np

    rng = np.random.default_rng(0)
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight")
    return [" ".join(rng.choice(words, rng.integers(3, 8))) + "." for _ in range(n)]


def _sentences(folder: Path) -> Path:
    path = folder / "sentences.txt"
    path.write_text("\n".join(_lines(400)) + "\n", encoding="utf-8")
    return path


def _recordings(folder: Path) -> Path:
    """Tones that rise and fall, of a second each, with what is said in them."""
    import numpy as np

    rows = []
    for i, line in enumerate(_lines(40)):
        time = np.arange(16_000) / 16_000
        tone = 0.3 * np.sin(2 * np.pi * (120 + 5 * i) * time * (1 + 0.2 * np.sin(3 * time)))
        with wave.open(str(folder / f"{i:02d}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes((32767 * tone).astype("<i2").tobytes())
        rows.append(f"{i:02d}.wav|{line}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


MADE_UP = {"image": _pictures, "text": _sentences, "speech": _recordings}  # modality -> made-up data in a folder


def _stand_in(modality: str, folder: Path) -> str:
    if modality not in MADE_UP:
        raise PoiseError(f"--endpoints has no made-up data of the kind '{modality}': name yours, poise study DATA ...")
    return str(MADE_UP[modality](folder))
